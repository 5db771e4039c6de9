//! `check` finds every kind of damage, names its page and its table, and continues to the end. Each
//! kind is planted in a database, if needed with repaired checksums above it, together with a
//! flipped bit in another table.

mod catalog;
pub(crate) mod image;
mod indexes;
mod nodes;

use drystone::{Bool, Database, Dyn, ErrorKind, OpenOptions, Problem, Record, TableOptions, Text};

use crate::temp::{self, TempDb};
use image::{Image, PAGE, Shape};

/// By a key of one word; every type that does not take any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Flag {
    #[record(key)]
    id: u64,
    name: Text<7>,
    on: Bool,
}

/// By number, in leaves that do not end at pages.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Number {
    x: u32,
    y: u32,
    z: u32,
}

/// By a key so wide that two levels of branches stand above few rows.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Wide {
    #[record(key)]
    name: Text<200>,
    value: u64,
}

/// Where the second damage is.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Witness {
    #[record(key)]
    id: u64,
    value: u64,
}

const FLAGS: Shape = Shape { width: 16, key: 8, leaf_rows: 256 };
const NUMBERS: Shape = Shape { width: 12, key: 0, leaf_rows: 512 };
const WIDE: Shape = Shape { width: 208, key: 200, leaf_rows: 32 };
const WITNESS: Shape = Shape { width: 16, key: 8, leaf_rows: 256 };
/// Entries of the index on `y` of the numbers: it, and the number of the row.
const BY_Y: Shape = Shape { width: 12, key: 12, leaf_rows: 1024 };
const SHAPES: [(&str, Shape); 5] =
    [("flags", FLAGS), ("numbers", NUMBERS), ("numbers by y", BY_Y), ("wide", WIDE), ("witness", WITNESS)];

fn create<T: Record>(
    write: &drystone::WriteTransaction,
    name: &str,
    leaf_rows: u64,
    rows: impl Iterator<Item = T>,
) {
    let options = TableOptions::new().leaf_rows(leaf_rows as usize);
    write.create_table_with::<T>(name, &options).unwrap().load(rows).unwrap();
}

/// Four tables with branches, an index on one of them, and a table without rows.
fn database() -> Image {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let flags =
        (0..1000).map(|id| Flag { id: id * 2, name: Text::new("név").unwrap(), on: (id % 2 > 0).into() });
    create(&write, "flags", FLAGS.leaf_rows, flags);
    let numbers = (0..2000_u32).map(|x| Number { x, y: x / 3, z: !x });
    create(&write, "numbers", NUMBERS.leaf_rows, numbers);
    let wide = (0..1000_u64).map(|value| Wide { name: Text::new(&format!("{value:06}")).unwrap(), value });
    create(&write, "wide", WIDE.leaf_rows, wide);
    let witness = (0..1000).map(|id| Witness { id, value: id });
    create(&write, "witness", WITNESS.leaf_rows, witness);
    write.create_table::<Witness>("empty").unwrap();
    write.create_index("numbers", "numbers by y", &["y"]).unwrap();
    write.commit().unwrap();
    drop(db);
    let mut image = Image { bytes: temp.bytes() };
    // Both meta pages are seals, as in a new file: with the list of a commit, opening itself would
    // find the damage that `check` is to find.
    let seal = (0..2).find(|slot| image.u32(slot * PAGE + 12) == 1).unwrap() * PAGE;
    image.bytes.copy_within(seal..seal + PAGE, PAGE - seal);
    let levels = |name, shape| tree(&image, name, shape)[0].level;
    assert_eq!(SHAPES.map(|(name, shape)| levels(name, shape)), [1, 1, 1, 2, 1]);
    image
}

/// The nodes of a table: the root, then what is below it, in order.
fn tree(image: &Image, name: &str, shape: Shape) -> Vec<image::Node> {
    image.nodes(image.table_row(name) + 80, shape)
}

fn leaves(image: &Image, name: &str, shape: Shape) -> Vec<image::Node> {
    tree(image, name, shape).into_iter().filter(|node| node.level == 0).collect()
}

/// What a kind of damage must be reported as.
struct Expected {
    /// `None` for the catalog and the meta pages.
    table: Option<&'static str>,
    /// One problem at least for each of them.
    pages: Vec<u64>,
    says: &'static str,
}

fn expect(
    table: impl Into<Option<&'static str>>,
    pages: impl Into<Vec<u64>>,
    says: &'static str,
) -> Expected {
    Expected { table: table.into(), pages: pages.into(), says }
}

