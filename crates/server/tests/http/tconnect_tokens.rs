//! Tokens of partners: JWTs that are renderings of one row, bound to their partner, never one for the other.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::admin::{Administration, Apply, KeyRotate, MasterKeyHome, Prune, Rotation};
use kimbai_server::dialects::Dialects;
use kimbai_store::Activity;
use kimbai_store::sqlite::Location;
use serde_json::{Value, json};

use super::fixture::tconnect::{DEMO, OTHER, Partner, QR, REFRESH};
use super::fixture::{Answer, Sandbox, mutations};

/// One of the three parts of a JWT.
fn part(jwt: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

fn tokens(answer: &Answer) -> (String, String) {
    (answer.member("access_token"), answer.member("refresh_token"))
}

#[tokio::test]
async fn both_tokens_are_jwts_whose_kinds_are_in_their_headers_and_whose_partner_is_in_their_claims() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    for (jwt, kind) in [(&access, "at+jwt"), (&refresh, "rt+jwt")] {
        let header = String::from_utf8(URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap();
        let kid = part(jwt, 0)["kid"].clone();
        assert_eq!(header, format!("{{\"alg\":\"RS256\",\"typ\":\"{kind}\",\"kid\":{kid}}}"), "to the byte");
    }
    assert_eq!(part(&refresh, 0)["kid"], part(&access, 0)["kid"]);
    let jwks = at.get("/.well-known/jwks.json").await.expect(200).json();
    assert_eq!(jwks["keys"][0]["kid"], part(&access, 0)["kid"]);
    let (of_access, of_refresh) = (part(&access, 1), part(&refresh, 1));
    for claims in [&of_access, &of_refresh] {
        assert_eq!(claims["iss"], at.issuer);
        assert_eq!((&claims["aud"], &claims["sub"]), (&json!(at.issuer), &json!("101")));
        assert_eq!((&claims["partner_code"], &claims["client_id"]), (&json!("DEMO"), &json!(DEMO.client_id)));
    }
    let lives = |claims: &Value| claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!((lives(&of_access), lives(&of_refresh)), (36_000, 30 * 86_400));
    assert_ne!(of_access["jti"], of_refresh["jti"]);
    for name in ["iss", "aud", "sub", "client_id", "exp", "iat", "jti", "partner_code"] {
        assert!(of_refresh.get(name).is_some(), "{name}");
    }
    assert_eq!(of_refresh.as_object().unwrap().len(), 8);
}

/// So many rows each table of a store has.
fn rows(directory: &Path) -> BTreeMap<String, i64> {
    let database = rusqlite::Connection::open(directory.join("kimbai.db")).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'";
    let mut statement = database.prepare(tables).unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let count = |name: &str| database.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get(0));
    names.map(|name| (name.clone(), count(&name).unwrap())).collect()
}

#[tokio::test]
async fn no_row_is_written_for_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start_in(Location::Directory(directory.path().to_owned())).await;
    let at = sandbox.tconnect().await;
    let (_, mut refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    // What happened is told to the audit after the answer.
    let beside_the_audit = || {
        let mut rows = rows(directory.path());
        assert!(rows.remove("audit").unwrap() <= 400);
        rows
    };
    let before = beside_the_audit();
    for _ in 0..100 {
        // Twice, as after a lost answer.
        at.partner_refresh(&DEMO, &refresh).await.expect(200);
        let (access, next) = tokens(&at.partner_refresh(&DEMO, &refresh).await.expect(200));
        refresh = next;
        at.qr(&DEMO, &access).await.expect(200);
    }
    let after = beside_the_audit();
    assert_eq!((after["grants"], after.len() > 10), (1, true), "{after:?}");
    assert_eq!(after, before);
}

