//! Some fields of a row, as a row of their own: `--select` and `--at`. Used by the commands that
//! print rows; queries have the projection of the library.

use std::ops::Range;

use drystone::{Error, ErrorKind, FieldDef, Result, Row, Schema, Type};

use super::names::{Selected, Selection};

/// Copies fields, or values at byte offsets, out of rows.
pub(crate) struct Projection {
    schema: Schema,
    /// The bytes of a row that each field consists of. `None`: rows are not changed.
    parts: Option<Vec<Range<usize>>>,
    bytes: Vec<u8>,
}

impl Projection {
    /// What is selected, then the values at `OFFSET:TYPE`. All fields if both are empty.
    pub(crate) fn new(
        schema: &Schema,
        selections: &[Selection],
        raw_values: &[RawValue],
    ) -> Result<Projection> {
        if selections.is_empty() && raw_values.is_empty() {
            return Ok(Projection { schema: schema.clone(), parts: None, bytes: Vec::new() });
        }
        let (mut fields, mut parts) = (Vec::new(), Vec::new());
        let mut selected = Vec::new();
        for selection in selections {
            selected.extend(selection.resolve(schema)?);
        }
        selected.extend(
            raw_values.iter().cloned().map(|RawValue { offset, field }| Selected::Raw { offset, field }),
        );
        for selected in selected {
            let (field, part) = match selected {
                Selected::Field { at, name } => {
                    let field = &schema.fields()[at];
                    let named = FieldDef::new(name.as_deref().unwrap_or(field.name()), field.ty())?;
                    let named = if field.is_nullable() { named.nullable()? } else { named };
                    (named, field.offset()..field.offset() + field.width())
                }
                Selected::Raw { offset, field } => {
                    let part = offset..offset.saturating_add(field.width());
                    (field, part)
                }
            };
            if part.end > schema.width() {
                let message = format!("{}: a row has {} bytes", field.name(), schema.width());
                return Err(Error::new(ErrorKind::OutOfRange, message));
            }
            fields.push(field);
            parts.push(part);
        }
        Ok(Projection { schema: Schema::new(fields)?, parts: Some(parts), bytes: Vec::new() })
    }

    /// The schema of the projected rows.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether rows are not changed.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.is_none()
    }

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
pub(crate) struct RawValue {
    offset: usize,
    field: FieldDef,
}

impl std::str::FromStr for RawValue {
    type Err = String;

    fn from_str(text: &str) -> Result<RawValue, String> {
        let parts = text.split_once(':').and_then(|(offset, ty)| Some((offset.parse().ok()?, ty)));
        let Some((offset, ty)) = parts else {
            return Err("a byte offset, a colon and a type are expected, such as 12:i16".into());
        };
        let (ty, nullable) = ty.strip_suffix('?').map_or((ty, false), |ty| (ty, true));
        let ty: Type = ty.parse().map_err(|error: Error| error.to_string())?;
        let field = FieldDef::new(text, ty);
        let field = if nullable { field.and_then(FieldDef::nullable) } else { field };
        let field = field.map_err(|error| error.to_string())?;
        Ok(RawValue { offset, field })
    }
}
