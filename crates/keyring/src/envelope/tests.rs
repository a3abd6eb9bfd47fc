//! Vectors of the platform's fact file and of OpenSSL, each boundary, and everything that must not open.

use kimbai_core::client::KeySpelling;

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const IV: [u8; 16] = [0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];
const IV_HEX: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const FIXED: IvLayout = IvLayout::Fixed(FixedIv(IV));
const REFRESH: &str = r#"{"refresh_token":"eyJhbGciOiJIUzI1NiJ9.e30.x"}"#;
const LOG_IN: &str = r#"{"username":"demo@yourdomain.vn","password":"Password#123","client_id":"fMLgZltRRtetnsOHXgxsHQ","client_secret":"hUFhGJIqz746zcxsYVtrwhkveDuEfcYd"}"#;
const REFRESH_HEX: &str =
    "8d5a06a2087faff2c995d8695fa500d7cd2815d83d5903f55299aa17f0cdeb12d653c0e6955f5a100b1d22f24fe6735f";
const LOG_IN_HEX: &str = "6644267d277ea7b1411453829789efb3e4c3c6ad65dd775607ac360111a29fbc2e6c574d0cf507ac29d04022666625f198cb63a65e3abb34ed656d7cf01c921d46b71bc5fc5e73994f1d05725774b194dc2e5cc6b3c926ba19a28e376603c9f4630d703ef5106862a844ee6e22c7323de5dea4341a3eaad3ffc7158f10b87ad7f44722df5414c4a49987e9d3d01df6f7e8a5f44a03983924c4c8f8a0e3a69c6a";

fn key() -> CipherKey {
    CipherKey::new(KeySpelling::Hex.read(KEY).unwrap())
}

fn open(digits: &str, layout: IvLayout) -> Result<Vec<u8>, EnvelopeFault> {
    Ok(Envelope::parse(digits.as_bytes(), layout)?.open(&key())?.to_vec())
}

/// Cipher text whose plain text is these whole blocks, padding and all.
fn of_blocks(blocks: &[u8]) -> Envelope {
    let mut sealed = Envelope::seal_with(&key(), IvLayout::Prepended, IV, blocks);
    sealed.ciphertext.truncate(blocks.len());
    sealed
}

#[test]
fn the_vectors_of_the_fact_file_and_of_openssl_seal_and_open() {
    let prepended = |ciphertext: &str| format!("{IV_HEX}{ciphertext}");
    for (layout, plaintext, hex) in [
        (IvLayout::Prepended, REFRESH, prepended(REFRESH_HEX)),
        (IvLayout::Prepended, LOG_IN, prepended(LOG_IN_HEX)),
        (FIXED, REFRESH, REFRESH_HEX.to_owned()),
        (
            IvLayout::Zero,
            REFRESH,
            "db9a85c820120e147f18dc198fa30cc351780acb10a61c953578802c51aeea6cdfac3de739ca70e52265f8b3df543365"
                .to_owned(),
        ),
        (FIXED, "", "edaf9e57d045ac857f023f9dc238b14e".to_owned()),
        (IvLayout::Prepended, "", prepended("edaf9e57d045ac857f023f9dc238b14e")),
        (FIXED, "0123456789abcde", "70f370ce1c4294cbfa08da2eb44fa858".to_owned()),
        (
            IvLayout::Zero,
            "0123456789abcdef",
            "d8c95758e3353e530fa52bd10e73b9864f6ba30222074c4d477c3f294f12a82f".to_owned(),
        ),
    ] {
        let iv = agreed(layout).unwrap_or(IV);
        assert_eq!(Envelope::seal_with(&key(), layout, iv, plaintext.as_bytes()).to_hex(), hex, "{plaintext}");
        assert_eq!(open(&hex, layout).unwrap(), plaintext.as_bytes());
        assert_eq!(open(&hex.to_uppercase(), layout).unwrap(), plaintext.as_bytes());
    }
}

#[test]
fn a_key_that_is_spelt_in_characters_is_those_bytes() {
    let ascii = CipherKey::new(KeySpelling::Ascii.read("0123456789ABCDEFGHIJKLMNOPQRSTUV").unwrap());
    let hex = "23b00e20863bf512c29d699a9668be072c65f2687b82853a8cca5d8a66c0161e16c21e1f06eb658a05da71b7e2747bae";
    assert_eq!(Envelope::seal(&ascii, IvLayout::Zero, REFRESH.as_bytes()).to_hex(), hex);
    assert_eq!(*ascii.to_hex(), "303132333435363738394142434445464748494a4b4c4d4e4f50515253545556");
    assert_eq!(*key().to_hex(), KEY);
    assert_ne!(CipherKey::generate(), CipherKey::generate());
}

