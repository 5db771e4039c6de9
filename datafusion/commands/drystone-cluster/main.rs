//! `drystone-cluster`: the servers that run SQL over shards on many nodes.

#[path = "../open.rs"]
mod open;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use datafusion::error::{DataFusionError, Result};
use drystone_datafusion::cluster::{ExecutorOptions, run_executor, run_scheduler};
use tokio::net::TcpListener;

/// Batches are allocated and freed all the time, by many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Run queries of drystone-sql on many nodes: one scheduler, and executors that read the shards.
///
/// There is no encryption and no password: let only your own machines reach the ports.
#[derive(Parser)]
#[command(name = "drystone-cluster", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    server: Server,
}

#[derive(Subcommand)]
enum Server {
    /// Cut queries into tasks, and give them to the executors
    Scheduler {
        /// Where it listens; port 0 takes any free one
        #[arg(long, default_value = "127.0.0.1:50050")]
        listen: SocketAddr,
    },
    /// Run tasks, on the shards that this node has
    Executor {
        /// The address of the scheduler
        #[arg(long, default_value = "127.0.0.1:50050")]
        scheduler: SocketAddr,
        /// The address at which the other nodes reach this one
        #[arg(long, default_value = "127.0.0.1")]
        host: IpAddr,
        /// The ports for results and for tasks [default: any two free ones]
        #[arg(long, num_args = 2, value_names = ["RESULTS", "TASKS"])]
        ports: Option<Vec<u16>>,
        /// How many tasks run at a time [default: the processors]
        #[arg(long)]
        tasks: Option<usize>,
        /// The folder for results on their way [default: a temporary one]
        #[arg(long)]
        work: Option<PathBuf>,
        /// A folder with the list of shards (shards.txt) and those shards that this node has; once
        /// for each table. The folder that the client names is looked into last
        #[arg(long, value_name = "FOLDER")]
        shards: Vec<PathBuf>,
    },
}

impl Server {
    async fn run(&self) -> Result<()> {
        match self {
            Server::Scheduler { listen } => {
                let listener = TcpListener::bind(listen).await?;
                println!("scheduler at {}", listener.local_addr()?);
                run_scheduler(listener, open::opener()).await
            }
            Server::Executor { scheduler, host, ports, tasks, work, shards } => {
                let ports = match ports.as_deref() {
                    Some(&[results, tasks]) => [results, tasks],
                    _ => free_ports(*host)?,
                };
                // A folder of its own is removed when the executor ends.
                let own = tempfile::tempdir()?;
                let folder = work.as_deref().unwrap_or(own.path());
                std::fs::create_dir_all(folder)?;
                let mut options = ExecutorOptions::new(*host, ports, *scheduler, folder);
                options.tasks = tasks.unwrap_or(options.tasks).max(1);
                options.shards.clone_from(shards);
                println!("executor at {host}, ports {} and {}", ports[0], ports[1]);
                run_executor(&options, open::opener()).await
            }
        }
    }
}

/// Two ports that are free now. Ballista cannot be given a socket that is bound already.
fn free_ports(host: IpAddr) -> Result<[u16; 2]> {
    let bind = || std::net::TcpListener::bind((host, 0));
    let (results, tasks) = (bind()?, bind()?);
    Ok([results.local_addr()?.port(), tasks.local_addr()?.port()])
}

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().server.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = match error {
                DataFusionError::External(error) => error.to_string(),
                error => error.strip_backtrace(),
            };
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}
