//! The `drystone` command: load, query and check files of fixed-width records.

mod alter;
mod backup;
mod check;
mod compact;
mod completions;
mod copy;
mod diff;
mod export;
mod get;
mod grid;
mod index;
mod info;
mod input;
mod key;
mod load;
mod open;
mod output;
mod plot;
mod progress;
mod projection;
mod query;
mod remove;
mod salvage;
mod scan;
mod set;
mod shell;
mod source;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};
use drystone::Result;

/// Load, query and check files of fixed-width records.
///
/// Results go to standard output, everything else to standard error.
/// Exit codes: 0 done, 1 not found, unsound or different, 2 wrong use or failure.
#[derive(Parser)]
#[command(name = "drystone", version, max_term_width = 110)]
struct Arguments {
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
    Copy(copy::Copy),
    Diff(diff::Diff),
    Shell(shell::Shell),
    Completions(completions::Completions),
}

/// How a command ended that did not fail.
enum Outcome {
    Done,
    NotFound,
    Unsound,
    Different,
}

impl Command {
    fn run(&self) -> Result<Outcome> {
        match self {
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
            Command::Copy(copy) => copy.run(),
            Command::Diff(diff) => diff.run(),
            Command::Shell(shell) => shell.run(),
            Command::Completions(completions) => completions.run(),
        }
    }
}

fn main() -> ExitCode {
    catch_file_limit();
    match Arguments::parse().command.run() {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::NotFound | Outcome::Unsound | Outcome::Different) => ExitCode::from(1),
        // Broken pipe: the reader has closed its end. Not an error.
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// A file that reaches the limit of the process (`ulimit -f`) is an error of the write, with a message. Left
/// alone, the signal ends the command. (Rust itself ignores `SIGPIPE`.)
fn catch_file_limit() {
    // The handler sets a flag that is never read: ignoring a signal needs unsafe code, a handler does not.
    // If registering fails, the signal ends the command as before.
    let reached = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, reached);
}

/// Says something on standard error; if that is closed, nobody wants to know.
fn say(message: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// An error of wrong use.
fn wrong_use<T>(message: String) -> Result<T> {
    Err(drystone::Error::new(drystone::ErrorKind::Usage, message))
}
