//! Cutting a table into shards.
//!
//! The list of the shards is made first, under another name, and is renamed when every shard is
//! there. A shard gets its name when it is whole and durable. So after a kill at any moment the
//! folder has whole shards only, and a list that says which files belong to the unfinished run.

use std::ops::{Bound, Range};
use std::path::Path;
use std::sync::Arc;

use super::list::{self, LIST_LIMIT, UNFINISHED};
use super::shard::{LIST, Shard, ShardedTable, Shards};
use crate::commit::file_id_of;
use crate::database::{Database, OpenOptions, cannot_make, new_file_id};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::load::{LoadOptions, RecordSource};
use crate::storage::Folder;
use crate::table::{IndexOptions, Reader};
use crate::transaction::{Progress, ReadTransaction, TableOptions};
use crate::tree::Slices;

/// More shards than this are refused: each is a file.
const MOST_SHARDS: usize = 1 << 16;
/// This much of a file is read to recognise it.
const BEGINNING: u64 = 64;

/// How [`Database::shard`] cuts a table.
///
/// ```
/// use drystone::ShardOptions;
///
/// let options = ShardOptions::new(8).by(["carrier"]).replace(true);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ShardOptions {
    shards: usize,
    by: Vec<String>,
    replace: bool,
}

impl ShardOptions {
    /// As many shards, with the same number of rows each (at most one row more in some).
    pub fn new(shards: usize) -> ShardOptions {
        ShardOptions { shards, by: Vec::new(), replace: false }
    }

    /// The leading fields of the key by which to cut: rows with the same values in them come into
    /// one shard, so shards have about the same number of rows. The default is the whole key.
    pub fn by<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> ShardOptions {
        self.by = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Whether to replace the shards that the folder has. The default is an error.
    pub fn replace(mut self, replace: bool) -> ShardOptions {
        self.replace = replace;
        self
    }
}

impl Database {
    /// Cuts a table of the newest state into shards. See [`ReadTransaction::shard`].
    ///
    /// # Errors
    /// As for [`ReadTransaction::shard`].
    pub fn shard(&self, table: &str, folder: impl AsRef<Path>, options: &ShardOptions) -> Result<Shards> {
        self.read()?.shard(table, folder, options)
    }
}

impl ReadTransaction {
    /// Cuts a table into shards: databases in a folder, each with the rows of one range of keys,
    /// or of row numbers in a table without a key. Each has the table under its name, with its
    /// schema, indexes and leaf size. The names of the files sort in the order of their rows. O(n),
    /// and memory does not grow with the rows.
    ///
    /// No shard is empty, so a table with few rows, or few different values of the fields by which
    /// it is cut, has fewer shards than asked for. A table without rows has one.
    ///
    /// Each file gets its name when it is whole and durable, and the folder its list, `shards.txt`,
    /// when all are there. A run that was stopped, at whatever moment, can be repeated: it makes
    /// the missing shards if the database has not changed meanwhile, and otherwise all of them.
    /// Files that no such run has made are never removed.
    ///
    /// See [`Shards`] for an example.
    ///
    /// # Errors
    /// `TableNotFound`; `FieldNotFound` or `Schema` if the table is not to be cut by leading fields
    /// of its key; `AlreadyExists` if the folder has shards, or a file where a shard belongs;
    /// `Busy` while another process makes shards there; `Limit` for no shard or more than 65,536;
    /// `Corrupt` if a row does not verify; `Io` if the disk is full.
    pub fn shard(&self, table: &str, folder: impl AsRef<Path>, options: &ShardOptions) -> Result<Shards> {
        self.shard_with(table, folder, options, |_, _| {})
    }

