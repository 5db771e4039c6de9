//! A stored value of one field as a value of another: the same value, or an error.

use std::borrow::Cow;

use super::Value;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::schema::shown;
use crate::schema::{FieldDef, Type};

impl FieldDef {
    /// Whether every stored value of this field has the same bytes in the other one, and every byte
    /// string that is a value here is a value there.
    pub(crate) fn has_same_bytes(&self, to: &FieldDef) -> bool {
        let same_type = match (self.ty(), to.ty()) {
            (Type::Enum(from), Type::Enum(to)) => {
                from.width() == to.width()
                    && from.len() <= to.len()
                    && from.iter().zip(to.iter()).all(|(from, to)| from == to)
            }
            (from, to) => from == to,
        };
        same_type && self.is_nullable() == to.is_nullable()
    }

    /// Writes a stored value of this field as the stored value of another one. A text becomes
    /// another type, and another type a text, by its text form.
    ///
    /// # Errors
    /// `Value` unless the value is kept exactly: converted back it must be what it was. `Corrupt`
    /// if the bytes are no value of this field.
    pub(crate) fn convert(&self, stored: &[u8], to: &FieldDef, out: &mut [u8]) -> Result<()> {
        if self.is_null(stored) {
            let Some(null) = to.null() else {
                bail!(
                    Value,
                    "field {:?}: it is null, and {} has no null; give it a value first, or keep the field nullable",
                    self.name(),
                    to.type_text()
                )
            };
            to.check_width(out.len())?;
            out.copy_from_slice(null);
            return Ok(());
        }
        let value = self.load(stored)?;
        let into = |error: Error| Error::new(ErrorKind::Value, error.to_string());
        self.store_as(&value, to, out)?;
        // Floats round, and texts can be written in more than one way. So convert the new value
        // back and compare.
        let new = to.load(out).map_err(into)?;
        let mut back = vec![0; self.width()];
        let came_back = to.store_as(&new, self, &mut back).is_ok()
            && (back == stored || self.load(&back).is_ok_and(|back| same(&value, &back)));
        if !came_back {
            let (value, new) = (value.to_string(), new.to_string());
            bail!(
                Value,
                "field {:?}: {} is not kept exactly by {}: it would become {}",
                self.name(),
                shown(&value),
                to.type_text(),
                shown(&new)
            );
        }
        Ok(())
    }

    /// Writes a value of this field, which is not null, into a field of any type.
    fn store_as(&self, value: &Value<'_>, to: &FieldDef, out: &mut [u8]) -> Result<()> {
        let is_text = |field: &FieldDef| matches!(field.ty(), Type::Str(_) | Type::Enum(_));
        match (is_text(self), is_text(to)) {
            (true, false) => match value {
                Value::Text(text) => to.parse_text(text, out),
                _ => to.store(value, out),
            },
            (false, true) => to.store(&Value::Text(Cow::Owned(value.to_string())), out),
            _ => to.store(value, out),
        }
    }
}

/// Whether two values are the same one. Not a number is the same as not a number, and 0 is not -0.
fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::F32(one), Value::F32(other)) => {
            one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
        }
        (Value::F64(one), Value::F64(other)) => {
            one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
        }
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}
