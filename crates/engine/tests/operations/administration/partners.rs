//! Partners by command and by file: made, listed, rotated, disabled; a key is answered once and never shown again.

use kimbai_core::client::{AnswerForm, AuthenticationMethod, IvLayout, KeySpelling};
use kimbai_core::grant::PartyStanding;
use kimbai_core::realm::{EndpointPaths, FailureLimits, PartnerSettings, RealmSettings};
use kimbai_engine::admin::{
    AdminError, Applied, ClientRemove, ClientShow, Enabled, Export, ExportSecrets, Manifest, PartnerAdd, PartnerList,
    PartnerRotateKey, PartnerSetActivity, PlainSecret,
};
use kimbai_engine::{DEMO_KEYS, NewClient};
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::{Value, json};

use super::{Operator, invalid};
use crate::fixture::marketplace;

const REALM: &str = "tconnect";
const KEY: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
const OTHER_KEY: &str = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf";

fn settings() -> RealmSettings {
    let EndpointPaths { introspect, .. } = marketplace().paths;
    let paths = EndpointPaths {
        authorize: String::new(),
        token: String::new(),
        revoke: String::new(),
        introspect,
        ..marketplace().paths
    };
    RealmSettings {
        issuer: "http://localhost:4603".to_owned(),
        paths,
        partners: Some(PartnerSettings {
            grants_max: 50,
            live_grants_max: 1_000,
            failed_log_in_answer_ms: 1,
            failed_refresh_answer_ms: 1,
            failure_limits: FailureLimits::Off,
        }),
        ..marketplace()
    }
}

/// An operator of a realm that has partners, and no client yet.
async fn operator() -> Operator {
    let mut operator = Operator::new().await;
    operator.fixture.realm = operator.fixture.engine.put_realm(REALM, &settings()).await.unwrap();
    operator
}

fn add(partner_code: &str, client_id: &str, more: &Value) -> PartnerAdd {
    let mut client = json!({ "partner": { "partner_code": partner_code } });
    for (key, value) in more.as_object().unwrap() {
        match client.get_mut(key).and_then(Value::as_object_mut) {
            Some(partner) => partner.extend(value.as_object().unwrap().clone()),
            None => client[key] = value.clone(),
        }
    }
    let client = serde_json::from_value(client).unwrap();
    PartnerAdd { realm: Some(REALM.to_owned()), client_id: client_id.to_owned(), client }
}

fn rotate(overlap_s: u32, key: Option<&str>) -> PartnerRotateKey {
    let key = key.map(|key| PlainSecret::new(key.to_owned()));
    PartnerRotateKey { realm: Some(REALM.to_owned()), partner_code: "SHOP".to_owned(), overlap_s, key }
}

fn list() -> PartnerList {
    PartnerList { realm: Some(REALM.to_owned()) }
}

fn of_realm(clients: &Value) -> Value {
    json!({ "realms": Value::from_iter([(REALM, json!({ "clients": clients }))]) })
}

/// The live keys of `SHOP`, the newest first, in hex digits.
fn live_keys(operator: &Operator) -> Vec<String> {
    let realm = operator.fixture.engine.realm(REALM).unwrap();
    let client = realm.partner("SHOP").unwrap();
    let now_s = operator.fixture.engine.now().as_unix_s();
    let live = client.partner().unwrap().keys.iter().filter(|key| key.is_live(now_s));
    live.map(|key| {
        let bytes = realm.keyring.open_secret(&key.sealed).unwrap();
        CipherKey::new(bytes.as_slice().try_into().unwrap()).to_hex().to_string()
    })
    .collect()
}

/// A realm with the partner `SHOP` under [`KEY`].
async fn with_shop() -> Operator {
    let operator = operator().await;
    operator.run(add("SHOP", "shop", &json!({ "partner": { "key": KEY } }))).await.unwrap();
    operator
}

