//! `Database::check`: reads everything and reports all that does not hold.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::catalog::{Catalog, Definition, Role};
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result, fail};
use crate::page::{Allocator, PageView, damaged_meta_pages, meta_page_of, page_of};
use crate::schema::Schema;
use crate::table::EntryShape;
use crate::tree::{Finding, View};

/// What [`Database::check`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Everything that does not hold, up to 10,000 problems; empty if the database is sound.
    pub problems: Vec<Problem>,
    /// Tables looked at.
    pub tables: u64,
    /// Indexes looked at, and held against their tables.
    pub indexes: u64,
    /// Rows read.
    pub rows: u64,
    /// Leaves and branches read.
    pub nodes: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that does not hold.
#[derive(Debug)]
#[non_exhaustive]
pub struct Problem {
    /// The page that it concerns, counted from 0 in units of 4,096 bytes, where it concerns one.
    pub page: Option<u64>,
    /// The table, where it concerns one.
    pub table: Option<String>,
    /// What does not hold.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.to_string();
        let table = self.table.as_ref().map(|table| format!("table {table:?}: ")).unwrap_or_default();
        if !error.starts_with(&table) {
            f.write_str(&table)?;
        }
        if let Some(page) = self.page
            && !error.contains(&format!("page {page} "))
        {
            write!(f, "page {page}: ")?;
        }
        f.write_str(&error)
    }
}

impl Database {
    /// Reads every page of the newest state, holds it against its checksum and all that is known of it, and goes on after
    /// damage to the end.
    ///
    /// Checked are: both meta pages; the checksum, place and level of every node; the counts in branches; the order of
    /// keys within and across leaves; the catalog; that no two nodes overlap; that every value is one of its type; that every
    /// index has one entry for each row of its table, and no other; that what nothing uses is zeros.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// assert!(db.check()?.is_sound());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only what keeps the check from being made, as for [`Database::read`]. Damage is in the report, and so are pages that
    /// the disk cannot read, with an error of kind `Io`.
    pub fn check(&self) -> Result<CheckReport> {
        self.check_with(|_, _| {})
    }

    /// As [`check`](Database::check), and calls `progress` from time to time with the bytes that are done, and
    /// how many there are about.
    ///
    /// # Errors
    /// As for [`check`](Database::check).
    pub fn check_with(&self, progress: impl FnMut(u64, u64)) -> Result<CheckReport> {
        let read = self.read()?;
        let meta = read.meta();
        let pages = read.pages();
        let mut check = Check {
            report: CheckReport::default(),
            taken: Allocator::new(meta.transaction),
            total: meta.file_bytes,
            index: None,
            progress,
        };
        for (page, error) in damaged_meta_pages(pages.storage()) {
            check.problem(Some(page), None, error);
        }
        let view = pages.view(meta.file_bytes);
        let catalog = match Catalog::new(view, meta.tables, meta.fields) {
            Ok(catalog) => catalog,
            Err(error) => {
                check.problem(meta_page_of(pages.storage(), meta), None, error);
                return Ok(check.report);
            }
        };
        // Read fields first: tables refer to them.
        let mut fields = HashMap::new();
        check.tree(&catalog.fields, None, &mut |_, leaf| {
            for record in leaf.records.chunks_exact(catalog.fields.layout().width()) {
                if let Some((table, _)) = Catalog::owner_of(record) {
                    fields.entry(table).or_insert(page_of(leaf.address));
                }
            }
        });
        let lost_fields = check.report.problems.iter().find(|problem| problem.page >= Some(2));
        let mut places = Places {
            fields,
            lost_fields: lost_fields.and_then(|problem| problem.page),
            taken: HashSet::new(),
        };
        let mut leaves = Vec::new();
        check.tree(&catalog.tables, None, &mut |_, leaf| leaves.push(leaf));
        let mut last = None;
        let (mut tables, mut indexes) = (HashMap::new(), Vec::new());
        for Leaf { address, records, .. } in leaves {
            for row in records.chunks_exact(catalog.tables.layout().width()) {
                let (name, page) = (Catalog::name_of(row), page_of(address));
                if name.is_some() && name == last {
                    let error = Error::new(ErrorKind::Corrupt, "there are two tables of this name");
                    check.problem(Some(page), name, error);
                }
                last = name;
                let Some(found) = check.definition(&catalog, meta.next_table, row, page, &mut places) else {
                    continue;
                };
                if found.is_table() {
                    let sound = check.table(view, &found, page);
                    tables.insert(found.id, (found, page, sound));
                } else {
                    indexes.push((found, page));
                }
            }
        }
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for (index, page) in &indexes {
            let Role::Index { table, .. } = index.role else { continue };
            *counts.entry(table).or_default() += 1;
            check.index = Some(index.name.clone());
            match tables.get(&table) {
                Some((table, _, sound)) => check.index(view, index, *page, table, *sound),
                // A table that cannot be read was reported.
                None if places.taken.contains(&table) => {}
                None => {
                    let message = format!("it is on the table with the number {table}, and there is none");
                    check.problem(Some(*page), None, Error::new(ErrorKind::Corrupt, message));
                }
            }
            check.index = None;
        }
        // Indexes that cannot be read were reported, and are not counted.
        let all_read = tables.len() + indexes.len() == places.taken.len();
        let mut tables: Vec<_> = tables.into_values().filter(|_| all_read).collect();
        tables.sort_unstable_by_key(|(table, ..)| table.id);
        for (table, page, _) in tables {
            let has = counts.get(&table.id).copied().unwrap_or_default();
            if let Role::Table { indexes } = table.role
                && usize::from(indexes) != has
            {
                let message = format!("the catalog says that it has {indexes} indexes, and there are {has}");
                check.problem(Some(page), Some(&table.name), Error::new(ErrorKind::Corrupt, message));
            }
        }
        // Skip: the fields of unreadable tables cannot be matched.
        let all = places.taken.len() as u64 == catalog.tables.rows();
        let mut ownerless: Vec<(&u32, &u64)> =
            places.fields.iter().filter(|(number, _)| all && !places.taken.contains(number)).collect();
        ownerless.sort_unstable();
        for (number, page) in ownerless {
            let message = format!("there are fields of a table with the number {number}, and no such table");
            check.problem(Some(*page), None, Error::new(ErrorKind::Corrupt, message));
        }
        Ok(check.report)
    }
}

