//! `drystone completions`: a script with which a shell completes commands and options, generated
//! from the command line itself.

use std::io::Write;

use clap::Args;
use clap_complete::{Shell, generate};
use drystone::Result;

use crate::report::{Outcome, failed, stdout};

/// Print a script that completes commands and options in this shell
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut command: clap::Command) -> Result<Outcome> {
        let mut script = Vec::new();
        generate(self.shell, &mut command, "drystone", &mut script);
        stdout().write_all(&script).map_err(failed)?;
        Ok(Outcome::Done)
    }
}
