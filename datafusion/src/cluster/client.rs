//! A client: plans queries, sends them to the scheduler, and takes the results.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista::prelude::{SessionConfigExt as _, SessionContextExt as _};
use ballista_core::config::BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::codec::Codec;
use crate::scan::Opener;

/// Queries for a cluster.
#[derive(Clone)]
pub struct Client {
    context: SessionContext,
}

impl Client {
    /// A client of the scheduler at this address. `partitions` is how many tasks a stage has at
    /// most; a table of shards has one for each.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub async fn connect(scheduler: SocketAddr, partitions: usize, opener: &Opener) -> Result<Client> {
        let config = SessionConfig::new_with_ballista()
            .with_target_partitions(partitions)
            .with_ballista_adaptive_query_planner(false)
            .set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, 1)
            .set_bool("datafusion.optimizer.prefer_hash_join", true)
            .with_ballista_logical_extension_codec(Arc::new(Codec::new(
                BallistaLogicalExtensionCodec::default(),
                opener,
            )))
            .with_ballista_physical_extension_codec(Arc::new(Codec::new(
                BallistaPhysicalExtensionCodec::default(),
                opener,
            )));
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        let context = SessionContext::remote_with_state(&format!("df://{scheduler}"), state).await?;
        Ok(Client { context })
    }

    /// Adds a table under a name.
    ///
    /// # Errors
    /// If there is a table of this name.
    pub fn register(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        self.context.register_table(name, table).map(drop)
    }

    /// The session, for settings and for data frames.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// All rows of a query: see [`collect`](Client::collect).
    ///
    /// # Errors
    /// The error of the plan, or as for [`collect`](Client::collect).
    pub async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        self.collect(self.context.sql(sql).await?).await
    }

    /// All rows of a planned query. The scheduler repeats the tasks of an executor that dies, but
    /// not the last step, in which the result is fetched; so a query that fails is sent once more.
    /// It reads the same states, and rows are returned only when all are there.
    ///
    /// # Errors
    /// The error of the second attempt.
    pub async fn collect(&self, query: DataFrame) -> Result<Vec<RecordBatch>> {
        match query.clone().collect().await {
            Ok(rows) => Ok(rows),
            Err(_) => query.collect().await,
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.context.session_id())
    }
}
