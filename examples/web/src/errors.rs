//! Errors as answers: the kind of a drystone error says which status code it is.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use drystone::{Error, ErrorKind};
use serde::Serialize;

/// What a request gets instead of an answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotFound(String),
    Store(Error),
    /// A task of the service panicked, or was stopped.
    Task(tokio::task::JoinError),
}

/// The body of an answer that is an error.
#[derive(Serialize)]
struct Body {
    error: String,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Store(error)
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(error: tokio::task::JoinError) -> Refusal {
        Refusal::Task(error)
    }
}

/// Mistakes of the caller are explained to the caller. Everything else concerns the service only,
/// such as a full disk or a damaged file.
pub(crate) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Query | ErrorKind::FieldNotFound | ErrorKind::Value => StatusCode::BAD_REQUEST,
        ErrorKind::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::KeyExists | ErrorKind::AlreadyExists => StatusCode::CONFLICT,
        ErrorKind::ReadOnly => StatusCode::FORBIDDEN,
        ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Refusal::NotFound(what) => (StatusCode::NOT_FOUND, what),
            Refusal::Store(error) => (status(error.kind()), error.to_string()),
            Refusal::Task(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        if status != StatusCode::INTERNAL_SERVER_ERROR {
            return (status, Json(Body { error })).into_response();
        }
        eprintln!("{error}");
        let error = "internal error; the log of the service says more".to_owned();
        (status, Json(Body { error })).into_response()
    }
}
