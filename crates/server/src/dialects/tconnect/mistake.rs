//! The usual mistakes of who writes an integration, recognised by what they send: for the log and the sandbox, never for the caller.
//!
//! Looked for when the answer is decided, so that it takes no other time for it, and in small requests alone. Nothing of what an
//! envelope holds is kept or shown. Sources: the platform's samples, and what its one public client gets right.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use kimbai_core::client::{IV_BYTES, IvLayout};
use kimbai_core::secret::Secret;
use kimbai_engine::EnvelopeRefusal;
use kimbai_keyring::{CipherKey, Envelope, parse_object};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::error;
use super::request::{self, Unread};
use super::wall::Failure;
use crate::http::front::Reason;
use crate::site::{Audience, Call};

/// Where the mistake behind a failure may be.
#[derive(Debug)]
pub(super) enum Suspect {
    /// The reason says it all.
    Nothing,
    /// In the request, which was not read for this.
    Request(Unread),
    /// In the names of what was in the envelope.
    Members(Vec<String>),
    /// In a token that was sent where one of this kind is wanted.
    Token(Secret, Wanted),
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One that opens the APIs.
    Access,
    /// One that brings the next pair.
    Refresh,
}

/// A larger request, or token, is not explained: a right one has a quarter of it, and what an explanation costs must stay small beside
/// the delay of a failure. In bytes.
const EXPLAINED_BYTES_MAX: usize = 4 * 1024;

/// What some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What was probably done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    PlainJson,
    Form,
    BareDigits,
    Unquoted,
    Placeholder,
    ObjectInData,
    Base64,
    Spaces,
    HexPrefix,
    AsciiKey,
    IvNotPrepended,
    IvPrepended,
    IvLost,
    OtherIv,
    ByteOrderMark,
    OtherEncoding,
    BrokenObject,
    NoObject,
    CodeCase,
    RefreshAtLogIn,
    LogInAtRefresh,
    MemberSpelling,
    AccessToken,
    RefreshToken,
}

impl Mistake {
    const fn name(self) -> &'static str {
        match self {
            Self::PlainJson => "plain JSON instead of an envelope",
            Self::Form => "a form instead of JSON",
            Self::BareDigits => "the hexadecimal digits alone instead of JSON",
            Self::Unquoted => "the value of data without quotes",
            Self::Placeholder => "the placeholder of the documents instead of an envelope",
            Self::ObjectInData => "the object itself in data, not encrypted",
            Self::Base64 => "base64 instead of hexadecimal",
            Self::Spaces => "white space in the hexadecimal digits",
            Self::HexPrefix => "0x in front of the hexadecimal digits",
            Self::AsciiKey => "the first 32 characters of the hexadecimal key, taken as its bytes",
            Self::IvNotPrepended => "an envelope without its IV in front, made with an IV of zeros",
            Self::IvPrepended => "an IV in front of an envelope that has an agreed one",
            Self::IvLost => "an envelope whose IV was not sent",
            Self::OtherIv => "an IV that is not the agreed one",
            Self::ByteOrderMark => "a byte order mark in front of the JSON",
            Self::OtherEncoding => "JSON in another encoding than UTF-8",
            Self::BrokenObject => "an envelope that holds what begins as an object and cannot be read as JSON",
            Self::NoObject => "an envelope that holds text, and no JSON object",
            Self::CodeCase => "a Partner-Code in the other case",
            Self::RefreshAtLogIn => "a refresh sent to the log-in",
            Self::LogInAtRefresh => "a log-in sent to the refresh",
            Self::MemberSpelling => "a member in another spelling",
            Self::AccessToken => "an access token in the place of the refresh token",
            Self::RefreshToken => "a refresh token in the place of the access token",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::PlainJson | Self::ObjectInData => "Encrypt the object and send {\"data\":\"<hex>\"}.",
            Self::Form | Self::BareDigits => "Send the JSON object {\"data\":\"<hex>\"}.",
            Self::Unquoted => "Put the digits in quotes: the documents' sample shows a placeholder.",
            Self::Placeholder => "Put the digits of an envelope in its place; kimbai envelope seal makes them.",
            Self::Base64 => "Write the bytes in hexadecimal: two digits each.",
            Self::Spaces => "Send the digits alone, without line breaks.",
            Self::HexPrefix => "Send the digits alone, two for each byte.",
            Self::AsciiKey => "Decode the key: its 64 digits mean 32 bytes.",
            Self::IvNotPrepended | Self::IvLost => {
                "Put the 16 bytes of the IV in front of the cipher text before you encode both."
            }
            Self::IvPrepended => "Send the cipher text alone, or have the partner's iv changed to prepended.",
            Self::OtherIv => "Encrypt with the IV that was agreed, as the partner's iv has it.",
            Self::ByteOrderMark => "Write UTF-8 without a byte order mark.",
            Self::OtherEncoding => "Write the JSON in UTF-8 before you encrypt it.",
            Self::BrokenObject => {
                "Write each member once, at most 127 levels, no number beyond a double, no half of a surrogate pair."
            }
            Self::NoObject => "Encrypt the JSON object itself: not a form, not a string that holds JSON.",
            Self::CodeCase => "Send the Partner-Code letter by letter as it was given.",
            Self::RefreshAtLogIn => "Send it to the endpoint of refreshes.",
            Self::LogInAtRefresh => "Send it to the endpoint of log-ins.",
            Self::MemberSpelling => "Write username, password, client_id, client_secret, refresh_token.",
            Self::AccessToken => "Send the refresh_token of the last answer.",
            Self::RefreshToken => "Send the access_token of the last answer.",
        }
    }
}

