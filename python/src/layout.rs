//! The layout of a record class: its fields, and how their values come in and out of stored bytes.

use drystone::{EnumNames, FieldDef, Number, Schema, Type};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::error::{Class, OrRaise, raise};
use crate::time;

/// What a field holds, for a quick choice of the code that reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Number(Number),
    Str,
    Bytes,
    Date,
    Timestamp,
    Uuid,
    Enum,
    Array(Number),
}

/// One field of a record class.
pub(crate) struct FieldInfo {
    pub(crate) def: FieldDef,
    pub(crate) name: Py<PyString>,
    pub(crate) offset: usize,
    pub(crate) width: usize,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Py<PyAny>>,
    pub(crate) factory: Option<Py<PyAny>>,
    /// The members of the Python enumeration, by their stored number.
    members: Option<Vec<Py<PyAny>>>,
    enum_class: Option<Py<PyAny>>,
}

/// All that is known of a record class.
pub(crate) struct Info {
    pub(crate) schema: Schema,
    pub(crate) fields: Vec<FieldInfo>,
    pub(crate) names: Py<PyTuple>,
    positions: FxHashMap<String, usize>,
    pub(crate) width: usize,
    pub(crate) key_width: usize,
    pub(crate) key_fields: usize,
    /// Values of the class cannot be changed and have a hash.
    pub(crate) frozen: bool,
    /// The class has a `__post_init__`.
    pub(crate) post_init: bool,
}

/// The layout of a record class, as Python holds it.
#[pyclass(frozen, module = "drystone._drystone")]
pub(crate) struct Layout {
    pub(crate) info: Info,
}

/// A field as the metaclass declares it: name, type, nullable, key, default, factory, enumeration.
type Declared<'py> = (
    Bound<'py, PyString>,
    String,
    bool,
    bool,
    Option<(Bound<'py, PyAny>,)>,
    Option<Bound<'py, PyAny>>,
    Option<(Vec<String>, Option<Bound<'py, PyAny>>, Vec<Bound<'py, PyAny>>)>,
);

/// Whether there is a default, it, and the function that makes one.
type Default = (bool, Option<Py<PyAny>>, Option<Py<PyAny>>);

#[pymethods]
impl Layout {
    #[new]
    fn new(py: Python<'_>, declared: Vec<Declared<'_>>, frozen: bool, post_init: bool) -> PyResult<Layout> {
        let mut defs = Vec::new();
        for (name, ty, nullable, key, _, _, enumeration) in &declared {
            let ty = match enumeration {
                Some((names, ..)) => Type::Enum(EnumNames::new(names).or_raise(py)?),
                None => ty.parse::<Type>().or_raise(py)?,
            };
            let mut def = FieldDef::new(name.to_str()?, ty).or_raise(py)?;
            if *nullable {
                def = def.nullable().or_raise(py)?;
            }
            if *key {
                def = def.key().or_raise(py)?;
            }
            defs.push(def);
        }
        let plain = Schema::new(defs.clone()).or_raise(py)?;
        let mut fields = Vec::new();
        for (def, declared) in plain.fields().iter().zip(declared) {
            let (name, _, nullable, _, default, factory, enumeration) = declared;
            let (enum_class, members) = match enumeration {
                Some((_, Some(class), members)) => {
                    (Some(class.unbind()), Some(members.into_iter().map(Bound::unbind).collect()))
                }
                _ => (None, None),
            };
            let interned = PyString::intern(py, name.to_str()?);
            fields.push(FieldInfo {
                offset: def.offset(),
                width: def.width(),
                kind: kind_of(def.ty()),
                def: def.clone(),
                name: interned.unbind(),
                nullable,
                default: default.map(|(value,)| value.unbind()),
                factory: factory.map(Bound::unbind),
                members,
                enum_class,
            });
        }
        // Defaults go into the schema, so that other programs and schema changes know them.
        let mut with_defaults = Vec::new();
        for (field, def) in fields.iter().zip(defs) {
            let Some(default) = &field.default else {
                with_defaults.push(def);
                continue;
            };
            let mut stored = vec![0; field.width];
            encode(py, field, default.bind(py), &mut stored)?;
            with_defaults.push(def.default_bytes(&stored).or_raise(py)?);
        }
        let schema = Schema::new(with_defaults).or_raise(py)?;
        let names = PyTuple::new(py, fields.iter().map(|field| &field.name))?.unbind();
        let positions = fields.iter().enumerate();
        let positions = positions.map(|(at, field)| (field.def.name().to_owned(), at)).collect();
        let info = Info {
            width: schema.width(),
            key_width: schema.key_width(),
            key_fields: schema.key_fields().len(),
            schema,
            fields,
            names,
            positions,
            frozen,
            post_init,
        };
        Ok(Layout { info })
    }

