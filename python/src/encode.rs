//! Values of Python as the stored bytes of fields, and what is said where they do not fit.

use drystone::Number;
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::error::{Class, raise};
use crate::layout::{FieldInfo, Kind};
use crate::time;

/// Whether a value stands for null: `None`, pandas' `NA` and `NaT`, NumPy's `NaT`.
fn is_null(value: &Bound<'_, PyAny>) -> bool {
    if value.is_none() {
        return true;
    }
    if value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyString>()
    {
        return false;
    }
    let Ok(name) = value.get_type().name() else { return false };
    match name.to_str() {
        Ok("NAType" | "NaTType") => true,
        Ok("datetime64" | "timedelta64") => value.ne(value).unwrap_or(false),
        _ => false,
    }
}

/// Writes a value as the stored bytes of a field, or says why it cannot be.
#[inline]
pub(crate) fn encode(
    py: Python<'_>,
    field: &FieldInfo,
    value: &Bound<'_, PyAny>,
    out: &mut [u8],
) -> PyResult<()> {
    if let Kind::Number(Number::I32) = field.kind
        && !field.nullable
        && value.is_exact_instance_of::<PyInt>()
        && let Ok(number) = value.extract::<i32>()
    {
        out.copy_from_slice(&number.to_le_bytes());
        return Ok(());
    }
    encode_any(py, field, value, out)
}

#[inline(never)]
fn encode_any(py: Python<'_>, field: &FieldInfo, value: &Bound<'_, PyAny>, out: &mut [u8]) -> PyResult<()> {
    if is_null(value) {
        let Some(null) = field.def.null() else {
            let message = format!(
                "field '{}': {} where the type {} is not nullable; give a value, or declare the field as {} | None",
                field.def.name(),
                value.repr()?,
                field.def.ty(),
                field.def.ty()
            );
            return Err(raise(py, if value.is_none() { Class::Type } else { Class::Value }, message));
        };
        out.copy_from_slice(null);
        return Ok(());
    }
    match field.kind {
        Kind::Number(number) => encode_number(py, field, number, value, out)?,
        Kind::Bool => {
            let is_numpy = value.get_type().name().is_ok_and(|name| name == "bool_" || name == "bool");
            if !value.is_instance_of::<PyBool>() && !is_numpy {
                return Err(wrong_type(field, value, "True or False"));
            }
            out[0] = u8::from(value.is_truthy()?);
        }
        Kind::Str => encode_str(py, field, value, out)?,
        Kind::Bytes => {
            let Ok(given) = value.extract::<std::borrow::Cow<'_, [u8]>>() else {
                return Err(wrong_type(field, value, "bytes"));
            };
            if given.len() != out.len() {
                let message = format!(
                    "field '{}': {} bytes, where {} are {} wide",
                    field.def.name(),
                    given.len(),
                    field.def.ty(),
                    out.len()
                );
                return Err(raise(py, Class::Value, message));
            }
            out.copy_from_slice(&given);
        }
        Kind::Date => out.copy_from_slice(&time::days_of(field, value)?.to_le_bytes()),
        Kind::Timestamp => out.copy_from_slice(&time::micros_of(field, value)?.to_le_bytes()),
        Kind::Uuid => out.copy_from_slice(&time::uuid_bytes(field, value)?),
        Kind::Enum => encode_enum(py, field, value, out)?,
        Kind::Array(number) => {
            let length = out.len() / number.width();
            if value.is_instance_of::<PyString>() || value.len().is_err() {
                return Err(wrong_type(field, value, "a sequence of numbers"));
            }
            if value.len()? != length {
                let message = format!(
                    "field '{}': {} elements, where {} has {length}",
                    field.def.name(),
                    value.len()?,
                    field.def.ty()
                );
                return Err(raise(py, Class::Value, message));
            }
            for (slot, element) in out.chunks_exact_mut(number.width()).zip(value.try_iter()?) {
                encode_number(py, field, number, &element?, slot)?;
            }
        }
    }
    if field.nullable && field.def.is_null(out) {
        if let Kind::Number(number @ (Number::F32 | Number::F64)) = field.kind {
            // The NaN that means null: any other NaN is the same number.
            match number {
                Number::F32 => out.copy_from_slice(&f32::NAN.to_le_bytes()),
                _ => out.copy_from_slice(&f64::NAN.to_le_bytes()),
            }
            return Ok(());
        }
        if let Kind::Number(_) = field.kind {
            return Err(overflow(field, value));
        }
        let message = format!(
            "field '{}': {} is set aside to mean null in {}?; it cannot be stored as data",
            field.def.name(),
            shown(value),
            field.def.ty()
        );
        return Err(raise(py, Class::Value, message));
    }
    Ok(())
}

