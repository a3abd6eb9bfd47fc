//! Signing keys by command: followed in a plan or an emergency, retired, imported, and what clients see of it meanwhile.

use std::sync::Arc;

use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::admin::{
    AdminError, Administration, KeyImport, KeyList, KeyRetire, KeyRotate, MasterKeyHome, MasterKeyRotate, PlainSecret,
    Rotation, SigningKeyState, SigningKeyView,
};
use kimbai_keyring::{KeyFile, KeyStart, MasterKey};
use kimbai_store::Registry as _;
use serde_json::{Value, json};

use super::{Dialects, Operator, administration};
use crate::fixture::Fixture;
use crate::signing::{another, is_verified, kids, settings, token};

const ED: SigningAlgorithm = SigningAlgorithm::EdDsa;
/// RFC 8410 section 10.3.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

async fn operator() -> Operator {
    let fixture = Fixture::new("main", &settings()).await;
    Operator { administration: administration(&fixture.engine), fixture }
}

impl Operator {
    async fn keys(&self) -> Vec<SigningKeyView> {
        self.run(KeyList { realm: None }).await.unwrap()
    }

    async fn rotate(&self, rotation: Rotation) -> Vec<SigningKeyView> {
        self.run(KeyRotate { realm: None, algorithm: Some(ED), rotation }).await.unwrap()
    }

    async fn retire(&self, kid: &str) -> Result<Vec<SigningKeyView>, AdminError> {
        self.run(KeyRetire { realm: None, kid: kid.to_owned() }).await
    }

    async fn import(&self, pem: &str, start: KeyStart) -> Result<SigningKeyView, AdminError> {
        self.run(KeyImport { realm: None, key: PlainSecret::new(pem.to_owned()), start }).await
    }

    async fn token(&self) -> String {
        token(&self.fixture.engine, &self.fixture.realm, ED).await
    }

    async fn is_verified(&self, token: &str) -> bool {
        is_verified(&self.fixture.engine, &self.fixture.realm, token).await
    }
}

fn states(keys: &[SigningKeyView]) -> Vec<SigningKeyState> {
    keys.iter().filter(|key| key.algorithm == ED).map(|key| key.state).collect()
}

fn kid(keys: &[SigningKeyView], state: SigningKeyState) -> &str {
    &keys.iter().find(|key| key.algorithm == ED && key.state == state).unwrap().kid
}

#[tokio::test]
async fn a_planned_rotation_is_published_first_and_refuses_nothing() {
    use SigningKeyState::{Former, Next, Signing};
    let operator = operator().await;
    assert_eq!(operator.keys().await, [], "none was needed yet");
    let before = operator.token().await;
    let keys = operator.rotate(Rotation::Planned).await;
    assert_eq!((states(&keys), keys.len()), (vec![Signing, Next], 3), "the other algorithm's stays");
    let (old, new) = (kid(&keys, Signing).to_owned(), kid(&keys, Next).to_owned());
    let published = kids(&operator.fixture.engine, &operator.fixture.realm).await;
    assert!(published.contains(&old) && published.contains(&new));
    operator.fixture.clock.advance_s(299);
    assert_eq!(kid(&operator.keys().await, Signing), old);
    operator.fixture.clock.advance_s(2);
    let keys = operator.keys().await;
    assert_eq!((states(&keys), kid(&keys, Signing)), (vec![Former, Signing], new.as_str()));
    assert!(keys.iter().find(|key| key.kid == old).unwrap().until.is_some());
    assert!(operator.is_verified(&before).await && operator.is_verified(&operator.token().await).await);
    operator.fixture.clock.advance_s(4_000);
    operator.fixture.engine.tend_signing_keys().await;
    assert_eq!(states(&operator.keys().await), [Signing]);
    let _ = operator.fixture.audit("signing_keys_rotated", 1).await;
}

#[tokio::test]
async fn keys_are_rotated_every_five_seconds_for_a_minute_and_nothing_is_refused() {
    let operator = operator().await;
    let mut tokens = Vec::new();
    for _ in 0..12 {
        tokens.push(operator.token().await);
        operator.rotate(Rotation::Planned).await;
        operator.fixture.clock.advance_s(5);
        for token in &tokens {
            assert!(operator.is_verified(token).await);
        }
    }
    for _ in 0..40 {
        operator.fixture.clock.advance_s(10);
        operator.fixture.engine.tend_signing_keys().await;
        tokens.push(operator.token().await);
        for token in &tokens {
            assert!(operator.is_verified(token).await);
        }
    }
}

