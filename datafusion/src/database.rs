//! `DatabaseTables`: the tables of a database as a schema of DataFusion.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use drystone::{Database, Dyn, OwnedTable};

use crate::error::external;
use crate::table::DrystoneTable;

/// The tables of a database, as DataFusion's [`SchemaProvider`].
///
/// All tables are of one state, so that a query over several of them is right while others write.
/// [`refresh`](DatabaseTables::refresh) moves to the newest state. Views and external tables that
/// are registered here belong to the session; they are not stored.
pub struct DatabaseTables {
    database: Arc<Database>,
    /// A table of the state, through which the others are opened; none if there are no tables.
    state: RwLock<Option<OwnedTable<Dyn>>>,
    registered: RwLock<HashMap<String, Arc<dyn TableProvider>>>,
}

impl DatabaseTables {
    /// The tables of the newest state.
    ///
    /// # Errors
    /// `Corrupt` if the catalog cannot be read, as an external error.
    pub fn new(database: &Arc<Database>) -> Result<DatabaseTables> {
        let tables = DatabaseTables {
            database: Arc::clone(database),
            state: RwLock::new(None),
            registered: RwLock::new(HashMap::new()),
        };
        tables.refresh()?;
        Ok(tables)
    }

    /// Moves to the newest state. Queries that were planned before keep theirs.
    ///
    /// # Errors
    /// As for [`new`](DatabaseTables::new).
    pub fn refresh(&self) -> Result<()> {
        let read = self.database.read().map_err(external)?;
        let names = read.table_names().map_err(external)?;
        let any = names.first().map(|name| self.database.table::<Dyn>(name)).transpose().map_err(external)?;
        *write(&self.state) = any;
        Ok(())
    }

    /// The database.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Whether the database has such a table.
    pub(crate) fn is_stored(&self, name: &str) -> bool {
        self.stored_names().iter().any(|stored| stored == name)
    }

    fn stored_names(&self) -> Vec<String> {
        let names = read(&self.state).as_ref().map(|table| table.snapshot().table_names());
        names.and_then(drystone::Result::ok).unwrap_or_default()
    }
}

/// Nothing panics while it holds one of these locks, so what it guards is whole.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[async_trait]
impl SchemaProvider for DatabaseTables {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.stored_names();
        names.extend(read(&self.registered).keys().cloned());
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = read(&self.registered).get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let Some(state) = read(&self.state).clone() else { return Ok(None) };
        if !state.snapshot().table_names().map_err(external)?.iter().any(|stored| stored == name) {
            return Ok(None);
        }
        let table = state.sibling::<Dyn>(name).map_err(external)?;
        Ok(Some(Arc::new(DrystoneTable::of(table, &self.database)?)))
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.table_exist(&name) {
            return Err(DataFusionError::Plan(format!(
                "there is a table {name:?}; drop it or take another name"
            )));
        }
        Ok(write(&self.registered).insert(name, table))
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(write(&self.registered).remove(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        read(&self.registered).contains_key(name) || self.is_stored(name)
    }
}

impl fmt::Debug for DatabaseTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseTables({:?})", self.database.path())
    }
}
