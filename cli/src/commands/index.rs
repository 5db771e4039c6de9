//! `drystone index`: creates, drops and lists secondary indexes. `drystone info` lists them with
//! the same table.

use std::io::BufWriter;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use drystone::{Dyn, IndexInfo, IndexOptions, ReadTransaction, Result};
use indicatif::HumanCount;

use crate::formats::bytes;
use crate::formats::grid::Grid;
use crate::formats::names::{Names, all_names};
use crate::open;
use crate::report::{Outcome, failed, stdout};
use crate::waiting::Waiting;

/// Create, drop and list indexes, which find rows by other fields than the key
#[derive(Args)]
pub(crate) struct Index {
    /// The database file
    db: PathBuf,
    #[command(flatten)]
    waiting: Waiting,
    #[command(subcommand)]
    action: IndexAction,
}

#[derive(Subcommand)]
enum IndexAction {
    /// Create an index on fields of a table
    Create {
        /// The table
        table: String,
        /// The name of the index, which must be unique in the database
        name: String,
        /// The fields, in order, one by one or with commas between them
        #[arg(required = true)]
        fields: Vec<Names>,
        /// Refuse two rows with the same values; rows with a null are not compared
        #[arg(long)]
        unique: bool,
        /// How much memory to use for sorting
        #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = bytes::parse)]
        memory: usize,
    },
    /// Drop an index; its table stays as it is
    Drop {
        /// The table
        table: String,
        /// The name of the index
        name: String,
    },
    /// List the indexes of a table, or of all
    List {
        /// The table
        table: Option<String>,
    },
}

impl Index {
    pub(crate) fn run(&self) -> Result<Outcome> {
        match &self.action {
            IndexAction::Create { table, name, fields, unique, memory } => {
                let db = open::to_write(&self.db)?;
                let write = self.waiting.write(&db)?;
                let options = IndexOptions::new().unique(*unique).memory_bytes(*memory);
                write.create_index_with(table, name, &all_names(fields), &options)?;
                write.commit()?;
            }
            IndexAction::Drop { table, name } => {
                let db = open::to_write(&self.db)?;
                let write = self.waiting.write(&db)?;
                write.drop_index(table, name)?;
                write.commit()?;
            }
            IndexAction::List { table } => {
                let db = open::to_read(&self.db)?;
                let read = db.read()?;
                let tables =
                    table.as_ref().map_or_else(|| read.table_names(), |table| Ok(vec![table.clone()]))?;
                let mut indexes = Vec::new();
                for table in tables {
                    indexes.extend(read.indexes(&table)?);
                }
                show(&read, &indexes)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Prints indexes with their sizes, one per line. Prints nothing without indexes.
pub(crate) fn show(read: &ReadTransaction, indexes: &[IndexInfo]) -> Result<()> {
    if indexes.is_empty() {
        return Ok(());
    }
    let mut grid = Grid::new(BufWriter::new(stdout()));
    for name in ["index", "table", "fields", "unique"] {
        grid.column(name, false);
    }
    for name in ["entries", "width", "bytes an entry", "bytes"] {
        grid.column(name, true);
    }
    for index in indexes {
        let stats = read.table::<Dyn>(&index.table)?.index(&index.name)?.stats()?;
        grid.row(vec![
            index.name.clone(),
            index.table.clone(),
            index.fields.join(", "),
            if index.unique { "yes" } else { "no" }.into(),
            HumanCount(stats.rows).to_string(),
            stats.width.to_string(),
            format!("{:.3}", stats.bytes_per_row()),
            HumanCount(stats.leaf_bytes + stats.branch_bytes).to_string(),
        ])
        .map_err(failed)?;
    }
    grid.finish().map_err(failed).map(drop)
}