    /// As [`shard`](ReadTransaction::shard), and calls `progress` with the bytes of rows that are
    /// written, and how many there are.
    ///
    /// # Errors
    /// As for [`shard`](ReadTransaction::shard).
    pub fn shard_with(
        &self,
        table: &str,
        folder: impl AsRef<Path>,
        options: &ShardOptions,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Shards> {
        let given = folder.as_ref();
        let reader = self.reader(table)?;
        let by = leading_fields(&reader, &options.by)?;
        if !(1..=MOST_SHARDS).contains(&options.shards) {
            bail!(Limit, "there can be 1 to {MOST_SHARDS} shards, not {}", options.shards);
        }
        let ranges = cut(&reader, by, options.shards)?;
        let folder = Folder::claim(given).map_err(|error| cannot("make or open", given, error))?;
        let planned = self.plan(&reader, by, ranges, &folder)?;
        let shards = begin(&folder, planned, options.replace)?;
        let width = reader.definition.layout.width() as u64;
        let total = reader.rows().saturating_mul(width);
        let mut progress = Progress { done: 0, total, tell: &mut progress };
        for shard in &shards {
            if is_there(&folder, shard)? {
                progress.advance(shard.rows() * width);
            } else {
                self.make(&reader, shard, &mut progress)?;
            }
        }
        folder.rename(UNFINISHED, LIST).map_err(|error| cannot("finish", given, error))?;
        Ok(shards)
    }

    /// The shards that are to be made.
    fn plan(
        &self,
        reader: &Reader<'_>,
        by: usize,
        ranges: Vec<Range<u64>>,
        folder: &Folder,
    ) -> Result<Shards> {
        let definition = reader.definition;
        let schema = definition.schema.clone();
        let key_width = schema.key_width();
        let table = Arc::new(ShardedTable { name: definition.name.clone(), schema, by, rows: reader.rows() });
        let key = |row: Option<u64>| -> Result<Vec<u8>> {
            let record = row.map(|row| reader.record(row)).transpose()?.flatten();
            Ok(record.map(|record| record[..key_width].to_vec()).unwrap_or_default())
        };
        let stem = file_stem(&definition.name);
        let digits = (ranges.len() - 1).to_string().len().max(4);
        let mut shards = Vec::new();
        for (number, numbers) in ranges.into_iter().enumerate() {
            let file_name = format!("{stem}-{number:0digits$}.dry");
            let rows = !numbers.is_empty();
            shards.push(Shard {
                table: Arc::clone(&table),
                path: folder.path().join(&file_name),
                file_name,
                id: new_file_id(),
                first: key(rows.then_some(numbers.start))?,
                last: key(rows.then(|| numbers.end - 1))?,
                numbers,
            });
        }
        let source = (self.meta().file_id, self.transaction());
        Ok(Shards { folder: folder.path().to_owned(), table, source, shards })
    }

    /// Writes one shard.
    fn make(&self, reader: &Reader<'_>, shard: &Shard, progress: &mut Progress<'_>) -> Result<()> {
        let (db, file) = OpenOptions::new().unnamed(&shard.path, shard.id)?;
        let write = db.write()?;
        let definition = reader.definition;
        let options = TableOptions::new().leaf_rows(definition.layout.leaf_rows());
        let mut into = write.create_dyn_table_with(&definition.name, &definition.schema, &options)?;
        let mut source = RangeSource {
            slices: reader.view.slices(shard.numbers()),
            begun: &[],
            given: 0,
            rows: shard.rows(),
            progress,
        };
        let loaded = into.load_from(&mut source, &LoadOptions::new());
        let loaded = loaded.map_err(|error| reader.in_table(error))?;
        drop(into);
        if loaded.rows != shard.rows() {
            bail!(
                Corrupt,
                "table {:?} has other rows than its root says; the file is damaged",
                definition.name
            );
        }
        for index in self.indexes(&definition.name)? {
            let options = IndexOptions::new().unique(index.unique);
            write.create_index_with(&definition.name, &index.name, &index.fields, &options)?;
        }
        write.commit()?;
        drop(db);
        file.keep().map_err(|error| cannot_make(&shard.path, error))
    }
}

/// Takes the folder for these shards: continues a run that was stopped if it was to make the
/// same ones, and otherwise removes what it has made.
fn begin(folder: &Folder, planned: Shards, replace: bool) -> Result<Shards> {
    let failed = |error| cannot("write the list of shards in", folder.path(), error);
    let read = |name| folder.read(name, LIST_LIMIT).map_err(failed);
    if read(LIST)?.is_some() {
        if !replace {
            bail!(
                AlreadyExists,
                "{:?} has shards already; name another folder, or ask to replace them",
                folder.path()
            );
        }
        // From now on the folder is not whole.
        folder.rename(LIST, UNFINISHED).map_err(failed)?;
    }
    if let Some(text) = read(UNFINISHED)? {
        let begun = list::parse(folder.path(), &text)
            .map_err(|error| error.within(format!("{:?}", folder.path().join(UNFINISHED))))?;
        if !replace && is_same(&begun, &planned) {
            return Ok(begun);
        }
        for shard in &begun {
            if is_there(folder, shard)? {
                // Processes that have it open keep it, and its lock file.
                folder.remove(&shard.file_name).map_err(failed)?;
                folder.remove(&format!("{}-lock", shard.file_name)).map_err(failed)?;
            }
        }
        folder.sync().map_err(failed)?;
    }
    for shard in &planned {
        is_there(folder, shard)?;
    }
    folder.put(UNFINISHED, list::text(&planned).as_bytes()).map_err(failed)?;
    Ok(planned)
}

/// How many leading fields of the key these are.
fn leading_fields(reader: &Reader<'_>, by: &[String]) -> Result<usize> {
    let (schema, name) = (&reader.definition.schema, &reader.definition.name);
    let key: Vec<&str> = schema.key_fields().iter().map(|field| field.name()).collect();
    for field in by {
        schema.field(field).map_err(|error| reader.in_table(error))?;
    }
    if by.is_empty() {
        return Ok(key.len());
    }
    if key.is_empty() {
        bail!(
            Schema,
            "table {name:?} has no key, so it is cut by row numbers; leave out the fields, or load it into a table with \
             this key first"
        );
    }
    if !key.iter().zip(by).all(|(key, by)| key == by) || by.len() > key.len() {
        bail!(
            Schema,
            "table {name:?} is cut by leading fields of its key, which is {}, and not by {}; to cut it by other fields, \
             load it into a table with them as its key first",
            key.join(", "),
            by.join(", ")
        );
    }
    Ok(by.len())
}

/// The rows of each shard. Rows that are equal in the first `by` fields of the key are not parted.
fn cut(reader: &Reader<'_>, by: usize, shards: usize) -> Result<Vec<Range<u64>>> {
    let rows = reader.rows();
    let fields = reader.definition.schema.key_fields();
    let width: usize = fields.iter().take(by).map(|field| field.width()).sum();
    let mut ends = Vec::with_capacity(shards);
    for shard in 1..shards as u128 {
        let even = (u128::from(rows) * shard / shards as u128) as u64;
        let end = match reader.record(even)? {
            Some(record) if by < fields.len() => {
                let values = Bound::Included(&record[..width]);
                let equal = reader.between(values, values)?.rows;
                if even - equal.start <= equal.end - even { equal.start } else { equal.end }
            }
            _ => even,
        };
        if end > ends.last().copied().unwrap_or(0) && end < rows {
            ends.push(end);
        }
    }
    ends.push(rows);
    let starts = [0].into_iter().chain(ends.clone());
    Ok(starts.zip(ends).map(|(start, end)| start..end).collect())
}

/// Whether both are the same shards of the same state.
fn is_same(begun: &Shards, planned: &Shards) -> bool {
    let shards = begun.shards.iter().zip(&planned.shards);
    begun.source == planned.source
        && begun.table == planned.table
        && begun.shards.len() == planned.shards.len()
        && shards.clone().all(|(one, other)| one.numbers == other.numbers && one.file_name == other.file_name)
        && shards.clone().all(|(one, other)| one.first == other.first && one.last == other.last)
}

/// Whether the shard is there. It has its name only if it is whole. `AlreadyExists` if there is
/// another file of its name.
fn is_there(folder: &Folder, shard: &Shard) -> Result<bool> {
    let beginning = folder.read(&shard.file_name, BEGINNING);
    match beginning.map_err(|error| cannot("read", &shard.path, error))? {
        None => Ok(false),
        Some(beginning) if file_id_of(&beginning) == Some(shard.id) => Ok(true),
        Some(_) => {
            bail!(
                AlreadyExists,
                "{:?} exists already, and is no shard that was made here; move it away, or name another folder",
                shard.path
            )
        }
    }
}

/// The name of a table as the beginning of a file name.
fn file_stem(table: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_. ".contains(letter);
    let stem: String = table.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    match stem.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => stem,
    }
}

/// The records of a range of rows, as a source of a load.
struct RangeSource<'r, 'p, 't> {
    slices: Slices<'r>,
    /// What is left of the last leaf that was read.
    begun: &'r [u8],
    given: u64,
    rows: u64,
    progress: &'p mut Progress<'t>,
}

impl RecordSource for RangeSource<'_, '_, '_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let width = record.len();
        self.next_records(record, width).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        if self.begun.is_empty() {
            match self.slices.next() {
                Some(slice) => self.begun = slice?,
                None => return Ok(0),
            }
        }
        let rows = (self.begun.len() / width).min(records.len() / width);
        let (taken, rest) = self.begun.split_at(rows * width);
        records[..taken.len()].copy_from_slice(taken);
        self.begun = rest;
        self.given += rows as u64;
        self.progress.advance(taken.len() as u64);
        Ok(rows)
    }

    fn place(&self) -> u64 {
        self.given
    }

    fn rows_hint(&self) -> Option<u64> {
        Some(self.rows - self.given.min(self.rows))
    }
}

/// An error of the file system about a folder or a file in it.
fn cannot(doing: &str, path: &Path, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::WouldBlock {
        return Error::new(ErrorKind::Busy, format!("another process is making shards in {path:?}"));
    }
    Error::io(format!("cannot {doing} {path:?}"), error)
}
