//! Transactions: a snapshot to read from, and the one that writes.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::catalog::{
    Catalog, CatalogEdit, Definition, Definitions, check_name, fields_layout, layout_for, tables_layout,
};
use crate::error::{Error, ErrorKind, Result, fail};
use crate::page::{Allocator, Commits, Durability, Meta, PAGE_BYTES, Pages, Pin, Readers, WriteSession};
use crate::record::Record;
use crate::schema::{FieldDef, Schema};
use crate::table::{DynamicTable, DynamicTableMut, OpenTable, Reader, Table, TableHome, TableMut, Writer};
use crate::tree::{Edited, TreeBuilder, View};

/// What the transactions of one open database share.
pub(crate) struct Shared {
    pub(crate) pages: Arc<Pages>,
    pub(crate) readers: Readers,
    /// What the writer keeps from one transaction to the next. Taken out while one runs.
    pub(crate) writer: Mutex<Option<WriterState>>,
    pub(crate) writer_left: parking_lot::Condvar,
    pub(crate) scratch: PathBuf,
    pub(crate) process: u32,
}

/// The writer's memory between transactions.
pub(crate) struct WriterState {
    pub(crate) commits: Commits,
    /// The free space, if this process has written before and nobody else since.
    pub(crate) allocator: Option<Allocator>,
}

impl Shared {
    /// A handle that came through `fork` must not be used: its locks are the parent's.
    pub(crate) fn check_process(&self) -> Result<()> {
        if std::process::id() != self.process {
            fail!(
                Usage,
                "this database was opened by process {}, before a fork; open it anew in the child",
                self.process
            );
        }
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Commits that were not synced survive the end of the process, but not a power cut soon after; a clean end makes
        // them durable. A failure has nobody left to be told: `Database::sync` tells.
        if self.check_process().is_ok()
            && let Some(writer) = self.writer.get_mut()
        {
            let _ = writer.commits.flush(&self.pages, &self.readers, false);
        }
    }
}

/// A snapshot of the whole database: it does not change while it is held, whoever writes meanwhile.
///
/// What is read through it lives as long as it does. It is `Send` and `Sync`, never waits, and costs about a microsecond to begin. The
/// pages that it sees are kept until it is dropped, so a snapshot that is held for long keeps old data in the file.
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
        let pin =
            shared.readers.pin(|transaction| Commits::find(pages, transaction), || pages.forget_all())?;
        Ok(ReadTransaction { shared: Arc::clone(shared), pin, definitions: Definitions::default() })
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
        let meta = &self.pin.meta;
        Catalog::new(self.shared.pages.view(meta.file_bytes), meta.tables, meta.fields)
    }

    fn reader(&self, name: &str) -> Result<Reader<'_>> {
        let definition = self.definitions.get(name, || self.catalog()?.get(name))?;
        let pages = self.shared.pages.view(self.pin.meta.file_bytes);
        let view = View::new(pages, &definition.layout, definition.root)
            .map_err(|error| error.within(format!("table {name:?}")))?;
        Ok(Reader { definition, view })
    }
}

/// The measures of a table, as [`ReadTransaction::table_stats`] finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// Rows.
    pub rows: u64,
    /// Bytes a row, as declared.
    pub width: usize,
    /// Rows that a leaf can hold.
    pub leaf_rows: usize,
    /// Leaves.
    pub leaves: u64,
    /// Bytes of packed records in leaves.
    pub leaf_bytes: u64,
    /// Bytes of branches.
    pub branch_bytes: u64,
    /// Branches between the root and a leaf.
    pub height: u32,
    /// Whether the rows lie side by side in the file, as one array.
    pub contiguous: bool,
}

impl TableStats {
    /// Bytes that a row costs in the file, branches included. 0 without rows.
    pub fn bytes_a_row(&self) -> f64 {
        (self.leaf_bytes + self.branch_bytes) as f64 / self.rows.max(1) as f64
    }

    /// How full the leaves are, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.rows as f64 / (self.leaves.max(1) * self.leaf_rows as u64) as f64
    }
}