/// The records of a leaf, and the number of the first.
struct Leaf<'a> {
    address: u64,
    records: &'a [u8],
    first_row: u64,
}

/// Where the catalog says what.
struct Places {
    /// The page with the first field of a table, by its number.
    fields: HashMap<u32, u64>,
    /// A damaged page with fields.
    lost_fields: Option<u64>,
    /// The numbers that tables have.
    taken: HashSet<u32>,
}

/// So many problems are listed, the last of which says that there are more: a forged file could have millions.
const PROBLEMS: usize = 10_000;
const LAST_PROBLEM: usize = PROBLEMS - 1;

/// A check under way.
struct Check<P> {
    report: CheckReport,
    /// What the nodes so far lie on.
    taken: Allocator,
    total: u64,
    /// The index that is being looked at.
    index: Option<String>,
    progress: P,
}

impl<P: FnMut(u64, u64)> Check<P> {
    fn problem(&mut self, page: Option<u64>, table: Option<&str>, error: Error) {
        let error = match self.index.as_ref().map(|index| format!("index {index:?}")) {
            Some(index) if !error.to_string().starts_with(&index) => error.within(index),
            _ => error,
        };
        let error = match self.report.problems.len() {
            PROBLEMS.. => return,
            LAST_PROBLEM => Error::new(error.kind(), "there are more problems, which are not listed"),
            _ => error,
        };
        self.report.problems.push(Problem { page, table: table.map(str::to_owned), error });
    }

    /// What a row of the catalog, which lies on this page, says, if that can be.
    fn definition(
        &mut self,
        catalog: &Catalog<'_>,
        next: u32,
        row: &[u8],
        page: u64,
        places: &mut Places,
    ) -> Option<Definition> {
        let mut name = Catalog::name_of(row);
        if Catalog::index_of(row).is_some() {
            self.index = name.take().map(str::to_owned);
        }
        let found = self.definition_of(catalog, next, row, page, name, places);
        self.index = None;
        found
    }

    fn definition_of(
        &mut self,
        catalog: &Catalog<'_>,
        next: u32,
        row: &[u8],
        page: u64,
        name: Option<&str>,
        places: &mut Places,
    ) -> Option<Definition> {
        let number = Catalog::number_of(row).unwrap_or_default();
        if number >= next || !places.taken.insert(number) {
            let message = format!("its number, {number}, is another table's or will be");
            self.problem(Some(page), name, Error::new(ErrorKind::Corrupt, message));
        }
        let of_fields = places.fields.get(&number).copied().or(places.lost_fields).unwrap_or(page);
        let found = match catalog.definition(row) {
            Ok(found) => found,
            Err(error) => {
                let page = if catalog.has_schema(row) { page } else { of_fields };
                self.problem(Some(page), name, error);
                return None;
            }
        };
        if let Err(error) = Catalog::check_row(row, &found) {
            self.problem(Some(page), name, error);
        }
        if let Err(error) = catalog.check_fields(&found) {
            self.problem(Some(of_fields), name, error);
        }
        Some(found)
    }

