//! The wire as files: every refusal of each credential, every fault, every request that is not signed; and how requests are read.

use std::fmt::Write as _;

use axum::response::Response;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use kimbai_core::realm::ErrorForm;

use super::error::{self, WireError};
use super::request::{Unsigned, Versions, posted};
use super::{demo, graphql, response};
use crate::http::body::BodyFault;
use crate::http::reply::HttpFault;

const FAULTS: [HttpFault; 8] = [
    HttpFault::NotFound,
    HttpFault::Misdirected,
    HttpFault::Method("POST"),
    HttpFault::ContentType("application/json"),
    HttpFault::Body(BodyFault::TooLarge),
    HttpFault::Headers,
    HttpFault::Throttled(7),
    HttpFault::Overloaded,
];

const UNSIGNED: [Unsigned; 6] =
    [Unsigned::Body, Unsigned::Missing, Unsigned::Headers, Unsigned::Both, Unsigned::Members, Unsigned::Timestamp];

async fn written(text: &mut String, name: &str, response: Response) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    writeln!(text, "{name}\n    expect {status} {}", String::from_utf8_lossy(&body)).unwrap();
}

#[tokio::test]
async fn the_wire_of_tini() {
    let mut text = String::new();
    for fault in FAULTS {
        written(&mut text, &format!("{fault:?}"), error::fault(fault, ErrorForm::Standard)).await;
        written(&mut text, &format!("{fault:?} over GraphQL"), graphql::fault(fault, ErrorForm::Standard)).await;
    }
    for unsigned in UNSIGNED {
        written(&mut text, &format!("{unsigned:?}"), error::render(error::unsigned(unsigned))).await;
    }
    for brought in [error::Credential::Code, error::Credential::RefreshToken, error::Credential::AccessToken] {
        let WireError { status, reason, message, .. } = WireError::credential(brought);
        writeln!(text, "{brought:?}\n    expect {} {reason}: {message}", status.as_u16()).unwrap();
    }
    assert_eq!(text, include_str!("vectors/errors.txt"));
}

#[test]
fn a_body_is_read_strictly_and_signed_in_one_place() {
    use Versions::{BodyOrHeaders, Headers};
    let signed = r#"{"code":"x","client_id":"c","timestamp":1,"signature":"s"}"#;
    let all = [("x-tiniapp-client-id", "c"), ("x-tiniapp-timestamp", "1"), ("x-tiniapp-signature", "s")];
    for (headers, body, versions, expect) in [
        (&all[..], "{}", BodyOrHeaders, None),
        (&all, "{}", Headers, None),
        (&all, "not json", Headers, None),
        (&[], signed, BodyOrHeaders, None),
        (&[], signed, Headers, Some(Unsigned::Missing)),
        (&all, signed, BodyOrHeaders, Some(Unsigned::Both)),
        (&all, signed, Headers, Some(Unsigned::Both)),
        (&all[..2], "{}", BodyOrHeaders, Some(Unsigned::Headers)),
        (&[], "{}", BodyOrHeaders, Some(Unsigned::Missing)),
        (&[], "[]", BodyOrHeaders, Some(Unsigned::Body)),
        (&[], r#"{"signature":"a","signature":"a"}"#, BodyOrHeaders, Some(Unsigned::Body)),
        (&[], r#"{"client_id":"c","timestamp":"1","signature":"s"}"#, BodyOrHeaders, Some(Unsigned::Members)),
        (&[], r#"{"client_id":"c","timestamp":1.0,"signature":"s"}"#, BodyOrHeaders, Some(Unsigned::Timestamp)),
        (&[], r#"{"client_id":"c","timestamp":-1,"signature":"s"}"#, BodyOrHeaders, Some(Unsigned::Timestamp)),
        (&[], r#"{"client_id":1,"timestamp":1,"signature":"s"}"#, BodyOrHeaders, Some(Unsigned::Members)),
    ] {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect();
        let read = posted(&headers, body.as_bytes(), versions);
        assert_eq!(read.err(), expect, "{headers:?} {body} {versions:?}");
    }
}

#[test]
fn a_customer_is_a_number_where_the_subject_is_one() {
    for (subject, expect) in [
        ("1", "1"),
        ("200000000001", "200000000001"),
        ("01", "\"01\""),
        ("+1", "\"+1\""),
        ("", "\"\""),
        ("18446744073709551616", "\"18446744073709551616\""),
        ("a1b2", "\"a1b2\""),
    ] {
        assert_eq!(response::customer_id(subject).to_string(), expect);
    }
}

#[test]
fn the_demo_is_one_that_can_be_served() {
    let registration = demo::registration("http://localhost:4601");
    registration.settings.check().unwrap();
    assert_eq!(registration.endpoints.platform["graphql"], "http://localhost:4601/tiniapp/api/graphql/query");
}
