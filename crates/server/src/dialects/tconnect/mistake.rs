//! The usual mistakes of who writes an integration, recognised by what they send: for the log and the sandbox, never for the caller.
//!
//! Nothing of what an envelope holds is kept or shown. Sources: the platform's samples, and what its one public client gets right.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kimbai_core::client::{ENVELOPE_KEY_BYTES, IvLayout};
use kimbai_core::secret::Secret;
use kimbai_keyring::{CipherKey, Envelope, parse_object};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::error;
use super::request::{self, Unread};
use crate::http::front::Reason;
use crate::site::{Audience, Call};

/// What was probably done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    PlainJson,
    Unquoted,
    Placeholder,
    ObjectInData,
    Base64,
    Spaces,
    AsciiKey,
    IvNotPrepended,
    IvPrepended,
    IvLost,
    NoObject,
    AccessToken,
}

impl Mistake {
    const fn name(self) -> &'static str {
        match self {
            Self::PlainJson => "plain JSON instead of an envelope",
            Self::Unquoted => "the value of data without quotes",
            Self::Placeholder => "the placeholder of the documents instead of an envelope",
            Self::ObjectInData => "the object itself in data, not encrypted",
            Self::Base64 => "base64 instead of hexadecimal",
            Self::Spaces => "white space in the hexadecimal digits",
            Self::AsciiKey => "the first 32 characters of the hexadecimal key, taken as its bytes",
            Self::IvNotPrepended => "an envelope without its IV in front, made with an IV of zeros",
            Self::IvPrepended => "an IV in front of an envelope that has an agreed one",
            Self::IvLost => "an envelope whose IV was not sent",
            Self::NoObject => "an envelope that holds text, and no JSON object",
            Self::AccessToken => "an access token in the place of the refresh token",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::PlainJson | Self::ObjectInData => "Encrypt the object and send {\"data\":\"<hex>\"}.",
            Self::Unquoted => "Put the digits in quotes: the documents' sample shows a placeholder.",
            Self::Placeholder => "Put hex(IV || cipher text) in its place; kimbai envelope seal makes it.",
            Self::Base64 => "Write the bytes in hexadecimal: two digits each.",
            Self::Spaces => "Send the digits alone, without line breaks.",
            Self::AsciiKey => "Decode the key: its 64 digits mean 32 bytes.",
            Self::IvNotPrepended | Self::IvLost => {
                "Put the 16 bytes of the IV in front of the cipher text before you encode both."
            }
            Self::IvPrepended => "Send the cipher text alone, or have the partner's iv changed to prepended.",
            Self::NoObject => "Encrypt the JSON object itself: not a form, not a string that holds JSON.",
            Self::AccessToken => "Send the refresh_token of the last answer.",
        }
    }
}

/// Why a request was not read, with the mistake that was probably made.
pub(super) fn explained(call: &Call, body: &[u8], unread: Unread) -> Reason {
    let known = error::unread(unread);
    if !is_read(call) {
        return known;
    }
    let found = match unread {
        Unread::Body | Unread::DataMissing | Unread::DataType => of_body(body),
        Unread::Envelope(_) => {
            let code = request::partner_code(&call.headers).unwrap_or_default();
            let partner = call.realm.partner(code);
            let iv = partner.as_ref().and_then(|client| client.partner()).map(|partner| partner.iv);
            let keys = call.site.engine.envelope_keys(&call.realm, code);
            let digits = request::digits(body).unwrap_or_default();
            of_digits(&digits).or_else(|| iv.and_then(|iv| of_envelope(&digits, &keys, iv)))
        }
        Unread::CodeMissing | Unread::CodeTwice | Unread::Code | Unread::Member(_) | Unread::GrantType => None,
    };
    with(known, found)
}

/// Why a refresh was refused, with the mistake that was probably made.
pub(super) fn of_token(token: &Secret, known: Reason) -> Reason {
    with(known, is_access_token(token.expose()).then_some(Mistake::AccessToken))
}

fn with(known: Reason, found: Option<Mistake>) -> Reason {
    let Some(found) = found else { return known };
    let detail = format!("{}: {}", known.detail, found.name());
    Reason { name: known.name, detail, mistake: found.name(), explanation: found.advice() }
}

/// Whether anybody reads it: what it takes to recognise a mistake is spent for nobody else.
fn is_read(call: &Call) -> bool {
    matches!(call.site.audience, Audience::Sandbox(_))
        || tracing::enabled!(target: "kimbai::access", tracing::Level::INFO)
}

