//! The usual mistakes of those who sign, recognised by making each of them and comparing.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::canonical::{Spacing, json, object, sign, tag};
use super::{Covered, EXPLAINED_BYTES_MAX, SignedRequest, SigningInput, payload};

/// What was done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The timestamp counts seconds.
    SecondsForMilliseconds,
    /// The timestamp was signed with quotation marks.
    TimestampAsString,
    /// The JSON was signed with spaces after commas and colons.
    SpacesInJson,
    /// The keys were signed in another order than the sorted one.
    UnsortedKeys,
    /// Both of the two before: what Python's `json.dumps` makes when it is told nothing.
    SpacesAndUnsortedKeys,
    /// The base64url has its padding.
    PaddingLeftOn,
    /// Base64 of the standard alphabet.
    StandardAlphabet,
    /// The HMAC runs over the string itself and not over its base64url.
    NotEncoded,
    /// `+` was signed where `%20` was sent.
    PlusForSpace,
    /// Another serialisation of the body was signed than was sent.
    ReserialisedBody,
    /// The other version of the signature.
    OtherVersion,
    /// The signature is not in lower-case hex digits.
    SignatureSpelling,
    /// It is right; the timestamp is not of now.
    Clock,
}

/// A mistake, and the string that was signed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// Which.
    pub mistake: Mistake,
    /// What was signed; it may hold a code or token.
    pub canonical: Vec<u8>,
}

/// The usual mistake by which one of these secrets makes the signature of this request, if there is one. The work depends on the
/// request alone, and on how many secrets there are; nothing longer than [`EXPLAINED_BYTES_MAX`] is looked into.
#[must_use]
pub fn recognise(request: &SignedRequest, secrets: &[impl AsRef<[u8]>]) -> Option<Recognised> {
    if request.input.canonical().len() > EXPLAINED_BYTES_MAX {
        return None;
    }
    let mut recognised = None;
    for attempt in attempts(&request.input) {
        for secret in secrets {
            if attempt.makes(secret.as_ref(), &request.signature) && recognised.is_none() {
                recognised = Some(Recognised { mistake: attempt.mistake, canonical: attempt.canonical.clone() });
            }
        }
    }
    let misspelt = misspelt(request, secrets);
    recognised.or(misspelt)
}

/// Compared in constant time: the caller may see how long it took to be refused, and what it is compared with would do as a signature.
fn is_same(expected: &[u8], signature: &str) -> bool {
    verify_slices_are_equal(expected, signature.as_bytes()).is_ok()
}

/// One way to sign wrongly.
struct Attempt {
    mistake: Mistake,
    canonical: Vec<u8>,
    encoding: Encoding,
}

#[derive(Clone, Copy)]
enum Encoding {
    Right,
    Padded,
    Standard,
    StandardPadded,
    Raw,
}

impl Attempt {
    fn new(mistake: Mistake, canonical: impl Into<Vec<u8>>) -> Self {
        Self { mistake, canonical: canonical.into(), encoding: Encoding::Right }
    }

    fn makes(&self, secret: &[u8], signature: &str) -> bool {
        let encoded = match self.encoding {
            Encoding::Right => URL_SAFE_NO_PAD.encode(&self.canonical).into_bytes(),
            Encoding::Padded => URL_SAFE.encode(&self.canonical).into_bytes(),
            Encoding::Standard => STANDARD_NO_PAD.encode(&self.canonical).into_bytes(),
            Encoding::StandardPadded => STANDARD.encode(&self.canonical).into_bytes(),
            Encoding::Raw => self.canonical.clone(),
        };
        is_same(sign(secret, &encoded).as_bytes(), signature)
    }
}

/// Before this the milliseconds of 1973 end; as seconds it is the year 5138.
const SECONDS_BELOW: i64 = 100_000_000_000;

