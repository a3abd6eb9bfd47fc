//! What an access token says that is a JWT (RFC 9068 section 2.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The claims, each by its name. One that we do not write is none: such a token is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenClaims {
    /// The realm.
    pub iss: String,
    /// For whom it is.
    pub aud: AudienceClaim,
    /// By what the client knows the user; the `client_id` where there is no user.
    pub sub: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// When it expires, in seconds since 1970.
    pub exp: u32,
    /// When it was issued, in seconds since 1970.
    pub iat: u32,
    /// The sealed pointer, under a kind of its own: by it the token is found, revoked and denied.
    pub jti: String,
    /// What it allows; absent: nothing that has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When the user authenticated, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u32>,
    /// How the user authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The partner that it was issued to, where the client is one: a resource compares it with the request's header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_code: Option<String>,
}

/// `aud`: a string if it is one, as most libraries expect, else an array (RFC 7519 section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AudienceClaim {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl AudienceClaim {
    /// The claim that names these.
    #[must_use]
    pub fn of(names: &[Arc<str>]) -> Self {
        match names {
            [only] => Self::One(only.to_string()),
            _ => Self::Several(names.iter().map(ToString::to_string).collect()),
        }
    }

    /// Whom it names.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        match self {
            Self::One(only) => vec![only.as_str().into()],
            Self::Several(names) => names.iter().map(|name| name.as_str().into()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_and_one_audience_is_a_string() {
        let least = AccessTokenClaims {
            iss: "https://id.example.vn".to_owned(),
            aud: AudienceClaim::of(&["https://api.example.vn".into()]),
            sub: "reporting".to_owned(),
            client_id: "reporting".to_owned(),
            exp: 4_600,
            iat: 1_000,
            jti: "sealed".to_owned(),
            scope: None,
            auth_time: None,
            acr: None,
            partner_code: None,
        };
        let mut expect = json!({
            "iss": "https://id.example.vn", "aud": "https://api.example.vn", "sub": "reporting", "client_id": "reporting",
            "exp": 4_600, "iat": 1_000, "jti": "sealed",
        });
        assert_eq!(serde_json::to_value(&least).unwrap(), expect);
        let most = AccessTokenClaims {
            aud: AudienceClaim::of(&["https://id.example.vn".into(), "stock".into()]),
            scope: Some("openid stock".to_owned()),
            auth_time: Some(900),
            acr: Some("1".to_owned()),
            partner_code: Some("DEMO".to_owned()),
            ..least
        };
        let more = json!({
            "aud": ["https://id.example.vn", "stock"], "scope": "openid stock", "auth_time": 900, "acr": "1",
            "partner_code": "DEMO",
        });
        expect.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(serde_json::to_value(&most).unwrap(), expect);
    }

    #[test]
    fn what_we_would_not_have_written_is_not_read() {
        let right =
            json!({ "iss": "i", "aud": ["a", "b"], "sub": "s", "client_id": "c", "exp": 2, "iat": 1, "jti": "j" });
        let read = |claims: &Value| serde_json::from_value::<AccessTokenClaims>(claims.clone());
        assert!(read(&right).is_ok());
        for (name, value) in [
            ("nbf", json!(1)),
            ("aud", json!(1)),
            ("aud", json!([["a"]])),
            ("aud", json!(null)),
            ("exp", json!("2")),
            ("exp", json!(2.0)),
            ("exp", json!(-1)),
            ("exp", json!(1e300)),
            ("jti", json!(null)),
            ("scope", json!(["openid"])),
            ("sid", json!("s")),
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
