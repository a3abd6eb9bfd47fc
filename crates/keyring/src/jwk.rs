//! The public halves of signing keys, as JWKs (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::signing::SigningAlgorithm;

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    algorithm: SigningAlgorithm,
    /// The members that say what the key is, in the order and spelling of RFC 7638 section 3.
    required: String,
    kid: String,
    signature_bytes: usize,
}

impl Jwk {
    /// Of an RSA key: modulus and exponent, big-endian, without leading zeros.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Self {
        let required = format!(r#""e":"{}","kty":"RSA","n":"{}""#, encoded(e), encoded(n));
        Self::of(SigningAlgorithm::Rs256, required, n.len())
    }

    /// Of a key on P-256: an uncompressed point (SEC 1 section 2.3.3). `None` for any other form.
    pub(crate) fn p256(point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4]).filter(|coordinates| coordinates.len() == 64)?;
        let (x, y) = coordinates.split_at(32);
        let required = format!(r#""crv":"P-256","kty":"EC","x":"{}","y":"{}""#, encoded(x), encoded(y));
        Some(Self::of(SigningAlgorithm::Es256, required, 64))
    }

    /// Of an Ed25519 key: its 32 bytes.
    pub(crate) fn ed25519(x: &[u8]) -> Self {
        let required = format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, encoded(x));
        Self::of(SigningAlgorithm::EdDsa, required, 64)
    }

    fn of(algorithm: SigningAlgorithm, required: String, signature_bytes: usize) -> Self {
        let thumbprint = digest(&SHA256, format!("{{{required}}}").as_bytes());
        Self { algorithm, required, kid: encoded(thumbprint.as_ref()), signature_bytes }
    }

    /// Its thumbprint (RFC 7638 section 3), by which headers name it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The length of its signatures.
    pub(crate) const fn signature_bytes(&self) -> usize {
        self.signature_bytes
    }

    /// The JWK, as JSON.
    #[must_use]
    pub fn render(&self) -> String {
        let Self { algorithm, required, kid, .. } = self;
        format!(r#"{{"alg":"{}","kid":"{kid}","use":"sig",{required}}}"#, algorithm.name())
    }
}

/// A JWK Set (RFC 7517 section 5), as JSON.
pub(crate) fn jwk_set<'a>(keys: impl Iterator<Item = &'a Jwk>) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.map(Jwk::render).collect::<Vec<_>>().join(","))
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 7638 section 3.1.
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn\
        jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n\
        91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    #[test]
    fn the_thumbprints_of_the_rfcs_are_met() {
        assert_eq!(Jwk::rsa(&decoded(N), &decoded("AQAB")).kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendix A.3.
        let x = decoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(Jwk::ed25519(&x).kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_jwk_set_is_json_with_each_public_member_and_no_private_one() {
        let point = [[4].as_slice(), &[1; 32], &[2; 32]].concat();
        let keys = [Jwk::rsa(&decoded(N), &decoded("AQAB")), Jwk::p256(&point).unwrap(), Jwk::ed25519(&[7; 32])];
        let set: serde_json::Value = serde_json::from_str(&jwk_set(keys.iter())).unwrap();
        let members = |key: &serde_json::Value| key.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(&set["keys"][0]), ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(members(&set["keys"][1]), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(members(&set["keys"][2]), ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!((&set["keys"][0]["e"], &set["keys"][0]["n"]), (&"AQAB".into(), &N.into()));
        assert_eq!(set["keys"][1]["x"], encoded(&[1; 32]));
        assert_eq!(jwk_set(std::iter::empty()), r#"{"keys":[]}"#);
    }

    #[test]
    fn a_point_that_is_not_uncompressed_is_none() {
        for point in [vec![], vec![4; 64], vec![2; 65], [vec![3], vec![1; 32]].concat()] {
            assert_eq!(Jwk::p256(&point), None);
        }
    }
}
