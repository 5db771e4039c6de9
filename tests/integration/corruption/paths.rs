//! Every way to read a database, each compared with the right rows, and one way to write.

use std::fmt::Debug;
use std::ops::Bound;

use drystone::{Database, Dyn, ErrorKind, Record, Result, Row, RowBuf, Table, Value, csv};

use super::{FLIGHTS, Flight, POINTS, POINTS_A_LEAF, Point, Rights, flight, point};

/// Checks that an answer is right, or an error that says that the file is damaged. Returns whether
/// it was an error.
#[track_caller]
fn right_or_damaged<T: PartialEq + Debug>(answer: Result<T>, right: &T, what: &str) -> bool {
    match answer {
        Ok(answer) => {
            assert!(answer == *right, "{what}: a wrong answer");
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            true
        }
    }
}

/// Checks that the rows of an iterator are right up to its first error, or complete. Returns
/// whether it ended with an error.
#[track_caller]
fn right_rows<T: PartialEq + Debug>(
    mut found: impl Iterator<Item = Result<T>>,
    right: impl Iterator<Item = T>,
    what: &str,
) -> bool {
    for right in right {
        match found.next() {
            Some(Ok(found)) => assert!(found == right, "{what}: a wrong row: {found:?} for {right:?}"),
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                assert!(found.next().is_none(), "{what}: it went on after an error");
                return true;
            }
            None => panic!("{what}: rows are missing"),
        }
    }
    assert!(found.next().is_none(), "{what}: rows too many");
    false
}

/// Reads everything by every path. Returns whether anything was damaged. Tables that were not
/// edited are one slice.
pub(super) fn read_all(db: &Database, rights: &Rights, written_anew: bool) -> bool {
    let read = db.read().unwrap();
    let mut damaged = right_or_damaged(read.table_names(), &vec!["flights".into(), "points".into()], "names");
    for name in ["flights", "points"] {
        let right = if name == "points" { &rights.point_rows } else { &rights.flight_rows };
        let rows = right.len() as u64;
        damaged |= right_or_damaged(
            read.table::<Dyn>(name).and_then(|table| table.stats()).map(|stats| stats.rows),
            &rows,
            "statistics",
        );
        // A table that cannot be opened is damaged, and cannot be compared further.
        match read.table::<Dyn>(name) {
            Ok(table) => damaged |= read_dynamic(&table, right),
            Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), name),
        }
    }
    damaged |= right_or_damaged(db.stats().map(|stats| stats.tables), &2, "statistics of the database");
    match read.table::<Point>("points") {
        Ok(points) => {
            for n in (0..POINTS).step_by(29).chain([POINTS - 1]) {
                damaged |= right_or_damaged(points.get(n).map(|row| row.copied()), &Some(point(n)), "get");
                damaged |= right_or_damaged(points.rank(n), &(n), "rank");
            }
            damaged |= right_or_damaged(points.get(POINTS), &None, "a row that is not there");
            damaged |= right_or_damaged(points.first().map(|row| row.copied()), &Some(point(0)), "first");
            let last = points.last().map(|row| row.copied());
            damaged |= right_or_damaged(last, &Some(point(POINTS - 1)), "last");
            match points.range(100..140) {
                Ok(range) => damaged |= right_rows(range, rights.points[100..140].iter(), "range"),
                Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "range"),
            }
            let all = &rights.points;
            damaged |= right_rows(points.iter(), all.iter(), "iter");
            damaged |= right_rows(points.iter().rev(), all.iter().rev(), "rev");
            let slices = points.slices();
            let leaves = all.chunks(POINTS_A_LEAF);
            damaged |= right_rows(slices, leaves, "slices");
            let slice = points.as_slice();
            if !written_anew || !matches!(slice, Ok(None)) {
                damaged |= right_or_damaged(slice, &Some(&all[..]), "as_slice");
            }
        }
        Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "points"),
    }
    match read.table::<Flight>("flights") {
        Ok(flights) => {
            let asked: Vec<u64> = (0..FLIGHTS * 3).step_by(7).collect();
            let right = |id: &u64| id.is_multiple_of(3).then(|| flight(id / 3));
            let found =
                flights.get_many(&asked).map(|rows| rows.into_iter().map(|row| row.copied()).collect());
            damaged |= right_or_damaged(found, &asked.iter().map(right).collect::<Vec<_>>(), "get_many");
            for n in (0..FLIGHTS).step_by(13).chain([FLIGHTS - 1]) {
                damaged |=
                    right_or_damaged(flights.get(n * 3).map(|row| row.copied()), &Some(flight(n)), "get");
                damaged |= right_or_damaged(flights.get(n * 3 + 1), &None, "a key that is not there");
                damaged |=
                    right_or_damaged(flights.select(n).map(|row| row.copied()), &Some(flight(n)), "select");
                damaged |= right_or_damaged(flights.rank(n * 3 + 1), &(n + 1), "rank");
                damaged |= right_or_damaged(flights.contains(n * 3), &true, "contains");
                let range = flights.range(n * 3..=n * 3 + 90).map(|range| range.len());
                damaged |= right_or_damaged(range, &(FLIGHTS - n).min(31), "length of a range");
            }
            damaged |= right_or_damaged(flights.first().map(|row| row.copied()), &Some(flight(0)), "first");
            damaged |=
                right_or_damaged(flights.last().map(|row| row.copied()), &Some(flight(FLIGHTS - 1)), "last");
            damaged |= right_rows(flights.iter(), rights.flights.iter(), "iter");
            match flights.range(90..=210) {
                Ok(range) => {
                    for (part, right) in
                        range.clone().split(2).into_iter().zip(rights.flights[30..=70].chunks(21))
                    {
                        damaged |= right_rows(part, right.iter(), "part of a range");
                    }
                    damaged |= right_rows(range.rev(), rights.flights[30..=70].iter().rev(), "range");
                }
                Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "range"),
            }
            let slice = flights.as_slice().map(|slice| slice.map(<[Flight]>::len));
            if let Ok(Some(rows)) = &slice {
                assert_eq!(*rows as u64, FLIGHTS);
            }
            damaged |= slice.is_err();
        }
        Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "flights"),
    }
    damaged
}

