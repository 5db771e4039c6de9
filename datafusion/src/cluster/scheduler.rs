//! The scheduler: cuts queries into stages, gives tasks to executors, and repeats the tasks of
//! those that died.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::error::Result;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use super::codec::Codec;
use super::failed;
use crate::scan::Opener;

/// How the scheduler notices that an executor died.
const EXECUTOR_TIMEOUT_SECONDS: u64 = 5;
const EXPIRY_CHECK_SECONDS: u64 = 1;

/// Runs a scheduler on this listener until it fails. It opens no database: what it needs to know of
/// the tables comes with each query.
///
/// # Errors
/// If the address cannot be used.
pub async fn run_scheduler(listener: TcpListener, opener: Opener) -> Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    let config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        external_host: address.ip().to_string(),
        bind_port: address.port(),
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: EXECUTOR_TIMEOUT_SECONDS,
        expire_dead_executor_interval_seconds: EXPIRY_CHECK_SECONDS,
        override_logical_codec: Some(Arc::new(Codec::new(BallistaLogicalExtensionCodec::default(), &opener))),
        override_physical_codec: Some(Arc::new(Codec::new(
            BallistaPhysicalExtensionCodec::default(),
            &opener,
        ))),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    start_grpc_service_with_listener(listener, scheduler.map_err(failed)?).await.map_err(failed)
}
