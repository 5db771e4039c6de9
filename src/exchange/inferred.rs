//! A schema that was found by looking through an input, and what was found in each column.

use std::fmt;

use crate::error::Result;
use crate::schema::Schema;

/// The schema of records that hold an input, found by looking through it. It prints as a list with a line a column.
#[derive(Clone, Debug)]
pub struct Inferred {
    schema: Schema,
    reasons: Vec<String>,
}

impl Inferred {
    /// `reasons` says of each field what was found.
    pub(super) fn new(schema: Schema, reasons: Vec<String>) -> Inferred {
        Inferred { schema, reasons }
    }

    /// The schema. It has a key only where the input comes from a table that has one, and says so.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The same with these fields as the key, which come first then.
    ///
    /// # Errors
    /// As [`Schema::with_key`]; a column in which values are missing cannot be part of a key.
    pub fn with_key<S: AsRef<str>>(&self, names: &[S]) -> Result<Schema> {
        self.schema.with_key(names)
    }
}

impl fmt::Display for Inferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.schema.fields();
        let name_width = fields.iter().map(|field| field.name().chars().count()).max().unwrap_or(0);
        for (at, (field, reason)) in fields.iter().zip(&self.reasons).enumerate() {
            let ty = field.type_text().to_string();
            let line_break = if at == 0 { "" } else { "\n" };
            write!(f, "{line_break}{:name_width$}  {ty:<10}  {reason}", field.name())?;
        }
        Ok(())
    }
}
