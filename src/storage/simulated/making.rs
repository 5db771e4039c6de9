//! The steps by which a new file is made, recorded for tests that cut the power in between.
//! Recorded only in the thread that asks for it.

use std::cell::RefCell;

use super::disk::Event;

/// A step in the making of a file.
#[derive(Clone, Debug)]
pub enum Making {
    /// The content of the file changed.
    Content(Event),
    /// The file got its name.
    Named,
    /// The folder was synced.
    FolderSynced,
}

thread_local! {
    static STEPS: RefCell<Option<Vec<Making>>> = const { RefCell::new(None) };
}

pub(in crate::storage) fn note(step: Making) {
    STEPS.with_borrow_mut(|steps| {
        if let Some(steps) = steps {
            steps.push(step);
        }
    });
}

/// Calls the closure, and returns the steps by which it made a new file.
pub fn record_making<R>(makes: impl FnOnce() -> R) -> (R, Vec<Making>) {
    STEPS.set(Some(Vec::new()));
    let result = makes();
    (result, STEPS.take().unwrap_or_default())
}
