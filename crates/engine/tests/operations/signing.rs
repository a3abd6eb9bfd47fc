//! Signing keys: made when needed, by one of many; rotated without a token that is refused, on one server and on several.

use std::collections::HashSet;
use std::sync::Arc;

use kimbai_core::number::RealmNumber;
use kimbai_core::realm::{Lifetimes, RealmSettings};
use kimbai_core::signing::{SigningAlgorithm, SigningSettings};
use kimbai_engine::{Engine, EngineError, JwtError, Realm};
use kimbai_keyring::{JwtFault, JwtKind, KeyUsage, MasterKey, RealmKeyring, SigningKeySet};
use kimbai_store::{Change, Registry as _};

use crate::fixture::{Fixture, standard};

const ISSUER: &str = "https://id.example.vn";
const FAST: [SigningAlgorithm; 2] = [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
const ED: SigningAlgorithm = SigningAlgorithm::EdDsa;

/// A realm without RSA, which is slow in tests.
pub(crate) fn settings() -> RealmSettings {
    let signing = SigningSettings { algorithms: FAST.to_vec(), rotate_after_s: Some(10_000), jwks_max_age_s: 230 };
    let standard = standard();
    let lifetimes = Lifetimes { session_absolute_s: 3_600, ..standard.lifetimes };
    RealmSettings { issuer: ISSUER.to_owned(), signing, lifetimes, ..standard }
}

async fn fixture() -> Fixture {
    Fixture::new("main", &settings()).await
}

/// Another server over the same store.
pub(crate) async fn another(fixture: &Fixture) -> (Arc<Engine>, Arc<Realm>) {
    let engine = Arc::new(Engine::new(fixture.store.clone(), MasterKey::parse(&fixture.master).unwrap()));
    engine.load().await.unwrap();
    let realm = engine.realm(&fixture.realm.name).unwrap();
    (engine, realm)
}

/// An ID token of this moment that lives for an hour.
pub(crate) async fn token(engine: &Engine, realm: &Realm, algorithm: SigningAlgorithm) -> String {
    let key = engine.signer(realm, algorithm).await.unwrap();
    let now_s = engine.now().as_unix_s();
    let claims = format!(r#"{{"iss":"{ISSUER}","sub":"1","iat":{now_s},"exp":{}}}"#, now_s + 3_600);
    key.sign(JwtKind::Id, claims.as_bytes()).unwrap().expose().to_owned()
}

pub(crate) async fn is_verified(engine: &Engine, realm: &Realm, token: &str) -> bool {
    match engine.verify_jwt(realm, JwtKind::Id, token).await {
        Ok(jwt) => jwt.current(engine.now()).is_ok(),
        Err(JwtError::Fault(JwtFault::UnknownKey(_))) => false,
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) async fn kids(engine: &Engine, realm: &Realm) -> Vec<String> {
    let document = engine.jwk_set(realm).await.unwrap();
    let set: serde_json::Value = serde_json::from_slice(&document.json).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn stored(fixture: &Fixture) -> SigningKeySet {
    let rows = fixture.store.keys(fixture.realm.number).await.unwrap();
    let mut rows = rows.iter().filter(|row| row.usage == KeyUsage::Signing.name());
    let (row, master) = (rows.next().unwrap(), MasterKey::parse(&fixture.master).unwrap());
    assert!(rows.next().is_none());
    SigningKeySet::open(&master, fixture.realm.number, &row.sealed, &SigningKeySet::default()).unwrap()
}

#[tokio::test]
async fn keys_are_made_when_the_first_one_is_needed_and_never_at_a_start() {
    let fixture = fixture().await;
    let (second, realm) = another(&fixture).await;
    for engine in [&fixture.engine, &second] {
        engine.tend_signing_keys().await;
    }
    assert!(stored(&fixture).await.is_empty());
    let key = second.signer(&realm, ED).await.unwrap();
    let set = stored(&fixture).await;
    assert!(FAST.into_iter().all(|algorithm| set.has(algorithm)), "all of them, so that they are published ahead");
    assert_eq!(set.signer(ED, second.now()).unwrap().kid(), key.kid());
    let (third, realm) = another(&fixture).await;
    assert_eq!(third.signer(&realm, ED).await.unwrap().kid(), key.kid(), "after a start it is the same");
    let _ = fixture.audit("signing_keys_made", 1).await;
}

#[tokio::test]
async fn all_that_need_the_first_key_at_once_get_the_same_one_on_two_servers() {
    let fixture = fixture().await;
    let second = another(&fixture).await;
    let first = (fixture.engine.clone(), fixture.realm.clone());
    let mut race = tokio::task::JoinSet::new();
    for place in 0..64 {
        let (engine, realm) = if place % 2 == 0 { first.clone() } else { second.clone() };
        race.spawn(async move { engine.signer(&realm, ED).await.unwrap().kid().to_owned() });
    }
    let kids: HashSet<_> = race.join_all().await.into_iter().collect();
    assert_eq!(kids.len(), 1);
    assert_eq!(stored(&fixture).await.facts(fixture.engine.now()).len(), 2);
}

#[tokio::test]
async fn the_jwk_set_has_the_key_before_it_has_signed_anything() {
    let fixture = fixture().await;
    let published = kids(&fixture.engine, &fixture.realm).await;
    for algorithm in FAST {
        let key = fixture.engine.signer(&fixture.realm, algorithm).await.unwrap();
        assert!(published.contains(&key.kid().to_owned()));
    }
    let (one, other) = (&fixture.engine, fixture.engine.jwk_set(&fixture.realm).await.unwrap());
    assert!(Arc::ptr_eq(&one.jwk_set(&fixture.realm).await.unwrap(), &other), "made once");
}

#[tokio::test]
async fn an_algorithm_that_the_realm_does_not_name_has_no_key() {
    let fixture = fixture().await;
    let refused = fixture.engine.signer(&fixture.realm, SigningAlgorithm::Rs256).await;
    assert!(matches!(refused, Err(EngineError::Stored(_))), "{refused:?}");
    assert!(stored(&fixture).await.is_empty());
}

#[tokio::test]
async fn a_realm_from_before_there_were_signing_keys_gets_some() {
    let fixture = fixture().await;
    let (number, master) = (RealmNumber(77), MasterKey::parse(&fixture.master).unwrap());
    let settings = RealmSettings { issuer: "https://old.example.vn".to_owned(), ..settings() };
    let settings = serde_json::to_string(&settings).unwrap();
    let mut changes = vec![Change::PutRealm { number, name: "old".to_owned(), settings }];
    changes.extend([KeyUsage::Root, KeyUsage::Sealing].map(|usage| Change::AddKey {
        realm: number,
        usage: usage.name().to_owned(),
        sealed: RealmKeyring::generate(&master, number, usage),
    }));
    fixture.store.change(changes).await.unwrap();
    let (engine, _) = another(&fixture).await;
    let old = engine.realm("old").unwrap();
    let key = engine.signer(&old, ED).await.unwrap();
    let (engine, _) = another(&fixture).await;
    assert_eq!(engine.signer(&engine.realm("old").unwrap(), ED).await.unwrap().kid(), key.kid());
}

#[tokio::test]
async fn keys_follow_each_other_by_age_and_no_token_is_refused_on_any_of_two_servers() {
    let fixture = fixture().await;
    let servers = [(fixture.engine.clone(), fixture.realm.clone()), another(&fixture).await];
    let mut alive: Vec<(u32, String)> = Vec::new();
    let mut signers = HashSet::new();
    for round in 0..120_usize {
        // Only one of them looks after the keys at a time, and the other hears of nothing by itself.
        let (engine, realm) = &servers[round % 2];
        engine.tend_signing_keys().await;
        let published = kids(engine, realm).await;
        for (signing, realm) in &servers {
            let key = signing.signer(realm, ED).await.unwrap();
            signers.insert(key.kid().to_owned());
            assert!(published.contains(&key.kid().to_owned()), "round {round}");
            alive.push((signing.now().as_unix_s() + 3_600, token(signing, realm, ED).await));
        }
        let now_s = engine.now().as_unix_s();
        alive.retain(|(expiry_s, _)| *expiry_s > now_s);
        for (_, token) in &alive {
            for (verifying, realm) in &servers {
                assert!(is_verified(verifying, realm, token).await, "round {round}");
            }
        }
        fixture.clock.advance_s(250);
    }
    // 30,000 s at 10,000 s a key.
    assert_eq!(signers.len(), 3, "{signers:?}");
    assert!(stored(&fixture).await.facts(fixture.engine.now()).len() <= 6, "former keys go");
}

#[tokio::test]
async fn of_two_servers_that_find_a_key_due_one_makes_the_next() {
    let fixture = fixture().await;
    fixture.engine.signer(&fixture.realm, ED).await.unwrap();
    let second = another(&fixture).await.0;
    fixture.clock.advance_s(9_900);
    let (first, second_again) = (fixture.engine.clone(), second.clone());
    let one = tokio::spawn(async move { first.tend_signing_keys().await });
    let other = tokio::spawn(async move { second_again.tend_signing_keys().await });
    one.await.unwrap();
    other.await.unwrap();
    assert_eq!(stored(&fixture).await.facts(fixture.engine.now()).len(), 4, "one more of each of two algorithms");
    let (one, other) =
        (kids(&fixture.engine, &fixture.realm).await, kids(&second, &second.realm("main").unwrap()).await);
    assert_eq!(one, other);
}

#[tokio::test]
async fn a_setting_that_names_one_algorithm_more_publishes_its_key_at_once() {
    let only_es256 = SigningSettings { algorithms: vec![SigningAlgorithm::Es256], ..settings().signing };
    let fixture = Fixture::new("main", &RealmSettings { signing: only_es256, ..settings() }).await;
    assert_eq!(kids(&fixture.engine, &fixture.realm).await.len(), 1);
    let fixture = fixture.changed(|settings| settings.signing.algorithms = FAST.to_vec()).await;
    fixture.engine.tend_signing_keys().await;
    assert_eq!(stored(&fixture).await.facts(fixture.engine.now()).len(), 2);
}

#[tokio::test]
async fn one_realms_key_proves_nothing_in_another_that_claims_to_be_the_same_issuer() {
    let fixture = fixture().await;
    let twin = fixture.beside("twin", &settings()).await;
    let token = token(&fixture.engine, &fixture.realm, ED).await;
    assert!(is_verified(&fixture.engine, &fixture.realm, &token).await);
    assert!(!is_verified(&twin.engine, &twin.realm, &token).await);
}

#[tokio::test]
async fn a_copy_of_the_store_without_the_master_key_has_no_usable_signing_key() {
    let fixture = fixture().await;
    fixture.engine.signer(&fixture.realm, ED).await.unwrap();
    for row in fixture.store.keys(fixture.realm.number).await.unwrap() {
        let opened =
            SigningKeySet::open(&MasterKey::generate(), fixture.realm.number, &row.sealed, &SigningKeySet::default());
        assert!(opened.is_err());
    }
}

#[tokio::test]
async fn signing_keys_that_cannot_be_read_leave_out_their_realm_alone() {
    let fixture = fixture().await;
    fixture.engine.signer(&fixture.realm, ED).await.unwrap();
    let settings = RealmSettings { issuer: "https://other.example.vn".to_owned(), ..settings() };
    fixture.engine.put_realm("other", &settings).await.unwrap();
    let number = fixture.realm.number;
    let keys = fixture.store.keys(number).await.unwrap();
    let of_signing = keys.into_iter().find(|key| key.usage == KeyUsage::Signing.name()).unwrap();
    let (usage, standing) = (of_signing.usage, of_signing.sealed);
    let damaged = Change::ReplaceKey { realm: number, usage, number: of_signing.number, standing, sealed: vec![1; 64] };
    fixture.store.change(vec![damaged]).await.unwrap();
    let engine = Engine::new(fixture.store.clone(), MasterKey::parse(&fixture.master).unwrap());
    engine.load().await.unwrap();
    assert!(engine.realm("main").is_none() && engine.realm("other").is_some());
}

#[tokio::test]
async fn tokens_of_a_key_that_was_just_made_elsewhere_are_all_taken_however_many_come_at_once() {
    let fixture = fixture().await;
    let (engine, realm) = another(&fixture).await;
    let token = token(&fixture.engine, &fixture.realm, ED).await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (engine, realm, token) = (engine.clone(), realm.clone(), token.clone());
        all.spawn(async move { is_verified(&engine, &realm, &token).await });
    }
    assert!(all.join_all().await.into_iter().all(|is_verified| is_verified));
}
