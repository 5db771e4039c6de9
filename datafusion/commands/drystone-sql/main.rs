//! `drystone-sql`: SQL over a database or a folder of shards.

#[path = "../open.rs"]
mod open;
mod output;
mod prompt;
mod statements;

use std::io::{IsTerminal as _, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use drystone_datafusion::cluster::Client;
use drystone_datafusion::{DrystoneTable, SqlSession};

use output::{Format, Output};

/// Batches are allocated and freed all the time, by many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ask a database, or a folder of shards, in SQL.
///
/// Without a statement, they are taken from standard input: at a prompt, or from a pipe, separated
/// by semicolons. Tables are read as they are when a statement begins. EXPLAIN shows the plan.
#[derive(Parser)]
#[command(name = "drystone-sql", version, max_term_width = 110)]
#[command(after_help = "\
Examples:
  drystone-sql flights.dry 'select carrier, count(*) from flights group by carrier'
  drystone-sql shards/ 'select max(distance) from flights' --format json
  drystone-sql flights.dry --write 'create table long as select * from flights where distance > 2000'

Exit codes:
  0  done
  2  wrong use, or failure")]
struct Arguments {
    /// The database file, or a folder of shards
    place: PathBuf,
    /// The statements, separated by semicolons
    sql: Option<String>,
    /// How the rows are written; Arrow and Parquet need a file or a pipe [default: table]
    #[arg(long, short, value_enum)]
    format: Option<Format>,
    /// Write the rows to this file; it is replaced when all are there
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Say how long each statement took, on standard error
    #[arg(long)]
    timing: bool,
    /// Allow statements that change the database
    #[arg(long)]
    write: bool,
    /// Let a cluster do the work: the address of its scheduler
    #[arg(long, value_name = "HOST:PORT")]
    cluster: Option<SocketAddr>,
    /// How many threads run a query, or tasks a stage of a cluster [default: the processors; 16]
    #[arg(long)]
    threads: Option<usize>,
}

/// What runs the statements.
enum Engine {
    Here(SqlSession),
    Cluster(Client),
}

impl Engine {
    async fn open(arguments: &Arguments) -> Result<Engine> {
        let (place, opener) = (&arguments.place, open::opener());
        let is_folder = place.is_dir();
        if is_folder && arguments.write {
            return Err(DataFusionError::Plan(
                "a folder of shards cannot be changed; leave out --write".to_owned(),
            ));
        }
        if let Some(scheduler) = arguments.cluster {
            let client = Client::connect(scheduler, arguments.threads.unwrap_or(16), &opener).await?;
            if is_folder {
                let table = Arc::new(DrystoneTable::open_shards(place, &opener)?);
                client.register(table.name(), Arc::clone(&table) as _)?;
            } else {
                let database = Arc::new(open::open(place, false).map_err(external)?);
                for name in database.read().and_then(|read| read.table_names()).map_err(external)? {
                    client.register(&name, Arc::new(DrystoneTable::new(&database, &name)?))?;
                }
            }
            return Ok(Engine::Cluster(client));
        }
        let session = if is_folder {
            SqlSession::open_shards(place, &opener)?
        } else {
            SqlSession::new(&Arc::new(open::open(place, arguments.write).map_err(external)?))?
        };
        if let Some(threads) = arguments.threads {
            let threads = format!("SET datafusion.execution.target_partitions = {}", threads.max(1));
            session.sql(&threads).await?.collect().await?;
        }
        Ok(Engine::Here(session))
    }

    /// The rows of a statement.
    async fn run(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        match self {
            Engine::Here(session) => session.sql(sql).await?.execute_stream().await,
            // From a cluster, rows come when all are there.
            Engine::Cluster(client) => {
                let query = client.context().sql(sql).await?;
                let schema = Arc::new(query.schema().as_arrow().clone());
                let rows = client.collect(query).await?;
                let schema = rows.first().map_or(schema, |batch| batch.schema());
                let rows = futures::stream::iter(rows.into_iter().map(Ok));
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
            }
        }
    }
}

fn external(error: drystone::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let engine = Engine::open(arguments).await?;
    let output = Output::new(arguments.format, arguments.output.as_deref(), arguments.timing)?;
    match &arguments.sql {
        Some(sql) => statements::run(&engine, sql, &output).await,
        None if std::io::stdin().is_terminal() => prompt::talk(&engine, &output).await,
        None => {
            let mut sql = String::new();
            std::io::stdin().read_to_string(&mut sql)?;
            statements::run(&engine, &sql, &output).await
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", statements::message(&error));
            ExitCode::from(2)
        }
    }
}
