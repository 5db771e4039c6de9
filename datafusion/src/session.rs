//! `SqlSession`: statements over a database or a folder of shards, with those that change tables.

use std::fmt;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::catalog::{
    CatalogProvider as _, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider as _,
};
use datafusion::common::{Constraint, Constraints, TableReference, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{CreateMemoryTable, DdlStatement, DropTable, LogicalPlan};
use datafusion::prelude::{SessionConfig, SessionContext};
use drystone::arrow::Options;
use drystone::{Database, LoadOptions, Schema};
use futures::StreamExt as _;

use crate::database::DatabaseTables;
use crate::error::external;
use crate::insert::WAIT;
use crate::scan::Opener;
use crate::table::DrystoneTable;

/// The names under which the tables are found: `drystone.public.flights`.
const CATALOG: &str = "drystone";
const SCHEMA: &str = "public";

/// SQL over a database or a folder of shards.
///
/// Each statement reads the newest state at its beginning, and no other. `INSERT INTO`, `CREATE
/// TABLE … AS` and `DROP TABLE` are one transaction each: they happen whole or not at all.
///
/// ```
/// use std::sync::Arc;
///
/// use drystone::{Database, Record};
/// use drystone_datafusion::SqlSession;
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C)]
/// struct Point {
///     #[record(key)]
///     id: u32,
///     y: i32,
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Arc::new(Database::in_memory()?);
/// let points = (0..1000).map(|id| Point { id, y: 1 });
/// db.update(|tx| tx.create_table::<Point>("points")?.load(points))?;
///
/// let session = SqlSession::new(&db)?;
/// let frame = session.sql("SELECT sum(y) AS sum FROM points WHERE id < 10").await?;
/// let rows = frame.collect().await?;
/// assert_eq!((rows.len(), rows[0].num_rows()), (1, 1));
/// # Ok(())
/// # }
/// ```
pub struct SqlSession {
    context: SessionContext,
    /// The tables of the database, if it is one.
    tables: Option<Arc<DatabaseTables>>,
}

impl SqlSession {
    /// A session over all tables of a database.
    ///
    /// # Errors
    /// `Corrupt` if the catalog cannot be read, as an external error.
    pub fn new(database: &Arc<Database>) -> Result<SqlSession> {
        let tables = Arc::new(DatabaseTables::new(database)?);
        let context = context();
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::clone(&tables) as _)?;
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok(SqlSession { context, tables: Some(tables) })
    }

    /// A session over the table in a folder of shards. `opener` opens them.
    ///
    /// # Errors
    /// As for [`DrystoneTable::open_shards`].
    pub fn open_shards(folder: impl AsRef<Path>, opener: &Opener) -> Result<SqlSession> {
        let table = DrystoneTable::open_shards(folder, opener)?;
        let (context, catalog, schema) =
            (context(), MemoryCatalogProvider::new(), MemorySchemaProvider::new());
        schema.register_table(table.name().to_owned(), Arc::new(table))?;
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok(SqlSession { context, tables: None })
    }

    /// The context, for settings, functions and other tables.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Plans a statement. The rows of a query are read, and an insert is done, when the data frame
    /// is collected; a statement that creates or drops a table is done at once.
    ///
    /// # Errors
    /// If the text is not valid SQL, names what is not there, or cannot be done.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame> {
        if let Some(tables) = &self.tables {
            tables.refresh()?;
        }
        let plan = self.context.state().create_logical_plan(sql).await?;
        if let Some(tables) = &self.tables {
            match &plan {
                LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) if !create.temporary => {
                    self.create(tables, create).await?;
                    return self.context.read_empty();
                }
                LogicalPlan::Ddl(DdlStatement::DropTable(drop)) if drops(tables, drop).await? => {
                    return self.context.read_empty();
                }
                _ => {}
            }
        }
        self.context.execute_logical_plan(plan).await
    }

    /// Creates a table with the rows of a query. They are written to a temporary file first,
    /// because the width of a text field is known only when all were seen.
    async fn create(&self, tables: &DatabaseTables, create: &CreateMemoryTable) -> Result<()> {
        let CreateMemoryTable {
            name, constraints, input, if_not_exists, or_replace, column_defaults, ..
        } = create;
        let name = own_name(name)?;
        if !column_defaults.is_empty() {
            return plan_err!(
                "table {name:?}: defaults are not taken over; declare the table with `drystone load`"
            );
        }
        let exists = tables.table_exist(name);
        if exists && *if_not_exists {
            return Ok(());
        }
        let replaces = tables.is_stored(name);
        // A view of this name would hide the table.
        if exists && !(*or_replace && replaces) {
            return plan_err!("there is a table {name:?}; drop it or take another name");
        }
        let rows =
            self.context.execute_logical_plan(LogicalPlan::clone(input)).await?.execute_stream().await?;
        let file = written(rows).await?;
        let name = name.to_owned();
        let (database, constraints) = (Arc::clone(tables.database()), constraints.clone());
        changing(move || load(&database, &name, replaces, &constraints, file)).await
    }
}

