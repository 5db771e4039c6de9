//! `drystone shard`: a table as several databases in a folder. The library cuts and writes it; this
//! file shows its progress, and reports the result.

use std::path::PathBuf;

use clap::Args;
use drystone::{Result, ShardOptions};
use indicatif::HumanCount;

use crate::formats::names::{Names, all_names};
use crate::report::{Outcome, report};
use crate::{open, progress};

/// Cut a table into databases of equal size in a folder, each with a range of its keys
///
/// Each shard has the table under its name, with its schema, its indexes and its leaf size. A shard
/// gets its name when it is whole and durable, and the folder its list, shards.txt, when all are
/// there. If the command is stopped, the same command makes the missing shards.
#[derive(Args)]
pub(crate) struct Shard {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The folder; it is made if it does not exist
    folder: PathBuf,
    /// The leading fields of the key; rows with the same values in them come into one shard.
    /// Without this: all fields of the key, or row numbers in a table without a key
    #[arg(long, value_name = "A,B")]
    by: Vec<Names>,
    /// How many shards; there are fewer if there are fewer rows, or values of --by
    #[arg(long, value_name = "N")]
    shards: usize,
    /// Replace the shards that are in the folder
    #[arg(long)]
    replace: bool,
}

impl Shard {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let options = ShardOptions::new(self.shards).by(all_names(&self.by)).replace(self.replace);
        let bar = progress::bytes(Some(0), "sharding");
        let show = |done, total| progress::advance(&bar, done, total);
        let shards = db.read()?.shard_with(&self.table, &self.folder, &options, show)?;
        bar.finish_and_clear();
        let by: Vec<&str> = shards.by().collect();
        report(&format!(
            "{}: {} rows of table {:?} in {} by {}",
            self.folder.display(),
            HumanCount(shards.rows()),
            shards.table(),
            counted(shards.len()),
            if by.is_empty() { "row number".to_owned() } else { by.join(", ") }
        ))?;
        Ok(Outcome::Done)
    }
}

/// A number of shards in words.
pub(super) fn counted(shards: usize) -> String {
    if shards == 1 { "1 shard".into() } else { format!("{} shards", HumanCount(shards as u64)) }
}
