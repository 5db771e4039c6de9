//! What the database should hold: the model that every image is compared with, and edits that
//! change both in the same way.

use std::collections::BTreeMap;

use drystone::{
    Database, Index, IndexOptions, LoadOptions, OnDuplicate, Record, Result, TableOptions, WriteTransaction,
};

/// A row with a key. 16 rows of a leaf make 4,224 bytes, so that leaves cross page borders.
#[derive(Clone, Copy, Record)]
#[repr(C)]
pub struct Item {
    #[record(key)]
    key: u64,
    value: u64,
    words: [u64; 31],
}

/// A row without a key, of an odd width.
#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
pub struct Entry {
    word: u64,
    rest: [u8; 255],
}

const LEAF_ROWS: usize = 16;
/// How many tables of each kind may have an index.
const INDEXED: u8 = 2;

fn item(key: u64, value: u64) -> Item {
    Item { key, value, words: std::array::from_fn(|index| value.wrapping_add(index as u64)) }
}

fn entry(value: u64) -> Entry {
    Entry { word: value, rest: [value as u8; 255] }
}

/// A table that scripts work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// A table of [`Item`]s.
    Keyed(u8),
    /// A table of [`Entry`]s.
    List(u8),
}

impl Table {
    fn name(self) -> String {
        match self {
            Table::Keyed(number) => format!("keyed{number:02}"),
            Table::List(number) => format!("list{number:02}"),
        }
    }

    fn index(self) -> String {
        format!("{} by value", self.name())
    }

    /// The fields of the index.
    fn indexed(self) -> &'static str {
        match self {
            Table::Keyed(_) => "value",
            Table::List(_) => "word",
        }
    }
}

/// The rows of one table: by key, or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    Keyed(BTreeMap<u64, u64>),
    List(Vec<u64>),
}

/// A table: its rows, and whether it has an index.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Contents {
    rows: Rows,
    indexed: bool,
}

/// Everything that the database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(BTreeMap<Table, Contents>);

/// A change. It can be made in every state: it skips what does not exist.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Makes the table if it does not exist.
    Create(Table),
    /// Drops it if it exists, with its index.
    Drop(Table),
    /// Makes its index, if it has none.
    Index(Table),
    /// Drops its index.
    DropIndex(Table),
    /// Inserts `count` rows from this key on (or at the end), `step` apart.
    Put {
        /// The table.
        table: Table,
        /// The first key.
        first: u64,
        /// How many.
        count: u64,
        /// The distance of keys.
        step: u64,
        /// What the rows hold.
        value: u64,
    },
    /// Changes a row in place.
    Change {
        /// The table.
        table: Table,
        /// Its key or number.
        key: u64,
        /// Its new content.
        value: u64,
    },
    /// Removes `count` keys from this one on, or all rows from this number on.
    Remove {
        /// The table.
        table: Table,
        /// The first key or number.
        first: u64,
        /// How many keys.
        count: u64,
    },
    /// Loads rows in bulk.
    Load {
        /// The table.
        table: Table,
        /// How many.
        rows: u64,
        /// Whether they replace the rows of the table.
        replace: bool,
        /// Whether they come in reverse order.
        backwards: bool,
        /// What they hold.
        value: u64,
    },
}

impl State {
    /// Makes the change in the database and in the model.
    ///
    /// # Errors
    /// What the database returns. The model cannot be used any more then.
    pub fn apply(&mut self, edit: &Edit, write: &WriteTransaction) -> Result<()> {
        let options = TableOptions::new().leaf_rows(LEAF_ROWS);
        match *edit {
            Edit::Create(table) if !self.0.contains_key(&table) => match table {
                Table::Keyed(_) => {
                    write.create_table_with::<Item>(&table.name(), &options)?;
                    self.0.insert(table, Contents { rows: Rows::Keyed(BTreeMap::new()), indexed: false });
                }
                Table::List(_) => {
                    write.create_table_with::<Entry>(&table.name(), &options)?;
                    self.0.insert(table, Contents { rows: Rows::List(Vec::new()), indexed: false });
                }
            },
            Edit::Drop(table) if self.0.contains_key(&table) => {
                write.drop_table(&table.name())?;
                self.0.remove(&table);
            }
            Edit::Create(_) | Edit::Drop(_) => {}
            Edit::Index(table) => match self.0.get_mut(&table) {
                Some(contents) if !contents.indexed => {
                    let options = IndexOptions::new();
                    write.create_index_with(&table.name(), &table.index(), &[table.indexed()], &options)?;
                    contents.indexed = true;
                }
                _ => {}
            },
            Edit::DropIndex(table) => match self.0.get_mut(&table) {
                Some(contents) if contents.indexed => {
                    write.drop_index(&table.name(), &table.index())?;
                    contents.indexed = false;
                }
                _ => {}
            },
            Edit::Put { table, .. }
            | Edit::Change { table, .. }
            | Edit::Remove { table, .. }
            | Edit::Load { table, .. } => match self.0.get_mut(&table).map(|contents| &mut contents.rows) {
                Some(Rows::Keyed(rows)) => edit_keyed(rows, edit, write, &table.name())?,
                Some(Rows::List(rows)) => edit_list(rows, edit, write, &table.name())?,
                None => {}
            },
        }
        Ok(())
    }