/// Drops a stored table. `false` if it is one of the session, or does not exist.
async fn drops(tables: &DatabaseTables, drop: &DropTable) -> Result<bool> {
    let name = own_name(&drop.name)?.to_owned();
    if !tables.is_stored(&name) {
        return Ok(false);
    }
    let database = Arc::clone(tables.database());
    let dropped = changing(move || {
        let transaction = database.try_write_for(WAIT)?;
        transaction.drop_table(&name)?;
        transaction.commit()
    });
    dropped.await.map(|()| true)
}

/// Changes the database on a thread that may wait for another writer.
async fn changing(change: impl FnOnce() -> drystone::Result<()> + Send + 'static) -> Result<()> {
    let done = tokio::task::spawn_blocking(change).await;
    done.map_err(|error| DataFusionError::External(Box::new(error)))?.map_err(external)
}

fn context() -> SessionContext {
    let config =
        SessionConfig::new().with_default_catalog_and_schema(CATALOG, SCHEMA).with_information_schema(true);
    SessionContext::new_with_config(config)
}

/// The name of a table of the database, without its catalog and schema.
fn own_name(name: &TableReference) -> Result<&str> {
    let is_own = name.catalog().is_none_or(|catalog| catalog == CATALOG)
        && name.schema().is_none_or(|schema| schema == SCHEMA);
    if is_own {
        Ok(name.table())
    } else {
        plan_err!("{name}: the tables of the database are in {CATALOG}.{SCHEMA}")
    }
}

/// Writes batches to a temporary file without a name.
async fn written(mut rows: SendableRecordBatchStream) -> Result<File> {
    let mut writer = StreamWriter::try_new(tempfile::tempfile()?, &rows.schema())?;
    while let Some(batch) = rows.next().await {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    let mut file = writer.into_inner()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Makes a table of a file of batches, in one transaction.
fn load(
    database: &Database,
    name: &str,
    replaces: bool,
    constraints: &Constraints,
    file: File,
) -> drystone::Result<()> {
    let options = Options::new().name(format!("the rows for table {name:?}"));
    let inferred = options.infer_stream(file.try_clone().map_err(unread)?)?;
    let schema = with_key(inferred.schema(), constraints)?;
    let mut again = file;
    again.seek(SeekFrom::Start(0)).map_err(unread)?;
    let mut reader = options.stream_reader(&schema, again)?;
    let transaction = database.try_write_for(WAIT)?;
    if replaces {
        transaction.drop_table(name)?;
    }
    transaction.create_dyn_table(name, &schema)?.load_from(&mut reader, &LoadOptions::new())?;
    transaction.commit()
}

fn unread(error: std::io::Error) -> drystone::Error {
    drystone::Error::new(
        drystone::ErrorKind::Io,
        format!("the temporary file of the rows cannot be read: {error}"),
    )
}

/// The schema with the primary key as its key; without one, rows are numbered.
fn with_key(schema: &Schema, constraints: &Constraints) -> drystone::Result<Schema> {
    let primary = constraints.iter().find_map(|constraint| match constraint {
        Constraint::PrimaryKey(columns) => Some(columns),
        Constraint::Unique(_) => None,
    });
    let names = primary.into_iter().flatten().filter_map(|at| schema.fields().get(*at));
    let names: Vec<&str> = names.map(|field| field.name()).collect();
    schema.with_key(&names)
}

impl fmt::Debug for SqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlSession({:?})", self.tables)
    }
}
