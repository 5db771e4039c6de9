//! An executor: runs the tasks that the scheduler gives it, on the shards that it has.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::error::Result;

use super::codec::Codec;
use super::{APART, failed, question};
use crate::scan::Opener;

/// How often an executor says that it lives.
const HEARTBEAT_SECONDS: u64 = 1;

/// How long an executor waits for the scheduler to answer.
const CONNECT_SECONDS: u16 = 20;

/// Where an executor listens, and what it may use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// The address at which other nodes reach it.
    pub host: IpAddr,
    /// The port for results, and the port for tasks.
    pub ports: [u16; 2],
    /// The scheduler.
    pub scheduler: SocketAddr,
    /// How many tasks run at a time.
    pub tasks: usize,
    /// A folder for results on the way to other tasks. The scheduler has those of a query removed
    /// some minutes after its end.
    pub work_folder: PathBuf,
    /// Folders of shards on this node, which need not have all of them. Shards are looked for here,
    /// and then in the folder that the client has named.
    pub shards: Vec<PathBuf>,
}

impl ExecutorOptions {
    /// An executor of one task for each processor.
    pub fn new(
        host: IpAddr,
        ports: [u16; 2],
        scheduler: SocketAddr,
        work_folder: impl Into<PathBuf>,
    ) -> Self {
        let tasks = std::thread::available_parallelism().map_or(1, usize::from);
        ExecutorOptions { host, ports, scheduler, tasks, work_folder: work_folder.into(), shards: Vec::new() }
    }
}

/// Runs an executor until it is stopped by a signal or by the scheduler.
///
/// # Errors
/// If the scheduler does not answer, or a port is in use.
pub async fn run_executor(options: &ExecutorOptions, opener: Opener) -> Result<()> {
    let [port, grpc_port] = options.ports;
    let folders: Arc<[PathBuf]> = options.shards.as_slice().into();
    let logical = Codec::new(BallistaLogicalExtensionCodec::default(), &opener);
    let physical = Codec::new(BallistaPhysicalExtensionCodec::default(), &opener);
    let default = ExecutorProcessConfig::default();
    let is_apart = !options.shards.is_empty();
    let config = ExecutorProcessConfig {
        executor_id: if is_apart { default.executor_id + APART } else { default.executor_id },
        bind_host: options.host.to_string(),
        external_host: Some(options.host.to_string()),
        port,
        grpc_port,
        scheduler_host: options.scheduler.ip().to_string(),
        scheduler_port: options.scheduler.port(),
        scheduler_connect_timeout_seconds: CONNECT_SECONDS,
        vcores: options.tasks,
        work_dir: Some(options.work_folder.display().to_string()),
        executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        override_logical_codec: Some(Arc::new(logical.with_folders(&folders))),
        override_physical_codec: Some(Arc::new(physical.with_folders(&folders))),
        override_arrow_flight_service: Some(question::service(&opener, &folders)),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(config)).await.map_err(failed)
}
