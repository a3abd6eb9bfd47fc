//! Reading requests: JSON objects without a member twice, and the signature in them or in the headers beside them.

use std::collections::BTreeMap;
use std::fmt;

use http::HeaderMap;
use kimbai_core::client::{ClientCredentials, GrantType};
use kimbai_core::request_signature::{Covered, SignedRequest, SigningInput};
use kimbai_core::secret::Secret;
use kimbai_core::token::TokenGrant;
use kimbai_keyring::parse_object;
use serde_json::Value;

/// What a signature of version 2 stands in.
const HEADERS: [&str; 3] = ["x-tiniapp-client-id", "x-tiniapp-timestamp", "x-tiniapp-signature"];

/// Which signatures a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versions {
    /// In the body or in headers: the second and third generation share their paths.
    BodyOrHeaders,
    /// In headers.
    Headers,
}

/// Why there is no signature to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsigned {
    #[error("the body is not one JSON object without repeated members")]
    Body,
    #[error("there is no signature, neither in X-Tiniapp-* headers nor in the body")]
    Missing,
    #[error("one of the X-Tiniapp-* headers is missing, repeated or empty")]
    Headers,
    #[error("there is a signature in the headers and one in the body")]
    Both,
    #[error("client_id, timestamp and signature must be a string, an integer and a string")]
    Members,
    #[error("the timestamp is not a whole number of milliseconds in decimal digits")]
    Timestamp,
}

/// A request to a REST endpoint: who signed it, and what it brings.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) credentials: ClientCredentials,
    members: Option<Members>,
}

/// Reads the signature of a request with this body.
pub(super) fn posted(headers: &HeaderMap, body: &[u8], versions: Versions) -> Result<Posted, Unsigned> {
    let members = Members::parse(body);
    let has_header = HEADERS.iter().any(|name| headers.contains_key(*name));
    let in_body = members.as_ref().is_some_and(|members| members.0.contains_key("signature"));
    let signed = match (has_header, versions) {
        (true, _) if in_body => return Err(Unsigned::Both),
        (true, _) => in_headers(headers, body)?,
        (false, Versions::Headers) => return Err(Unsigned::Missing),
        (false, Versions::BodyOrHeaders) => in_members(members.as_ref().ok_or(Unsigned::Body)?)?,
    };
    Ok(Posted { credentials: credentials(signed), members })
}

pub(super) fn credentials(signed: SignedRequest) -> ClientCredentials {
    ClientCredentials { signed: Some(Box::new(signed)), ..ClientCredentials::default() }
}

impl Posted {
    /// The code it brings.
    pub(super) fn code(&self) -> TokenGrant {
        match self.text("code") {
            Some(code) => TokenGrant::AuthorizationCode { code, redirect_uri: None, code_verifier: None },
            None => TokenGrant::Incomplete { grant_type: GrantType::AuthorizationCode, missing: "code" },
        }
    }

    /// The refresh token it brings.
    pub(super) fn refresh_token(&self) -> TokenGrant {
        match self.text("refresh_token") {
            Some(refresh_token) => TokenGrant::RefreshToken { refresh_token, scope: None },
            None => TokenGrant::Incomplete { grant_type: GrantType::RefreshToken, missing: "refresh_token" },
        }
    }

    /// The access token it brings; one that is missing is one that does not work.
    pub(super) fn access_token(&self) -> Secret {
        self.text("access_token").unwrap_or_else(|| Secret::new(String::new()))
    }

    fn text(&self, name: &str) -> Option<Secret> {
        self.members.as_ref()?.0.get(name)?.as_str().map(|text| Secret::new(text.to_owned()))
    }
}

/// Version 2: over the bytes of the body.
fn in_headers(headers: &HeaderMap, body: &[u8]) -> Result<SignedRequest, Unsigned> {
    let [client_id, timestamp, signature] = HEADERS.map(|name| {
        let mut values = headers.get_all(name).iter();
        match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
            (Some(value), None) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(Unsigned::Headers),
        }
    });
    let (client_id, timestamp, signature) = (client_id?, timestamp?, signature?);
    let is_decimal =
        timestamp.bytes().all(|byte| byte.is_ascii_digit()) && (timestamp == "0" || !timestamp.starts_with('0'));
    let timestamp_ms = timestamp.parse().ok().filter(|_| is_decimal).ok_or(Unsigned::Timestamp)?;
    let covered = Covered::Bytes(body.to_vec());
    Ok(SignedRequest { input: SigningInput { client_id, timestamp_ms, covered }, signature })
}

/// Version 1: over the members.
fn in_members(members: &Members) -> Result<SignedRequest, Unsigned> {
    let mut fields = members.0.clone();
    if !fields.contains_key("signature") {
        return Err(Unsigned::Missing);
    }
    let mut take = |name| fields.remove(name).unwrap_or_default();
    let (client_id, timestamp, signature) = (take("client_id"), take("timestamp"), take("signature"));
    let (Value::String(client_id), Value::Number(timestamp), Value::String(signature)) =
        (client_id, timestamp, signature)
    else {
        return Err(Unsigned::Members);
    };
    let timestamp_ms = timestamp.as_i64().filter(|timestamp| *timestamp >= 0).ok_or(Unsigned::Timestamp)?;
    Ok(SignedRequest { input: SigningInput { client_id, timestamp_ms, covered: Covered::Fields(fields) }, signature })
}

/// The members of a JSON object, none of them twice at any depth.
struct Members(BTreeMap<String, Value>);

impl Members {
    fn parse(body: &[u8]) -> Option<Self> {
        parse_object(body).map(|members| Self(members.into_iter().collect()))
    }
}

impl fmt::Debug for Members {
    // They are codes and tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Members({:?})", self.0.keys())
    }
}
