//! `drystone completions`: a script that completes commands and options in a shell.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use drystone::Result;

use crate::output::{failed, stdout};
use crate::{Arguments, Outcome};

/// Print a script that completes commands and options in this shell
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "drystone", &mut script);
        stdout().write_all(&script).map_err(failed)?;
        Ok(Outcome::Done)
    }
}
