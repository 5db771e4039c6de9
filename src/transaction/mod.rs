//! Transactions: snapshots to read from, and the one transaction that writes. Programs get them
//! from `Database`. This room decides when a page becomes free; `commit` decides what is written
//! when.

mod alter;
mod commit;
mod compact;
mod copy;
mod free_space;
mod owned;
mod owned_query;
mod read_transaction;
mod stats;
mod turn;
mod write_transaction;

use std::path::PathBuf;
use std::sync::Arc;

pub use owned::{OwnedRows, OwnedTable};
pub use owned_query::OwnedQueryStream;
pub use read_transaction::ReadTransaction;
pub use stats::TableStats;
pub use write_transaction::{TableOptions, WriteTransaction};

pub(crate) use compact::Progress;
pub(crate) use free_space::derive_free_space;
pub(crate) use turn::{Turn, Wait, WriterPlace};

use parking_lot::Mutex;

use crate::catalog::Definitions;
use crate::commit::{Commits, Readers};
use crate::error::{Result, bail};
use crate::page::Pages;
use crate::space::Allocator;
use crate::storage::Process;

/// What the transactions of one open database share.
pub(crate) struct Shared {
    pub(crate) pages: Arc<Pages>,
    pub(crate) readers: Readers,
    /// What the writer keeps from one transaction to the next.
    pub(crate) writer: WriterPlace,
    pub(crate) scratch: PathBuf,
    pub(crate) process: Process,
    /// The catalog entries that were looked up in the last state that was read, with the number of
    /// that state. No number is used twice.
    pub(crate) definitions: Mutex<(u64, Arc<Definitions>)>,
}

/// What the writer keeps between transactions.
pub(crate) struct WriterState {
    pub(crate) commits: Commits,
    /// The free space, if this process wrote before and no other process has written since.
    pub(crate) allocator: Option<Allocator>,
}

impl Shared {
    /// The catalog entries that were looked up in this state. So a table that many snapshots of one
    /// state open is looked up once.
    fn definitions_of(&self, transaction: u64) -> Arc<Definitions> {
        let mut definitions = self.definitions.lock();
        if definitions.0 != transaction {
            *definitions = (transaction, Arc::default());
        }
        Arc::clone(&definitions.1)
    }

    /// An error for a handle that came through `fork`: its locks are the parent's.
    pub(crate) fn check_process(&self) -> Result<()> {
        if Process::this() != self.process {
            bail!(
                AfterFork,
                "this handle was opened before a fork, and is the parent's; open the database anew in the child"
            );
        }
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Commits that were not synced survive the end of the process, but not a power cut soon
        // after. A clean end makes them durable. A failure cannot be reported here;
        // `Database::sync` reports it.
        if self.check_process().is_ok()
            && let Some(writer) = self.writer.get_mut()
        {
            let _ = writer.commits.sync_at_end(&self.pages, &self.readers);
        }
    }
}
