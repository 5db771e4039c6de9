//! `drystone completions`: a script with which a shell completes commands and options, generated
//! from the command line itself.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap_complete::{Shell, generate};
use drystone::Result;

use crate::formats::target::Target;
use crate::report::{Outcome, failed};

/// Print a script that completes commands and options in this shell
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
    /// Write it to this file
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self, mut command: clap::Command) -> Result<Outcome> {
        let mut script = Vec::new();
        generate(self.shell, &mut command, "drystone", &mut script);
        let mut target = Target::open(&self.out, &[])?;
        target.write_all(&script).map_err(failed)?;
        target.finish()?;
        Ok(Outcome::Done)
    }
}
