//! Files that must not stay if a signal ends the command. A thread waits for the signals that ask a
//! process to end, removes those files, and lets the signal end the process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The files to remove. While the lock is held, none of the signals ends the process.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static WATCHED: Once = Once::new();

/// An unfinished file. It is removed when this is dropped, or when a signal ends the command.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes a file with `make`, which returns also its path. No signal comes in between.
    pub(crate) fn make<T, E>(make: impl FnOnce() -> Result<(T, PathBuf), E>) -> Result<(T, Unfinished), E> {
        watch();
        let mut paths = lock();
        let (file, path) = make()?;
        paths.insert(path.clone());
        Ok((file, Unfinished(path)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut paths = lock();
        // A finished file has another name by now.
        let _ = std::fs::remove_file(&self.0);
        paths.remove(&self.0);
    }
}

/// Does something that no signal may interrupt, such as to make a file and rename it.
pub(crate) fn held_off<T>(work: impl FnOnce() -> T) -> T {
    watch();
    let _paths = lock();
    work()
}

fn lock() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread, the first time. If that fails, the signals end the process at once.
fn watch() {
    WATCHED.call_once(|| {
        // A signal that the parent has chosen to ignore, as nohup does, stays ignored.
        let ignored = ignored();
        let signals = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let Ok(mut signals) = Signals::new(signals) else { return };
        let handle = signals.handle();
        let started = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in &mut signals {
                let paths = lock();
                for path in paths.iter() {
                    let _ = std::fs::remove_file(path);
                }
                let _ = emulate_default_handler(signal);
            }
        });
        if started.is_err() {
            handle.close();
        }
    });
}

/// The signals that this process ignores, a bit for each.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