    /// The state of a database as it is, with the number of its transaction.
    ///
    /// # Errors
    /// Errors of reading, and rows that may not exist.
    pub fn read(snapshot: &drystone::ReadTransaction) -> Result<State> {
        let mut state = State::default();
        for name in snapshot.table_names()? {
            let number = name[name.len() - 2..].parse().unwrap_or_default();
            // Checking indexes costs time in every state of every crash; scripts index only the
            // first tables.
            let indexed = number < INDEXED && !snapshot.indexes(&name)?.is_empty();
            if name.starts_with("keyed") {
                let table = snapshot.table::<Item>(&name)?;
                let mut rows = BTreeMap::new();
                for slice in table.slices() {
                    for row in slice? {
                        check(bytes_agree(row, &item(row.key, row.value)))?;
                        rows.insert(row.key, row.value);
                    }
                }
                if indexed {
                    check_items(&table.index(&Table::Keyed(number).index())?, &rows)?;
                }
                state.0.insert(Table::Keyed(number), Contents { rows: Rows::Keyed(rows), indexed });
            } else {
                let table = snapshot.table::<Entry>(&name)?;
                let mut rows = Vec::new();
                for slice in table.slices() {
                    for row in slice? {
                        check(bytes_agree(row, &entry(row.word)))?;
                        rows.push(row.word);
                    }
                }
                if indexed {
                    check_entries(&table.index(&Table::List(number).index())?, &rows)?;
                }
                state.0.insert(Table::List(number), Contents { rows: Rows::List(rows), indexed });
            }
        }
        Ok(state)
    }

    /// Reads the newest state of a database.
    ///
    /// # Errors
    /// As for [`State::read`].
    pub fn newest(db: &Database) -> Result<(u64, State)> {
        let snapshot = db.read()?;
        Ok((snapshot.transaction(), State::read(&snapshot)?))
    }
}

fn bytes_agree<T: Record>(row: &T, wanted: &T) -> bool {
    drystone::RowBuf::from_record(row).as_bytes() == drystone::RowBuf::from_record(wanted).as_bytes()
}

/// Checks that the index finds every row, in the order of its fields and then of the key.
fn check_items(index: &Index<'_, Item>, rows: &BTreeMap<u64, u64>) -> Result<()> {
    let mut wanted: Vec<(u64, u64)> = rows.iter().map(|(key, value)| (*value, *key)).collect();
    wanted.sort_unstable();
    let mut found = Vec::with_capacity(wanted.len());
    for row in index {
        let row = row?;
        found.push((row.value, row.key));
    }
    check_index(found == wanted)
}

/// The same without a key: in the order of its fields, then of the number of the row.
fn check_entries(index: &Index<'_, Entry>, rows: &[u64]) -> Result<()> {
    let mut wanted: Vec<(u64, u64)> = rows.iter().copied().zip(0..).collect();
    wanted.sort_unstable();
    let mut found = Vec::with_capacity(wanted.len());
    for entries in index.iter().entries().slices() {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        found
            .extend(entries?.as_bytes().chunks_exact(16).map(|entry| (word(&entry[..8]), word(&entry[8..]))));
    }
    check_index(found == wanted)
}

fn check_index(agrees: bool) -> Result<()> {
    if agrees {
        return Ok(());
    }
    Err(drystone::Error::new(drystone::ErrorKind::Corrupt, "an index has other rows than its table"))
}

fn check(agrees: bool) -> Result<()> {
    if agrees {
        return Ok(());
    }
    Err(drystone::Error::new(drystone::ErrorKind::Corrupt, "a row holds what was never written"))
}

fn edit_keyed(
    rows: &mut BTreeMap<u64, u64>,
    edit: &Edit,
    write: &WriteTransaction,
    name: &str,
) -> Result<()> {
    let mut table = write.table::<Item>(name)?;
    match *edit {
        Edit::Put { first, count, step, value, .. } => {
            for key in (0..count).map(|index| first + index * step) {
                table.upsert(&item(key, value + key))?;
                rows.insert(key, value + key);
            }
        }
        Edit::Change { key, value, .. } => {
            table.update(key, |row| *row = item(key, value))?;
            rows.entry(key).and_modify(|before| *before = value);
        }
        Edit::Remove { first, count, .. } => {
            for key in first..first + count {
                table.remove(key)?;
                rows.remove(&key);
            }
        }
        Edit::Load { rows: count, replace, backwards, value, .. } => {
            let options = LoadOptions::new().replace(replace).on_duplicate(OnDuplicate::Last);
            let key = |index| if backwards { count - 1 - index } else { index };
            table.load_with((0..count).map(|index| item(key(index), value + key(index))), &options)?;
            if replace {
                rows.clear();
            }
            rows.extend((0..count).map(|key| (key, value + key)));
        }
        Edit::Create(_) | Edit::Drop(_) | Edit::Index(_) | Edit::DropIndex(_) => {}
    }
    Ok(())
}

fn edit_list(rows: &mut Vec<u64>, edit: &Edit, write: &WriteTransaction, name: &str) -> Result<()> {
    let mut table = write.table::<Entry>(name)?;
    match *edit {
        Edit::Put { count, value, .. } => {
            for index in 0..count {
                table.push(&entry(value + index))?;
                rows.push(value + index);
            }
        }
        Edit::Change { key, value, .. } => {
            if let Some(row) = rows.get_mut(key as usize) {
                table.set(key, &entry(value))?;
                *row = value;
            }
        }
        Edit::Remove { first, .. } => {
            if first < rows.len() as u64 {
                table.truncate(first)?;
                rows.truncate(first as usize);
            }
        }
        Edit::Load { rows: count, replace, value, .. } => {
            let options = LoadOptions::new().replace(replace);
            table.load_with((0..count).map(|index| entry(value + index)), &options)?;
            if replace {
                rows.clear();
            }
            rows.extend((0..count).map(|index| value + index));
        }
        Edit::Create(_) | Edit::Drop(_) | Edit::Index(_) | Edit::DropIndex(_) => {}
    }
    Ok(())
}
