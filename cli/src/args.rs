//! The command line: its commands, and which code runs each. Only `main.rs` uses this file, so
//! commands that need the whole command line (the shell, completions) are passed it.

use clap::{CommandFactory, Parser, Subcommand};
use drystone::Result;

use crate::commands::{
    alter, apply, backup, check, compact, completions, copy, diff, export, get, index, info, load, merge,
    query, remove, salvage, scan, set, shard,
};
use crate::report::Outcome;
use crate::{mcp, plot, shell};

/// Load, query and check files of fixed-width records.
///
/// Results go to standard output, everything else to standard error.
#[derive(Parser)]
#[command(name = "drystone", version, max_term_width = 110)]
#[command(after_help = "\
Exit codes:
  0  done
  1  done, and the answer is no: there is no such row, the file is damaged, the databases differ
  2  wrong use, or failure")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Load(load::Load),
    Get(get::Get),
    Scan(scan::Scan),
    Query(query::Query),
    Plot(plot::Plot),
    Export(export::Export),
    Set(set::Set),
    Remove(remove::Remove),
    Alter(alter::Alter),
    Index(index::Index),
    Info(info::Info),
    Check(check::Check),
    Salvage(salvage::Salvage),
    Compact(compact::Compact),
    Backup(backup::Backup),
    Apply(apply::Apply),
    Copy(copy::Copy),
    Diff(diff::Diff),
    Shard(shard::Shard),
    Merge(merge::Merge),
    Shell(shell::Shell),
    Mcp(mcp::Mcp),
    Completions(completions::Completions),
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Outcome> {
        match &self.command {
            Command::Load(load) => load.run(),
            Command::Get(get) => get.run(),
            Command::Scan(scan) => scan.run(),
            Command::Query(query) => query.run(),
            Command::Plot(plot) => plot.run(),
            Command::Export(export) => export.run(),
            Command::Set(set) => set.run(),
            Command::Remove(remove) => remove.run(),
            Command::Alter(alter) => alter.run(),
            Command::Index(index) => index.run(),
            Command::Info(info) => info.run(),
            Command::Check(check) => check.run(),
            Command::Salvage(salvage) => salvage.run(),
            Command::Compact(compact) => compact.run(),
            Command::Backup(backup) => backup.run(),
            Command::Apply(apply) => apply.run(),
            Command::Copy(copy) => copy.run(),
            Command::Diff(diff) => diff.run(),
            Command::Shard(shard) => shard.run(),
            Command::Merge(merge) => merge.run(),
            Command::Shell(shell) => shell.run::<Arguments>(),
            Command::Mcp(mcp) => mcp.run(),
            Command::Completions(completions) => completions.run(Arguments::command()),
        }
    }
}

impl shell::CommandLine for Arguments {
    fn run(&self) -> Result<Outcome> {
        Arguments::run(self)
    }
}