/// Why a request failed, with the mistake that was probably made.
pub(super) fn explained(call: &Call, body: &[u8], Failure { why, suspect, .. }: Failure) -> Reason {
    if !is_read(call) {
        return why;
    }
    let (why, found) = match suspect {
        Suspect::Nothing => (why, None),
        Suspect::Request(unread) => {
            (error::of_partner(why, unread, call), of_request(body, unread, || Registered::of(call)))
        }
        Suspect::Members(names) => (why, of_names(&names)),
        Suspect::Token(token, wanted) => (why, of_token(token.expose(), wanted)),
    };
    match found {
        None => why,
        Some(found) => {
            let detail = format!("{}: {}", why.detail, found.name());
            Reason { name: why.name, detail, mistake: found.name(), explanation: found.advice() }
        }
    }
}

/// Whether anybody reads it: what it takes to recognise a mistake is spent for nobody else.
fn is_read(call: &Call) -> bool {
    matches!(call.site.audience, Audience::Sandbox(_))
        || tracing::enabled!(target: "kimbai::access", tracing::Level::INFO)
}

/// What is registered under the `Partner-Code` of a request.
enum Registered {
    /// A partner with these live keys.
    Partner(Vec<CipherKey>, IvLayout),
    /// Nobody, but somebody under the same letters in the other case.
    OtherCase,
    /// Nobody.
    Nobody,
}

impl Registered {
    fn of(call: &Call) -> Self {
        let (code, realm) = (request::partner_code(&call.headers).unwrap_or_default(), &call.realm);
        match realm.partner(code).as_ref().and_then(|client| client.partner()) {
            Some(partner) => Self::Partner(call.site.engine.envelope_keys(realm, code), partner.iv),
            None if [code.to_ascii_uppercase(), code.to_ascii_lowercase()].iter().any(|code| is_named(call, code)) => {
                Self::OtherCase
            }
            None => Self::Nobody,
        }
    }
}

fn is_named(call: &Call, code: &str) -> bool {
    call.realm.partner(code).is_some()
}

/// By the request, if it is small; who is registered is asked where its envelope was looked at.
fn of_request(body: &[u8], unread: Unread, registered: impl FnOnce() -> Registered) -> Option<Mistake> {
    if body.len() > EXPLAINED_BYTES_MAX {
        return None;
    }
    let digits = || request::digits(body).unwrap_or_default();
    match unread {
        Unread::Body | Unread::DataMissing | Unread::DataType => of_body(body),
        Unread::Envelope(EnvelopeRefusal::Partner) => {
            matches!(registered(), Registered::OtherCase).then_some(Mistake::CodeCase)
        }
        Unread::Envelope(EnvelopeRefusal::Envelope(_) | EnvelopeRefusal::Utf8 | EnvelopeRefusal::Json) => {
            of_digits(&digits()).or_else(|| match registered() {
                Registered::Partner(keys, iv) => of_envelope(&digits(), &keys, iv),
                Registered::OtherCase | Registered::Nobody => None,
            })
        }
        Unread::CodeMissing
        | Unread::CodeTwice
        | Unread::Code
        | Unread::Member(_)
        | Unread::GrantType
        | Unread::BearerMissing
        | Unread::Bearer => None,
    }
}

/// By the names of what was in an envelope.
fn of_names(names: &[String]) -> Option<Mistake> {
    let letters = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let known = ["username", "password", "client_id", "client_secret", "refresh_token"];
    let is_misspelt =
        |name: &String| !known.contains(&name.as_str()) && known.iter().any(|known| letters(known) == letters(name));
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    // What an endpoint reads is not among them any more.
    match (has("refresh_token"), has("username")) {
        (true, false) => Some(Mistake::RefreshAtLogIn),
        (false, true) => Some(Mistake::LogInAtRefresh),
        (true, true) | (false, false) => names.iter().any(is_misspelt).then_some(Mistake::MemberSpelling),
    }
}

