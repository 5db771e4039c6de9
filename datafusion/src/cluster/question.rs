//! The question of the scheduler to an executor: which of these files do you have? It goes to the
//! port for results, as an action of Arrow Flight beside those of Ballista, because an executor
//! cannot say more than its address when it registers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, PollInfo,
    SchemaResult, Ticket,
};
use ballista_core::error::BallistaError;
use ballista_core::serde::scheduler::ExecutorMetadata;
use ballista_core::utils::create_grpc_server;
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::flight_service::BallistaFlightService;
use datafusion::error::Result;
use futures::{StreamExt as _, stream};
use prost::Message;
use tonic::transport::Endpoint;
use tonic::{Request, Response, Status, Streaming};

use super::codec::{FileProto, file};
use super::failed;
use crate::scan::{Lists, Opener};

/// The name of the action.
const ACTION: &str = "drystone files";

/// How long an executor may take to answer.
const ANSWER_SECONDS: u64 = 3;

/// The limit that Ballista has for its own messages.
const MESSAGE_BYTES: usize = 16 << 20;

#[derive(Clone, PartialEq, Message)]
struct QuestionProto {
    #[prost(message, repeated, tag = "1")]
    files: Vec<FileProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AnswerProto {
    /// For each file of the question.
    #[prost(bool, repeated, tag = "1")]
    has: Vec<bool>,
    /// Its own folders, as text.
    #[prost(string, tag = "2")]
    folders: String,
}

/// What an executor has said.
pub(super) struct Answer {
    /// For each file of the question, whether it has it.
    pub(super) has: Vec<bool>,
    /// Its own folders, as text.
    pub(super) folders: String,
}

/// Which of these files an executor has.
///
/// # Errors
/// If it does not answer.
pub(super) async fn ask(executor: &ExecutorMetadata, files: &[FileProto]) -> Result<Answer> {
    let patience = Duration::from_secs(ANSWER_SECONDS);
    let address = format!("http://{}:{}", executor.host, executor.port);
    let endpoint = Endpoint::from_shared(address).map_err(failed)?;
    let endpoint = endpoint.connect_timeout(patience).timeout(patience).tcp_nodelay(true);
    let client = FlightServiceClient::new(endpoint.connect().await.map_err(failed)?);
    let mut client = client.max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES);
    let body = QuestionProto { files: files.to_vec() }.encode_to_vec().into();
    let action = Action { r#type: ACTION.to_owned(), body };
    let mut answers = client.do_action(action).await.map_err(failed)?.into_inner();
    let answer = answers.message().await.map_err(failed)?.unwrap_or_default();
    let answer = AnswerProto::decode(answer.body).map_err(failed)?;
    if answer.has.len() != files.len() {
        return Err(failed(Status::data_loss("an answer for other files")));
    }
    Ok(Answer { has: answer.has, folders: answer.folders })
}

/// The service for results of an executor, which also answers the question.
pub(super) fn service(opener: &Opener, folders: &Arc<[PathBuf]>) -> Arc<ArrowFlightServerProvider> {
    let (opener, folders) = (Arc::clone(opener), Arc::clone(folders));
    Arc::new(move |work_folder, address, mut shutdown, config| {
        let answering = Answering {
            results: BallistaFlightService::new(work_folder),
            opener: Arc::clone(&opener),
            folders: Arc::clone(&folders),
        };
        let service = FlightServiceServer::new(answering)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        tokio::spawn(async move {
            let server = create_grpc_server(&config).add_service(service);
            let served = server.serve_with_shutdown(address, shutdown.recv()).await;
            served.map_err(BallistaError::TonicError)
        })
    })
}

/// The service of Ballista, and the answer to one more action.
struct Answering {
    results: BallistaFlightService,
    opener: Opener,
    folders: Arc<[PathBuf]>,
}

fn answer(question: &[u8], opener: &Opener, folders: &Arc<[PathBuf]>) -> Result<AnswerProto> {
    let mut lists = Lists::default();
    let question = QuestionProto::decode(question).map_err(failed)?;
    let has = question.files.iter().map(|proto| Ok(file(proto, opener, folders)?.is_here(&mut lists)));
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    Ok(AnswerProto { has: has.collect::<Result<_>>()?, folders: names.join(" and ") })
}

#[tonic::async_trait]
impl FlightService for Answering {
    type HandshakeStream = <BallistaFlightService as FlightService>::HandshakeStream;
    type ListFlightsStream = <BallistaFlightService as FlightService>::ListFlightsStream;
    type DoGetStream = <BallistaFlightService as FlightService>::DoGetStream;
    type DoPutStream = <BallistaFlightService as FlightService>::DoPutStream;
    type DoExchangeStream = <BallistaFlightService as FlightService>::DoExchangeStream;
    type DoActionStream = <BallistaFlightService as FlightService>::DoActionStream;
    type ListActionsStream = <BallistaFlightService as FlightService>::ListActionsStream;

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        if request.get_ref().r#type != ACTION {
            return self.results.do_action(request).await;
        }
        let (opener, folders) = (Arc::clone(&self.opener), Arc::clone(&self.folders));
        // The folders may be on a slow disk.
        let answer = move || answer(&request.get_ref().body, &opener, &folders);
        let answer = tokio::task::spawn_blocking(answer).await;
        let answer = answer.map_err(|error| Status::internal(error.to_string()))?;
        let answer = answer.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let answer = arrow_flight::Result { body: answer.encode_to_vec().into() };
        Ok(Response::new(stream::iter([Ok(answer)]).boxed()))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        self.results.do_get(request).await
    }

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        self.results.handshake(request).await
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        self.results.list_actions(request).await
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.results.list_flights(request).await
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.results.get_flight_info(request).await
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        self.results.poll_flight_info(request).await
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        self.results.get_schema(request).await
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        self.results.do_put(request).await
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.results.do_exchange(request).await
    }
}