#[tokio::test]
async fn a_partner_is_made_and_listed_and_its_key_and_secret_are_answered_once() {
    let operator = operator().await;
    let added = operator.run(add("SHOP", "shop", &json!({}))).await.unwrap();
    let (key, secret) = (added.key.unwrap(), added.client_secret.unwrap());
    assert_eq!(live_keys(&operator), [key.expose()]);
    let shop = &added.partner;
    assert_eq!((shop.partner_code.as_str(), shop.client_id.as_str(), shop.status), ("SHOP", "shop", Enabled::Enabled));
    assert_eq!((shop.iv, shop.key_spelling, shop.answers), (IvLayout::Prepended, KeySpelling::Hex, AnswerForm::Plain));
    let client = ClientShow { realm: Some(REALM.to_owned()), client_id: "shop".to_owned() };
    let client = operator.run(client).await.unwrap();
    assert_eq!(client.token_endpoint_auth_method, AuthenticationMethod::PartnerEnvelope);
    assert_eq!(client.partner_code.as_deref(), Some("SHOP"));
    let more = json!({ "client_name": "Chợ", "client_secret": "chosen-by-the-operator", "partner": {
        "iv": { "fixed": "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff" }, "key_spelling": "ascii", "answers": "encrypted",
    } });
    let other = operator.run(add("ALSO", "also", &more)).await.unwrap();
    assert_eq!((other.client_secret, other.key.unwrap().expose().len()), (None, 32), "32 characters");
    let listed = operator.run(list()).await.unwrap();
    assert_eq!(listed, [other.partner, added.partner], "by code");
    let text = serde_json::to_string(&listed).unwrap();
    assert!(!text.contains(key.expose()) && !text.contains(secret.expose()) && !text.contains("sealed"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_a_partner_is_refused_and_nothing_is_made() {
    let operator = with_shop().await;
    let of_marketplace = PartnerAdd { realm: Some("marketplace".to_owned()), ..add("NEW", "new", &json!({})) };
    for (command, expect) in [
        (of_marketplace, "realm that has partners"),
        (add("SHOP", "new", &json!({})), "partner.partner_code: SHOP is that of"),
        (add("A B", "new", &json!({})), "printable ASCII"),
        (add("NEW", "new", &json!({ "partner": { "key": "00" } })), "partner.key: a key is 64"),
        (add("NEW", "new", &json!({ "partner": { "key": "env:KEY" } })), "only the command line looks there"),
        (add("NEW", "new", &json!({ "partner": { "key": "sealed:00" } })), "sealed: takes 8 hex digits"),
        (add("NEW", "new", &json!({ "partner": { "keys": [] } })), "unknown field `keys`"),
        (
            add("NEW", "new", &json!({ "partner": { "colour": "red" } })),
            "unknown field `colour`, expected one of `key`,",
        ),
        (add("shop", "new", &json!({})), "shop is that of shop but for the case of its letters"),
        (add("NEW", "new", &json!({ "partner": { "key": KEY } })), "partner.key: shop has it, too"),
        (add("NEW", "new", &json!({ "partner": { "key": "x".repeat(32) } })), "64 hexadecimal digits"),
        (add("NEW", "new", &json!({ "client_secret": "short" })), "at least 22 characters"),
    ] {
        let refused = invalid(operator.run(command).await).join("\n");
        assert!(refused.contains(expect), "{expect}: {refused}");
    }
    let exists = operator.run(add("NEW", "shop", &json!({}))).await;
    assert!(matches!(exists, Err(AdminError::Exists(_))), "{exists:?}");
    for missing in [
        operator.run(PartnerRotateKey { partner_code: "NOBODY".to_owned(), ..rotate(0, None) }).await.map(drop),
        operator.run(set("NOBODY", Enabled::Disabled)).await.map(drop),
        operator.run(PartnerList { realm: Some("nowhere".to_owned()) }).await.map(drop),
    ] {
        assert!(matches!(missing, Err(AdminError::NotFound(_))), "{missing:?}");
    }
    assert_eq!(operator.run(list()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_holds_for_partners_is_changed_member_by_member_where_there_are_partners() {
    let operator = operator().await;
    let asked = |realm: &str, partners: Value| json!({ "realms": Value::from_iter([(realm, json!({ "partners": partners }))]) });
    operator.apply(asked(REALM, json!({ "grants_max": 5 }))).await.unwrap();
    let partners = operator.fixture.engine.realm(REALM).unwrap().settings.partners.unwrap();
    assert_eq!((partners.grants_max, partners.live_grants_max), (5, 1_000));
    for (asked, expect) in [
        (asked("marketplace", json!({ "grants_max": 5 })), "has no partners"),
        (asked(REALM, Value::Null), "has partners; what holds for them can be changed"),
    ] {
        let refused = operator.mistakes(asked).await;
        assert!(refused.len() == 1 && refused[0].contains(expect), "{refused:?}");
    }
}

#[tokio::test]
async fn each_partner_has_a_key_of_its_own() {
    let operator = with_shop().await;
    operator.run(add("ALSO", "also", &json!({ "partner": { "key": OTHER_KEY } }))).await.unwrap();
    let given = |key: &str| json!({ "partner": { "key": key } });
    let refused = operator.mistakes(of_realm(&json!({ "also": given(KEY) }))).await;
    assert!(refused.len() == 1 && refused[0].contains("clients.also") && refused[0].contains("shop has it, too"));
    let refused = invalid(operator.run(rotate(0, Some(OTHER_KEY))).await);
    assert!(refused[0].contains("also has it, too"), "{refused:?}");
    // Also two that a file gives it at once, and one that another has still.
    let third = "ee".repeat(32);
    let refused = operator.mistakes(of_realm(&json!({ "also": given(&third), "shop": given(&third) }))).await;
    assert_eq!(refused.len(), 2, "{refused:?}");
    operator.run(rotate(1_000, None)).await.unwrap();
    assert!(operator.mistakes(of_realm(&json!({ "also": given(KEY) }))).await[0].contains("shop has it, too"));
    assert!(
        operator.plan(of_realm(&json!({ "also": given(OTHER_KEY), "shop": given(KEY) }))).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn the_keys_of_the_sandbox_are_refused_and_open_nothing() {
    let operator = with_shop().await;
    for key in DEMO_KEYS {
        let key = CipherKey::new(key);
        let digits = key.to_hex();
        for refused in [
            invalid(operator.run(add("NEW", "new", &json!({ "partner": { "key": *digits } }))).await),
            invalid(operator.run(rotate(0, Some(&digits))).await),
        ] {
            assert!(refused[0].contains("it is the sandbox's, which everybody knows"), "{refused:?}");
        }
        // In the store it may be, from a copy of the sandbox's.
        let engine = &operator.fixture.engine;
        let realm = engine.realm(REALM).unwrap();
        let mut metadata = realm.client("shop").unwrap().metadata.clone();
        metadata.partner.as_mut().unwrap().keys[0].sealed = realm.keyring.seal_secret(key.expose());
        let put = NewClient { client_id: "shop".to_owned(), client_secret: None, metadata };
        engine.put_client(&realm, put).await.unwrap();
        let realm = engine.realm(REALM).unwrap();
        let sealed = Envelope::seal(&key, IvLayout::Prepended, b"{}").to_hex();
        assert!(engine.open_envelope(&realm, "SHOP", sealed.as_bytes()).is_err());
    }
}

fn set(partner_code: &str, enabled: Enabled) -> PartnerSetActivity {
    PartnerSetActivity { realm: Some(REALM.to_owned()), partner_code: partner_code.to_owned(), enabled }
}

#[tokio::test]
async fn a_disabled_partner_is_a_disabled_client() {
    let operator = with_shop().await;
    assert_eq!(operator.run(set("SHOP", Enabled::Disabled)).await.unwrap().status, Enabled::Disabled);
    let standing = || operator.fixture.engine.realm(REALM).unwrap().client("shop").unwrap().standing;
    let disabled = standing();
    assert!(!disabled.active);
    assert_eq!(operator.run(set("SHOP", Enabled::Enabled)).await.unwrap().status, Enabled::Enabled);
    assert!(standing().active && standing().epoch >= disabled.epoch);
}

#[tokio::test]
async fn during_a_rotation_both_keys_are_live_and_afterwards_the_new_one_alone() {
    let operator = with_shop().await;
    let rotated = operator.run(rotate(86_400, None)).await.unwrap();
    let new = rotated.key.unwrap();
    assert_eq!(live_keys(&operator), [new.expose(), KEY], "the newest first");
    let listed = operator.run(list()).await.unwrap();
    assert_eq!(listed[0].keys_end, [None, Some(rotated.previous_ends)]);
    operator.fixture.clock.advance_s(86_399);
    assert_eq!(live_keys(&operator).len(), 2);
    operator.fixture.clock.advance_s(1);
    assert_eq!(live_keys(&operator), [new.expose()]);
    assert_eq!(operator.run(list()).await.unwrap()[0].keys_end, [None]);
    let _ = operator.fixture.audit("partner_key_rotated", 1).await;
}

#[tokio::test]
async fn a_second_rotation_in_the_overlap_is_refused_unless_it_ends_both_keys() {
    let operator = with_shop().await;
    let second = operator.run(rotate(1_000, None)).await.unwrap();
    operator.fixture.clock.advance_s(999);
    let refused = invalid(operator.run(rotate(500, None)).await);
    assert!(refused[0].contains(&second.previous_ends) && refused[0].contains("--overlap 0s"), "{refused:?}");
    assert_eq!(live_keys(&operator).len(), 2);
    let third = operator.run(rotate(0, None)).await.unwrap();
    assert_eq!(live_keys(&operator), [third.key.unwrap().expose()]);
    operator.fixture.clock.advance_s(1);
    operator.run(rotate(500, Some(OTHER_KEY))).await.unwrap();
    assert_eq!(live_keys(&operator).len(), 2);
}

#[tokio::test]
async fn a_rotation_to_the_same_key_can_be_repeated_and_one_to_no_key_is_refused() {
    let operator = with_shop().await;
    let first = operator.run(rotate(100, Some(OTHER_KEY))).await.unwrap();
    operator.fixture.clock.advance_s(40);
    let again = operator.run(rotate(100, Some(OTHER_KEY))).await.unwrap();
    assert_eq!((first.key, first.previous_ends), (again.key, again.previous_ends));
    assert_eq!(live_keys(&operator), [OTHER_KEY, KEY]);
    for wrong in ["", "00", &OTHER_KEY[1..], "file:shop.key", "sealed:00000000:x"] {
        let refused = invalid(operator.run(rotate(0, Some(wrong))).await);
        assert!(refused[0].starts_with("partner.key: "), "{refused:?}");
    }
    assert_eq!(live_keys(&operator), [OTHER_KEY, KEY]);
}

#[tokio::test]
async fn a_file_gives_a_key_or_one_is_made_and_a_plan_shows_none() {
    let operator = operator().await;
    let partner = |more: Value| {
        let mut partner = json!({ "partner_code": "SHOP", "iv": "zero" });
        partner.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        of_realm(&json!({ "shop": { "client_secret": "chosen-by-the-operator", "partner": partner } }))
    };
    let Applied { made_secrets, made_keys, .. } = operator.apply(partner(json!({}))).await.unwrap();
    let made = made_keys[0].key.expose();
    assert!(made_secrets.is_empty() && made_keys.len() == 1);
    assert_eq!((made_keys[0].partner_code.as_str(), live_keys(&operator)), ("SHOP", vec![made.to_owned()]));
    for same in [json!({}), json!({ "key": made }), json!({ "key": made.to_uppercase() })] {
        assert!(operator.plan(partner(same)).await.unwrap().is_empty());
    }
    let given = json!({ "key": KEY, "answers": "encrypted" });
    let planned = operator.plan(partner(given.clone())).await.unwrap();
    let key_changes = "partner.key: the one before it works for 86400 s more";
    assert_eq!(planned[0].changes, ["partner.answers: \"plain\" -> \"encrypted\"", key_changes]);
    assert!(operator.apply(partner(given.clone())).await.unwrap().made_keys.is_empty());
    assert_eq!(live_keys(&operator), [KEY, made], "the one before it stays beside it");
    assert!(operator.plan(partner(given)).await.unwrap().is_empty());
    let mut ascii = json!({ "key": "0123456789ABCDEFGHIJKLMNOPQRSTUV", "key_spelling": "ascii" });
    let refused = operator.mistakes(partner(ascii.clone())).await;
    assert!(refused[0].contains("key_overlap_s = 0"), "{refused:?}");
    ascii["key_overlap_s"] = 0.into();
    let planned = operator.plan(partner(ascii.clone())).await.unwrap();
    assert!(planned[0].changes.contains(&"partner.key: the one before it ends at once".to_owned()), "{planned:?}");
    operator.apply(partner(ascii)).await.unwrap();
    assert_eq!(live_keys(&operator), ["303132333435363738394142434445464748494a4b4c4d4e4f50515253545556"]);
}

#[tokio::test]
async fn a_file_that_is_out_of_date_does_not_bring_a_key_back() {
    let operator = with_shop().await;
    let file = |key: &str| of_realm(&json!({ "shop": { "partner": { "key": key } } }));
    operator.run(rotate(100, Some(OTHER_KEY))).await.unwrap();
    assert!(operator.plan(file(KEY)).await.unwrap().is_empty(), "it still is one");
    operator.fixture.clock.advance_s(100);
    let refused = operator.mistakes(file(KEY)).await;
    assert!(refused[0].contains("it was rotated and has ended"), "{refused:?}");
    assert_eq!(live_keys(&operator), [OTHER_KEY]);
}

#[tokio::test]
async fn no_two_partners_of_a_realm_have_one_code_and_none_changes_its_own() {
    let operator = with_shop().await;
    let of = |client_id: &str, code: &str| {
        let partner = json!({ "partner": { "partner_code": code } });
        of_realm(&Value::from_iter([(client_id, partner)]))
    };
    let refused = operator.mistakes(of("also", "SHOP")).await;
    assert!(refused.len() == 1 && refused[0].contains("SHOP is that of"), "{refused:?}");
    operator.apply(of("also", "ALSO")).await.unwrap();
    let refused = operator.mistakes(of("shop", "OTHER")).await;
    assert!(refused[0].contains("partner.partner_code: it is SHOP and stays so"), "{refused:?}");
    assert!(operator.plan(of("shop", "SHOP")).await.unwrap().is_empty());
    let remove = ClientRemove { realm: Some(REALM.to_owned()), client_id: "shop".to_owned() };
    operator.run(remove).await.unwrap();
    operator.apply(of("shop", "OTHER")).await.unwrap();
    let listed = operator.run(list()).await.unwrap();
    let ids: Vec<_> =
        listed.iter().map(|partner| (partner.partner_code.as_str(), partner.client_id.as_str())).collect();
    assert_eq!(ids, [("ALSO", "also"), ("OTHER", "shop")]);
    // A code is free when its partner goes.
    assert!(operator.mistakes(of("heir", "OTHER")).await[0].contains("OTHER is that of"));
    operator.prune(of("heir", "OTHER")).await.unwrap();
    assert_eq!(operator.run(list()).await.unwrap()[0].client_id, "heir");
}

#[tokio::test]
async fn a_client_stops_being_a_partner_when_a_file_says_so() {
    let operator = with_shop().await;
    let nothing = operator.plan(of_realm(&json!({ "shop": { "client_name": "shop" } }))).await.unwrap();
    assert!(nothing.is_empty(), "{nothing:?}");
    let halfway = operator.mistakes(of_realm(&json!({ "shop": { "partner": null } }))).await;
    assert!(halfway[0].contains("need each other"), "{halfway:?}");
    let plain = json!({ "shop": {
        "partner": null, "token_endpoint_auth_method": "client_secret_basic", "grant_types": [],
    } });
    let ends = "partner: all that it was issued ends".to_owned();
    assert!(operator.plan(of_realm(&plain)).await.unwrap()[0].changes.contains(&ends));
    operator.apply(of_realm(&plain)).await.unwrap();
    assert!(operator.run(list()).await.unwrap().is_empty());
    let _ = operator.fixture.audit("partner_ended", 1).await;
    let standing = || operator.fixture.engine.realm(REALM).unwrap().client("shop").unwrap().standing;
    assert_eq!(standing(), PartyStanding { active: true, epoch: 1 });
    // It has nothing more to end, and is a partner of another code from now on.
    assert!(operator.plan(of_realm(&plain)).await.unwrap().is_empty());
    let again = json!({ "shop": {
        "partner": { "partner_code": "OTHER", "key": KEY }, "token_endpoint_auth_method": "partner_envelope",
        "grant_types": ["password", "refresh_token"],
    } });
    operator.apply(of_realm(&again)).await.unwrap();
    assert_eq!(standing().epoch, 1);
    // One that is disabled stays so.
    operator.run(set("OTHER", Enabled::Disabled)).await.unwrap();
    operator.apply(of_realm(&plain)).await.unwrap();
    assert_eq!(standing(), PartyStanding { active: false, epoch: 3 });
}

async fn export(operator: &Operator, secrets: ExportSecrets) -> Manifest {
    operator.run(Export { realms: vec![REALM.to_owned()], secrets }).await.unwrap()
}

#[tokio::test]
async fn an_export_has_the_key_as_it_is_sealed_or_not_at_all() {
    let operator = with_shop().await;
    operator.run(add("ALSO", "also", &json!({ "partner": { "iv": { "fixed": "00".repeat(16) } } }))).await.unwrap();
    operator.run(rotate(1_000, None)).await.unwrap();
    for secrets in [ExportSecrets::Hashes, ExportSecrets::LeftOut] {
        let exported = export(&operator, secrets).await;
        let text = serde_json::to_string(&exported).unwrap();
        assert_eq!(text.contains("sealed:"), secrets == ExportSecrets::Hashes);
        assert!(live_keys(&operator).iter().all(|key| !text.contains(key)), "{text}");
        let travelled = serde_json::to_value(&exported).unwrap();
        assert!(operator.plan(travelled).await.unwrap().is_empty(), "{secrets:?}");
    }
    // Removed and made again from the export, it has its key: that opens under the realm's keys alone.
    let mut exported = serde_json::to_value(export(&operator, ExportSecrets::Hashes).await).unwrap();
    let before = live_keys(&operator);
    let remove = ClientRemove { realm: Some(REALM.to_owned()), client_id: "shop".to_owned() };
    operator.run(remove).await.unwrap();
    operator.apply(exported.clone()).await.unwrap();
    assert_eq!((before.len(), live_keys(&operator)), (2, before), "both, for the rotation is not over");
    assert!(operator.plan(exported.clone()).await.unwrap().is_empty());
    let elsewhere = self::operator().await;
    for client in ["also", "shop"] {
        exported["realms"][REALM]["clients"][client].as_object_mut().unwrap().remove("client_secret");
    }
    let refused = elsewhere.mistakes(exported).await.join("\n");
    assert!(refused.contains("partner.key: this sealed: was made under the key of another realm"), "{refused}");
    let left_out = serde_json::to_value(export(&operator, ExportSecrets::LeftOut).await).unwrap();
    let made = elsewhere.apply(left_out).await.unwrap();
    assert_eq!((made.made_keys.len(), made.made_secrets.len()), (2, 2));
}
