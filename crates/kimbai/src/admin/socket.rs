//! The socket of a running server: a command is posted as JSON, and answered as JSON. Whoever may open the socket is the operator.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use kimbai_engine::admin::{AdminError, Command};
use kimbai_server::admin::STORE_HEADER;
use tokio::net::UnixStream;

/// A server's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    /// For which store the commands are.
    store: String,
}

impl Socket {
    pub(super) const fn new(path: PathBuf, store: String) -> Self {
        Self { path, store }
    }

    /// Whether a server listens on it. One that a server left behind refuses connections.
    ///
    /// # Errors
    /// It cannot be said: this user may not open it, for one.
    pub(super) async fn answers(&self) -> anyhow::Result<bool> {
        match UnixStream::connect(&self.path).await {
            Ok(_) => Ok(true),
            // Where the path is too long for a socket (invalid input), no server has made one.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput
                ) =>
            {
                Ok(false)
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                bail!(
                    "this user may not open {}: run the command as the user that runs the server",
                    self.path.display()
                )
            }
            Err(error) => Err(error).with_context(|| format!("cannot open {}", self.path.display())),
        }
    }

    /// Has the server carry a command out, over a connection of its own.
    pub(super) async fn run<C: Command>(&self, command: C) -> anyhow::Result<C::Reply> {
        let (status, body) = self.post(C::NAME, serde_json::to_vec(&command)?).await.with_context(|| {
            format!("the server at {} did not answer: it may or may not have been done", self.path.display())
        })?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|_| AdminError::Version(C::NAME.to_owned()).into());
        }
        Err(match serde_json::from_slice::<AdminError>(&body) {
            Ok(error) => error.into(),
            Err(_) => anyhow!("the server at {} answered {status}", self.path.display()),
        })
    }

    async fn post(&self, name: &str, command: Vec<u8>) -> anyhow::Result<(StatusCode, Bytes)> {
        let stream = UnixStream::connect(&self.path).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends when the answer was read, or with the exchange's own error.
        tokio::spawn(connection);
        let request = Request::post(format!("/admin/{name}"))
            .header(HOST, HeaderValue::from_static("localhost"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(STORE_HEADER, HeaderValue::from_bytes(self.store.as_bytes())?)
            .body(Full::new(Bytes::from(command)))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, REPLY_BYTES_MAX).collect().await.map_err(|error| anyhow!(error))?;
        Ok((head.status, body.to_bytes()))
    }
}

/// An export of a few million users is smaller.
const REPLY_BYTES_MAX: usize = 1 << 30;
