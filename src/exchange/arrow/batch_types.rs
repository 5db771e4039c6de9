//! Infers the schema of record batches from Arrow's: how wide texts are, and whether values are
//! missing.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_schema::{DataType, Field, SchemaRef};

use super::batches::{Batches, unread};
use super::decimals;
use super::decode::{check, value};
use super::schema::{from_number, is_bytes, is_text, is_uuid, named, plain, wide_type};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::column_names::name_columns;
use crate::exchange::common::Common;
use crate::exchange::few::Few;
use crate::exchange::inferred::{Column as Found, Inferred};
use crate::record::Value;
use crate::schema::{FieldDef, Number, Schema, TextRules, Type};

/// An `i128` holds every whole number of this many digits.
const WHOLE_DIGITS: i32 = 38;

impl Batches {
    /// The schema of these batches.
    pub(super) fn infer(self, common: &Common) -> Result<Inferred> {
        let usable = Usable::new(common, &self.schema)?;
        InferredBatches { common, batches: self, usable, is_projected: false }.infer()
    }
}

/// The columns of an Arrow schema that fields can hold.
pub(in crate::exchange) struct Usable {
    /// Their positions.
    pub(in crate::exchange) at: Vec<usize>,
    names: Vec<Box<str>>,
    notes: Vec<String>,
}

impl Usable {
    /// All columns. Those that no field holds are an error, or are left out if unknown columns are
    /// ignored.
    pub(in crate::exchange) fn new(common: &Common, arrow: &SchemaRef) -> Result<Usable> {
        let given: Vec<&str> = arrow.fields().iter().map(|field| field.name().as_str()).collect();
        let named = name_columns(&common.name, &given, &common.renames)?;
        let mut usable = Usable { at: Vec::new(), names: Vec::new(), notes: named.notes };
        for (at, (field, name)) in arrow.fields().iter().zip(named.names).enumerate() {
            match check(field.data_type()) {
                Ok(()) if named.is_made[at] && common.ignore_unknown => {
                    usable.notes.push(format!("column {} is left out", at + 1));
                }
                Ok(()) => {
                    usable.at.push(at);
                    usable.names.push(name);
                }
                Err(error) if common.ignore_unknown => {
                    usable.notes.push(left_out(field, &error));
                }
                Err(error) => {
                    return Err(error.within(format_args!("{}, column {:?}", common.name, field.name())));
                }
            }
        }
        Ok(usable)
    }
}

/// Says that a column is left out, and why; how it could be loaded is not needed then.
fn left_out(column: &Field, error: &Error) -> String {
    let message = error.to_string();
    let reason = message.split("; ").next().unwrap_or_default();
    format!("column {:?} is left out: {reason}", column.name())
}

/// Batches whose schema is inferred.
pub(in crate::exchange) struct InferredBatches<'c> {
    pub(in crate::exchange) common: &'c Common,
    pub(in crate::exchange) batches: Batches,
    pub(in crate::exchange) usable: Usable,
    /// Whether the batches have the usable columns only.
    pub(in crate::exchange) is_projected: bool,
}

impl InferredBatches<'_> {
    /// Reads batches, and infers from the values what the schema leaves open. The rules are those
    /// of [`Options::infer`](super::Options::infer).
    pub(in crate::exchange) fn infer(self) -> Result<Inferred> {
        let InferredBatches { common, batches, usable, is_projected } = self;
        let at: Vec<usize> = if is_projected { (0..usable.at.len()).collect() } else { usable.at };
        let schema = batches.schema.clone();
        let columns = at.iter().zip(&usable.names).map(|(at, name)| {
            let field = schema.field(*at);
            let few = Few::new(common.enums && is_text(plain(field.data_type())));
            ColumnTally {
                named: named(field, name),
                name,
                field,
                rounds: common.rules.round,
                nulls: 0,
                lengths: None,
                few,
                has_null_value: false,
                not_shown: None,
                refused: None,
            }
        });
        let inferred = infer(common, &at, columns.collect(), batches)?;
        Ok(inferred.with_notes(usable.notes))
    }
}

