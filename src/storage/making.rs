//! How a new file is made, step by step, for tests that cut the power in between. Recorded in the thread that asks for it.

use std::cell::RefCell;

use super::crash::Event;

/// A step in the making of a file.
#[derive(Clone, Debug)]
pub enum Making {
    /// Something was done to what the file holds.
    Content(Event),
    /// The file got its name.
    Named,
    /// The folder was synced.
    FolderSynced,
}

thread_local! {
    static STEPS: RefCell<Option<Vec<Making>>> = const { RefCell::new(None) };
}

pub(super) fn note(step: Making) {
    STEPS.with_borrow_mut(|steps| {
        if let Some(steps) = steps {
            steps.push(step);
        }
    });
}

/// Does something, and tells how the new file came about that it made.
pub fn record_making<R>(does: impl FnOnce() -> R) -> (R, Vec<Making>) {
    STEPS.set(Some(Vec::new()));
    let result = does();
    (result, STEPS.take().unwrap_or_default())
}