/// By the body alone.
fn of_body(body: &[u8]) -> Option<Mistake> {
    let Some(members) = parse_object(body) else { return is_unquoted(body).then_some(Mistake::Unquoted) };
    let is_payload =
        |members: &Map<String, Value>| ["username", "refresh_token"].iter().any(|name| members.contains_key(*name));
    match members.get("data") {
        Some(Value::Object(inner)) if is_payload(inner) => Some(Mistake::ObjectInData),
        None if is_payload(&members) => Some(Mistake::PlainJson),
        Some(_) | None => None,
    }
}

/// Whether what stands behind `"data":` begins like digits or a name.
fn is_unquoted(body: &[u8]) -> bool {
    let value = std::str::from_utf8(body).ok().and_then(|text| text.split_once("\"data\""));
    let value = value.and_then(|(_, rest)| rest.trim_start().strip_prefix(':')).map(str::trim_start);
    value.is_some_and(|value| value.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '<'))
}

/// By the digits alone.
fn of_digits(digits: &str) -> Option<Mistake> {
    let is_placeholder = digits.to_ascii_lowercase().contains("payload") || digits.starts_with('<');
    let is_spaced = digits.contains(|character: char| character.is_ascii_whitespace());
    if is_placeholder {
        Some(Mistake::Placeholder)
    } else if digits.trim_start().starts_with('{') {
        Some(Mistake::ObjectInData)
    } else {
        is_spaced.then_some(Mistake::Spaces)
    }
}

/// By what opens it: the keys as they are, misread, and the other layouts.
fn of_envelope(digits: &str, keys: &[CipherKey], iv: IvLayout) -> Option<Mistake> {
    if let Some(decoded) = from_base64(digits) {
        return Some(Mistake::Base64).filter(|_| decoded.len() >= ENVELOPE_KEY_BYTES);
    }
    let opens = |keys: &[CipherKey], layout| {
        keys.iter().any(|key| opened(digits, key, layout).is_some_and(|plain| is_object(&plain)))
    };
    let misread: Vec<_> = keys.iter().flat_map(CipherKey::misread).collect();
    if opens(&misread, iv) {
        return Some(Mistake::AsciiKey);
    }
    match iv {
        IvLayout::Prepended if opens(keys, IvLayout::Zero) => return Some(Mistake::IvNotPrepended),
        IvLayout::Zero | IvLayout::Fixed(_) if opens(keys, IvLayout::Prepended) => return Some(Mistake::IvPrepended),
        IvLayout::Prepended | IvLayout::Zero | IvLayout::Fixed(_) => {}
    }
    keys.iter().find_map(|key| {
        let plain = opened(digits, key, iv)?;
        let text = str::from_utf8(&plain).ok()?;
        let is_text = text.chars().all(|character| !character.is_control() || character == '\n');
        let is_tail = !text.starts_with('{') && text.trim_end().ends_with('}');
        is_text.then_some(if is_tail { Mistake::IvLost } else { Mistake::NoObject })
    })
}

fn opened(digits: &str, key: &CipherKey, layout: IvLayout) -> Option<Zeroizing<Vec<u8>>> {
    Envelope::parse(digits.as_bytes(), layout).ok()?.open(key).ok()
}

fn is_object(plain: &[u8]) -> bool {
    parse_object(plain).is_some()
}

/// What is base64 and cannot be hexadecimal.
fn from_base64(digits: &str) -> Option<Vec<u8>> {
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    STANDARD.decode(digits).or_else(|_| URL_SAFE_NO_PAD.decode(digits)).ok()
}

/// Whether a token says of itself that it is an access token.
fn is_access_token(token: &str) -> bool {
    let header = token.split_once('.').and_then(|(header, _)| URL_SAFE_NO_PAD.decode(header).ok());
    let typ = header.and_then(|header| parse_object(&header)).and_then(|mut header| header.remove("typ"));
    typ.is_some_and(|typ| typ == "at+jwt")
}

#[cfg(test)]
mod tests {
    use kimbai_core::client::FixedIv;

    use super::*;

    const PLAIN: &[u8] = b"{\"refresh_token\":\"eyJhbGciOiJIUzI1NiJ9.e30.x\"}";

