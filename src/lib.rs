//! Drystone: an embedded store for fixed-width records.

mod catalog;
mod database;
mod error;
mod exchange;
mod load;
mod page;
mod record;
mod schema;
mod storage;
mod table;
mod transaction;
mod tree;
mod verify;

pub use database::{Database, DatabaseStats, Options};
#[cfg(feature = "derive")]
pub use drystone_derive::Record;
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "csv")]
pub use exchange::csv;
pub use load::{LoadOptions, LoadReport, OnDuplicate, RecordSource};
pub use page::{Durability, ReaderInfo};
#[cfg(feature = "serde")]
pub use record::RowSeed;
#[doc(hidden)]
pub use record::derived as __private;
pub use record::{
    Bool, Date, Field, FieldType, Key, Keyed, Nullable, Record, Reserve, Row, RowBuf, Selector, Text,
    Timestamp, Unkeyed, Uuid, Value, Values,
};
pub use schema::{FieldDef, Number, Schema, SchemaBuilder, Type};
pub use table::{DynamicTable, DynamicTableMut, RowRange, Rows, Slices, Table, TableMut};
pub use transaction::{ReadTransaction, TableOptions, TableStats, WriteTransaction};
pub use verify::{CheckReport, Problem};
