//! Reads `.npy` files as records.

use std::fmt;
use std::io::Read;

use super::dtype::{ArrayField, ArrayLayout, VALUE};
use super::element::Kind;
use super::literal::Literal;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::column_names::name_columns;
use crate::exchange::columns::match_columns;
use crate::exchange::common::Common;
use crate::exchange::inferred::{Column as Found, Inferred};
use crate::exchange::missing;
use crate::exchange::typed::store;
use crate::load::RecordSource;
use crate::record::{Uuid, Value};
use crate::schema::text::decode_str;
use crate::schema::{FieldDef, Number, Schema, TextRules, Type};

const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header; that of 1,024 fields with long names is below it.
const HEADER_BYTES: usize = 1 << 20;
/// This many bytes are read at a time, but at least one row.
const PIECE_BYTES: usize = 256 << 10;

/// A file whose header was read.
pub(super) struct ArrayOpened<R> {
    pieces: Pieces<R>,
    layout: ArrayLayout,
    notes: Vec<String>,
}

impl<R: Read> ArrayOpened<R> {
    pub(super) fn new(common: &Common, mut input: R) -> Result<ArrayOpened<R>> {
        let name = &*common.name;
        let header = header(name, &mut input)?;
        let (mut layout, rows) =
            shape(&header).map_err(|reason| Error::new(ErrorKind::Input, format!("{name}: {reason}")))?;
        let pieces =
            Pieces { name: name.into(), input, width: layout.width, rows, done: 0, bytes: Vec::new() };
        let given: Vec<&str> = layout.columns.iter().map(|column| &*column.name).collect();
        let named = name_columns(name, &given, &common.renames)?;
        for (column, name) in layout.columns.iter_mut().zip(named.names) {
            column.name = name.into();
        }
        Ok(ArrayOpened { pieces, layout, notes: named.notes })
    }

    pub(super) fn infer(mut self) -> Result<Inferred> {
        let columns = &self.layout.columns;
        let mut seen: Vec<SeenColumn> = columns.iter().map(|_| SeenColumn::default()).collect();
        let is_open =
            |column: &ArrayField| matches!(column.element.kind, Kind::Text | Kind::Bytes | Kind::Moment(_));
        if columns.iter().any(is_open) {
            while self.pieces.advance()? {
                for row in self.pieces.bytes.chunks_exact(self.layout.width) {
                    for (column, seen) in columns.iter().zip(&mut seen).filter(|(column, _)| is_open(column))
                    {
                        seen.look(column, &row[column.offset..][..column.width()]);
                    }
                }
            }
        }
        let name = &self.pieces.name;
        let fields = columns.iter().zip(&seen).map(|(column, seen)| {
            let place = |error: Error| error.within(format_args!("{name}, field {:?}", column.name));
            let ty = seen.find_type(column).map_err(place)?;
            FieldDef::of(&column.name, ty, seen.nulls > 0, false).map_err(|error| error.within(name))
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        let schema = Schema::new(fields.clone()).map_err(|error| error.within(name))?;
        let found = fields.into_iter().zip(&seen).map(|(field, seen)| {
            let reason = match seen.nulls {
                0 => String::new(),
                nulls => format!("{nulls} missing"),
            };
            Found::new(field, seen.nulls, reason)
        });
        Ok(Inferred::new(schema, found.collect(), Some(self.pieces.rows)).with_notes(self.notes))
    }
}

/// Reads an `.npy` file as a source of records; from [`Options::reader`](super::Options::reader).
/// Places are rows, counted from 1.
///
/// Values with the same layout as their field are copied. So in a nullable field the value that is
/// reserved for null is null, as [`Writer`](super::Writer) writes it. NaT is null, or an error if
/// the field is not nullable. Other values are stored if that is exact.
pub struct Reader<R> {
    pieces: Pieces<R>,
    schema: Schema,
    matched: Vec<Match>,
    rules: TextRules,
    notes: Vec<String>,
    taken: usize,
    place: u64,
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numpy::Reader({:?}, {})", self.pieces.name, self.schema)
    }
}

struct Match {
    column: ArrayField,
    field: FieldDef,
    /// Whether the bytes are copied as they are.
    is_stored: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(opened: ArrayOpened<R>, common: &Common, schema: &Schema) -> Result<Reader<R>> {
        let ArrayOpened { pieces, mut layout, notes } = opened;
        if let ([only], [field]) = (&mut layout.columns[..], schema.fields())
            && layout.is_plain
        {
            only.name = field.name().to_owned();
        }
        let names: Vec<&str> = layout.columns.iter().map(|column| &*column.name).collect();
        let fields = match_columns(&pieces.name, "its dtype", common.ignore_unknown, schema, &names)?;
        let matched = layout.columns.iter().zip(&fields).filter_map(|(column, field)| {
            let field = &schema.fields()[usize::from((*field)?)];
            Some(Match {
                is_stored: column.is_stored_as(field),
                column: column.clone(),
                field: field.clone(),
            })
        });
        let matched = matched.collect();
        let rules = common.rules.clone();
        Ok(Reader { matched, pieces, schema: schema.clone(), rules, notes, taken: 0, place: 0 })
    }
}

impl<R> Reader<R> {
    /// The number of rows, from the header.
    pub fn rows(&self) -> u64 {
        self.pieces.rows
    }

