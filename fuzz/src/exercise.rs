//! Everything that can be done with a database file from an unknown source. Errors are fine,
//! panics are not; and where `check` finds nothing wrong, nothing may fail either, and edits leave
//! a database that is sound again.

use std::ops::Bound::{Excluded, Included};
use std::path::Path;

use drystone::{
    CheckReport, Database, Dyn, ErrorKind, FieldDef, Index, LoadOptions, OnDuplicate, OpenOptions,
    ReadTransaction, Record, RecordSource, Result, Row, RowBuf, Schema, Table, Type, Value, WriteTransaction,
    csv,
};

use crate::place::open;
use crate::sample::{Block, Edge, Pair, Point, Wide};

/// How many rows of a table are read one by one.
const ROWS: usize = 60;

/// Opens, reads, checks, writes, opens again.
pub fn exercise(path: &Path) {
    let Ok(db) = open(path) else { return };
    let sound = read_all(&db);
    let written = write_all(&db, sound);
    if written {
        let report = check(&db).expect("what could be written can be read");
        assert!(!sound || report.is_sound(), "edits left damage behind: {:?}", report.problems);
    }
    drop(db);
    let Ok(again) = open(path) else {
        assert!(!sound, "a sound database does not open after it was written to");
        return;
    };
    let sound_again = check(&again).is_ok_and(|report| report.is_sound());
    assert!(!sound || sound_again, "a sound database is not sound after it was opened again");
}

/// What a sound database gives must not be an error, but for limits, which a number in the file may
/// have reached.
#[track_caller]
fn must<T>(sound: bool, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if sound && error.kind() != ErrorKind::Limit => panic!("in a sound database: {error}"),
        Err(_) => None,
    }
}

fn check(db: &Database) -> Result<CheckReport> {
    let report = db.check()?;
    for problem in &report.problems {
        assert!(!problem.to_string().is_empty());
    }
    Ok(report)
}

/// Reads everything in every way; whether the database is sound.
fn read_all(db: &Database) -> bool {
    let sound = check(db).is_ok_and(|report| report.is_sound());
    must(sound, db.stats());
    for reader in must(sound, db.readers()).unwrap_or_default() {
        must(sound, db.held_bytes(&reader));
    }
    let rescued = OpenOptions::new().reserve_bytes(1 << 30).in_memory().expect("memory");
    if let Some(report) = must(sound, db.salvage(&rescued)) {
        assert!(!sound || report.lost.is_empty(), "{:?}", report.lost);
        assert!(check(&rescued).is_ok_and(|report| report.is_sound() || !sound));
    }
    let Some(read) = must(sound, db.read()) else { return false };
    for name in must(sound, read.table_names()).unwrap_or_default() {
        if let Some(table) = must(sound, read.table::<Dyn>(&name)) {
            must(sound, table.stats());
            read_dynamic(sound, &table);
            for index in must(sound, read.indexes(&name)).unwrap_or_default() {
                if let Some(index) = must(sound, table.index(&index.name)) {
                    must(sound, index.stats());
                    read_index(sound, &table, &index);
                }
            }
        }
        read_typed::<Point>(sound, &read, &name);
        read_typed::<Pair>(sound, &read, &name);
        read_typed::<Edge>(sound, &read, &name);
        read_typed::<Wide>(sound, &read, &name);
        read_typed::<Block>(sound, &read, &name);
        read_prefixes(sound, &read, &name);
    }
    sound
}

