//! Removing and changing the rows for which a predicate is true, in a table of a write transaction.
//! The plan finds the rows; `table` changes them.

use super::batch::BATCH_ROWS;
use super::kernel::Kernel;
use super::pick::Picker;
use crate::error::Result;
use crate::query::ask::predicate::Predicate;
use crate::query::plan::access::Plan;
use crate::query::plan::filter::Filter;
use crate::table::{Reader, RowKind, TableMut, Updated};
use crate::tree::RowSet;

impl<R: RowKind> TableMut<'_, R> {
    /// Removes the rows for which the predicate is true, and returns how many there were. What the
    /// predicate says of the leading fields of the key decides which rows are read at all. In a
    /// table without a key the rows that stay are numbered again from 0.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.load((0..1000).map(|id| User { id, score: id % 10 }))?;
    /// assert_eq!(users.delete_where("score = 0 and id < 500".parse()?)?, 50);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Query::run`](crate::query::Query::run) for the predicate; otherwise as for
    /// [`retain`](TableMut::retain).
    pub fn delete_where(&mut self, predicate: Predicate) -> Result<u64> {
        let rows = matching(self.as_table().reader(), &predicate)?;
        self.remove_rows(&rows)
    }

    /// Changes the rows for which the predicate is true, and returns how many there were. `change`
    /// is called for the rows in their order; which rows they are is decided before it is called
    /// first.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.load((0..1000).map(|id| User { id, score: id % 10 }))?;
    /// assert_eq!(users.update_where("score >= 9".parse()?, |user| user.score = 10)?, 100);
    /// assert_eq!(users.get(9)?.unwrap().score, 10);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Query::run`](crate::query::Query::run) for the predicate; otherwise as for
    /// [`update_many`](TableMut::update_many).
    pub fn update_where<C: Updated<Value = ()>>(
        &mut self,
        predicate: Predicate,
        change: impl FnMut(&mut R::Buf) -> C,
    ) -> Result<u64> {
        let rows = matching(self.as_table().reader(), &predicate)?;
        self.update_rows(&rows, change)
    }
}

/// The numbers of the rows for which a predicate is true.
fn matching(reader: Reader<'_>, predicate: &Predicate) -> Result<RowSet> {
    let schema = &reader.definition.schema;
    let plan = Plan::new(&reader, Filter::new(predicate, schema)?)?;
    if plan.filter.is_always()
        && let [rows] = &plan.rows[..]
    {
        return Ok(RowSet::range(rows.clone()));
    }
    let (kernel, mut picker) = (Kernel::new(&plan.filter), Picker::new());
    let (width, mut found) = (schema.width(), RowSet::none());
    for range in plan.rows {
        let mut number = range.start;
        for leaf in reader.view.slices(range) {
            let leaf = leaf.map_err(|error| reader.in_table(error))?;
            for rows in leaf.chunks(BATCH_ROWS * width) {
                let batch = picker.pick(&kernel, rows, width, number);
                batch.for_each_numbered(|number, _| found.add(number));
                number += (rows.len() / width) as u64;
            }
        }
    }
    Ok(found)
}
