//! Aggregates bound to a schema: the place of their field, and the type of the result. The planner
//! makes them, `run` computes them.

use crate::error::{Result, bail};
use crate::order::Scalar;
use crate::query::ask::aggregate::{Aggregate, Function};
use crate::query::ask::column::Place;
use crate::schema::{FieldDef, Schema, Type};

/// An aggregate bound to a schema.
#[derive(Clone)]
pub(in crate::query) struct Fn {
    pub(in crate::query) function: Function,
    pub(in crate::query) place: Option<Place>,
    /// Whether a sum of this many rows always fits into 64 bits.
    pub(in crate::query) is_narrow: bool,
    pub(in crate::query) is_grouped: bool,
    /// The name and type of the result.
    pub(in crate::query) field: FieldDef,
}

impl Fn {
    /// `rows` is the highest possible number of rows; `is_grouped` is whether each group has at
    /// least one row.
    pub(in crate::query) fn new(
        aggregate: &Aggregate,
        schema: &Schema,
        rows: u64,
        is_grouped: bool,
    ) -> Result<Fn> {
        let within = |error: crate::error::Error| error.within(aggregate);
        let place =
            aggregate.column.as_ref().map(|column| column.place(schema)).transpose().map_err(within)?;
        let name = aggregate.name();
        let function = aggregate.function;
        let (ty, nullable) = match &place {
            Some(_) if function == Function::CountDistinct => (Type::U64, false),
            _ if function == Function::Count => (Type::U64, false),
            None => bail!(Query, "{function} needs a field"),
            Some(place) => (type_of(function, place, rows)?, place.field.is_nullable() || !is_grouped),
        };
        let field = FieldDef::of(&name, ty, nullable, false).map_err(|error| {
            error.within(format_args!("{aggregate}: give it a name, as in `{aggregate} as x`"))
        })?;
        let is_narrow = place.as_ref().is_some_and(|place| is_narrow(place.field.ty(), rows));
        Ok(Fn { function, place, is_narrow, is_grouped, field })
    }

    /// The same for rows in which fields have other places; `None` if its own field is not there.
    pub(in crate::query) fn moved(&self, to: &dyn std::ops::Fn(&Place) -> Option<Place>) -> Option<Fn> {
        let place = match &self.place {
            Some(place) => Some(to(place)?),
            None => None,
        };
        Some(Fn { place, ..self.clone() })
    }

    /// Whether the result depends on the order of the rows.
    pub(in crate::query) fn needs_order(&self) -> bool {
        matches!(self.function, Function::First | Function::Last)
    }
}

fn type_of(function: Function, place: &Place, rows: u64) -> Result<Type> {
    let ty = place.field.ty();
    match function {
        Function::Count | Function::CountDistinct => Ok(Type::U64),
        Function::First | Function::Last => Ok(ty.clone()),
        Function::Min | Function::Max if !matches!(ty, Type::Array(..)) => Ok(ty.clone()),
        Function::Mean if ty.is_number() => Ok(Type::F64),
        Function::Sum if ty.is_number() => Ok(match ty {
            Type::F32 | Type::F64 => Type::F64,
            Type::U128 => Type::U128,
            _ if is_narrow(ty, rows) => Type::I64,
            _ => Type::I128,
        }),
        _ => bail!(
            Value,
            "field {:?} is of type {}; {function} is for {}",
            place.field.name(),
            place.field.type_text(),
            if matches!(function, Function::Min | Function::Max) {
                "all types but arrays"
            } else {
                "numbers"
            }
        ),
    }
}

/// Whether the sum of this many numbers of a type always fits into an `i64`.
fn is_narrow(ty: &Type, rows: u64) -> bool {
    let Some((width, signed)) = ty.scalar().and_then(Scalar::whole) else { return false };
    let bits = 8 * width as u32 - u32::from(signed);
    bits < 64 && u128::from(rows) << bits <= i64::MAX as u128
}
