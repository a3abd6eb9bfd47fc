//! The wire as a file: every fault and the one answer; how requests are read; a demo that can be served.

use std::fmt::Write as _;

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use kimbai_core::realm::{ErrorForm, RealmSettings};
use kimbai_engine::LOG_INS_WAITING_IN_ALL_MAX;
use kimbai_engine::admin::Wire as _;
use serde_json::{Map, Value, json};

use super::request::{Unread, digits, partner_code, refresh_token};
use super::{demo, error};
use crate::dialects::Dialects;
use crate::http::admission::IN_HAND_MAX;
use crate::http::body::BodyFault;
use crate::http::front::Reason;
use crate::http::reply::HttpFault;
use crate::site::Audience;

const FAULTS: [HttpFault; 10] = [
    HttpFault::NotFound,
    HttpFault::Misdirected,
    HttpFault::Method("POST"),
    HttpFault::ContentType("application/json"),
    HttpFault::Body(BodyFault::TooLarge),
    HttpFault::Body(BodyFault::TooSlow),
    HttpFault::Body(BodyFault::Incomplete),
    HttpFault::Headers,
    HttpFault::Throttled(7),
    HttpFault::Overloaded,
];

async fn written(text: &mut String, name: &str, response: Response) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    writeln!(text, "{name}\n    expect {status} {}", String::from_utf8_lossy(&body)).unwrap();
}

#[tokio::test]
async fn the_wire_of_tconnect() {
    let mut text = String::new();
    for fault in FAULTS {
        written(&mut text, &format!("{fault:?}"), error::fault(fault, ErrorForm::Standard)).await;
    }
    let why = Reason { name: "", detail: String::new(), mistake: "", explanation: "" };
    written(&mut text, "all else", error::unauthorized(why)).await;
    assert_eq!(text, include_str!("vectors/errors.txt"));
}

#[test]
fn there_is_one_partner_code_or_none() {
    let long = "x".repeat(65);
    for (codes, expect) in [
        (&["DEMO"][..], Ok("DEMO")),
        (&[], Err(Unread::CodeMissing)),
        (&["DEMO", "DEMO"], Err(Unread::CodeTwice)),
        (&["DEMO", "OTHER"], Err(Unread::CodeTwice)),
        (&[""], Err(Unread::Code)),
        (&["DE MO"], Err(Unread::Code)),
        (&["DEMO,OTHER"], Ok("DEMO,OTHER")),
        (&[long.as_str()], Err(Unread::Code)),
    ] {
        let name = HeaderName::from_static("partner-code");
        let headers: HeaderMap =
            codes.iter().map(|code| (name.clone(), HeaderValue::from_str(code).unwrap())).collect();
        assert_eq!(partner_code(&headers), expect, "{codes:?}");
    }
    let odd = HeaderMap::from_iter([(
        HeaderName::from_static("partner-code"),
        HeaderValue::from_bytes(b"DEMO\xff").unwrap(),
    )]);
    assert_eq!(partner_code(&odd), Err(Unread::Code));
}

