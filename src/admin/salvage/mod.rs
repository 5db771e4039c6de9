//! `Database::salvage`: copies the sound part of a damaged database into a new one, and lists the
//! rest. It reads the damaged database only, and writes the other one through a transaction like
//! any user.

mod report;
mod source;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

pub use report::{Loss, SalvageReport};
use source::RescueSource;

use crate::catalog::{Catalog, Definition, Role};
use crate::database::{Database, OpenOptions, cannot_make, new_file_id};
use crate::error::{Error, ErrorKind, Result};
use crate::load::{LoadOptions, OnDuplicate};
use crate::page::PageView;
use crate::space::Allocator;
use crate::table::IndexOptions;
use crate::transaction::{TableOptions, WriteTransaction};
use crate::tree::{Rescued, View};

impl Database {
    /// Copies every table and row of this database that can still be verified into a new file, as
    /// [`salvage`](Database::salvage) does. The file gets its name when it is whole and durable. A
    /// process that dies before that leaves nothing behind.
    ///
    /// ```
    /// # fn main() -> drystone::Result<()> {
    /// # let damaged = drystone::Database::temporary()?;
    /// let path = damaged.path().unwrap().with_file_name("salvaged.dry");
    /// let report = damaged.salvage_to(&path)?;
    /// for loss in &report.lost {
    ///     eprintln!("{loss}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` if the file exists; otherwise as for [`salvage`](Database::salvage). After
    /// an error there is no new file.
    pub fn salvage_to(&self, path: impl AsRef<Path>) -> Result<SalvageReport> {
        let path = path.as_ref();
        let (good, file) = OpenOptions::new().unnamed(path, new_file_id())?;
        let report = self.salvage(&good)?;
        drop(good);
        file.keep().map_err(|error| cannot_make(path, error))?;
        Ok(report)
    }

    /// Copies every table and row of this database that can still be verified into another
    /// database, in one transaction. The other database is best a new one.
    ///
    /// Nothing is guessed. A row is copied if its leaf and all branches above it match their
    /// checksums, and if each of its values is one of its type, as in [`check`](Database::check).
    /// So the other database is sound. A row with a text that is not UTF-8 is listed as lost as a
    /// whole; this database still has it. In a table without a key, rows get lower numbers if rows
    /// before them are lost. Indexes are built again. O(bytes of the database).
    ///
    /// ```
    /// use drystone::Database;
    ///
    /// let (bad, good) = (Database::in_memory()?, Database::in_memory()?);
    /// assert!(bad.salvage(&good)?.lost.is_empty());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` if the other database has a table of the same name; `Io` if it cannot be
    /// written. Damage in this database is in the report, not an error.
    pub fn salvage(&self, good: &Database) -> Result<SalvageReport> {
        let read = self.read()?;
        let meta = read.meta();
        let pages = read.pages().view(meta.file_bytes);
        let write = good.write()?;
        let catalog = match Catalog::new(pages, meta.tables, meta.fields) {
            Ok(catalog) => catalog,
            Err(error) => {
                let lost = vec![Loss::of_catalog(error)];
                return Ok(SalvageReport { lost, ..SalvageReport::default() });
            }
        };
        let mut salvage = Salvage {
            pages,
            write: &write,
            taken: RefCell::new(Allocator::new(meta.transaction)),
            report: SalvageReport::default(),
            all_read: true,
            copied: HashMap::new(),
        };
        let mut field_owners = salvage.field_owners(&catalog);
        let definitions = salvage.definitions(&catalog, &mut field_owners);
        salvage.fields_without_a_table(&field_owners);
        let (tables, indexes): (Vec<_>, Vec<_>) = definitions.into_iter().partition(Definition::is_table);
        for table in &tables {
            salvage.table(table)?;
        }
        salvage.missing_indexes(&tables, &indexes);
        for index in indexes {
            salvage.index(index)?;
        }
        let report = salvage.report;
        write.commit()?;
        Ok(report)
    }
}

/// A salvage in progress.
struct Salvage<'s> {
    pages: PageView<'s>,
    write: &'s WriteTransaction,
    /// The pages of all nodes that were found: a node that overlaps another one is damage.
    taken: RefCell<Allocator>,
    report: SalvageReport,
    /// Whether all of the catalog can be read. If not, what is missing there has been listed.
    all_read: bool,
    /// The names of the tables that were copied, by their numbers.
    copied: HashMap<u32, String>,
}

