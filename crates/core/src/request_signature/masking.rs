//! What may be shown of a canonical string: a code or token in it as its length and 8 hex digits of its digest.
//!
//! Only what is known to be no secret is shown: the client's id, the timestamp, the structure, and names of members that look like
//! one. What cannot be taken apart is masked whole.

use aws_lc_rs::digest::{SHA256, digest};

use super::{EXPLAINED_BYTES_MAX, SigningInput};
use crate::hexadecimal::hex;

/// More is masked whole: a mask is longer than a short text.
const MASKS_MAX: usize = 16;
/// A longer name may be a code in the wrong place.
const NAME_CHARACTERS_MAX: usize = 24;

impl SigningInput {
    /// A string that was or could have been signed for this request, as it may be shown.
    #[must_use]
    pub fn masked(&self, canonical: &[u8]) -> String {
        let text = std::str::from_utf8(canonical).ok().filter(|text| text.len() <= EXPLAINED_BYTES_MAX);
        text.and_then(|text| self.shown(text)).unwrap_or_else(|| masked_whole(canonical))
    }

    fn shown(&self, text: &str) -> Option<String> {
        let mut shown = Shown { input: self, text: String::new(), masks: 0 };
        let covered = if text.starts_with('{') {
            text
        } else {
            let (time, rest) = text.split_once('.')?;
            let covered = rest.strip_prefix(self.client_id.as_str())?.strip_prefix('.')?;
            shown.value(time)?;
            shown.text.extend([".", &self.client_id, "."]);
            covered
        };
        match covered.as_bytes().first() {
            Some(b'{') => shown.json(covered)?,
            Some(b'/') => shown.path(covered)?,
            Some(_) | None => return None,
        }
        Some(shown.text)
    }

    /// Whether a value is no secret.
    fn is_known(&self, value: &str) -> bool {
        let timestamps = [self.timestamp_ms, self.timestamp_ms / 1_000];
        let is_time = value.parse().is_ok_and(|number: i64| timestamps.contains(&number));
        is_time || value == self.client_id || matches!(value, "" | "true" | "false" | "null")
    }
}

/// A canonical string of which nothing is shown.
#[must_use]
pub fn masked_whole(canonical: &[u8]) -> String {
    mask(&String::from_utf8_lossy(canonical))
}

/// What was shown so far.
struct Shown<'a> {
    input: &'a SigningInput,
    text: String,
    masks: usize,
}

impl Shown<'_> {
    /// A JSON object, read text by text; `None` where a text has no end.
    fn json(&mut self, mut rest: &str) -> Option<()> {
        while let Some(start) = rest.find('"') {
            let (before, literal) = rest.split_at(start);
            self.pieces(before, is_json_structure)?;
            let (literal, after) = literal.split_at(literal_length(literal)?);
            let text: String = serde_json::from_str(literal).ok()?;
            let is_name = after.trim_start().starts_with(':');
            if self.input.is_known(&text) || (is_name && is_plain_name(&text)) {
                self.text += literal;
            } else {
                self.text.push('"');
                self.mask(&text)?;
                self.text.push('"');
            }
            rest = after;
        }
        self.pieces(rest, is_json_structure)
    }

    /// A path with its query: values are masked, and what does not look like a name.
    fn path(&mut self, text: &str) -> Option<()> {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        self.names(path, '/')?;
        for (number, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            self.text.push(if number == 0 { '?' } else { '&' });
            let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
            self.names(name, '.')?;
            if let Some(value) = value {
                self.text.push('=');
                self.value(value)?;
            }
        }
        Some(())
    }

    /// Names with a separator between them.
    fn names(&mut self, text: &str, separator: char) -> Option<()> {
        for (number, name) in text.split(separator).enumerate() {
            if number > 0 {
                self.text.push(separator);
            }
            if is_plain_name(name) {
                self.text += name;
            } else {
                self.value(name)?;
            }
        }
        Some(())
    }

    /// What stands between structure.
    fn pieces(&mut self, text: &str, is_structure: fn(char) -> bool) -> Option<()> {
        for piece in text.split_inclusive(is_structure) {
            let value = piece.trim_end_matches(is_structure);
            self.value(value)?;
            self.text += piece.strip_prefix(value).unwrap_or_default();
        }
        Some(())
    }

    fn value(&mut self, value: &str) -> Option<()> {
        if self.input.is_known(value) {
            self.text += value;
            return Some(());
        }
        self.mask(value)
    }

    fn mask(&mut self, secret: &str) -> Option<()> {
        self.masks += 1;
        self.text += &mask(secret);
        (self.masks <= MASKS_MAX).then_some(())
    }
}

/// The length of a text in JSON with its quotation marks.
fn literal_length(literal: &str) -> Option<usize> {
    let mut escaped = false;
    let end = literal.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map(|end| end + 2)
}

fn is_json_structure(character: char) -> bool {
    matches!(character, '{' | '}' | '[' | ']' | ',' | ':' | ' ' | '\n' | '\r' | '\t')
}

fn is_plain_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    name.len() <= NAME_CHARACTERS_MAX && name.bytes().all(is_plain)
}

fn mask(secret: &str) -> String {
    let digest = digest(&SHA256, secret.as_bytes());
    let first = digest.as_ref().get(..4).unwrap_or_default();
    format!("[{} characters, {}]", secret.chars().count(), hex(first))
}
