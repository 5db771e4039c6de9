//! A schema: an ordered list of fields with their types, widths and byte offsets, packed without
//! padding. The leading fields may form the key.

mod builder;
pub(crate) mod calendar;
pub(crate) mod decimal;
pub(crate) mod digits;
mod field;
mod messages;
mod names;
mod parse;
mod rules;
#[expect(clippy::module_inception, reason = "the room is named after its main type")]
mod schema;
#[cfg(feature = "serde")]
mod serde;
pub(crate) mod text;
mod types;
mod words;

pub use builder::SchemaBuilder;
pub use field::FieldDef;
pub(crate) use messages::shown;
pub use names::EnumNames;
pub(crate) use names::NameList;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
pub(crate) use rules::TextRules;
pub use rules::TimestampUnit;
pub use schema::Schema;
pub(crate) use types::for_number;
pub use types::{Number, Type};

#[cfg(target_endian = "big")]
compile_error!("drystone reads little-endian records in place and has no support for big-endian machines");
