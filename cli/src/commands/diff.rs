//! `drystone diff`: what differs between two databases. The library finds the changes; this file
//! prints them, as text or as JSON.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, TypedValueParser};
use drystone::{Dyn, Result, Row, RowChange, Schema, TableDiff};
use indicatif::HumanCount;

use crate::formats::Format;
use crate::formats::names::{Names, all_names};
use crate::formats::target::Target;
use crate::open;
use crate::report::{Outcome, failed};

/// Show the tables and rows that differ between two databases
///
/// A line begins with + for a row that only NEW has, - for one that only OLD has, ~ for one with
/// other values. Rows are matched by their key, or by their number in a table without a key.
///
/// Exit code 0: no difference; 1: differences; 2: the databases could not be compared.
#[derive(Args)]
pub(crate) struct Diff {
    /// The database as it was, such as a backup
    old: PathBuf,
    /// The database as it is
    new: PathBuf,
    /// Only these tables
    #[arg(long, value_name = "A,B")]
    table: Vec<Names>,
    /// Print at most this many rows of each table; all are counted
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = formats())]
    format: Format,
    /// Write to this file
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

fn formats() -> impl TypedValueParser<Value = Format> {
    Format::parser([
        PossibleValue::new("text").help("A line per row, and a line that sums up each table"),
        PossibleValue::new("json").help("An object per line"),
    ])
}

impl Diff {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let (old, new) = (open::to_read(&self.old)?, open::to_read(&self.new)?);
        let (old, new) = (old.read()?, new.read()?);
        let diff = old.diff(&new)?;
        let wanted = all_names(&self.table);
        for name in &wanted {
            if diff.table(name).is_none() {
                // An error that lists the tables.
                new.table::<Dyn>(name)?;
            }
        }
        let mut output = BufWriter::new(Target::open(&self.out, &[&self.old, &self.new])?);
        let mut same = true;
        for table in diff.tables() {
            if wanted.is_empty() || wanted.iter().any(|name| name == table.name()) {
                same &= self.compare(table, &mut output)?;
            }
        }
        output.into_inner().map_err(|error| failed(error.into_error()))?.finish()?;
        Ok(if same { Outcome::Done } else { Outcome::Different })
    }

    /// Prints how a table differs. Returns whether it is the same in both.
    fn compare(&self, table: &TableDiff<'_>, output: &mut impl Write) -> Result<bool> {
        if let Some((change, text)) = whole_change(table) {
            self.print_whole(table, change, &text, output)?;
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
                self.print(table.name(), &change, output)?;
            }
        }
        let same = found == 0 && table.has_same_indexes();
        if !same && !self.is_json() {
            let stats = changes.stats();
            let (old_rows, new_rows) = table.row_counts();
            writeln!(
                output,
                "table {:?}: {} added, {} removed, {} changed{}; {} before, {} now",
                table.name(),
                HumanCount(stats.added),
                HumanCount(stats.removed),
                HumanCount(stats.changed),
                if table.has_same_indexes() { "" } else { ", and other indexes" },
                rows(old_rows),
                rows(new_rows)
            )
            .map_err(failed)?;
        }
        Ok(same)
    }

    fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    fn print_whole(
        &self,
        table: &TableDiff<'_>,
        change: &str,
        text: &str,
        output: &mut impl Write,
    ) -> Result<()> {
        if !self.is_json() {
            return writeln!(output, "table {:?}: {text}", table.name()).map_err(failed);
        }
        let schema = |schema: Option<&Schema>| schema.map(ToString::to_string);
        let (old, new) = (schema(table.old_schema()), schema(table.new_schema()));
        write_json(output, table.name(), change, &[("old", &old), ("new", &new)])
    }

    fn print(&self, table: &str, change: &RowChange<'_>, output: &mut impl Write) -> Result<()> {
        let is_json = self.is_json();
        match *change {
            RowChange::Added { number, row } if is_json => {
                write_json(output, table, "added", &[("number", &number), ("row", &row)])
            }
            RowChange::Removed { number, row } if is_json => {
                write_json(output, table, "removed", &[("number", &number), ("row", &row)])
            }
            RowChange::Changed { number, old, new } if is_json => {
                write_json(output, table, "changed", &[("number", &number), ("old", &old), ("new", &new)])
            }
            RowChange::Added { number, row } => write_row(output, '+', number, row, None),
            RowChange::Removed { number, row } => write_row(output, '-', number, row, None),
            RowChange::Changed { number, old, new } => write_row(output, '~', number, new, Some(old)),
        }
    }
}

/// A change of a table whose rows are not compared: its name in JSON, and the text that describes
/// it. `None` if the table is in both databases with the same fields.
fn whole_change(table: &TableDiff<'_>) -> Option<(&'static str, String)> {
    let (old_rows, new_rows) = table.row_counts();
    match (table.old_schema(), table.new_schema()) {
        (None, Some(schema)) => Some(("added", format!("only in NEW, {}: {schema}", rows(new_rows)))),
        (Some(schema), None) => Some(("removed", format!("only in OLD, {}: {schema}", rows(old_rows)))),
        (Some(old), Some(new)) if !table.is_comparable() => {
            Some(("schema", format!("other fields, so rows are not compared\n- {old}\n+ {new}")))
        }
        _ => None,
    }
}

/// A value for [`write_json`]: `serde::Serialize`, behind a reference to any type.
trait ToJson {
    fn to_json(&self) -> serde_json::Result<String>;
}

impl<T: serde::Serialize> ToJson for T {
    fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// Writes an object with these members, as a line.
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

/// Writes the key, or the number, and the other fields. With `old`, only the fields that changed.
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

/// Whether a field has the same bytes in two rows. Values do not tell: NaN is not equal to itself.
fn same_bytes(one: Row<'_>, other: Row<'_>, position: usize) -> bool {
    let Some(field) = one.schema().fields().get(position) else { return true };
    let bytes = field.offset()..field.offset() + field.width();
    one.as_bytes()[bytes.clone()] == other.as_bytes()[bytes]
}

fn rows(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", HumanCount(rows)) }
}
