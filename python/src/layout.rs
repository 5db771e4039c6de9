//! The layout of a record class: its fields, and their values read from stored bytes.

use std::sync::atomic::AtomicUsize;

use drystone::{EnumNames, FieldDef, Number, Schema, Type};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::encode::encode;
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
    pub(crate) members: Option<Vec<Py<PyAny>>>,
    pub(crate) enum_class: Option<Py<PyAny>>,
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
    /// The address of the class whose rows have nothing but a row's own parts, or 0.
    pub(crate) lean_class: AtomicUsize,
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
            lean_class: AtomicUsize::new(0),
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

    /// An error where a dict that is given as a record has a name that is no field.
    #[cold]
    pub(crate) fn unknown_in_dict(
        &self,
        py: Python<'_>,
        class: &str,
        named: &Bound<'_, PyDict>,
    ) -> Option<PyErr> {
        let names = named.keys().iter().map(|name| name.to_string());
        let unknown = names.into_iter().find(|name| self.position(name).is_none())?;
        let fields: Vec<&str> = self.fields.iter().map(|field| field.def.name()).collect();
        let message = format!(
            "{class} has no field '{unknown}'; its fields are {}. To skip values that are no fields, load the dicts \
             with extend(..., ignore_unknown=True), load(..., ignore_unknown=True) or Table(..., ignore_unknown=True)",
            fields.join(", ")
        );
        Some(raise(py, Class::Type, message))
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
