//! Drystone: an embedded store for fixed-width records.

mod error;
mod load;
mod record;
mod schema;

pub use error::{Error, ErrorKind, Result};
pub use load::RecordSource;
pub use record::{
    Bool, Date, Field, FieldType, Key, Keyed, Nullable, Record, Reserve, Row, RowBuf, Selector, Text,
    Timestamp, Unkeyed, Uuid, Value, Values,
};
pub use schema::{FieldDef, Number, Schema, SchemaBuilder, Type};