#[test]
fn data_is_a_string_that_is_there_once() {
    for (body, expect) in [
        (r#"{"data":"f0"}"#, Ok("f0")),
        (r#"{"data":"f0","more":[1]}"#, Ok("f0")),
        (r#"{"data":""}"#, Ok("")),
        (r#"{"data":"f0","data":"f0"}"#, Err(Unread::Body)),
        (r#"{"data":null}"#, Err(Unread::DataType)),
        (r#"{"data":1}"#, Err(Unread::DataType)),
        (r#"{"data":["f0"]}"#, Err(Unread::DataType)),
        (r#"{"Data":"f0"}"#, Err(Unread::DataMissing)),
        ("{}", Err(Unread::DataMissing)),
        ("[]", Err(Unread::Body)),
        ("", Err(Unread::Body)),
        ("data=f0", Err(Unread::Body)),
        (r#"{"data": ENCRYPTED_PAYLOAD}"#, Err(Unread::Body)),
    ] {
        assert_eq!(digits(body.as_bytes()).as_deref(), expect.as_ref().map(|text| *text), "{body}");
    }
}

#[test]
fn a_refresh_token_is_a_string_and_more_is_ignored() {
    let members = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
    let read = |value: Value| refresh_token(&mut members(value)).map(|token| token.expose().to_owned());
    assert_eq!(read(json!({ "refresh_token": "t", "scope": 1 })), Ok("t".to_owned()));
    for wrong in
        [json!({}), json!({ "refresh_token": 1 }), json!({ "refresh_token": "" }), json!({ "refresh_token": null })]
    {
        assert_eq!(read(wrong.clone()), Err(Unread::Member("refresh_token")), "{wrong}");
    }
}

#[test]
fn partners_and_the_dialect_need_each_other() {
    let right = demo::registration("http://localhost:4603").settings;
    let standard = crate::dialects::standard::settings("Standard", "http://localhost:4600", Vec::new());
    assert!(Dialects.check(&[("tconnect", &right), ("standard", &standard)]).is_ok());
    for wrong in [
        RealmSettings { dialect: "standard".to_owned(), ..right.clone() },
        RealmSettings { partners: standard.partners, ..right.clone() },
        RealmSettings { dialect: super::NAME.to_owned(), ..standard },
    ] {
        let refused = Dialects.check(&[("realm", &wrong)]).unwrap_err();
        assert!(refused.starts_with("realms.realm: partners: "), "{refused}");
        assert!(crate::dialects::routes(&wrong, &Audience::Production).is_none());
    }
}

#[test]
fn a_realm_begins_with_the_values_of_the_documents_and_with_ours_where_they_are_silent() {
    let settings = super::settings("TCONNECT", "http://localhost:4603");
    let partners = json!({
        "grants_max": 50, "live_grants_max": 1_000, "failed_log_in_answer_ms": 250, "failed_refresh_answer_ms": 25,
        "failure_limits": "on",
    });
    assert_eq!(serde_json::to_value(settings.partners).unwrap(), partners);
    let lifetimes = settings.lifetimes;
    assert_eq!((lifetimes.access_token_s, lifetimes.refresh_idle_s), (36_000, Some(30 * 86_400)));
    assert_eq!((lifetimes.refresh_absolute_s, lifetimes.retry_confidential_s), (365 * 86_400, 86_400));
    let said = serde_json::to_value(&settings).unwrap();
    assert_eq!((&said["refresh_token_format"], &said["introspection"]), (&json!("jwt"), &json!("operator")));
    assert_eq!(said["signing"]["algorithms"], json!(["RS256"]));
    let platform = json!({
        "log_in": "/openapi/v1/auth/login", "refresh": "/openapi/v1/auth/refresh", "qr": "/openapi/v1/qr",
    });
    assert_eq!((&said["paths"]["platform"], &said["paths"]["jwks"]), (&platform, &json!("/.well-known/jwks.json")));
    // The sandbox differs in this alone.
    let of_demo = serde_json::to_value(demo::registration("http://localhost:4603").settings.partners).unwrap();
    let mut expect = partners;
    expect["failure_limits"] = json!("off");
    assert_eq!(of_demo, expect);
}

#[test]
fn the_demo_is_one_that_can_be_served() {
    let registration = demo::registration("http://localhost:4603");
    registration.settings.check().unwrap();
    assert_eq!(registration.endpoints.platform["login"], "http://localhost:4603/openapi/v1/auth/login");
    let shown = serde_json::to_value(&registration).unwrap();
    assert_eq!(shown["clients"][0]["partner_code"], "DEMO");
    assert!(shown["clients"][1]["envelope_key"].as_str().unwrap().starts_with("2021"));
    assert!(shown["endpoints"].get("token").is_none() && shown["clients"][2].get("partner_code").is_none());
}

#[test]
fn those_in_front_of_the_wall_leave_half_of_what_is_in_hand_to_others() {
    assert_eq!(LOG_INS_WAITING_IN_ALL_MAX * 2, IN_HAND_MAX);
}
