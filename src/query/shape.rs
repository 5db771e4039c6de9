//! What comes out of a query, bound to a schema: fields of the rows themselves, or aggregates of groups of them.

use super::aggregate::{Aggregate, Function, count};
use super::column::{Column, Place};
use super::fold::Fn;
use super::group::Groups;
use super::order::{By, Order};
use super::sort::SortField;
use crate::error::{Result, fail};
use crate::schema::{FieldDef, Schema};

/// What comes out.
pub(super) enum Shape {
    Rows(Projection),
    Aggregates(Aggregation),
}

/// Fields of a row, as a row of their own.
pub(super) struct Projection {
    pub(super) schema: Schema,
    /// Offset and length of the runs of bytes that come out.
    parts: Vec<(usize, usize)>,
}

/// Groups of rows and what is computed of each; without fields to group by, all rows are one group.
pub(super) struct Aggregation {
    pub(super) schema: Schema,
    pub(super) groups: Vec<Place>,
    pub(super) fns: Vec<Fn>,
}

impl Projection {
    /// These columns, or all fields.
    pub(super) fn new(columns: &[Column], schema: &Schema) -> Result<Projection> {
        let places = places(columns, schema)?;
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for place in &places {
            match parts.last_mut() {
                Some((at, length)) if *at + *length == place.offset => *length += place.width(),
                _ => parts.push((place.offset, place.width())),
            }
        }
        Ok(Projection { schema: Schema::new(places.into_iter().map(|place| place.field).collect())?, parts })
    }

    /// The same of rows in which bytes lie elsewhere, in these pieces, if all of them are there.
    pub(super) fn moved(
        &self,
        pieces: &dyn std::ops::Fn(usize, usize) -> Option<Vec<(usize, usize)>>,
    ) -> Option<Projection> {
        let parts = self.parts.iter().map(|(at, length)| pieces(*at, *length));
        let parts = parts.collect::<Option<Vec<_>>>()?.concat();
        Some(Projection { schema: self.schema.clone(), parts })
    }

    /// Appends what comes out of a row.
    #[inline]
    pub(super) fn write(&self, row: &[u8], out: &mut Vec<u8>) {
        for (at, length) in &self.parts {
            out.extend_from_slice(&row[*at..*at + *length]);
        }
    }
}

impl Aggregation {
    /// `rows` is how many rows there can be.
    pub(super) fn new(
        groups: &[Column],
        aggregates: &[Aggregate],
        schema: &Schema,
        rows: u64,
    ) -> Result<Aggregation> {
        let is_grouped = !groups.is_empty();
        let groups = groups.iter().map(|column| column.place(schema)).collect::<Result<Vec<_>>>()?;
        let fns = aggregates.iter().map(|aggregate| Fn::new(aggregate, schema, rows, is_grouped));
        let fns = fns.collect::<Result<Vec<_>>>()?;
        let fields = groups.iter().map(|place| &place.field).chain(fns.iter().map(|fun| &fun.field));
        Ok(Aggregation { schema: Schema::new(fields.cloned().collect())?, groups, fns })
    }

    /// A row of the result.
    ///
    /// # Errors
    /// `Limit` if a sum does not fit.
    pub(super) fn write(
        &self,
        found: Option<&Groups>,
        folds: &[Box<dyn super::fold::Fold>],
        group: usize,
        out: &mut Vec<u8>,
    ) -> Result<Vec<bool>> {
        if let Some(groups) = found {
            out.extend_from_slice(groups.key(group));
        }
        let mut collisions = vec![false; self.fns.len()];
        for ((fun, fold), collides) in self.fns.iter().zip(folds).zip(&mut collisions) {
            let start = out.len();
            let place = |error: crate::error::Error| error.within(fun.field.name());
            if fold.write(group, out).map_err(place)? {
                *collides = fun.field.is_null(&out[start..]);
            } else {
                out.extend_from_slice(fun.field.null().unwrap_or_default());
            }
        }
        Ok(collisions)
    }

    /// The schema in which these fields cannot be null: their only value looks like null, and is none.
    pub(super) fn schema_without_null(&self, never_null: &[bool]) -> Result<Schema> {
        let mut fields: Vec<FieldDef> = self.groups.iter().map(|place| place.field.clone()).collect();
        for (fun, never) in self.fns.iter().zip(never_null) {
            let field = &fun.field;
            fields.push(FieldDef::of(field.name(), field.ty(), field.is_nullable() && !never, false)?);
        }
        Schema::new(fields)
    }
}

/// The columns' places; all fields if there are no columns.
pub(super) fn places(columns: &[Column], schema: &Schema) -> Result<Vec<Place>> {
    if columns.is_empty() {
        let all = schema.fields().iter().map(|field| Column::from(field.name()).place(schema));
        return all.collect();
    }
    columns.iter().map(|column| column.place(schema)).collect()
}

/// What rows of a table are sorted by.
pub(super) fn order_of_rows(orders: &[Order], schema: &Schema) -> Result<Vec<SortField>> {
    let field = |order: &Order| match &order.by {
        By::Column(column) => sort_field(order, column.place(schema)?),
        By::Aggregate(aggregate) => {
            fail!(Query, "order by {aggregate}: the query computes no aggregates; add it to them")
        }
    };
    orders.iter().map(field).collect()
}

/// What rows of a result are sorted by: a field of it, by name, or an aggregate.
pub(super) fn order_of_result(
    orders: &[Order],
    aggregates: &[Aggregate],
    result: &Schema,
) -> Result<Vec<SortField>> {
    let computed = |wanted: &Aggregate| {
        let found = aggregates.iter().find(|aggregate| aggregate.is_same(wanted));
        found.map(|aggregate| aggregate.name())
    };
    let field = |order: &Order| {
        let name = match &order.by {
            By::Aggregate(aggregate) => match computed(aggregate) {
                Some(name) => name,
                None => fail!(
                    Query,
                    "order by {aggregate}: the query does not compute it; add it to the aggregates"
                ),
            },
            By::Column(column) => {
                let name = column.name();
                let is_count =
                    result.position(&name).is_none() && Function::of_name(&name) == Some(Function::Count);
                if is_count { computed(&count()).unwrap_or(name) } else { name }
            }
        };
        let within = |error: crate::error::Error| error.within("order by");
        sort_field(order, Column::from(name).place(result).map_err(within)?)
    };
    orders.iter().map(field).collect()
}

fn sort_field(order: &Order, place: Place) -> Result<SortField> {
    if let crate::schema::Type::Array(..) = place.field.ty() {
        fail!(
            Value,
            "order by {order}: an array has no order; an element is reached by its offset, as at({}, …)",
            place.offset
        );
    }
    Ok(SortField { place, is_descending: order.is_descending, nulls_last: order.puts_nulls_last() })
}
