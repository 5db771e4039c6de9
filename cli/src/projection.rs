//! Some fields of a row, as a row of their own.

use std::ops::Range;

use drystone::{Error, ErrorKind, FieldDef, Result, Row, Schema, Type};

/// Takes fields, or values at byte offsets, out of rows.
pub(crate) struct Projection {
    schema: Schema,
    /// Where the bytes of each field come from, unless rows stay as they are.
    parts: Option<Vec<Range<usize>>>,
    bytes: Vec<u8>,
}

impl Projection {
    /// These fields, then the values at `OFFSET:TYPE`; everything if nothing is named.
    pub(crate) fn new(schema: &Schema, names: &[String], places: &[Place]) -> Result<Projection> {
        if names.is_empty() && places.is_empty() {
            return Ok(Projection { schema: schema.clone(), parts: None, bytes: Vec::new() });
        }
        let (mut fields, mut parts) = (Vec::new(), Vec::new());
        for name in names {
            let field = schema.field(name)?;
            fields.push(if field.is_nullable() {
                FieldDef::new(name, field.ty())?.nullable()?
            } else {
                FieldDef::new(name, field.ty())?
            });
            parts.push(field.offset()..field.offset() + field.width());
        }
        for place in places {
            let part = place.offset..place.offset.saturating_add(place.field.width());
            if part.end > schema.width() {
                let message = format!("{}: a row has {} bytes", place.field.name(), schema.width());
                return Err(Error::new(ErrorKind::OutOfRange, message));
            }
            fields.push(place.field.clone());
            parts.push(part);
        }
        Ok(Projection { schema: Schema::new(fields)?, parts: Some(parts), bytes: Vec::new() })
    }

    /// The schema of the rows that come out.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether rows stay as they are.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.is_none()
    }

    /// The fields of this row.
    pub(crate) fn apply<'p>(&'p mut self, row: Row<'p>) -> Result<Row<'p>> {
        let Some(parts) = &self.parts else { return Ok(row) };
        self.bytes.clear();
        for part in parts {
            self.bytes.extend_from_slice(&row.as_bytes()[part.clone()]);
        }
        Row::new(&self.schema, &self.bytes)
    }
}

/// A value at a byte offset, as in `12:i16`.
#[derive(Clone)]
pub(crate) struct Place {
    offset: usize,
    field: FieldDef,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let parts = text.split_once(':').and_then(|(offset, ty)| Some((offset.parse().ok()?, ty)));
        let Some((offset, ty)) = parts else {
            return Err("a byte offset, a colon and a type are expected, such as 12:i16".into());
        };
        let (ty, nullable) = ty.strip_suffix('?').map_or((ty, false), |ty| (ty, true));
        let ty: Type = ty.parse().map_err(|error: Error| error.to_string())?;
        let field = FieldDef::new(text, ty);
        let field = if nullable { field.and_then(FieldDef::nullable) } else { field };
        let field = field.map_err(|error| error.to_string())?;
        Ok(Place { offset, field })
    }
}
