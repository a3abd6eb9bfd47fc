//! What a refresh token says that is a JWT. Only the realm reads it, so that it says no more than its platform shows.

use serde::{Deserialize, Serialize};

/// The claims, each by its name. One that we do not write is none: such a token is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshTokenClaims {
    /// The realm.
    pub iss: String,
    /// The realm: nobody else takes it (RFC 6749 section 1.5).
    pub aud: String,
    /// By what the client knows the user.
    pub sub: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// When it expires if it is not used before, in seconds since 1970.
    pub exp: u32,
    /// When it was issued, in seconds since 1970.
    pub iat: u32,
    /// The sealed pointer, under a kind of its own.
    pub jti: String,
    /// The partner that it was issued to, where the client is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_code: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_refresh_token_says_what_its_platform_shows_and_what_we_did_not_write_is_not_read() {
        let right = json!({
            "iss": "i", "aud": "i", "sub": "s", "client_id": "c", "exp": 2, "iat": 1, "jti": "j", "partner_code": "DEMO",
        });
        let read = |claims: &Value| serde_json::from_value::<RefreshTokenClaims>(claims.clone());
        assert_eq!(serde_json::to_value(read(&right).unwrap()).unwrap(), right);
        for (name, value) in [
            ("aud", json!(["i"])),
            ("exp", json!("2")),
            ("exp", json!(-1)),
            ("iat", json!(1.5)),
            ("jti", json!(null)),
            ("scope", json!("offline")),
        ] {
            let mut wrong = right.clone();
            wrong[name] = value;
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        for name in ["iss", "aud", "sub", "client_id", "exp", "iat", "jti"] {
            let mut wrong = right.clone();
            wrong.as_object_mut().unwrap().remove(name);
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
