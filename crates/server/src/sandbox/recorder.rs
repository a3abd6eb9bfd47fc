//! The last requests of a realm and why they were refused, at `/sandbox/requests`.
//!
//! Tokens and secrets are shown as their length and 8 hex digits of a digest: enough to tell two apart.

use std::collections::VecDeque;

use axum::response::Response;
use http::{Method, StatusCode};
use kimbai_core::time::Micros;
use kimbai_pages::RequestLine;
use serde::Serialize;

use crate::dialects::standard::error;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::interaction::wants_page;
use crate::site::{Audience, Call};

const REQUESTS_MAX: usize = 200;

/// A request that was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    id: String,
    at: String,
    method: String,
    path: String,
    status: u16,
    reason: Option<String>,
    mistake: Option<&'static str>,
    explanation: Option<&'static str>,
}

impl Recorded {
    pub(crate) fn new(
        request_id: &str,
        method: &Method,
        target: String,
        status: StatusCode,
        reason: Option<Reason>,
        now: Micros,
    ) -> Self {
        Self {
            id: request_id.to_owned(),
            at: now.to_rfc3339(),
            method: method.to_string(),
            path: target,
            status: status.as_u16(),
            mistake: reason.as_ref().map(|reason| reason.mistake),
            explanation: reason.as_ref().map(|reason| reason.explanation),
            reason: reason.map(|reason| reason.detail),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Recorder {
    requests: VecDeque<Recorded>,
}

impl Recorder {
    pub(super) fn push(&mut self, request: Recorded) {
        if self.requests.len() == REQUESTS_MAX {
            self.requests.pop_back();
        }
        self.requests.push_front(request);
    }

    pub(super) fn newest_first(&self) -> Vec<Recorded> {
        self.requests.iter().cloned().collect()
    }
}

/// The list, as a page or as JSON.
pub(super) async fn requests(call: Call) -> Response {
    let Audience::Sandbox(sandbox) = &call.site.audience else { return error::fault(&call.site, HttpFault::NotFound) };
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return error::fault(&call.site, HttpFault::Method("GET, HEAD"));
    }
    let recorded = sandbox.recorded();
    if !wants_page(&call.headers) {
        return reply::json(StatusCode::OK, serde_json::to_string(&recorded).unwrap_or_default());
    }
    let lines: Vec<_> = recorded
        .iter()
        .map(|request| RequestLine {
            id: &request.id,
            at: &request.at,
            method: &request.method,
            path: &request.path,
            status: request.status,
            reason: request.reason.as_deref(),
            mistake: request.mistake,
            explanation: request.explanation,
        })
        .collect();
    reply::page(StatusCode::OK, kimbai_pages::sandbox_requests(&call.frame(), &lines), &PageSources::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_200_requests_are_kept_newest_first() {
        let mut recorder = Recorder::default();
        for number in 0..=200 {
            let (id, target) = (number.to_string(), "/".to_owned());
            let request = Recorded::new(&id, &Method::GET, target, StatusCode::OK, None, Micros::from_unix_s(0));
            recorder.push(request);
        }
        let ids: Vec<_> = recorder.newest_first().into_iter().map(|request| request.id).collect();
        assert_eq!((ids.len(), ids[0].as_str(), ids[199].as_str()), (200, "200", "1"));
    }
}