impl Salvage<'_> {
    /// The numbers of the tables that have fields, to notice tables that the catalog has lost.
    /// Damage is passed over here: the tables that need those fields are lost, and are listed.
    fn field_owners(&self, catalog: &Catalog<'_>) -> HashSet<u32> {
        let mut owners = HashSet::new();
        for rescued in catalog.fields.rescue(&self.taken) {
            if let Rescued::Records { records, .. } = rescued {
                let records = records.chunks_exact(catalog.fields.layout().width());
                owners.extend(records.filter_map(Catalog::owner_of).map(|(table, _)| table));
            }
        }
        owners
    }

    /// The tables and indexes that can be read. Takes their numbers out of the owners of fields.
    fn definitions(&mut self, catalog: &Catalog<'_>, owners: &mut HashSet<u32>) -> Vec<Definition> {
        let mut definitions = Vec::new();
        let mut names = HashSet::new();
        for rescued in catalog.tables.rescue(&self.taken) {
            let records = match rescued {
                Rescued::Records { records, .. } => records,
                Rescued::Lost { error, .. } => {
                    self.all_read = false;
                    self.report.lost.push(Loss::of_catalog(error));
                    continue;
                }
            };
            for record in records.chunks_exact(catalog.tables.layout().width()) {
                if let Some(number) = Catalog::number_of(record) {
                    owners.remove(&number);
                }
                match catalog.definition(record) {
                    Ok(found) if names.insert(found.name.clone()) => definitions.push(found),
                    Ok(found) => {
                        let message = "there are two tables or indexes of this name; the file is damaged";
                        self.report.lost.push(Loss::damage(Some(&found.name), message));
                    }
                    Err(error) => {
                        self.all_read = false;
                        self.report.lost.push(Loss::of(Catalog::name_of(record), error));
                    }
                }
            }
        }
        definitions
    }

    fn fields_without_a_table(&mut self, owners: &HashSet<u32>) {
        if self.all_read && !owners.is_empty() {
            let message = "there are fields of a table, and no such table; the file is damaged";
            self.report.lost.push(Loss::damage(None, message));
        }
    }

    /// Copies the rows of a table.
    fn table(&mut self, table: &Definition) -> Result<()> {
        let view = match View::new(self.pages, &table.layout, table.root) {
            Ok(view) => view,
            Err(error) => {
                self.report.lost.push(Loss::of(Some(&table.name), error));
                return Ok(());
            }
        };
        let options = TableOptions::new().leaf_rows(table.layout.leaf_rows());
        let mut into = self.write.create_dyn_table_with(&table.name, &table.schema, &options)?;
        let mut source = RescueSource::new(table, view.rescue(&self.taken));
        let options = LoadOptions::new().on_duplicate(OnDuplicate::First);
        let loaded = into.load_from(&mut source, &options)?;
        self.copied.insert(table.id, table.name.clone());
        self.report.tables += 1;
        self.report.rows += loaded.rows;
        self.report.lost.extend(source.into_lost());
        if loaded.duplicates > 0 {
            let loss = Loss::damage(Some(&table.name), "two rows have one key; the file is damaged");
            self.report.lost.push(Loss { duplicates: loaded.duplicates, ..loss });
        }
        Ok(())
    }

    /// Lists indexes that the catalog has lost.
    fn missing_indexes(&mut self, tables: &[Definition], indexes: &[Definition]) {
        let copied = tables.iter().filter(|table| self.copied.contains_key(&table.id));
        for table in copied.filter(|_| self.all_read) {
            let Role::Table { indexes: said } = table.role else { continue };
            let is_on =
                |index: &&Definition| matches!(index.role, Role::Index { table: on, .. } if on == table.id);
            let there = indexes.iter().filter(is_on).count();
            if there < usize::from(said) {
                let message = format!("the catalog says that the table has {said} indexes, and has {there}");
                let loss = Loss::damage(Some(&table.name), &message);
                self.report.lost.push(Loss { index: Some("?".into()), ..loss });
            }
        }
    }

    /// Builds an index again from the rows that were copied.
    fn index(&mut self, index: Definition) -> Result<()> {
        let Role::Index { table, fields, unique } = index.role else { return Ok(()) };
        let table = self.copied.get(&table);
        let built = match table {
            None => Err(Error::new(ErrorKind::Corrupt, "the table that it is on is lost")),
            Some(table) => {
                let fields = index.schema.fields().iter().take(fields.into());
                let fields: Vec<&str> = fields.map(|field| field.name()).collect();
                let options = IndexOptions::new().unique(unique);
                self.write.create_index_with(table, &index.name, &fields, &options)
            }
        };
        match built {
            Ok(()) => self.report.indexes += 1,
            // The other database cannot be written, or has the name already: no damage of this one.
            Err(error) if [ErrorKind::Io, ErrorKind::AlreadyExists].contains(&error.kind()) => {
                return Err(error);
            }
            Err(error) => {
                let loss = Loss::of(table.map(String::as_str), error);
                self.report.lost.push(Loss { index: Some(index.name), ..loss });
            }
        }
        Ok(())
    }
}
