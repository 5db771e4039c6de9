//! `drystone salvage`: rescues what still verifies in a damaged database into a new file. The
//! library does it; this file lists what was lost.

use std::path::PathBuf;

use clap::Args;
use drystone::Result;
use indicatif::HumanCount;

use crate::open;
use crate::report::{Outcome, report, wrong_use};

/// Copy every table and row that still verifies to a new file, and list what is lost
///
/// Exit code 0: nothing is lost; 1: something is, and it is listed; 2: failure.
#[derive(Args)]
pub(crate) struct Salvage {
    /// The damaged database file; it is not written
    bad: PathBuf,
    /// The new file; it must not exist
    good: PathBuf,
}

impl Salvage {
    pub(crate) fn run(&self) -> Result<Outcome> {
        if self.good.exists() {
            return wrong_use(format!("{} exists already; name a file that does not", self.good.display()));
        }
        let bad = open::to_read(&self.bad)?;
        let rescued = bad.salvage_to(&self.good)?;
        let mut lines: Vec<String> = rescued.lost.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "{}: {} rows in {} {} rescued, {} lost",
            self.good.display(),
            HumanCount(rescued.rows),
            rescued.tables,
            if rescued.tables == 1 { "table" } else { "tables" },
            match rescued.lost.len() {
                0 => "nothing".to_owned(),
                1 => "1 thing".to_owned(),
                losses => format!("{losses} things"),
            }
        ));
        report(&lines.join("\n"))?;
        Ok(if rescued.lost.is_empty() { Outcome::Done } else { Outcome::Unsound })
    }
}
