//! How a browser's session stands, for a client that wants to notice a change (OpenID Connect Session Management sections 2 and 3.2).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `session_state`: a salted hash of the client, its origin, and what stands for the session; then the salt. It changes with the session,
/// and says nothing of it.
#[must_use]
pub fn session_state((client_id, origin): (&str, &str), session: &str, salt: &str) -> String {
    let hash = digest(&SHA256, format!("{client_id} {origin} {session} {salt}").as_bytes());
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_state_is_a_hash_of_all_of_its_parts_and_the_salt() {
        let of = |client, origin, session, salt| session_state((client, origin), session, salt);
        let state = of("app", "https://app.example.vn", "session", "a1");
        let (hash, salt) = state.split_once('.').unwrap();
        assert_eq!((hash.len(), salt), (43, "a1"));
        // printf 'app https://app.example.vn session a1' | openssl dgst -sha256 -binary | basenc --base64url
        assert_eq!(hash, "QJTgh8ULbQALSJixMGD2cyIAWxySippGJ_YKCt52OjU");
        for other in [
            of("app2", "https://app.example.vn", "session", "a1"),
            of("app", "https://app.example.vn:8443", "session", "a1"),
            of("app", "https://app.example.vn", "session2", "a1"),
            of("app", "https://app.example.vn", "session", "a2"),
        ] {
            assert_ne!(other, state);
        }
    }
}
