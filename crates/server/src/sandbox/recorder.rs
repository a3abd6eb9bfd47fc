//! The last requests of a realm and why they were refused, at `/sandbox/requests`.
//!
//! Tokens and secrets are shown as their length and 8 hex digits of a digest: enough to tell two apart.

use std::collections::VecDeque;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use http::{Method, StatusCode, Uri};
use kimbai_core::time::Micros;
use kimbai_pages::RequestLine;
use serde::Serialize;

use crate::dialects::standard::error;
use crate::http::form::Form;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::interaction::wants_page;
use crate::site::{Audience, Call};

const REQUESTS_MAX: usize = 200;

/// Parameters that are never shown.
const SECRET_PARAMETERS: [&str; 9] = [
    "code",
    "access_token",
    "refresh_token",
    "token",
    "client_secret",
    "password",
    "code_verifier",
    "continuation",
    "state",
];

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
        uri: &Uri,
        status: StatusCode,
        reason: Option<Reason>,
        now: Micros,
    ) -> Self {
        Self {
            id: request_id.to_owned(),
            at: rfc3339(now),
            method: method.to_string(),
            path: masked(uri),
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

/// Path and query, with what is secret masked.
fn masked(uri: &Uri) -> String {
    let Some(query) = uri.query() else { return uri.path().to_owned() };
    let Ok(form) = Form::decode(query.as_bytes()) else { return format!("{}?…", uri.path()) };
    let pairs: Vec<_> = form
        .pairs()
        .map(|(name, value)| {
            let shown = if SECRET_PARAMETERS.contains(&name) { mask(value) } else { value.to_owned() };
            format!("{name}={shown}")
        })
        .collect();
    format!("{}?{}", uri.path(), pairs.join("&"))
}

/// A secret's length, and 8 hex digits of its digest.
fn mask(secret: &str) -> String {
    let digest = digest(&SHA256, secret.as_bytes());
    let first = digest.as_ref().first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    format!("[{} characters, {first:08x}]", secret.chars().count())
}

/// `2026-11-21T09:34:00Z`, by the civil calendar (days counted from 0000-03-01 in eras of 400 years).
fn rfc3339(at: Micros) -> String {
    let seconds = i64::from(at.as_unix_s());
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_by_the_civil_calendar() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_253_640, "2026-11-21T09:34:00Z"),
            (4_294_967_295, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(rfc3339(Micros::from_unix_s(seconds)), expect);
        }
    }

    #[test]
    fn secrets_are_masked_and_tell_two_apart() {
        let uri = Uri::from_static("/sandbox/callback?code=abc&iss=http%3A%2F%2Flocalhost&password=x");
        let shown = masked(&uri);
        assert_eq!(
            shown,
            "/sandbox/callback?code=[3 characters, ba7816bf]&iss=http://localhost&password=[1 characters, 2d711642]"
        );
    }

    #[test]
    fn the_last_200_requests_are_kept_newest_first() {
        let mut recorder = Recorder::default();
        for number in 0..=200 {
            let uri = Uri::from_static("/");
            let request =
                Recorded::new(&number.to_string(), &Method::GET, &uri, StatusCode::OK, None, Micros::from_unix_s(0));
            recorder.push(request);
        }
        let ids: Vec<_> = recorder.newest_first().into_iter().map(|request| request.id).collect();
        assert_eq!((ids.len(), ids[0].as_str(), ids[199].as_str()), (200, "200", "1"));
    }
}
