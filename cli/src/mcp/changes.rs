//! The tools that change rows. Each is one transaction. It is committed only within the time of the
//! call, so an answer that says that a call took too long means that nothing was changed.

use drystone::query::Predicate;
use drystone::{
    Dyn, Error, ErrorKind, FieldDef, LoadOptions, OnDuplicate, Result, RowBuf, Value, WriteTransaction, json,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::Call;
use crate::formats::key;
use crate::report::wrong_use;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    table: String,
    rows: Vec<Map<String, Json>>,
    #[serde(default)]
    on_duplicate: Duplicates,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Duplicates {
    #[default]
    Error,
    First,
    Last,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    table: String,
    r#where: String,
    values: Map<String, Json>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    table: String,
    r#where: String,
    #[serde(default)]
    dry_run: bool,
}

impl Call<'_> {
    pub(super) fn load(&self, asked: &Load) -> Result<String> {
        let write = self.begin()?;
        let mut table = write.table::<Dyn>(&asked.table)?;
        let mut lines = String::new();
        for row in &asked.rows {
            lines.push_str(&Json::Object(row.clone()).to_string());
            lines.push('\n');
        }
        let on_duplicate = match asked.on_duplicate {
            Duplicates::Error => OnDuplicate::Error,
            Duplicates::First => OnDuplicate::First,
            Duplicates::Last => OnDuplicate::Last,
        };
        let schema = table.schema().clone();
        let mut rows = json::Options::new().name("the rows").reader(&schema, lines.as_bytes())?;
        let done = table.load_from(&mut rows, &LoadOptions::new().on_duplicate(on_duplicate))?;
        self.commit(write)?;
        Ok(json!({ "loaded": done.read, "duplicates": done.duplicates, "rows": done.rows }).to_string())
    }

    pub(super) fn set(&self, asked: &Set) -> Result<String> {
        let write = self.begin()?;
        let mut table = write.table::<Dyn>(&asked.table)?;
        let schema = table.schema().clone();
        if asked.values.is_empty() {
            return wrong_use("values is empty: nothing to set".into());
        }
        let mut changes = Vec::new();
        for (name, value) in &asked.values {
            let field = schema.field(name)?;
            if field.is_key() {
                return wrong_use(format!(
                    "field {name:?} is part of the key; remove the row and load another"
                ));
            }
            changes.push((name, value_of(field, value)?));
        }
        // A condition that takes too long is found here.
        self.matching(&table.as_table(), Some(&asked.r#where))?;
        let set = |row: &mut RowBuf| {
            changes.iter().try_for_each(|(field, value)| row.set(field.as_str(), value.clone()))
        };
        let rows = table.update_where(predicate(&asked.r#where)?, set)?;
        let all = table.len();
        if asked.dry_run {
            return Ok(json!({ "would_set": rows, "of": all }).to_string());
        }
        self.commit(write)?;
        Ok(json!({ "set": rows, "of": all }).to_string())
    }

    pub(super) fn remove(&self, asked: &Remove) -> Result<String> {
        if asked.dry_run {
            let read = self.db.read()?;
            let table = read.table::<Dyn>(&asked.table)?;
            let rows = self.matching(&table, Some(&asked.r#where))?;
            return Ok(json!({ "would_remove": rows, "of": table.len() }).to_string());
        }
        let write = self.begin()?;
        let mut table = write.table::<Dyn>(&asked.table)?;
        self.matching(&table.as_table(), Some(&asked.r#where))?;
        let rows = table.delete_where(predicate(&asked.r#where)?)?;
        let left = table.len();
        self.commit(write)?;
        Ok(json!({ "removed": rows, "left": left }).to_string())
    }

    /// Waits for other writers as long as the call may take.
    fn begin(&self) -> Result<WriteTransaction> {
        self.db.try_write_for(self.time_left())
    }

    fn commit(&self, write: WriteTransaction) -> Result<()> {
        if self.time_left().is_zero() {
            let seconds = self.limits.time.as_secs();
            let message = format!("the change took longer than {seconds} s; nothing was changed");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        write.commit().map(drop)
    }
}

fn predicate(text: &str) -> Result<Predicate> {
    text.parse().map_err(|error: Error| error.within("where"))
}

/// A value of JSON for a field.
fn value_of(field: &FieldDef, value: &Json) -> Result<Value<'static>> {
    match value {
        Json::Null => Ok(Value::Null),
        Json::String(text) => key::parse_value(field, text),
        other => key::parse_value(field, &other.to_string()),
    }
}
