//! Administration: checking, salvaging, compacting, copying, comparing and sharding.
//!
//! Everything here is called by users only. It stands on the public interface and on the rooms
//! below, and no room below knows of it.

mod backup;
mod check;
mod compact;
mod diff;
mod patch;
mod salvage;
mod shards;

pub use backup::BackupReport;
pub use check::{CheckReport, Problem};
pub use compact::CompactReport;
pub use diff::{Diff, DiffStats, RowChange, RowChanges, TableDiff};
pub use patch::{ApplyReport, PatchReport, Since};
pub use salvage::{Loss, SalvageReport};
pub use shards::{Shard, ShardOptions, Shards};
