//! NumPy's dtypes: writes that of a schema as text, and parses those of files. The reader and the
//! writer use it.

use super::element::{Element, Kind};
use super::literal::{Literal, quoted};
use crate::schema::{FieldDef, Number, Schema, Type};

/// The NumPy dtype of packed records of this schema, as text that Python reads:
/// `[('x','<i4'),('name','S2')]`.
///
/// It has the layout of the records, so NumPy can map a table whose rows are contiguous in the
/// file: `numpy.memmap("points.dry", dtype=…, mode="r", offset=…, shape=(rows,))`, with the offset
/// from [`TableStats`](crate::TableStats). `drystone info` prints the whole line.
///
/// NumPy has no nulls except NaN and NaT, which stand for null in floats and timestamps. In other
/// fields null is the value that is reserved for it (see [`FieldDef::null`]). An enumeration is the
/// position of its name, from 0 (see [`FieldDef::names`]). A `date` is the `<i4` of its days, for
/// `.astype('M8[D]')`, a nullable `bool` a `|u1`. Uuids and whole numbers of 128 bits are `V16`,
/// because NumPy has none.
///
/// ```
/// use drystone::{Schema, numpy};
///
/// let schema: Schema = "id: u64 key, carrier: str[2], seen: timestamp?, place: f32[3]".parse()?;
/// let dtype = "[('id','<u8'),('carrier','S2'),('seen','<M8[us]'),('place','<f4',(3,))]";
/// assert_eq!(numpy::dtype(&schema), dtype);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn dtype(schema: &Schema) -> String {
    let fields: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| match field.ty() {
            Type::Array(number, length) => {
                format!("({},'{}',({length},))", quoted(field.name()), scalar(&number.as_type(), false))
            }
            ty => format!("({},'{}')", quoted(field.name()), scalar(ty, field.is_nullable())),
        })
        .collect();
    format!("[{}]", fields.join(","))
}

fn scalar(ty: &Type, nullable: bool) -> String {
    match ty {
        // The byte that means null is not a truth value.
        Type::Bool => if nullable { "|u1" } else { "|b1" }.into(),
        Type::Str(length) => format!("S{length}"),
        Type::Bytes(length) => format!("V{length}"),
        Type::Date => "<i4".into(),
        Type::Timestamp => "<M8[us]".into(),
        Type::Enum(names) if names.width() == 1 => "|u1".into(),
        Type::Enum(_) => "<u2".into(),
        Type::U8 => "|u1".into(),
        Type::I8 => "|i1".into(),
        Type::U16 | Type::U32 | Type::U64 => format!("<u{}", ty.width()),
        Type::I16 | Type::I32 | Type::I64 => format!("<i{}", ty.width()),
        Type::F32 | Type::F64 => format!("<f{}", ty.width()),
        wide => format!("V{}", wide.width()),
    }
}

/// A field of the elements of an array.
#[derive(Clone, Debug)]
pub(super) struct ArrayField {
    pub(super) name: String,
    pub(super) element: Element,
    /// The number of adjacent elements, if the field has several.
    pub(super) length: Option<usize>,
    /// Its offset.
    pub(super) offset: usize,
}

impl ArrayField {
    pub(super) fn width(&self) -> usize {
        self.element.width() * self.length.unwrap_or(1)
    }

    /// Whether the stored bytes of such a field are the same.
    pub(super) fn is_stored_as(&self, field: &FieldDef) -> bool {
        if self.element.is_swapped() || self.width() != field.width() {
            return false;
        }
        match (self.length, self.element.kind, field.ty()) {
            (Some(_), Kind::Void, Type::Array(Number::U128 | Number::I128, _)) => self.element.width() == 16,
            (Some(_), kind, Type::Array(number, _)) => kind.number(self.element.width()) == Some(*number),
            (Some(_), ..) => false,
            (None, Kind::Bool, ty) => ty == Type::Bool,
            // The writer writes nullable truth values so.
            (None, Kind::Unsigned, Type::Bool) => field.is_nullable(),
            (None, Kind::Bytes, ty) => matches!(ty, Type::Str(_) | Type::Bytes(_)),
            (None, Kind::Void, ty) => matches!(ty, Type::Bytes(_) | Type::Uuid | Type::U128 | Type::I128),
            (None, Kind::Signed, Type::Date) | (None, Kind::Unsigned, Type::Enum(_)) => true,
            (None, Kind::Moment(unit), ty) => unit.is_micros() && ty == Type::Timestamp,
            (None, kind, ty) => {
                let number = kind.number(self.element.width());
                number.is_some() && number == ty.number()
            }
        }
    }
}

/// The elements of an array: their fields and their width.
#[derive(Clone, Debug)]
pub(super) struct ArrayLayout {
    pub(super) columns: Vec<ArrayField>,
    pub(super) width: usize,
    /// Whether the fields have no names of their own.
    pub(super) is_plain: bool,
}

/// The name of the only field of an array without names.
pub(super) const VALUE: &str = "value";

