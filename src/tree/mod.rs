//! The counted copy-on-write tree of packed records: the one structure for tables, the catalog and all that follows.
//!
//! A tree knows record widths and key bytes, never a schema or a transaction. Leaves hold records and nothing else;
//! a branch holds, for each child, its first key, its address, the rows below it and its checksum.
//! A tree without a key is addressed by row number: its leaves are all full but the last, and its branches hold no keys.

mod branch;
mod branch_bytes;
mod build;
mod diff;
mod fast_get;
mod flush;
mod inspect;
mod key;
mod layout;
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
pub(crate) use key::{Form, KeyShape, Part};
pub(crate) use layout::Layout;
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
