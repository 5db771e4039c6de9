//! What a crash can leave in the file, put together by hand: opening finds the last complete state,
//! and continues from there.

use std::collections::BTreeMap;
use std::path::Path;

use drystone::{
    Database, Durability, Dyn, LoadOptions, OpenOptions, RecordSource, Result, RowBuf, Schema, TableMut,
    TableOptions,
};

use crate::child::{self, OtherProcess};
use crate::random::Random;
use crate::temp::{self, TempDb, assert_sound};

const PAGE: usize = 4096;

/// What the database holds: the rows of each table, by key.
type State = BTreeMap<String, BTreeMap<u64, Vec<u8>>>;

fn schema() -> Schema {
    "id: u64 key, v: u32, pad: bytes[1012]".parse().unwrap()
}

fn row(id: u64, v: u32) -> RowBuf {
    let schema = schema();
    let mut row = RowBuf::new(&schema);
    row.set("id", id).unwrap();
    row.set("v", v).unwrap();
    let pad = v.wrapping_mul(0x9E37_79B1).to_le_bytes().repeat(253);
    row.as_bytes_mut()[12..].copy_from_slice(&pad);
    row
}

fn options() -> TableOptions {
    TableOptions::new().leaf_rows(4)
}

/// All that the database holds.
fn state_of(db: &Database) -> Result<State> {
    let read = db.read()?;
    let mut state = State::new();
    for name in read.table_names()? {
        let mut rows = BTreeMap::new();
        for row in read.table::<Dyn>(&name)? {
            let row = row?;
            rows.insert(row.at::<u64>(0)?, row.as_bytes().to_vec());
        }
        state.insert(name, rows);
    }
    Ok(state)
}

/// Puts rows in and takes some out, in the table and in the model of it.
fn change(table: &mut TableMut<'_, Dyn>, rows: &mut BTreeMap<u64, Vec<u8>>, rng: &mut Random, count: u32) {
    for _ in 0..count {
        let id = rng.next() % 400;
        if rng.below(3) == 0 {
            assert_eq!(table.remove(&[id.into()]).unwrap().is_some(), rows.remove(&id).is_some());
        } else {
            let row = row(id, rng.next() as u32);
            table.upsert(&row).unwrap();
            rows.insert(id, row.into_bytes());
        }
    }
}

struct Rows(std::ops::Range<u64>);

impl RecordSource for Rows {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        Ok(match self.0.next() {
            Some(id) => {
                record.copy_from_slice(row(id, 1).as_bytes());
                true
            }
            None => false,
        })
    }

    fn place(&self) -> u64 {
        self.0.start
    }
}

/// One of many kinds of transactions: small, spilling, large, giving much up.
fn transaction(db: &Database, state: &mut State, step: usize, durability: Durability, rng: &mut Random) {
    let mut write = db.write().unwrap();
    write.set_durability(durability);
    // Budgets so small that pages are written, given up and written again within the transaction.
    write.set_memory_bytes([1 << 20, 0, 20_000][step % 3]);
    let table = |name: &str, state: &mut State, change: &mut dyn FnMut(&mut TableMut<'_, Dyn>, &mut _)| {
        let rows = state.entry(name.to_owned()).or_default();
        let mut table = match write.table::<Dyn>(name) {
            Ok(table) => table,
            Err(_) => write.create_dyn_table_with(name, &schema(), &options()).unwrap(),
        };
        change(&mut table, rows);
    };
    table("a", state, &mut |table, rows| change(table, rows, rng, 6));
    match step % 8 {
        2 => table("b", state, &mut |table, rows| change(table, rows, rng, 60)),
        // More than a commit list holds, and contiguous.
        4 => table("c", state, &mut |table, rows| {
            table.load_from(&mut Rows(0..1300), &LoadOptions::new().replace(true)).unwrap();
            *rows = (0..1300).map(|id| (id, row(id, 1).into_bytes())).collect();
        }),
        // A long tail of the file is given up, and cut off by one of the commits that follow.
        6 if state.remove("c").is_some() => write.drop_table("c").unwrap(),
        _ => {}
    }
    write.commit().unwrap();
}

