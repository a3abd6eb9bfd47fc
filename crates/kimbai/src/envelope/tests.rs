//! What is said of envelopes that do not open, and the parts of those that do.

use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: EnvelopeArgs,
}

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const PAYLOAD: &[u8] = br#"{"refresh_token":"eyJhbGciOiJIUzI1NiJ9.e30.x"}"#;

fn key() -> CipherKey {
    CipherKey::new(KeySpelling::Hex.read(KEY).unwrap())
}

fn sealed(key: &CipherKey, iv: IvLayout) -> Vec<u8> {
    Envelope::seal(key, iv, PAYLOAD).to_hex().into_bytes()
}

#[test]
fn the_usual_mistakes_are_recognised() {
    let characters = CipherKey::new(KeySpelling::Ascii.read(&KEY[..32]).unwrap());
    let stranger = CipherKey::generate();
    let right = sealed(&key(), IvLayout::Prepended);
    for (digits, iv, expect) in [
        (b"7ObEEA5/iGw2dOJ2RLhjWA==".to_vec(), IvLayout::Prepended, "base64"),
        (b"0x00".to_vec(), IvLayout::Prepended, "0x is no digit of an envelope"),
        (b"00 00".to_vec(), IvLayout::Prepended, "character 3 is no hex digit"),
        (b"000".to_vec(), IvLayout::Prepended, "3 digits are an odd number"),
        (b"ENCRYPTED PAYLOAD".to_vec(), IvLayout::Prepended, "character 2 is no hex digit"),
        (b"00".to_vec(), IvLayout::Prepended, "its length in bytes is 1, and it takes 32"),
        (b"".to_vec(), IvLayout::Zero, "its length in bytes is 0"),
        (right[..right.len() - 2].to_vec(), IvLayout::Prepended, "was it cut?"),
        (sealed(&key(), IvLayout::Zero), IvLayout::Prepended, "it opens with --iv zero"),
        (right.clone(), IvLayout::Zero, "it opens with --iv prepended"),
        (sealed(&characters, IvLayout::Prepended), IvLayout::Prepended, "first 32 of the key's hex digits"),
        (sealed(&characters, IvLayout::Zero), IvLayout::Prepended, "first 32 of the key's hex digits"),
        (sealed(&stranger, IvLayout::Prepended), IvLayout::Prepended, "another key"),
    ] {
        // One that opens by chance is asked about like one that does not.
        let fault = open(&digits, iv, &key()).err().unwrap_or(EnvelopeFault::Padding);
        let said = mistake(fault, &digits, iv, &key());
        assert!(said.contains(expect), "{said}");
    }
}

#[test]
fn a_body_or_the_digits_alone_are_taken() {
    let read = |input: &str| digits(&Zeroizing::new(input.as_bytes().to_vec()));
    for (input, expect) in [("0a", "0a"), (r#"{"data":"0a"}"#, "0a"), (r#"{ "data" : "0A", "x": 1 }"#, "0A"), ("", "")]
    {
        assert_eq!(read(input).unwrap(), expect.as_bytes());
    }
    for (input, expect) in [
        (r#"{"data": ENCRYPTED_PAYLOAD}"#, "at column 10"),
        (r#"{"data":1}"#, "no string \"data\""),
        (r#"{"refresh_token":"x"}"#, "not encrypted yet"),
    ] {
        let refused = read(input).unwrap_err();
        assert!(refused.is::<Problems>() && refused.to_string().contains(expect), "{refused}");
    }
}

#[test]
fn the_parts_of_an_envelope_are_shown() {
    let iv = iv_layout("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").unwrap();
    for (layout, place) in [(IvLayout::Prepended, "before the cipher text"), (iv, "not in the envelope")] {
        let envelope = Envelope::seal(&key(), layout, PAYLOAD);
        let iv = String::from(FixedIv(*envelope.iv()));
        let expect = format!(
            "iv       {iv}, {place}\nblocks   3 of 16 bytes\npadding  2 bytes of 02\npayload  46 bytes, a JSON object"
        );
        assert_eq!(explained(&envelope, layout, PAYLOAD), expect);
    }
    let empty = Envelope::seal(&key(), iv, b"");
    assert!(explained(&empty, iv, b"").ends_with("padding  16 bytes of 10\npayload  0 bytes, no JSON object"));
}

#[test]
fn a_layout_is_a_word_or_32_digits() {
    assert_eq!(iv_layout("prepended"), Ok(IvLayout::Prepended));
    assert_eq!(iv_layout("zero"), Ok(IvLayout::Zero));
    assert_eq!(iv_layout(&"0F".repeat(16)), Ok(IvLayout::Fixed(FixedIv([15; 16]))));
    for wrong in ["", "ZERO", "0f", &"0g".repeat(16), &"00".repeat(17)] {
        assert!(iv_layout(wrong).unwrap_err().contains("32 hex digits"), "{wrong}");
    }
}

#[test]
fn no_key_is_in_a_debug_line() {
    let shown = format!("{:?}", Line::try_parse_from(["envelope", "open", "--key-hex", KEY]).unwrap().args);
    assert!(!shown.contains("0001"), "{shown}");
}
