//! The tools that read. Each takes a snapshot of the newest state, and answers with JSON. Rows are
//! written as `drystone export` writes them, so that numbers of 128 bits stay exact.

use drystone::{Dyn, FieldDef, Result, Row, Schema, Table, json};
use serde::Deserialize;
use serde_json::json;

use super::Call;
use crate::formats::asked::Asked;

/// The rows of an answer, if the call does not say how many.
const ROWS: u64 = 100;
const SAMPLED: u64 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoArguments {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTable {
    table: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    table: String,
    rows: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Count {
    table: String,
    r#where: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    table: String,
    r#where: Option<String>,
    select: Option<String>,
    group_by: Option<String>,
    aggregate: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    distinct: bool,
    limit: Option<u64>,
}

impl Call<'_> {
    pub(super) fn tables(&self, _: &NoArguments) -> Result<String> {
        let read = self.db.read()?;
        let mut tables = Vec::new();
        for name in read.table_names()? {
            let table = read.table::<Dyn>(&name)?;
            tables.push(json!({ "table": name, "rows": table.len(), "schema": table.schema().to_string() }));
        }
        Ok(json!({ "tables": tables, "transaction": read.transaction() }).to_string())
    }

    pub(super) fn schema(&self, asked: &OfTable) -> Result<String> {
        let read = self.db.read()?;
        let table = read.table::<Dyn>(&asked.table)?;
        let field = |field: &FieldDef| {
            let default =
                field.default().and_then(|stored| field.load(stored).ok()).map(|value| value.to_string());
            json!({
                "field": field.name(),
                "type": field.ty().to_string(),
                "nullable": field.is_nullable(),
                "key": field.is_key(),
                "default": default,
            })
        };
        let index = |index: drystone::IndexInfo| json!({ "index": index.name, "fields": index.fields, "unique": index.unique });
        let fields: Vec<_> = table.schema().fields().iter().map(field).collect();
        let indexes: Vec<_> = read.indexes(&asked.table)?.into_iter().map(index).collect();
        Ok(json!({
            "table": asked.table,
            "rows": table.len(),
            "schema": table.schema().to_string(),
            "fields": fields,
            "indexes": indexes,
        })
        .to_string())
    }

    pub(super) fn sample(&self, asked: &Sample) -> Result<String> {
        let read = self.db.read()?;
        let table = read.table::<Dyn>(&asked.table)?;
        let wanted = asked.rows.unwrap_or(SAMPLED).min(self.limits.rows).min(table.len());
        let mut rows = Rows::new(table.schema(), self.limits.bytes)?;
        for at in 0..wanted {
            // At even distances, the first row among them.
            let number = u128::from(at) * u128::from(table.len()) / u128::from(wanted);
            let Some(row) = table.select(number as u64)? else { break };
            if !rows.add(row)? {
                break;
            }
        }
        let is_cut = rows.count < asked.rows.unwrap_or(SAMPLED).min(table.len());
        rows.answer(is_cut, &[("of", &table.len().to_string())])
    }

    pub(super) fn query(&self, asked: &Question) -> Result<String> {
        let read = self.db.read()?;
        let table = read.table::<Dyn>(&asked.table)?;
        let wanted = asked.limit.unwrap_or(ROWS).min(self.limits.rows);
        let query = Asked {
            filter: asked.r#where.as_deref(),
            select: asked.select.as_deref(),
            group_by: asked.group_by.as_deref(),
            aggregate: asked.aggregate.as_deref(),
            order_by: asked.order_by.as_deref(),
            distinct: asked.distinct,
            // One more than is shown tells whether there are more.
            limit: Some(wanted.saturating_add(1)),
            ..Asked::default()
        };
        let place = |error: drystone::Error| error.within(format_args!("table {:?}", asked.table));
        let query = query.apply(table.query())?.time_limit(self.time_left());
        let plan = query.explain().map_err(place)?;
        let stream = query.stream().map_err(place)?;
        let schema = stream.schema().clone();
        let mut rows = Rows::new(&schema, self.limits.bytes)?;
        let mut is_cut = false;
        'batches: for batch in stream {
            for row in &batch.map_err(place)? {
                if rows.count == wanted || !rows.add(row)? {
                    is_cut = true;
                    break 'batches;
                }
            }
        }
        // What the call itself asked for is not cut off.
        let is_cut = is_cut && asked.limit.is_none_or(|limit| rows.count < limit);
        rows.answer(is_cut, &[("plan", &json!(plan.trim_end()).to_string())])
    }

    pub(super) fn count(&self, asked: &Count) -> Result<String> {
        let read = self.db.read()?;
        let table = read.table::<Dyn>(&asked.table)?;
        let count = self.matching(&table, asked.r#where.as_deref())?;
        Ok(json!({ "count": count, "of": table.len() }).to_string())
    }

    /// How many rows match a condition.
    pub(super) fn matching(&self, table: &Table<'_, Dyn>, filter: Option<&str>) -> Result<u64> {
        let asked = Asked { filter, ..Asked::default() };
        let query = asked.apply(table.query())?.time_limit(self.time_left());
        query.count().map_err(|error| error.within(format_args!("table {:?}", table.name())))
    }
}

/// The rows of an answer.
struct Rows {
    writer: json::Writer<Vec<u8>>,
    schema: Schema,
    /// How many bytes of packed rows are left.
    left: usize,
    count: u64,
}

impl Rows {
    fn new(schema: &Schema, bytes: usize) -> Result<Rows> {
        let writer = json::Options::new().writer(schema, Vec::new())?;
        Ok(Rows { writer, schema: schema.clone(), left: bytes, count: 0 })
    }

    /// Adds a row. Returns `false` if the answer has become too long for it.
    fn add(&mut self, row: Row<'_>) -> Result<bool> {
        let names: usize = self.schema.fields().iter().map(|field| field.name().len() + 8).sum();
        // About what it takes as text.
        let Some(left) = self.left.checked_sub(self.schema.width() + names) else { return Ok(false) };
        self.left = left;
        self.count += 1;
        self.writer.write(row)?;
        Ok(true)
    }

    /// The answer, with other members, which are JSON already.
    fn answer(self, is_cut: bool, others: &[(&str, &str)]) -> Result<String> {
        let count = self.count;
        let lines = String::from_utf8(self.writer.finish()?).unwrap_or_default();
        let rows = lines.trim_end().replace("}\n{", "},\n{");
        let mut answer = format!("{{\"rows\":[{rows}],\"count\":{count},\"truncated\":{is_cut}");
        for (name, value) in others {
            answer.push_str(&format!(",\"{name}\":{value}"));
        }
        answer.push('}');
        Ok(answer)
    }
}
