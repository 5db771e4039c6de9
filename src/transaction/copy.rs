//! Copying a table, with its indexes, from a snapshot of this database or another into a write
//! transaction.

use super::{Progress, ReadTransaction, TableOptions, WriteTransaction};
use crate::error::Result;
use crate::table::{Reader, TableSource};

impl WriteTransaction {
    /// Copies a table from a snapshot of this database or another: schema, rows, indexes and rows
    /// per leaf. It is written as arrays of full leaves. If the name of an index is taken here, the
    /// copy gets the name of the new table in front: `copy_by_mail`. Returns how many rows were
    /// copied. O(n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// let (from, to) = (Database::in_memory()?, Database::in_memory()?);
    /// let write = from.write()?;
    /// write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    /// write.commit()?;
    ///
    /// let write = to.write()?;
    /// let rows = write.copy_table(&from.read()?, "points", "old points")?;
    /// write.commit()?;
    /// assert_eq!(rows, 1);
    /// assert_eq!(to.read()?.table::<Point>("old points")?.get(0)?.unwrap().y, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if the snapshot has no such table; `AlreadyExists` if this database has a
    /// table of the new name; `Corrupt` if the rows cannot be read; `Io` if the disk is full. After
    /// an error there is no new table.
    pub fn copy_table(&self, from: &ReadTransaction, name: &str, new_name: &str) -> Result<u64> {
        self.copy_table_with(from, name, new_name, |_, _| {})
    }

    /// Like [`copy_table`](WriteTransaction::copy_table), and calls `progress` with the bytes of
    /// rows and entries that were copied, and their total.
    ///
    /// # Errors
    /// As for [`copy_table`](WriteTransaction::copy_table).
    pub fn copy_table_with(
        &self,
        from: &ReadTransaction,
        name: &str,
        new_name: &str,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64> {
        let bytes = from.row_bytes(name)?;
        let mut progress = Progress { done: 0, total: bytes, tell: &mut progress };
        self.copy_in(from, name, new_name, &mut progress)
    }

    /// The same with a progress that several tables share.
    pub(crate) fn copy_in(
        &self,
        from: &ReadTransaction,
        name: &str,
        new_name: &str,
        progress: &mut Progress<'_>,
    ) -> Result<u64> {
        let reader = from.reader(name)?;
        let options = TableOptions::new().leaf_rows(reader.definition.layout.leaf_rows());
        self.create(new_name, &reader.definition.schema, &options)?;
        // `progress` is the caller's code, and may panic.
        let copied = self.session()?.fail_on_panic(|| self.copy_trees(from, name, new_name, progress));
        if let Err(error) = copied {
            // A transaction with half a copy in it must not be committed.
            if self.drop_table(new_name).is_err() {
                self.session()?.fail();
            }
            return Err(error);
        }
        Ok(reader.rows())
    }

    /// Copies the rows and the indexes of a table into an empty one.
    fn copy_trees(
        &self,
        from: &ReadTransaction,
        name: &str,
        new_name: &str,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let session = self.session()?;
        let reader = from.reader(name)?;
        let mut table = self.open(new_name)?.table;
        let copied = table.copy_rows(&reader.view, &mut |bytes| progress.advance(bytes));
        copied.map_err(|error| reader.in_table(error))?;
        for index in from.indexes(name)? {
            let entries = reader.index(&index.name)?;
            // An index has few fields, so the cast keeps the number.
            let shape = (index.fields.len() as u8, index.unique);
            let free = self.state.lock().catalog.check_free(&index.name).is_ok();
            let index_name = if free { index.name } else { format!("{new_name}_{}", index.name) };
            let definition = self.enter_index(&mut table.definition, &index_name, &index.entry, shape)?;
            let written = &mut |bytes| progress.advance(bytes);
            let copied = table.copy_index(definition.clone(), &entries.view, written);
            if let Err(error) = copied {
                if self.remove_index(&mut table.definition, &definition).is_err() {
                    session.fail();
                }
                return Err(entries.in_table(error));
            }
        }
        Ok(())
    }
}

impl ReadTransaction {
    /// The bytes of all rows of a table and of all entries of its indexes.
    pub(crate) fn row_bytes(&self, name: &str) -> Result<u64> {
        let reader = self.reader(name)?;
        let bytes =
            |reader: &Reader<'_>| reader.rows().saturating_mul(reader.definition.layout.width() as u64);
        let mut sum = bytes(&reader);
        for index in self.indexes(name)? {
            sum = sum.saturating_add(bytes(&reader.index(&index.name)?));
        }
        Ok(sum)
    }
}
