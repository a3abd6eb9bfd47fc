//! Verification of JWTs that we made: ID tokens that come back as hints, access tokens.
//!
//! Strict, because no other software makes them: whatever we would not have written is refused. The algorithm is the key's, and `alg`
//! must agree with it; a header has no member but ours. Sources: RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::time::Micros;
use serde_json::{Map, Value};

use crate::json::parse_object;
use crate::sign::{JwtKind, SigningKey};

/// A longer token is not ours.
const JWT_BYTES_MAX: usize = 8 * 1_024;
/// Of a `kid`: a SHA-256 thumbprint in base64url.
const KID_CHARACTERS: usize = 43;

/// Why a JWT is not taken for one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtFault {
    /// It is longer than any that we make.
    #[error("it has more than {JWT_BYTES_MAX} bytes")]
    TooLong,
    /// It is not three parts in base64url, in its one spelling, with two dots between them.
    #[error("it is not a JWS in the compact form")]
    Form,
    /// The header is not one that we write: a member is missing, twice there, or not ours.
    #[error("its header is not one of ours")]
    Header,
    /// The header names a key that the realm does not have, or has no more.
    #[error("the realm has no key {0}")]
    UnknownKey(String),
    /// `alg` is not what the key signs with.
    #[error("its algorithm is not the key's")]
    Algorithm,
    /// `typ` is that of another kind.
    #[error("it is of another kind")]
    Type,
    /// The key did not sign this.
    #[error("its signature is wrong")]
    Signature,
    /// What was signed is no JSON object, has a member twice, or a time that is no whole number of seconds.
    #[error("its claims are not what we write")]
    Claims,
    /// `iss` is not the realm's issuer.
    #[error("another issuer made it")]
    Issuer,
    /// It is over.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYet,
}

/// A JWT of ours. Its claims are had by saying whether its time matters.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedJwt {
    claims: Map<String, Value>,
    expiry_s: u32,
    not_before_s: Option<u32>,
}

impl VerifiedJwt {
    /// The claims, of a token whose time has begun and is not over.
    ///
    /// # Errors
    /// [`JwtFault::Expired`] or [`JwtFault::NotYet`].
    pub fn current(self, now: Micros) -> Result<Map<String, Value>, JwtFault> {
        let now_s = now.as_unix_s();
        if self.expiry_s <= now_s {
            return Err(JwtFault::Expired);
        }
        if self.not_before_s.is_some_and(|not_before_s| not_before_s > now_s) {
            return Err(JwtFault::NotYet);
        }
        Ok(self.claims)
    }

    /// The claims, whenever the token was valid: an `id_token_hint` may be over (OpenID Connect RP-Initiated Logout section 2).
    #[must_use]
    pub fn of_any_time(self) -> Map<String, Value> {
        self.claims
    }
}

/// The header that we write, and no other.
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
}

impl Header {
    /// `None` for one that has another member than ours: `jwk`, `jku`, `x5u`, `x5c`, `crit` or whatever else there is.
    fn parse(json: &[u8]) -> Option<Self> {
        let mut members = parse_object(json)?;
        let mut text = |name| match members.remove(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        let header = Self { alg: text("alg")??, kid: text("kid")??, typ: text("typ")? };
        members.is_empty().then_some(header)
    }
}

/// Verifies a JWT of one kind by the keys that `find` knows by their `kid`.
///
/// # Errors
/// [`JwtFault`].
pub(crate) fn verify<'a>(
    token: &str,
    kind: JwtKind,
    issuer: &str,
    find: impl FnOnce(&str) -> Option<&'a SigningKey>,
) -> Result<VerifiedJwt, JwtFault> {
    if token.len() > JWT_BYTES_MAX {
        return Err(JwtFault::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwtFault::Form)?;
    let (header, claims) = message.split_once('.').ok_or(JwtFault::Form)?;
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header = Header::parse(&header).ok_or(JwtFault::Header)?;
    let is_thumbprint = header.kid.len() == KID_CHARACTERS && URL_SAFE_NO_PAD.decode(&header.kid).is_ok();
    if !is_thumbprint {
        return Err(JwtFault::Header);
    }
    let Some(key) = find(&header.kid) else { return Err(JwtFault::UnknownKey(header.kid)) };
    if header.alg != key.algorithm().name() {
        return Err(JwtFault::Algorithm);
    }
    if header.typ.as_deref() != kind.typ() {
        return Err(JwtFault::Type);
    }
    if !key.has_signed(message.as_bytes(), &signature) {
        return Err(JwtFault::Signature);
    }
    read(&claims, issuer)
}

fn read(claims: &[u8], issuer: &str) -> Result<VerifiedJwt, JwtFault> {
    let claims = parse_object(claims).ok_or(JwtFault::Claims)?;
    let expiry_s = time(&claims, "exp")?.ok_or(JwtFault::Claims)?;
    time(&claims, "iat")?.ok_or(JwtFault::Claims)?;
    let not_before_s = time(&claims, "nbf")?;
    match claims.get("iss").and_then(Value::as_str) {
        Some(found) if found == issuer => Ok(VerifiedJwt { claims, expiry_s, not_before_s }),
        Some(_) => Err(JwtFault::Issuer),
        None => Err(JwtFault::Claims),
    }
}

/// Base64url without padding, and without bits that nobody reads.
fn decode(part: &str) -> Result<Vec<u8>, JwtFault> {
    let decoded = URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtFault::Form)?;
    if decoded.is_empty() { Err(JwtFault::Form) } else { Ok(decoded) }
}

/// A claim in whole seconds since 1970; `None` without it.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<u32>, JwtFault> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    seconds.map(Some).ok_or(JwtFault::Claims)
}

#[cfg(test)]
mod tests;
