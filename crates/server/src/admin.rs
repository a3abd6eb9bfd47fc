//! Administration over the operator's socket: `POST /admin/{command}` with a command as JSON, answered by its reply as JSON.
//!
//! Whoever can open the socket owns the data directory. Nothing of this is on a TCP port.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kimbai_engine::admin::{AdminError, Administration};

use crate::http::listener::{Peer, Service};
use crate::http::reply;
use crate::operator::Operator;
use crate::serving::Serving;

/// The header in which a command says for which store it is, in the words of [`OperatorSocket::store`].
pub const STORE_HEADER: &str = "kimbai-store";

/// Below this path, a command each.
const PATH: &str = "/admin/";
/// A command may have so many bytes: some 100,000 users in one file.
const COMMAND_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is behind the operator's socket: commands, and all that the operator's TCP listener has.
#[derive(Debug)]
pub struct OperatorSocket {
    /// What is not a command.
    pub operator: Operator,
    /// Carries commands out.
    pub administration: Arc<Administration>,
    /// Follows what they change.
    pub serving: Arc<Serving>,
    /// Which store it is: a command that was meant for another one is not carried out.
    pub store: String,
}

impl Service for OperatorSocket {
    async fn answer(&self, peer: Peer, request: Request<Body>) -> Response {
        if !request.uri().path().starts_with(PATH) {
            return self.operator.answer(peer, request).await;
        }
        let command = request.uri().path().strip_prefix(PATH).unwrap_or_default().to_owned();
        let response = match self.check_store(&request) {
            Ok(()) => Box::pin(carry_out(&self.administration, request)).await,
            Err(error) => refused(&error),
        };
        tracing::info!(target: "kimbai::admin", command, status = response.status().as_u16());
        if let Err(error) = self.serving.refresh() {
            tracing::error!(%error, "not all realms are served as they stand");
        }
        response
    }
}

impl OperatorSocket {
    /// Whether a command is for this store.
    fn check_store(&self, request: &Request<Body>) -> Result<(), AdminError> {
        let named = request.headers().get(STORE_HEADER);
        let named = named.ok_or_else(|| AdminError::Version(request.uri().path().to_owned()))?;
        if named.as_bytes() == self.store.as_bytes() {
            return Ok(());
        }
        Err(AdminError::Invalid(vec![format!(
            "the server with this data directory works on {}, and this command is for {}: name that server's store (--store), or the \
             data directory of the other (--data)",
            self.store,
            String::from_utf8_lossy(named.as_bytes())
        )]))
    }
}

/// Carries out the command of a request.
async fn carry_out(administration: &Administration, request: Request<Body>) -> Response {
    if *request.method() != Method::POST {
        return reply::HttpFault::Method("POST").with_header(reply::empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let name = request.uri().path().strip_prefix(PATH).unwrap_or_default().to_owned();
    let command: Bytes = match Limited::new(request.into_body(), COMMAND_BYTES_MAX).collect().await {
        Ok(command) => command.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return refused(&AdminError::Invalid(vec!["the command is too large: apply it in parts".to_owned()]));
        }
        Err(_) => return refused(&AdminError::Failed("the command was cut short".to_owned())),
    };
    match administration.answer(&name, &command).await {
        Ok(reply) => reply::json(StatusCode::OK, reply),
        Err(error) => refused(&error),
    }
}

fn refused(error: &AdminError) -> Response {
    let status = match error {
        AdminError::NotFound(_) => StatusCode::NOT_FOUND,
        AdminError::Exists(_) => StatusCode::CONFLICT,
        AdminError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        AdminError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        AdminError::Version(_) => StatusCode::BAD_REQUEST,
        AdminError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    reply::json(status, serde_json::to_string(error).unwrap_or_default())
}
