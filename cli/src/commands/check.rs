//! `drystone check`: reads and verifies everything. The library finds the problems; this file lists
//! them, and tells a damaged database from one that cannot be checked.

use std::path::PathBuf;

use clap::Args;
use drystone::{CheckReport, Error, ErrorKind, Problem, Result};
use indicatif::{HumanBytes, HumanCount};

use crate::report::{Outcome, report};
use crate::{open, progress};

/// Read and verify everything: checksums, structure, the order of keys, values
///
/// Exit code 0: sound; 1: damaged, and each damaged page is named; 2: the check could not be made.
#[derive(Args)]
pub(crate) struct Check {
    /// The database file
    db: PathBuf,
}

impl Check {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let checked = open::to_read(&self.db).and_then(|db| {
            let bar = progress::bytes(Some(0), "checking");
            db.check_with(|done, total| progress::advance(&bar, done, total))
        });
        match checked {
            Ok(found) => {
                report(&self.describe(&found))?;
                Ok(if found.is_sound() { Outcome::Done } else { Outcome::Unsound })
            }
            // Too damaged to be opened.
            Err(error) if is_damage(&error) => {
                report(&error.to_string())?;
                Ok(Outcome::Unsound)
            }
            Err(error) => Err(error),
        }
    }

    fn describe(&self, found: &CheckReport) -> String {
        let CheckReport { tables, indexes, rows, bytes, problems, .. } = found;
        let verdict = match problems.len() {
            0 => "sound".to_owned(),
            1 => "1 problem".to_owned(),
            problems => format!("{problems} problems"),
        };
        let mut lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        lines.push(format!(
            "{}: {verdict}; {tables} {}{}, {} rows, {} read",
            self.db.display(),
            if *tables == 1 { "table" } else { "tables" },
            match indexes {
                0 => String::new(),
                1 => ", 1 index".into(),
                indexes => format!(", {indexes} indexes"),
            },
            HumanCount(*rows),
            HumanBytes(*bytes)
        ));
        lines.join("\n")
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Truncated | ErrorKind::EmptyFile)
}
