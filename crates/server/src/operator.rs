//! The operator's listener: health, metrics, and introspection for trusted services. On loopback by default, never the public one.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use kimbai_engine::Engine;

use crate::http::front;
use crate::http::listener::{Peer, Service};
use crate::http::reply::{self, HttpFault};
use crate::http::sites::Sites;
use crate::metrics::Metrics;
use crate::site::Site;

/// Answers the operator.
#[derive(Debug)]
pub struct Operator {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    sites: Arc<Sites>,
}

/// Below this path a realm's name, and behind it what the realm answers to the operator.
const REALMS: &str = "/realms/";

impl Operator {
    /// An operator's listener over an engine whose realms have these sites.
    #[must_use]
    pub const fn new(engine: Arc<Engine>, metrics: Arc<Metrics>, sites: Arc<Sites>) -> Self {
        Self { engine, metrics, sites }
    }

    /// The site of the realm that a path names, and what is left of the path, if the realm answers it here.
    fn realm_at(&self, path: &str) -> Option<(Arc<Site>, String)> {
        let (name, rest) = path.strip_prefix(REALMS)?.split_once('/')?;
        let site = self.sites.of_realm(name)?;
        let path = site.realm()?.settings.paths.introspect.clone();
        (path.strip_prefix('/') == Some(rest)).then_some((site, path))
    }
}

impl Service for Operator {
    async fn answer(&self, peer: Peer, request: Request<Body>) -> Response {
        if let Some((site, path)) = self.realm_at(request.uri().path()) {
            return front::respond_to_operator(&site, peer.source(), request, &path).await;
        }
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
            _ => text(
                StatusCode::NOT_FOUND,
                "here are /healthz, /readyz, /metrics and /realms/{name}, with the path of introspection behind it\n"
                    .to_owned(),
            ),
        }
    }
}

fn text(status: StatusCode, body: String) -> Response {
    let mut response = reply::empty(status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    *response.body_mut() = Body::from(body);
    response
}