fn infer(
    common: &Common,
    at: &[usize],
    mut columns: Vec<ColumnTally<'_>>,
    batches: Batches,
) -> Result<Inferred> {
    let name = &*common.name;
    let width = batches.schema.fields().len();
    let mut rows = 0;
    let mut is_sample = false;
    if columns.iter().any(ColumnTally::is_open) {
        for batch in batches.batches {
            let batch = batch.map_err(|error| unread(name, &format!("after row {rows}: {error}")))?;
            if batch.num_columns() != width {
                bail!(Input, "{name}: after row {rows}: a batch of {} columns", batch.num_columns());
            }
            let wanted = common.sample.map_or(u64::MAX, |sample| sample.saturating_sub(rows));
            let batch = match usize::try_from(wanted) {
                Ok(wanted) if wanted < batch.num_rows() => {
                    is_sample = true;
                    batch.slice(0, wanted)
                }
                _ => batch,
            };
            for (column, at) in columns.iter_mut().zip(at).filter(|(column, _)| column.is_open()) {
                let Err((row, reason)) = column.look(batch.column(*at)) else { continue };
                let row: u64 = rows + row as u64 + 1;
                if !common.ignore_unknown {
                    let column = column.field.name();
                    return Err(unread(name, &format!("row {row}, column {column:?}: {reason}")));
                }
                column.refused = Some(Error::new(ErrorKind::Input, format!("row {row}: {reason}")));
            }
            rows += batch.num_rows() as u64;
            if is_sample {
                break;
            }
        }
    }
    let is_read = columns.iter().any(|column| column.is_open() || column.refused.is_some());
    let (mut kept, mut fields, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for column in &mut columns {
        match column.refused.take().map_or_else(|| column.decide(), Err) {
            Ok(field) => {
                kept.push(&*column);
                fields.push(field);
            }
            Err(error) if common.ignore_unknown => {
                notes.push(left_out(column.field, &error));
            }
            Err(error) => {
                return Err(error.within(format_args!("{name}, column {:?}", column.field.name())));
            }
        }
    }
    let schema = Schema::new(fields.clone()).or_else(|error| {
        // Columns of a table with a key may have been left out or moved.
        let without = |field: &FieldDef| {
            FieldDef::of(field.name(), field.ty(), field.is_nullable(), false)?
                .with_default(field.default().map(Into::into))
        };
        Schema::new(fields.iter().map(without).collect::<Result<_>>()?).map_err(|_| error)
    });
    let schema = schema.map_err(|error| error.within(name))?;
    let found = schema.fields().iter().zip(kept);
    let found = found.map(|(field, column)| Found::new(field.clone(), column.nulls, column.reason()));
    let found = found.collect();
    let inferred = Inferred::new(schema, found, is_read.then_some(rows)).with_notes(notes);
    Ok(if is_sample { inferred.of_sample() } else { inferred })
}

/// A column, and what was seen of it.
struct ColumnTally<'c> {
    field: &'c Field,
    /// The name of its field, which may differ from that of the column.
    name: &'c str,
    named: Option<FieldDef>,
    /// Whether numbers may be rounded.
    rounds: bool,
    nulls: u64,
    /// The lowest and highest length of texts, binary values and lists.
    lengths: Option<(usize, usize)>,
    /// The texts, if an enumeration may be picked.
    few: Few,
    /// Whether there is a value that is reserved for null.
    has_null_value: bool,
    /// A decimal whose digits no number type shows.
    not_shown: Option<String>,
    /// Why no field holds it, if that was found and such columns are left out.
    refused: Option<Error>,
}

