//! Everything that was said in confidence, and a search for it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Secrets, with what each is.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<(String, String)>);

impl Secrets {
    pub(crate) fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 8, "{what} {secret:?} would be found by chance");
        if !self.0.iter().any(|(_, known)| known == secret) {
            self.0.push((what.to_owned(), secret.to_owned()));
        }
    }

    /// A client's secret, and its Basic header.
    pub(crate) fn add_client(&mut self, (client_id, client_secret): (&str, &str)) {
        self.add("client_secret", client_secret);
        let header = STANDARD.encode(format!("{client_id}:{client_secret}"));
        // The end may be padded otherwise, were more text behind it.
        self.add("Basic header", &header[..header.len() - 4]);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// None of them is in there, in any spelling.
    pub(crate) fn assert_absent(&self, place: &str, bytes: &[u8]) {
        for (what, secret) in &self.0 {
            for (spelling, sought) in spellings(secret) {
                let found = bytes.windows(sought.len()).position(|window| window == sought);
                if let Some(at) = found {
                    let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 300)];
                    panic!("{place} has a {what} ({spelling}): {}", String::from_utf8_lossy(around));
                }
            }
        }
    }
}

fn spellings(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |byte: &u8| format!("%{byte:02X}");
    let all_encoded: String = secret.as_bytes().iter().map(hex).collect();
    let mut spellings = vec![
        ("as it is", secret.as_bytes().to_vec()),
        ("in a form", form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>().into_bytes()),
        ("percent-encoded", all_encoded.to_ascii_lowercase().into_bytes()),
        ("percent-encoded", all_encoded.into_bytes()),
        ("in base64", STANDARD.encode(secret).trim_end_matches('=').as_bytes().to_vec()),
    ];
    // A token's own bytes.
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(secret.replace('.', "")).map_err(drop) {
        spellings.push(("decoded", bytes));
    }
    spellings
}

#[test]
fn a_secret_is_found_in_each_spelling() {
    let mut secrets = Secrets::default();
    secrets.add("password", "mật khẩu+1");
    secrets.add_client(("app", "secret-0123456789"));
    let places = [
        "x mật khẩu+1 x",
        "m%E1%BA%ADt+kh%E1%BA%A9u%2B1",
        "%6D%E1%BA%AD%74%20%6B%68%E1%BA%A9%75%2B%31",
        "Basic YXBwOnNlY3JldC0wMTIzNDU2Nzg5",
        "bearer secret-0123456789",
    ];
    for place in places {
        let found = std::panic::catch_unwind(|| secrets.assert_absent("it", place.as_bytes()));
        assert!(found.is_err(), "{place}");
    }
    secrets.assert_absent("it", b"nothing of the kind");
}
