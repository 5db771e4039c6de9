//! `InOrder`: jobs that several threads take in order, and what they make of each, given in that
//! order.
//!
//! ```text
//! jobs --> threads --parts--> the caller
//!    \'--- the parts of each job, in order ---^
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use parking_lot::Mutex;

use super::threads;

/// The jobs of an input. Only one thread asks for the next at a time.
type Jobs<J> = Box<dyn FnMut() -> Option<J> + Send>;

/// What comes next.
pub(super) enum Step<J, P> {
    Part(P),
    /// There are no more parts of a job.
    JobEnd,
    /// No thread could be started, so the caller does this job.
    Job(J),
}

/// Jobs that are done by threads, which end when it is dropped.
pub(super) struct InOrder<J, P> {
    feed: Feed<J, P>,
    /// The parts of the present job.
    parts: Option<Receiver<PartOrEnd<P>>>,
}

enum Feed<J, P> {
    Threads(Receiver<Begun<P>>),
    Caller(Jobs<J>),
}

/// The parts of a job that was begun, or the panic of the input.
type Begun<P> = thread::Result<Receiver<PartOrEnd<P>>>;

/// A part of a job, nothing at its end, or the panic of a thread.
type PartOrEnd<P> = thread::Result<Option<P>>;

struct Shared<J, P> {
    jobs: Jobs<J>,
    begun: SyncSender<Begun<P>>,
    is_over: bool,
}

impl<J: Send + 'static, P: Send + 'static> InOrder<J, P> {
    /// Lets this many threads do these jobs, or fewer if the system has no more. `work` gives the
    /// parts of a job to a function, which returns `false` if no more is wanted. Of each job,
    /// `ahead` parts are kept until the caller takes them.
    pub(super) fn new(
        name: &str,
        threads: usize,
        ahead: usize,
        jobs: Jobs<J>,
        work: impl Fn(J, &mut dyn FnMut(P) -> bool) + Clone + Send + 'static,
    ) -> InOrder<J, P> {
        // Each thread has a job.
        let (begun, receiver) = sync_channel(threads);
        let shared = Arc::new(Mutex::new(Shared { jobs, begun, is_over: false }));
        let theirs = Arc::clone(&shared);
        let started = threads::start(name, threads, move || {
            loop {
                // Not in a `while let`, which would hold the lock during the work.
                let next = next_job(&mut theirs.lock(), ahead);
                let Some((job, parts)) = next else { break };
                let mut give = |part| parts.send(Ok(Some(part))).is_ok();
                let done = catch_unwind(AssertUnwindSafe(|| work(job, &mut give)));
                // It fails if no more is wanted.
                let _ = parts.send(done.map(|()| None));
            }
        });
        let feed = match Arc::into_inner(shared) {
            Some(alone) if started.is_empty() => Feed::Caller(alone.into_inner().jobs),
            _ => Feed::Threads(receiver),
        };
        InOrder { feed, parts: None }
    }

    /// Waits for the next part. `None` at the end. A panic of the input or of a thread goes on
    /// here.
    pub(super) fn next(&mut self) -> Option<Step<J, P>> {
        loop {
            if let Some(parts) = &self.parts {
                return Some(match parts.recv() {
                    Ok(Ok(Some(part))) => Step::Part(part),
                    Ok(Err(panic)) => resume_unwind(panic),
                    Ok(Ok(None)) | Err(_) => {
                        self.parts = None;
                        Step::JobEnd
                    }
                });
            }
            match &mut self.feed {
                Feed::Caller(jobs) => return jobs().map(Step::Job),
                Feed::Threads(begun) => match begun.recv() {
                    Ok(Ok(parts)) => self.parts = Some(parts),
                    Ok(Err(panic)) => resume_unwind(panic),
                    Err(_) => return None,
                },
            }
        }
    }
}

/// Takes the next job, and tells the caller that it is begun.
fn next_job<J, P>(shared: &mut Shared<J, P>, ahead: usize) -> Option<(J, SyncSender<PartOrEnd<P>>)> {
    if shared.is_over {
        return None;
    }
    shared.is_over = true;
    let job = match catch_unwind(AssertUnwindSafe(&mut shared.jobs)) {
        Ok(job) => job?,
        Err(panic) => {
            let _ = shared.begun.send(Err(panic));
            return None;
        }
    };
    let (sender, receiver) = sync_channel(ahead);
    // It fails if no more is wanted.
    shared.begun.send(Ok(receiver)).ok()?;
    shared.is_over = false;
    Some((job, sender))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn two_jobs_are_done_at_a_time() {
        let running = Arc::new(AtomicUsize::new(0));
        let mut jobs = 0..2;
        let mut in_order = InOrder::new("test", 2, 1, Box::new(move || jobs.next()), move |_: i32, give| {
            running.fetch_add(1, Ordering::SeqCst);
            let begun = Instant::now();
            while running.load(Ordering::SeqCst) < 2 && begun.elapsed() < Duration::from_secs(10) {
                std::thread::yield_now();
            }
            give(running.load(Ordering::SeqCst));
        });
        while let Some(step) = in_order.next() {
            assert!(!matches!(step, Step::Part(1)), "a job was done before the other one began");
        }
    }
}
