//! One keep-alive HTTP/1.1 connection that does one exchange at a time.
//! Request and connection are polled by the same task: no message passes between tasks, so the driver takes as little
//! as it can from the cores that it shares with the server. Knows nothing of OAuth.

use std::future::ready;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;
use std::{fmt, io};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use url::Url;

const EXCHANGE_TIME_MAX: Duration = Duration::from_secs(20);
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Everything of a request but its body, made once and sent often.
#[derive(Clone, Debug)]
pub(super) struct Template {
    method: Method,
    target: Uri,
    headers: HeaderMap,
}

impl Template {
    pub(super) fn get(url: &Url) -> anyhow::Result<Self> {
        Self::new(Method::GET, url)
    }

    pub(super) fn form(url: &Url) -> anyhow::Result<Self> {
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        Ok(Self::new(Method::POST, url)?.with(CONTENT_TYPE, content_type))
    }

    pub(super) fn json(url: &Url) -> anyhow::Result<Self> {
        Ok(Self::new(Method::POST, url)?.with(CONTENT_TYPE, HeaderValue::from_static("application/json")))
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With another query, for a template that is made once and asked with ever new parameters.
    pub(super) fn with_query(&self, query: &str) -> anyhow::Result<Self> {
        let target = format!("{}?{query}", self.target.path()).parse().context("request target")?;
        Ok(Self { target, ..self.clone() })
    }

    fn new(method: Method, url: &Url) -> anyhow::Result<Self> {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{query}", url.path()).parse().with_context(|| format!("request target of {url}"))?;
        let host = HeaderValue::from_str(url.authority()).context("host")?;
        Ok(Self { method, target, headers: HeaderMap::from_iter([(HOST, host)]) })
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.target);
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "HTTP/1.1 {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

/// A connection to one host, opened when first needed and again when the server closed it.
#[derive(Debug)]
pub(super) struct Connection {
    host: String,
    port: u16,
    source: Option<Ipv4Addr>,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<TcpStream>, Full<Bytes>>,
}

impl Connection {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, source: None, live: None }
    }

    /// From another loopback address to the server's first: for the server, someone else. Linux has all of 127.0.0.0/8.
    pub(super) fn coming_from(self, source: Ipv4Addr) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Closes it; the next exchange opens it again.
    pub(super) fn close(&mut self) {
        self.live = None;
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange(&mut self, template: &Template, body: Bytes) -> anyhow::Result<Answer> {
        let exchange = tokio::time::timeout(EXCHANGE_TIME_MAX, self.exchange_at_leisure(template, body)).await;
        let answer = exchange.unwrap_or_else(|_| Err(anyhow!("no answer within {EXCHANGE_TIME_MAX:?}")));
        if answer.is_err() {
            self.live = None;
        }
        answer.with_context(|| template.to_string())
    }

    async fn exchange_at_leisure(&mut self, template: &Template, body: Bytes) -> anyhow::Result<Answer> {
        if let Some(live) = &mut self.live
            && !live.was_closed().await
        {
            match live.exchange(template.request(body.clone())).await {
                Ok((answer, Afterwards::Open)) => return Ok(answer),
                Ok((answer, Afterwards::Closed)) => {
                    self.live = None;
                    return Ok(answer);
                }
                // The server closed the connection while it was idle: nothing of the request was sent.
                Err(error) if was_not_sent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let (answer, afterwards) = {
            let stream = match self.source {
                None => TcpStream::connect((self.host.as_str(), self.port)).await,
                Some(source) => connect_from(source, self.port).await,
            };
            let stream = stream.with_context(|| format!("cannot connect to {}:{}", self.host, self.port))?;
            let live = self.live.insert(Live::over(stream).await?);
            live.exchange(template.request(body)).await?
        };
        if matches!(afterwards, Afterwards::Closed) {
            self.live = None;
        }
        Ok(answer)
    }
}

enum Afterwards {
    Open,
    Closed,
}

impl Live {
    async fn over(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true).context("TCP_NODELAY")?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.context("HTTP handshake")?;
        Ok(Self { sender, driver })
    }

    /// Whether the server closed it since the last exchange; a request given to it then would wait for ever.
    async fn was_closed(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = &mut self.driver => true,
            () = ready(()) => false,
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(Answer, Afterwards)> {
        let Self { sender, driver } = self;
        let mut answer = pin!(async move {
            sender.ready().await?;
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| anyhow!("the answer's body: {error}"))?.to_bytes();
            anyhow::Ok(Answer { status: parts.status, headers: parts.headers, body })
        });
        tokio::select! {
            biased;
            answer = &mut answer => Ok((answer?, Afterwards::Open)),
            // What was read before the end is still to be had from the other side.
            _ = driver => Ok((answer.await?, Afterwards::Closed)),
        }
    }
}

async fn connect_from(source: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect((Ipv4Addr::LOCALHOST, port).into()).await
}

fn was_not_sent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(|error| error.is_canceled() || error.is_closed())
}