/// The one transaction that writes. Dropped without [`commit`](WriteTransaction::commit), it has never been.
///
/// It reads its own writes. Edits are kept in memory up to a budget, and written to unused pages beyond it; nothing that
/// a snapshot sees is touched.
///
/// ```
/// use drystone::{Database, Record};
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
/// drop(write); // an abort
/// assert!(db.read()?.table_names()?.is_empty());
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct WriteTransaction {
    shared: Arc<Shared>,
    /// Taken from the shared place; given back on drop.
    writer: Option<WriterState>,
    base: Meta,
    session: Option<WriteSession>,
    state: Mutex<Tables>,
    durability: Durability,
    memory_bytes: usize,
}

/// The tables that a write transaction has opened, and the catalog as it will be.
struct Tables {
    catalog: CatalogEdit,
    open: HashMap<String, Arc<Mutex<OpenTable>>>,
}

impl fmt::Debug for WriteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteTransaction({})", self.base.transaction + 1)
    }
}

impl WriteTransaction {
    /// Begins to write. `wait_until` of `None` waits for as long as another one writes.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        wait: Wait,
        durability: Durability,
        memory_bytes: usize,
    ) -> Result<Option<WriteTransaction>> {
        shared.check_process()?;
        let Some(writer) = take_writer(shared, wait) else { return Ok(None) };
        let mut guard = WriterGuard { shared: Arc::clone(shared), writer: Some(writer), locked: false };
        if !guard.lock(wait)? {
            return Ok(None);
        }
        let (base, allocator) = guard.prepare()?;
        let session = WriteSession::new(Arc::clone(&shared.pages), allocator);
        let catalog = CatalogEdit::new(&session, base.tables, base.fields, base.next_table)?;
        Ok(Some(WriteTransaction {
            shared: Arc::clone(shared),
            writer: guard.writer.take(),
            base,
            session: Some(session),
            state: Mutex::new(Tables { catalog, open: HashMap::new() }),
            durability,
            memory_bytes,
        }))
    }

    /// What the commit promises. The default is the database's.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// How much memory edits may take before they are written to unused pages.
    pub fn set_memory_bytes(&mut self, bytes: usize) {
        self.memory_bytes = bytes;
    }

    /// Makes a table of `T`s.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of this name.
    pub fn create_table<T: Record>(&self, name: &str) -> Result<TableMut<'_, T>> {
        self.create_table_with::<T>(name, &TableOptions::default())
    }

    /// Makes a table of `T`s with options.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of this name; `Limit` if the options ask for what cannot be.
    pub fn create_table_with<T: Record>(
        &self,
        name: &str,
        options: &TableOptions,
    ) -> Result<TableMut<'_, T>> {
        self.create(name, T::schema(), options)?;
        self.table(name)
    }

    /// Makes a table of a schema that is known only at run time.
    ///
    /// # Errors
    /// As for [`create_table`](WriteTransaction::create_table).
    pub fn create_dynamic(&self, name: &str, schema: &Schema) -> Result<DynamicTableMut<'_>> {
        self.create_dynamic_with(name, schema, &TableOptions::default())
    }

    /// Makes a table of a schema that is known only at run time, with options.
    ///
    /// # Errors
    /// As for [`create_table_with`](WriteTransaction::create_table_with).
    pub fn create_dynamic_with(
        &self,
        name: &str,
        schema: &Schema,
        options: &TableOptions,
    ) -> Result<DynamicTableMut<'_>> {
        self.create(name, schema, options)?;
        self.dynamic(name)
    }

    fn create(&self, name: &str, schema: &Schema, options: &TableOptions) -> Result<()> {
        let session = self.session()?;
        let mut state = self.state.lock();
        let definition = state.catalog.create(session, name, schema, options.leaf_rows)?;
        let edited = Edited::empty(definition.layout.clone());
        state.open.insert(name.to_owned(), Arc::new(Mutex::new(OpenTable { definition, edited })));
        Ok(())
    }

    /// Opens a table as `T`, to read and to change.
    ///
    /// # Errors
    /// `NotFound` if there is no such table; `Schema` if its schema is not `T`'s; `Usage` while another handle has it.
    pub fn table<T: Record>(&self, name: &str) -> Result<TableMut<'_, T>> {
        self.open(name).and_then(TableMut::new)
    }

    /// Opens a table whose schema is known only at run time.
    ///
    /// # Errors
    /// As for [`table`](WriteTransaction::table).
    pub fn dynamic(&self, name: &str) -> Result<DynamicTableMut<'_>> {
        self.open(name).map(DynamicTableMut::new)
    }

    /// Drops a table with all its rows. O(branches).
    ///
    /// # Errors
    /// `NotFound` if there is no such table; `Usage` while a handle has it.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        let session = self.session()?;
        let mut writer = self.open(name)?;
        writer.clear()?;
        let mut state = self.state.lock();
        state.catalog.remove(session, &writer.table.definition)?;
        drop(writer);
        state.open.remove(name);
        Ok(())
    }

    /// Gives a table another name.
    ///
    /// # Errors
    /// `NotFound` if there is no such table; `AlreadyExists` if there is one of the new name; `Usage` while a handle has it.
    pub fn rename_table(&self, name: &str, new_name: &str) -> Result<()> {
        check_name(new_name)?;
        let session = self.session()?;
        let mut writer = self.open(name)?;
        let mut state = self.state.lock();
        if state.catalog.view(session).find(new_name)?.is_some() {
            fail!(AlreadyExists, "there is a table {new_name:?} already; drop it, or choose another name");
        }
        state.catalog.remove_name(session, name)?;
        writer.table.definition.name = new_name.to_owned();
        state.catalog.put(session, &writer.table.definition)?;
        drop(writer);
        if let Some(table) = state.open.remove(name) {
            state.open.insert(new_name.to_owned(), table);
        }
        Ok(())
    }

    /// Appends a field to a table's schema; rows that are there get its default, or null. Writes the table anew. O(n).
    ///
    /// # Errors
    /// `Schema` if the field cannot be appended, or has neither a default nor null and the table has rows; `NotFound` if there is
    /// no such table; `Usage` while a handle has it; `Io` if the disk is full.
    pub fn append_field(&self, name: &str, field: FieldDef) -> Result<()> {
        let session = self.session()?;
        let mut writer = self.open(name)?;
        let old = writer.table.definition.clone();
        let place = |error: Error| error.within(format!("table {name:?}"));
        let schema = old.schema.append(field).map_err(place)?;
        let Some(field) = schema.fields().last() else { return Ok(()) };
        let fill = match field.default().or(field.null()) {
            Some(fill) => fill,
            None if writer.table.edited.rows() == 0 => &[],
            None => fail!(
                Schema,
                "table {name:?} has rows, and field {:?} gives them no value; declare it with a default, or nullable",
                field.name()
            ),
        };
        let layout = layout_for(&schema, 0)?;
        let mut builder = TreeBuilder::new(session, layout.clone(), Some(writer.table.edited.rows()));
        let mut wide = Vec::with_capacity(schema.width());
        for slice in writer.reader().view.slices(0..u64::MAX) {
            for record in slice.map_err(place)?.chunks_exact(old.schema.width()) {
                wide.clear();
                wide.extend_from_slice(record);
                wide.extend_from_slice(fill);
                builder.push(&wide)?;
            }
        }
        let mut edited = Edited::empty(layout.clone());
        edited.replace(session, builder.finish()?)?;
        writer.clear()?;
        let mut state = self.state.lock();
        writer.table.definition = Definition { schema: schema.clone(), layout, ..old.clone() };
        writer.table.edited = edited;
        state.catalog.put_fields(session, &writer.table.definition, old.schema.fields().len())?;
        state.catalog.put(session, &writer.table.definition)
    }

    /// The names of all tables, in order, as this transaction has them.
    ///
    /// # Errors
    /// `Corrupt` if the catalog cannot be read.
    pub fn table_names(&self) -> Result<Vec<String>> {
        let session = self.session()?;
        self.state.lock().catalog.view(session).all().map(|table| table.map(|table| table.name)).collect()
    }

    /// Makes all changes the database's newest state, all of them or none, and with
    /// [`Durability::Immediate`] so that a power cut cannot take them away.
    ///
    /// # Errors
    /// `Io` if the disk is full or fails: then nothing was changed. `Poisoned` if the sync failed, so that it is not known what
    /// the disk holds: the database must be opened anew.
    pub fn commit(mut self) -> Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let next = self.write_pages(&session);
        let (mut allocator, written, trim) = session.finish();
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let mut next = match next {
            Ok(Some(next)) => next,
            nothing => {
                allocator.abort();
                writer.allocator = Some(allocator);
                return nothing.map(drop);
            }
        };
        let shared = &self.shared;
        next.file_bytes = allocator.end() * PAGE_BYTES as u64;
        cut_tail(shared, next.file_bytes, trim);
        writer.commits.commit(&shared.pages, &shared.readers, next, written, self.durability)?;
        // A snapshot that cannot be asked for counts as one of the beginning: what is freed then waits for the next walk.
        let snapshots =
            shared.readers.snapshots().map_or_else(|_| vec![0], |snapshots| snapshot_numbers(&snapshots));
        allocator.commit(&snapshots);
        writer.allocator = Some(allocator);
        Ok(())
    }

    /// Writes what is in memory to new pages. `None` if nothing was changed.
    fn write_pages(&self, session: &WriteSession) -> Result<Option<Meta>> {
        let mut state = self.state.lock();
        let state = &mut *state;
        for table in state.open.values() {
            let mut table = table.lock();
            let root = table.edited.flush(session)?;
            if root != table.definition.root {
                table.definition.root = root;
                state.catalog.put(session, &table.definition)?;
            }
        }
        if session.has_failed() {
            fail!(Usage, "this transaction failed to write before, and cannot be committed; begin another");
        }
        let next = Meta {
            transaction: self.base.transaction + 1,
            tables: state.catalog.tables.flush(session)?,
            fields: state.catalog.fields.flush(session)?,
            next_table: state.catalog.next_table,
            ..self.base
        };
        let changed = next.tables != self.base.tables || next.fields != self.base.fields;
        Ok(changed.then_some(next))
    }

    fn session(&self) -> Result<&WriteSession> {
        match &self.session {
            Some(session) => Ok(session),
            None => fail!(Usage, "the transaction is over"),
        }
    }

    fn open(&self, name: &str) -> Result<Writer<'_>> {
        let session = self.session()?;
        let mut state = self.state.lock();
        let table = match state.open.get(name) {
            Some(table) => Arc::clone(table),
            None => {
                let definition = state.catalog.view(session).get(name)?;
                let edited = Edited::new(session, definition.layout.clone(), definition.root)
                    .map_err(|error| error.within(format!("table {name:?}")))?;
                let table = Arc::new(Mutex::new(OpenTable { definition, edited }));
                state.open.insert(name.to_owned(), Arc::clone(&table));
                table
            }
        };
        match table.try_lock_arc() {
            Some(table) => Ok(Writer { home: self, table }),
            None => {
                fail!(Usage, "table {name:?} is open already in this transaction; drop that handle first")
            }
        }
    }
}