/// A copy of the file as the operating system has it: what is left when the process is killed.
struct Image {
    bytes: Vec<u8>,
    state: State,
}

impl Image {
    fn of(temp: &TempDb, state: &State) -> Image {
        Image { bytes: temp.bytes(), state: state.clone() }
    }

    fn page(&self, page: usize) -> &[u8] {
        self.bytes.get(page * PAGE..(page + 1) * PAGE).unwrap_or(&[0; PAGE])
    }

    /// The meta page that stands for a state before it is sealed, and where it stands.
    fn unsealed(&self) -> (usize, &[u8]) {
        let slot = (0..2).find(|slot| self.page(*slot)[12] == 0).expect("both meta pages are sealed");
        (slot, self.page(slot))
    }
}

/// Opens what a crash left. It must hold one of the allowed states, take new commits, and be opened
/// again. Returns which state it is.
#[track_caller]
fn assert_recovers(bytes: &[u8], allowed: &[&State], what: &str) -> usize {
    let temp = TempDb::of_bytes(bytes);
    let mut state = {
        // Reading must not need to write.
        let db = temp::open(temp.path(), &OpenOptions::new().read_only(true))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        // A meta page that was torn stays so until the first write.
        let report = db.check().unwrap();
        assert!(
            report.problems.iter().all(|problem| problem.page < Some(2)),
            "{what}: {:?}",
            report.problems
        );
        state_of(&db).unwrap()
    };
    let found = allowed.iter().position(|allowed| **allowed == state);
    let found = found.unwrap_or_else(|| panic!("{what}: the state is none that was committed"));
    for value in 0..2 {
        let db = temp.open();
        assert!(state_of(&db).unwrap() == state, "{what}: another state after opening again");
        let write = db.write().unwrap();
        let mut table = match write.table::<Dyn>("after") {
            Ok(table) => table,
            Err(_) => write.create_dyn_table_with("after", &schema(), &options()).unwrap(),
        };
        for id in 0..20 {
            table.upsert(&row(id, value)).unwrap();
            state.entry("after".into()).or_default().insert(id, row(id, value).into_bytes());
        }
        drop(table);
        write.commit().unwrap();
        assert_sound(&db);
        assert!(state_of(&db).unwrap() == state, "{what}: another state after a commit");
    }
    found
}

/// Crashes while one commit follows another: `before` was durable, its seal perhaps not, and any
/// part of the next one's writes arrived. Either state may be found, but nothing else.
fn assert_crashes_recover(earlier: &Image, before: &Image, after: &Image, rng: &mut Random) -> [usize; 2] {
    let (durable_slot, durable) = before.unsealed();
    let (_, next) = after.unsealed();
    let pages = before.bytes.len().max(after.bytes.len()) / PAGE;
    let changed: Vec<usize> = (2..pages).filter(|page| before.page(*page) != after.page(*page)).collect();
    let mut torn = next.to_vec();
    torn[512..1024].copy_from_slice(&earlier.unsealed().1[512..1024]);
    torn[4095] ^= 1;
    let other_slots = [
        ("the earlier one", earlier.unsealed().1),
        ("the seal", before.page(1 - durable_slot)),
        ("the next one", next),
        ("a torn one", &torn),
    ];
    let large = next[100..104] == [0; 4];
    let mut found = [0; 2];
    for (slot_is, slot) in other_slots {
        for missing in 0..6 {
            // Which of the changed pages did not arrive: none, one, about half, all.
            let lost: Vec<usize> = match missing {
                0 => Vec::new(),
                1 | 2 => changed.get(rng.below(changed.len())).copied().into_iter().collect(),
                3 | 4 => changed.iter().copied().filter(|_| rng.below(2) == 0).collect(),
                _ => changed.clone(),
            };
            if large && !lost.is_empty() && (slot_is == "the next one") {
                // A meta page without a list is written when its pages are durable.
                continue;
            }
            // The file is as long as the longer state needs: it is truncated after the later one is
            // durable.
            let mut bytes = after.bytes.clone();
            bytes.resize(pages * PAGE, 0);
            for page in &lost {
                bytes[page * PAGE..(page + 1) * PAGE].copy_from_slice(before.page(*page));
            }
            bytes[durable_slot * PAGE..][..PAGE].copy_from_slice(durable);
            bytes[(1 - durable_slot) * PAGE..][..PAGE].copy_from_slice(slot);
            let what = format!(
                "the other meta page is {slot_is}, {} of {} pages are missing",
                lost.len(),
                changed.len()
            );
            found[assert_recovers(&bytes, &[&before.state, &after.state], &what)] += 1;
        }
    }
    found
}