#[test]
fn every_length_about_a_block_and_64_kib_come_back() {
    for layout in [IvLayout::Prepended, FIXED, IvLayout::Zero] {
        for length in (0..=49).chain([65_519, 65_520, 65_535, 65_536]) {
            let plaintext: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let sealed = Envelope::seal(&key(), layout, &plaintext);
            assert_eq!(sealed.ciphertext().len(), length / 16 * 16 + 16);
            assert_eq!(open(&sealed.to_hex(), layout).unwrap(), plaintext);
        }
    }
    let last = Envelope::seal(&key(), FIXED, &vec![b'k'; 65_536]).to_hex();
    assert!(last.ends_with("054381d8cb51d23df37bbbf70ed1b64790e627455c93b02359c7d60969f328fc"));
}

#[test]
fn what_is_not_pairs_of_hex_digits_or_not_whole_blocks_is_told_apart() {
    let block = "00".repeat(16);
    for (digits, layout, fault) in [
        (String::new(), IvLayout::Prepended, EnvelopeFault::Length),
        (String::new(), FIXED, EnvelopeFault::Length),
        ("0".to_owned(), FIXED, EnvelopeFault::Hex),
        ("0g".to_owned(), FIXED, EnvelopeFault::Hex),
        ("00".repeat(15), FIXED, EnvelopeFault::Length),
        ("00".repeat(15), IvLayout::Prepended, EnvelopeFault::Length),
        (block.clone(), IvLayout::Prepended, EnvelopeFault::Length),
        ("00".repeat(31), IvLayout::Prepended, EnvelopeFault::Length),
        ("00".repeat(17), FIXED, EnvelopeFault::Length),
        (format!("{block} "), FIXED, EnvelopeFault::Hex),
        (format!("0x{block}"), FIXED, EnvelopeFault::Hex),
        (format!("{block}\n"), FIXED, EnvelopeFault::Hex),
        (format!("{block}é"), FIXED, EnvelopeFault::Hex),
    ] {
        assert_eq!(Envelope::parse(digits.as_bytes(), layout), Err(fault), "{digits:?} {layout:?}");
    }
    for byte in u8::MIN..=u8::MAX {
        let parsed = Envelope::parse(&[&[byte, b'0'], block.as_bytes(), &block.as_bytes()[2..]].concat(), FIXED);
        assert_eq!(parsed.is_ok(), byte.is_ascii_hexdigit(), "{byte}");
    }
}

#[test]
fn every_wrong_padding_is_the_same_fault() {
    for last in u8::MIN..=u8::MAX {
        let mut block = [0x2a; 16];
        block[15] = last;
        let opened = of_blocks(&block).open(&key());
        // One byte of padding is right whatever is before it; 42 is no length of a padding.
        assert_eq!(
            opened.map(|plaintext| plaintext.len()),
            if last == 1 { Ok(15) } else { Err(EnvelopeFault::Padding) }
        );
    }
    for padding in 1..=16_u8 {
        let start = 16 - usize::from(padding);
        let mut block = [0x2a; 16];
        block[start..].fill(padding);
        assert_eq!(of_blocks(&block).open(&key()).unwrap().as_slice(), &block[..start]);
        for place in start..15 {
            let mut wrong = block;
            wrong[place] ^= 1;
            assert_eq!(of_blocks(&wrong).open(&key()), Err(EnvelopeFault::Padding), "{padding} {place}");
        }
    }
    assert_eq!(of_blocks(&[17; 32]).open(&key()), Err(EnvelopeFault::Padding));
}

#[test]
fn another_key_or_layout_does_not_give_the_plain_text() {
    let sealed = format!("{IV_HEX}{REFRESH_HEX}");
    for (digits, layout, other) in [
        (sealed.as_str(), IvLayout::Prepended, CipherKey::new(KeySpelling::Ascii.read(&KEY[..32]).unwrap())),
        (sealed.as_str(), IvLayout::Zero, key()),
        (REFRESH_HEX, IvLayout::Prepended, key()),
        (REFRESH_HEX, IvLayout::Zero, key()),
    ] {
        let opened = Envelope::parse(digits.as_bytes(), layout).unwrap().open(&other);
        // The padding may be right by chance; the payload is not.
        assert_ne!(opened.ok().as_deref().map(Vec::as_slice), Some(REFRESH.as_bytes()), "{layout:?}");
    }
}

#[test]
fn an_initialisation_vector_is_never_used_twice() {
    let ivs: std::collections::HashSet<[u8; 16]> =
        (0..1_000).map(|_| *Envelope::seal(&key(), IvLayout::Prepended, b"{}").iv()).collect();
    assert_eq!(ivs.len(), 1_000);
}

#[test]
fn neither_key_nor_payload_is_in_a_debug_line() {
    let shown = format!("{:?} {:?}", key(), Envelope::seal(&key(), IvLayout::Zero, b"{}"));
    assert_eq!(shown, "CipherKey Envelope(16 bytes)");
}