impl TableHome for WriteTransaction {
    fn session(&self) -> &WriteSession {
        // Handles borrow the transaction, and only `commit`, which takes it, ends the session.
        self.session.as_ref().expect("a transaction that is borrowed has its session")
    }

    fn share_bytes(&self) -> usize {
        self.memory_bytes / self.state.lock().open.len().max(1)
    }

    fn scratch_folder(&self) -> PathBuf {
        self.shared.scratch.clone()
    }
}

impl Drop for WriteTransaction {
    fn drop(&mut self) {
        let Some(mut writer) = self.writer.take() else { return };
        if let Some(session) = self.session.take() {
            let (mut allocator, ..) = session.finish();
            allocator.abort();
            writer.allocator = Some(allocator);
        }
        drop(WriterGuard { shared: Arc::clone(&self.shared), writer: Some(writer), locked: true });
    }
}

/// Options of a table, given when it is made.
///
/// ```
/// let options = drystone::TableOptions::new().leaf_rows(256);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    leaf_rows: usize,
}

impl TableOptions {
    /// The defaults.
    pub fn new() -> TableOptions {
        TableOptions::default()
    }

    /// Rows a leaf: a power of two, the leaf at least a page. Small leaves make random updates cheap, large ones make branches
    /// few. By default as small as the promised footprint allows.
    #[must_use]
    pub fn leaf_rows(mut self, rows: usize) -> TableOptions {
        self.leaf_rows = rows;
        self
    }
}

