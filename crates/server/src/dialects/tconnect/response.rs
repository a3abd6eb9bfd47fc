//! Writing answers: five members on top, plain or in an envelope, as the partner wants them.

use axum::response::Response;
use http::StatusCode;
use kimbai_engine::{OpenedEnvelope, TokenAnswer};
use serde::Serialize;

use crate::http::reply;

#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    expires_in: u32,
    refresh_token: &'a str,
    refresh_expires_in: u32,
    token_type: &'static str,
}

/// What the sample resource says.
#[derive(Serialize)]
pub(super) struct Sample<'a> {
    pub(super) partner_code: &'a str,
    pub(super) username: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    data: &'a str,
}

/// The tokens of a log-in or refresh.
pub(super) fn tokens(envelope: &OpenedEnvelope, answer: &TokenAnswer) -> Response {
    let tokens = Tokens {
        access_token: answer.access_token.expose(),
        expires_in: answer.expires_in_s,
        // Every grant of a partner that may refresh has one.
        refresh_token: answer.refresh_token.as_ref().map_or("", |token| token.expose()),
        refresh_expires_in: answer.refresh_expires_in_s,
        token_type: "Bearer",
    };
    json(envelope, &tokens)
}

/// An answer to a request whose envelope was opened.
pub(super) fn json<T: Serialize>(envelope: &OpenedEnvelope, answer: &T) -> Response {
    // Strings and numbers are always written.
    let plain = serde_json::to_string(answer).unwrap_or_default();
    let body = match envelope.seal_answer(plain.as_bytes()) {
        Some(data) => serde_json::to_string(&Data { data: &data }).unwrap_or_default(),
        None => plain,
    };
    reply::json(StatusCode::OK, body)
}
