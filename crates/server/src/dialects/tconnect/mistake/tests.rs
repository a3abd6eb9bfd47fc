//! What people send, and what is said of it.

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
        ("f0f1\n", Some(Mistake::BareDigits)),
        ("\"F0f1\"", Some(Mistake::BareDigits)),
        ("f0f", None),
        ("\"\"", None),
        ("\u{feff}{\"data\":\"f0f1\"}", Some(Mistake::ByteOrderMark)),
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
        ("8PHy8/T19vf4\n+fr7/P3+/w==", None),
        ("0xf0f1", Some(Mistake::HexPrefix)),
        ("0Xf0f1", Some(Mistake::HexPrefix)),
        ("f0f1", None),
    ] {
        assert_eq!(of_digits(digits), expect, "{digits}");
    }
}

#[test]
fn a_misread_key_or_layout_is_recognised_by_what_opens() {
    use IvLayout::{Fixed, Prepended, Zero};
    let fixed = Fixed(FixedIv([0x97; 16]));
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
        (format!("{}\r\n{}\n", &in_base64[..40], &in_base64[40..]), Prepended, Some(Mistake::Base64)),
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
fn what_opens_and_is_no_object_that_can_be_read_is_told_by_what_it_is() {
    use IvLayout::{Fixed, Prepended, Zero};
    let fixed = Fixed(FixedIv([0x97; 16]));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127));
    let with_mark = ["\u{feff}", std::str::from_utf8(PLAIN).unwrap()].concat();
    let in_utf16: Vec<_> = "{\"refresh_token\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (plain, expect) in [
        (&b"{\"refresh_token\":\"x\",\"refresh_token\":\"y\"}"[..], Mistake::BrokenObject),
        (b" {\"a\":1e999}", Mistake::BrokenObject),
        (b"{\"a\":\"\\ud800\"}", Mistake::BrokenObject),
        (b"{\"a\":\t1,}", Mistake::BrokenObject),
        (deep.as_bytes(), Mistake::BrokenObject),
        (with_mark.as_bytes(), Mistake::ByteOrderMark),
        (b"{\"password\":\"m\xe2t kh\xe2u\"}", Mistake::OtherEncoding),
        (&in_utf16, Mistake::OtherEncoding),
        (b"[{\"a\":1}]", Mistake::NoObject),
        (b"username=demo", Mistake::NoObject),
    ] {
        for layout in [Prepended, Zero, fixed] {
            let digits = seal(&key(), layout, plain);
            assert_eq!(of_envelope(&digits, &[key()], layout), Some(expect), "{plain:?} {layout:?}");
        }
    }
    // An agreed IV is not in front, so that it cannot have been lost there.
    for (sealed_with, agreed) in [(Zero, fixed), (fixed, Zero)] {
        let digits = seal(&key(), sealed_with, PLAIN);
        assert_eq!(of_envelope(&digits, &[key()], agreed), Some(Mistake::OtherIv));
    }
    assert_eq!(
        of_envelope(&seal(&key(), Zero, b"a text of more than a block {}"), &[key()], Zero),
        Some(Mistake::NoObject)
    );
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
        AccessToken, AsciiKey, BareDigits, Base64, BrokenObject, ByteOrderMark, CodeCase, Form, HexPrefix, IvLost,
        IvNotPrepended, IvPrepended, LogInAtRefresh, MemberSpelling, NoObject, ObjectInData, OtherEncoding, OtherIv,
        Placeholder, PlainJson, RefreshAtLogIn, RefreshToken, Spaces, Unquoted,
    };
    for mistake in [
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
