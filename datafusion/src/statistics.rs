//! What is known of the rows of a table without reading them: how many there are, and the least and
//! greatest values of the fields that a key or an index puts in order.

use std::ops::Bound;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use drystone::query::Reading;
use drystone::{Dyn, FieldDef, OwnedTable, Row, RowBuf, Schema, Shard, Value};

use crate::arrow_versions::{encoder, to_engine, to_engine_schema};
use crate::scan::is_ordered_alike;

/// What the list of shards says of one.
pub(crate) fn of_shard(shard: &Shard) -> drystone::Result<Statistics> {
    let schema = shard.schema();
    let mut column_statistics = columns(schema);
    if let Some(field) = schema.key_fields().first().filter(|field| is_ordered_alike(field.ty())) {
        let known = &mut column_statistics[0];
        known.min_value = scalar(shard.first().into_iter().next(), field)?;
        known.max_value = scalar(shard.last().into_iter().next(), field)?;
    }
    Ok(counted(schema, shard.rows(), column_statistics))
}

fn counted(schema: &Schema, rows: u64, column_statistics: Vec<ColumnStatistics>) -> Statistics {
    let total_byte_size = Precision::Exact(as_count(rows).saturating_mul(schema.width()));
    Statistics { num_rows: Precision::Exact(as_count(rows)), total_byte_size, column_statistics }
}

/// Columns of which only the absence of nulls is known.
fn columns(schema: &Schema) -> Vec<ColumnStatistics> {
    let of = |is_nullable: bool| ColumnStatistics {
        null_count: if is_nullable { Precision::Absent } else { Precision::Exact(0) },
        ..ColumnStatistics::new_unknown()
    };
    schema.fields().iter().map(|field| of(field.is_nullable())).collect()
}

/// What is known of a table. O(log rows) for each ordered field.
pub(crate) fn of(owned: &OwnedTable<Dyn>) -> drystone::Result<Statistics> {
    let table = owned.as_table();
    let schema = table.schema();
    let value = |row: Option<Row<'_>>, field: &FieldDef| -> drystone::Result<Precision<ScalarValue>> {
        scalar(row.map(|row| row.get(field.name())).transpose()?, field)
    };
    let mut column_statistics = columns(schema);
    if let Some(field) = schema.key_fields().first().filter(|field| is_ordered_alike(field.ty())) {
        let known = &mut column_statistics[0];
        known.min_value = value(table.first()?, field)?;
        known.max_value = value(table.last()?, field)?;
    }
    for index in owned.snapshot().indexes(owned.name())? {
        let Some((name, at)) = index.fields.first().and_then(|name| Some((name, schema.position(name)?)))
        else {
            continue;
        };
        let field = &schema.fields()[at];
        if !is_ordered_alike(field.ty()) {
            continue;
        }
        let index = table.index(&index.name)?;
        let null = [Value::Null];
        let known = &mut column_statistics[at];
        if field.is_nullable() {
            known.null_count = Precision::Exact(as_count(index.prefix(&null[..])?.len()));
            // Nulls are at one end.
            let after = index
                .range::<&[Value<'_>]>((Bound::Excluded(&null[..]), Bound::Unbounded))?
                .next()
                .transpose()?;
            let before = index
                .range::<&[Value<'_>]>((Bound::Unbounded, Bound::Excluded(&null[..])))?
                .next_back()
                .transpose()?;
            let is_null = |row: &Option<Row<'_>>| {
                row.is_some_and(|row| row.get(name).is_ok_and(|value| value.is_null()))
            };
            let (first, last) = (index.first()?, index.last()?);
            known.min_value = value(if is_null(&first) { after } else { first }, field)?;
            known.max_value = value(if is_null(&last) { before } else { last }, field)?;
        } else {
            known.min_value = value(index.first()?, field)?;
            known.max_value = value(index.last()?, field)?;
        }
    }
    Ok(counted(schema, table.len(), column_statistics))
}

/// A value of a field, if there is one and it is not null.
fn scalar(value: Option<Value<'_>>, field: &FieldDef) -> drystone::Result<Precision<ScalarValue>> {
    let Some(value) = value else { return Ok(Precision::Absent) };
    let alone = Schema::new(vec![field.clone()])?;
    let value = RowBuf::from_values(&alone, [value])?;
    let converted = || {
        let batch = encoder(&alone).batch(value.as_bytes()).ok()?;
        let batch = to_engine(&batch, &to_engine_schema(&alone).ok()?).ok()?;
        ScalarValue::try_from_array(batch.column(0), 0).ok().filter(|scalar| !scalar.is_null())
    };
    Ok(converted().map_or(Precision::Absent, Precision::Exact))
}

/// What is known of the rows that pass a filter. Only their number can be exact: the least and
/// greatest values are those of all rows.
pub(crate) fn passing(all: Statistics, is_filtered: bool, reading: Option<&Reading>) -> Statistics {
    if !is_filtered {
        return all;
    }
    let mut passing = all.to_inexact();
    if let Some(reading) = reading {
        let rows = as_count(reading.rows);
        passing.num_rows = if reading.is_exact { Precision::Exact(rows) } else { Precision::Inexact(rows) };
    }
    passing
}

/// What is known of some rows of a table.
pub(crate) fn part(all: Statistics, rows: u64) -> Statistics {
    let mut part = all.to_inexact();
    part.num_rows = Precision::Inexact(as_count(rows));
    part
}

/// What is known of all shards together.
pub(crate) fn sum<'s>(shards: impl Iterator<Item = &'s Statistics>, schema: &SchemaRef) -> Statistics {
    let merged = Statistics::try_merge_iter(shards, schema);
    merged.unwrap_or_else(|_| Statistics::new_unknown(schema))
}

fn as_count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