#[test]
fn a_crash_at_any_point_of_a_commit_leaves_the_state_before_or_after() {
    let temp = TempDb::new();
    let db = temp.open();
    let mut rng = Random::new(7);
    let mut state = State::new();
    let mut images: Vec<Image> = Vec::new();
    let mut found = [0; 2];
    for step in 0..20 {
        transaction(&db, &mut state, step, Durability::Immediate, &mut rng);
        images.push(Image::of(&temp, &state));
        if let [.., earlier, before, after] = &images[..] {
            let [old, new] = assert_crashes_recover(earlier, before, after, &mut rng);
            found = [found[0] + old, found[1] + new];
        }
    }
    assert!(found[0] > 100 && found[1] > 10, "{found:?}");
}

#[test]
fn the_file_is_not_cut_before_the_commit_that_cuts_it_is_durable() {
    let temp = TempDb::new();
    let db = temp.open();
    let mut rng = Random::new(7);
    let mut state = State::new();
    // The first ones leave gaps, so that what comes after the load need not lie behind it.
    for _ in 0..2 {
        transaction(&db, &mut state, 2, Durability::Immediate, &mut rng);
    }
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table_with("c", &schema(), &options()).unwrap();
    table.load_from(&mut Rows(0..1300), &LoadOptions::new()).unwrap();
    drop(table);
    write.commit().unwrap();
    let longest = temp.file_bytes();
    let write = db.write().unwrap();
    write.drop_table("c").unwrap();
    write.commit().unwrap();
    let durable = Image::of(&temp, &state);
    let (durable_slot, _) = durable.unsealed();

    // Now the tail of the file is free, but a power cut may still lose this commit.
    transaction(&db, &mut state, 0, Durability::Eventual, &mut rng);
    let mut lost = temp.bytes();
    lost[(1 - durable_slot) * PAGE..][..PAGE].fill(0);
    assert_recovers(&lost, &[&durable.state], "the last commit is lost");

    transaction(&db, &mut state, 0, Durability::Immediate, &mut rng);
    assert!(
        temp.file_bytes() < longest / 4,
        "the file was not cut: from {longest} to {} bytes",
        temp.file_bytes()
    );
    assert_recovers(&temp.bytes(), &[&state], "the file is cut");
}

/// Small changes of one table, with memory budgets at which pages are sometimes written, freed and
/// not written again.
fn eventual_transaction(db: &Database, state: &mut State, rng: &mut Random) {
    let mut write = db.write().unwrap();
    write.set_memory_bytes(20_000 + rng.below(100_000));
    write.set_durability(Durability::Eventual);
    let mut table = write.table::<Dyn>("a").unwrap();
    let count = 1 + rng.below(20) as u32;
    change(&mut table, state.entry("a".into()).or_default(), rng, count);
    drop(table);
    write.commit().unwrap();
}

/// One table of a few hundred rows.
fn filled(temp: &TempDb, rng: &mut Random) -> (Database, State) {
    let db = temp.open();
    let mut state = State::new();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table_with("a", &schema(), &options()).unwrap();
    change(&mut table, state.entry("a".into()).or_default(), rng, 1000);
    drop(table);
    write.commit().unwrap();
    (db, state)
}

