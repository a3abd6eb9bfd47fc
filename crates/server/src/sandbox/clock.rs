//! `POST /sandbox/clock`: moves the clock of the whole sandbox.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Deserialize;

use super::code::{bad_json, is_foreign};
use crate::dialects::standard::error;
use crate::http::body;
use crate::http::reply::{self, HttpFault};
use crate::site::{Audience, Call};

/// A century: more would leave the range of tokens' times.
const ADVANCE_S_MAX: i64 = 100 * 365 * 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: i64,
}

pub(super) async fn clock(call: Call, body: Body) -> Response {
    let Audience::Sandbox(sandbox) = &call.site.audience else { return error::fault(&call.site, HttpFault::NotFound) };
    if call.method != Method::POST {
        return error::fault(&call.site, HttpFault::Method("POST"));
    }
    if is_foreign(&call) {
        return bad_json("another site's page may not do this");
    }
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(fault) => return error::fault(&call.site, fault),
    };
    match serde_json::from_slice::<Advance>(&body) {
        Ok(Advance { advance_s }) if (-ADVANCE_S_MAX..=ADVANCE_S_MAX).contains(&advance_s) => {
            sandbox.clock.advance_s(advance_s);
            for realm in call.site.engine.realms() {
                realm.clock_moved(advance_s);
            }
            let now_s = sandbox.clock.now().as_unix_s();
            reply::json(StatusCode::OK, format!("{{\"now\":{now_s}}}"))
        }
        Ok(_) => bad_json("advance_s is at most a century either way"),
        Err(error) => bad_json(&error.to_string()),
    }
}
