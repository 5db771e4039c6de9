//! Records: typed (a plain struct that implements [`Record`]) and dynamic ([`Row`], [`RowBuf`],
//! [`Value`], and [`Field`] handles). Both read the same bytes.

mod boolean;
#[cfg(any(feature = "chrono", feature = "jiff", feature = "uuid"))]
mod conversions;
mod convert;
pub mod derived;
mod enumeration;
mod field;
mod key;
mod nullable;
mod row;
mod row_buf;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "serde")]
mod serde_types;
mod store;
mod text;
mod time;
mod uuid;
mod value;

use bytemuck::Pod;

pub use boolean::Bool;
pub use enumeration::{Enum, EnumRepr, Enumerated, Enumeration};
pub use field::{Field, FieldType, IntoField, NullValue};
pub use key::{Key, PrefixOf};
pub use nullable::Nullable;
pub use row::{Row, Values};
pub use row_buf::RowBuf;
#[cfg(feature = "serde")]
pub use serde::RowSeed;
pub use text::Text;
pub use time::{Date, Timestamp};
pub use uuid::Uuid;
pub use value::Value;

use crate::schema::Schema;

/// A plain struct whose bytes in memory are its bytes in the file. Implemented by
/// `#[derive(Record)]`.
///
/// It has no padding, every field is a [`FieldType`], and [`schema`](Record::schema) describes it
/// field by field. So a table can be borrowed as `&[Self]` without a copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record",
    label = "not a record",
    note = "put #[derive(Clone, Copy, drystone::Record)] and #[repr(C)] or #[repr(C, packed)] on the struct"
)]
pub trait Record: Pod + Send + Sync {
    /// The type of the key: that of the key field, a tuple of several key fields, or `u64`, the row
    /// number, if there is no key.
    type Key: Key;

    /// The schema that describes this type.
    ///
    /// ```
    /// use drystone::Record;
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     #[record(key)]
    ///     id: u32,
    ///     x: i32,
    /// }
    ///
    /// assert_eq!(Point::schema().to_string(), "id: u32 key, x: i32");
    /// ```
    fn schema() -> &'static Schema;
}

/// Rows with a key: every [`Record`] with `#[record(key)]` fields, and [`Dyn`](crate::Dyn), whose
/// tables answer at run time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record with a key",
    note = "mark the leading fields of its key with #[record(key)]"
)]
pub trait Keyed: derived::SealedKeyed {}

/// Rows without a key, which are addressed by number: every other [`Record`], and
/// [`Dyn`](crate::Dyn), whose tables answer at run time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record without a key",
    note = "rows of records with a key are found by their key, not by row number"
)]
pub trait Unkeyed: derived::SealedKeyed {}
