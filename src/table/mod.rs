//! Tables: typed and dynamic doors over one byte-level reader and one byte-level writer.

mod dynamic;
mod dynamic_index;
mod dynamic_mut;
mod entry;
mod index;
mod index_scan;
mod open;
mod open_index;
mod reader;
mod scan;
mod typed;
mod typed_mut;
mod updated;
mod writer;

pub use dynamic::DynamicTable;
pub use dynamic_index::{DynamicIndex, IndexRowRange};
pub use dynamic_mut::DynamicTableMut;
pub use index::{Index, IndexInfo, IndexOptions, IndexRows};
pub use scan::{RowRange, Rows, Slices};
pub use typed::Table;
pub use typed_mut::TableMut;
pub use updated::Updated;

pub(crate) use entry::EntryShape;
pub(crate) use open::OpenTable;
pub(crate) use reader::{FindIndex, Indexes, Reader};
pub(crate) use writer::{TableHome, Writer, describe_key};
