//! Space: which pages of the file are free, and how new nodes are written to them.
//!
//! Used by the trees (which write nodes) and by transactions (which decide what becomes free).
//! Nothing here knows what a node holds, or in what order a commit is made durable.

mod allocate;
mod commit_list;
mod run;
mod session;

pub(crate) use allocate::Allocator;
pub(crate) use commit_list::{LIST_RUNS, WrittenRun, fits_the_list};
pub(crate) use run::{Room, RunWriter};
pub(crate) use session::{Finished, WriteSession};