/// By the body alone.
fn of_body(body: &[u8]) -> Option<Mistake> {
    if body.starts_with(b"data=") {
        return Some(Mistake::Form);
    }
    if body.starts_with(BYTE_ORDER_MARK) {
        return Some(Mistake::ByteOrderMark);
    }
    if is_digits(body.trim_ascii()) {
        return Some(Mistake::BareDigits);
    }
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

/// Whether these are pairs of hexadecimal digits, in quotes or not.
fn is_digits(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    !inner.is_empty() && inner.len().is_multiple_of(2) && inner.iter().all(u8::is_ascii_hexdigit)
}

/// By the digits alone.
fn of_digits(digits: &str) -> Option<Mistake> {
    let is_placeholder = digits.to_ascii_lowercase().contains("payload") || digits.starts_with('<');
    let unspaced = without_space(digits);
    let is_spaced = unspaced.len() < digits.len() && unspaced.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_placeholder {
        Some(Mistake::Placeholder)
    } else if digits.trim_start().starts_with('{') {
        Some(Mistake::ObjectInData)
    } else if digits.starts_with("0x") || digits.starts_with("0X") {
        Some(Mistake::HexPrefix)
    } else {
        is_spaced.then_some(Mistake::Spaces)
    }
}

fn without_space(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_whitespace()).collect()
}

/// By what opens it: the keys as they are, misread, and the other layouts.
fn of_envelope(digits: &str, keys: &[CipherKey], iv: IvLayout) -> Option<Mistake> {
    if let Some(decoded) = from_base64(digits) {
        let is_whole = decoded.len() >= IV_BYTES && decoded.len().is_multiple_of(IV_BYTES);
        let is_plain = is_object(&decoded).then_some(Mistake::ObjectInData);
        return is_plain.or_else(|| is_whole.then_some(Mistake::Base64));
    }
    let opens = |keys: &[CipherKey], layout| {
        keys.iter().any(|key| plain(digits, key, layout).is_some_and(|plain| is_object(&plain)))
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
    keys.iter().find_map(|key| of_plain(&plain(digits, key, iv)?, iv))
}

/// By what an envelope holds that opens and holds no object that can be read.
fn of_plain(plain: &[u8], iv: IvLayout) -> Option<Mistake> {
    if plain.starts_with(BYTE_ORDER_MARK) {
        Some(Mistake::ByteOrderMark)
    } else if is_utf16(plain) {
        Some(Mistake::OtherEncoding)
    } else if plain.trim_ascii_start().starts_with(b"{") {
        let is_utf8 = std::str::from_utf8(plain).is_ok();
        Some(if is_utf8 { Mistake::BrokenObject } else { Mistake::OtherEncoding })
    } else {
        of_first_block(plain, iv).or(text(plain).map(|_| Mistake::NoObject))
    }
}

/// By a first block that is not what it should be in front of what ends as an object does.
fn of_first_block(plain: &[u8], iv: IvLayout) -> Option<Mistake> {
    match iv {
        IvLayout::Prepended => is_tail(plain).then_some(Mistake::IvLost),
        IvLayout::Zero | IvLayout::Fixed(_) => {
            let is_garbled = text(plain).is_none() && plain.get(IV_BYTES..).is_some_and(is_tail);
            is_garbled.then_some(Mistake::OtherIv)
        }
    }
}

/// What an envelope opens to with this key; wiped when it is dropped.
fn plain(digits: &str, key: &CipherKey, layout: IvLayout) -> Option<Zeroizing<Vec<u8>>> {
    Envelope::parse(digits.as_bytes(), layout).ok()?.open(key).ok()
}

/// Whether it is a JSON object. Keeps nothing of it.
fn is_object(plain: &[u8]) -> bool {
    plain.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(plain).is_ok()
}

fn text(plain: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(plain).ok()?;
    text.chars().all(|character| !character.is_control() || character == '\n').then_some(text)
}

/// Whether it is text that ends as an object does: what is left of one without its first block.
fn is_tail(plain: &[u8]) -> bool {
    text(plain).is_some_and(|text| text.trim_end().ends_with('}'))
}

/// Whether it begins as an object in UTF-16 does, or with the mark of that.
fn is_utf16(plain: &[u8]) -> bool {
    [&b"\xff\xfe"[..], b"\xfe\xff", b"{\0", b"\0{"].iter().any(|start| plain.starts_with(start))
}

/// The bytes behind base64, wrapped in lines or not. Letters of either case behind `f` tell it from hexadecimal with a slip in it.
fn from_base64(digits: &str) -> Option<Vec<u8>> {
    let digits = without_space(digits);
    let has = |letters: std::ops::RangeInclusive<u8>| digits.bytes().any(|digit| letters.contains(&digit));
    if !has(b'G'..=b'Z') || !has(b'g'..=b'z') {
        return None;
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(&digits).ok())
}

/// By what a token says of itself.
fn of_token(token: &str, wanted: Wanted) -> Option<Mistake> {
    let header = token.split_once('.').map(|(header, _)| header).filter(|_| token.len() <= EXPLAINED_BYTES_MAX);
    let header = parse_object(&URL_SAFE_NO_PAD.decode(header?).ok()?)?;
    match (wanted, header.get("typ")?.as_str()?) {
        (Wanted::Refresh, "at+jwt") => Some(Mistake::AccessToken),
        (Wanted::Access, "rt+jwt") => Some(Mistake::RefreshToken),
        (Wanted::Refresh | Wanted::Access, _) => None,
    }
}

#[cfg(test)]
mod tests;
