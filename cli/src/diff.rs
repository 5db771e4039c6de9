//! `drystone diff`: what differs between two databases.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use drystone::{Dyn, Result, Row, RowChange, Schema, TableDiff};
use indicatif::HumanCount;

use crate::output::{failed, stdout};
use crate::{Outcome, open};

/// Show the tables and rows that differ between two databases
///
/// A line begins with + for a row that only NEW has, - for one that only OLD has, ~ for one with other values. Rows are the same if they have
/// the same key, or the same number in a table without a key.
///
/// Exit code 0: no difference; 1: there are some; 2: they could not be compared.
#[derive(Args)]
pub(crate) struct Diff {
    /// The database as it was, such as a backup
    old: PathBuf,
    /// The database as it is
    new: PathBuf,
    /// Only this table; may be given more than once
    #[arg(long, value_name = "TABLE")]
    table: Vec<String>,
    /// How many rows of each table to print at most; all are counted
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A line a row, and one that sums up a table
    Text,
    /// An object a line
    Json,
}

impl Diff {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let (old, new) = (open::to_read(&self.old)?, open::to_read(&self.new)?);
        let (old, new) = (old.read()?, new.read()?);
        let diff = old.diff(&new)?;
        for name in &self.table {
            if diff.table(name).is_none() {
                // Says which there are.
                new.table::<Dyn>(name)?;
            }
        }
        let mut output = BufWriter::new(stdout());
        let mut same = true;
        for table in diff.tables() {
            if self.table.is_empty() || self.table.iter().any(|name| name == table.name()) {
                same &= self.compare(table, &mut output)?;
            }
        }
        output.flush().map_err(failed)?;
        Ok(if same { Outcome::Done } else { Outcome::Different })
    }

    /// Whether the table is the same in both.
    fn compare(&self, table: &TableDiff<'_>, output: &mut impl Write) -> Result<bool> {
        let name = table.name();
        let (old_rows, new_rows) = table.row_counts();
        let whole = match (table.old_schema(), table.new_schema()) {
            (None, Some(schema)) => Some(("added", format!("only in NEW, {}: {schema}", rows(new_rows)))),
            (Some(schema), None) => Some(("removed", format!("only in OLD, {}: {schema}", rows(old_rows)))),
            (Some(old), Some(new)) if !table.is_comparable() => {
                Some(("schema", format!("other fields, so rows are not compared\n- {old}\n+ {new}")))
            }
            _ => None,
        };
        if let Some((change, said)) = whole {
            match self.format {
                Format::Text => writeln!(output, "table {name:?}: {said}").map_err(failed)?,
                Format::Json => {
                    let text = |schema: Option<&Schema>| schema.map(ToString::to_string);
                    let (old, new) = (text(table.old_schema()), text(table.new_schema()));
                    write_json(output, name, change, &[("old", &old), ("new", &new)])?;
                }
            }
            return Ok(false);
        }
        let mut changes = table.rows()?;
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut found = 0_u64;
        for change in &mut changes {
            let change = change?;
            found += 1;
            if left > 0 {
                left -= 1;
                self.print(name, &change, output)?;
            }
        }
        let stats = changes.stats();
        let same = found == 0 && table.has_same_indexes();
        if !same && matches!(self.format, Format::Text) {
            let indexes = if table.has_same_indexes() { "" } else { ", and other indexes" };
            writeln!(
                output,
                "table {name:?}: {} added, {} removed, {} changed{indexes}; {} before, {} now",
                HumanCount(stats.added),
                HumanCount(stats.removed),
                HumanCount(stats.changed),
                rows(old_rows),
                rows(new_rows)
            )
            .map_err(failed)?;
        }
        Ok(same)
    }

    fn print(&self, table: &str, change: &RowChange<'_>, output: &mut impl Write) -> Result<()> {
        match (self.format, *change) {
            (Format::Text, RowChange::Added { number, row }) => write_row(output, '+', number, row, None),
            (Format::Text, RowChange::Removed { number, row }) => write_row(output, '-', number, row, None),
            (Format::Text, RowChange::Changed { number, old, new }) => {
                write_row(output, '~', number, new, Some(old))
            }
            (Format::Json, RowChange::Added { number, row }) => {
                write_json(output, table, "added", &[("number", &number), ("row", &row)])
            }
            (Format::Json, RowChange::Removed { number, row }) => {
                write_json(output, table, "removed", &[("number", &number), ("row", &row)])
            }
            (Format::Json, RowChange::Changed { number, old, new }) => {
                write_json(output, table, "changed", &[("number", &number), ("old", &old), ("new", &new)])
            }
        }
    }
}

/// What [`write_json`] writes.
trait ToJson {
    fn to_json(&self) -> serde_json::Result<String>;
}

impl<T: serde::Serialize> ToJson for T {
    fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// A line with an object of these parts.
fn write_json(
    output: &mut impl Write,
    table: &str,
    change: &str,
    parts: &[(&str, &dyn ToJson)],
) -> Result<()> {
    let json = |value: &dyn ToJson| value.to_json().map_err(|error| failed(error.into()));
    let mut line = format!("{{\"table\":{},\"change\":{}", json(&table)?, json(&change)?);
    for (name, value) in parts {
        line.push_str(&format!(",{}:{}", json(name)?, json(*value)?));
    }
    writeln!(output, "{line}}}").map_err(failed)
}

/// The key, or the number, and the other fields; those that are not as they were, if `old` is given.
fn write_row(
    output: &mut impl Write,
    sign: char,
    number: u64,
    row: Row<'_>,
    old: Option<Row<'_>>,
) -> Result<()> {
    let keys = row.schema().key_fields().len();
    let mut line = match keys {
        0 => format!("{sign} row {number}"),
        _ => {
            let key = row.values().take(keys).map(|value| value.map(|value| value.to_string()));
            format!("{sign} ({})", key.collect::<Result<Vec<_>>>()?.join(", "))
        }
    };
    let mut between = "  ";
    for (position, (name, value)) in row.iter().enumerate().skip(keys) {
        let value = value?;
        match old {
            None => line.push_str(&format!("{between}{name}: {value}")),
            Some(old) => {
                let before = old.get(position)?;
                if same_bytes(old, row, position) {
                    continue;
                }
                line.push_str(&format!("{between}{name}: {before} → {value}"));
            }
        }
        between = ", ";
    }
    writeln!(output, "{line}").map_err(failed)
}

/// Whether a field holds the same in two rows. By its bytes: no two numbers that are not one are equal as values.
fn same_bytes(one: Row<'_>, other: Row<'_>, position: usize) -> bool {
    let Some(field) = one.schema().fields().get(position) else { return true };
    let bytes = field.offset()..field.offset() + field.width();
    one.as_bytes()[bytes.clone()] == other.as_bytes()[bytes]
}

fn rows(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", HumanCount(rows)) }
}