/// A kind of damage: its name, whether the checksums are mended, and what plants it.
type Kind = (&'static str, Checksums, fn(&mut Image) -> Expected);

#[derive(Clone, Copy, PartialEq)]
enum Checksums {
    Mended,
    Left,
}

fn problems(image: &Image) -> Vec<Problem> {
    let temp = TempDb::of_bytes(&image.bytes);
    let db = temp.open();
    let report = db.check().unwrap();
    let shown: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(shown.len() < 100, "{} problems:\n{}", shown.len(), shown[..10].join("\n"));
    for (problem, shown) in report.problems.iter().zip(&shown) {
        assert_eq!(problem.error.kind(), ErrorKind::Corrupt, "{shown}");
        let page = problem.page.unwrap_or_else(|| panic!("no page: {shown}"));
        assert!(shown.contains(&format!("page {page}")), "not said that it is page {page}: {shown}");
        if let Some(table) = &problem.table {
            assert_eq!(shown.matches(&format!("table {table:?}: ")).count(), 1, "{shown}");
        }
    }
    report.problems
}

fn assert_found(problems: &[Problem], expected: &Expected, what: &str) {
    let shown: Vec<String> = problems.iter().map(|problem| format!("{:?} {problem}", problem.page)).collect();
    let shown = shown.join("\n");
    for page in &expected.pages {
        let found = problems.iter().any(|problem| {
            problem.table.as_deref() == expected.table
                && problem.page == Some(*page)
                && problem.to_string().contains(expected.says)
        });
        assert!(found, "{what}: no {:?} on page {page} of {:?} in\n{shown}", expected.says, expected.table);
    }
}

#[test]
fn every_kind_of_damage_is_found_with_its_page_and_table() {
    let sound = database();
    assert!(problems(&sound).is_empty());
    let mut mended = sound.clone();
    mended.mend(&SHAPES);
    assert!(mended.bytes == sound.bytes, "mending a sound database changes it");

    let kinds: Vec<Kind> = nodes::KINDS.into_iter().chain(catalog::KINDS).chain(indexes::KINDS).collect();
    for (what, checksums, plant) in &kinds {
        let mut image = sound.clone();
        let expected = plant(&mut image);
        assert!(image.bytes != sound.bytes, "{what}: nothing is planted");
        if *checksums == Checksums::Mended {
            image.mend(&SHAPES);
        }
        let alone = problems(&image);
        assert_found(&alone, &expected, what);
        for problem in &alone {
            assert_ne!(problem.table.as_deref(), Some("witness"), "{what}: {problem}");
        }

        // A second damage behind it, in the table that is checked last, and one in the first table.
        let witness = leaves(&sound, "witness", WITNESS)[2];
        image.bytes[witness.at + 100] ^= 0x10;
        let both = problems(&image);
        assert_found(&both, &expected, what);
        assert_found(&both, &expect("witness", [witness.page()], "does not match its checksum"), what);
        assert_eq!(both.len(), alone.len() + 1, "{what}");
    }
    println!("{} kinds of damage, each found alone and beside another", kinds.len());
}

/// Damage that hides tables: which of them, and that all others are looked at.
#[test]
fn damage_in_the_catalog_hides_no_more_tables_than_it_must() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let name = |n: u64| format!("table {n:03}");
    for n in 0..600 {
        write.create_table::<Witness>(&name(n)).unwrap().insert(&Witness { id: n, value: 0 }).unwrap();
    }
    write.commit().unwrap();
    drop(db);
    let sound = Image { bytes: temp.bytes() };
    let last = name(599);
    let leaf = sound.nodes(sound.table_row(&last) + 80, WITNESS)[0];

    let tables: Vec<_> = sound.table_nodes().into_iter().filter(|node| node.level == 0).collect();
    let mut image = sound.clone();
    image.bytes[tables[0].at + 70] ^= 1;
    image.bytes[leaf.at] ^= 1;
    let found = problems(&image);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_found(&found, &expect(None, [tables[0].page()], "catalog: page"), "a leaf of the tables");
    assert_eq!((found[1].table.as_ref(), found[1].page), (Some(&last), Some(leaf.page())));

    let fields: Vec<_> = sound.field_nodes().into_iter().filter(|node| node.level == 0).collect();
    let mut image = sound.clone();
    image.bytes[fields[1].at + 70] ^= 1;
    image.bytes[leaf.at] ^= 1;
    let temp = TempDb::of_bytes(&image.bytes);
    let report = temp.open().check().unwrap();
    let hidden = fields[1].rows / 2;
    assert_eq!(report.tables, 600 - hidden);
    // The leaf itself, each table that has its fields there, and the leaf of the last table.
    assert_eq!(report.problems.len() as u64, 1 + hidden + 1);
    let about: Vec<u64> = report.problems[1..].iter().filter_map(|problem| problem.page).collect();
    assert!(about[..hidden as usize].iter().all(|page| *page == fields[1].page()), "{about:?}");
    assert_eq!(about.last(), Some(&leaf.page()));
}