fn attempts(input: &SigningInput) -> Vec<Attempt> {
    let canonical = input.canonical();
    let is_in_seconds = input.timestamp_ms < SECONDS_BELOW;
    let right = if is_in_seconds { Mistake::SecondsForMilliseconds } else { Mistake::Clock };
    let mut attempts = vec![Attempt::new(right, canonical.clone())];
    for (mistake, encoding) in [
        (Mistake::PaddingLeftOn, Encoding::Padded),
        (Mistake::StandardAlphabet, Encoding::Standard),
        (Mistake::StandardAlphabet, Encoding::StandardPadded),
        (Mistake::NotEncoded, Encoding::Raw),
    ] {
        attempts.push(Attempt { mistake, canonical: canonical.clone(), encoding });
    }
    let in_seconds = SigningInput { timestamp_ms: input.timestamp_ms / 1_000, ..input.clone() };
    attempts.push(Attempt::new(Mistake::SecondsForMilliseconds, in_seconds.canonical()));
    match &input.covered {
        Covered::Fields(_) => of_fields(input, &mut attempts),
        Covered::Bytes(bytes) => of_bytes(input, bytes, &mut attempts),
    }
    attempts
}

fn of_fields(input: &SigningInput, attempts: &mut Vec<Attempt>) {
    let sorted = input.members();
    let mut quoted = sorted.clone();
    for (_, value) in quoted.iter_mut().filter(|(name, _)| name == "timestamp") {
        *value = format!("\"{value}\"");
    }
    attempts.push(Attempt::new(Mistake::TimestampAsString, object(&quoted, Spacing::Compact)));
    attempts.push(Attempt::new(Mistake::SpacesInJson, object(&sorted, Spacing::Python)));
    for order in orders(&sorted) {
        attempts.push(Attempt::new(Mistake::UnsortedKeys, object(&order, Spacing::Compact)));
        attempts.push(Attempt::new(Mistake::SpacesAndUnsortedKeys, object(&order, Spacing::Python)));
    }
    let Covered::Fields(fields) = &input.covered else { return };
    let body: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), json(value, Spacing::Compact))).collect();
    let body = object(&body, Spacing::Compact);
    attempts.push(Attempt::new(Mistake::OtherVersion, input.joined(input.timestamp_ms, body.as_bytes())));
}

/// Members in other orders than theirs: all of them while they are few.
fn orders(sorted: &[(String, String)]) -> Vec<Vec<(String, String)>> {
    const ORDERED_MAX: usize = 4;
    if sorted.len() > ORDERED_MAX {
        return vec![sorted.iter().rev().cloned().collect()];
    }
    let mut orders = vec![Vec::new()];
    for member in sorted {
        let with = |order: &Vec<(String, String)>, place: usize| {
            let mut order = order.clone();
            order.insert(place, member.clone());
            order
        };
        orders = orders.iter().flat_map(|order| (0..=order.len()).map(move |place| with(order, place))).collect();
    }
    orders.retain(|order| order != sorted);
    orders
}

fn of_bytes(input: &SigningInput, bytes: &[u8], attempts: &mut Vec<Attempt>) {
    let timestamp = input.timestamp_ms;
    if bytes.starts_with(b"/") {
        let plus = String::from_utf8_lossy(bytes).replace("%20", "+");
        attempts.push(Attempt::new(Mistake::PlusForSpace, input.joined(timestamp, plus.as_bytes())));
        return;
    }
    let compact = respaced(bytes, Spacing::Compact);
    let python = respaced(bytes, Spacing::Python);
    let mut bodies = vec![compact, python, bytes.trim_ascii().to_vec()];
    if let Ok(Value::Object(members)) = serde_json::from_slice(bytes) {
        let sorted = Value::Object(members.clone());
        bodies.extend([Spacing::Compact, Spacing::Python].map(|spacing| json(&sorted, spacing).into_bytes()));
        let fields = Covered::Fields(members.into_iter().collect());
        let other = SigningInput { covered: fields, ..input.clone() };
        attempts.push(Attempt::new(Mistake::OtherVersion, other.canonical()));
    }
    bodies.retain(|body| body != bytes);
    let re_serialised = |body: Vec<u8>| Attempt::new(Mistake::ReserialisedBody, input.joined(timestamp, &body));
    attempts.extend(bodies.into_iter().map(re_serialised));
}