#[tokio::test]
async fn the_same_refresh_token_twice_gives_the_same_pair() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    sandbox.clock.advance_s(10);
    let first = at.partner_refresh(&DEMO, &refresh).await.expect(200);
    sandbox.clock.advance_s(7_200);
    let again = at.partner_refresh(&DEMO, &refresh).await.expect(200);
    let ((access, next), (access_again, next_again)) = (tokens(&first), tokens(&again));
    assert_eq!(next, next_again, "to the byte");
    for name in ["jti", "iat", "exp"] {
        assert_eq!(part(&access, 1)[name], part(&access_again, 1)[name]);
    }
    assert_eq!(access, access_again, "RS256 signs alike");
    assert_eq!(again.json()["expires_in"], 36_000 - 7_200);
    assert_eq!(again.json()["refresh_expires_in"], 30 * 86_400 - 7_200);
    assert_eq!(part(&next, 1)["exp"], part(&next_again, 1)["exp"]);
}

#[tokio::test]
async fn sixty_four_concurrent_refreshes_get_the_same_successor() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let all: Vec<_> = (0..64)
        .map(|_| {
            let (at, refresh) = (at.clone(), refresh.clone());
            tokio::spawn(async move { tokens(&at.partner_refresh(&DEMO, &refresh).await.expect(200)) })
        })
        .collect();
    let mut answers = std::collections::BTreeSet::new();
    for one in all {
        answers.insert(one.await.unwrap());
    }
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_spent_refresh_token_is_reuse_and_ends_the_grant() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, first) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let (_, second) = tokens(&at.partner_refresh(&DEMO, &first).await.expect(200));
    let (access, third) = tokens(&at.partner_refresh(&DEMO, &second).await.expect(200));
    at.partner_refresh(&DEMO, &first).await.walled();
    assert!(at.last_refusal().await["mistake"].as_str().unwrap().contains("spent refresh token"));
    at.partner_refresh(&DEMO, &third).await.walled();
    at.qr(&DEMO, &access).await.walled();
    // Another log-in is another grant.
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn a_retry_is_served_for_a_day_and_is_reuse_after_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let (_, next) = tokens(&at.partner_refresh(&DEMO, &refresh).await.expect(200));
    sandbox.clock.advance_s(86_399);
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
    sandbox.clock.advance_s(2);
    at.partner_refresh(&DEMO, &refresh).await.walled();
    at.partner_refresh(&DEMO, &next).await.walled();
}

#[tokio::test]
async fn tokens_are_bound_to_their_partner_and_a_stranger_revokes_nothing() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, first) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let (_, second) = tokens(&at.partner_refresh(&DEMO, &first).await.expect(200));
    let (_, third) = tokens(&at.partner_refresh(&DEMO, &second).await.expect(200));
    for spent_or_not in [&first, &second, &third] {
        at.partner_refresh(&OTHER, spent_or_not).await.walled();
    }
    // Under the owner's code, in another's envelope.
    let digits = OTHER.seal(json!({ "refresh_token": third }).to_string().as_bytes());
    at.sealed(REFRESH, DEMO.code, &digits).await.walled();
    at.qr(&OTHER, &access).await.walled();
    at.qr(&DEMO, &access).await.expect(200);
    at.partner_refresh(&DEMO, &third).await.expect(200);
}

#[tokio::test]
async fn one_kind_opens_nothing_where_the_other_is_wanted_nor_does_a_bare_jti() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let jti = |jwt: &str| part(jwt, 1)["jti"].as_str().unwrap().to_owned();
    for wrong in [access.clone(), jti(&access), jti(&refresh), String::from("x")] {
        at.partner_refresh(&DEMO, &wrong).await.walled();
        assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("not one of this realm"));
    }
    for wrong in [refresh.clone(), jti(&access), jti(&refresh)] {
        at.qr(&DEMO, &wrong).await.walled();
    }
    for bare in [jti(&access), jti(&refresh)] {
        assert_eq!(sandbox.introspected_by_operator(&at, &bare).await, json!({ "active": false }));
    }
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
}

