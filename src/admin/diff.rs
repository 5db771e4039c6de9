//! `ReadTransaction::diff`: what differs between two states, of one database or of two.

use std::fmt;

use crate::error::{Result, bail};
use crate::record::Row;
use crate::schema::Schema;
use crate::table::Reader;
use crate::transaction::ReadTransaction;
use crate::tree::{Difference, Differences};

impl ReadTransaction {
    /// What is different in a newer state of this database or of another one: tables that were
    /// added or dropped or have another schema, and by [`TableDiff::rows`] the rows that were
    /// added, removed and changed. O(tables); rows are read only by [`TableDiff::rows`].
    ///
    /// Of two states of one database, open in one process, only what differs is read: both share
    /// the pages that no transaction between them wrote. Of two files everything is read and
    /// compared.
    ///
    /// ```
    /// use drystone::{Dyn, Database, RowBuf, RowChange, Schema, Value};
    ///
    /// let schema: Schema = "id: u64 key, name: str[8]".parse()?;
    /// let row =
    ///     |id: u64, name: &str| RowBuf::from_values(&schema, [Value::from(id), name.into()]);
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let mut players = write.create_dyn_table("players", &schema)?;
    /// players.insert(&row(1, "Ada")?)?;
    /// players.insert(&row(2, "Grace")?)?;
    /// write.commit()?;
    /// let old = db.read()?;
    ///
    /// let write = db.write()?;
    /// write.table::<Dyn>("players")?.set_field(&[2.into()], "name", "Barbara")?;
    /// write.commit()?;
    /// let new = db.read()?;
    ///
    /// let diff = old.diff(&new)?;
    /// let mut changes = diff.tables()[0].rows()?;
    /// let Some(RowChange::Changed { old, new, .. }) = changes.next().transpose()? else {
    ///     panic!("one row has changed");
    /// };
    /// assert_eq!(old.get("name")?, Value::from("Grace"));
    /// assert_eq!(new.get("name")?, Value::from("Barbara"));
    /// assert!(changes.next().is_none());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if a catalog cannot be read.
    pub fn diff<'d>(&'d self, newer: &'d ReadTransaction) -> Result<Diff<'d>> {
        let (old, new) = (self.table_names()?, newer.table_names()?);
        let mut names: Vec<&String> = old.iter().chain(&new).collect();
        names.sort();
        names.dedup();
        let mut tables = Vec::new();
        for name in names {
            let reader = |read: &'d ReadTransaction, names: &[String]| match names.binary_search(name) {
                Ok(_) => read.reader(name).map(Some),
                Err(_) => Ok(None),
            };
            let (old, new) = (reader(self, &old)?, reader(newer, &new)?);
            let one_file = self.is_of_one_file(newer);
            let indexes = |read: &ReadTransaction, there: bool| match there {
                true => read.indexes(name),
                false => Ok(Vec::new()),
            };
            let same_indexes = indexes(self, old.is_some())? == indexes(newer, new.is_some())?;
            tables.push(TableDiff { name: name.clone(), old, new, one_file, same_indexes });
        }
        Ok(Diff { tables })
    }
}

/// What differs between two states, as [`ReadTransaction::diff`] finds it.
#[derive(Debug)]
pub struct Diff<'d> {
    tables: Vec<TableDiff<'d>>,
}

impl<'d> Diff<'d> {
    /// All tables that either state has, by name: those that are the same as well.
    pub fn tables(&self) -> &[TableDiff<'d>] {
        &self.tables
    }

    /// The table of this name, if either state has it.
    pub fn table(&self, name: &str) -> Option<&TableDiff<'d>> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// A table in two states, or in one of them.
#[derive(Clone)]
pub struct TableDiff<'d> {
    name: String,
    old: Option<Reader<'d>>,
    new: Option<Reader<'d>>,
    one_file: bool,
    same_indexes: bool,
}

impl fmt::Debug for TableDiff<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableDiff({:?})", self.name)
    }
}

