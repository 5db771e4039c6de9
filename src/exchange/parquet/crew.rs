//! `Crew`: threads that take tasks in the order in which they were given, and the caller, who takes
//! some while it waits.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::exchange::threads;

type Task = Box<dyn FnOnce() + Send>;

/// The threads, and the tasks that none has taken. Dropped, it ends the threads after their present
/// tasks.
pub(super) struct Crew {
    queue: Arc<Queue>,
    /// How many threads take tasks, with the caller.
    pub(super) threads: usize,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    is_over: bool,
}

/// The result of a task, which may not be there yet.
pub(super) struct Awaited<T>(Receiver<thread::Result<T>>);

impl Crew {
    /// A crew of this many threads, or fewer if the system has no more. The caller is one of them.
    pub(super) fn new(name: &str, threads: usize) -> Crew {
        let queue = Arc::new(Queue::default());
        let shared = Arc::clone(&queue);
        let started = threads::start(name, threads.saturating_sub(1), move || shared.work());
        Crew { queue, threads: 1 + started.len() }
    }

    /// Gives the crew a task.
    pub(super) fn give<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Awaited<T> {
        let (sender, receiver) = sync_channel(1);
        // It fails if the result is not waited for any more.
        let task = move || drop(sender.send(catch_unwind(AssertUnwindSafe(task))));
        self.queue.state.lock().tasks.push_back(Box::new(task));
        self.queue.changed.notify_one();
        Awaited(receiver)
    }

    /// The result of a task. Meanwhile the caller takes tasks too. A panic of the task goes on
    /// here.
    pub(super) fn wait<T>(&self, awaited: Awaited<T>) -> T {
        let done = loop {
            match awaited.0.try_recv() {
                Err(TryRecvError::Empty) => {}
                done => break done.ok(),
            }
            let task = self.queue.state.lock().tasks.pop_front();
            match task {
                Some(task) => task(),
                None => break awaited.0.recv().ok(),
            }
        };
        match done {
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
            // Tasks are taken one by one, and each sends its result.
            None => unreachable!("a task without a result"),
        }
    }
}

impl Queue {
    /// Takes tasks until the crew is dropped.
    fn work(&self) {
        let mut state = self.state.lock();
        while !state.is_over {
            match state.tasks.pop_front() {
                Some(task) => {
                    drop(state);
                    task();
                    state = self.state.lock();
                }
                None => self.changed.wait(&mut state),
            }
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.is_over = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.queue.changed.notify_all();
        drop(tasks);
    }
}
