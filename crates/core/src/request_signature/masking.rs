//! What may be shown of a canonical string: a code or token in it as its length and 8 hex digits of its digest.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::canonical::hex;
use super::{Covered, EXPLAINED_BYTES_MAX, SigningInput};

/// Members that are no secret.
const SHOWN: [&str; 2] = ["client_id", "timestamp"];
/// Each text is looked for in all of the string.
const TEXTS_MAX: usize = 16;

impl SigningInput {
    /// A string that was or could have been signed for this request, as it may be shown. Every text in it is masked but the client's
    /// id; what cannot be taken apart is masked whole.
    #[must_use]
    pub fn masked(&self, canonical: &[u8]) -> String {
        let whole = || mask(&String::from_utf8_lossy(canonical));
        let Ok(text) = std::str::from_utf8(canonical) else { return whole() };
        if canonical.len() > EXPLAINED_BYTES_MAX {
            return whole();
        }
        let Some(secrets) = self.secrets().filter(|secrets| secrets.len() <= TEXTS_MAX) else { return whole() };
        let mut shown = text.to_owned();
        for secret in secrets {
            if !shown.contains(&secret) {
                return whole();
            }
            shown = shown.replace(&secret, &mask(&secret));
        }
        shown
    }

    /// The texts in what is covered; `None` if it cannot be told what is one.
    fn secrets(&self) -> Option<Vec<String>> {
        match &self.covered {
            Covered::Fields(fields) => texts(fields.iter()),
            Covered::Bytes(bytes) if bytes.starts_with(b"/") => {
                let query = bytes.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
                let values =
                    query.split(|byte| *byte == b'&').filter_map(|pair| pair.splitn(2, |byte| *byte == b'=').nth(1));
                values.filter(|value| !value.is_empty()).map(|value| String::from_utf8(value.to_vec()).ok()).collect()
            }
            Covered::Bytes(bytes) => match serde_json::from_slice(bytes) {
                Ok(Value::Object(members)) => texts(members.iter()),
                Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
                    None
                }
            },
        }
    }
}

fn texts<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for (_, value) in members.filter(|(name, _)| !SHOWN.contains(&name.as_str())) {
        match value {
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => texts.push(text.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::Array(_) | Value::Object(_) => return None,
        }
    }
    // A text may be part of another one.
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts.dedup();
    Some(texts)
}

fn mask(secret: &str) -> String {
    let digest = digest(&SHA256, secret.as_bytes());
    let first = digest.as_ref().get(..4).unwrap_or_default();
    format!("[{} characters, {}]", secret.chars().count(), hex(first))
}