#[tokio::test]
async fn another_realms_tokens_and_changed_ones_open_nothing() {
    let sandbox = Sandbox::start().await;
    let (at, beside) = (sandbox.tconnect().await, sandbox.tconnect_as("beside", |_| ()).await);
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    beside.partner_log_in(&DEMO).await.expect(200);
    beside.partner_refresh(&DEMO, &refresh).await.walled();
    beside.qr(&DEMO, &access).await.walled();
    for changed in mutations(&refresh).into_iter().step_by(7) {
        at.partner_refresh(&DEMO, &changed).await.walled();
    }
    for changed in mutations(&access).into_iter().filter(|changed| changed.is_ascii()).step_by(29) {
        if changed.bytes().all(|byte| byte.is_ascii_graphic()) {
            at.qr(&DEMO, &changed).await.walled();
        }
    }
    at.qr(&DEMO, &access).await.expect(200);
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
}

#[tokio::test]
async fn introspection_on_the_operators_listener_knows_both_kinds_and_their_partner() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let says = sandbox.introspected_by_operator(&at, &access).await;
    assert_eq!((&says["active"], &says["partner_code"], &says["sub"]), (&json!(true), &json!("DEMO"), &json!("101")));
    assert_eq!((&says["client_id"], &says["token_type"]), (&json!(DEMO.client_id), &json!("Bearer")));
    assert_eq!(says["exp"], part(&access, 1)["exp"]);
    let says = sandbox.introspected_by_operator(&at, &refresh).await;
    assert_eq!((&says["active"], &says["exp"]), (&json!(true), &part(&refresh, 1)["exp"]));
    assert!(says.get("token_type").is_none());
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
    assert_eq!(sandbox.introspected_by_operator(&at, &refresh).await, json!({ "active": false }));
}

#[tokio::test]
async fn a_disabled_partner_and_a_disabled_person_have_no_tokens_any_more() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let realm = sandbox.realm(&at);
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let set = |activity| sandbox.engine.set_client_activity(&realm, DEMO.client_id, activity);
    set(Activity::Disabled).await.unwrap();
    at.partner_refresh(&DEMO, &refresh).await.walled();
    at.qr(&DEMO, &access).await.walled();
    assert_eq!(sandbox.introspected_by_operator(&at, &access).await, json!({ "active": false }));
    set(Activity::Enabled).await.unwrap();
    // What was issued before stays dead.
    at.partner_refresh(&DEMO, &refresh).await.walled();
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    sandbox.engine.set_user_activity(&realm, DEMO.username, Activity::Disabled).await.unwrap();
    at.partner_refresh(&DEMO, &refresh).await.walled();
    at.qr(&DEMO, &access).await.walled();
    at.partner_log_in(&DEMO).await.walled();
}

#[tokio::test]
async fn a_client_that_becomes_another_partner_takes_no_tokens_with_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let administration = Administration::new(sandbox.engine.clone(), Box::new(Dialects), MasterKeyHome::Given);
    let apply = async |client: Value| {
        let clients = Value::from_iter([(DEMO.client_id, client)]);
        let manifest = serde_json::from_value(json!({ "realms": { "tconnect": { "clients": clients } } })).unwrap();
        administration.run(Apply { manifest, prune: Prune::Keep, agreed: None }).await.unwrap();
    };
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    apply(json!({ "partner": null, "token_endpoint_auth_method": "client_secret_basic", "grant_types": [] })).await;
    for token in [&access, &refresh] {
        assert_eq!(sandbox.introspected_by_operator(&at, token).await, json!({ "active": false }));
    }
    // One code after the other: another one, and its own again.
    for code in ["RENAMED", "DEMO"] {
        let again = Partner { code, ..DEMO };
        apply(json!({
            "partner": { "partner_code": code, "key": &*DEMO.key().to_hex() },
            "token_endpoint_auth_method": "partner_envelope", "grant_types": ["password", "refresh_token"],
        }))
        .await;
        at.partner_refresh(&again, &refresh).await.walled();
        at.qr(&again, &access).await.walled();
        let (access, refresh) = tokens(&at.partner_log_in(&again).await.expect(200));
        at.qr(&again, &access).await.expect(200);
        at.partner_refresh(&again, &refresh).await.expect(200);
        apply(json!({ "partner": null, "token_endpoint_auth_method": "client_secret_basic", "grant_types": [] })).await;
    }
}

