//! `Database::backup`: a consistent copy in a new file, of the pages that live and no more, while
//! others read and write.

use std::path::Path;
use std::sync::Arc;

use crate::commit::create_copied_meta;
use crate::database::{Database, OpenOptions, cannot_make, new_file_id};
use crate::error::{Result, bail};
use crate::page::FIRST_ADDRESS;
use crate::storage::{NewFile, Storage};
use crate::transaction::{Progress, ReadTransaction};

/// The rights of the copy: its owner's alone, as those of a new database.
const MODE: u32 = 0o600;

/// What [`Database::backup`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// The transaction whose state was copied. The copy continues its numbers.
    pub transaction: u64,
    /// Tables in it.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// The length of the copy.
    pub bytes: u64,
}

impl Database {
    /// Writes a copy of the newest state to a new file. See [`ReadTransaction::backup`].
    ///
    /// ```
    /// let db = drystone::Database::temporary()?;
    /// let monday = db.path().unwrap().with_file_name("monday.dry");
    /// db.backup(&monday)?;
    /// assert!(monday.exists());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`ReadTransaction::backup`].
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        self.read()?.backup(path)
    }

    /// As [`backup`](Database::backup), with `progress` as in [`ReadTransaction::backup_with`].
    ///
    /// # Errors
    /// As for [`ReadTransaction::backup`].
    pub fn backup_with(
        &self,
        path: impl AsRef<Path>,
        progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport> {
        self.read()?.backup_with(path, progress)
    }
}

impl ReadTransaction {
    /// Writes a copy of this snapshot to a new file, while others read and write: every table as
    /// one array of full leaves, the catalog, and nothing else. O(n).
    ///
    /// The rows are verified as they are read. The file gets its name when it is whole and durable,
    /// and a process that dies before leaves nothing (on a file system without unnamed files, a
    /// hidden file called `.drystone-…`). The copy is a database of its own: it has another
    /// identity, and goes on from the same transaction number. From a database in memory it is the
    /// way to a file.
    ///
    /// ```no_run
    /// # let db = drystone::Database::in_memory()?;
    /// let report = db.backup("flights-2013-12-31.dry")?;
    /// println!("{} rows in {} bytes", report.rows, report.bytes);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` if there is such a file; `Corrupt` if something does not hold; `Io` if a
    /// page cannot be read, or the disk is full. Then there is no copy.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        self.backup_with(path, |_, _| {})
    }

    /// As [`backup`](ReadTransaction::backup), and calls `progress` with the bytes of rows that are
    /// copied, and how many there are.
    ///
    /// # Errors
    /// As for [`backup`](ReadTransaction::backup).
    pub fn backup_with(
        &self,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport> {
        let path = path.as_ref();
        let failed = |error| cannot_make(path, error);
        let names = self.table_names()?;
        let file = Arc::new(NewFile::new(path, MODE).map_err(failed)?);
        // The one commit that fills it has the number of the snapshot. Without tables there is
        // nothing to commit.
        let first = self.transaction() - u64::from(!names.is_empty());
        let identity = self.meta().identity();
        file.grow(FIRST_ADDRESS)
            .and_then(|()| file.write_at(0, &create_copied_meta(new_file_id(), first, identity)))
            .map_err(failed)?;
        let copy = OpenOptions::new().over(Box::new(Arc::clone(&file)))?;
        let mut write = copy.write()?;
        write.becomes_copy_of(identity);
        let mut total = 0_u64;
        for name in &names {
            total = total.saturating_add(self.row_bytes(name)?);
        }
        let mut progress = Progress { done: 0, total, tell: &mut progress };
        let mut report = BackupReport { transaction: self.transaction(), ..BackupReport::default() };
        for name in &names {
            report.rows += write.copy_in(self, name, name, &mut progress)?;
            report.tables += 1;
        }
        write.commit()?;
        report.bytes = copy.read()?.meta().file_bytes;
        drop(copy);
        file.shrink(report.bytes).map_err(failed)?;
        let Some(file) = Arc::into_inner(file) else { bail!(Usage, "the copy {path:?} is still in use") };
        file.keep().map_err(failed)?;
        Ok(report)
    }
}
