//! `ReadTransaction`: a snapshot.

use std::fmt;
use std::sync::Arc;

use super::{Shared, TableStats};
use crate::catalog::{Catalog, Definitions};
use crate::error::Result;
use crate::page::{Commits, Meta, Pages, Pin};
use crate::record::Record;
use crate::table::{DynamicTable, Reader, Table};
use crate::tree::View;

/// A snapshot of the whole database: it does not change while it is held, whoever writes meanwhile.
///
/// What is read through it lives as long as it does. It is `Send` and `Sync`, never waits, and costs about a microsecond to begin. The
/// pages that it sees are kept until it is dropped, so a snapshot that is held for long keeps old data in the file.
///
/// ```compile_fail,E0505
/// # use drystone::{Database, Record};
/// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
/// # fn main() -> drystone::Result<()> {
/// # let db = Database::in_memory()?;
/// let read = db.read()?;
/// let point = read.table::<Point>("points")?.get(0)?.unwrap();
/// drop(read); // refused by the compiler: `point` lies in the snapshot
/// println!("{}", point.x);
/// # Ok(())
/// # }
/// ```
pub struct ReadTransaction {
    shared: Arc<Shared>,
    pin: Pin,
    definitions: Definitions,
}

impl fmt::Debug for ReadTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadTransaction({})", self.pin.meta.transaction)
    }
}

impl Drop for ReadTransaction {
    fn drop(&mut self) {
        // In a forked child the pin is the parent's to give up.
        if self.shared.check_process().is_ok() {
            self.shared.readers.unpin(&self.pin);
        }
    }
}

impl ReadTransaction {
    pub(crate) fn begin(shared: &Arc<Shared>) -> Result<ReadTransaction> {
        shared.check_process()?;
        let pages = &shared.pages;
        let pin = shared.readers.pin(|newest| Commits::adopt(pages, newest))?;
        Ok(ReadTransaction { shared: Arc::clone(shared), pin, definitions: Definitions::default() })
    }

    /// The state of this transaction, if somebody holds it, as one more snapshot.
    pub(crate) fn of_held(shared: &Arc<Shared>, transaction: u64) -> Result<Option<ReadTransaction>> {
        shared.check_process()?;
        let pin = shared.readers.pin_held(transaction)?;
        let definitions = Definitions::default();
        Ok(pin.map(|pin| ReadTransaction { shared: Arc::clone(shared), pin, definitions }))
    }

    /// Opens a table as `T`.
    ///
    /// # Errors
    /// `NotFound` if there is no such table, naming those there are; `Schema` if its schema is not `T`'s, showing both; `Corrupt`
    /// if the catalog cannot be read.
    pub fn table<T: Record>(&self, name: &str) -> Result<Table<'_, T>> {
        self.reader(name).and_then(Table::new)
    }

    /// Opens a table whose schema is known only at run time.
    ///
    /// # Errors
    /// As for [`table`](ReadTransaction::table).
    pub fn dynamic(&self, name: &str) -> Result<DynamicTable<'_>> {
        self.reader(name).map(DynamicTable::new)
    }

    /// The names of all tables, in order.
    ///
    /// # Errors
    /// `Corrupt` if the catalog cannot be read.
    pub fn table_names(&self) -> Result<Vec<String>> {
        self.catalog()?.all().map(|table| table.map(|table| table.name)).collect()
    }

    /// The measures of a table: rows, bytes, fill. O(branches).
    ///
    /// # Errors
    /// `NotFound` if there is no such table; `Corrupt` if it cannot be read.
    pub fn table_stats(&self, name: &str) -> Result<TableStats> {
        let reader = self.reader(name)?;
        let counted = reader.stats()?;
        let layout = &reader.definition.layout;
        Ok(TableStats {
            rows: counted.rows,
            width: layout.width(),
            leaf_rows: layout.leaf_rows(),
            leaves: counted.leaves,
            leaf_bytes: counted.leaf_bytes,
            branch_bytes: counted.branch_bytes,
            height: counted.height,
            contiguous: counted.rows > 0 && reader.is_contiguous()?,
        })
    }

    /// The number of the transaction whose state this is. It grows by one with every commit.
    pub fn transaction(&self) -> u64 {
        self.pin.meta.transaction
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.pin.meta
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.shared.pages
    }

    pub(crate) fn catalog(&self) -> Result<Catalog<'_>> {
        self.shared.check_process()?;
        let meta = &self.pin.meta;
        Catalog::new(self.shared.pages.view(meta.file_bytes), meta.tables, meta.fields)
    }

    fn reader(&self, name: &str) -> Result<Reader<'_>> {
        self.shared.check_process()?;
        let definition = self.definitions.get(name, || self.catalog()?.get(name))?;
        let pages = self.shared.pages.view(self.pin.meta.file_bytes);
        let view = View::new(pages, &definition.layout, definition.root)
            .map_err(|error| error.within(format!("table {name:?}")))?;
        Ok(Reader { definition, view })
    }
}
