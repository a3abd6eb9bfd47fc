//! The operator's listener: health and metrics. On loopback by default, never the public one.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use kimbai_engine::Engine;

use crate::http::listener::{Peer, Service};
use crate::http::reply::{self, HttpFault};
use crate::metrics::Metrics;

/// Answers the operator.
#[derive(Debug)]
pub struct Operator {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
}

impl Operator {
    /// An operator's listener over an engine.
    #[must_use]
    pub const fn new(engine: Arc<Engine>, metrics: Arc<Metrics>) -> Self {
        Self { engine, metrics }
    }
}

impl Service for Operator {
    async fn answer(&self, _peer: Peer, request: Request<Body>) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let fault = HttpFault::Method("GET, HEAD");
            return fault.with_header(reply::empty(fault.status()));
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "alive\n".to_owned()),
            "/readyz" if self.engine.is_ready() => text(StatusCode::OK, "ready\n".to_owned()),
            "/readyz" => {
                let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "the store is not available\n".to_owned());
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.metrics.render(&self.engine));
                let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(open_metrics));
                response
            }
            _ => text(StatusCode::NOT_FOUND, "here are /healthz, /readyz and /metrics\n".to_owned()),
        }
    }
}

fn text(status: StatusCode, body: String) -> Response {
    let mut response = reply::empty(status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    *response.body_mut() = Body::from(body);
    response
}