impl ColumnTally<'_> {
    fn ty(&self) -> &DataType {
        plain(self.field.data_type())
    }

    /// Whether the values must be read to find the field.
    fn is_open(&self) -> bool {
        self.named.is_none()
            && self.refused.is_none()
            && (self.field.is_nullable() || self.has_lengths() || self.has_long_decimals())
    }

    fn has_lengths(&self) -> bool {
        let ty = self.ty();
        is_text(ty) || is_bytes(ty) || matches!(ty, DataType::List(_) | DataType::LargeList(_))
    }

    /// Whether it has decimals that no number type may show.
    fn has_long_decimals(&self) -> bool {
        match decimals::digits(self.ty()) {
            Some((all, scale)) if scale <= 0 => i32::from(all) - i32::from(scale) > WHOLE_DIGITS,
            Some((all, _)) => all > decimals::FLOAT_DIGITS && !self.rounds,
            None => false,
        }
    }

    fn look(&mut self, array: &dyn Array) -> Result<(), (usize, String)> {
        use DataType as D;
        self.nulls += array.logical_null_count() as u64;
        if self.has_lengths() {
            for row in 0..array.len() {
                let length = match value(array, row, &TextRules::EXACT).map_err(|reason| (row, reason))? {
                    Value::Text(text) => {
                        self.few.add(&text);
                        text.len()
                    }
                    Value::Bytes(bytes) => bytes.len(),
                    Value::Array(elements) => elements.len(),
                    _ => continue,
                };
                let (least, greatest) = self.lengths.unwrap_or((length, length));
                self.lengths = Some((least.min(length), greatest.max(length)));
            }
            return Ok(());
        }
        if self.has_long_decimals() && self.not_shown.is_none() {
            let is_whole = decimals::digits(self.ty()).is_some_and(|(_, scale)| scale <= 0);
            self.not_shown = (0..array.len())
                .filter(|row| array.is_valid(*row))
                .filter_map(|row| decimals::text(array, row))
                .find(
                    |text| if is_whole { text.parse::<i128>().is_err() } else { !decimals::is_shown(text) },
                );
        }
        self.has_null_value |= match array.data_type() {
            D::Int8 => has::<Int8Type>(array, i8::MIN),
            D::Int16 => has::<Int16Type>(array, i16::MIN),
            D::Int32 => has::<Int32Type>(array, i32::MIN),
            D::Int64 => has::<Int64Type>(array, i64::MIN),
            D::UInt8 => has::<UInt8Type>(array, u8::MAX),
            D::UInt16 => has::<UInt16Type>(array, u16::MAX),
            D::UInt32 => has::<UInt32Type>(array, u32::MAX),
            D::UInt64 => has::<UInt64Type>(array, u64::MAX),
            _ => false,
        };
        Ok(())
    }

    fn decide(&self) -> Result<FieldDef> {
        match &self.named {
            Some(field) => Ok(field.clone()),
            None => FieldDef::of(self.name, self.find_type()?, self.nulls > 0, false),
        }
    }

    fn find_type(&self) -> Result<Type> {
        let ty = self.ty();
        Ok(match ty {
            DataType::Null => Type::Str(1),
            DataType::Boolean => Type::Bool,
            DataType::Date32 | DataType::Date64 => Type::Date,
            DataType::Timestamp(..) => Type::Timestamp,
            DataType::FixedSizeBinary(_) if is_uuid(self.field) => Type::Uuid,
            DataType::FixedSizeBinary(16) if let Some(wide) = wide_type(self.field) => wide,
            text if is_text(text) => match self.few.names(self.nulls > 0) {
                Some(names) => Type::Enum(names),
                None => Type::Str(self.length("a text")?),
            },
            binary if is_bytes(binary) => Type::Bytes(self.one_length("binary")?),
            DataType::List(element) | DataType::LargeList(element) => {
                Type::Array(self.element(element)?, self.one_length("lists")?)
            }
            DataType::FixedSizeList(element, length) => match u16::try_from(*length) {
                Ok(length @ 1..) => Type::Array(self.element(element)?, length),
                _ => bail!(Input, "lists of {length}; an array has 1 to {} elements", u16::MAX),
            },
            other if decimals::digits(other).is_some() => self.find_decimal()?,
            other => match from_number(other) {
                Some(number) if self.nulls > 0 && self.has_null_value => wider(number),
                Some(number) => number.as_type(),
                None => bail!(Input, "no field holds the Arrow type {other}"),
            },
        })
    }

    /// The type that holds decimals exactly.
    fn find_decimal(&self) -> Result<Type> {
        if let Some(text) = &self.not_shown {
            bail!(
                Input,
                "decimals such as {text}, which neither an i128 nor an f64 shows; \
                 give a schema with str[N], or allow rounding"
            );
        }
        Ok(match decimals::digits(self.ty()) {
            Some((all, scale)) if scale <= 0 => match i32::from(all) - i32::from(scale) {
                ..=9 => Type::I32,
                10..=18 => Type::I64,
                _ => Type::I128,
            },
            _ => Type::F64,
        })
    }

    fn element(&self, element: &Field) -> Result<Number> {
        match from_number(element.data_type()) {
            Some(number) => Ok(number),
            None => bail!(Input, "lists of {}; give a schema that says what they are", element.data_type()),
        }
    }

    /// The length of the longest value.
    fn length(&self, what: &str) -> Result<u16> {
        let longest = self.lengths.map_or(1, |(_, longest)| longest.max(1));
        let Ok(length) = u16::try_from(longest) else {
            bail!(Input, "{what} of {longest} bytes; a field has at most {}", u16::MAX);
        };
        Ok(length)
    }

    /// The length that all values have.
    fn one_length(&self, what: &str) -> Result<u16> {
        match self.lengths {
            Some((least, greatest)) if least != greatest => bail!(
                Input,
                "{what} of lengths from {least} to {greatest}; a field has one length: pad them, or leave the column out"
            ),
            _ => self.length(what),
        }
    }

    /// What was found, for people.
    fn reason(&self) -> String {
        if self.named.is_some() {
            return "as written by drystone".into();
        }
        let mut reason = self.field.data_type().to_string();
        if is_text(self.ty())
            && let Some((least, greatest)) = self.lengths
        {
            reason += &format!(", {least} to {greatest} bytes");
        }
        if self.nulls > 0 {
            reason += &format!("; {} missing", self.nulls);
        }
        reason
    }
}

fn has<T: ArrowPrimitiveType<Native: PartialEq>>(array: &dyn Array, value: T::Native) -> bool {
    array.as_primitive::<T>().iter().flatten().any(|other| other == value)
}

/// The type that holds all values of this one and a null.
fn wider(number: Number) -> Type {
    match number {
        Number::U8 => Type::U16,
        Number::U16 => Type::U32,
        Number::U32 => Type::U64,
        Number::I8 => Type::I16,
        Number::I16 => Type::I32,
        Number::I32 => Type::I64,
        Number::U64 => Type::U128,
        Number::I64 => Type::I128,
        other => other.as_type(),
    }
}
