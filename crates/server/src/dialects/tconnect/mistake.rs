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

/// What was probably done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    PlainJson,
    Form,
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
            Self::Form => "Send the JSON object {\"data\":\"<hex>\"}.",
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
    let found = match suspect {
        Suspect::Nothing => None,
        Suspect::Request(unread) => of_request(body, unread, || Registered::of(call)),
        Suspect::Members(names) => of_names(&names),
        Suspect::Token(token, wanted) => of_token(token.expose(), wanted),
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
        let is_whole = decoded.len() >= IV_BYTES && decoded.len().is_multiple_of(IV_BYTES);
        let is_plain = is_object(&decoded).then_some(Mistake::ObjectInData);
        return is_plain.or_else(|| is_whole.then_some(Mistake::Base64));
    }
    let opens = |keys: &[CipherKey], layout| keys.iter().any(|key| opened(digits, key, layout, is_object));
    let misread: Vec<_> = keys.iter().flat_map(CipherKey::misread).collect();
    if opens(&misread, iv) {
        return Some(Mistake::AsciiKey);
    }
    match iv {
        IvLayout::Prepended if opens(keys, IvLayout::Zero) => return Some(Mistake::IvNotPrepended),
        IvLayout::Zero | IvLayout::Fixed(_) if opens(keys, IvLayout::Prepended) => return Some(Mistake::IvPrepended),
        IvLayout::Prepended | IvLayout::Zero | IvLayout::Fixed(_) => {}
    }
    let holds = |is: fn(&[u8]) -> bool| keys.iter().any(|key| opened(digits, key, iv, is));
    if holds(is_tail) {
        return Some(Mistake::IvLost);
    }
    holds(|plain| text(plain).is_some()).then_some(Mistake::NoObject)
}

/// Whether an envelope opens with this key to what is like this; what it opens to is wiped.
fn opened(digits: &str, key: &CipherKey, layout: IvLayout, is: impl Fn(&[u8]) -> bool) -> bool {
    let plain = Envelope::parse(digits.as_bytes(), layout).and_then(|envelope| envelope.open(key));
    plain.is_ok_and(|plain| is(&plain))
}

/// Whether it is a JSON object. Keeps nothing of it.
fn is_object(plain: &[u8]) -> bool {
    plain.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(plain).is_ok()
}

fn text(plain: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(plain).ok()?;
    text.chars().all(|character| !character.is_control() || character == '\n').then_some(text)
}

/// Whether it ends as an object does and does not begin as one: that its first block was taken for the IV.
fn is_tail(plain: &[u8]) -> bool {
    text(plain).is_some_and(|text| !text.starts_with('{') && text.trim_end().ends_with('}'))
}

