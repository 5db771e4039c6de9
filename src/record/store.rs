//! Between a `Value` and the stored bytes of a field: what fits is stored, what would be lost is an
//! error.

use bytemuck::{Pod, bytes_of, pod_read_unaligned};

use super::Value;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::shown;
use crate::schema::text::{check_str, decode_bool, decode_name, decode_str, encode_name, range};
use crate::schema::{FieldDef, Number, SchemaBuilder, Type, for_number};

/// Why a value does not fit.
enum Misfit {
    /// A value of another kind.
    Kind,
    /// A number beyond the range.
    Range,
    Because(String),
}

impl FieldDef {
    /// Encodes a value into the stored bytes of this field. `out` must have
    /// [`width`](FieldDef::width) bytes.
    ///
    /// A number is stored if the field can hold exactly that number: 2.0 as an `i32`, but not 1.5.
    /// An `f64` in an `f32` field is rounded to the nearest, like a literal. A value of an
    /// enumeration is given as text. Any other text can be stored only in text fields; to parse
    /// text into a field of another type, use [`parse_text`](FieldDef::parse_text).
    ///
    /// ```
    /// use drystone::{Schema, Value};
    ///
    /// let schema: Schema = "delay: i16?".parse()?;
    /// let (field, mut stored) = (schema.field("delay")?, [0; 2]);
    /// field.store(&Value::from(-3), &mut stored)?;
    /// assert_eq!(i16::from_le_bytes(stored), -3);
    /// assert!(field.store(&Value::from(40_000), &mut stored).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if the value is of another kind, out of range or too long, if it
    /// is null and the field is not nullable, or if it is the value that is reserved for null. The
    /// bytes are then unspecified.
    pub fn store(&self, value: &Value<'_>, out: &mut [u8]) -> Result<()> {
        self.check_width(out.len())?;
        if value.is_null() {
            let Some(null) = self.null() else { return Err(self.not_nullable()) };
            out.copy_from_slice(null);
            return Ok(());
        }
        encode(self.ty(), value, out).map_err(|misfit| self.misfit(value, misfit))?;
        if self.is_null(out) {
            let reason = "this value is reserved for null here; it cannot be stored as data";
            return Err(self.misfit(value, Misfit::Because(reason.into())));
        }
        Ok(())
    }

    /// The value in these stored bytes. Text and bytes are borrowed from them; the name of an
    /// enumeration, which is a text too, is borrowed from the field.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "delay: i16?".parse()?;
    /// let field = schema.field("delay")?;
    /// assert_eq!(field.load(&(-3_i16).to_le_bytes())?, -3);
    /// assert!(field.load(&i16::MIN.to_le_bytes())?.is_null());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if the bytes are not a valid value of this field: text that
    /// is not UTF-8, a `bool` that is neither 0 nor 1, a value of an enumeration without a name.
    pub fn load<'a>(&'a self, stored: &'a [u8]) -> Result<Value<'a>> {
        self.check_width(stored.len())?;
        if self.is_null(stored) {
            return Ok(Value::Null);
        }
        decode(self.ty(), stored).map_err(|reason| self.invalid(reason))
    }

    #[cold]
    fn not_nullable(&self) -> Error {
        let message = format!(
            "field {:?}: null where the type {} allows none; give a value, or make the field {}?",
            self.name(),
            self.ty(),
            self.ty()
        );
        Error::new(ErrorKind::Value, message).of_field(self.name())
    }

    #[cold]
    fn misfit(&self, value: &Value<'_>, misfit: Misfit) -> Error {
        let reason = match (misfit, value) {
            (Misfit::Because(reason), _) => reason,
            (Misfit::Range, _) => {
                match self.ty().number().and_then(|number| range(number, self.is_nullable())) {
                    Some((least, greatest)) => format!("the range is {least} to {greatest}"),
                    None => "out of range".into(),
                }
            }
            (Misfit::Kind, Value::Text(_)) => "it is a text, which must be parsed first".into(),
            (Misfit::Kind, _) => format!("it is {}", value.kind()),
        };
        let (value, ty) = (value.to_string(), self.type_text());
        let value = shown(&value);
        let message = format!("field {:?}: {value} is not a valid {ty}: {reason}", self.name());
        let expected = format!("{ty} ({reason})");
        Error::new(ErrorKind::Value, message).of_field(self.name()).of_text(&value, &expected)
    }
}

impl SchemaBuilder {
    /// Sets the default of the field that was added last; `None` is null.
    ///
    /// ```
    /// use drystone::{Schema, Type};
    ///
    /// let schema = Schema::builder().nullable("delay", Type::I16).default(0).build()?;
    /// assert_eq!(schema.to_string(), "delay: i16? = 0");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn default<'v>(self, value: impl Into<Value<'v>>) -> SchemaBuilder {
        let value = value.into();
        self.default_stored(|field, out| field.store(&value, out))
    }
}

fn encode(ty: &Type, value: &Value<'_>, out: &mut [u8]) -> Result<(), Misfit> {
    match (ty, value) {
        (Type::Bool, Value::Bool(value)) => put(u8::from(*value), out),
        (Type::Str(length), Value::Text(text)) => {
            check_str(text, usize::from(*length)).map_err(|reason| Misfit::Because(reason.into_owned()))?;
            let (used, padding) = out.split_at_mut(text.len());
            used.copy_from_slice(text.as_bytes());
            padding.fill(0);
            Ok(())
        }
        (Type::Enum(names), Value::Text(text)) => {
            encode_name(names, text, out).map_err(|reason| Misfit::Because(reason.into_owned()))
        }
        (Type::Bytes(_), Value::Bytes(bytes)) => put_bytes(bytes, out),
        (Type::Date, Value::Date(date)) => put(*date, out),
        (Type::Timestamp, Value::Timestamp(moment)) => put(*moment, out),
        (Type::Uuid, Value::Uuid(uuid)) => put(*uuid, out),
        (Type::Array(number, length), Value::Array(elements)) => {
            encode_array(*number, usize::from(*length), elements, out)
        }
        // The array u8[N] takes the same Rust values as bytes[N].
        (Type::Array(Number::U8, _), Value::Bytes(bytes)) => put_bytes(bytes, out),
        (ty, value) => match ty.number() {
            Some(number) => encode_number(number, value, out),
            None => Err(Misfit::Kind),
        },
    }
}

