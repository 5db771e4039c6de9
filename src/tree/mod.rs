//! The counted copy-on-write tree of packed records. Tables, indexes and the catalog are such
//! trees. It knows record widths and key bytes; it must not know a schema or a transaction.
//!
//! A leaf holds records only. A branch holds, for each child, its first key, its address, the
//! number of rows below it, and its checksum. In a tree without a key, rows are addressed by
//! number: all leaves but the last are full, and branches hold no keys and no row counts.

mod branch;
mod branch_bytes;
mod build;
mod diff;
mod edited_leaves;
mod fast_get;
mod find_many;
mod flush;
mod inspect;
mod key;
mod layout;
mod leaf_directory;
mod leaf_edit;
mod node;
mod number_probes;
mod probe;
mod range;
mod remove_rows;
mod rescue;
mod row_set;
mod scan;
mod search;
mod split;
#[cfg(test)]
mod tests;
mod view;
mod walk;
mod wide_probes;
mod writer;

pub(crate) use build::{Expected, TreeBuilder};
pub(crate) use diff::{Difference, Differences};
pub(crate) use inspect::Finding;
pub(crate) use key::{Form, KeyShape};
pub(crate) use layout::Layout;
pub(crate) use leaf_directory::LeafDirectory;
pub(crate) use leaf_edit::Placed;
pub(crate) use number_probes::{PairProbe, SignedProbe, UnsignedProbe};
pub(crate) use probe::{Probe, with_probe};
pub(crate) use range::Found;
pub(crate) use rescue::{Rescue, Rescued};
pub(crate) use row_set::RowSet;
pub(crate) use scan::Slices;
pub(crate) use search::lower_bound;
pub(crate) use view::{Rank, View};
pub(crate) use walk::Visit;
pub(crate) use wide_probes::{WideProbe, WordProbe};
pub(crate) use writer::TreeWriter;
