//! `drystone backup`: a consistent copy of a database that is in use, or what has changed since an
//! older one. The library writes it; this file shows its progress, and reports the result.

use std::path::{Path, PathBuf};

use clap::Args;
use drystone::{Database, Result, Since};
use indicatif::{HumanBytes, HumanCount};

use crate::report::{Outcome, report};
use crate::{open, progress};

/// Write a copy of the newest state to a new file, while others read and write
///
/// Every row is verified as it is read. The copy has no gaps. It gets its name when it is whole and
/// durable.
///
/// With --since, the new file is a patch: what has changed since an older state. `drystone apply`
/// changes a copy of that state into one of the new state.
#[derive(Args)]
pub(crate) struct Backup {
    /// The database file
    db: PathBuf,
    /// The new file; it must not exist
    copy: PathBuf,
    /// The older state: a backup of it, which is read and compared, or the patch that led to it.
    /// After a patch only what was written since is read, but the new patch is larger if the
    /// changes are scattered
    #[arg(long, value_name = "OLD")]
    since: Option<PathBuf>,
}

impl Backup {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        match &self.since {
            Some(old) => self.write_patch(&db, old),
            None => self.write_copy(&db),
        }
    }

    fn write_copy(&self, db: &Database) -> Result<Outcome> {
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

    fn write_patch(&self, db: &Database, old: &Path) -> Result<Outcome> {
        let bar = progress::bytes(Some(0), "comparing");
        let show = |done, total| progress::advance(&bar, done, total);
        let read = db.read()?;
        let done = if open::is_patch(old)? {
            read.backup_since_with(Since::Patch(old), &self.copy, show)?
        } else {
            let state = open::to_read(old)?.read()?;
            read.backup_since_with(Since::State(&state), &self.copy, show)?
        };
        bar.finish_and_clear();
        report(&format!(
            "{}: from transaction {} to {}, {} rows, {} removed, {}",
            self.copy.display(),
            done.base_transaction,
            done.transaction,
            HumanCount(done.rows),
            HumanCount(done.removed),
            HumanBytes(done.bytes)
        ))?;
        Ok(Outcome::Done)
    }
}