/// JSON with its spaces outside of texts as this spacing has them; the order of members stays.
fn respaced(json: &[u8], spacing: Spacing) -> Vec<u8> {
    let (mut out, mut in_text, mut escaped) = (Vec::with_capacity(json.len()), false, false);
    for byte in json {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' if !in_text => {}
            b',' | b':' if !in_text && spacing == Spacing::Python => out.extend([*byte, b' ']),
            _ => out.push(*byte),
        }
        in_text ^= *byte == b'"' && !escaped;
        escaped = in_text && *byte == b'\\' && !escaped;
    }
    out
}

/// The right HMAC, written in another way than in lower-case hex digits.
fn misspelt(request: &SignedRequest, secrets: &[impl AsRef<[u8]>]) -> Option<Recognised> {
    let canonical = request.input.canonical();
    let payload = payload(&canonical);
    let is_spelling = secrets.iter().fold(false, |is_spelling, secret| {
        let tag = tag(secret.as_ref(), payload.as_bytes());
        let spellings = [STANDARD.encode(tag), URL_SAFE.encode(tag), URL_SAFE_NO_PAD.encode(tag)];
        let lower_case = request.signature.trim().to_ascii_lowercase();
        let is_hex = is_same(sign(secret.as_ref(), payload.as_bytes()).as_bytes(), &lower_case);
        let same = |is_one, spelling: &String| is_same(spelling.as_bytes(), &request.signature) | is_one;
        spellings.iter().fold(is_hex | is_spelling, same)
    });
    is_spelling.then_some(Recognised { mistake: Mistake::SignatureSpelling, canonical })
}

impl Mistake {
    /// What was done wrong, in a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SecondsForMilliseconds => "seconds for milliseconds",
            Self::TimestampAsString => "the timestamp as a string",
            Self::SpacesInJson => "spaces in the JSON",
            Self::UnsortedKeys => "unsorted keys",
            Self::SpacesAndUnsortedKeys => "spaces in the JSON and unsorted keys",
            Self::PaddingLeftOn => "base64url with its padding left on",
            Self::StandardAlphabet => "base64 of the standard alphabet",
            Self::NotEncoded => "an HMAC over the string that was not encoded",
            Self::PlusForSpace => "+ for %20",
            Self::ReserialisedBody => "another serialisation of the body than the one that was sent",
            Self::OtherVersion => "the other version of the signature",
            Self::SignatureSpelling => "a signature that is not in lower-case hex digits",
            Self::Clock => "a timestamp too far from the server's time",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::SecondsForMilliseconds => "Send and sign milliseconds since 1970.",
            Self::TimestampAsString => "Sign the timestamp as a JSON number, without quotation marks.",
            Self::SpacesInJson => "Serialise without spaces: separators=(',', ':') in Python.",
            Self::UnsortedKeys => "Sort the keys of the object: sort_keys=True in Python.",
            Self::SpacesAndUnsortedKeys => "Serialise with sort_keys=True and separators=(',', ':').",
            Self::PaddingLeftOn => "Cut the = off the end of the base64url.",
            Self::StandardAlphabet => "Use - and _ in the place of + and /, and no padding.",
            Self::NotEncoded => "Encode the string as base64url first; the HMAC runs over that.",
            Self::PlusForSpace => "Sign path and query exactly as they are sent, with %20.",
            Self::ReserialisedBody => "Serialise the body once; sign those bytes and send them.",
            Self::OtherVersion => {
                "In the body and over GraphQL the fields are signed; with X-Tiniapp-* headers timestamp.client.body is."
            }
            Self::SignatureSpelling => "Write the HMAC in 64 lower-case hex digits.",
            Self::Clock => "Take the time when the request is made, and set the clock of the machine.",
        }
    }
}