fn read_dynamic(table: &Table<'_, Dyn>, right: &[RowBuf]) -> bool {
    let rows = right.len() as u64;
    let mut damaged = right_or_damaged(Ok(table.len()), &rows, "len");
    let rights = || right.iter().map(RowBuf::as_row);
    damaged |= right_rows(table.iter(), rights(), "dynamic iter");
    damaged |= right_rows(table.iter().rev(), rights().rev(), "dynamic rev");
    // From both ends at once.
    let (mut ends, mut rights) = (table.iter(), rights());
    while rights.len() > 0 {
        let (front, back) = (ends.next().transpose(), ends.next_back().transpose());
        if front.is_err() || back.is_err() {
            damaged = true;
            assert!(ends.next().is_none() && ends.next_back().is_none(), "it went on after an error");
            break;
        }
        right_or_damaged(front, &rights.next(), "from the front");
        right_or_damaged(back, &rights.next_back(), "from the back");
    }
    damaged |= right_or_damaged(table.first(), &Some(right[0].as_row()), "dynamic first");
    damaged |= right_or_damaged(table.last(), &right.last().map(RowBuf::as_row), "dynamic last");
    for n in (0..rows).step_by(23) {
        let key = [Value::from(if rows == FLIGHTS { n * 3 } else { n })];
        damaged |= right_or_damaged(table.get(&key), &Some(right[n as usize].as_row()), "dynamic get");
        damaged |= right_or_damaged(table.rank(&key), &n, "dynamic rank");
        damaged |= right_or_damaged(table.select(n), &Some(right[n as usize].as_row()), "dynamic select");
        match table.range((Bound::Included(&key[..]), Bound::Unbounded)) {
            Ok(range) => {
                let right = right[n as usize..].iter().map(RowBuf::as_row);
                damaged |= right_rows(range.take(5), right.take(5), "dynamic range");
            }
            Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "dynamic range"),
        }
    }
    damaged
}

