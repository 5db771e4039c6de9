//! The turn to write. A command that waits for another process says so, and for which one. Every
//! command that writes a database uses it.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::Args;
use drystone::{Database, Error, ErrorKind, OpenOptions, Result, WriteTransaction};

use crate::open;
use crate::report::say;

/// After this time a command says that it waits.
const SILENT: Duration = Duration::from_secs(1);

/// How long to wait for other writers, as options of a command.
#[derive(Args, Clone, Copy)]
pub(crate) struct Waiting {
    /// Wait at most this long for another process that writes the database; without this, as long
    /// as it takes
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    wait: Option<Duration>,
}

impl Waiting {
    /// Begins to write, when no other process does.
    pub(crate) fn write(&self, db: &Database) -> Result<WriteTransaction> {
        announced(db, || match self.wait {
            None => db.write(),
            Some(limit) => db.try_write_for(limit).map_err(|error| over(db, limit, error)),
        })
    }

    /// Changes a database in one transaction. If there is no file, one is made, which gets its name
    /// when the change is committed: a change that fails leaves none.
    ///
    /// If another process makes the file meanwhile, `change` runs again, on that one.
    pub(crate) fn change_or_make<A>(
        &self,
        path: &Path,
        options: OpenOptions,
        mut change: impl FnMut(&WriteTransaction) -> Result<A>,
    ) -> Result<A> {
        if !path.exists() {
            match options.create_with(path, &mut change) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => {
                    let place = path.display();
                    say(format_args!("another process has made {place} meanwhile; starting again in it"));
                }
                made => return made,
            }
        }
        let db = open::to_write_with(path, options)?;
        let write = self.write(&db)?;
        let changed = change(&write)?;
        write.commit()?;
        Ok(changed)
    }

    /// Does work that takes the turn to write by itself, perhaps several times. The limit is for
    /// the first turn.
    pub(crate) fn during<T>(&self, db: &Database, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.wait.is_some() {
            drop(self.write(db)?);
        }
        announced(db, work)
    }
}

/// The error when the time is over.
fn over(db: &Database, limit: Duration, error: Error) -> Error {
    if error.kind() != ErrorKind::Busy {
        return error;
    }
    let seconds = limit.as_secs_f64();
    let place = db.path().map(|path| path.display().to_string()).unwrap_or_default();
    let who = other_writer(db).map_or_else(|| "another process".into(), describe);
    Error::new(ErrorKind::Busy, format!("{who} is writing {place}, and did not finish within {seconds} s"))
}

/// Does this while another thread looks whether it waits.
fn announced<T>(db: &Database, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (done, is_done) = channel::<()>();
    let watched = db.clone();
    // Without the thread, the command waits in silence.
    let watcher = std::thread::Builder::new().spawn(move || {
        let mut said = None;
        while is_done.recv_timeout(SILENT) == Err(RecvTimeoutError::Timeout) {
            if let Some(process) = other_writer(&watched).filter(|process| said != Some(*process)) {
                say(format_args!("waiting for {}, which is writing the database", describe(process)));
                said = Some(process);
            }
        }
    });
    let result = work();
    drop(done);
    if let Ok(watcher) = watcher {
        let _ = watcher.join();
    }
    result
}

fn other_writer(db: &Database) -> Option<u32> {
    db.writing_process().ok().flatten().filter(|process| *process != std::process::id())
}

/// A process in words, with the name of its program if that can be known.
fn describe(process: u32) -> String {
    match std::fs::read_to_string(format!("/proc/{process}/comm")) {
        Ok(name) => format!("process {process} ({})", name.trim_end()),
        Err(_) => format!("process {process}"),
    }
}

/// A number of seconds, such as 5 or 0.5.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "a number of seconds is expected, such as 5 or 0.5".into())
}
