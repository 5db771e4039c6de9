//! A simulated disk behind the traits of `storage`, for tests of crash safety. The simulator and
//! tests use it through the module `simulation` at the root.

mod byte_locks;
mod disk;
mod lock;
mod making;

pub use disk::{CrashDisk, Event, Fault, Hook, Operation, Verdict};
pub use making::{Making, record_making};
pub(super) use making::{name_of, note};
