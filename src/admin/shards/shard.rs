//! `Shards` and `Shard`: what the list of a folder says of its shards, and whether a database is
//! the shard that it says.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::database::Database;
use crate::error::{Error, Result, bail};
use crate::record::Value;
use crate::schema::Schema;
use crate::transaction::ReadTransaction;

/// The name of the list of shards. A folder has it only if all shards are there.
pub(super) const LIST: &str = "shards.txt";

/// The shards of a table, as the list in their folder names them. See [`Database::shard`].
///
/// ```
/// use drystone::{Database, OpenOptions, Record, ShardOptions, Shards};
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C)]
/// struct Point {
///     #[record(key)]
///     id: u32,
///     y: i32,
/// }
///
/// let db = Database::temporary()?;
/// db.update(|tx| {
///     tx.create_table::<Point>("points")?.load((0..1_000).map(|id| Point { id, y: 1 }))
/// })?;
/// let folder = db.path().unwrap().with_file_name("points");
/// db.shard("points", &folder, &ShardOptions::new(4))?;
///
/// let shards = Shards::open(&folder)?;
/// assert_eq!((shards.rows(), shards.len()), (1_000, 4));
/// for shard in shards.iter() {
///     // SAFETY: only Drystone writes the files of the folder.
///     let open = |path: &std::path::Path| unsafe { OpenOptions::new().create(false).open(path) };
///     let read = shard.read_with(open)?;
///     assert_eq!(read.table::<Point>("points")?.len(), 250);
/// }
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct Shards {
    pub(super) folder: PathBuf,
    pub(super) table: Arc<ShardedTable>,
    /// The state that was cut into shards: identity of the database, number of the transaction.
    pub(super) source: ([u8; 16], u64),
    pub(super) shards: Vec<Shard>,
}

/// The table that the shards are parts of.
#[derive(PartialEq, Eq)]
pub(super) struct ShardedTable {
    pub(super) name: String,
    pub(super) schema: Schema,
    /// How many of the key's fields decide which shard a row is in.
    pub(super) by: usize,
    pub(super) rows: u64,
}

/// One shard: a database with some of the rows of the table. It can be sent to another thread.
#[derive(Clone)]
pub struct Shard {
    pub(super) table: Arc<ShardedTable>,
    pub(super) path: PathBuf,
    pub(super) file_name: String,
    /// The numbers that its rows have in the whole table.
    pub(super) numbers: Range<u64>,
    pub(super) id: [u8; 16],
    /// The keys of its first and last row as stored. Empty without a key, or without rows.
    pub(super) first: Vec<u8>,
    pub(super) last: Vec<u8>,
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shards({:?}, {} of table {:?})", self.folder, self.shards.len(), self.table.name)
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shard({:?}, rows {:?})", self.path, self.numbers)
    }
}

impl Shards {
    /// The folder, as an absolute path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name that the table has in every shard.
    pub fn table(&self) -> &str {
        &self.table.name
    }

    /// The schema of the table.
    pub fn schema(&self) -> &Schema {
        &self.table.schema
    }

    /// The leading fields of the key by which the table was cut: all rows with the same values in
    /// them are in one shard. Empty for a table without a key.
    pub fn by(&self) -> impl Iterator<Item = &str> {
        self.table.schema.key_fields().iter().take(self.table.by).map(|field| field.name())
    }

    /// The rows of all shards.
    pub fn rows(&self) -> u64 {
        self.table.rows
    }

    /// The transaction of the database that was cut into shards.
    pub fn transaction(&self) -> u64 {
        self.source.1
    }

    /// How many shards there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one shard")]
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// All shards, in the order of the key, or of row numbers in a table without a key.
    pub fn iter(&self) -> std::slice::Iter<'_, Shard> {
        self.shards.iter()
    }

    /// A shard by its number.
    pub fn get(&self, number: usize) -> Option<&Shard> {
        self.shards.get(number)
    }
}

