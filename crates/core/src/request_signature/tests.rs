//! The platform's published examples, each usual mistake, the window, and what is shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use super::canonical::{Spacing, object};
use super::{
    Covered, EXPLAINED_BYTES_MAX, Mistake, SignatureFault, SignedRequest, SigningInput, payload, recognise, sign,
    sign_in_base64,
};
use crate::realm::RequestSignatures;

const CLIENT: &str = "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W";
const SECRET: &str = "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf";
const CODE: &str = "Y24CwtKFz7aPXv8wmghwZpnqHhpHaeA0THJ0qIY3BXjwm744zZ0JY6SkhRiNFVJT";
const REFRESH_TOKEN: &str = "ouCuOd72UUpc-Rpvu5HaZ88MgAJSHKXlKD71QDutQXo.8jFMWYcdZ1mW9vvDmoXjlg31rbaxAF6ZuLnaRocIbhk";
const NOW_MS: i64 = 1_620_621_619_569;

fn input(timestamp_ms: i64, covered: Covered) -> SigningInput {
    SigningInput { client_id: CLIENT.to_owned(), timestamp_ms, covered }
}

fn field(name: &str, value: impl Into<Value>) -> Covered {
    Covered::Fields(BTreeMap::from([(name.to_owned(), value.into())]))
}

fn bytes(text: &str) -> Covered {
    Covered::Bytes(text.as_bytes().to_vec())
}

