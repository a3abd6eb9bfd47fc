use proptest::prelude::*;

use super::*;
use crate::rotation::KeyStart;
use crate::sign::tests::rfc_keys;

const POLICY: RotationPolicy = RotationPolicy { lead_s: 310, rotate_after_s: Some(10_000), tokens_s: 3_600 };
const REALM: RealmNumber = RealmNumber(1);

fn at(s: u32) -> Micros {
    Micros::from_unix_s(s)
}

fn key(algorithm: SigningAlgorithm) -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(algorithm).unwrap())
}

fn with(keys: &[(&Arc<SigningKey>, KeyStart, u32)]) -> SigningKeySet {
    let mut set = SigningKeySet::default();
    for (key, start, now_s) in keys {
        set.add(key, POLICY.times(*start, at(*now_s))).unwrap();
    }
    set
}

fn states(set: &SigningKeySet, now_s: u32) -> Vec<(String, KeyState)> {
    set.facts(at(now_s)).into_iter().map(|facts| (facts.kid, facts.state)).collect()
}

#[test]
fn a_set_is_opened_as_it_was_sealed_and_with_nothing_else() {
    let master = MasterKey::generate();
    let mut set = SigningKeySet::default();
    for key in rfc_keys() {
        set.add(&Arc::new(key), POLICY.times(KeyStart::AtOnce, at(7))).unwrap();
    }
    let sealed = set.seal(&master, REALM);
    let opened = SigningKeySet::open(&master, REALM, &sealed, &SigningKeySet::default()).unwrap();
    assert_eq!((opened.facts(at(8)), opened.jwk_set()), (set.facts(at(8)), set.jwk_set()));
    for (master, realm) in [(&master, RealmNumber(2)), (&MasterKey::generate(), REALM)] {
        let opened = SigningKeySet::open(master, realm, &sealed, &set);
        assert!(matches!(opened, Err(KeyringError::MasterKey(_))), "{opened:?}");
    }
    let unreadable = master.wrap(&context(REALM, KeyUsage::Signing), b"{\"keys\":[{}]}");
    let opened = SigningKeySet::open(&master, REALM, &unreadable, &set);
    assert_eq!(opened.unwrap_err(), KeyringError::Unreadable);
}

#[test]
fn a_sealed_set_holds_no_private_key_in_the_clear() {
    let master = MasterKey::generate();
    let key = key(SigningAlgorithm::EdDsa);
    let sealed = with(&[(&key, KeyStart::AtOnce, 0)]).seal(&master, REALM);
    for window in key.pkcs8().windows(12).chain(STANDARD.encode(key.pkcs8()).as_bytes().windows(12)) {
        assert!(!sealed.windows(12).any(|found| found == window));
    }
    assert!(!format!("{:?}", with(&[(&key, KeyStart::AtOnce, 0)])).contains(&STANDARD.encode(key.pkcs8())));
}

#[test]
fn keys_that_were_parsed_before_are_not_parsed_again() {
    let master = MasterKey::generate();
    let key = key(SigningAlgorithm::Es256);
    let set = with(&[(&key, KeyStart::AtOnce, 0)]);
    let opened = SigningKeySet::open(&master, REALM, &set.seal(&master, REALM), &set).unwrap();
    assert!(Arc::ptr_eq(opened.signer(SigningAlgorithm::Es256, at(0)).unwrap(), &key));
}

#[test]
fn each_algorithm_has_its_own_keys() {
    let (old, new) = (key(SigningAlgorithm::Es256), key(SigningAlgorithm::Es256));
    let other = key(SigningAlgorithm::EdDsa);
    let set = with(&[(&old, KeyStart::AtOnce, 0), (&other, KeyStart::AtOnce, 50), (&new, KeyStart::Published, 100)]);
    let signer = |algorithm, now_s| set.signer(algorithm, at(now_s)).map(|key| key.kid().to_owned());
    for (now_s, expect) in [(100, &old), (409, &old), (410, &new)] {
        assert_eq!(signer(SigningAlgorithm::Es256, now_s).as_deref(), Some(expect.kid()));
        assert_eq!(signer(SigningAlgorithm::EdDsa, now_s).as_deref(), Some(other.kid()));
        assert_eq!(signer(SigningAlgorithm::Rs256, now_s), None);
    }
    let expected = [
        (old.kid().to_owned(), KeyState::Former { until: at(410 + 3_600 + 300) }),
        (new.kid().to_owned(), KeyState::Signing),
        (other.kid().to_owned(), KeyState::Signing),
    ];
    assert_eq!(states(&set, 410), expected);
}

