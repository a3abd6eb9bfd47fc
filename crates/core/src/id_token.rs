//! The claims of an ID token, as a pure function of what was settled (OpenID Connect Core sections 2, 3.1.3.6, 3.3.2.11).

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::claims::ACR;
use crate::signing::SigningAlgorithm;

/// How users authenticate here (RFC 8176).
const AMR: [&str; 1] = ["pwd"];

/// What an ID token says. Members that are `None` are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdToken<'a> {
    /// The realm.
    pub issuer: &'a str,
    /// By what the client knows the user.
    pub subject: &'a str,
    /// The client; the only audience, so that there is no `azp` beside it.
    pub client_id: &'a str,
    /// When its tokens were made, in seconds since 1970.
    pub issued_at_s: u32,
    /// When it expires, in seconds since 1970.
    pub expiry_s: u32,
    /// When the user authenticated here, in seconds since 1970; none: elsewhere, and nothing is said of when or how.
    pub auth_time_s: Option<u32>,
    /// The request's, in the first ID token of a grant alone (section 12.2).
    pub nonce: Option<&'a str>,
    /// The browser session.
    pub session: Option<&'a str>,
    /// The access token beside it.
    pub access_token: Option<&'a str>,
    /// The code beside it, in an authorization response.
    pub code: Option<&'a str>,
    /// What the request asked for by name and is known of the user.
    pub claims: Map<String, Value>,
}

#[derive(Serialize)]
struct Members<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u32,
    iat: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(flatten)]
    claims: &'a Map<String, Value>,
}

impl IdToken<'_> {
    /// The JSON to be signed with this algorithm.
    #[must_use]
    pub fn json(&self, algorithm: SigningAlgorithm) -> Vec<u8> {
        let members = Members {
            iss: self.issuer,
            sub: self.subject,
            aud: self.client_id,
            exp: self.expiry_s,
            iat: self.issued_at_s,
            auth_time: self.auth_time_s,
            nonce: self.nonce,
            acr: self.auth_time_s.map(|_| ACR),
            amr: self.auth_time_s.map(|_| AMR),
            sid: self.session,
            at_hash: self.access_token.map(|token| half_hash(algorithm, token)),
            c_hash: self.code.map(|code| half_hash(algorithm, code)),
            claims: &self.claims,
        };
        // Strings, numbers and maps of them are always written.
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

/// The left half of a token's hash, with the hash function of the signature (section 3.1.3.6); for Ed25519 it is SHA-512.
fn half_hash(algorithm: SigningAlgorithm, token: &str) -> String {
    let function: &'static Algorithm = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Es256 => &SHA256,
        SigningAlgorithm::EdDsa => &SHA512,
    };
    let hash = digest(function, token.as_bytes());
    let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id_token() -> IdToken<'static> {
        IdToken {
            issuer: "https://id.example.vn",
            subject: "1",
            client_id: "web",
            issued_at_s: 1_000,
            expiry_s: 4_600,
            auth_time_s: Some(900),
            nonce: None,
            session: None,
            access_token: None,
            code: None,
            claims: Map::new(),
        }
    }

    fn members(id_token: &IdToken<'_>) -> Value {
        serde_json::from_slice(&id_token.json(SigningAlgorithm::Rs256)).unwrap()
    }

    #[test]
    fn an_id_token_says_what_was_settled_and_leaves_out_what_was_not() {
        let least = json!({
            "iss": "https://id.example.vn", "sub": "1", "aud": "web", "exp": 4_600, "iat": 1_000, "auth_time": 900,
            "acr": "1", "amr": ["pwd"],
        });
        assert_eq!(members(&id_token()), least);
        let claims = json!({ "email": "an@example.vn", "address": { "country": "VN" } });
        let most = IdToken {
            nonce: Some("n-0S6_WzA2Mj"),
            session: Some("s"),
            access_token: Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            code: Some("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            claims: claims.as_object().unwrap().clone(),
            ..id_token()
        };
        // The hashes are those of OpenID Connect Core appendices A.3 and A.4.
        let mut expect = least;
        let added = json!({
            "nonce": "n-0S6_WzA2Mj", "sid": "s", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
            "c_hash": "LDktKdoQak3Pk0cnXxCltA", "email": "an@example.vn", "address": { "country": "VN" },
        });
        expect.as_object_mut().unwrap().extend(added.as_object().unwrap().clone());
        assert_eq!(members(&most), expect);
    }

    #[test]
    fn an_id_token_says_neither_when_nor_how_somebody_authenticated_who_did_not_do_so_here() {
        let elsewhere = members(&IdToken { auth_time_s: None, ..id_token() });
        let expect = json!({ "iss": "https://id.example.vn", "sub": "1", "aud": "web", "exp": 4_600, "iat": 1_000 });
        assert_eq!(elsewhere, expect);
    }

    #[test]
    fn the_hash_is_the_left_half_of_the_signatures_own() {
        for (algorithm, bytes) in
            [(SigningAlgorithm::Rs256, 16), (SigningAlgorithm::Es256, 16), (SigningAlgorithm::EdDsa, 32)]
        {
            assert_eq!(URL_SAFE_NO_PAD.decode(half_hash(algorithm, "token")).unwrap().len(), bytes);
        }
    }
}