/// How long to wait for another writer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Forever,
    Not,
    Until(std::time::Instant),
}

fn take_writer(shared: &Shared, wait: Wait) -> Option<WriterState> {
    let mut place = shared.writer.lock();
    loop {
        if let Some(writer) = place.take() {
            return Some(writer);
        }
        match wait {
            Wait::Forever => shared.writer_left.wait(&mut place),
            Wait::Not => return None,
            Wait::Until(until) => {
                if shared.writer_left.wait_until(&mut place, until).timed_out() {
                    return place.take();
                }
            }
        }
    }
}

/// Gives the right to write back, whatever happens.
struct WriterGuard {
    shared: Arc<Shared>,
    writer: Option<WriterState>,
    locked: bool,
}

impl WriterGuard {
    /// Locks out the writers of other processes.
    fn lock(&mut self, wait: Wait) -> Result<bool> {
        self.locked = match wait {
            Wait::Forever => self.shared.readers.lock_writer(true)?,
            Wait::Not => self.shared.readers.lock_writer(false)?,
            Wait::Until(until) => loop {
                if self.shared.readers.lock_writer(false)? {
                    break true;
                }
                if std::time::Instant::now() >= until {
                    break false;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            },
        };
        Ok(self.locked)
    }

    /// The state to build on, and the free space around it.
    fn prepare(&mut self) -> Result<(Meta, Allocator)> {
        let Some(writer) = &mut self.writer else { fail!(Usage, "the right to write was lost") };
        let shared = &*self.shared;
        let base = writer.commits.prepare(&shared.pages, &shared.readers)?;
        let snapshots = shared.readers.snapshots()?;
        let mut allocator = match writer.allocator.take() {
            Some(allocator) if allocator.transaction() == base.transaction => allocator,
            _ => derive_free_space(&shared.pages, &base, &snapshots)?,
        };
        allocator.release(writer.commits.durable(), &snapshot_numbers(&snapshots));
        Ok((base, allocator))
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        if self.locked {
            self.shared.readers.unlock_writer();
        }
        *self.shared.writer.lock() = Some(writer);
        self.shared.writer_left.notify_one();
    }
}

/// Cuts off a tail of the file that nobody reaches, after a load or where it is large. Every snapshot keeps the length
/// that it was promised, and a failure only leaves the file longer than it needs to be.
fn cut_tail(shared: &Shared, needed: u64, after_load: bool) {
    let storage = shared.pages.storage();
    let Ok(snapshots) = shared.readers.snapshots() else { return };
    let needed = snapshots.iter().map(|snapshot| snapshot.file_bytes).fold(needed, u64::max);
    let slack = storage.mapping().len().saturating_sub(needed);
    if (after_load && slack > 0) || slack > (needed / 8).max(1 << 20) {
        let _ = storage.shrink(needed);
    }
}

fn snapshot_numbers(snapshots: &[Meta]) -> Vec<u64> {
    snapshots.iter().map(|snapshot| snapshot.transaction).collect()
}

/// Walks everything that the newest state and the pinned snapshots reach; the rest of the file is free. O(branches).
fn derive_free_space(pages: &Pages, newest: &Meta, snapshots: &[Meta]) -> Result<Allocator> {
    let mut allocator = Allocator::new(newest.transaction);
    for_each_node(pages, newest, &mut |address, bytes| allocator.mark(address, bytes))?;
    allocator.marked();
    for snapshot in snapshots.iter().filter(|snapshot| snapshot.transaction < newest.transaction) {
        for_each_node(pages, snapshot, &mut |address, bytes| {
            allocator.mark_held(address, bytes, snapshot.transaction);
            Ok(())
        })?;
    }
    Ok(allocator)
}

fn for_each_node(pages: &Pages, meta: &Meta, visit: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<()> {
    let view = pages.view(meta.file_bytes);
    let catalog = Catalog::new(view, meta.tables, meta.fields)?;
    let mut node = |visited: crate::tree::Visit| {
        visit(visited.link().address, visited.bytes() as u64)?;
        Ok(true)
    };
    View::new(view, tables_layout(), meta.tables)?.walk(&mut node)?;
    View::new(view, fields_layout(), meta.fields)?.walk(&mut node)?;
    for table in catalog.all() {
        let table = table?;
        let place = |error: Error| error.within(format!("table {:?}", table.name));
        View::new(view, &table.layout, table.root).and_then(|view| view.walk(&mut node)).map_err(place)?;
    }
    Ok(())
}

/// An error for a call that needs a database that can be written.
pub(crate) fn read_only() -> Error {
    Error::new(
        ErrorKind::Usage,
        "the database is open read-only; open it without Options::read_only to write",
    )
}
