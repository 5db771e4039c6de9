//! Bulk loading of tables, and building of indexes: external sort, merge, and what to do with
//! duplicates. Only the table room calls it. It changes the tree of a table only by appending rows;
//! otherwise it builds other trees.

mod bulk;
mod entries;
mod merge;
mod options;
mod sort;
mod source;
mod spill;

pub(crate) use bulk::{LoadTarget, Loaded, load};
pub(crate) use entries::{EntryChange, EntryTarget, load_entries};
pub(crate) use merge::DuplicateWords;
pub use options::{LoadOptions, LoadReport, OnDuplicate};
pub use source::RecordSource;
