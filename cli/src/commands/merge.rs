//! `drystone merge`: the shards of a folder as one table. The library checks and copies them; this
//! file shows its progress, and reports the result.

use std::path::PathBuf;

use clap::Args;
use drystone::{OpenOptions, Result, Shards};
use indicatif::HumanCount;

use super::shard::counted;
use crate::report::{Outcome, report};
use crate::waiting::Waiting;
use crate::{open, progress};

/// Put the shards of a folder into one new table, in one transaction
///
/// Every shard is checked against the list in the folder first. If one is missing, has another
/// schema or other rows, or is damaged, the error names it, and nothing is changed.
#[derive(Args)]
pub(crate) struct Merge {
    /// The folder that `drystone shard` has made
    folder: PathBuf,
    /// The database file; it is made if it does not exist
    db: PathBuf,
    /// The new table; it must not exist
    table: String,
    #[command(flatten)]
    waiting: Waiting,
}

impl Merge {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let shards = Shards::open(&self.folder)?;
        let bar = progress::bytes(Some(0), "merging");
        let rows = self.waiting.change_or_make(&self.db, OpenOptions::new(), |write| {
            let show = |done, total| progress::advance(&bar, done, total);
            write.merge_shards_with(&shards, &self.table, open::to_read, show)
        })?;
        bar.finish_and_clear();
        report(&format!(
            "table {:?} in {}: {} rows of {}",
            self.table,
            self.db.display(),
            HumanCount(rows),
            counted(shards.len())
        ))?;
        Ok(Outcome::Done)
    }
}
