//! `drystone apply`: a patch into a copy of the state that it continues. The library does it; this
//! file shows its progress, and reports the result.

use std::path::PathBuf;

use clap::Args;
use drystone::Result;
use indicatif::HumanCount;

use crate::report::{Outcome, report};
use crate::waiting::Waiting;
use crate::{open, progress};

/// Change a backup into one of a newer state, by a patch of `drystone backup --since`
///
/// The patch must continue the state that the backup has. It is applied in one transaction: if the
/// command is stopped, the backup has its older state, and the command can be repeated.
#[derive(Args)]
pub(crate) struct Apply {
    /// The patch
    patch: PathBuf,
    /// The backup
    copy: PathBuf,
    #[command(flatten)]
    waiting: Waiting,
}

impl Apply {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let copy = open::to_write(&self.copy)?;
        let bar = progress::bytes(Some(0), "applying");
        let show = |done, total| progress::advance(&bar, done, total);
        let done = self.waiting.during(&copy, || copy.apply_with(&self.patch, show))?;
        bar.finish_and_clear();
        let (name, transaction) = (self.copy.display(), done.transaction);
        report(&if done.changed {
            let (rows, removed) = (HumanCount(done.rows), HumanCount(done.removed));
            format!("{name}: transaction {transaction} now, {rows} rows put in, {removed} removed")
        } else {
            format!("{name}: it had transaction {transaction} already")
        })?;
        Ok(Outcome::Done)
    }
}
