//! What the code calls that `#[derive(Record)]` writes. Not for people: it may change in any release.

pub use std::sync::LazyLock;

pub use bytemuck::{Pod, Zeroable};

use super::FieldType;
pub use super::enumeration::enum_of_value;
pub use super::field::sealed::Sealed as SealedField;
pub use super::key::sealed::Sealed as SealedKey;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{FieldDef, Schema};

/// A record of which the derive has said whether it has a key.
pub trait SealedKeyed {}

/// The default that an attribute gives a field.
#[derive(Debug)]
pub enum Default {
    /// There is none.
    None,
    /// Null.
    Null,
    /// The text of a value.
    Text(&'static str),
}

/// Whether this is one of the names.
pub const fn is_name(names: &[&str], name: &str) -> bool {
    let (name, mut at) = (name.as_bytes(), 0);
    while at < names.len() {
        let there = names[at].as_bytes();
        let mut same = 0;
        while same < name.len() && same < there.len() && name[same] == there[same] {
            same += 1;
        }
        if same == name.len() && same == there.len() {
            return true;
        }
        at += 1;
    }
    false
}

/// The definition of one field.
pub fn record_field<T: FieldType>(name: &str, key: bool, default: Default) -> Result<FieldDef> {
    let field = FieldDef::of(name, T::TYPE, T::NULLABLE, key)?;
    let stored = match default {
        Default::None => return Ok(field),
        Default::Null => match field.null() {
            Some(null) => null.to_vec(),
            None => {
                let message = format!("field {name:?}: the default is null, which its type does not allow");
                return Err(Error::new(ErrorKind::Value, message));
            }
        },
        Default::Text(text) => {
            let mut stored = vec![0; field.width()];
            field.parse_text(text, &mut stored)?;
            stored
        }
    };
    field.with_default(Some(stored))
}

/// The schema of these fields.
///
/// # Panics
/// When it cannot be. The derive sees to all but the text of a default that only its type can read, such as a date.
pub fn schema<const N: usize>(type_name: &str, fields: [Result<FieldDef>; N]) -> Schema {
    match fields.into_iter().collect::<Result<Vec<_>>>().and_then(Schema::new) {
        Ok(schema) => schema,
        Err(error) => panic!("#[derive(Record)] of {type_name}: {error}"),
    }
}
