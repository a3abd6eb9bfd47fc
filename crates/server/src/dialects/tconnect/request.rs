//! Reading requests: the one `Partner-Code` header, `{"data": "<hex>"}`, and the JSON object in the envelope.
//!
//! Unknown members are ignored, also in the envelope; one that is there twice is a mistake, at any depth.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use kimbai_core::client::is_partner_code;
use kimbai_core::secret::Secret;
use kimbai_engine::{EnvelopeRefusal, PartnerLogIn, PasswordPlace};
use kimbai_keyring::parse_object;
use serde_json::{Map, Value};

const PARTNER_CODE: HeaderName = HeaderName::from_static("partner-code");
/// The one `grant_type` that a log-in may name.
const PASSWORD: &str = "password";

/// What is wrong with a request itself. The caller is told none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// No `Partner-Code`.
    #[error("there is no header Partner-Code")]
    CodeMissing,
    /// Two or more.
    #[error("the header Partner-Code is there twice")]
    CodeTwice,
    /// One that no partner has.
    #[error("the header Partner-Code is not 1 to 64 printable ASCII characters without spaces")]
    Code,
    /// The body is not JSON, or no object.
    #[error("the body is not one JSON object without repeated members")]
    Body,
    /// No `data` in it.
    #[error("the body has no member data")]
    DataMissing,
    /// It is there and no string.
    #[error("data is not a string")]
    DataType,
    /// The envelope.
    #[error("{0}")]
    Envelope(EnvelopeRefusal),
    /// What was in the envelope lacks a member, or has it in another type.
    #[error("the envelope holds no member {0} that is a string")]
    Member(&'static str),
    /// `grant_type` is there and not `password`.
    #[error("the envelope holds a grant_type other than password")]
    GrantType,
    /// A request to an API shows no access token.
    #[error("there is no header Authorization with an access token")]
    BearerMissing,
    /// It shows something else in its place, or two.
    #[error("the header Authorization is not Bearer and an access token, once")]
    Bearer,
}

/// The partner that a request says it comes from.
pub(super) fn partner_code(headers: &HeaderMap) -> Result<&str, Unread> {
    let mut values = headers.get_all(PARTNER_CODE).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Unread::CodeMissing),
        (Some(_), Some(_)) => Err(Unread::CodeTwice),
        (Some(code), None) => code.to_str().ok().filter(|code| is_partner_code(code)).ok_or(Unread::Code),
    }
}

/// The digits of the envelope.
pub(super) fn digits(body: &[u8]) -> Result<String, Unread> {
    match parse_object(body).ok_or(Unread::Body)?.remove("data") {
        Some(Value::String(digits)) => Ok(digits),
        Some(_) => Err(Unread::DataType),
        None => Err(Unread::DataMissing),
    }
}

/// A log-in.
pub(super) fn log_in(members: &mut Map<String, Value>, place: PasswordPlace) -> Result<PartnerLogIn, Unread> {
    let mut text = |name| take(members, name);
    let (username, password) = (text("username")?, text("password")?);
    let (client_id, client_secret) = (text("client_id")?, text("client_secret")?);
    // The platform's blog sends it, its reference does not.
    match members.get("grant_type").map(Value::as_str) {
        None | Some(Some(PASSWORD)) => {}
        Some(_) => return Err(Unread::GrantType),
    }
    let (password, client_secret) = (Secret::new(password), Secret::new(client_secret));
    Ok(PartnerLogIn { place, username, password, client_id, client_secret })
}

/// A refresh.
pub(super) fn refresh_token(members: &mut Map<String, Value>) -> Result<Secret, Unread> {
    take(members, "refresh_token").map(Secret::new)
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 section 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Result<Secret, Unread> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(if headers.contains_key(AUTHORIZATION) { Unread::Bearer } else { Unread::BearerMissing });
    };
    let value = value.to_str().map_err(|_| Unread::Bearer)?.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    match (scheme.eq_ignore_ascii_case("bearer"), token.trim()) {
        (true, "") => Err(Unread::BearerMissing),
        (true, token) => Ok(Secret::new(token.to_owned())),
        (false, _) if scheme.is_empty() => Err(Unread::BearerMissing),
        (false, _) => Err(Unread::Bearer),
    }
}

fn take(members: &mut Map<String, Value>, name: &'static str) -> Result<String, Unread> {
    match members.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) | None => Err(Unread::Member(name)),
    }
}
