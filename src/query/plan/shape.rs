//! The shape of a result, bound to a schema: fields of the rows, or aggregates of groups of rows.
//! The planner makes it; `run` writes rows of this shape.

use super::bound::Fn;
use super::part::Part;
use crate::error::{Result, bail};
use crate::query::ask::aggregate::{Aggregate, Function, count};
use crate::query::ask::column::{Column, Place};
use crate::query::ask::expr::Expr;
use crate::query::ask::order_by::{By, Order};
use crate::schema::{FieldDef, Schema};

/// What a query returns.
pub(in crate::query) enum Shape {
    Rows(Projection),
    Aggregates(Aggregation),
}

/// One field to sort by.
#[derive(Clone)]
pub(in crate::query) struct SortField {
    pub(in crate::query) place: Place,
    pub(in crate::query) is_descending: bool,
    pub(in crate::query) nulls_last: bool,
}

/// Fields of a row, as a row of their own.
pub(in crate::query) struct Projection {
    pub(in crate::query) schema: Schema,
    /// Offset and length of the runs of bytes that are copied.
    parts: Vec<(usize, usize)>,
}

/// Groups of rows and the aggregates of each. Without fields to group by, all rows are one group.
pub(in crate::query) struct Aggregation {
    pub(in crate::query) schema: Schema,
    pub(in crate::query) groups: Vec<Part>,
    pub(in crate::query) fns: Vec<Fn>,
}

impl Projection {
    /// These fields, or all if none is named.
    pub(in crate::query) fn new(select: &[Expr], schema: &Schema) -> Result<Projection> {
        if let Some(floor) = select.iter().find(|expr| expr.is_floor()) {
            bail!(Query, "select {}: floor is for groups; group by it, or add distinct", floor.call());
        }
        let places = places(select, schema)?;
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for place in &places {
            match parts.last_mut() {
                Some((at, length)) if *at + *length == place.offset => *length += place.width(),
                _ => parts.push((place.offset, place.width())),
            }
        }
        Ok(Projection { schema: result_schema(places.into_iter().map(|place| place.field))?, parts })
    }

    /// The same for rows in which the bytes have other places, if all of them are there.
    pub(in crate::query) fn moved(
        &self,
        pieces: &dyn std::ops::Fn(usize, usize) -> Option<Vec<(usize, usize)>>,
    ) -> Option<Projection> {
        let parts = self.parts.iter().map(|(at, length)| pieces(*at, *length));
        let parts = parts.collect::<Option<Vec<_>>>()?.concat();
        Some(Projection { schema: self.schema.clone(), parts })
    }

    /// Offset and length of the runs of bytes that are selected.
    pub(in crate::query) fn parts(&self) -> &[(usize, usize)] {
        &self.parts
    }

    /// Appends the selected bytes of a row.
    #[inline]
    pub(in crate::query) fn write(&self, row: &[u8], out: &mut Vec<u8>) {
        for (at, length) in &self.parts {
            out.extend_from_slice(&row[*at..*at + *length]);
        }
    }
}

impl Aggregation {
    /// `rows` is the highest possible number of rows.
    pub(in crate::query) fn new(
        groups: &[Expr],
        aggregates: &[Aggregate],
        schema: &Schema,
        rows: u64,
    ) -> Result<Aggregation> {
        let is_grouped = !groups.is_empty();
        let groups = groups.iter().map(|expr| expr.bind(schema)).collect::<Result<Vec<_>>>()?;
        let fns = aggregates.iter().map(|aggregate| Fn::new(aggregate, schema, rows, is_grouped));
        let fns = fns.collect::<Result<Vec<_>>>()?;
        let fields = groups.iter().map(|part| &part.place.field).chain(fns.iter().map(|fun| &fun.field));
        Ok(Aggregation { schema: result_schema(fields.cloned())?, groups, fns })
    }

