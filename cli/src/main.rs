//! The `drystone` command: load, query and check files of fixed-width records. This file starts the
//! command that [`args`] reads from the command line, and turns its outcome into an exit code.

mod args;
mod commands;
mod formats;
mod interrupts;
mod mcp;
mod open;
mod plot;
mod progress;
mod report;
mod shell;
mod waiting;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;

fn main() -> ExitCode {
    catch_file_limit();
    report::exit_code(args::Arguments::parse().run())
}

/// Makes a file that reaches the limit of the process (`ulimit -f`) an error of the write, with a
/// message. Without a handler, the signal would kill the command. (Rust itself ignores `SIGPIPE`.)
fn catch_file_limit() {
    // The flag is never read. Ignoring a signal needs unsafe code; a handler that sets a flag does
    // not. If it cannot be registered, the signal kills the command, as it does without it.
    let reached = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, reached);
}
