//! `WriteTransaction`: opens, creates, changes and drops tables. Rows change in `table`, names in
//! `catalog`; `commit.rs` publishes.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use elsa::sync::FrozenVec;
use parking_lot::Mutex;

use super::Shared;
use super::turn::{Turn, Wait};
use crate::catalog::{CatalogEdit, Definition, Role, check_name, layout_for};
use crate::commit::{Durability, Meta};
use crate::error::{Result, bail};
use crate::lease::Lease;
use crate::record::Record;
use crate::schema::Schema;
use crate::space::{Finished, WriteSession};
use crate::table::{Dyn, IndexInfo, IndexOptions, RowKind, TableMut, TableSource, TableWriter, WriteHandle};

/// The one transaction that writes. Dropping it without [`commit`](WriteTransaction::commit)
/// discards all changes.
///
/// It reads its own writes. Edits are kept in memory up to a budget, and written to unused pages
/// beyond it. Pages that a snapshot reaches are never written.
///
/// After a call that ended halfway, by an error while it wrote (the disk is full) or by a panic,
/// what was edited is not whole. Then reads, changes and `commit` are errors of kind `Usage`: drop
/// the transaction and begin another.
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
#[must_use = "dropping it without `commit` discards all changes"]
pub struct WriteTransaction {
    pub(super) shared: Arc<Shared>,
    pub(super) turn: Turn,
    pub(super) base: Meta,
    pub(super) session: Arc<WriteSession>,
    pub(super) state: Mutex<Tables>,
    /// Every table that was opened. They do not move, because handles borrow them.
    pub(super) tables: FrozenVec<Box<Lease<TableWriter>>>,
    pub(super) durability: Durability,
    pub(super) memory_bytes: usize,
    /// The origin of the state that the commit makes: see [`Meta::origin`].
    pub(super) origin: Option<[u8; 16]>,
    /// Keeps the database open: opening the file again during the transaction gives the same
    /// database, which knows that it is being written.
    _database: Arc<dyn Any + Send + Sync>,
}

/// The tables that a write transaction has opened, and the catalog that it will commit.
pub(super) struct Tables {
    pub(super) catalog: CatalogEdit,
    /// The index of each name in `WriteTransaction::tables`. Ordered, so that the same edits make
    /// the same file.
    pub(super) open: BTreeMap<String, usize>,
}

impl fmt::Debug for WriteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteTransaction({})", self.base.transaction + 1)
    }
}