impl<'d> TableDiff<'d> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its schema in the old state, if it is there.
    pub fn old_schema(&self) -> Option<&'d Schema> {
        self.old.map(|reader| &reader.definition.schema)
    }

    /// Its schema in the new state, if it is there.
    pub fn new_schema(&self) -> Option<&'d Schema> {
        self.new.map(|reader| &reader.definition.schema)
    }

    /// Whether both states have it with the same schema: then [`rows`](TableDiff::rows) can be
    /// compared.
    pub fn is_comparable(&self) -> bool {
        self.old_schema().is_some() && self.old_schema() == self.new_schema()
    }

    /// Whether it has the same indexes in both: names, fields, uniqueness. What they hold follows
    /// from the rows.
    pub fn has_same_indexes(&self) -> bool {
        self.same_indexes
    }

    /// How many rows it has in the old state and in the new one; 0 where it is not there.
    pub fn row_counts(&self) -> (u64, u64) {
        let rows = |reader: Option<Reader<'_>>| reader.map_or(0, |reader| reader.rows());
        (rows(self.old), rows(self.new))
    }

    /// The rows that were added, removed and changed, in the order of keys, or of numbers in a
    /// table without a key: such a table has rows added or removed at its end if its length
    /// differs. In a table that only one state has, all rows were added or removed. O(differences)
    /// within a file, O(n) between files.
    ///
    /// # Errors
    /// `Schema` if the schemas differ, showing both.
    pub fn rows(&self) -> Result<RowChanges<'d>> {
        let Some(present) = self.new.or(self.old) else {
            bail!(TableNotFound, "no state has table {:?}", self.name)
        };
        let (old, new) = (self.old.unwrap_or(present), self.new.unwrap_or(present));
        if old.definition.schema != new.definition.schema {
            bail!(
                Schema,
                "table {:?} has other fields now, so its rows cannot be compared: it had {}, it has {}",
                self.name,
                old.definition.schema,
                new.definition.schema
            );
        }
        let (old_view, new_view) = (self.old.map(|reader| reader.view), self.new.map(|reader| reader.view));
        let changes = Differences::new(
            old_view.unwrap_or(present.view.emptied()),
            new_view.unwrap_or(present.view.emptied()),
            self.one_file,
        );
        Ok(RowChanges { table: present, changes, stats: DiffStats::default() })
    }
}

/// A row that is not the same in two states. `number` is that of the row, counted in key order
/// where there is a key.
#[derive(Clone, Copy, Debug)]
pub enum RowChange<'d> {
    /// Only the old state has it.
    Removed {
        /// Its number there.
        number: u64,
        /// The row.
        row: Row<'d>,
    },
    /// Only the new state has it.
    Added {
        /// Its number there.
        number: u64,
        /// The row.
        row: Row<'d>,
    },
    /// Both have a row with this key, or number, and other values in it.
    Changed {
        /// Its number in the new state.
        number: u64,
        /// The row in the old state.
        old: Row<'d>,
        /// The row in the new state.
        new: Row<'d>,
    },
}

/// What a [`TableDiff`] found so far, and what it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiffStats {
    /// Rows that only the new state has.
    pub added: u64,
    /// Rows that only the old state has.
    pub removed: u64,
    /// Rows with other values.
    pub changed: u64,
    /// Leaves that were read, of both states.
    pub leaves_read: u64,
    /// Branches that were read, of both states.
    pub branches_read: u64,
}

/// The rows of a table that are not the same in two states: an iterator of `Result<RowChange>`. An
/// error comes once and ends it.
pub struct RowChanges<'d> {
    table: Reader<'d>,
    changes: Differences<'d>,
    stats: DiffStats,
}

impl fmt::Debug for RowChanges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowChanges({:?})", self.table.definition.name)
    }
}

impl RowChanges<'_> {
    /// What was found and read so far; all of it when the iterator has come to its end.
    pub fn stats(&self) -> DiffStats {
        let read = self.changes.nodes_read();
        DiffStats { leaves_read: read.leaves, branches_read: read.branches, ..self.stats }
    }
}

impl<'d> RowChanges<'d> {
    fn change(&mut self, number: u64, found: Difference<'d>) -> Result<RowChange<'d>> {
        let schema = &self.table.definition.schema;
        Ok(match found {
            Difference::Removed(row) => {
                self.stats.removed += 1;
                RowChange::Removed { number, row: Row::new(schema, row)? }
            }
            Difference::Added(row) => {
                self.stats.added += 1;
                RowChange::Added { number, row: Row::new(schema, row)? }
            }
            Difference::Changed { old, new } => {
                self.stats.changed += 1;
                RowChange::Changed { number, old: Row::new(schema, old)?, new: Row::new(schema, new)? }
            }
        })
    }
}

impl<'d> Iterator for RowChanges<'d> {
    type Item = Result<RowChange<'d>>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.changes.next()?;
        let change = found.and_then(|(number, found)| self.change(number, found));
        Some(change.map_err(|error| self.table.in_table(error)))
    }
}