    /// The text form of the schema.
    #[getter]
    fn schema(&self) -> String {
        self.info.schema.to_string()
    }

    #[getter]
    fn width(&self) -> usize {
        self.info.width
    }

    #[getter]
    fn key_width(&self) -> usize {
        self.info.key_width
    }

    #[getter]
    fn is_keyed(&self) -> bool {
        self.info.schema.is_keyed()
    }

    #[getter]
    fn frozen(&self) -> bool {
        self.info.frozen
    }

    #[getter]
    fn names(&self, py: Python<'_>) -> Py<PyTuple> {
        self.info.names.clone_ref(py)
    }

    /// Of each field: name, type, nullable, key, offset, width.
    fn described(&self) -> Vec<(String, String, bool, bool, usize, usize)> {
        let describe = |field: &FieldInfo| {
            let def = &field.def;
            (
                def.name().to_owned(),
                def.ty().to_string(),
                def.is_nullable(),
                def.is_key(),
                def.offset(),
                def.width(),
            )
        };
        self.info.fields.iter().map(describe).collect()
    }

    /// The names of the values of an enumeration, or None.
    fn enum_names(&self, field: &str) -> Option<Vec<String>> {
        let at = self.info.position(field)?;
        self.info.fields[at].def.names().map(|names| names.iter().map(str::to_owned).collect())
    }

    /// The Python enumeration of a field, or None.
    fn enum_class(&self, py: Python<'_>, field: &str) -> Option<Py<PyAny>> {
        let at = self.info.position(field)?;
        self.info.fields[at].enum_class.as_ref().map(|class| class.clone_ref(py))
    }

    /// Of each field whether it has a default, the default, and the factory.
    fn defaults(&self, py: Python<'_>) -> Vec<Default> {
        let of = |value: &Option<Py<PyAny>>| value.as_ref().map(|value| value.clone_ref(py));
        let fields = self.info.fields.iter();
        fields.map(|field| (field.default.is_some(), of(&field.default), of(&field.factory))).collect()
    }

    /// The stored bytes of a value of a field.
    fn encode<'py>(&self, field: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = value.py();
        let Some(at) = self.info.position(field) else { return Err(self.info.no_field(py, field)) };
        let field = &self.info.fields[at];
        let mut stored = vec![0; field.width];
        encode(py, field, value, &mut stored)?;
        Ok(PyBytes::new(py, &stored))
    }

    /// The value of a field from its stored bytes.
    fn decode<'py>(&self, py: Python<'py>, field: &str, stored: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let Some(at) = self.info.position(field) else { return Err(self.info.no_field(py, field)) };
        let field = &self.info.fields[at];
        if stored.len() != field.width {
            return Err(PyValueError::new_err("wrong number of bytes"));
        }
        decode(py, field, stored)
    }

    /// The bytes that mean null in a field, or None.
    fn null<'py>(&self, py: Python<'py>, field: &str) -> Option<Bound<'py, PyBytes>> {
        let at = self.info.position(field)?;
        self.info.fields[at].def.null().map(|null| PyBytes::new(py, null))
    }

    fn same_as(&self, other: &Layout) -> bool {
        self.info.schema == other.info.schema
    }
}

impl Info {
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    pub(crate) fn no_field(&self, py: Python<'_>, name: &str) -> PyErr {
        let names: Vec<&str> = self.fields.iter().map(|field| field.def.name()).collect();
        raise(py, Class::Key, format!("no field '{name}'; the fields are {}", names.join(", ")))
    }