    /// The rows of a table. Whether all is well with them.
    fn table(&mut self, pages: PageView<'_>, table: &Definition, page: u64) -> bool {
        let problems = self.report.problems.len();
        self.report.tables += 1;
        let name = Some(table.name.as_str());
        let width = table.schema.width();
        match View::new(pages, &table.layout, table.root) {
            Ok(view) => self.tree(&view, name, &mut |check, leaf| {
                check.report.rows += (leaf.records.len() / width) as u64;
                check.values(&leaf, name, &table.schema);
            }),
            Err(error) => self.problem(Some(page), name, error),
        }
        self.report.problems.len() == problems
    }

    /// The entries of an index. Each is held against its row, unless something is wrong with the table as it is: that has been
    /// said.
    fn index(&mut self, pages: PageView<'_>, index: &Definition, page: u64, table: &Definition, sound: bool) {
        self.report.indexes += 1;
        let name = Some(table.name.as_str());
        let shape = match EntryShape::new(table, index) {
            Ok(shape) => shape,
            Err(error) => return self.problem(Some(page), name, error),
        };
        let (entries, rows) = match View::new(pages, &index.layout, index.root) {
            Ok(view) => (view, View::new(pages, &table.layout, table.root).ok().filter(|_| sound)),
            Err(error) => return self.problem(Some(page), name, error),
        };
        if index.root.rows != table.root.rows {
            let message =
                format!("it has {} entries, and its table {} rows", index.root.rows, table.root.rows);
            self.problem(Some(page), name, Error::new(ErrorKind::Corrupt, message));
        }
        let mut last = Vec::new();
        self.tree(&entries, name, &mut |check, leaf| {
            check.values(&leaf, name, &index.schema);
            if let Some(rows) = &rows
                && let Err(error) = check_entries(&leaf, &shape, rows, &mut last)
            {
                check.problem(Some(page_of(leaf.address)), name, error);
            }
        });
    }

    /// Every node of a tree, and what to do with `each` leaf that is sound as a node.
    fn tree<'a>(&mut self, view: &View<'a>, table: Option<&str>, each: &mut dyn FnMut(&mut Self, Leaf<'a>)) {
        view.inspect(&mut |finding| match finding {
            Finding::Problem { address, error } => {
                let error = if table.is_none() { error.within("catalog") } else { error };
                self.problem(Some(page_of(address)), table, error);
                true
            }
            Finding::Node { address, bytes } => {
                self.report.nodes += 1;
                self.report.bytes += bytes;
                (self.progress)(self.report.bytes, self.total);
                // An address beyond the file is reported by reading it, not here.
                let inside = address.checked_add(bytes).is_some_and(|end| end <= self.total);
                let marked = if inside { self.taken.mark(address, bytes) } else { Ok(()) };
                // What lies on another node is not looked into: the links of a forged file may lead anywhere many times.
                marked.map_err(|error| self.problem(Some(page_of(address)), table, error)).is_ok()
            }
            Finding::Records { address, records, first_row } => {
                each(self, Leaf { address, records, first_row });
                true
            }
        });
    }

    /// Every value is one of its type.
    fn values(&mut self, leaf: &Leaf<'_>, table: Option<&str>, schema: &Schema) {
        let doubtful: Vec<_> = schema.fields().iter().filter(|field| field.can_be_invalid()).collect();
        if doubtful.is_empty() {
            return;
        }
        for (row, record) in (leaf.first_row..).zip(leaf.records.chunks_exact(schema.width())) {
            for field in &doubtful {
                let stored = &record[field.offset()..field.offset() + field.width()];
                if let Err(error) = field.check(stored) {
                    // One a leaf says enough: a hostile file could have millions.
                    self.problem(Some(page_of(leaf.address)), table, error.within(format!("row {row}")));
                    return;
                }
            }
        }
    }
}