    /// What a person should know about how the input is read: names that were made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl<R: Read> RecordSource for Reader<R> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.schema.check_width(record.len())?;
        if self.taken == self.pieces.bytes.len() {
            self.taken = 0;
            if !self.pieces.advance()? {
                return Ok(false);
            }
        }
        let row = &self.pieces.bytes[self.taken..][..self.pieces.width];
        record.copy_from_slice(self.schema.default_bytes());
        for matched in &self.matched {
            let bytes = &row[matched.column.offset..][..matched.column.width()];
            let slot = &mut record[matched.field.offset()..][..matched.field.width()];
            if let Err(reason) = matched.fill(&self.rules, bytes, slot) {
                let place = self.describe(self.place + 1);
                bail!(Input, "{place}: {reason}");
            }
        }
        self.taken += self.pieces.width;
        self.place += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn describe(&self, place: u64) -> String {
        format!("row {place} of {}", self.pieces.name)
    }

    fn rows_hint(&self) -> Option<u64> {
        Some(self.pieces.rows.saturating_sub(self.place))
    }
}

impl Match {
    fn fill(&self, rules: &TextRules, bytes: &[u8], slot: &mut [u8]) -> Result<(), String> {
        let field = &self.field;
        if self.is_stored {
            slot.copy_from_slice(bytes);
            let is_nat = field.ty() == Type::Timestamp && slot == i64::MIN.to_le_bytes();
            if is_nat && !field.is_nullable() {
                return Err(missing(field, "NaT"));
            }
            return field.check(slot).map_err(|error| error.to_string());
        }
        let name = field.name();
        let value = self.value(rules, bytes).map_err(|reason| format!("field {name:?}: {reason}"))?;
        match (field.ty(), value) {
            (_, Value::Null) if !field.is_nullable() => return Err(missing(field, "NaT")),
            (Type::Bytes(_), Value::Text(_)) if self.column.element.kind == Kind::Bytes => {
                field.store(&bytes.into(), slot)
            }
            (_, value) => store(field, rules, value, slot),
        }
        .map_err(|error| error.to_string())
    }

    fn value<'b>(&self, rules: &TextRules, bytes: &'b [u8]) -> Result<Value<'b>, String> {
        let element = self.column.element;
        let wide = |value| match (value, self.field.ty()) {
            (Value::Bytes(bytes), ty) => match (ty, <[u8; 16]>::try_from(&*bytes)) {
                (Type::Uuid, Ok(bytes)) => Uuid::from_bytes(bytes).into(),
                (Type::U128 | Type::Array(Number::U128, _), Ok(bytes)) => u128::from_le_bytes(bytes).into(),
                (Type::I128 | Type::Array(Number::I128, _), Ok(bytes)) => i128::from_le_bytes(bytes).into(),
                _ => Value::Bytes(bytes),
            },
            (other, _) => other,
        };
        if self.column.length.is_none() {
            return element.value(bytes, rules.round).map(wide);
        }
        let elements =
            bytes.chunks_exact(element.width()).map(|bytes| element.value(bytes, rules.round).map(wide));
        elements.collect::<Result<_, _>>().map(Value::Array)
    }
}

/// The bytes of the array, a piece at a time.
struct Pieces<R> {
    name: Box<str>,
    input: R,
    width: usize,
    rows: u64,
    done: u64,
    bytes: Vec<u8>,
}

impl<R: Read> Pieces<R> {
    /// Reads the next rows. Returns `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        self.bytes.clear();
        let rows = ((PIECE_BYTES / self.width).max(1) as u64).min(self.rows - self.done);
        if rows == 0 {
            return Ok(false);
        }
        let wanted = rows * self.width as u64;
        let read = (&mut self.input).take(wanted).read_to_end(&mut self.bytes);
        read.map_err(|error| Error::io(format_args!("cannot read {}", self.name), error))?;
        let whole = self.bytes.len() / self.width;
        if (self.bytes.len() as u64) < wanted {
            self.bytes.truncate(0);
            bail!(
                Input,
                "{}: it ends after {} of the {} rows that its header tells of",
                self.name,
                self.done + whole as u64,
                self.rows
            );
        }
        self.done += rows;
        Ok(true)
    }
}

