//! The steps by which new files are made, and the files of a folder renamed and removed, recorded
//! for tests that cut the power in between. Recorded only in the thread that asks for it.

use std::cell::RefCell;
use std::path::Path;

use super::disk::Event;

/// A step in the making of a file, or of a folder of files. Names are those in the folder.
#[derive(Clone, Debug)]
pub enum Making {
    /// A new file was begun. It has no name yet.
    Begun,
    /// The content of the file that was begun last changed.
    Content(Event),
    /// The file that was begun last got this name.
    Named(String),
    /// A file got another name, and replaced the file that had it.
    Renamed {
        /// Its name before.
        from: String,
        /// Its name now.
        to: String,
    },
    /// The file of this name was removed.
    Removed(String),
    /// The folder was synced.
    FolderSynced,
}

thread_local! {
    static STEPS: RefCell<Option<Vec<Making>>> = const { RefCell::new(None) };
}

pub(in crate::storage) fn note(step: impl FnOnce() -> Making) {
    STEPS.with_borrow_mut(|steps| {
        if let Some(steps) = steps {
            steps.push(step());
        }
    });
}

/// The name of a file in its folder.
pub(in crate::storage) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Calls the closure, and returns the steps by which it made new files.
pub fn record_making<R>(makes: impl FnOnce() -> R) -> (R, Vec<Making>) {
    STEPS.set(Some(Vec::new()));
    let result = makes();
    (result, STEPS.take().unwrap_or_default())
}
