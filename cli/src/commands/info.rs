//! `drystone info`: what is in a database, or in a table of it. It reads sizes and schemas, and no
//! row.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use drystone::{
    Database, DatabaseStats, Dyn, ErrorKind, FieldDef, IndexInfo, ReadTransaction, Result, Schema,
    TableStats, numpy,
};
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use super::index;
use crate::formats::grid::Grid;
use crate::open;
use crate::report::{Outcome, failed, stdout};

/// Show tables and their sizes, or the schema of a table with its byte offsets
#[derive(Args)]
pub(crate) struct Info {
    /// The database file
    db: PathBuf,
    /// A table; a summary of all tables without it
    table: Option<String>,
}

impl Info {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        match &self.table {
            None => self.show_tables(&db, &read)?,
            Some(name) => {
                let stats = read.table::<Dyn>(name)?.stats()?;
                let schema = read.table::<Dyn>(name)?.schema().clone();
                show_table(name, &schema, &stats).map_err(failed)?;
                if let Some(offset) = stats.offset {
                    self.show_memmap(&schema, &stats, offset).map_err(failed)?;
                }
                show_indexes(&read, &read.indexes(name)?)?;
            }
        }
        Ok(Outcome::Done)
    }

    /// Prints the Python expression that maps the rows with NumPy.
    fn show_memmap(&self, schema: &Schema, stats: &TableStats, offset: u64) -> io::Result<()> {
        let path = self.db.display().to_string().replace('\\', "\\\\").replace('\'', "\\'");
        let (dtype, rows) = (numpy::dtype(schema), stats.rows);
        writeln!(
            stdout(),
            "\nnumpy.memmap('{path}', dtype={dtype}, mode='r', offset={offset}, shape=({rows},))"
        )
    }

    fn show_tables(&self, db: &Database, read: &ReadTransaction) -> Result<()> {
        let DatabaseStats { file_bytes, transaction, .. } = db.stats()?;
        let size = bytes(file_bytes);
        writeln!(stdout(), "{}: {size}, transaction {transaction}\n", self.db.display()).map_err(failed)?;
        let mut grid = Grid::new(BufWriter::new(stdout()));
        grid.column("table", false);
        for name in ["rows", "width", "bytes a row", "fill", "bytes"] {
            grid.column(name, true);
        }
        grid.column("key", false);
        for name in read.table_names()? {
            let stats = read.table::<Dyn>(&name)?.stats()?;
            let key: Vec<&str> =
                read.table::<Dyn>(&name)?.schema().key_fields().iter().map(FieldDef::name).collect();
            let cells = vec![
                name,
                HumanCount(stats.rows).to_string(),
                stats.width.to_string(),
                format!("{:.3}", stats.bytes_per_row()),
                format!("{:.1} %", 100.0 * stats.fill()),
                HumanCount(stats.leaf_bytes + stats.branch_bytes).to_string(),
                if key.is_empty() { "row number".into() } else { key.join(", ") },
            ];
            grid.row(cells).map_err(failed)?;
        }
        grid.finish().map_err(failed)?;
        let mut indexes = Vec::new();
        for name in read.table_names()? {
            indexes.extend(read.indexes(&name)?);
        }
        show_indexes(read, &indexes)?;
        show_readers(db)
    }
}

fn show_indexes(read: &ReadTransaction, indexes: &[IndexInfo]) -> Result<()> {
    if !indexes.is_empty() {
        writeln!(stdout()).map_err(failed)?;
    }
    index::show(read, indexes)
}

/// Prints which processes hold snapshots, for how long, and how many bytes that keeps in use.
/// Leaves this process out.
fn show_readers(db: &Database) -> Result<()> {
    let mut readers = db.readers()?;
    readers.retain(|reader| reader.process != std::process::id());
    if readers.is_empty() {
        return Ok(());
    }
    readers.sort_by_key(|reader| (reader.since, reader.process));
    let now = SystemTime::now();
    writeln!(stdout()).map_err(failed)?;
    let mut grid = Grid::new(BufWriter::new(stdout()));
    for name in ["reader", "transaction", "age", "bytes kept"] {
        grid.column(name, true);
    }
    for reader in &readers {
        let age = HumanDuration(now.duration_since(reader.since).unwrap_or_default());
        let kept = match db.held_bytes(reader) {
            Ok(bytes) => HumanCount(bytes).to_string(),
            // The reader has only just begun.
            Err(error) if error.kind() == ErrorKind::Busy => "not yet known".to_owned(),
            Err(error) => return Err(error),
        };
        grid.row(vec![
            format!("process {}", reader.process),
            reader.transaction.to_string(),
            age.to_string(),
            kept,
        ])
        .map_err(failed)?;
    }
    grid.finish().map_err(failed).map(drop)
}

fn show_table(name: &str, schema: &Schema, stats: &TableStats) -> io::Result<()> {
    let mut output = stdout();
    writeln!(output, "table {name:?}: {schema}\n")?;
    show_fields(schema, &mut output)?;
    writeln!(output)?;
    show_sizes(schema, stats, &mut output)
}

fn show_fields(schema: &Schema, output: &mut impl Write) -> io::Result<()> {
    let mut grid = Grid::new(output);
    grid.column("offset", true);
    grid.column("width", true);
    grid.column("field", false);
    grid.column("type", false);
    grid.column("notes", false);
    for field in schema.fields() {
        let mut notes = Vec::new();
        if field.is_key() {
            notes.push("key".to_owned());
        }
        if let Some(stored) = field.default() {
            let value = field.load(stored).map_or_else(|error| error.to_string(), |value| value.to_string());
            notes.push(format!("default {value}"));
        }
        let null = if field.is_nullable() { "?" } else { "" };
        grid.row(vec![
            field.offset().to_string(),
            field.width().to_string(),
            field.name().to_owned(),
            match field.names() {
                // The line above the fields lists them all.
                Some(names) if names.len() > 8 => format!("enum{null} of {} names", names.len()),
                _ => format!("{}{null}", field.ty()),
            },
            notes.join(", "),
        ])?;
    }
    grid.finish().map(drop)
}

fn show_sizes(schema: &Schema, stats: &TableStats, output: &mut impl Write) -> io::Result<()> {
    let TableStats { rows, width, leaf_rows, leaves, leaf_bytes, branch_bytes, height, contiguous, .. } =
        *stats;
    let side_by_side = if contiguous { ", side by side in the file" } else { "" };
    let lines = [
        ("rows", HumanCount(rows).to_string()),
        ("width", format!("{width} bytes, {} of them key", schema.key_width())),
        ("bytes a row", format!("{:.3} in the file", stats.bytes_per_row())),
        ("fill", format!("{:.1} %", 100.0 * stats.fill())),
        (
            "leaves",
            format!("{} of {leaf_rows} rows{side_by_side}, {}", HumanCount(leaves), bytes(leaf_bytes)),
        ),
        ("branches", format!("{height} levels, {}", bytes(branch_bytes))),
    ];
    lines.iter().try_for_each(|(name, text)| writeln!(output, "{name:<11}  {text}"))
}

fn bytes(bytes: u64) -> String {
    format!("{} ({} bytes)", HumanBytes(bytes), HumanCount(bytes))
}
