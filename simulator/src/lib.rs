//! Power cuts, failing disks and planted bugs: searches for a way to lose a commit of drystone.
//!
//! A [script] runs on a simulated disk that records every write, sync and change of length. Then
//! the power is cut after every event, in every way that a disk allows ([crash]). What is left is
//! opened and compared with the [model]. The search continues from there: settling, the next
//! commits, and cuts in those ([explore]).
//!
//! Several processes take turns on one such disk, at every operation if need be, and are killed
//! ([processes], [together]). And the disk may lie: lose a write, write to another place or twice,
//! or fail to read ([lies]).
#![expect(
    missing_debug_implementations,
    reason = "no library for others: only its own binary and tests use it"
)]

pub mod crash;
pub mod creation;
pub mod explore;
pub mod ledger;
pub mod lies;
pub mod model;
pub mod processes;
pub mod random;
pub mod run;
pub mod script;
pub mod together;
pub mod turns;
