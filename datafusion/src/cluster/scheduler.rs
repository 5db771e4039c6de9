//! The scheduler: cuts queries into stages, gives tasks to executors, and repeats the tasks of
//! those that died.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::serde::protobuf::UpdateTaskStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use ballista_scheduler::cluster::{BallistaCluster, ClusterState};
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::error::Result;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::Request;

use super::codec::Codec;
use super::placement::Placement;
use super::{APART, failed};
use crate::scan::Opener;

/// How the scheduler notices that an executor died.
const EXECUTOR_TIMEOUT_SECONDS: u64 = 5;
const EXPIRY_CHECK_SECONDS: u64 = 1;

const ONCE_IN_A_WHILE: Duration = Duration::from_secs(1);

/// Runs a scheduler on this listener until it fails. It opens no database: what it needs to know of
/// the tables comes with each query.
///
/// # Errors
/// If the address cannot be used.
pub async fn run_scheduler(listener: TcpListener, opener: Opener) -> Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    let mut config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        external_host: address.ip().to_string(),
        bind_port: address.port(),
        executor_timeout_seconds: EXECUTOR_TIMEOUT_SECONDS,
        expire_dead_executor_interval_seconds: EXPIRY_CHECK_SECONDS,
        override_physical_codec: Some(Arc::new(Codec::new(
            BallistaPhysicalExtensionCodec::default(),
            &opener,
        ))),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    let state = cluster.cluster_state();
    let logical = Codec::new(BallistaLogicalExtensionCodec::default(), &opener).with_apart({
        let state = Arc::clone(&state);
        move || {
            let executors = state.executor_heartbeats();
            executors.is_empty() || executors.keys().any(|name| name.ends_with(APART))
        }
    });
    config.override_logical_codec = Some(Arc::new(logical));
    let placement = Arc::new(Placement::new(Arc::clone(&state)));
    let answered = Arc::clone(&placement.answered);
    config.task_distribution = TaskDistributionPolicy::Custom(placement);
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    let scheduler = scheduler.map_err(failed)?;
    let again = give_again(scheduler.clone(), state, answered);
    tokio::select! {
        ended = start_grpc_service_with_listener(listener, scheduler) => ended.map_err(failed),
        never = again => match never {},
    }
}

/// Has the scheduler give away tasks again when an executor has answered. The call for that is
/// private; a report of an executor without any task in it has the same effect.
async fn give_again(
    scheduler: SchedulerServer<LogicalPlanNode, PhysicalPlanNode>,
    cluster: Arc<dyn ClusterState>,
    answered: Arc<Notify>,
) -> Infallible {
    loop {
        // Tasks wait for answers, for free slots, and for executors to be removed. Each of these
        // is an event; once in a while is for one that was missed.
        let _ = tokio::time::timeout(ONCE_IN_A_WHILE, answered.notified()).await;
        if let Some(executor) = cluster.registered_executor_metadata().await.pop() {
            let report = UpdateTaskStatusParams { executor_id: executor.id, task_status: Vec::new() };
            let _ = SchedulerGrpc::update_task_status(&scheduler, Request::new(report)).await;
        }
    }
}