    /// The schema in which these fields cannot be null: their only value looks like null, but is
    /// not.
    pub(in crate::query) fn schema_without_null(&self, never_null: &[bool]) -> Result<Schema> {
        let mut fields: Vec<FieldDef> = self.groups.iter().map(|part| part.place.field.clone()).collect();
        for (fun, never) in self.fns.iter().zip(never_null) {
            let field = &fun.field;
            fields.push(FieldDef::of(field.name(), field.ty(), field.is_nullable() && !never, false)?);
        }
        Schema::new(fields)
    }
}

/// The schema of a result.
fn result_schema(fields: impl Iterator<Item = FieldDef>) -> Result<Schema> {
    let fields: Vec<FieldDef> = fields.collect();
    for (at, field) in fields.iter().enumerate() {
        if fields[..at].iter().any(|other| other.name() == field.name()) {
            bail!(
                Schema,
                "field {:?}: another field has this name in the result; give one of them another with `as`",
                field.name()
            );
        }
    }
    Schema::new(fields)
}

/// The places of these fields in a row; all fields if none is named.
fn places(select: &[Expr], schema: &Schema) -> Result<Vec<Place>> {
    if select.is_empty() {
        let all = schema.fields().iter().map(|field| Column::from(field.name()).place(schema));
        return all.collect();
    }
    select.iter().map(|expr| Ok(expr.bind(schema)?.place)).collect()
}

/// How the rows of a table are sorted: by a selected field, by its name in the result, or by any
/// field of the table.
pub(in crate::query) fn order_of_rows(
    orders: &[Order],
    select: &[Expr],
    schema: &Schema,
) -> Result<Vec<SortField>> {
    let field = |order: &Order| match &order.by {
        By::Expr(expr) if expr.is_floor() => {
            bail!(Query, "order by {}: floor is for groups; sort by the field", expr.call())
        }
        By::Expr(expr) => {
            let renamed = select.iter().find(|selected| selected.name() == expr.column.name());
            sort_field(order, renamed.unwrap_or(expr).column.place(schema)?)
        }
        By::Aggregate(aggregate) => {
            bail!(Query, "order by {aggregate}: the query computes no aggregates; add it to them")
        }
    };
    orders.iter().map(field).collect()
}

/// How the rows of a result are sorted: by a field of it, by name, or by an aggregate.
pub(in crate::query) fn order_of_result(
    orders: &[Order],
    groups: &[Expr],
    aggregates: &[Aggregate],
    result: &Schema,
) -> Result<Vec<SortField>> {
    let computed = |wanted: &Aggregate| {
        let found = aggregates.iter().find(|aggregate| aggregate.is_same(wanted));
        found.map(|aggregate| aggregate.name())
    };
    let grouped = |wanted: &Expr| groups.iter().find(|expr| expr.is_same(wanted)).map(Expr::name);
    let field = |order: &Order| {
        let name = match &order.by {
            By::Aggregate(aggregate) => match computed(aggregate) {
                Some(name) => name,
                None => bail!(
                    Query,
                    "order by {aggregate}: the query does not compute it; add it to the aggregates"
                ),
            },
            By::Expr(expr) if expr.is_floor() => match grouped(expr) {
                Some(name) => name,
                None => bail!(Query, "order by {}: the query does not group by it", expr.call()),
            },
            By::Expr(expr) => {
                let name = expr.column.name();
                if result.position(&name).is_some() {
                    name
                } else if let Some(name) = grouped(expr) {
                    // It has another name in the result.
                    name
                } else if Function::of_name(&name) == Some(Function::Count) {
                    computed(&count()).unwrap_or(name)
                } else {
                    name
                }
            }
        };
        let within = |error: crate::error::Error| error.within("order by");
        sort_field(order, Column::from(name).place(result).map_err(within)?)
    };
    orders.iter().map(field).collect()
}

fn sort_field(order: &Order, place: Place) -> Result<SortField> {
    if let crate::schema::Type::Array(..) = place.field.ty() {
        bail!(
            Value,
            "order by {order}: an array has no order; an element is reached by its offset, as at({}, …)",
            place.offset
        );
    }
    Ok(SortField { place, is_descending: order.is_descending, nulls_last: order.puts_nulls_last() })
}
