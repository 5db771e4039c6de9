//! Drystone, by key and by row number.

use std::path::Path;

use drystone::{Database, Record, Table, TableMut};

use super::{Reader, Store, Way, missing};
use crate::data::{Result, Value};

const TABLE: &str = "rows";

/// A row with its key: twenty bytes.
#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
pub(crate) struct Keyed {
    #[record(key)]
    id: u64,
    x: i32,
    y: i32,
    z: i32,
}

/// A row that is found by its number: twelve bytes.
#[derive(Clone, Copy, Record)]
#[repr(C)]
pub(crate) struct Point {
    x: i32,
    y: i32,
    z: i32,
}

/// What differs between the two tables.
pub(crate) trait Kind: Record<Key = u64> {
    const NAME: &'static str;
    const BY_ROW: bool;
    const SETTINGS: &'static str;

    fn new(key: u64, value: Value) -> Self;
    fn x(&self) -> i32;
    fn set_x(&mut self, x: i32);
    fn insert(table: &mut TableMut<'_, Self>, rows: &[(u64, Value)], way: Way) -> drystone::Result<()>;
}

impl Kind for Keyed {
    const NAME: &'static str = "drystone";
    const BY_ROW: bool = false;
    const SETTINGS: &'static str = "a table with a u64 key, all options at their defaults; \
         loads by TableMut::load, single inserts by insert, batches by insert_many, many inserts together by load, several updates by \
         update_many; everything verified, commits durable";

    fn new(id: u64, value: Value) -> Keyed {
        Keyed { id, x: value.x, y: value.y, z: value.z }
    }

    #[inline]
    fn x(&self) -> i32 {
        self.x
    }

    fn set_x(&mut self, x: i32) {
        self.x = x;
    }

    fn insert(table: &mut TableMut<'_, Keyed>, rows: &[(u64, Value)], way: Way) -> drystone::Result<()> {
        let keyed = |&(key, value): &(u64, Value)| Keyed::new(key, value);
        match way {
            Way::Single => rows.iter().try_for_each(|row| table.insert(&keyed(row))),
            Way::Batches(batch_rows) => rows
                .chunks(batch_rows)
                .try_for_each(|batch| table.insert_many(batch.iter().map(keyed)).map(drop)),
            Way::Together => table.load(rows.iter().map(keyed)).map(drop),
        }
    }
}

impl Kind for Point {
    const NAME: &'static str = "drystone-rows";
    const BY_ROW: bool = true;
    const SETTINGS: &'static str = "a table without a key, all options at their defaults; \
         loads by TableMut::load, everything verified, commits durable";

    fn new(_: u64, value: Value) -> Point {
        Point { x: value.x, y: value.y, z: value.z }
    }

    #[inline]
    fn x(&self) -> i32 {
        self.x
    }

    fn set_x(&mut self, x: i32) {
        self.x = x;
    }

    fn insert(table: &mut TableMut<'_, Point>, rows: &[(u64, Value)], _: Way) -> drystone::Result<()> {
        rows.iter().try_for_each(|&(row, value)| table.push(&Point::new(row, value)).map(drop))
    }
}

pub(crate) struct Drystone<T> {
    database: Database,
    rows: std::marker::PhantomData<fn() -> T>,
}

impl<T: Kind> Store for Drystone<T> {
    const NAME: &'static str = T::NAME;
    const CRATE: &'static str = "drystone";
    const BY_ROW: bool = T::BY_ROW;
    const BATCHES: bool = true;
    const SETTINGS: &'static str = T::SETTINGS;

    type Reader<'r>
        = Table<'r, T>
    where
        T: 'r;

    fn open(folder: &Path) -> Result<Drystone<T>> {
        let path = folder.join("rows.dry");
        let made = !path.exists();
        let database = open(&path)?;
        if made {
            let write = database.write()?;
            write.create_table::<T>(TABLE)?;
            write.commit()?;
        }
        Ok(Drystone { database, rows: std::marker::PhantomData })
    }

    fn read<R>(&self, work: impl FnOnce(&mut Table<'_, T>) -> Result<R>) -> Result<R> {
        let snapshot = self.database.read()?;
        let mut table = snapshot.table::<T>(TABLE)?;
        work(&mut table)
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let write = self.database.write()?;
        let rows = rows.map(|(key, value)| T::new(key, value));
        write.table::<T>(TABLE)?.load(rows)?;
        Ok(write.commit()?)
    }

    fn load_unsorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        self.load_sorted(rows)
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let write = self.database.write()?;
        let mut table = write.table::<T>(TABLE)?;
        if let [(key, x)] = changes {
            table.update(*key, |row| row.set_x(*x))?.ok_or_else(|| missing(*key))?;
        } else if table.update_many(changes, |row, x| row.set_x(*x))? < changes.len() as u64 {
            return Err(missing(changes[0].0));
        }
        Ok(write.commit()?)
    }

    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()> {
        let write = self.database.write()?;
        T::insert(&mut write.table(TABLE)?, rows, way)?;
        Ok(write.commit()?)
    }
}

impl<T: Kind> Reader for Table<'_, T> {
    #[inline]
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(Table::get(self, key)?.map(Kind::x))
    }

    fn get_many(&mut self, keys: &[u64]) -> Result<(i64, usize)> {
        let mut found = (0, 0);
        for row in Table::get_many(self, keys)?.into_iter().flatten() {
            found = (found.0 + i64::from(row.x()), found.1 + 1);
        }
        Ok(found)
    }

    fn scan(&mut self) -> Result<i64> {
        let mut sum = 0;
        for rows in self.slices() {
            sum += rows?.iter().map(|row| i64::from(row.x())).sum::<i64>();
        }
        Ok(sum)
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let mut sum = 0;
        for row in Table::range(self, from..)?.take(rows) {
            sum += i64::from(row?.x());
        }
        Ok(sum)
    }
}

#[expect(unsafe_code, reason = "a mapped file is opened")]
fn open(path: &Path) -> Result<Database> {
    // SAFETY: the file is in a temporary folder of this program; nothing else writes it.
    Ok(unsafe { Database::open(path)? })
}
