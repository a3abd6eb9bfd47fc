use base64::Engine as _;
use kimbai_core::number::{ClientNumber, Generation, GrantId};
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::Payload;
use proptest::prelude::*;

use super::*;

fn keyring(realm: u32, shape: TokenShape) -> RealmKeyring {
    keyring_of(&MasterKey::generate(), realm, shape, 1)
}

fn keyring_of(master: &MasterKey, realm: u32, shape: TokenShape, sealing_keys: u8) -> RealmKeyring {
    let realm = RealmNumber(realm);
    let key = |usage: KeyUsage, number| StoredKey {
        number,
        usage: usage.name().to_owned(),
        sealed: RealmKeyring::generate(master, realm, usage),
    };
    let mut keys = vec![key(KeyUsage::Root, 0)];
    keys.extend((0..sealing_keys).map(|number| key(KeyUsage::Sealing, number)));
    RealmKeyring::open_keys(master, realm, shape, &keys).unwrap()
}

fn pointer() -> Pointer {
    Pointer {
        grant: GrantId(0x6a00_0000_1234_5678),
        generation: Generation::FIRST,
        time: 1_800_000_000,
        client: ClientNumber(7),
        issued_at_s: 1_799_996_400,
        scope: ScopeSet(0b101),
    }
}

/// The kinds that point to a grant.
const POINTERS: [TokenKind; 4] = [TokenKind::Code, TokenKind::Access, TokenKind::Refresh, TokenKind::AccessJti];

/// The kinds that a realm with short tokens has.
const SHORT: [TokenKind; 3] = [TokenKind::Code, TokenKind::Access, TokenKind::Refresh];

#[test]
fn a_token_has_the_shape_of_its_realm_and_opens_as_its_kind_alone() {
    for (shape, length, dot) in [(TokenShape::Whole, 86, None), (TokenShape::Halves, 87, Some(43))] {
        let keyring = keyring(1, shape);
        for kind in POINTERS {
            let token = keyring.seal(kind, &pointer(), 0).unwrap();
            assert_eq!((token.expose().len(), token.expose().find('.')), (length, dot));
            assert_eq!(keyring.open(&[kind], token.expose()), Some(Opened::Pointer(kind, pointer())));
            let others: Vec<_> = TokenKind::ALL.into_iter().filter(|other| *other != kind).collect();
            assert_eq!(keyring.open(&others, token.expose()), None);
        }
    }
}

#[test]
fn a_short_token_is_64_digits_and_says_which_grant_generation_and_time() {
    let keyring = keyring(1, TokenShape::Hex);
    assert_eq!(keyring.sealing_keys().payload, Payload::Short);
    for kind in SHORT {
        let token = keyring.seal(kind, &pointer(), 0).unwrap();
        assert_eq!(token.expose().len(), 64);
        assert!(token.expose().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{}", token.expose());
        assert_eq!(keyring.open(&[kind], token.expose()), Some(Opened::Short(kind, pointer().short())));
        let others: Vec<_> = TokenKind::ALL.into_iter().filter(|other| *other != kind).collect();
        assert_eq!(keyring.open(&others, token.expose()), None);
        assert_eq!(keyring.seal(kind, &pointer(), 0).unwrap(), token, "sealed alike each time");
        // What it does not say does not change it.
        let other = Pointer { client: ClientNumber(8), issued_at_s: 1, scope: ScopeSet(1), ..pointer() };
        assert_eq!(keyring.seal(kind, &other, 0).unwrap(), token);
    }
    let rowless = Rowless {
        client: ClientNumber(1),
        client_epoch: 0,
        issued_at_s: 1,
        expiry_s: 2,
        scope: ScopeSet(1),
        random: 3,
    };
    assert_eq!(keyring.seal_rowless(TokenKind::Rowless, &rowless), Err(SealError::NoRoom));
}

#[test]
fn sealing_is_deterministic_and_a_row_less_token_is_not_repeated() {
    let keyring = keyring(1, TokenShape::Whole);
    let seal = || keyring.seal(TokenKind::Refresh, &pointer(), 0).unwrap();
    assert_eq!(seal(), seal());
    let rowless = |random| {
        let token = Rowless {
            client: ClientNumber(1),
            client_epoch: 0,
            issued_at_s: 1,
            expiry_s: 2,
            scope: ScopeSet::EMPTY,
            random,
        };
        keyring.seal_rowless(TokenKind::Rowless, &token).unwrap()
    };
    assert_ne!(rowless(1), rowless(2));
}

#[test]
fn a_token_of_one_realm_or_installation_proves_nothing_in_another() {
    let token = keyring(1, TokenShape::Whole).seal(TokenKind::Access, &pointer(), 0).unwrap();
    assert_eq!(keyring(1, TokenShape::Whole).open(&TokenKind::ALL, token.expose()), None);
    assert_eq!(keyring(2, TokenShape::Whole).open(&TokenKind::ALL, token.expose()), None);
}

#[test]
fn truncated_extended_recased_repadded_and_bit_flipped_tokens_are_refused_at_every_position() {
    for shape in [TokenShape::Whole, TokenShape::Halves, TokenShape::Hex] {
        let keyring = keyring(1, shape);
        for kind in SHORT {
            let token = keyring.seal(kind, &pointer(), 0).unwrap();
            let token = token.expose();
            let refused = |text: &str| assert_eq!(keyring.open(&TokenKind::ALL, text), None, "{text}");
            for position in 0..token.len() {
                refused(&token[..position]);
                for replacement in "AZaz09-_.=+/ %".chars() {
                    let changed = format!("{}{replacement}{}", &token[..position], &token[position + 1..]);
                    if changed != token {
                        refused(&changed);
                    }
                    refused(&format!("{}{replacement}{}", &token[..position], &token[position..]));
                }
                let mut recased = token.to_owned().into_bytes();
                recased[position] ^= 0x20;
                refused(&String::from_utf8_lossy(&recased));
                if shape == TokenShape::Hex {
                    let other = if token.as_bytes()[position] == b'0' { '1' } else { '0' };
                    refused(&format!("{}{other}{}", &token[..position], &token[position + 1..]));
                }
            }
            refused(&format!("{token}="));
            refused(&format!("{token}=="));
            refused(&format!(" {token}"));
            refused(&format!("{token}\n"));
        }
    }
}

#[test]
fn every_flipped_bit_of_the_sealed_bytes_is_noticed() {
    let keyring = keyring(1, TokenShape::Whole);
    let token = keyring.seal(TokenKind::Refresh, &pointer(), 0).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keyring.open(&TokenKind::ALL, &URL_SAFE_NO_PAD.encode(flipped)), None);
    }
}

