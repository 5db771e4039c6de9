//! Threads that readers and writers share their work with. The system may refuse some of them, or
//! all: the work is then done by those that started, or by the caller.

use std::thread::{self, JoinHandle};

/// How many threads can run at once.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// This number of threads, or one for each processor for 0.
pub(super) fn wanted(threads: usize) -> usize {
    if threads == 0 { processors() } else { threads }
}

/// Starts this many threads that all do this work. Returns fewer, or none, if the system has no
/// more.
pub(super) fn start(
    name: &str,
    threads: usize,
    work: impl Fn() + Clone + Send + 'static,
) -> Vec<JoinHandle<()>> {
    (0..threads)
        .map_while(|_| {
            #[cfg(test)]
            if !refusal::is_allowed() {
                return None;
            }
            thread::Builder::new().name(name.into()).spawn(work.clone()).ok()
        })
        .collect()
}

/// In place of a system that refuses threads.
#[cfg(test)]
pub(super) mod refusal {
    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub(super) fn is_allowed() -> bool {
        LEFT.with(|left| match left.get() {
            None => true,
            Some(threads) => {
                left.set(Some(threads.saturating_sub(1)));
                threads > 0
            }
        })
    }

    /// While this runs, only this many threads can be started by this one.
    pub(crate) fn after<T>(threads: usize, run: impl FnOnce() -> T) -> T {
        LEFT.set(Some(threads));
        let done = run();
        LEFT.set(None);
        done
    }
}
