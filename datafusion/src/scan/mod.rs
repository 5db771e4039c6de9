//! Scans: parts of tables ([`Part`]), read by a file source of DataFusion ([`Source`]). One node
//! and many use the same.

mod part;
mod plan;
mod source;

pub use part::Opener;
pub(crate) use part::{Lists, Part, Place, Run, TableFile};
pub(crate) use plan::{Piece, ScanBuilder, is_ordered_alike};
pub(crate) use source::Source;