#[tokio::test]
async fn in_an_emergency_new_keys_sign_at_once_and_what_the_old_ones_signed_is_refused() {
    let operator = operator().await;
    let before = operator.token().await;
    operator.rotate(Rotation::Planned).await;
    let (engine, realm) = another(&operator.fixture).await;
    let keys = operator.rotate(Rotation::Emergency).await;
    assert_eq!(states(&keys), [SigningKeyState::Signing], "the next one is in the same hands");
    let after = operator.token().await;
    assert!(!operator.is_verified(&before).await && operator.is_verified(&after).await);
    // A server that has not heard of it takes the new tokens, and by looking for their key it has heard of it.
    assert!(is_verified(&engine, &realm, &after).await);
    assert!(!is_verified(&engine, &realm, &before).await);
    assert_eq!(kids(&engine, &realm).await, kids(&operator.fixture.engine, &operator.fixture.realm).await);
    let _ = operator.fixture.audit("signing_keys_rotated_in_emergency", 1).await;
}

#[tokio::test]
async fn a_retired_key_is_gone_at_once_and_one_that_signs_has_a_successor_at_once() {
    use SigningKeyState::{Next, Signing};
    let operator = operator().await;
    let first = operator.token().await;
    let keys = operator.rotate(Rotation::Planned).await;
    let next = kid(&keys, Next).to_owned();
    assert_eq!(states(&operator.retire(&next).await.unwrap()), [Signing]);
    assert!(operator.is_verified(&first).await);
    let signing = kid(&operator.keys().await, Signing).to_owned();
    let keys = operator.retire(&signing).await.unwrap();
    assert_eq!(states(&keys), [Signing]);
    assert_ne!(kid(&keys, Signing), signing);
    assert!(!operator.is_verified(&first).await && operator.is_verified(&operator.token().await).await);
    for unknown in [signing.as_str(), "", "../x"] {
        assert!(matches!(operator.retire(unknown).await, Err(AdminError::NotFound(_))), "{unknown}");
    }
    let _ = operator.fixture.audit("signing_key_retired", 2).await;
}

#[tokio::test]
async fn a_former_key_does_not_sign_again_when_its_successor_is_retired() {
    use SigningKeyState::{Former, Signing};
    let operator = operator().await;
    let first = operator.token().await;
    operator.rotate(Rotation::Planned).await;
    operator.fixture.clock.advance_s(301);
    let keys = operator.keys().await;
    let (former, signing) = (kid(&keys, Former).to_owned(), kid(&keys, Signing).to_owned());
    let keys = operator.retire(&signing).await.unwrap();
    assert_eq!(states(&keys), [Former, Signing]);
    assert_eq!(kid(&keys, Former), former);
    assert!(operator.is_verified(&first).await);
}

#[tokio::test]
async fn a_key_is_imported_published_and_signs_in_its_time_or_at_once() {
    use SigningKeyState::{Next, Signing};
    for (start, expect) in [(KeyStart::Published, Next), (KeyStart::AtOnce, Signing)] {
        let operator = operator().await;
        let before = operator.token().await;
        let imported = operator.import(PEM, start).await.unwrap();
        assert_eq!((imported.algorithm, imported.state), (ED, expect));
        assert!(kids(&operator.fixture.engine, &operator.fixture.realm).await.contains(&imported.kid));
        let again = operator.import(PEM, start).await;
        assert!(matches!(again, Err(AdminError::Exists(_))), "{again:?}");
        operator.fixture.clock.advance_s(301);
        assert_eq!(kid(&operator.keys().await, Signing), imported.kid);
        assert!(operator.is_verified(&before).await && operator.is_verified(&operator.token().await).await);
        let _ = operator.fixture.audit("signing_key_imported", 1).await;
    }
    let operator = operator().await;
    let first = operator.import(PEM, KeyStart::Published).await.unwrap();
    assert_eq!(first.state, Signing, "there was none before it");
}

#[tokio::test]
async fn what_is_no_key_or_of_no_use_to_the_realm_is_refused_and_not_repeated() {
    let operator = operator().await;
    let p256 = PEM.replace("BwQ", "BwR").replace("MC4", "MC5");
    let rsa = include_str!("../../../../keyring/vectors/rsa_4096.pem");
    for (pem, expect) in [
        ("hunter2hunter2", "not one private key in PEM"),
        (p256.as_str(), "the key is none of"),
        (rsa, "realm main does not sign with RS256: name it in signing.algorithms, where there is: ES256, EdDSA"),
    ] {
        let refused = operator.import(pem, KeyStart::AtOnce).await.unwrap_err();
        assert!(matches!(&refused, AdminError::Invalid(mistakes) if mistakes[0].contains(expect)), "{refused:?}");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }
    assert_eq!(operator.keys().await, []);
    let unknown = KeyRotate { realm: None, algorithm: Some(SigningAlgorithm::Rs256), rotation: Rotation::Planned };
    assert!(matches!(operator.run(unknown).await, Err(AdminError::Invalid(_))));
}

