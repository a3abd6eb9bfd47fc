//! `POST /floor`: the same HTTP stack answering a form with fixed JSON, so that a benchmark knows what a request costs before we do
//! anything.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;

use crate::dialects::standard::error;
use crate::dialects::standard::request::{FormKinds, read_form};
use crate::http::reply;
use crate::site::Call;

const ANSWER: &str = concat!(
    r#"{"access_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","#,
    r#""token_type":"Bearer","expires_in":3600,"#,
    r#""refresh_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","#,
    r#""scope":"offline_access orders.read orders.write"}"#,
);

pub(super) async fn floor(call: Call, body: Body) -> Response {
    match read_form(&call.headers, body, FormKinds::Urlencoded).await {
        Ok(_) => reply::json(StatusCode::OK, ANSWER),
        Err(error) => error::endpoint(&call, &error),
    }
}