#[test]
fn what_a_key_signed_is_verified_before_during_and_after_its_turn() {
    let (old, new) = (key(SigningAlgorithm::EdDsa), key(SigningAlgorithm::EdDsa));
    let mut set = with(&[(&old, KeyStart::AtOnce, 0), (&new, KeyStart::Published, 100)]);
    let claims = br#"{"iss":"i","iat":1,"exp":9999}"#;
    // A server whose clock is ahead signs with the new key already, and one whose clock is behind with the old one still.
    let tokens = [&old, &new].map(|key| key.sign(JwtKind::Id, claims).unwrap());
    for now_s in [100, 409, 410, 410 + 3_899] {
        set.tidy(&POLICY, at(now_s));
        for token in &tokens {
            assert!(set.verify(JwtKind::Id, "i", token.expose()).is_ok(), "{now_s}");
        }
    }
    assert!(set.tidy(&POLICY, at(410 + 3_900)));
    assert_eq!(set.verify(JwtKind::Id, "i", tokens[0].expose()), Err(JwtFault::UnknownKey(old.kid().to_owned())));
    assert!(set.verify(JwtKind::Id, "i", tokens[1].expose()).is_ok());
    assert!(!set.tidy(&POLICY, at(410 + 3_900)), "there is nothing left to do");
}

#[test]
fn a_key_is_kept_for_the_longest_life_that_tokens_had_beside_it() {
    let (old, new) = (key(SigningAlgorithm::EdDsa), key(SigningAlgorithm::EdDsa));
    let mut set = with(&[(&old, KeyStart::AtOnce, 0)]);
    let (longer, shorter) = (RotationPolicy { tokens_s: 7_200, ..POLICY }, RotationPolicy { tokens_s: 60, ..POLICY });
    assert!(set.tidy(&longer, at(10)) && !set.tidy(&shorter, at(20)));
    set.add(&new, shorter.times(KeyStart::AtOnce, at(30))).unwrap();
    assert_eq!(states(&set, 40)[0].1, KeyState::Former { until: at(30 + 7_200 + 300) });
}

#[test]
fn a_key_is_not_added_twice_and_not_beyond_the_bound() {
    let mut set = SigningKeySet::default();
    let first = key(SigningAlgorithm::EdDsa);
    let times = POLICY.times(KeyStart::AtOnce, at(0));
    set.add(&first, times).unwrap();
    assert_eq!(set.add(&first, times), Err(AddKeyError::Known));
    for _ in 1..KEYS_OF_ALGORITHM_MAX {
        set.add(&key(SigningAlgorithm::EdDsa), times).unwrap();
    }
    assert_eq!(set.add(&key(SigningAlgorithm::EdDsa), times), Err(AddKeyError::TooMany));
    assert_eq!(set.add(&key(SigningAlgorithm::Es256), times), Ok(()), "the bound is each algorithm's");
    assert!(set.due(&[SigningAlgorithm::EdDsa], &POLICY, at(99_999)).is_empty(), "rotation by age waits");
    assert!(set.remove(first.kid()) && !set.remove(first.kid()));
    assert_eq!(set.due(&[SigningAlgorithm::EdDsa], &POLICY, at(99_999)), [SigningAlgorithm::EdDsa]);
    set.remove_all(SigningAlgorithm::EdDsa);
    assert!(!set.has(SigningAlgorithm::EdDsa) && set.has(SigningAlgorithm::Es256));
}

#[test]
fn an_algorithm_without_a_key_is_due_and_others_when_their_time_has_come() {
    let set = with(&[(&key(SigningAlgorithm::EdDsa), KeyStart::AtOnce, 0)]);
    let all = SigningAlgorithm::ALL;
    assert_eq!(set.due(&all, &POLICY, at(10_000 - 311)), [SigningAlgorithm::Rs256, SigningAlgorithm::Es256]);
    assert_eq!(set.due(&all, &POLICY, at(10_000 - 310)), all);
    assert_eq!(SigningKeySet::default().due(&[], &POLICY, at(0)), []);
}

proptest! {
    #[test]
    fn nothing_that_is_not_a_token_of_ours_is_verified(token in "\\PC{0,200}") {
        let set = with(&[(&key(SigningAlgorithm::EdDsa), KeyStart::AtOnce, 0)]);
        prop_assert!(set.verify(JwtKind::Id, "i", &token).is_err());
    }
}
