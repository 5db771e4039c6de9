//! `drystone mcp`: a server of the Model Context Protocol on standard input and output, for
//! programs that ask on behalf of a language model. `tools` describes what they can call, `reads`
//! and `changes` do it.

mod changes;
mod reads;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use drystone::{Database, Error, ErrorKind, Result};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::formats::bytes;
use crate::open;
use crate::report::Outcome;

/// Serve a database to a language model, by the Model Context Protocol on standard input and output
///
/// The tools are tables, schema, sample, query and count; with --write also load, set and remove.
/// Each call sees the newest state, so other programs may write meanwhile. A client starts this
/// command itself: name it in the client's list of servers.
#[derive(Args)]
pub(crate) struct Mcp {
    /// The database file
    db: PathBuf,
    /// Offer tools that change rows too
    #[arg(long)]
    write: bool,
    /// Answer a call with at most this many rows
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    max_rows: u64,
    /// Answer a call with at most this many bytes of rows
    #[arg(long, value_name = "BYTES", default_value = "256K", value_parser = bytes::parse)]
    max_bytes: usize,
    /// End a call with an error after this many seconds
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    max_seconds: u32,
}

/// What a call may take.
#[derive(Clone, Copy)]
struct Limits {
    rows: u64,
    bytes: usize,
    time: Duration,
}

/// A call: the database, and when it began.
struct Call<'a> {
    db: &'a Database,
    limits: Limits,
    begun: Instant,
}

impl Call<'_> {
    /// The time that is left.
    fn time_left(&self) -> Duration {
        self.limits.time.saturating_sub(self.begun.elapsed())
    }
}

#[derive(Clone)]
struct Server {
    db: Database,
    name: Arc<str>,
    may_write: bool,
    limits: Limits,
}

impl Mcp {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = if self.write { open::to_write(&self.db)? } else { open::to_read(&self.db)? };
        let limits = Limits {
            rows: self.max_rows,
            bytes: self.max_bytes,
            time: Duration::from_secs(self.max_seconds.into()),
        };
        let name = self.db.file_name().unwrap_or_default().to_string_lossy().into();
        let server = Server { db, name, may_write: self.write, limits };
        let failed = |error| Error::io("cannot start the server", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let served = runtime.block_on(async {
            let running = server.serve(rmcp::transport::stdio()).await.map_err(|error| error.to_string())?;
            running.waiting().await.map_err(|error| error.to_string())
        });
        // A call that still runs ends with the process. What it has not committed is undone.
        runtime.shutdown_background();
        match served {
            Ok(_) => Ok(Outcome::Done),
            Err(reason) => {
                Err(Error::new(ErrorKind::Input, format!("the client did not speak MCP: {reason}")))
            }
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let (name, rows, seconds) = (&self.name, self.limits.rows, self.limits.time.as_secs());
        let changes = if self.may_write { "Rows can be changed." } else { "It is read-only." };
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("drystone", env!("CARGO_PKG_VERSION"));
        info.instructions = Some(format!(
            "The Drystone database {name}: tables of records with fixed fields. {changes} Call tables first, then \
             schema. An answer has at most {rows} rows, and a call at most {seconds} s: prefer count, or query with \
             aggregate, to reading rows.\n{}",
            tools::GRAMMAR
        ));
        info
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all(self.may_write)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        if !tools::all(self.may_write).iter().any(|tool| tool.name == name) {
            let hint = if tools::all(true).iter().any(|tool| tool.name == name) {
                "; the server was started without --write"
            } else {
                ""
            };
            return Err(ErrorData::invalid_params(format!("there is no tool {name:?}{hint}"), None));
        }
        let server = self.clone();
        // Queries take time, and waiting for a writer too.
        let answer = tokio::task::spawn_blocking(move || {
            let call = Call { db: &server.db, limits: server.limits, begun: Instant::now() };
            call.answer(&request.name, request.arguments.unwrap_or_default())
        });
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => return Err(ErrorData::internal_error(error.to_string(), None)),
        };
        // An error is an answer that the model can act on.
        Ok(match answer {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
        }
        .into())
    }
}

impl Call<'_> {
    /// The answer to a call of a tool, as JSON.
    fn answer(&self, tool: &str, arguments: JsonObject) -> Result<String> {
        match tool {
            "tables" => self.tables(&parsed(arguments)?),
            "schema" => self.schema(&parsed(arguments)?),
            "sample" => self.sample(&parsed(arguments)?),
            "query" => self.query(&parsed(arguments)?),
            "count" => self.count(&parsed(arguments)?),
            "load" => self.load(&parsed(arguments)?),
            "set" => self.set(&parsed(arguments)?),
            "remove" => self.remove(&parsed(arguments)?),
            _ => Err(Error::new(ErrorKind::Usage, format!("there is no tool {tool:?}"))),
        }
    }
}

/// Reads the arguments of a tool.
fn parsed<T: DeserializeOwned>(arguments: JsonObject) -> Result<T> {
    serde_json::from_value(Json::Object(arguments))
        .map_err(|error| Error::new(ErrorKind::Usage, format!("wrong arguments: {error}")))
}