impl WriteTransaction {
    /// Begins to write; `None` if another writer keeps the turn for longer than the wait.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        database: Arc<dyn Any + Send + Sync>,
        wait: Wait,
        durability: Durability,
        memory_bytes: usize,
    ) -> Result<Option<WriteTransaction>> {
        shared.check_process()?;
        let Some(mut turn) = Turn::take(shared, wait)? else { return Ok(None) };
        let (base, allocator) = turn.prepare()?;
        let session = Arc::new(WriteSession::new(Arc::clone(&shared.pages), allocator));
        let catalog = CatalogEdit::new(&session, base.tables, base.fields, base.next_table)?;
        Ok(Some(WriteTransaction {
            shared: Arc::clone(shared),
            turn,
            base,
            session,
            state: Mutex::new(Tables { catalog, open: BTreeMap::new() }),
            tables: FrozenVec::new(),
            durability,
            memory_bytes,
            origin: None,
            _database: database,
        }))
    }

    /// What the commit promises. The default is that of the database.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// Bytes of memory for edits. Beyond that they are written to unused pages.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// let mut write = db.write()?;
    /// write.set_memory_bytes(16 << 20);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn set_memory_bytes(&mut self, bytes: usize) {
        self.memory_bytes = bytes;
    }

    /// Creates a table with rows of type `T`.
    ///
    /// # Errors
    /// `AlreadyExists` if there is a table or an index of this name.
    pub fn create_table<T: Record>(&self, name: &str) -> Result<TableMut<'_, T>> {
        self.create_table_with::<T>(name, &TableOptions::default())
    }

    /// Creates a table with rows of type `T`, with options.
    ///
    /// # Errors
    /// `AlreadyExists` if there is a table or an index of this name; `Limit` if the options are out
    /// of range.
    pub fn create_table_with<T: Record>(
        &self,
        name: &str,
        options: &TableOptions,
    ) -> Result<TableMut<'_, T>> {
        self.create(name, T::schema(), options)?;
        self.table(name)
    }

    /// Creates a table with a schema that is known only at run time.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// db.update(|tx| tx.create_dyn_table("points", &"x: i32, y: i32".parse()?).map(drop))?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`create_table`](WriteTransaction::create_table).
    pub fn create_dyn_table(&self, name: &str, schema: &Schema) -> Result<TableMut<'_, Dyn>> {
        self.create_dyn_table_with(name, schema, &TableOptions::default())
    }

    /// Creates a table with a schema that is known only at run time, with options.
    ///
    /// # Errors
    /// As for [`create_table_with`](WriteTransaction::create_table_with).
    pub fn create_dyn_table_with(
        &self,
        name: &str,
        schema: &Schema,
        options: &TableOptions,
    ) -> Result<TableMut<'_, Dyn>> {
        self.create(name, schema, options)?;
        self.table(name)
    }

    /// The identity of the state that this transaction changes.
    pub(crate) fn base_identity(&self) -> [u8; 16] {
        self.base.identity()
    }

    /// Says that the state which the commit makes is a copy of the one with this identity.
    pub(crate) fn becomes_copy_of(&mut self, identity: [u8; 16]) {
        self.origin = Some(identity);
    }

    /// Says that the commit changes nothing that a reader sees, so that a copy stays a copy.
    pub(crate) fn keeps_contents(&mut self) {
        self.origin = Some(self.base.origin);
    }

    pub(super) fn create(&self, name: &str, schema: &Schema, options: &TableOptions) -> Result<()> {
        let session = self.session()?;
        let mut state = self.state.lock();
        let layout = layout_for(schema, options.leaf_rows)?;
        let definition = state.catalog.create(name, schema, layout, Role::TABLE)?;
        let table = TableWriter::new(session, definition, Vec::new())?;
        let index = self.tables.push_get_index(Box::new(Lease::new(table)));
        state.open.insert(name.to_owned(), index);
        Ok(())
    }

    /// Opens a table to read and to change: as `T`, or as [`Dyn`] if its schema is known only at
    /// run time.
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `Schema` if its schema is not that of `T`;
    /// `Usage` while another handle has it.
    pub fn table<R: RowKind>(&self, name: &str) -> Result<TableMut<'_, R>> {
        self.open(name).and_then(TableMut::new)
    }

    /// Opens a table with rows of type `T`, or creates it if there is none of this name.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// for _ in 0..2 {
    ///     let write = db.write()?;
    ///     write.table_or_create::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    ///     write.commit()?;
    /// }
    /// assert_eq!(db.read()?.table::<Point>("points")?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if there is a table of this name with another schema; `Usage` while another handle
    /// has it.
    pub fn table_or_create<T: Record>(&self, name: &str) -> Result<TableMut<'_, T>> {
        if !self.has_table(name)? {
            self.create(name, T::schema(), &TableOptions::default())?;
        }
        self.table(name)
    }

    /// Opens a table with this schema, which is known only at run time, or creates it if there is
    /// none of this name.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// let schema = "x: i32".parse()?;
    /// for _ in 0..2 {
    ///     db.update(|tx| tx.dyn_table_or_create("points", &schema).map(drop))?;
    /// }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`table_or_create`](WriteTransaction::table_or_create).
    pub fn dyn_table_or_create(&self, name: &str, schema: &Schema) -> Result<TableMut<'_, Dyn>> {
        if !self.has_table(name)? {
            self.create(name, schema, &TableOptions::default())?;
        }
        let table = self.table::<Dyn>(name)?;
        schema.check_same("the schema given", table.schema())?;
        Ok(table)
    }

    fn has_table(&self, name: &str) -> Result<bool> {
        self.check()?;
        Ok(self.state.lock().catalog.view().find(name)?.is_some_and(|found| found.is_table()))
    }

    /// Creates an index: the rows of a table in the order of other fields than its key. From then
    /// on every write and load updates it in the same transaction. O(n log n).
    ///
    /// An entry is the indexed fields and the key (or the number) of the row, packed. Tables and
    /// indexes share one set of names.
    ///
    /// ```
    /// use drystone::{Dyn, Database, ErrorKind, IndexOptions, RowBuf, Schema, Value};
    ///
    /// let schema: Schema = "id: u64 key, mail: str[20]".parse()?;
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let ada = RowBuf::from_values(&schema, [Value::from(1), "ada@example.org".into()])?;
    /// write.create_dyn_table("users", &schema)?.insert(&ada)?;
    /// write.create_index_with("users", "by_mail", &["mail"], &IndexOptions::new().unique(true))?;
    ///
    /// let mut users = write.table::<Dyn>("users")?;
    /// let other = RowBuf::from_values(&schema, [Value::from(2), "ada@example.org".into()])?;
    /// assert_eq!(users.insert(&other).unwrap_err().kind(), ErrorKind::KeyExists);
    /// let found = users.index("by_mail")?.get(&["ada@example.org".into()])?.unwrap();
    /// assert_eq!(found.get("id")?, 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` or `FieldNotFound` if there is none; `AlreadyExists` if a table or an index
    /// has this name; `Schema` if a field is an array or named twice; `Limit` if an entry would
    /// have more than 256 bytes; `KeyExists` if the index is unique and two rows have the same
    /// values; `Usage` while a handle has the table; `Io` if the disk is full. After an error there
    /// is no new index.
    pub fn create_index<S: AsRef<str>>(&self, table: &str, name: &str, fields: &[S]) -> Result<()> {
        self.create_index_with(table, name, fields, &IndexOptions::new())
    }

    /// Creates an index with options: see [`create_index`](WriteTransaction::create_index).
    ///
    /// # Errors
    /// As for [`create_index`](WriteTransaction::create_index).
    pub fn create_index_with<S: AsRef<str>>(
        &self,
        table: &str,
        name: &str,
        fields: &[S],
        options: &IndexOptions,
    ) -> Result<()> {
        self.open(table)?.create_index(name, fields, options)
    }

    /// Drops an index; its table stays as it is. O(branches).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// db.update(|tx| {
    ///     tx.create_table::<User>("users")?.create_index("by_score", &["score"])?;
    ///     tx.drop_index("users", "by_score")
    /// })?;
    /// assert!(db.read()?.indexes("users")?.is_empty());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `IndexNotFound` if the table has no such index; `Usage` while a handle has the table.
    pub fn drop_index(&self, table: &str, name: &str) -> Result<()> {
        self.open(table)?.drop_index(name)
    }

    /// The indexes on a table, by name, as this transaction has them.
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `Corrupt` if the catalog cannot be read.
    pub fn indexes(&self, table: &str) -> Result<Vec<IndexInfo>> {
        self.check()?;
        let state = self.state.lock();
        let catalog = state.catalog.view();
        let table = catalog.get(table)?;
        Ok(catalog.indexes(&table)?.iter().map(|index| IndexInfo::new(&table, index)).collect())
    }

    /// Drops a table with all its rows and indexes. O(branches).
    ///
    /// ```
    /// # let db = drystone::Database::in_memory()?;
    /// # db.update(|tx| tx.create_dyn_table("points", &"x: i32, y: i32".parse()?).map(drop))?;
    /// db.update(|tx| tx.drop_table("points"))?;
    /// assert!(db.read()?.table_names()?.is_empty());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `Usage` while a handle has it.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        let session = self.session()?;
        let mut writer = self.open(name)?;
        writer.clear()?;
        let mut state = self.state.lock();
        session.all_or_none(|| {
            for index in writer.table.indexes() {
                state.catalog.remove(index)?;
            }
            state.catalog.remove(&writer.table.definition)
        })?;
        state.open.remove(name);
        Ok(())
    }

    /// Renames a table.
    ///
    /// ```
    /// # let db = drystone::Database::in_memory()?;
    /// # db.update(|tx| tx.create_dyn_table("points", &"x: i32, y: i32".parse()?).map(drop))?;
    /// db.update(|tx| tx.rename_table("points", "places"))?;
    /// assert_eq!(db.read()?.table_names()?, ["places"]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `AlreadyExists` if there is a table or an index
    /// of the new name; `Usage` while a handle has it.
    pub fn rename_table(&self, name: &str, new_name: &str) -> Result<()> {
        check_name(new_name)?;
        let session = self.session()?;
        let mut writer = self.open(name)?;
        let mut state = self.state.lock();
        state.catalog.check_free(new_name)?;
        session.all_or_none(|| {
            state.catalog.remove_name(name)?;
            writer.table.definition.name = new_name.to_owned();
            state.catalog.put(&writer.table.definition)
        })?;
        if let Some(table) = state.open.remove(name) {
            state.open.insert(new_name.to_owned(), table);
        }
        Ok(())
    }

    /// The names of all tables, in order, as this transaction has them.
    ///
    /// # Errors
    /// `Corrupt` if the catalog cannot be read.
    pub fn table_names(&self) -> Result<Vec<String>> {
        self.check()?;
        self.state.lock().catalog.view().tables().map(|table| table.map(|table| table.name)).collect()
    }

    /// An error in a process that was forked while the transaction ran. Each call checks this
    /// first.
    pub(super) fn check(&self) -> Result<()> {
        self.shared.check_process()?;
        self.shared.writer.used_here();
        Ok(())
    }

    /// The session, for a call that was not checked yet.
    pub(super) fn session(&self) -> Result<&Arc<WriteSession>> {
        self.check()?;
        Ok(&self.session)
    }

    pub(super) fn open(&self, name: &str) -> Result<WriteHandle<'_>> {
        let session = self.session()?;
        let mut state = self.state.lock();
        let index = match state.open.get(name) {
            Some(index) => *index,
            None => {
                let catalog = state.catalog.view();
                let definition = catalog.get(name)?;
                let indexes = catalog.indexes(&definition)?;
                let table = TableWriter::new(session, definition, indexes)?;
                let index = self.tables.push_get_index(Box::new(Lease::new(table)));
                state.open.insert(name.to_owned(), index);
                index
            }
        };
        match self.tables.get(index).and_then(Lease::lend) {
            Some(table) => Ok(WriteHandle { transaction: self, table }),
            None => {
                bail!(Usage, "table {name:?} is open already in this transaction; drop that handle first")
            }
        }
    }
}