#[tokio::test]
async fn a_command_with_a_private_key_hides_it_in_its_debug_output() {
    let import = KeyImport { realm: None, key: PlainSecret::new(PEM.to_owned()), start: KeyStart::AtOnce };
    assert!(!format!("{import:?}").contains("MC4CAQ"));
}

#[tokio::test]
async fn the_master_key_is_replaced_while_signing_keys_follow_each_other_and_no_key_is_lost() {
    let fixture = Fixture::new("main", &settings()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = KeyFile::new(directory.path().join("master.key"));
    file.write(&MasterKey::parse(&fixture.master).unwrap()).unwrap();
    let home = MasterKeyHome::File(file.clone());
    let administration = Arc::new(Administration::new(fixture.engine.clone(), Box::new(Dialects), home));
    let first = token(&fixture.engine, &fixture.realm, ED).await;
    let rotating = administration.clone();
    let master_keys = tokio::spawn(async move {
        for _ in 0..10 {
            rotating.run(MasterKeyRotate {}).await.unwrap();
        }
    });
    let mut tokens = vec![first];
    for _ in 0..10 {
        let rotate = KeyRotate { realm: None, algorithm: Some(ED), rotation: Rotation::Planned };
        administration.run(rotate).await.unwrap();
        tokens.push(token(&fixture.engine, &fixture.realm, ED).await);
    }
    master_keys.await.unwrap();
    let keys = administration.run(KeyList { realm: None }).await.unwrap();
    assert_eq!(keys.len(), 2 + 10);
    for token in tokens {
        assert!(is_verified(&fixture.engine, &fixture.realm, &token).await);
    }
    let master = file.read().unwrap().unwrap().to_text().to_string();
    let (engine, realm) = another(&Fixture { master, ..fixture }).await;
    assert_eq!(kids(&engine, &realm).await.len(), keys.len());
}

#[tokio::test]
async fn an_algorithm_that_a_client_asks_for_cannot_be_taken_from_the_realm() {
    let operator = operator().await;
    let client = json!({
        "client_name": "Web", "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"], "scope": "",
        "redirect_uris": ["https://web.example.vn/callback"], "id_token_signed_response_alg": "EdDSA",
    });
    let with = |algorithms: &[&str], clients: Value| json!({"realms": {"main": {"signing": {"algorithms": algorithms}, "clients": clients}}});
    operator.apply(with(&["ES256", "EdDSA"], json!({ "web": client }))).await.unwrap();
    // A file need not name the client.
    for clients in [json!({}), json!({"web": {"id_token_signed_response_alg": "EdDSA"}})] {
        let mistakes = operator.mistakes(with(&["ES256"], clients)).await;
        assert!(mistakes[0].contains("web") && mistakes[0].contains("signing.algorithms"), "{mistakes:?}");
    }
    let changed = json!({"web": {"id_token_signed_response_alg": "ES256"}});
    operator.apply(with(&["ES256"], changed)).await.unwrap();
    assert!(another(&operator.fixture).await.1.client("web").is_some(), "it is read again as it was stored");
}

#[tokio::test]
async fn keys_of_an_algorithm_that_the_realm_had_are_retired_or_go_in_an_emergency() {
    let operator = operator().await;
    let take_away = async |operator: &Operator| {
        let before = operator.token().await;
        let algorithms = json!({"realms": {"main": {"signing": {"algorithms": ["ES256"]}}}});
        operator.apply(algorithms).await.unwrap();
        assert!(operator.is_verified(&before).await, "what was signed stays right");
        before
    };
    let before = take_away(&operator).await;
    let of_ed = kid(&operator.keys().await, SigningKeyState::Signing).to_owned();
    assert_eq!(states(&operator.retire(&of_ed).await.unwrap()), [], "nothing follows it");
    assert!(!operator.is_verified(&before).await);

    let operator = self::operator().await;
    let before = take_away(&operator).await;
    let keys = operator.run(KeyRotate { realm: None, algorithm: None, rotation: Rotation::Emergency }).await.unwrap();
    assert_eq!((states(&keys), keys.len()), (vec![], 1));
    assert!(!operator.is_verified(&before).await);
}

#[tokio::test]
async fn a_rotation_that_changes_nothing_writes_nothing() {
    let operator = operator().await;
    operator.token().await;
    let sealed = async || operator.fixture.store.keys(operator.fixture.realm.number).await.unwrap();
    let before = sealed().await;
    for _ in 0..3 {
        operator.fixture.engine.tend_signing_keys().await;
    }
    assert_eq!(sealed().await, before);
}