#[test]
fn every_flipped_bit_of_a_short_token_is_noticed() {
    let keyring = keyring(1, TokenShape::Hex);
    let token = keyring.seal(TokenKind::Access, &pointer(), 0).unwrap();
    let text = token.expose();
    assert_eq!(keyring.open(&TokenKind::ALL, &text.to_uppercase()), None);
    for position in 0..text.len() {
        let digit = u8::from_str_radix(&text[position..=position], 16).unwrap();
        for bit in 0..4 {
            let flipped = format!("{}{:x}{}", &text[..position], digit ^ (1 << bit), &text[position + 1..]);
            assert_eq!(keyring.open(&TokenKind::ALL, &flipped), None);
        }
    }
}

#[test]
fn old_sealing_keys_open_and_re_derive_and_retired_ones_do_not() {
    let master = MasterKey::generate();
    let realm = RealmNumber(1);
    let key = |usage: KeyUsage, number| StoredKey {
        number,
        usage: usage.name().to_owned(),
        sealed: RealmKeyring::generate(&master, realm, usage),
    };
    let (root, old, new) = (key(KeyUsage::Root, 0), key(KeyUsage::Sealing, 0), key(KeyUsage::Sealing, 1));
    let open = |keys: &[StoredKey]| RealmKeyring::open_keys(&master, realm, TokenShape::Whole, keys).unwrap();
    let before = open(&[root.clone(), old.clone()]);
    let token = before.seal(TokenKind::Refresh, &pointer(), 0).unwrap();
    let during = open(&[root.clone(), old, new.clone()]);
    assert_eq!(during.sealing_keys(), SealingKeys { newest: 1, payload: Payload::Long });
    assert!(during.open(&[TokenKind::Refresh], token.expose()).is_some());
    assert_eq!(during.seal(TokenKind::Refresh, &pointer(), 0).unwrap(), token);
    let after = open(&[root, new]);
    assert_eq!(after.open(&[TokenKind::Refresh], token.expose()), None);
    assert_eq!(after.seal(TokenKind::Refresh, &pointer(), 0), Err(SealError::RetiredKey));
}

#[test]
fn at_most_four_sealing_keys_are_live() {
    let master = MasterKey::generate();
    keyring_of(&master, 1, TokenShape::Whole, 4);
    let key = |usage: KeyUsage, number| StoredKey {
        number,
        usage: usage.name().to_owned(),
        sealed: RealmKeyring::generate(&master, RealmNumber(1), usage),
    };
    let mut keys = vec![key(KeyUsage::Root, 0)];
    keys.extend((0..5).map(|number| key(KeyUsage::Sealing, number)));
    let opened = RealmKeyring::open_keys(&master, RealmNumber(1), TokenShape::Whole, &keys);
    assert_eq!(opened.unwrap_err(), KeyringError::TooMany);
}

#[test]
fn a_wrong_master_key_opens_no_key_of_a_realm() {
    let realm = RealmNumber(1);
    let key = StoredKey {
        number: 0,
        usage: KeyUsage::Sealing.name().to_owned(),
        sealed: RealmKeyring::generate(&MasterKey::generate(), realm, KeyUsage::Sealing),
    };
    let opened = RealmKeyring::open_keys(&MasterKey::generate(), realm, TokenShape::Whole, &[key]);
    assert_eq!(opened.unwrap_err(), KeyringError::MasterKey(MasterKeyError::Wrong));
}

proptest! {
    #[test]
    fn no_text_that_is_not_a_token_opens(text in "\\PC{0,120}") {
        let (keyring, short) = (keyring(1, TokenShape::Halves), keyring(1, TokenShape::Hex));
        prop_assert_eq!(keyring.open(&TokenKind::ALL, &text), None);
        prop_assert_eq!(short.open(&TokenKind::ALL, &text), None);
        prop_assert_eq!(keyring.open_value("session", &text), None);
    }

    #[test]
    fn no_digits_that_are_not_a_token_open(text in "[0-9a-f]{64}") {
        prop_assert_eq!(keyring(1, TokenShape::Hex).open(&TokenKind::ALL, &text), None);
    }

    #[test]
    fn a_value_opens_for_its_purpose_alone(value in prop::collection::vec(any::<u8>(), 0..64)) {
        let keyring = keyring(1, TokenShape::Whole);
        let sealed = keyring.seal_value("session", &value);
        prop_assert_eq!(keyring.open_value("session", &sealed), Some(value));
        prop_assert_eq!(keyring.open_value("continuation", &sealed), None);
    }
}