fn encode_number(
    py: Python<'_>,
    field: &FieldInfo,
    number: Number,
    value: &Bound<'_, PyAny>,
    out: &mut [u8],
) -> PyResult<()> {
    if let Number::F32 | Number::F64 = number {
        let real = real(field, value)?;
        if number == Number::F64 {
            out.copy_from_slice(&real.to_le_bytes());
            return Ok(());
        }
        let narrow = real as f32;
        if narrow.is_infinite() && real.is_finite() {
            return Err(overflow(field, value));
        }
        out.copy_from_slice(&narrow.to_le_bytes());
        return Ok(());
    }
    let whole;
    let value = if value.is_instance_of::<PyInt>() {
        value
    } else {
        static INDEX: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
        match INDEX.import(py, "operator", "index")?.call1((value,)) {
            Ok(index) => {
                whole = index;
                &whole
            }
            Err(_) => return Err(wrong_type(field, value, "a whole number")),
        }
    };
    macro_rules! store {
        ($type:ty) => {
            match value.extract::<$type>() {
                Ok(number) => out.copy_from_slice(&number.to_le_bytes()),
                Err(_) => return Err(overflow(field, value)),
            }
        };
    }
    match number {
        Number::U8 => store!(u8),
        Number::U16 => store!(u16),
        Number::U32 => store!(u32),
        Number::U64 => store!(u64),
        Number::U128 => store!(u128),
        Number::I8 => store!(i8),
        Number::I16 => store!(i16),
        Number::I32 => store!(i32),
        Number::I64 => store!(i64),
        Number::I128 => store!(i128),
        _ => return Err(PyTypeError::new_err("a type of number that this package does not know")),
    }
    Ok(())
}

/// A float from an `int`, a `float` or a number of NumPy.
fn real(field: &FieldInfo, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if value.is_instance_of::<PyFloat>() {
        return value.extract();
    }
    if value.is_instance_of::<PyInt>() {
        return value.extract().map_err(|_| overflow(field, value));
    }
    let module = value.get_type().module()?;
    let is_numpy = module == "numpy" && value.hasattr("dtype")? && !value.hasattr("__len__")?;
    if is_numpy
        && value.getattr("dtype")?.getattr("kind")?.extract::<&str>().is_ok_and(|kind| "iufb".contains(kind))
    {
        return value.extract();
    }
    Err(wrong_type(field, value, "a number"))
}

fn encode_str(py: Python<'_>, field: &FieldInfo, value: &Bound<'_, PyAny>, out: &mut [u8]) -> PyResult<()> {
    let Ok(text) = value.cast::<PyString>() else {
        return Err(wrong_type(field, value, "str"));
    };
    let text = match text.to_str() {
        Ok(text) => text,
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
            let make = py.import("drystone._errors")?.getattr("_bad_text")?;
            let made = make.call1((format!("field '{}': ", field.def.name()), error.value(py)))?;
            return Err(PyErr::from_value(made));
        }
        Err(error) => return Err(error),
    };
    if text.len() > out.len() {
        let message = format!(
            "field '{}': {} takes {} bytes as UTF-8, and {} holds {}",
            field.def.name(),
            shown(value),
            text.len(),
            field.def.ty(),
            out.len()
        );
        return Err(raise(py, Class::Value, message));
    }
    if text.ends_with('\0') {
        let message = format!(
            "field '{}': {} ends with a zero character, which the padding of {} would hide",
            field.def.name(),
            shown(value),
            field.def.ty()
        );
        return Err(raise(py, Class::Value, message));
    }
    let (used, padding) = out.split_at_mut(text.len());
    used.copy_from_slice(text.as_bytes());
    padding.fill(0);
    Ok(())
}