/// What cannot be opened is found by opening, and the kind says what it is.
#[test]
fn a_database_that_is_cut_or_has_lost_both_meta_pages_is_refused() {
    let sound = database();
    let refused = |bytes: &[u8]| {
        let temp = TempDb::of_bytes(bytes);
        let error = temp::open(temp.path(), &OpenOptions::new()).map(drop).unwrap_err();
        (error.kind(), error.to_string())
    };
    let mut image = sound.clone();
    image.bytes[50] ^= 1;
    image.bytes[PAGE + 50] ^= 1;
    let (kind, says) = refused(&image.bytes);
    assert!(kind == ErrorKind::Corrupt && says.contains("both meta pages"), "{says}");
    let needed = sound.u64(40) as usize;
    let (kind, says) = refused(&sound.bytes[..needed - 1]);
    assert!(kind == ErrorKind::Truncated && says.contains(&needed.to_string()), "{says}");
    let whole = Image { bytes: sound.bytes[..needed].to_vec() };
    assert!(problems(&whole).is_empty());
}

/// A reader of a damaged database, for comparison: nothing of it panics, whatever `check` says.
fn read_all(db: &Database) {
    let read = db.read().unwrap();
    for name in read.table_names().unwrap_or_default() {
        if let Ok(table) = read.table::<Dyn>(&name) {
            let _ = table.iter().count();
            let _ = table.iter().rev().take_while(Result::is_ok).count();
        }
    }
}

#[test]
fn no_kind_of_damage_makes_a_reader_panic() {
    let sound = database();
    for (_, checksums, plant) in nodes::KINDS.into_iter().chain(catalog::KINDS).chain(indexes::KINDS) {
        let mut image = sound.clone();
        plant(&mut image);
        if checksums == Checksums::Mended {
            image.mend(&SHAPES);
        }
        let temp = TempDb::of_bytes(&image.bytes);
        let db = temp.open();
        read_all(&db);
        if let Ok(write) = db.write() {
            let _ = write.drop_table("flags").and_then(|()| write.commit());
        }
    }
}

/// Everything in a database, to compare: tables with their schemas, rows and indexes.
fn contents(db: &Database) -> Vec<String> {
    let read = db.read().unwrap();
    let mut lines = Vec::new();
    for name in read.table_names().unwrap() {
        let table = read.table::<Dyn>(&name).unwrap();
        lines.push(format!("{name}: {}", table.schema()));
        lines.extend(read.indexes(&name).unwrap().iter().map(|index| format!("{index:?}")));
        lines.extend(table.iter().map(|row| format!("{:?}", row.unwrap().as_bytes())));
    }
    lines
}

#[test]
fn what_salvage_brings_over_is_sound_and_what_it_does_not_is_listed() {
    let sound = database();
    let all = contents(&TempDb::of_bytes(&sound.bytes).open());
    let mut listed = 0;
    for (what, checksums, plant) in nodes::KINDS.into_iter().chain(catalog::KINDS).chain(indexes::KINDS) {
        let mut image = sound.clone();
        plant(&mut image);
        if checksums == Checksums::Mended {
            image.mend(&SHAPES);
        }
        let good = Database::in_memory().unwrap();
        let report = TempDb::of_bytes(&image.bytes)
            .open()
            .salvage(&good)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let problems = good.check().unwrap().problems;
        assert!(problems.is_empty(), "{what}: {problems:?}");
        if report.lost.is_empty() {
            assert!(contents(&good) == all, "{what}: something is lost, and not listed");
        }
        listed += usize::from(!report.lost.is_empty());
        // Damage in one table costs no rows of another.
        assert!(report.tables >= 4, "{what}: {report:?}");
    }
    assert!(listed > 40, "{listed}");
}
