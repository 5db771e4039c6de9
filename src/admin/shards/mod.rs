//! Shards: a table as several databases in a folder, each with the rows of one range of keys. A
//! list in the folder, `shards.txt`, names them. `make` writes a folder, `merge` puts its rows back
//! into one table, and only `list` knows the text of the list.

mod list;
mod make;
mod merge;
mod shard;

pub use make::ShardOptions;
pub use shard::{Shard, Shards};
