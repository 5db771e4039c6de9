//! `ReadTransaction`: a snapshot, and the tables that it opens. It holds a pin in the reader table
//! and writes nothing.

use std::fmt;
use std::sync::Arc;

use super::Shared;
use crate::catalog::{Catalog, Definition, Definitions, Known, Role};
use crate::commit::{Commits, Meta, Pin, highest_number};
use crate::error::Result;
use crate::page::Pages;
use crate::table::{FindIndex, IndexInfo, Reader, RowKind, Table};
use crate::tree::View;

/// A snapshot of the whole database. It does not change while it is held, even if others write.
///
/// What is read through it lives as long as it does. It is `Send` and `Sync`, never waits, and
/// takes about a microsecond to begin. The file keeps the pages that it reaches until it is
/// dropped, so a snapshot that is held for long keeps old data.
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
#[must_use]
pub struct ReadTransaction {
    shared: Arc<Shared>,
    pin: Pin,
    /// Shared by all snapshots of this state.
    definitions: Arc<Definitions>,
}

impl fmt::Debug for ReadTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadTransaction({})", self.pin.meta.transaction)
    }
}

impl Drop for ReadTransaction {
    fn drop(&mut self) {
        // In a forked child the pin belongs to the parent.
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
        let definitions = shared.definitions_of(pin.meta.transaction);
        Ok(ReadTransaction { shared: Arc::clone(shared), pin, definitions })
    }

    /// A snapshot of the newest state of the same database.
    pub(crate) fn newer(&self) -> Result<ReadTransaction> {
        ReadTransaction::begin(&self.shared)
    }

    /// Another snapshot of the state of this transaction, if that state is still held.
    pub(crate) fn of_held(shared: &Arc<Shared>, transaction: u64) -> Result<Option<ReadTransaction>> {
        shared.check_process()?;
        let pin = shared.readers.pin_named(transaction)?;
        if let Some(pin) = &pin
            && let Err(error) = Commits::adopt(&shared.pages, &pin.meta)
        {
            // It may be newer than what this process has seen of the file.
            shared.readers.unpin(pin);
            return Err(error);
        }
        let definitions = Arc::default();
        Ok(pin.map(|pin| ReadTransaction { shared: Arc::clone(shared), pin, definitions }))
    }

    /// Opens a table: as `T`, or as [`Dyn`](crate::Dyn) if its schema is known only at run time.
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table (the message names the tables that exist);
    /// `Schema` if its schema is not that of `T` (the message shows both); `Corrupt` if the catalog
    /// cannot be read.
    pub fn table<R: RowKind>(&self, name: &str) -> Result<Table<'_, R>> {
        self.reader(name).and_then(Table::new)
    }

    /// The names of all tables, in order.
    ///
    /// # Errors
    /// `Corrupt` if the catalog cannot be read.
    pub fn table_names(&self) -> Result<Vec<String>> {
        self.catalog()?.tables().map(|table| table.map(|table| table.name)).collect()
    }

    /// The indexes on a table, by name. O(tables), or O(1) for a table without an index.
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `Corrupt` if the catalog cannot be read.
    pub fn indexes(&self, table: &str) -> Result<Vec<IndexInfo>> {
        let catalog = self.catalog()?;
        let table = catalog.get(table)?;
        Ok(catalog.indexes(&table)?.iter().map(|index| IndexInfo::new(&table, index)).collect())
    }

    /// The number of the transaction that made this state. It grows with every commit, and no two
    /// states that were seen have the same number.
    pub fn transaction(&self) -> u64 {
        self.pin.meta.transaction
    }

    /// Whether no commit, of this process or another, has made a newer state. While that is so, it
    /// takes a few nanoseconds: no system call and no lock.
    ///
    /// ```
    /// # let db = drystone::Database::in_memory()?;
    /// let read = db.read()?;
    /// assert!(read.is_newest());
    /// db.update(|tx| tx.create_dyn_table("points", &"x: i32".parse()?).map(drop))?;
    /// assert!(!read.is_newest());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    #[inline]
    pub fn is_newest(&self) -> bool {
        let number = self.pin.meta.transaction;
        highest_number(self.shared.pages.storage().mapping()) <= number
            || self.shared.readers.is_newest(number)
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.pin.meta
    }

    /// Whether both are states of the same file. Then, while both are held, an address means the
    /// same in both.
    pub(crate) fn is_of_one_file(&self, other: &ReadTransaction) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.shared.pages
    }

    pub(crate) fn catalog(&self) -> Result<Catalog<'_>> {
        self.shared.check_process()?;
        let meta = &self.pin.meta;
        Catalog::new(self.shared.pages.view(meta.file_bytes), meta.tables, meta.fields)
    }

    pub(crate) fn reader(&self, name: &str) -> Result<Reader<'_>> {
        self.shared.check_process()?;
        let known = self.definitions.get(name, || self.catalog()?.get(name))?;
        if !known.definition.is_table() {
            // An index that was looked up before. The catalog makes the error.
            self.catalog()?.get(name)?;
        }
        self.reader_of(known)
    }

    fn reader_of<'t>(&'t self, known: &'t Known) -> Result<Reader<'t>> {
        let Known { definition, directory } = known;
        let pages = self.shared.pages.view(self.pin.meta.file_bytes);
        match View::new(pages, &definition.layout, definition.root) {
            Ok(view) => Ok(Reader { definition, view: view.with_directory(directory), indexes: self }),
            Err(error) => Err(definition.in_table(error)),
        }
    }
}

impl FindIndex for ReadTransaction {
    fn find_index(&self, table: &Definition, name: &str) -> Result<Reader<'_>> {
        let known = self.definitions.get(name, || self.catalog()?.index(table, name))?;
        if !known.definition.is_on(table) {
            // Something else that was looked up before. The catalog makes the error.
            self.catalog()?.index(table, name)?;
        }
        self.reader_of(known)
    }

    fn find_indexes(&self, table: &Definition) -> Result<Vec<Reader<'_>>> {
        if table.role == Role::TABLE {
            return Ok(Vec::new());
        }
        let indexes = self.catalog()?.indexes(table)?;
        indexes.iter().map(|index| self.find_index(table, &index.name)).collect()
    }
}
