//! What the database should hold: the model that every image is held against, and edits that change both alike.

use std::collections::BTreeMap;

use drystone::{Database, LoadOptions, OnDuplicate, Record, Result, TableOptions, WriteTransaction};

/// A row with a key. 16 to a leaf make 4,224 bytes, so that leaves lie across page borders.
#[derive(Clone, Copy, Record)]
#[repr(C)]
pub struct Item {
    #[record(key)]
    key: u64,
    words: [u64; 32],
}

/// A row without a key, of an odd width.
#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
pub struct Entry {
    word: u64,
    rest: [u8; 255],
}

const LEAF_ROWS: usize = 16;

fn item(key: u64, value: u64) -> Item {
    Item { key, words: std::array::from_fn(|index| value.wrapping_add(index as u64)) }
}

fn entry(value: u64) -> Entry {
    Entry { word: value, rest: [value as u8; 255] }
}

/// A table that scripts work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Of [`Item`]s.
    Keyed(u8),
    /// Of [`Entry`]s.
    List(u8),
}

impl Table {
    fn name(self) -> String {
        match self {
            Table::Keyed(number) => format!("keyed{number:02}"),
            Table::List(number) => format!("list{number:02}"),
        }
    }
}

/// The rows of one table: by key, or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    Keyed(BTreeMap<u64, u64>),
    List(Vec<u64>),
}

/// Everything that the database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(BTreeMap<Table, Rows>);

/// A change. Whatever the state, it can be made: what is missing is left out.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Makes the table if it is not there.
    Create(Table),
    /// Drops it if it is there.
    Drop(Table),
    /// Puts in `count` rows from this key (or at the end), `step` apart.
    Put {
        /// Where.
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
        /// Where.
        table: Table,
        /// Its key or number.
        key: u64,
        /// What it holds from now on.
        value: u64,
    },
    /// Removes `count` keys from this one on, or all rows from this number on.
    Remove {
        /// Where.
        table: Table,
        /// The first key or number.
        first: u64,
        /// How many keys.
        count: u64,
    },
    /// Loads rows in bulk.
    Load {
        /// Where.
        table: Table,
        /// How many.
        rows: u64,
        /// Whether they take the place of what is there.
        replace: bool,
        /// Whether they come in the opposite order.
        backwards: bool,
        /// What they hold.
        value: u64,
    },
}

impl State {
    /// Makes the change in the database and in the model.
    ///
    /// # Errors
    /// What the database returns; the model is then of no use any more.
    pub fn apply(&mut self, edit: &Edit, write: &WriteTransaction) -> Result<()> {
        let options = TableOptions::new().leaf_rows(LEAF_ROWS);
        match *edit {
            Edit::Create(table) if !self.0.contains_key(&table) => match table {
                Table::Keyed(_) => {
                    write.create_table_with::<Item>(&table.name(), &options)?;
                    self.0.insert(table, Rows::Keyed(BTreeMap::new()));
                }
                Table::List(_) => {
                    write.create_table_with::<Entry>(&table.name(), &options)?;
                    self.0.insert(table, Rows::List(Vec::new()));
                }
            },
            Edit::Drop(table) if self.0.contains_key(&table) => {
                write.drop_table(&table.name())?;
                self.0.remove(&table);
            }
            Edit::Create(_) | Edit::Drop(_) => {}
            Edit::Put { table, .. }
            | Edit::Change { table, .. }
            | Edit::Remove { table, .. }
            | Edit::Load { table, .. } => match self.0.get_mut(&table) {
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
    /// What reading returns, or says of rows that cannot be.
    pub fn read(snapshot: &drystone::ReadTransaction) -> Result<State> {
        let mut state = State::default();
        for name in snapshot.table_names()? {
            let number = name[name.len() - 2..].parse().unwrap_or_default();
            if name.starts_with("keyed") {
                let mut rows = BTreeMap::new();
                for slice in snapshot.table::<Item>(&name)?.slices() {
                    for row in slice? {
                        check(bytes_agree(row, &item(row.key, row.words[0])))?;
                        rows.insert(row.key, row.words[0]);
                    }
                }
                state.0.insert(Table::Keyed(number), Rows::Keyed(rows));
            } else {
                let mut rows = Vec::new();
                for slice in snapshot.table::<Entry>(&name)?.slices() {
                    for row in slice? {
                        check(bytes_agree(row, &entry(row.word)))?;
                        rows.push(row.word);
                    }
                }
                state.0.insert(Table::List(number), Rows::List(rows));
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

fn check(agrees: bool) -> Result<()> {
    if agrees {
        return Ok(());
    }
    Err(drystone::Error::new(drystone::ErrorKind::Corrupt, "a row holds what nobody wrote"))
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
            table.load((0..count).map(|index| item(key(index), value + key(index))), &options)?;
            if replace {
                rows.clear();
            }
            rows.extend((0..count).map(|key| (key, value + key)));
        }
        Edit::Create(_) | Edit::Drop(_) => {}
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
            table.load((0..count).map(|index| entry(value + index)), &options)?;
            if replace {
                rows.clear();
            }
            rows.extend((0..count).map(|index| value + index));
        }
        Edit::Create(_) | Edit::Drop(_) => {}
    }
    Ok(())
}