fn put<T: Pod>(value: T, out: &mut [u8]) -> Result<(), Misfit> {
    out.copy_from_slice(bytes_of(&value));
    Ok(())
}

fn put_bytes(bytes: &[u8], out: &mut [u8]) -> Result<(), Misfit> {
    if bytes.len() != out.len() {
        return Err(Misfit::Because(format!("{} bytes, expected {}", bytes.len(), out.len())));
    }
    out.copy_from_slice(bytes);
    Ok(())
}

fn encode_array(number: Number, length: usize, elements: &[Value<'_>], out: &mut [u8]) -> Result<(), Misfit> {
    if elements.len() != length {
        return Err(Misfit::Because(format!("{} elements, expected {length}", elements.len())));
    }
    for (at, (slot, element)) in out.chunks_exact_mut(number.width()).zip(elements).enumerate() {
        if encode_number(number, element, slot).is_err() {
            return Err(Misfit::Because(format!("element {}, {element}, is not a valid {number}", at + 1)));
        }
    }
    Ok(())
}

fn encode_number(number: Number, value: &Value<'_>, out: &mut [u8]) -> Result<(), Misfit> {
    for_number!(
        number,
        T => put(whole::<T>(value)?, out),
        f32 => put(single(value)?, out),
        f64 => put(double(value)?, out)
    )
}

fn whole<T: TryFrom<u128> + TryFrom<i128>>(value: &Value<'_>) -> Result<T, Misfit> {
    match *value {
        Value::Unsigned(number) => number.try_into().map_err(|_| Misfit::Range),
        Value::Signed(number) => number.try_into().map_err(|_| Misfit::Range),
        Value::F32(real) => whole_of_real(real.into()),
        Value::F64(real) => whole_of_real(real),
        _ => Err(Misfit::Kind),
    }
}

fn whole_of_real<T: TryFrom<u128> + TryFrom<i128>>(real: f64) -> Result<T, Misfit> {
    if real.fract() != 0.0 {
        return Err(Misfit::Because("it is not a whole number; round it first".into()));
    }
    // The casts saturate: what they cannot hold does not come back as the same float.
    let (unsigned, signed) = (real as u128, real as i128);
    let number = if real < 0.0 { signed.try_into().ok() } else { unsigned.try_into().ok() };
    let came_back =
        if real < 0.0 { signed as f64 == real } else { unsigned as f64 == real && unsigned != u128::MAX };
    number.filter(|_| came_back).ok_or(Misfit::Range)
}

fn double(value: &Value<'_>) -> Result<f64, Misfit> {
    match *value {
        Value::F32(real) => Ok(real.into()),
        Value::F64(real) => Ok(real),
        Value::Unsigned(number) => {
            exactly(number as f64, |real| real as u128 == number && number != u128::MAX)
        }
        Value::Signed(number) => exactly(number as f64, |real| real as i128 == number && number != i128::MAX),
        _ => Err(Misfit::Kind),
    }
}

fn single(value: &Value<'_>) -> Result<f32, Misfit> {
    match *value {
        Value::F32(real) => Ok(real),
        Value::F64(real) if (real as f32).is_infinite() && real.is_finite() => Err(Misfit::Range),
        Value::F64(real) => Ok(real as f32),
        Value::Unsigned(number) => {
            exactly(number as f32, |real| real as u128 == number && number != u128::MAX)
        }
        Value::Signed(number) => exactly(number as f32, |real| real as i128 == number && number != i128::MAX),
        _ => Err(Misfit::Kind),
    }
}

fn exactly<T: Copy>(real: T, is_same: impl Fn(T) -> bool) -> Result<T, Misfit> {
    let reason = "a float does not have enough digits for this whole number";
    if is_same(real) { Ok(real) } else { Err(Misfit::Because(reason.into())) }
}

fn decode<'a>(ty: &'a Type, stored: &'a [u8]) -> Result<Value<'a>, &'static str> {
    Ok(match ty {
        Type::Bool => Value::Bool(decode_bool(stored)?),
        Type::Str(_) => Value::Text(decode_str(stored)?.into()),
        Type::Bytes(_) => Value::Bytes(stored.into()),
        Type::Date => Value::Date(pod_read_unaligned(stored)),
        Type::Timestamp => Value::Timestamp(pod_read_unaligned(stored)),
        Type::Uuid => Value::Uuid(pod_read_unaligned(stored)),
        Type::Array(number, _) => {
            let elements = stored.chunks_exact(number.width());
            Value::Array(elements.map(|element| decode_number(*number, element)).collect())
        }
        Type::Enum(names) => Value::Text(decode_name(names, stored)?.into()),
        number => match number.number() {
            Some(number) => decode_number(number, stored),
            None => return Err("no value can be read from them"),
        },
    })
}

fn decode_number(number: Number, stored: &[u8]) -> Value<'static> {
    for_number!(
        number,
        T => pod_read_unaligned::<T>(stored).into(),
        f32 => pod_read_unaligned::<f32>(stored).into(),
        f64 => pod_read_unaligned::<f64>(stored).into()
    )
}
