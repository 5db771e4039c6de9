//! Expressions bound to a schema: a field, perhaps rounded down. Used by the shape of the result.

use super::floor::Floor;
use crate::error::{Error, Result};
use crate::query::ask::column::Place;
use crate::query::ask::expr::Expr;
use crate::schema::{FieldDef, Schema};

/// An expression bound to a schema.
#[derive(Clone, Debug)]
pub(in crate::query) struct Part {
    /// Where it is read. The field has the name that it gets in the result.
    pub(in crate::query) place: Place,
    pub(in crate::query) floor: Option<Floor>,
}

impl Expr {
    /// Where it is read in rows of a schema, and how it is rounded.
    pub(in crate::query) fn bind(&self, schema: &Schema) -> Result<Part> {
        let within = |error: Error| {
            if self.is_floor() { error.within(self.call()) } else { error }
        };
        let mut place = self.column.place(schema).map_err(within)?;
        let floor = match self.step {
            Some(step) => Floor::new(step, &place, self.call()).map_err(within)?,
            None => None,
        };
        let old = &place.field;
        place.field =
            FieldDef::of(&self.name(), old.ty().clone(), old.is_nullable(), false).map_err(|error| {
                error.within(format_args!("{}: give it a name, as in `{} as x`", self.call(), self.call()))
            })?;
        Ok(Part { place, floor })
    }
}