impl ArrayLayout {
    /// The dtype in a header, or why records cannot be made of it.
    pub(super) fn parse(descr: &Literal) -> Result<ArrayLayout, String> {
        let layout = match descr {
            Literal::Text(text) => {
                let element = Element::parse(text)?;
                let column = ArrayField { name: VALUE.into(), length: None, offset: 0, element };
                ArrayLayout { columns: vec![column], width: element.width(), is_plain: true }
            }
            Literal::List(fields) => ArrayLayout::of_fields(fields)?,
            Literal::Dict(_) => ArrayLayout::of_offsets(descr)?,
            _ => return Err("its dtype is neither a text nor a list of fields".into()),
        };
        match layout.columns.iter().find(|column| column.width() == 0) {
            Some(column) => Err(format!("field {:?} has no bytes", column.name)),
            None if layout.columns.is_empty() => Err("its dtype has no fields".into()),
            None => Ok(layout),
        }
    }

    /// `[('x', '<i4'), ('', '|V4'), ('v', '<f4', (3,))]`
    fn of_fields(fields: &[Literal]) -> Result<ArrayLayout, String> {
        let mut columns = Vec::new();
        let mut width = 0_usize;
        for field in fields {
            let parts = field.list().ok_or("its dtype has a field that is no tuple")?;
            let (name, ty) = match parts {
                [name, ty] | [name, ty, _] => (name_of(name)?, ty),
                _ => return Err("its dtype has a field that is no name with a type".into()),
            };
            let column = column(name, ty, parts.get(2), width)?;
            width = width.checked_add(column.width()).ok_or("its elements are too wide")?;
            // A field without a name is padding.
            if !column.name.is_empty() {
                columns.push(column);
            }
        }
        Ok(ArrayLayout { columns, width, is_plain: false })
    }

    /// `{'names': ['x'], 'formats': ['<i4'], 'offsets': [4], 'itemsize': 8}`
    fn of_offsets(dtype: &Literal) -> Result<ArrayLayout, String> {
        let list = |name| dtype.get(name).and_then(Literal::list);
        let (Some(names), Some(formats)) = (list("names"), list("formats")) else {
            return Err("its dtype is a dict without names and formats".into());
        };
        let offsets = list("offsets");
        if names.len() != formats.len() || offsets.is_some_and(|offsets| offsets.len() != names.len()) {
            return Err("its dtype has not as many names as formats and offsets".into());
        }
        let (mut columns, mut end): (Vec<ArrayField>, usize) = (Vec::new(), 0);
        for (at, (name, ty)) in names.iter().zip(formats).enumerate() {
            let offset = match offsets {
                Some(offsets) => offsets[at].number().and_then(|offset| usize::try_from(offset).ok()),
                None => Some(end),
            };
            let offset = offset.ok_or("its dtype has an offset that is no number")?;
            let (ty, shape) = match ty {
                Literal::List(parts) if parts.len() == 2 && parts[0].text().is_some() => {
                    (&parts[0], parts.get(1))
                }
                ty => (ty, None),
            };
            let column = column(name_of(name)?, ty, shape, offset)?;
            end = end.max(offset.checked_add(column.width()).ok_or("its elements are too wide")?);
            columns.push(column);
        }
        let width = match dtype.get("itemsize") {
            None => end,
            Some(width) => width
                .number()
                .and_then(|width| usize::try_from(width).ok())
                .ok_or("its itemsize is no number")?,
        };
        if width < end {
            return Err(format!("its dtype has fields beyond its itemsize, {width}"));
        }
        Ok(ArrayLayout { columns, width, is_plain: false })
    }
}

/// A name, or the second part of a pair of title and name.
fn name_of(name: &Literal) -> Result<&str, String> {
    let name = if let Some([_, name]) = name.list() { name } else { name };
    name.text().ok_or_else(|| "its dtype has a field whose name is no text".into())
}

fn column(name: &str, ty: &Literal, shape: Option<&Literal>, offset: usize) -> Result<ArrayField, String> {
    let Some(text) = ty.text() else {
        return Err(format!("field {name:?} has fields of its own; make each of them one of the array's"));
    };
    let element = Element::parse(text).map_err(|reason| format!("field {name:?}: {reason}"))?;
    let length = match shape {
        None => None,
        Some(Literal::List(shape)) => {
            let product = shape.iter().try_fold(1_usize, |product, side| {
                product.checked_mul(usize::try_from(side.number()?).ok()?)
            });
            product.map(Some).ok_or_else(|| format!("field {name:?}: its shape is invalid"))?
        }
        Some(side) => Some(
            side.number()
                .and_then(|side| usize::try_from(side).ok())
                .ok_or_else(|| format!("field {name:?}: its shape is invalid"))?,
        ),
    };
    let column = ArrayField { name: name.into(), element, length, offset };
    match element.width().checked_mul(length.unwrap_or(1)) {
        Some(width) if width <= WIDEST => Ok(column),
        _ => Err(format!("field {name:?} is wider than {WIDEST} bytes")),
    }
}

/// The widest field of an element. UTF-32 text takes four times the bytes that it takes in a
/// record.
const WIDEST: usize = 1 << 20;
