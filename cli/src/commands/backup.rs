//! `drystone backup`: a consistent copy of a database that is in use. The library writes it; this
//! file shows its progress, and reports the result.

use std::path::PathBuf;

use clap::Args;
use drystone::Result;
use indicatif::{HumanBytes, HumanCount};

use crate::report::{Outcome, report};
use crate::{open, progress};

/// Write a copy of the newest state to a new file, while others read and write
///
/// Every row is verified as it is read. The copy has no gaps. It gets its name when it is whole and
/// durable.
#[derive(Args)]
pub(crate) struct Backup {
    /// The database file
    db: PathBuf,
    /// The new file; it must not exist
    copy: PathBuf,
}

impl Backup {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let bar = progress::bytes(Some(0), "copying");
        let done = db.backup_with(&self.copy, |done, total| progress::advance(&bar, done, total))?;
        bar.finish_and_clear();
        report(&format!(
            "{}: {} rows in {} {} of transaction {}, {}",
            self.copy.display(),
            HumanCount(done.rows),
            done.tables,
            if done.tables == 1 { "table" } else { "tables" },
            done.transaction,
            HumanBytes(done.bytes)
        ))?;
        Ok(Outcome::Done)
    }
}