/// Tries to write. In no case does it panic, or is a wrong row read afterwards.
pub(super) fn try_to_write(db: &Database) -> Result<()> {
    let write = db.write()?;
    let mut flights = write.table::<Flight>("flights")?;
    flights.upsert(&flight(3))?;
    flights.update(201, |flight| flight.miles += 0.0)?;
    let removed = flights.remove(flight(FLIGHTS - 1).id)?;
    flights.insert(&removed.unwrap())?;
    drop(flights);
    let mut points = write.table::<Point>("points")?;
    points.set(100, &point(100))?;
    let last = points.pop()?.unwrap();
    points.push(&last)?;
    drop(points);
    write.commit()
}

/// Rows as lines, up to the first error, and whether there was one.
pub(super) fn lines<'r>(rows: impl Iterator<Item = Result<Row<'r>>>) -> (Vec<u8>, bool) {
    let mut writer = csv::Options::new().writer(Flight::schema(), Vec::new()).unwrap();
    for row in rows {
        if let Err(error) = row.and_then(|row| writer.write(row)) {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            return (writer.finish().unwrap(), true);
        }
    }
    (writer.finish().unwrap(), false)
}

/// Exports the flights. Returns whether that ended with an error. The lines before an error are
/// right; without one, all are there.
pub(super) fn export(db: &Database, rights: &Rights) -> bool {
    let read = db.read().unwrap();
    let Ok(table) = read.table::<Dyn>("flights") else { return true };
    let (lines, ended) = lines(table.iter());
    assert!(rights.lines.starts_with(&lines), "wrong lines");
    assert!(ended || lines.len() == rights.lines.len(), "lines are missing");
    ended
}

/// Copies both tables to another database, and compares them with their expected rows. Returns
/// whether that ended with an error. A copy that was made is complete, and has no wrong row.
pub(super) fn copy_and_compare(db: &Database, rights: &Rights) -> bool {
    let (read, whole, copy) =
        (db.read().unwrap(), rights.whole.read().unwrap(), Database::in_memory().unwrap());
    let mut damaged = [false; 2];
    for name in ["flights", "points"] {
        let write = copy.write().unwrap();
        match write.copy_table(&read, name, name) {
            Ok(_) => {
                write.commit().unwrap();
                let copy = copy.read().unwrap();
                let diff = whole.diff(&copy).unwrap();
                assert_eq!(
                    diff.table(name).unwrap().rows().unwrap().count(),
                    0,
                    "{name}: not what was copied"
                );
            }
            Err(error) => damaged[0] |= right_or_damaged::<()>(Err(error), &(), "copy"),
        }
    }
    match whole.diff(&read) {
        Ok(diff) => {
            for table in diff.tables() {
                for change in table.rows().unwrap() {
                    damaged[1] |=
                        right_or_damaged(change.map(|change| Some(format!("{change:?}"))), &None, "diff");
                }
            }
        }
        Err(error) => damaged[1] |= right_or_damaged::<()>(Err(error), &(), "diff"),
    }
    assert_eq!(damaged[0], damaged[1], "a copy and a comparison meet the same");
    damaged[0]
}

/// Rescues what still verifies. Returns whether anything was lost. The rescued rows are right and
/// in order, and all others are listed as lost.
pub(super) fn salvage(db: &Database, rights: &Rights) -> bool {
    let good = Database::in_memory().unwrap();
    let report = db.salvage(&good).unwrap();
    let read = good.read().unwrap();
    let tables = read.table_names().unwrap();
    let mut kept = 0;
    for name in &tables {
        let right = if name == "points" { &rights.point_rows } else { &rights.flight_rows };
        let mut right = right.iter().map(RowBuf::as_row);
        for row in read.table::<Dyn>(name).unwrap() {
            let row = row.unwrap();
            assert!(right.any(|right| right == row), "{name}: a row that was not there before, or not here");
            kept += 1;
        }
    }
    let lost: u64 =
        report.lost.iter().filter_map(|loss| loss.rows.as_ref()).map(|rows| rows.end - rows.start).sum();
    let whole = report.lost.iter().all(|loss| loss.rows.is_some());
    assert_eq!(report.rows, kept);
    assert!(!whole || kept + lost == POINTS + FLIGHTS, "{lost} rows are lost, {kept} are there");
    !report.lost.is_empty()
}
