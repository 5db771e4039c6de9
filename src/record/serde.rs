//! `serde` for rows and values: a row is a map from names to values, and is read back by its
//! schema.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Row, RowBuf, Value};
use crate::schema::{FieldDef, Number, Schema, Type};

/// Serializes as a map from names to values.
impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &value.map_err(ser::Error::custom)?)?;
        }
        map.end()
    }
}

/// Serializes as a map from names to values.
impl Serialize for RowBuf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_row().serialize(serializer)
    }
}

/// Dates, timestamps and uuids as text; in formats for people also bytes (as `0x` and digits) and
/// the floats that JSON does not have (`NaN`, `inf`, `-inf`).
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let for_people = serializer.is_human_readable();
        match self {
            Value::Null => serializer.serialize_none(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Unsigned(number) => match u64::try_from(*number) {
                Ok(number) => serializer.serialize_u64(number),
                Err(_) => serializer.serialize_u128(*number),
            },
            Value::Signed(number) => match i64::try_from(*number) {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_i128(*number),
            },
            Value::F32(number) if number.is_finite() || !for_people => serializer.serialize_f32(*number),
            Value::F64(number) if number.is_finite() || !for_people => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) if !for_people => serializer.serialize_bytes(bytes),
            Value::Array(elements) => {
                let mut sequence = serializer.serialize_seq(Some(elements.len()))?;
                elements.iter().try_for_each(|element| sequence.serialize_element(element))?;
                sequence.end()
            }
            as_text => serializer.collect_str(as_text),
        }
    }
}

impl Schema {
    /// Reads a [`RowBuf`] of this schema from any format of `serde` that describes itself, such as
    /// JSON. Fields that are missing take their default, or null where they may be null; values may
    /// also be given as their text.
    ///
    /// ```
    /// use drystone::Schema;
    /// use serde::de::DeserializeSeed;
    ///
    /// let schema: Schema = "id: u64, day: date, delay: i16?".parse()?;
    /// let mut json = serde_json::Deserializer::from_str(r#"{"day": "2013-01-31", "id": 7}"#);
    /// let row = schema.row_seed().deserialize(&mut json)?;
    /// assert_eq!(row.to_string(), "id: 7, day: 2013-01-31, delay: null");
    /// assert_eq!(serde_json::to_string(&row)?, r#"{"id":7,"day":"2013-01-31","delay":null}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn row_seed(&self) -> RowSeed<'_> {
        RowSeed { schema: self }
    }
}

/// Reads a [`RowBuf`] by its schema; from [`Schema::row_seed`].
#[derive(Clone, Copy, Debug)]
pub struct RowSeed<'s> {
    schema: &'s Schema,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = RowBuf;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RowBuf, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = RowBuf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map with the fields ({})", self.schema)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RowBuf, A::Error> {
        let mut bytes = self.schema.default_bytes().to_vec();
        let mut given = vec![false; self.schema.fields().len()];
        while let Some(at) = map.next_key_seed(NameSeed(self.schema))? {
            let field = &self.schema.fields()[at];
            if std::mem::replace(&mut given[at], true) {
                return Err(de::Error::custom(format_args!("field {:?} is given twice", field.name())));
            }
            let stored = &mut bytes[field.offset()..][..field.width()];
            map.next_value_seed(FieldSeed { field, stored })?;
        }
        super::row_buf::check_given(self.schema, &given).map_err(de::Error::custom)?;
        RowBuf::from_bytes(self.schema, bytes).map_err(de::Error::custom)
    }
}

/// Reads the name of a field as its position.
struct NameSeed<'s>(&'s Schema);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<usize, E> {
        super::IntoField::position(name, self.0).map_err(E::custom)
    }
}

/// Reads a value into the stored bytes of its field.
struct FieldSeed<'f> {
    field: &'f FieldDef,
    stored: &'f mut [u8],
}

impl FieldSeed<'_> {
    fn store<E: de::Error>(self, value: &Value<'_>) -> Result<(), E> {
        self.field.store(value, self.stored).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.ty() {
            // Formats such as JSON read wide numbers only when asked for them; else they become
            // floats and lose digits.
            Type::U128 | Type::I128 if self.field.is_nullable() => deserializer.deserialize_option(self),
            Type::U128 => deserializer.deserialize_u128(self),
            Type::I128 => deserializer.deserialize_i128(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of the field ({})", self.field)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.store(&Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.store(&Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.ty() {
            Type::U128 => deserializer.deserialize_u128(self),
            Type::I128 => deserializer.deserialize_i128(self),
            _ => deserializer.deserialize_any(self),
        }
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.store(&value.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.store(&number.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.store(&number.into())
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<(), E> {
        self.store(&number.into())
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<(), E> {
        self.store(&number.into())
    }

    fn visit_f32<E: de::Error>(self, number: f32) -> Result<(), E> {
        self.store(&number.into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.store(&number.into())
    }

    /// Types that are written as text are parsed from text.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.field.parse_text(text, self.stored).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<(), E> {
        self.store(&bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Type::Array(number, length) = self.field.ty() else {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        };
        // One more than there is room for shows that there are too many.
        let mut elements = Vec::with_capacity(usize::from(*length));
        while elements.len() <= usize::from(*length) {
            match sequence.next_element_seed(ElementSeed(*number))? {
                Some(element) => elements.push(element),
                None => break,
            }
        }
        self.store(&Value::Array(elements))
    }
}

/// Reads an element of an array.
struct ElementSeed(Number);

impl<'de> DeserializeSeed<'de> for ElementSeed {
    type Value = Value<'static>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        match self.0 {
            Number::U128 => deserializer.deserialize_u128(self),
            Number::I128 => deserializer.deserialize_i128(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl Visitor<'_> for ElementSeed {
    type Value = Value<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number {}", self.0)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_f32<E>(self, number: f32) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    /// `NaN`, `inf` and `-inf`, which JSON has as text only.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'static>, E> {
        match text.parse::<f64>() {
            Ok(number) if !number.is_finite() => Ok(number.into()),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}