    /// Fills a record from positional and named values.
    pub(crate) fn fill(
        &self,
        py: Python<'_>,
        class: &str,
        args: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
        record: &mut [u8],
    ) -> PyResult<()> {
        let count = args.len();
        if count > self.fields.len() {
            let message = format!("{class}() takes {} values, but {count} were given", self.fields.len());
            return Err(raise(py, Class::Type, message));
        }
        for (field, value) in self.fields.iter().zip(args.iter_borrowed()) {
            encode(py, field, &value, &mut record[field.offset..field.offset + field.width])?;
        }
        let mut used = 0;
        for field in &self.fields[count..] {
            let slot = &mut record[field.offset..field.offset + field.width];
            let name = field.name.bind(py);
            if let Some(value) = named.map(|named| named.get_item(name)).transpose()?.flatten() {
                used += 1;
                encode(py, field, &value, slot)?;
            } else if let Some(default) = &field.default {
                encode(py, field, default.bind(py), slot)?;
            } else if let Some(factory) = &field.factory {
                encode(py, field, &factory.bind(py).call0()?, slot)?;
            } else {
                return Err(self.missing(py, class, count, named));
            }
        }
        match named {
            Some(named) if named.len() > used => Err(self.unexpected(py, class, count, named)),
            _ => Ok(()),
        }
    }

    #[cold]
    fn missing(&self, py: Python<'_>, class: &str, count: usize, named: Option<&Bound<'_, PyDict>>) -> PyErr {
        let is_given = |name: &str| named.is_some_and(|named| named.contains(name).unwrap_or(false));
        let missing: Vec<String> = self.fields[count..]
            .iter()
            .filter(|field| field.default.is_none() && field.factory.is_none() && !is_given(field.def.name()))
            .map(|field| format!("'{}'", field.def.name()))
            .collect();
        let s = if missing.len() == 1 { "" } else { "s" };
        let list = missing.join(", ");
        raise(py, Class::Type, format!("{class}() is missing {} field{s}: {list}", missing.len()))
    }

    #[cold]
    fn unexpected(&self, py: Python<'_>, class: &str, count: usize, named: &Bound<'_, PyDict>) -> PyErr {
        for name in named.keys().iter() {
            let name = name.to_string();
            match self.position(&name) {
                Some(at) if at < count => {
                    let message = format!("{class}() got two values for field '{name}'");
                    return raise(py, Class::Type, message);
                }
                Some(_) => {}
                None => {
                    let names: Vec<&str> = self.fields.iter().map(|field| field.def.name()).collect();
                    let message =
                        format!("{class}() has no field '{name}'; its fields are {}", names.join(", "));
                    return raise(py, Class::Type, message);
                }
            }
        }
        raise(py, Class::Type, format!("{class}() got unexpected values"))
    }

    /// Whether two records have equal values: -0.0 equals 0.0, and NaN equals nothing.
    pub(crate) fn is_equal(&self, one: &[u8], other: &[u8]) -> bool {
        self.fields.iter().all(|field| {
            let range = field.offset..field.offset + field.width;
            let (one, other) = (&one[range.clone()], &other[range]);
            match field.kind {
                Kind::Number(number) | Kind::Array(number) if matches!(number, Number::F32 | Number::F64) => {
                    let (null, other_null) = (field.def.is_null(one), field.def.is_null(other));
                    if null || other_null {
                        return null == other_null;
                    }
                    let step = number.width();
                    let elements = one.chunks_exact(step).zip(other.chunks_exact(step));
                    elements.into_iter().all(|(one, other)| float(number, one) == float(number, other))
                }
                _ => one == other,
            }
        })
    }
}

