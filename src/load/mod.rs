//! Bulk loading of tables, and building of indexes: external sort, merge, and what to do with
//! duplicates. Only the table room calls it. It builds trees, and never changes that of a table but
//! by appending rows.

mod bulk;
mod entries;
mod merge;
mod options;
mod sort;
mod source;

pub(crate) use bulk::{LoadTarget, Loaded, load};
pub(crate) use entries::{EntryChange, EntryTarget, load_entries};
pub(crate) use merge::DuplicateWords;
pub use options::{LoadOptions, LoadReport, OnDuplicate};
pub use source::RecordSource;
