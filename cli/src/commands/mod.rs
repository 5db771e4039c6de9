//! The commands, one per file: each is the arguments of a command, and `run`. Only `args.rs` starts
//! them. `plot` and `shell` have rooms of their own, as they are more than one file.

pub(crate) mod alter;
pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod load;
pub(crate) mod merge;
pub(crate) mod query;
pub(crate) mod remove;
pub(crate) mod salvage;
pub(crate) mod scan;
pub(crate) mod set;
pub(crate) mod shard;