fn kind_of(ty: &Type) -> Kind {
    match ty {
        Type::Bool => Kind::Bool,
        Type::U8 => Kind::Number(Number::U8),
        Type::U16 => Kind::Number(Number::U16),
        Type::U32 => Kind::Number(Number::U32),
        Type::U64 => Kind::Number(Number::U64),
        Type::U128 => Kind::Number(Number::U128),
        Type::I8 => Kind::Number(Number::I8),
        Type::I16 => Kind::Number(Number::I16),
        Type::I32 => Kind::Number(Number::I32),
        Type::I64 => Kind::Number(Number::I64),
        Type::I128 => Kind::Number(Number::I128),
        Type::F32 => Kind::Number(Number::F32),
        Type::F64 => Kind::Number(Number::F64),
        Type::Str(_) => Kind::Str,
        Type::Date => Kind::Date,
        Type::Timestamp => Kind::Timestamp,
        Type::Uuid => Kind::Uuid,
        Type::Array(number, _) => Kind::Array(*number),
        Type::Enum(_) => Kind::Enum,
        // A type that this package does not know yet is shown as its bytes.
        _ => Kind::Bytes,
    }
}

/// The first N bytes, as an array.
#[inline(always)]
pub(crate) fn bytes<const N: usize>(stored: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&stored[..N]);
    array
}

fn float(number: Number, stored: &[u8]) -> f64 {
    match number {
        Number::F32 => f32::from_le_bytes(bytes(stored)).into(),
        _ => f64::from_le_bytes(bytes(stored)),
    }
}

/// The value in the stored bytes of a field.
#[inline]
pub(crate) fn decode<'py>(py: Python<'py>, field: &FieldInfo, stored: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if field.nullable && field.def.is_null(stored) {
        return Ok(py.None().into_bound(py));
    }
    match field.kind {
        Kind::Number(number) => decode_number(py, number, stored),
        _ => decode_other(py, field, stored),
    }
}

#[inline]
fn decode_number<'py>(py: Python<'py>, number: Number, stored: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    Ok(match number {
        Number::I32 => i32::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::I64 => i64::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::U32 => u32::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::U64 => u64::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::F64 => PyFloat::new(py, f64::from_le_bytes(bytes(stored))).into_any(),
        Number::F32 => PyFloat::new(py, f32::from_le_bytes(bytes(stored)).into()).into_any(),
        Number::U8 => stored[0].into_pyobject(py)?.into_any(),
        Number::I8 => i8::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::U16 => u16::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::I16 => i16::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::U128 => u128::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        Number::I128 => i128::from_le_bytes(bytes(stored)).into_pyobject(py)?.into_any(),
        _ => return Err(PyTypeError::new_err("a type of number that this package does not know")),
    })
}

#[inline(never)]
fn decode_other<'py>(py: Python<'py>, field: &FieldInfo, stored: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let damaged = || {
        let error = field.def.check(stored).err();
        let text = error.map_or_else(|| "the stored bytes are no value".into(), |error| error.to_string());
        raise(py, Class::Value, text)
    };
    Ok(match field.kind {
        Kind::Bool => match stored[0] {
            0 => PyBool::new(py, false).to_owned().into_any(),
            1 => PyBool::new(py, true).to_owned().into_any(),
            _ => return Err(damaged()),
        },
        Kind::Str => {
            let end = stored.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            match std::str::from_utf8(&stored[..end]) {
                Ok(text) => PyString::new(py, text).into_any(),
                Err(_) => return Err(damaged()),
            }
        }
        Kind::Enum => {
            let number = match field.width {
                1 => usize::from(stored[0]),
                _ => usize::from(u16::from_le_bytes(bytes(stored))),
            };
            match &field.members {
                Some(members) => match members.get(number) {
                    Some(member) => member.bind(py).clone(),
                    None => return Err(damaged()),
                },
                None => match field.def.names().and_then(|names| names.get(number)) {
                    Some(name) => PyString::new(py, name).into_any(),
                    None => return Err(damaged()),
                },
            }
        }
        Kind::Date => time::date(py, i32::from_le_bytes(bytes(stored)))?,
        Kind::Timestamp => time::datetime(py, i64::from_le_bytes(bytes(stored)))?,
        Kind::Uuid => time::uuid(py, bytes(stored))?,
        Kind::Array(number) => {
            let step = number.width();
            let mut elements = Vec::with_capacity(stored.len() / step);
            for element in stored.chunks_exact(step) {
                elements.push(decode_number(py, number, element)?);
            }
            PyTuple::new(py, elements)?.into_any()
        }
        Kind::Bytes | Kind::Number(_) => PyBytes::new(py, stored).into_any(),
    })
}

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
