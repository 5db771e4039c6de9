//! Tables: typed and dynamic doors over one byte-level reader and one byte-level writer.

mod dynamic;
mod dynamic_mut;
mod reader;
mod scan;
mod typed;
mod typed_mut;
mod writer;

pub use dynamic::DynamicTable;
pub use dynamic_mut::DynamicTableMut;
pub use scan::{RowRange, Rows, Slices};
pub use typed::Table;
pub use typed_mut::TableMut;

pub(crate) use reader::Reader;
pub(crate) use writer::{OpenTable, TableHome, Writer, describe_key};
