//! Tables: typed handles over one reader and one writer, which work on bytes.

mod alter;
mod batch;
mod entry;
mod index;
mod index_reader;
mod index_writer;
mod kind;
mod load_rows;
mod own_rows;
mod reader;
mod row_slice;
mod rows;
mod stored;
#[expect(clippy::module_inception, reason = "the room is named after its main type")]
mod table;
mod table_mut;
mod updated;
mod write_handle;
mod writer;

pub use index::{Index, IndexInfo, IndexKey, IndexOptions, IndexRows};
pub use kind::{Dyn, RowKind};
pub use row_slice::RowSlice;
pub use rows::{Rows, Slices};
pub use table::Table;
pub use table_mut::TableMut;
pub use updated::Updated;

pub(crate) use alter::{Convert, Entries};
pub(crate) use entry::EntryShape;
pub(crate) use reader::{FindIndex, Reader, describe_key};
pub(crate) use write_handle::{TableSource, WriteHandle};
pub(crate) use writer::TableWriter;