fn encode_enum(py: Python<'_>, field: &FieldInfo, value: &Bound<'_, PyAny>, out: &mut [u8]) -> PyResult<()> {
    let names = field.def.names();
    let number = match (&field.members, &field.enum_class) {
        (Some(members), Some(class)) if value.is_instance(class.bind(py))? => {
            members.iter().position(|member| member.bind(py).is(value))
        }
        _ => match value.cast::<PyString>() {
            Ok(text) => names.and_then(|names| names.position(text.to_str().ok()?)),
            Err(_) => None,
        },
    };
    let Some(number) = number else {
        let names: Vec<&str> = names.map(|names| names.iter().take(8).collect()).unwrap_or_default();
        let class = field.enum_class.as_ref().map(|class| class.bind(py).getattr("__name__"));
        let wanted = match class {
            Some(name) => format!("a member of {} or its name", name?),
            None => "a name".into(),
        };
        let message = format!(
            "field '{}': {} is not {wanted}; the names are {}",
            field.def.name(),
            shown(value),
            names.join(", ")
        );
        let class = if value.is_instance_of::<PyString>() { Class::Value } else { Class::Type };
        return Err(raise(py, class, message));
    };
    match field.width {
        1 => out[0] = number as u8,
        _ => out.copy_from_slice(&(number as u16).to_le_bytes()),
    }
    Ok(())
}

/// The beginning of a value's `repr`, for a message.
pub(crate) fn shown(value: &Bound<'_, PyAny>) -> String {
    let text = value.repr().map(|text| text.to_string_lossy().into_owned());
    let text = text.unwrap_or_else(|_| "the value".into());
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cold]
pub(crate) fn wrong_type(field: &FieldInfo, value: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let py = value.py();
    let class = value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    let hint = match (class.as_str(), field.kind) {
        ("Decimal", Kind::Number(Number::F32 | Number::F64)) => "; write float(value) to accept rounding",
        ("Decimal", _) => "; write int(value) if it is whole",
        ("float", Kind::Number(_)) => "; write int(value) if it is whole",
        ("str", Kind::Number(_)) => "; convert the text first",
        ("bytes", Kind::Str) => "; write value.decode()",
        ("str", Kind::Bytes) => "; write value.encode()",
        _ => "",
    };
    let message = format!(
        "field '{}': {} is of type {class}, and {} takes {wanted}{hint}",
        field.def.name(),
        shown(value),
        field.def.ty()
    );
    raise(py, Class::Type, message)
}

#[cold]
pub(crate) fn overflow(field: &FieldInfo, value: &Bound<'_, PyAny>) -> PyErr {
    let ty = field.def.ty();
    let null = u128::from(field.nullable);
    let number = match field.kind {
        Kind::Number(number) | Kind::Array(number) => Some(number),
        _ => None,
    };
    let range = match number {
        Some(number @ (Number::U8 | Number::U16 | Number::U32 | Number::U64 | Number::U128)) => {
            format!("; its range is 0 to {}", (u128::MAX >> (128 - 8 * number.width())) - null)
        }
        Some(number @ (Number::I8 | Number::I16 | Number::I32 | Number::I64 | Number::I128)) => {
            let bits = 8 * number.width() as u32;
            let least = (i128::MIN >> (128 - bits)) + i128::from(field.nullable);
            format!("; its range is {least} to {}", i128::MAX >> (128 - bits))
        }
        _ => String::new(),
    };
    let message = format!("field '{}': {} does not fit {ty}{range}", field.def.name(), shown(value));
    raise(value.py(), Class::Overflow, message)
}
