//! Tables: handles over one reader and one writer that work on bytes.

mod alter;
mod batch;
mod entry;
mod index;
mod index_reader;
mod kind;
mod load_rows;
mod open;
mod open_index;
mod reader;
mod rows;
mod stored;
#[expect(clippy::module_inception, reason = "the room is named after its main type")]
mod table;
mod table_mut;
mod updated;
mod writer;

pub use index::{Index, IndexInfo, IndexKey, IndexOptions, IndexRows};
pub use kind::{Dyn, RowKind};
pub use rows::{RowSlice, Rows, Slices};
pub use table::Table;
pub use table_mut::TableMut;
pub use updated::Updated;

pub(crate) use alter::{Convert, Entries};
pub(crate) use entry::EntryShape;
pub(crate) use open::OpenTable;
pub(crate) use reader::{FindIndex, Indexes, Reader};
pub(crate) use writer::{TableHome, Writer, describe_key};