    fn key() -> CipherKey {
        CipherKey::new(std::array::from_fn(|index| u8::try_from(0xa0 + index).unwrap()))
    }

    fn seal(key: &CipherKey, layout: IvLayout, plain: &[u8]) -> String {
        Envelope::seal(key, layout, plain).to_hex()
    }

    #[test]
    fn a_body_without_an_envelope_is_recognised() {
        for (body, expect) in [
            (r#"{"username":"an","password":"x"}"#, Some(Mistake::PlainJson)),
            (r#"{"refresh_token":"x"}"#, Some(Mistake::PlainJson)),
            (r#"{"data":{"username":"an"}}"#, Some(Mistake::ObjectInData)),
            (r#"{"data": ENCRYPTED_PAYLOAD}"#, Some(Mistake::Unquoted)),
            (r#"{"data":f0f1}"#, Some(Mistake::Unquoted)),
            (r#"{"data":"f0f1"}"#, None),
            (r#"{"data":1}"#, None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(of_body(body.as_bytes()), expect, "{body}");
        }
        for (digits, expect) in [
            ("ENCRYPTED_PAYLOAD", Some(Mistake::Placeholder)),
            ("<hex>", Some(Mistake::Placeholder)),
            (r#"{"username":"an"}"#, Some(Mistake::ObjectInData)),
            ("f0f1\nf2f3", Some(Mistake::Spaces)),
            ("f0f1", None),
        ] {
            assert_eq!(of_digits(digits), expect, "{digits}");
        }
    }

    #[test]
    fn a_misread_key_or_layout_is_recognised_by_what_opens() {
        use IvLayout::{Fixed, Prepended, Zero};
        let fixed = Fixed(FixedIv([7; 16]));
        let [lower, upper] = key().misread();
        let whole = seal(&key(), Prepended, PLAIN);
        let in_base64 = STANDARD.encode(PLAIN);
        for (digits, iv, expect) in [
            (seal(&lower, Prepended, PLAIN), Prepended, Some(Mistake::AsciiKey)),
            (seal(&upper, Prepended, PLAIN), Prepended, Some(Mistake::AsciiKey)),
            (seal(&upper, fixed, PLAIN), fixed, Some(Mistake::AsciiKey)),
            (seal(&key(), Zero, PLAIN), Prepended, Some(Mistake::IvNotPrepended)),
            (whole[32..].to_owned(), Prepended, Some(Mistake::IvLost)),
            (whole.clone(), Zero, Some(Mistake::IvPrepended)),
            (whole.clone(), fixed, Some(Mistake::IvPrepended)),
            (in_base64, Prepended, Some(Mistake::Base64)),
            (seal(&key(), Prepended, b"refresh_token=x"), Prepended, Some(Mistake::NoObject)),
            (seal(&key(), Prepended, b"\"{}\""), Prepended, Some(Mistake::NoObject)),
            (seal(&CipherKey::new([1; 32]), Zero, PLAIN), Zero, None),
            ("zz".to_owned(), Prepended, None),
            (String::new(), Prepended, None),
        ] {
            assert_eq!(of_envelope(&digits, &[key()], iv), expect, "{digits} {iv:?}");
        }
    }

    #[test]
    fn an_access_token_is_recognised_by_its_header() {
        let jwt = |header: &str| format!("{}.e30.x", URL_SAFE_NO_PAD.encode(header));
        for (token, expect) in [
            (jwt(r#"{"alg":"RS256","typ":"at+jwt","kid":"k"}"#), true),
            (jwt(r#"{"alg":"RS256","typ":"rt+jwt","kid":"k"}"#), false),
            (jwt("{"), false),
            ("x".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_access_token(&token), expect, "{token}");
        }
    }

    #[test]
    fn every_mistake_has_a_name_and_an_advice() {
        use Mistake::{
            AccessToken, AsciiKey, Base64, IvLost, IvNotPrepended, IvPrepended, NoObject, ObjectInData, Placeholder,
            PlainJson, Spaces, Unquoted,
        };
        for mistake in [
            PlainJson,
            Unquoted,
            Placeholder,
            ObjectInData,
            Base64,
            Spaces,
            AsciiKey,
            IvNotPrepended,
            IvPrepended,
            IvLost,
            NoObject,
            AccessToken,
        ] {
            assert!(!mistake.name().is_empty() && mistake.advice().ends_with('.'), "{mistake:?}");
        }
    }
}
