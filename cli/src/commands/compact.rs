//! `drystone compact`: full leaves side by side, and a shorter file. The library writes it; this
//! file shows its progress, and reports the result.

use std::path::PathBuf;

use clap::Args;
use drystone::Result;
use indicatif::{HumanBytes, HumanCount};

use crate::report::{Outcome, report};
use crate::waiting::Waiting;
use crate::{open, progress};

/// Rewrite tables without gaps, and shorten the file
///
/// Readers are not disturbed. Packed tables stay where they are, unless there is a gap below them.
/// While it runs, the file grows by up to the size of its tables.
#[derive(Args)]
pub(crate) struct Compact {
    /// The database file
    db: PathBuf,
    /// A table; all of them without it. The others stay where they are, so compacting one may not
    /// shorten the file
    table: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
}

impl Compact {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_write(&self.db)?;
        let bar = progress::bytes(Some(0), "compacting");
        let show = |done, total| progress::advance(&bar, done, total);
        let done = self.waiting.during(&db, || match &self.table {
            Some(table) => db.compact_table_with(table, show),
            None => db.compact_with(show),
        })?;
        bar.finish_and_clear();
        let name = self.db.display();
        let (before, after) = (HumanBytes(done.bytes_before), HumanBytes(done.bytes_after));
        let mut lines = vec![format!(
            "{name}: {before} before, {after} now ({} bytes); {} of rows written",
            HumanCount(done.bytes_after),
            HumanBytes(done.bytes_written)
        )];
        if done.held_bytes > 0 {
            lines.push(format!(
                "{} are kept for readers of older states (see drystone info); compact again when they are done",
                HumanBytes(done.held_bytes)
            ));
        }
        report(&lines.join("\n"))?;
        Ok(Outcome::Done)
    }
}