fn read_dynamic(sound: bool, table: &Table<'_, Dyn>) {
    let schema = table.schema();
    let printed = schema.to_string();
    let parsed: Schema = printed.parse().expect("a schema prints as it is read");
    assert_eq!(&parsed, schema, "{printed}");
    let len = table.len();
    let mut last: Option<(u64, Vec<Value<'_>>)> = None;
    let mut seen = 0;
    for (number, row) in (0..).zip(table.iter()) {
        let Some(row) = must(sound, row) else { break };
        seen += 1;
        if number as usize >= ROWS && number % 32 != 0 && number + 3 < len {
            continue;
        }
        read_row(sound, &row);
        let key = if schema.is_keyed() {
            row.values().take(schema.key_fields().len()).collect::<Result<Vec<_>>>()
        } else {
            Ok(vec![Value::from(number)])
        };
        let Some(key) = must(sound, key) else { continue };
        if let Some(found) = must(sound, table.get(&key)) {
            assert!(!sound || found == Some(row), "row {number} is not found by its key");
        }
        if let Some(rank) = must(sound, table.rank(&key)) {
            assert!(!sound || rank == number);
        }
        if let Some(found) = must(sound, table.select(number)) {
            assert!(!sound || found == Some(row));
        }
        if number % 16 == 0 {
            let prefix = must(sound, table.prefix(&key[..1])).map_or(1, |rows| rows.len());
            assert!(!sound || prefix > 0);
            let (from_number, from) = last.as_ref().map_or((number, &key), |(number, key)| (*number, key));
            if let Some(rows) = must(sound, table.range((Included(&from[..]), Excluded(&key[..])))) {
                assert!(!sound || rows.len() == number - from_number);
                rows.for_each(drop);
            }
            last = Some((number, key));
        }
    }
    assert!(!sound || seen == len);
    must(sound, table.first());
    must(sound, table.last());
    let mut both = table.iter();
    while let (Some(Ok(_)), Some(Ok(_))) = (both.next(), both.next_back()) {}
    let parts = table.iter().split(3);
    assert_eq!(parts.iter().map(|part| part.len()).sum::<u64>(), len);
    for mut part in parts {
        part.next_back();
        part.by_ref().take(ROWS).for_each(drop);
    }
    write_csv(sound, table);
}

/// Reads the rows by an index, in its order and by its values, and its entries alone.
fn read_index(sound: bool, table: &Table<'_, Dyn>, index: &Index<'_, Dyn>) {
    assert!(!sound || index.len() == table.len());
    let fields = index.fields().len();
    let mut last: Option<(u64, Vec<Value<'_>>)> = None;
    for (number, (row, entry)) in (0..).zip(index.iter().zip(index.iter().entries())).take(4 * ROWS) {
        let (Some(row), Some(entry)) = (must(sound, row), must(sound, entry)) else { break };
        let Some(values) = must(sound, entry.values().collect::<Result<Vec<_>>>()) else { continue };
        for (field, value) in index.fields().iter().zip(&values) {
            let same = must(sound, row.get(field.name())).is_some_and(|found| found == *value);
            // A NaN is not itself.
            assert!(!sound || same || value.to_string().contains("NaN"), "entry {number} is of another row");
        }
        let found = must(sound, index.get(&values[..fields])).flatten();
        assert!(!sound || found.is_some(), "entry {number} is not found by its values");
        let exactly = must(sound, index.prefix(&values)).map(|rows| rows.len());
        assert!(!sound || exactly == Some(1), "entry {number} is there {exactly:?} times");
        if number % 16 == 0 {
            let (from_number, from) =
                last.as_ref().map_or((number, &values), |(number, values)| (*number, values));
            if let Some(rows) =
                must(sound, index.range::<&[Value<'_>]>((Included(&from[..]), Excluded(&values[..]))))
            {
                assert!(!sound || rows.len() == number - from_number);
                rows.for_each(drop);
            }
            must(sound, index.prefix(&values[..1])).into_iter().for_each(|rows| rows.for_each(drop));
            last = Some((number, values));
        }
    }
    must(sound, index.first());
    must(sound, index.last());
    let mut both = index.iter();
    while let (Some(Ok(_)), Some(Ok(_))) = (both.next(), both.next_back()) {}
}

fn read_row(sound: bool, row: &Row<'_>) {
    assert!(!format!("{row} {row:?}").is_empty());
    for (name, value) in row.iter() {
        if let Some(value) = must(sound, value) {
            assert_eq!(value.is_null(), row.is_null(name).expect("the field is there"));
        }
    }
    let _ = row.at::<u64>(row.as_bytes().len() / 2);
    let _ = row.at::<u8>(usize::MAX);
}

fn write_csv(sound: bool, table: &Table<'_, Dyn>) {
    let Ok(mut writer) = csv::Options::new().writer(table.schema(), Vec::new()) else { return };
    for row in table.iter().take(ROWS).flatten() {
        must(sound, writer.write(row));
    }
    must(sound, writer.finish());
}

fn read_typed<T: Record + PartialEq>(sound: bool, read: &ReadTransaction, name: &str) {
    let Ok(table) = read.table::<T>(name) else { return };
    let mut rows = table.iter();
    let mut count = 0;
    while let Some(row) = rows.next() {
        count += u64::from(must(sound, row).is_some());
        count += rows.next_back().map_or(0, |row| u64::from(must(sound, row).is_some()));
    }
    assert!(!sound || count == table.len());
    if let Some(slice) = must(sound, table.as_slice()).flatten() {
        assert_eq!(slice.len() as u64, table.len());
    }
    let mut slices = table.slices();
    while let Some(slice) = slices.next() {
        must(sound, slice);
        slices.next_back();
    }
    for row in [0, table.len() / 2, table.len().wrapping_sub(1), u64::MAX] {
        must(sound, table.select(row));
    }
    for part in table.iter().split(2) {
        part.slices().for_each(drop);
    }
}

fn read_prefixes(sound: bool, read: &ReadTransaction, name: &str) {
    if let Ok(edges) = read.table::<Edge>(name) {
        for from in 0..20_u32 {
            if let Some(rows) = must(sound, edges.prefix((from,))) {
                let same =
                    rows.map(|row| must(sound, row).is_some_and(|edge| edge.from == from)).all(|same| same);
                assert!(!sound || same);
            }
        }
        must(sound, edges.range((3, -1)..=(5, 5)));
    }
    if let Ok(wide) = read.table::<Wide>(name) {
        for group in [i16::MIN, -1, 0, i16::MAX] {
            must(sound, wide.prefix((group,)));
        }
    }
    if let Ok(pairs) = read.table::<Pair>(name) {
        let ids: Vec<u64> = (0..40).chain([1 << 40, u64::MAX]).collect();
        must(sound, pairs.get_many(&ids));
        for id in [0, 1, 77, 1 << 40, u64::MAX] {
            must(sound, pairs.get(id));
            must(sound, pairs.rank(id));
            must(sound, pairs.range(id..));
            must(sound, pairs.range(..=id));
        }
    }
}

/// Changes everything in every way and commits; whether that could be done.
fn write_all(db: &Database, sound: bool) -> bool {
    let Some(mut write) = must(sound, db.write()) else { return false };
    write.set_memory_bytes(64 << 10);
    let Some(names) = must(sound, write.table_names()) else { return false };
    for name in &names {
        change_indexes(&write, name, sound);
        // A value that is there twice is refused by an index that is unique.
        match write_table(&write, name) {
            Err(error) if error.kind() == ErrorKind::KeyExists => {}
            done => drop(must(sound, done)),
        }
    }
    must(sound, write.create_dyn_table("new", &"id: u16 key, x: f32".parse().expect("a schema")).map(drop));
    for (at, name) in names.iter().enumerate() {
        match at % 4 {
            0 => must(sound, write.rename_table(name, &format!("renamed {at}"))),
            1 => must(sound, write.drop_table(name)),
            2 => {
                let field =
                    FieldDef::new("appended", Type::I16).expect("a field").nullable().expect("a field");
                match write.append_field(name, field) {
                    // A table may be as wide as a table can be.
                    Err(error) if error.kind() == ErrorKind::Schema => None,
                    done => must(sound, done).map(drop),
                }
            }
            _ => None,
        };
    }
    must(sound, write.commit()).is_some()
}

/// Drops every other index, and makes one.
fn change_indexes(write: &WriteTransaction, name: &str, sound: bool) {
    for index in must(sound, write.indexes(name)).unwrap_or_default().iter().step_by(2) {
        must(sound, write.drop_index(name, &index.name));
    }
    let Some(table) = must(sound, write.table::<Dyn>(name)) else { return };
    let Some(last) = table.schema().fields().last().map(|field| field.name().to_owned()) else { return };
    drop(table);
    match write.create_index(name, &format!("{name} by last").replace(' ', "_"), &[last]) {
        // Arrays have no order, a name may be too long, or there, and an entry too wide.
        Err(error) if matches!(error.kind(), ErrorKind::Schema | ErrorKind::Usage | ErrorKind::KeyExists) => {
        }
        made => drop(must(sound, made)),
    }
}

fn write_table(write: &WriteTransaction, name: &str) -> Result<()> {
    let mut table = write.table::<Dyn>(name)?;
    let schema = table.schema().clone();
    let keyed = schema.is_keyed();
    // Rows of the table to begin with: the first, the last, and some between.
    let len = table.len();
    let mut rows = Vec::new();
    for number in [0, 1, len / 3, len / 2, len.saturating_sub(1)] {
        if let Some(row) = table.as_table().select(number)? {
            rows.push(row.to_buf());
        }
    }
    for (number, row) in rows.iter().enumerate() {
        let key = key(row.as_row(), number as u64)?;
        if keyed {
            table.upsert(row)?;
            let last = schema.fields().len() - 1;
            if last >= key.len() {
                table.set_field(&key, last, row.as_row().get(last)?)?;
            }
            table.update(&key, |_| Ok(()))?;
            table.remove(&key)?;
            if number % 2 == 0 && table.get(&key)?.is_none() {
                table.insert(row)?;
            }
        } else {
            table.push(row)?;
            table.set(table.len() - 1 - number as u64 % table.len(), row)?;
            table.swap_remove(0)?;
        }
    }
    if keyed {
        empty_in_part(&mut table)?;
    } else {
        let left = table.len();
        table.truncate(left - left / 3)?;
    }
    let more = Made { schema: &schema, left: 80, place: 0 };
    let options = LoadOptions::new().on_duplicate(OnDuplicate::Last);
    table.load_from(&mut { more }, &options)?;
    let few = Made { schema: &schema, left: 1, place: 1000 };
    table.load_from(&mut { few }, &options.on_duplicate(OnDuplicate::First))?;
    if table.len() % 5 == 1 {
        table.clear()?;
    }
    Ok(())
}

/// Takes out every row of the middle third, so that nodes become small and join.
fn empty_in_part(table: &mut drystone::TableMut<'_, Dyn>) -> Result<()> {
    let len = table.len();
    let mut keys = Vec::new();
    for row in table.as_table().iter().skip((len / 3) as usize).take((len / 3) as usize) {
        let key = key(row?, 0)?;
        keys.push(key.into_iter().map(owned).collect::<Vec<_>>());
    }
    for key in keys {
        table.remove(&key)?;
    }
    Ok(())
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
        Value::Bool(value) => value.into(),
        Value::Unsigned(value) => value.into(),
        Value::Signed(value) => value.into(),
        Value::F32(value) => value.into(),
        Value::F64(value) => value.into(),
        Value::Date(value) => value.into(),
        Value::Timestamp(value) => value.into(),
        Value::Uuid(value) => value.into(),
        _ => Value::Null,
    }
}

fn key<'r>(row: Row<'r>, number: u64) -> Result<Vec<Value<'r>>> {
    match row.schema().key_fields().len() {
        0 => Ok(vec![Value::from(number)]),
        fields => row.values().take(fields).collect(),
    }
}

/// Records that are valid by any schema.
struct Made<'s> {
    schema: &'s Schema,
    left: u64,
    place: u64,
}

impl RecordSource for Made<'_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.place += 1;
        let mut row = RowBuf::new(self.schema);
        let number = self.place.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string();
        for at in 0..self.schema.fields().len() {
            // The longest beginning that is a value of the field; where none is, the field stays as
            // it is.
            [number.len(), 9, 4, 2, 1]
                .into_iter()
                .any(|digits| row.set_text(at, &number[..digits.min(number.len())]).is_ok());
        }
        record.copy_from_slice(row.as_bytes());
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.place
    }
}

/// Opens read-only, which must leave the file as it is.
pub fn exercise_read_only(path: &Path) {
    // SAFETY: as in `place::open`.
    let opened = unsafe { OpenOptions::new().read_only(true).reserve_bytes(1 << 30).open(path) };
    if let Ok(db) = opened {
        read_all(&db);
        assert_eq!(db.write().err().map(|error| error.kind()), Some(ErrorKind::ReadOnly));
    }
}