/// Holds the entries of a leaf against their rows, and against each other.
fn check_entries(leaf: &Leaf<'_>, shape: &EntryShape, rows: &View<'_>, last: &mut Vec<u8>) -> Result<()> {
    let width = shape.width();
    let mut keys = vec![0; leaf.records.len() / width * shape.key_width()];
    for (entry, key) in leaf.records.chunks_exact(width).zip(keys.chunks_exact_mut(shape.key_width())) {
        shape.key(entry, key);
        if !last.is_empty() && shape.clash(last, entry) {
            fail!(Corrupt, "it is unique, and two of its entries have the same values; the file is damaged");
        }
        last.clear();
        last.extend_from_slice(entry);
    }
    let mut entries = (leaf.first_row..).zip(leaf.records.chunks_exact(width));
    let mut expected = Vec::new();
    let mut hold = |row: Option<&[u8]>, number: u64| {
        let Some((at, entry)) = entries.next() else { return Ok(()) };
        let Some(row) = row else {
            fail!(Corrupt, "its entry {at} is of a row that the table has not; the file is damaged")
        };
        shape.entry(row, number, &mut expected);
        if expected != entry {
            fail!(Corrupt, "its entry {at} has other values than its row; the file is damaged");
        }
        Ok(())
    };
    if rows.layout().is_keyed() {
        return rows.find_many(&keys, |row| hold(row, 0));
    }
    for key in keys.as_chunks().0 {
        let number = u64::from_le_bytes(*key);
        hold(rows.record(number)?, number)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::OpenOptions;
    use crate::page::create_meta;
    use crate::record::RowBuf;
    use crate::schema::Schema;
    use crate::storage::Failing;
    use crate::table::Dyn;

    /// Two tables of 5,000 rows, on a disk that has not been read since they were written.
    fn disk() -> Failing {
        let disk = Failing::new(&create_meta([7; 16], 1));
        let db = OpenOptions::new().over(Box::new(disk.clone())).unwrap();
        let write = db.write().unwrap();
        for (table, first) in [("one", 1_000_000_u32), ("two", 2_000_000)] {
            let schema: Schema = "id: u32 key, n: u32".parse().unwrap();
            let mut rows = write.create_dyn_table(table, &schema).unwrap();
            for id in first..first + 5000 {
                let mut row = RowBuf::new(&schema);
                row.set("id", id).unwrap();
                row.set("n", id).unwrap();
                rows.insert(&row).unwrap();
            }
        }
        write.commit().unwrap();
        disk
    }

    fn open(disk: &Failing) -> Database {
        OpenOptions::new().over(Box::new(disk.clone())).unwrap()
    }

    #[test]
    fn a_page_that_cannot_be_read_is_a_problem_and_all_else_is_checked() {
        let disk = disk();
        let at = disk.find(&[1_002_500_u32.to_le_bytes(); 2].concat());
        disk.lose(at..at + 1);
        let db = open(&disk);
        let report = db.check().unwrap();
        let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
        assert_eq!((problem.table.as_deref(), problem.error.kind()), (Some("one"), ErrorKind::Io));
        let shown = problem.to_string();
        assert!(shown.starts_with("table \"one\": cannot read page "), "{shown}");
        assert!(report.tables == 2 && report.rows > 5000, "{report:?}");

        let good = Database::in_memory().unwrap();
        let rescued = db.salvage(&good).unwrap();
        let [loss] = &rescued.lost[..] else { panic!("{:?}", rescued.lost) };
        assert_eq!((loss.table.as_deref(), loss.error.kind()), (Some("one"), ErrorKind::Io));
        assert!(loss.rows.clone().is_some_and(|rows| rows.contains(&2500)), "{loss}");
        assert_eq!(rescued.rows, 10_000 - loss.rows.clone().map_or(0, |rows| rows.end - rows.start));
        assert!(good.check().unwrap().is_sound());
    }

    #[test]
    fn reading_a_page_that_cannot_be_read_is_an_error_each_time_and_none_once_it_can() {
        let disk = disk();
        let at = disk.find(&[1_002_500_u32.to_le_bytes(); 2].concat());
        disk.lose(at..at + 1);
        let db = open(&disk);
        let read = db.read().unwrap();
        let get = |id: u32| read.table::<Dyn>("one")?.get(&[id.into()]).map(|row| row.is_some());
        for _ in 0..2 {
            assert_eq!(get(1_002_500).unwrap_err().kind(), ErrorKind::Io);
            assert!(get(1_000_000).unwrap());
        }
        let kind = |error: Error| error.kind();
        let failed = read.table::<Dyn>("one").unwrap().iter().find_map(Result::err).map(kind);
        assert_eq!(failed, Some(ErrorKind::Io));
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.dry");
        assert_eq!(db.backup(&copy).map_err(kind), Err(ErrorKind::Io));
        assert!(!copy.exists());
        let write = db.write().unwrap();
        let loaded = write.table::<Dyn>("one").unwrap().set_field(&[1_002_500_u32.into()], "n", 1_u32);
        assert_eq!(loaded.map_err(kind), Err(ErrorKind::Io));
        drop(write);
        disk.lose(0..0);
        assert!(get(1_002_500).unwrap());
        assert!(db.check().unwrap().is_sound());
    }

    #[test]
    fn a_meta_page_that_cannot_be_read_is_a_problem() {
        let disk = disk();
        let db = open(&disk);
        let _held = db.read().unwrap();
        disk.lose(4096..4097);
        let report = db.check().unwrap();
        let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
        assert_eq!((problem.page, problem.error.kind()), (Some(1), ErrorKind::Io));
        assert_eq!(report.rows, 10_000);
    }
}
