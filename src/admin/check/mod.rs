//! `Database::check`: reads everything and reports all damage. It changes nothing.

mod catalog;
mod progress;
mod trees;

use crate::catalog::Catalog;
use crate::commit::{damaged_meta_pages, meta_page_of};
use crate::database::Database;
use crate::error::Result;
use progress::Check;
pub use progress::{CheckReport, Problem};

impl Database {
    /// Reads every page of the newest state and verifies it. Damage does not end the check: all of
    /// it is reported.
    ///
    /// It checks both meta pages; the checksum, address and level of every node; the counts in
    /// branches; the order of keys within and across leaves; the catalog; that no two nodes
    /// overlap; that every value is one of its type; that every index has exactly one entry for
    /// each row of its table; and that unused bytes are zeros. O(bytes of the database).
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// assert!(db.check()?.is_sound());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Database::read`]. Damage is in the report, not an error, and so are pages that the
    /// disk cannot read (of kind `Io`).
    pub fn check(&self) -> Result<CheckReport> {
        self.check_with(|_, _| {})
    }

    /// As [`check`](Database::check), and calls `progress` from time to time with the bytes that
    /// are checked, and how many there are at most.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// db.check_with(|done, total| println!("{done} of {total} bytes"))?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`check`](Database::check).
    pub fn check_with(&self, progress: impl FnMut(u64, u64)) -> Result<CheckReport> {
        let read = self.read()?;
        let (meta, pages) = (read.meta(), read.pages());
        let mut check = Check::new(meta, progress);
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
        // The rows of the catalog refer to fields, so the fields are read first.
        let mut known = check.fields(&catalog);
        let definitions = check.definitions(&catalog, meta.next_table, &mut known);
        let tables = check.tables(view, definitions.tables);
        check.indexes(view, &definitions.indexes, &tables, &known);
        check.index_counts(&definitions.indexes, &tables, &known);
        check.fields_without_a_table(&catalog, &known);
        Ok(check.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::create_meta;
    use crate::database::OpenOptions;
    use crate::error::{Error, ErrorKind};
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
