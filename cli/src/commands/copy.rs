//! `drystone copy`: one table into another database, or under another name in the same file. The
//! library copies the rows; this file opens both databases, or the one that is both.

use std::path::PathBuf;

use clap::Args;
use drystone::{Dyn, OpenOptions, Result};
use indicatif::HumanCount;

use crate::report::{Outcome, report};
use crate::waiting::Waiting;
use crate::{open, progress};

/// Copy a table to another database, or to another name
#[derive(Args)]
pub(crate) struct Copy {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The database to copy it to, which may be the same; it is made if it does not exist
    to: PathBuf,
    /// The name of the copy, if it differs
    name: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
}

impl Copy {
    pub(crate) fn run(&self) -> Result<Outcome> {
        // Opened first: if it is also the target, it must be open for writing.
        let from = if self.is_one_file() { open::to_write(&self.db)? } else { open::to_read(&self.db)? };
        let read = from.read()?;
        read.table::<Dyn>(&self.table)?;
        let name = self.name.as_ref().unwrap_or(&self.table);
        let bar = progress::bytes(Some(0), "copying");
        let rows = self.waiting.change_or_make(&self.to, OpenOptions::new(), |write| {
            let show = |done, total| progress::advance(&bar, done, total);
            write.copy_table_with(&read, &self.table, name, show)
        })?;
        bar.finish_and_clear();
        report(&format!("table {name:?} in {}: {} rows", self.to.display(), HumanCount(rows)))?;
        Ok(Outcome::Done)
    }

    fn is_one_file(&self) -> bool {
        match (self.db.canonicalize(), self.to.canonicalize()) {
            (Ok(db), Ok(to)) => db == to,
            _ => false,
        }
    }
}