#[tokio::test]
async fn a_realm_set_to_eddsa_signs_both_tokens_with_it() {
    let sandbox = Sandbox::start().await;
    let at =
        sandbox.tconnect_realm("eddsa", |settings| settings.signing.algorithms = vec![SigningAlgorithm::EdDsa]).await;
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    assert_eq!((&part(&access, 0)["alg"], &part(&refresh, 0)["alg"]), (&json!("EdDSA"), &json!("EdDSA")));
    at.qr(&DEMO, &access).await.expect(200);
    let next = tokens(&at.partner_refresh(&DEMO, &refresh).await.expect(200));
    assert_eq!(tokens(&at.partner_refresh(&DEMO, &refresh).await.expect(200)), next);
}

#[tokio::test]
async fn a_grant_of_a_partner_ends_when_it_was_not_refreshed_for_long_and_at_its_absolute_end() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, unused) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    let (_, mut used) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    sandbox.clock.advance_s(30 * 86_400 - 1);
    (_, used) = tokens(&at.partner_refresh(&DEMO, &used).await.expect(200));
    sandbox.clock.advance_s(1);
    at.partner_refresh(&DEMO, &unused).await.walled();
    for _ in 0..11 {
        sandbox.clock.advance_s(29 * 86_400);
        (_, used) = tokens(&at.partner_refresh(&DEMO, &used).await.expect(200));
    }
    let left = part(&used, 1)["exp"].as_u64().unwrap() - part(&used, 1)["iat"].as_u64().unwrap();
    assert!(left < 30 * 86_400, "cut short by the absolute end: {left}");
    sandbox.clock.advance_s(30 * 86_400);
    at.partner_refresh(&DEMO, &used).await.walled();
}

async fn rotate_keys(sandbox: &Sandbox, rotation: Rotation) {
    let administration = Administration::new(sandbox.engine.clone(), Box::new(Dialects), MasterKeyHome::Given);
    let realm = Some("tconnect".to_owned());
    administration.run(KeyRotate { realm, algorithm: None, rotation }).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_outlives_the_turn_of_the_key_that_signed_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    rotate_keys(&sandbox, Rotation::Planned).await;
    for _ in 0..29 {
        sandbox.clock.advance_s(86_400);
        sandbox.engine.tend_signing_keys().await;
    }
    let (_, next) = tokens(&at.partner_refresh(&DEMO, &refresh).await.expect(200));
    assert_ne!(part(&next, 0)["kid"], part(&refresh, 0)["kid"]);
}

#[tokio::test]
async fn a_retry_after_the_next_keys_turn_has_come_gets_the_same_pair() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (_, first) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    sandbox.clock.advance_s(5);
    let pair = tokens(&at.partner_refresh(&DEMO, &first).await.expect(200));
    rotate_keys(&sandbox, Rotation::Planned).await;
    sandbox.clock.advance_s(3_600);
    sandbox.engine.tend_signing_keys().await;
    assert_eq!(tokens(&at.partner_refresh(&DEMO, &first).await.expect(200)), pair, "to the byte");
    let (access, _) = tokens(&at.partner_refresh(&DEMO, &pair.1).await.expect(200));
    assert_ne!(part(&access, 0)["kid"], part(&pair.0, 0)["kid"], "the next one signs what is new");
}

#[tokio::test]
async fn an_emergency_rotation_of_keys_ends_what_they_signed() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, refresh) = tokens(&at.partner_log_in(&DEMO).await.expect(200));
    rotate_keys(&sandbox, Rotation::Emergency).await;
    at.partner_refresh(&DEMO, &refresh).await.walled();
    at.qr(&DEMO, &access).await.walled();
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn what_an_answer_holds_is_nowhere_in_the_sandboxs_list() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let answer = at.partner_log_in(&DEMO).await.expect(200);
    let (access, refresh) = tokens(&answer);
    at.says(QR, &DEMO, &json!({ "secret": "x" })).await.walled();
    let list = at.get("/sandbox/requests").await.expect(200).body;
    for secret in [access.as_str(), refresh.as_str(), DEMO.password, DEMO.client_secret, &*DEMO.key().to_hex()] {
        assert!(!list.contains(secret));
    }
}