impl TableSource for WriteTransaction {
    fn session(&self) -> &WriteSession {
        &self.session
    }

    fn share_bytes(&self) -> usize {
        self.memory_bytes / self.state.lock().open.len().max(1)
    }

    fn scratch_folder(&self) -> PathBuf {
        self.shared.scratch.clone()
    }

    fn enter_index(
        &self,
        table: &mut Definition,
        name: &str,
        entry: &Schema,
        shape: (u8, bool),
    ) -> Result<Definition> {
        self.check()?;
        self.state.lock().catalog.create_index(table, name, entry, shape)
    }

    fn remove_index(&self, table: &mut Definition, index: &Definition) -> Result<()> {
        self.check()?;
        self.state.lock().catalog.remove_index(table, index)
    }
}

impl Drop for WriteTransaction {
    fn drop(&mut self) {
        if let Some(Finished { mut allocator, .. }) = self.session.finish()
            && let Ok(writer) = self.turn.writer()
        {
            allocator.abort();
            writer.allocator = Some(allocator);
        }
    }
}

/// Options for a new table.
///
/// ```
/// let options = drystone::TableOptions::new().leaf_rows(256);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TableOptions {
    leaf_rows: usize,
}

impl TableOptions {
    /// The defaults.
    pub fn new() -> TableOptions {
        TableOptions::default()
    }

    /// Rows per leaf. A leaf has at least a page; without a key, the number must be a power of two.
    /// Small leaves make random updates cheap, large ones need fewer branches. The default is the
    /// smallest size that keeps the promised footprint.
    pub fn leaf_rows(mut self, rows: usize) -> TableOptions {
        self.leaf_rows = rows;
        self
    }
}