impl<'s> IntoIterator for &'s Shards {
    type Item = &'s Shard;
    type IntoIter = std::slice::Iter<'s, Shard>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Shard {
    /// The path of its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of its file in the folder.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The name of its table.
    pub fn table(&self) -> &str {
        &self.table.name
    }

    /// The schema of its table.
    pub fn schema(&self) -> &Schema {
        &self.table.schema
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.numbers.end - self.numbers.start
    }

    /// The numbers that its rows have in the whole table.
    pub fn numbers(&self) -> Range<u64> {
        self.numbers.clone()
    }

    /// The key of its first row. Empty if the table has no key, or the shard no rows.
    pub fn first(&self) -> Vec<Value<'_>> {
        self.key(&self.first)
    }

    /// The key of its last row.
    pub fn last(&self) -> Vec<Value<'_>> {
        self.key(&self.last)
    }

    /// The key of its first row as stored, field by field. Empty if the table has no key, or the
    /// shard no rows.
    pub fn first_stored(&self) -> &[u8] {
        &self.first
    }

    /// The key of its last row as stored.
    pub fn last_stored(&self) -> &[u8] {
        &self.last
    }

    /// The identity of its database. If the shards are made again, they have others.
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    fn key<'s>(&'s self, stored: &'s [u8]) -> Vec<Value<'s>> {
        let fields = self.schema().key_fields().iter().filter(|_| !stored.is_empty());
        // `list` has checked the bytes.
        fields
            .map(|field| field.load(&stored[field.offset()..][..field.width()]).unwrap_or(Value::Null))
            .collect()
    }

    /// Opens the shard with `open`, and returns a snapshot that was checked: see
    /// [`check`](Shard::check). `open` is a function because opening a mapped file is `unsafe`.
    ///
    /// # Errors
    /// The error of `open`, such as `FileNotFound` if the shard is missing; otherwise as for
    /// [`check`](Shard::check). The message names the shard.
    pub fn read_with(&self, open: impl FnOnce(&Path) -> Result<Database>) -> Result<ReadTransaction> {
        let read = open(&self.path).and_then(|db| db.read()).map_err(|error| self.in_shard(error))?;
        self.check(&read)?;
        Ok(read)
    }

    /// Checks that a snapshot is one of this shard: that it has the table, with the schema, the
    /// number of rows and the first and last key that the list says, and that it is the database
    /// that was made with the others. O(log n).
    ///
    /// # Errors
    /// `TableNotFound`, `Schema` or `Corrupt`. The message names the shard.
    pub fn check(&self, read: &ReadTransaction) -> Result<()> {
        self.check_all(read).map_err(|error| self.in_shard(error))
    }

    fn check_all(&self, read: &ReadTransaction) -> Result<()> {
        let reader = read.reader(self.table())?;
        let schema = &reader.definition.schema;
        if schema != self.schema() {
            bail!(
                Schema,
                "table {:?} has other fields than the shards of its folder: they have {}, and it has {schema}",
                self.table(),
                self.schema()
            );
        }
        let way_out = "make the shards again, or put back the file that was made with the others";
        if reader.rows() != self.rows() {
            bail!(
                Corrupt,
                "table {:?} has {} rows, and {LIST} says {}; {way_out}",
                self.table(),
                reader.rows(),
                self.rows()
            );
        }
        if !self.first.is_empty() {
            let width = schema.key_width();
            for (row, key, which) in [(0, &self.first, "first"), (self.rows() - 1, &self.last, "last")] {
                if reader.record(row)?.and_then(|record| record.get(..width)) != Some(key.as_slice()) {
                    bail!(
                        Corrupt,
                        "table {:?} has another {which} key than {LIST} says; {way_out}",
                        self.table()
                    );
                }
            }
        }
        if read.meta().file_id != self.id {
            bail!(
                Corrupt,
                "it is another database than the one that was made with the other shards, or a copy of it made by \
                 `backup`; {way_out}"
            );
        }
        Ok(())
    }

    /// The error with the name of this shard before its message.
    pub fn in_shard(&self, error: Error) -> Error {
        error.within(format_args!("shard {:?}", self.file_name))
    }
}