/// The bytes behind base64. Letters of either case behind `f` tell it from hexadecimal with a slip in it.
fn from_base64(digits: &str) -> Option<Vec<u8>> {
    let has = |letters: std::ops::RangeInclusive<u8>| digits.bytes().any(|digit| letters.contains(&digit));
    if !has(b'G'..=b'Z') || !has(b'g'..=b'z') {
        return None;
    }
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(digits).ok())
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
mod tests {
    use kimbai_core::client::FixedIv;
    use kimbai_keyring::EnvelopeFault;

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
            ("data=f0f1", Some(Mistake::Form)),
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
        let bytes: Vec<_> =
            (0..whole.len()).step_by(2).map(|at| u8::from_str_radix(&whole[at..at + 2], 16).unwrap()).collect();
        let in_base64 = STANDARD.encode(&bytes);
        for (digits, iv, expect) in [
            (seal(&lower, Prepended, PLAIN), Prepended, Some(Mistake::AsciiKey)),
            (seal(&upper, Prepended, PLAIN), Prepended, Some(Mistake::AsciiKey)),
            (seal(&upper, fixed, PLAIN), fixed, Some(Mistake::AsciiKey)),
            (seal(&key(), Zero, PLAIN), Prepended, Some(Mistake::IvNotPrepended)),
            (whole[32..].to_owned(), Prepended, Some(Mistake::IvLost)),
            (whole.clone(), Zero, Some(Mistake::IvPrepended)),
            (whole.clone(), fixed, Some(Mistake::IvPrepended)),
            (in_base64.clone(), Prepended, Some(Mistake::Base64)),
            (URL_SAFE_NO_PAD.encode(&bytes), Prepended, Some(Mistake::Base64)),
            (in_base64[4..].to_owned(), Prepended, None),
            (STANDARD.encode(PLAIN), Prepended, Some(Mistake::ObjectInData)),
            (whole.replacen('0', "g", 1), Prepended, None),
            ("Xin chao".to_owned(), Prepended, None),
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
    fn a_token_of_the_other_kind_is_recognised_by_its_header() {
        let jwt = |header: &str| format!("{}.e30.x", URL_SAFE_NO_PAD.encode(header));
        let (access, refresh) =
            (jwt(r#"{"alg":"RS256","typ":"at+jwt","kid":"k"}"#), jwt(r#"{"alg":"RS256","typ":"rt+jwt","kid":"k"}"#));
        for (token, wanted, expect) in [
            (&*access, Wanted::Refresh, Some(Mistake::AccessToken)),
            (&*access, Wanted::Access, None),
            (&*refresh, Wanted::Access, Some(Mistake::RefreshToken)),
            (&*refresh, Wanted::Refresh, None),
            (&*jwt("{"), Wanted::Refresh, None),
            (&*(access.clone() + &"x".repeat(EXPLAINED_BYTES_MAX)), Wanted::Refresh, None),
            ("x", Wanted::Refresh, None),
            ("", Wanted::Access, None),
        ] {
            assert_eq!(of_token(token, wanted), expect, "{token}");
        }
    }

    #[test]
    fn the_names_of_members_tell_the_wrong_endpoint_and_another_spelling() {
        use Mistake::{LogInAtRefresh, MemberSpelling, RefreshAtLogIn};
        for (names, expect) in [
            (&["refresh_token"][..], Some(RefreshAtLogIn)),
            (&["client_id", "password", "username"], Some(LogInAtRefresh)),
            (&["userName"], Some(MemberSpelling)),
            (&["clientId", "device"], Some(MemberSpelling)),
            (&["refreshToken"], Some(MemberSpelling)),
            (&["device", "password"], None),
            (&[], None),
        ] {
            let names: Vec<_> = names.iter().copied().map(str::to_owned).collect();
            assert_eq!(of_names(&names), expect, "{names:?}");
        }
    }

    #[test]
    fn what_is_large_is_not_explained_and_asks_for_no_key() {
        let unread = Unread::Envelope(EnvelopeRefusal::Envelope(EnvelopeFault::Padding));
        let body = |bytes: usize| {
            let digits = seal(&key(), IvLayout::Zero, PLAIN);
            let frame = br#"{"data":"","x":""}"#.len() + digits.len();
            format!(r#"{{"data":"{digits}","x":"{}"}}"#, "x".repeat(bytes - frame))
        };
        let registered = || Registered::Partner(vec![key()], IvLayout::Prepended);
        let found = of_request(body(EXPLAINED_BYTES_MAX).as_bytes(), unread, registered);
        assert_eq!(found, Some(Mistake::IvNotPrepended));
        let larger = body(EXPLAINED_BYTES_MAX + 1);
        assert_eq!(of_request(larger.as_bytes(), unread, || panic!("keys are opened")), None);
        for unread in [Unread::Body, Unread::DataMissing, Unread::Envelope(EnvelopeRefusal::Partner)] {
            assert_eq!(of_request(larger.as_bytes(), unread, || panic!("keys are opened")), None);
        }
        // One that is read at all is one that was opened.
        assert_eq!(of_request(b"{}", Unread::Member("username"), || panic!("keys are opened")), None);
    }

    #[test]
    fn a_partner_code_in_the_other_case_is_recognised() {
        let unread = Unread::Envelope(EnvelopeRefusal::Partner);
        assert_eq!(of_request(b"{}", unread, || Registered::OtherCase), Some(Mistake::CodeCase));
        assert_eq!(of_request(b"{}", unread, || Registered::Nobody), None);
    }

    #[test]
    fn every_mistake_has_a_name_and_an_advice() {
        use Mistake::{
            AccessToken, AsciiKey, Base64, CodeCase, Form, IvLost, IvNotPrepended, IvPrepended, LogInAtRefresh,
            MemberSpelling, NoObject, ObjectInData, Placeholder, PlainJson, RefreshAtLogIn, RefreshToken, Spaces,
            Unquoted,
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
            RefreshToken,
            CodeCase,
            Form,
            RefreshAtLogIn,
            LogInAtRefresh,
            MemberSpelling,
        ] {
            assert!(!mistake.name().is_empty() && mistake.advice().ends_with('.'), "{mistake:?}");
        }
    }
}