#[test]
fn eventual_commits_survive_the_end_of_the_process() {
    let temp = TempDb::new();
    let mut rng = Random::new(7);
    let (db, mut state) = filled(&temp, &mut rng);
    let mut small = 0;
    for step in 0..150 {
        eventual_transaction(&db, &mut state, &mut rng);
        let image = Image::of(&temp, &State::new());
        small += usize::from((0..2).any(|slot| image.page(slot)[12] == 0 && image.page(slot)[100] != 0));
        if step % 30 == 29 {
            assert_recovers(&image.bytes, &[&state], &format!("killed after step {step}"));
        } else {
            let killed = TempDb::of_bytes(&image.bytes);
            let killed = temp::open(killed.path(), &OpenOptions::new().read_only(true)).unwrap();
            assert_eq!(killed.read().unwrap().transaction(), db.read().unwrap().transaction(), "step {step}");
        }
    }
    assert!((50..150).contains(&small), "{small} of the commits were small");
}

#[test]
fn eventual_commits_are_lost_in_order_and_whole() {
    let temp = TempDb::new();
    let mut rng = Random::new(7);
    let (db, mut state) = filled(&temp, &mut rng);
    let mut found = [0; 5];
    for round in 0..12 {
        db.sync().unwrap();
        let durable = Image::of(&temp, &state);
        let (durable_slot, durable_meta) = durable.unsealed();
        let mut images = vec![&durable];
        let later: Vec<Image> = (0..4)
            .map(|_| {
                eventual_transaction(&db, &mut state, &mut rng);
                Image::of(&temp, &state)
            })
            .collect();
        // A commit that does not fit the list is durable at once, and ends the row.
        images.extend(later.iter().take_while(|image| image.page(durable_slot) == durable_meta));
        let states: Vec<&State> = images.iter().map(|image| &image.state).collect();
        let pages = images.iter().map(|image| image.bytes.len()).max().unwrap() / PAGE;
        for power_cut in 0..16 {
            // Each page is what it was at any of these moments, or all are as they were at one.
            let mut bytes = vec![0; pages * PAGE];
            let moment = rng.below(images.len());
            for page in 2..pages {
                let moment = if power_cut % 2 == 0 { moment } else { rng.below(images.len()) };
                bytes[page * PAGE..][..PAGE].copy_from_slice(images[moment].page(page));
            }
            bytes[durable_slot * PAGE..][..PAGE].copy_from_slice(durable_meta);
            let meta = images[rng.below(moment + 1)].page(1 - durable_slot);
            bytes[(1 - durable_slot) * PAGE..][..PAGE].copy_from_slice(meta);
            found[assert_recovers(&bytes, &states, &format!("round {round}, power cut {power_cut}"))] += 1;
        }
    }
    assert!(found[0] > 10 && found[1..].iter().sum::<usize>() > 10, "{found:?}");
}

/// In another process: commits rows as fast as it can, and says each time what is committed.
pub(crate) fn commit_until_killed(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    for next in 0.. {
        let mut write = db.write().unwrap();
        write.set_memory_bytes(if next % 2 == 0 { 0 } else { 1 << 20 });
        write.set_durability(if next % 3 == 0 { Durability::Immediate } else { Durability::Eventual });
        let mut table = match write.table::<Dyn>("t") {
            Ok(table) => table,
            Err(_) => write.create_dyn_table_with("t", &schema(), &options()).unwrap(),
        };
        for id in 0..10 {
            table.upsert(&row(id, next)).unwrap();
        }
        table.upsert(&row(100 + u64::from(next), next)).unwrap();
        drop(table);
        write.commit().unwrap();
        child::say(&next.to_string());
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_committed() {
    let temp = TempDb::new();
    let mut already = 0;
    for kill in 0..6 {
        let mut process = OtherProcess::start("commit_until_killed", temp.path());
        for _ in 0..5 + kill * 7 {
            process.hear();
        }
        let said: u32 = process.kill().map_or(0, |last| last.parse().unwrap());
        let db = temp.open();
        let state = state_of(&db).unwrap();
        let rows = &state["t"];
        // The transaction that was under way may be there too, as a whole.
        let last = rows[&0][8..12].to_vec();
        let found = u32::from_le_bytes(last.clone().try_into().unwrap());
        assert!(found == said || found == said + 1, "{said} was committed, {found} is there");
        assert!((0..10).all(|id| rows[&id][8..12] == last));
        let most = (found + 1).max(already);
        assert_eq!(rows.len() as u32, 10 + most);
        already = most;
    }
}
