//! The canonical strings, their encoding, and the HMAC over it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{Covered, SigningInput};
use crate::hexadecimal::hex;

impl SigningInput {
    /// The string that is encoded and signed: in version 1 the members as compact JSON with sorted keys, in version 2 timestamp,
    /// client and bytes with dots between them.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        match &self.covered {
            Covered::Fields(_) => object(&self.members(), Spacing::Compact).into_bytes(),
            Covered::Bytes(bytes) => self.joined(self.timestamp_ms, bytes),
        }
    }

    /// The members of version 1 as JSON texts, sorted by name.
    pub(super) fn members(&self) -> Vec<(String, String)> {
        let Covered::Fields(fields) = &self.covered else { return Vec::new() };
        let mut members: Vec<_> =
            fields.iter().map(|(name, value)| (name.clone(), json(value, Spacing::Compact))).collect();
        members.push(("client_id".to_owned(), string(&self.client_id)));
        members.push(("timestamp".to_owned(), self.timestamp_ms.to_string()));
        members.sort();
        members
    }

    /// The string of version 2 over these bytes.
    pub(super) fn joined(&self, timestamp: i64, bytes: &[u8]) -> Vec<u8> {
        [format!("{timestamp}.{}.", self.client_id).as_bytes(), bytes].concat()
    }
}

/// What the HMAC runs over: base64url without padding.
#[must_use]
pub fn payload(canonical: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(canonical)
}

/// The signature of a payload: HMAC-SHA256 (RFC 2104) in lower-case hex digits.
#[must_use]
pub fn sign(secret: &[u8], payload: &[u8]) -> String {
    hex(tag(secret, payload).as_ref())
}

/// The same in base64 with padding.
#[must_use]
pub fn sign_in_base64(secret: &[u8], payload: &[u8]) -> String {
    STANDARD.encode(tag(secret, payload))
}

pub(super) fn tag(secret: &[u8], payload: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), payload)
}

/// How JSON is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Without any.
    Compact,
    /// `", "` and `": "`, as Python's `json.dumps` does when it is told nothing.
    Python,
}

/// An object of members that are JSON texts already, in this order.
pub(super) fn object(members: &[(String, String)], spacing: Spacing) -> String {
    let (comma, colon) = match spacing {
        Spacing::Compact => (",", ":"),
        Spacing::Python => (", ", ": "),
    };
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}{colon}{value}", string(name))).collect();
    format!("{{{}}}", members.join(comma))
}

/// A value with the keys of all its objects sorted.
pub(super) fn json(value: &Value, spacing: Spacing) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => string(text),
        Value::Array(values) => {
            let comma = if spacing == Spacing::Compact { "," } else { ", " };
            format!("[{}]", values.iter().map(|value| json(value, spacing)).collect::<Vec<_>>().join(comma))
        }
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| (name.clone(), json(value, spacing))).collect();
            members.sort();
            object(&members, spacing)
        }
    }
}

fn string(text: &str) -> String {
    Value::from(text).to_string()
}