#[test]
fn the_vectors_of_the_platforms_documents_are_met() {
    let vectors = [
        (
            input(NOW_MS, field("code", CODE)),
            Some(
                "eyJjbGllbnRfaWQiOiJSTENLYjdBZTlreDREWHRYc0NXam5EWHRnZ0ZuTTQzVyIsImNvZGUiOiJZMjRDd3RLRno3YVBYdjh3bWdod1pwbnFI\
                 aHBIYWVBMFRISjBxSVkzQlhqd203NDR6WjBKWTZTa2hSaU5GVkpUIiwidGltZXN0YW1wIjoxNjIwNjIxNjE5NTY5fQ",
            ),
            "a68fefe3075e24204949eafa78567261498f4f805a3ed9278396b593bed75576",
        ),
        (
            input(1_620_901_354_516, field("code", CODE)),
            None,
            "f94fbc88a110c565b85904e963f5b82c7e9c1423480cb6dd0b0387d7d956533d",
        ),
        (
            input(1_620_470_539_433, field("refresh_token", REFRESH_TOKEN)),
            Some(
                "eyJjbGllbnRfaWQiOiJSTENLYjdBZTlreDREWHRYc0NXam5EWHRnZ0ZuTTQzVyIsInJlZnJlc2hfdG9rZW4iOiJvdUN1T2Q3MlVVcGMtUnB2\
                 dTVIYVo4OE1nQUpTSEtYbEtENzFRRHV0UVhvLjhqRk1XWWNkWjFtVzl2dkRtb1hqbGczMXJiYXhBRjZadUxuYVJvY0liaGsiLCJ0aW1lc3RhbXAi\
                 OjE2MjA0NzA1Mzk0MzN9",
            ),
            "d4ce359992f970fe074af88c9178daa3fd45d7583a003826f2b381751897422b",
        ),
        (
            input(NOW_MS, bytes(r#"{"id":123}"#)),
            Some("MTYyMDYyMTYxOTU2OS5STENLYjdBZTlreDREWHRYc0NXam5EWHRnZ0ZuTTQzVy57ImlkIjoxMjN9"),
            "8ebd092b9df2cf90e8ccbcab2ba87ee14f2abb25eb8f18b4d7286d42adcd45c2",
        ),
        (
            input(NOW_MS, bytes("/order?location=H%C3%A0%20N%E1%BB%99i&order_id=88062110977884170")),
            None,
            "e1e0d63f7f8296dd31b2c082e611351a6c41a3bc0309a9299832f70b693722c8",
        ),
    ];
    for (input, encoded, expect) in vectors {
        let payload = payload(&input.canonical());
        if let Some(encoded) = encoded {
            assert_eq!(payload, encoded);
        }
        assert_eq!(sign(SECRET.as_bytes(), payload.as_bytes()), expect, "{payload}");
    }
}

fn signed(input: &SigningInput) -> SignedRequest {
    let signature = sign(SECRET.as_bytes(), payload(&input.canonical()).as_bytes());
    SignedRequest { input: input.clone(), signature }
}

#[test]
fn keys_are_sorted_at_every_depth() {
    let fields = Covered::Fields(BTreeMap::from([("z".to_owned(), json!({"b": [{"d": 1, "c": "\n"}], "a": null}))]));
    let canonical = input(1, fields).canonical();
    let expect = format!(r#"{{"client_id":"{CLIENT}","timestamp":1,"z":{{"a":null,"b":[{{"c":"\n","d":1}}]}}}}"#);
    assert_eq!(String::from_utf8(canonical).unwrap(), expect);
}

#[test]
fn a_signature_is_taken_within_the_window_of_the_realm_alone() {
    let five_minutes = RequestSignatures::Within(300);
    let request = signed(&input(NOW_MS, bytes("{}")));
    for (policy, now_ms, expect) in [
        (five_minutes, NOW_MS, Ok(())),
        (five_minutes, NOW_MS + 300_000, Ok(())),
        (five_minutes, NOW_MS - 300_000, Ok(())),
        (five_minutes, NOW_MS + 300_001, Err(SignatureFault::Timestamp)),
        (five_minutes, NOW_MS - 300_001, Err(SignatureFault::Timestamp)),
        (five_minutes, NOW_MS + 360_000, Err(SignatureFault::Timestamp)),
        (five_minutes, NOW_MS - 360_000, Err(SignatureFault::Timestamp)),
        (five_minutes, NOW_MS / 1_000, Err(SignatureFault::Timestamp)),
        (five_minutes, i64::MAX, Err(SignatureFault::Timestamp)),
        (five_minutes, i64::MIN, Err(SignatureFault::Timestamp)),
        (RequestSignatures::AnyTime, i64::MIN, Ok(())),
        (RequestSignatures::Refused, NOW_MS, Err(SignatureFault::NotTaken)),
    ] {
        assert_eq!(request.check(&[SECRET], policy, now_ms), expect, "{policy:?} {now_ms}");
    }
}

#[test]
fn whatever_is_changed_in_a_signed_request_is_noticed() {
    let right = signed(&input(NOW_MS, field("code", CODE)));
    let check = |request: &SignedRequest| request.check(&["other", SECRET], RequestSignatures::AnyTime, 0);
    assert_eq!(check(&right), Ok(()));
    assert_eq!(right.check(&["other", "another"], RequestSignatures::AnyTime, 0), Err(SignatureFault::Mismatch));
    let changes: [fn(&mut SignedRequest); 8] = [
        |request| request.input.client_id.push('x'),
        |request| request.input.timestamp_ms += 1,
        |request| request.input.covered = field("code", &CODE[1..]),
        |request| request.input.covered = field("refresh_token", CODE),
        |request| request.signature.clear(),
        |request| request.signature.push('0'),
        |request| request.signature.make_ascii_uppercase(),
        |request| request.signature.truncate(63),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut request = right.clone();
        change(&mut request);
        assert_eq!(check(&request), Err(SignatureFault::Mismatch), "{number}");
    }
}

/// The signature of somebody who signed this payload.
fn over(payload: impl AsRef<[u8]>) -> String {
    sign(SECRET.as_bytes(), payload.as_ref())
}

#[track_caller]
fn recognised(input: &SigningInput, signature: String, expect: Mistake, canonical: &str) {
    let request = SignedRequest { input: input.clone(), signature };
    let recognised = recognise(&request, &["another secret", SECRET]).expect("not recognised");
    assert_eq!(recognised.mistake, expect);
    assert_eq!(String::from_utf8(recognised.canonical).unwrap(), canonical);
    assert_eq!(recognise(&request, &["another secret"]), None);
}

#[test]
fn every_usual_mistake_over_fields_is_recognised() {
    let right = input(NOW_MS, field("code", CODE));
    let json = |members: &[(&str, String)], spacing| {
        let members: Vec<_> = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        object(&members, spacing)
    };
    let (client, code, time) =
        (("client_id", format!("\"{CLIENT}\"")), ("code", format!("\"{CODE}\"")), ("timestamp", NOW_MS.to_string()));
    let seconds = ("timestamp", (NOW_MS / 1_000).to_string());
    let quoted = ("timestamp", format!("\"{NOW_MS}\""));
    let sorted = [client.clone(), code.clone(), time.clone()];
    let unsorted = [code.clone(), client.clone(), time];
    for (mistake, canonical) in [
        (Mistake::SecondsForMilliseconds, json(&[client.clone(), code.clone(), seconds], Spacing::Compact)),
        (Mistake::TimestampAsString, json(&[client, code, quoted], Spacing::Compact)),
        (Mistake::SpacesInJson, json(&sorted, Spacing::Python)),
        (Mistake::UnsortedKeys, json(&unsorted, Spacing::Compact)),
        (Mistake::SpacesAndUnsortedKeys, json(&unsorted, Spacing::Python)),
    ] {
        recognised(&right, over(payload(canonical.as_bytes())), mistake, &canonical);
    }
    let canonical = String::from_utf8(right.canonical()).unwrap();
    // Its length is no multiple of three, so that there is padding to leave on.
    recognised(&right, over(URL_SAFE.encode(&canonical)), Mistake::PaddingLeftOn, &canonical);
    recognised(&right, over(&canonical), Mistake::NotEncoded, &canonical);
    let joined = format!(r#"{NOW_MS}.{CLIENT}.{{"code":"{CODE}"}}"#);
    recognised(&right, over(payload(joined.as_bytes())), Mistake::OtherVersion, &joined);
    let signature = signed(&right).signature.to_ascii_uppercase();
    recognised(&right, signature, Mistake::SignatureSpelling, &canonical);
    recognised(&right, signed(&right).signature, Mistake::Clock, &canonical);
}

#[test]
fn every_usual_mistake_over_bytes_is_recognised() {
    let body = r#"{"refresh_token": "a.b", "note": "x, y: \"z\""}"#;
    let right = input(NOW_MS, bytes(body));
    let over_body = |body: &str| format!("{NOW_MS}.{CLIENT}.{body}");
    for (body, mistake) in [
        (r#"{"refresh_token":"a.b","note":"x, y: \"z\""}"#, Mistake::ReserialisedBody),
        (r#"{"note":"x, y: \"z\"","refresh_token":"a.b"}"#, Mistake::ReserialisedBody),
        (r#"{"note": "x, y: \"z\"", "refresh_token": "a.b"}"#, Mistake::ReserialisedBody),
    ] {
        let canonical = over_body(body);
        recognised(&right, over(payload(canonical.as_bytes())), mistake, &canonical);
    }
    let sent_compact = input(NOW_MS, bytes(r#"{"a":1,"b":2}"#));
    let canonical = over_body(r#"{"a": 1, "b": 2}"#);
    recognised(&sent_compact, over(payload(canonical.as_bytes())), Mistake::ReserialisedBody, &canonical);
    let with_newline = input(NOW_MS, bytes("not json\n"));
    let canonical = over_body("not json");
    recognised(&with_newline, over(payload(canonical.as_bytes())), Mistake::ReserialisedBody, &canonical);

    let canonical = String::from_utf8(right.canonical()).unwrap();
    recognised(&right, over(&canonical), Mistake::NotEncoded, &canonical);
    let other_alphabet = input(NOW_MS, bytes(r#"{"a":"~~~???"}"#));
    let canonical = String::from_utf8(other_alphabet.canonical()).unwrap();
    recognised(&other_alphabet, over(STANDARD.encode(&canonical)), Mistake::StandardAlphabet, &canonical);
    let seconds = format!("{}.{CLIENT}.{body}", NOW_MS / 1_000);
    recognised(&right, over(payload(seconds.as_bytes())), Mistake::SecondsForMilliseconds, &seconds);
    let fields = format!(r#"{{"client_id":"{CLIENT}","code":"c","timestamp":{NOW_MS}}}"#);
    let first_version = over(payload(fields.as_bytes()));
    recognised(&input(NOW_MS, bytes(r#"{"code":"c"}"#)), first_version, Mistake::OtherVersion, &fields);

    // What the platform's pseudocode prints.
    let path = input(NOW_MS, bytes("/order?location=H%C3%A0%20N%E1%BB%99i&order_id=88062110977884170"));
    let canonical = over_body("/order?location=H%C3%A0+N%E1%BB%99i&order_id=88062110977884170");
    let signature = "6b21858525c32ce5c81a3a8eb319edba8fd7bf1884ec6fe10aaef62f22419d87";
    recognised(&path, signature.to_owned(), Mistake::PlusForSpace, &canonical);
}

#[test]
fn seconds_that_were_sent_and_signed_are_recognised() {
    let in_seconds = input(NOW_MS / 1_000, field("code", CODE));
    let canonical = String::from_utf8(in_seconds.canonical()).unwrap();
    recognised(&in_seconds, signed(&in_seconds).signature, Mistake::SecondsForMilliseconds, &canonical);
}

#[test]
fn no_code_or_token_is_shown() {
    let masked_code = "[64 characters, b6719794]";
    for (covered, expect) in [
        (field("code", CODE), format!(r#"{{"client_id":"{CLIENT}","code":"{masked_code}","timestamp":1}}"#)),
        (bytes(&format!(r#"{{"code":"{CODE}"}}"#)), format!(r#"1.{CLIENT}.{{"code":"{masked_code}"}}"#)),
        (bytes(&format!("/me?access_token={CODE}")), format!("1.{CLIENT}./me?access_token={masked_code}")),
    ] {
        let input = input(1, covered);
        assert_eq!(input.masked(&input.canonical()), expect);
    }
    // Whatever stands where: names and numbers that may be codes, members that are repeated, what is no JSON.
    for (body, expect) in [
        (
            format!(r#"{{"code":"{CODE}","code":"x"}}"#),
            format!(r#"{{"code":"{masked_code}","code":"[1 characters, 2d711642]"}}"#),
        ),
        (format!(r#"{{"x": {{"code": ["{CODE}"]}} }}"#), format!(r#"{{"x": {{"code": ["{masked_code}"]}} }}"#)),
        (format!(r#"{{"{CODE}":null}}"#), format!(r#"{{"{masked_code}":null}}"#)),
        (
            r#"{"code":7777,"client_id":"abc","timestamp":1}"#.to_owned(),
            r#"{"code":[4 characters, 41c991eb],"client_id":"[3 characters, ba7816bf]","timestamp":1}"#.to_owned(),
        ),
        (format!("{{code:{CODE}}}"), format!("{{[4 characters, 5694d08a]:{masked_code}}}")),
        (r#"{"code":"\u0061"}"#.to_owned(), r#"{"code":"[1 characters, ca978112]"}"#.to_owned()),
        (format!("/{CODE}"), format!("/{masked_code}")),
        (format!("/me?{CODE}&a"), format!("/me?{masked_code}&a")),
    ] {
        let input = input(1, bytes(&body));
        assert_eq!(input.masked(&input.canonical()), format!("1.{CLIENT}.{expect}"), "{body}");
    }
    for covered in
        [bytes(CODE), bytes(&format!(r#"["{CODE}"]"#)), bytes(&format!(r#"{{"code":"{CODE}"#)), bytes("{\"a\":\"\n\"}")]
    {
        let input = input(1, covered);
        let shown = input.masked(&input.canonical());
        assert!(
            shown.starts_with('[') && shown.ends_with(']') && !shown.contains(CODE) && !shown.contains("0041"),
            "{shown}"
        );
    }
    let request = format!("{:?}", signed(&input(1, field("code", CODE))));
    assert!(!request.contains(CODE), "{request}");
}

/// A mask is longer than what it stands for, and must not be masked again.
#[test]
fn masks_do_not_multiply() {
    let texts = ["c", "a", "r", "t", "e", "h", "s", " ", ",", "[", "]", "1", "6", "d", "b", "8"];
    let members = texts.iter().enumerate().map(|(number, text)| (format!("m{number}"), (*text).into()));
    let long = ("c".repeat(700), 0.into());
    for fields in [members.clone().collect::<BTreeMap<_, _>>(), members.chain([long]).collect()] {
        let input = input(1, Covered::Fields(fields));
        let canonical = input.canonical();
        assert!(canonical.len() <= EXPLAINED_BYTES_MAX, "{}", canonical.len());
        let shown = input.masked(&canonical);
        assert!(shown.len() < 2 * EXPLAINED_BYTES_MAX, "{shown}");
    }
}

#[test]
fn what_is_longer_than_any_request_of_the_platform_is_not_explained() {
    let of_length = |length: usize| {
        let rest = length - input(NOW_MS, bytes(r#"{"code":""}"#)).canonical().len();
        input(NOW_MS, bytes(&format!(r#"{{"code":"{}"}}"#, "a".repeat(rest))))
    };
    for (length, is_explained) in [(EXPLAINED_BYTES_MAX, true), (EXPLAINED_BYTES_MAX + 1, false)] {
        let input = of_length(length);
        let canonical = input.canonical();
        assert_eq!(canonical.len(), length);
        let request = SignedRequest { signature: over(&canonical), input };
        assert_eq!(recognise(&request, &[SECRET]).is_some(), is_explained, "{length}");
        assert_eq!(request.input.masked(&canonical).contains(CLIENT), is_explained, "{length}");
    }
    let many = |texts: usize| {
        let members: Vec<_> = (0..texts).map(|n| format!(r#""m{n}":"text number {n:02}""#)).collect();
        input(NOW_MS, bytes(&format!("{{{}}}", members.join(","))))
    };
    for (texts, is_shown) in [(16, true), (17, false)] {
        let input = many(texts);
        assert_eq!(input.masked(&input.canonical()).contains(CLIENT), is_shown, "{texts}");
    }
}

#[test]
fn a_signature_is_in_hex_digits_or_in_base64_with_padding() {
    // RFC 4231 section 4.3.
    let (secret, message) = (b"Jefe", b"what do ya want for nothing?");
    assert_eq!(sign(secret, message), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(sign_in_base64(secret, message), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}