/// The header of a file, as a literal.
fn header(name: &str, input: &mut impl Read) -> Result<Literal> {
    let mut take = |length: usize| {
        let mut bytes = Vec::new();
        let read = input.by_ref().take(length as u64).read_to_end(&mut bytes);
        read.map_err(|error| Error::io(format_args!("cannot read {name}"), error)).map(|_| bytes)
    };
    let start = take(8)?;
    if !start.starts_with(MAGIC) || start.len() < 8 {
        bail!(Input, "{name}: it is not an .npy file, which begins with \"\\x93NUMPY\"");
    }
    let length_bytes = match start[6] {
        1 => 2,
        2 | 3 => 4,
        other => bail!(Input, "{name}: version {other} of the .npy format is not supported; 1 to 3 are"),
    };
    let mut length = [0; 8];
    let given = take(length_bytes)?;
    length[..given.len()].copy_from_slice(&given);
    let length = u64::from_le_bytes(length);
    if length > HEADER_BYTES as u64 {
        bail!(Input, "{name}: its header has {length} bytes, and the limit is {HEADER_BYTES}");
    }
    let text = take(length as usize)?;
    if given.len() < length_bytes || (text.len() as u64) < length {
        bail!(Input, "{name}: it ends within its header");
    }
    let text = match start[6] {
        3 => String::from_utf8(text).ok(),
        // Latin-1 is the first 256 characters of Unicode.
        _ => Some(text.iter().copied().map(char::from).collect()),
    };
    match text.map(|text| Literal::parse(&text)) {
        Some(Ok(header @ Literal::Dict(_))) => Ok(header),
        Some(Err(error)) => bail!(Input, "{name}: its header is not a Python dict: {error}"),
        _ => bail!(Input, "{name}: its header is not a Python dict"),
    }
}

/// The rows and fields that the header describes, or why records cannot be made of them.
fn shape(header: &Literal) -> Result<(ArrayLayout, u64), String> {
    let descr = header.get("descr").ok_or("its header has no descr")?;
    let mut layout = ArrayLayout::parse(descr)?;
    let shape = header.get("shape").and_then(Literal::list).ok_or("its header has no shape")?;
    let shape: Option<Vec<u64>> = shape.iter().map(Literal::number).collect();
    let rows = match (&*shape.ok_or("its shape has something else than numbers")?, &mut layout.columns[..]) {
        ([rows], _) => *rows,
        ([rows, length], [only]) if layout.is_plain => {
            if header.get("fortran_order") == Some(&Literal::Bool(true)) {
                return Err("its columns lie side by side; save numpy.ascontiguousarray of it".into());
            }
            let length =
                usize::try_from(*length).ok().filter(|length| (1..=usize::from(u16::MAX)).contains(length));
            only.length = Some(length.ok_or("its rows have more elements than an array, or none")?);
            layout.width = only.width();
            *rows
        }
        (shape, _) => {
            return Err(format!(
                "it has {} dimensions; a structured array has one, a plain one at most two: reshape it",
                shape.len()
            ));
        }
    };
    if rows.checked_mul(layout.width as u64).is_none() {
        return Err(format!("{rows} rows of {} bytes exceed the limit", layout.width));
    }
    Ok((layout, rows))
}

/// What was seen of a column.
#[derive(Default)]
struct SeenColumn {
    nulls: u64,
    longest: usize,
    /// Whether a value is not text.
    has_bytes: bool,
}

impl SeenColumn {
    fn look(&mut self, column: &ArrayField, bytes: &[u8]) {
        match column.element.kind {
            Kind::Bytes => self.has_bytes |= decode_str(bytes).is_err(),
            Kind::Moment(_) => {
                self.nulls += u64::from(matches!(column.element.value(bytes, false), Ok(Value::Null)));
            }
            _ => {
                if let Ok(Value::Text(text)) = column.element.value(bytes, false) {
                    self.longest = self.longest.max(text.len());
                }
            }
        }
    }

    fn find_type(&self, column: &ArrayField) -> Result<Type> {
        use super::element::Unit;
        let element = column.element;
        let length = |bytes: usize| match u16::try_from(bytes) {
            Ok(length) => Ok(length.max(1)),
            Err(_) => bail!(Input, "{bytes} bytes; a field has at most {}", u16::MAX),
        };
        let ty = match element.kind {
            Kind::Bool => Type::Bool,
            Kind::Bytes if self.has_bytes => Type::Bytes(length(element.width())?),
            Kind::Bytes => Type::Str(length(element.width())?),
            Kind::Text => Type::Str(length(self.longest)?),
            Kind::Void => Type::Bytes(length(element.width())?),
            Kind::Moment(Unit::Days(_)) => Type::Date,
            Kind::Moment(_) => Type::Timestamp,
            // Half floats become `f32`.
            kind => kind.number(element.width()).unwrap_or(Number::F32).as_type(),
        };
        match (column.length, ty.number()) {
            (None, _) => Ok(ty),
            (Some(elements), Some(number)) => Ok(Type::Array(number, length(elements)?)),
            (Some(_), None) => bail!(
                Input,
                "an array of {ty}, where only numbers have arrays; make fields of its elements, as for {VALUE}_1, {VALUE}_2"
            ),
        }
    }
}
