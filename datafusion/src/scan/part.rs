//! `Part`: some rows of one table of one database, at one state. It hangs on a file of a scan.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use drystone::{Database, Dyn, OwnedTable, Schema};

use crate::error::external;

/// Opens the database of a shard. The program passes it in, because [`Database::open`] has a
/// contract that only the program can keep.
pub type Opener = Arc<dyn Fn(&Path) -> drystone::Result<Database> + Send + Sync>;

/// Where the rows of a part are read from.
#[derive(Clone)]
pub(crate) enum Snapshot {
    /// A snapshot that this process holds.
    Held(OwnedTable<Dyn>),
    /// A file that is opened when the part is read, perhaps in another process.
    File {
        path: PathBuf,
        /// The number of the transaction that the plan was made for.
        transaction: u64,
        opener: Opener,
    },
}

/// Some rows of a table.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) snapshot: Snapshot,
    pub(crate) table: Arc<str>,
    /// The file, for people; `memory` for a database without one.
    pub(crate) location: Arc<str>,
    /// Row numbers; all if there are none.
    pub(crate) numbers: Option<Range<u64>>,
}

impl Part {
    /// The table, with the schema that the plan was made for.
    pub(crate) fn open(&self, schema: &Schema) -> Result<OwnedTable<Dyn>> {
        match &self.snapshot {
            Snapshot::Held(table) => Ok(table.clone()),
            Snapshot::File { path, transaction, opener } => {
                self.open_file(path, *transaction, opener, schema)
            }
        }
    }

    fn open_file(
        &self,
        path: &Path,
        transaction: u64,
        opener: &Opener,
        schema: &Schema,
    ) -> Result<OwnedTable<Dyn>> {
        let in_shard = |error| external(error).context(format!("shard {}", path.display()));
        let database = opener(path).map_err(in_shard)?;
        let table = database.table::<Dyn>(&self.table).map_err(in_shard)?;
        let found = table.snapshot().transaction();
        if found != transaction {
            return Err(DataFusionError::Execution(format!(
                "shard {} has changed since the query was planned (transaction {transaction} then, {found} now); \
                 run the query again",
                path.display()
            )));
        }
        let has = table.as_table().schema().clone();
        if has != *schema {
            return Err(DataFusionError::Execution(format!(
                "shard {} has another schema than the other shards: expected {schema}, found {has}",
                path.display()
            )));
        }
        Ok(table)
    }
}
