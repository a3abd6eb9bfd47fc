//! What an attacker tries of a realm of partners beside its envelopes: forged tokens, guesses, other people's sources and origins.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::{ClientMetadata, EnvelopeKey, GrantType};
use kimbai_core::realm::FailureLimits;
use kimbai_engine::NewClient;
use kimbai_keyring::CipherKey;
use kimbai_store::sqlite::Location;
use serde_json::{Value, json};

use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, QR, REFRESH, RESOURCE_SERVER};
use super::fixture::{At, Sandbox, basic, mutations};
use super::jwt_attacks::forgeries;
use super::tconnect::change_partner;

const JWKS: &str = "/.well-known/jwks.json";
/// So many are sent at a time.
const LANES: usize = 16;

/// The tokens of a log-in: access and refresh.
async fn pair(at: &At) -> (String, String) {
    let answer = at.partner_log_in(&DEMO).await.expect(200);
    (answer.member("access_token"), answer.member("refresh_token"))
}

#[tokio::test]
async fn forged_jwts_of_partners_open_nothing() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, refresh) = pair(&at).await;
    for (attack, forged) in forgeries((&at, JWKS), &access).await {
        assert_eq!(at.qr(&DEMO, &forged).await.status, 401, "{attack}: {forged}");
        assert_eq!(sandbox.introspected_by_operator(&at, &forged).await, json!({ "active": false }), "{attack}");
    }
    for (attack, forged) in forgeries((&at, JWKS), &refresh).await {
        assert_eq!(at.partner_refresh(&DEMO, &forged).await.status, 401, "{attack}: {forged}");
        assert_eq!(sandbox.introspected_by_operator(&at, &forged).await, json!({ "active": false }), "{attack}");
    }
    at.qr(&DEMO, &access).await.expect(200);
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
}

/// Sends each of these as the token that a path wants.
async fn none_opens(at: &At, path: &'static str, tokens: Vec<String>) {
    let lanes = tokens.chunks(tokens.len().div_ceil(LANES)).map(|lane| {
        let (at, lane) = (at.clone(), lane.to_vec());
        tokio::spawn(async move {
            for token in lane {
                let answer =
                    if path == QR { at.qr(&DEMO, &token).await } else { at.partner_refresh(&DEMO, &token).await };
                answer.walled();
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
}

#[tokio::test]
async fn a_token_of_a_partner_opens_nothing_whichever_position_of_it_was_changed() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, refresh) = pair(&at).await;
    none_opens(&at, REFRESH, mutations(&refresh)).await;
    // What is no header's value is no request.
    let sendable = |changed: &String| changed.bytes().all(|byte| byte.is_ascii_graphic());
    none_opens(&at, QR, mutations(&access).into_iter().filter(sendable).collect()).await;
    at.qr(&DEMO, &access).await.expect(200);
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
}

#[tokio::test]
async fn of_five_rotations_in_a_moment_each_that_is_replayed_is_noticed() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for replayed in 0..4 {
        let mut tokens = vec![pair(&at).await.1];
        for _ in 0..5 {
            let next = at.partner_refresh(&DEMO, &tokens[tokens.len() - 1]).await.expect(200);
            tokens.push(next.member("refresh_token"));
        }
        at.partner_refresh(&DEMO, &tokens[replayed]).await.walled();
        at.partner_refresh(&DEMO, &tokens[5]).await.walled();
        assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("revoked"), "{replayed}");
    }
}

#[tokio::test]
async fn guesses_of_a_partner_that_differ_are_each_counted_also_at_once() {
    const GUESSES: usize = 60;
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let guesses = (0..GUESSES).map(|number| {
        let at = at.clone();
        let said = DEMO.says_with("password", format!("guess {number}"));
        tokio::spawn(async move { at.says(LOG_IN, &DEMO, &said).await.walled() })
    });
    for guess in guesses.collect::<Vec<_>>() {
        guess.await.unwrap();
    }
    let requests = at.get("/sandbox/requests").await.expect(200).json();
    let looked_at = |request: &&Value| request["reason"].as_str().is_some_and(|reason| reason.contains("is wrong"));
    let looked_at = requests.as_array().unwrap().iter().filter(looked_at).count();
    // Five are free, a slow machine has time for more, and ten lock the account.
    assert!((5..=10).contains(&looked_at), "{looked_at} of {GUESSES} guesses were looked at");
}

#[tokio::test]
async fn a_person_of_a_partner_is_one_account_under_all_spellings() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for username in [
        "demo@yourdomain.vn",
        "DEMO@yourdomain.vn",
        " demo@yourdomain.vn",
        "demo@yourdomain.vn ",
        "ｄｅｍｏ@yourdomain.vn",
        "Demo@YourDomain.VN",
        "\tdemo@yourdomain.vn",
        "ＤＥＭＯ@yourdomain.vn",
        "demo@YOURDOMAIN.vn",
        "demo@yourdomain.vn",
    ] {
        let mut guess = DEMO.says_with("username", username);
        guess["password"] = "wrong".into();
        at.says(LOG_IN, &DEMO, &guess).await.walled();
        // Longer than any delay before the lock.
        sandbox.clock.advance_s(60);
    }
    at.partner_log_in(&DEMO).await.walled();
    assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("locked"));
}

#[tokio::test]
async fn what_does_not_open_costs_no_hash_and_does_not_reach_the_store() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    sandbox.store.hold(true);
    for path in [LOG_IN, REFRESH] {
        for (code, digits) in [
            (DEMO.code, "zz".to_owned()),
            (DEMO.code, "00".repeat(31)),
            (DEMO.code, "00".repeat(64)),
            (DEMO.code, OTHER.seal(DEMO.says().to_string().as_bytes())),
            ("NOBODY", DEMO.seal(DEMO.says().to_string().as_bytes())),
            (DEMO.code, DEMO.seal(b"\xff\xfe")),
            (DEMO.code, DEMO.seal(b"{")),
            (DEMO.code, DEMO.seal(b"{}")),
        ] {
            at.sealed(path, code, &digits).await.walled();
        }
    }
    let in_the_pool = sandbox.realm(&at).password_pool();
    assert_eq!((sandbox.store.waiting(), in_the_pool.checking, in_the_pool.waiting), (0, 0, 0));
    sandbox.store.hold(false);
}

#[tokio::test]
async fn what_a_stranger_says_of_where_it_is_moves_its_failures_nowhere() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("limited", |partners| partners.failure_limits = FailureLimits::On).await;
    let send = async |number: u32| {
        let elsewhere = format!("192.0.2.{number}");
        let call =
            at.call("POST", REFRESH).header("content-type", "application/json").header("partner-code", DEMO.code);
        let call = call.header("x-forwarded-for", &elsewhere).header("forwarded", &format!("for={elsewhere}"));
        call.from(Ipv4Addr::new(127, 0, 0, 2)).body(br#"{"data":"00"}"#).send().await
    };
    for number in 0..20 {
        send(number).await.walled();
    }
    send(21).await.expect(429);
    // Whom it named has not failed.
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn a_partner_does_what_its_client_is_registered_for_and_nothing_else() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let realm = sandbox.realm(&at);
    let register = async |grant_types: Vec<GrantType>| {
        let metadata = realm.client(DEMO.client_id).unwrap().metadata.clone();
        let metadata = ClientMetadata { grant_types, ..metadata };
        let client = NewClient { client_id: DEMO.client_id.to_owned(), client_secret: None, metadata };
        sandbox.engine.put_client(&realm, client).await.unwrap();
    };
    let (_, refresh) = pair(&at).await;
    register(Vec::new()).await;
    at.partner_log_in(&DEMO).await.walled();
    assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("not registered for the grant type password"));
    at.partner_refresh(&DEMO, &refresh).await.walled();
    // There is no half of it: each answer has both tokens.
    register(vec![GrantType::Password, GrantType::RefreshToken]).await;
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
}

#[tokio::test]
async fn no_partner_introspects_nor_anybody_without_credentials() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (access, _) = pair(&at).await;
    let path = format!("/realms/{}/introspect", at.name);
    let ask = async |authorization: Option<String>| {
        let call = sandbox.operator.call("POST", &path).form(&[("token", access.as_str())]);
        let call = match &authorization {
            Some(value) => call.header("authorization", value),
            None => call,
        };
        call.send().await
    };
    for wrong in [
        None,
        Some(basic(DEMO.client_id, DEMO.client_secret)),
        Some(basic(RESOURCE_SERVER.client_id, "wrong")),
        Some(format!("Bearer {access}")),
    ] {
        let answer = ask(wrong.clone()).await.expect(401);
        assert!(!answer.body.contains("active"), "{wrong:?}: {answer:?}");
    }
    // Where the world asks, there is nothing.
    at.post("/introspect", &[("token", access.as_str())]).await.expect(404);
}

#[tokio::test]
async fn no_answer_to_a_partner_is_for_another_origins_page() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let body = json!({ "data": DEMO.seal(DEMO.says().to_string().as_bytes()) }).to_string();
    for path in [LOG_IN, REFRESH, QR] {
        for origin in ["https://evil.test", "null", "http://localhost:8080"] {
            let call = at.call("POST", path).header("content-type", "application/json").header("origin", origin);
            let posted = call.header("partner-code", DEMO.code).body(body.as_bytes()).send().await;
            let asked =
                at.call("OPTIONS", path).header("origin", origin).header("access-control-request-method", "POST");
            for answer in [posted, asked.send().await] {
                let allows = |name: &&http::HeaderName| name.as_str().starts_with("access-control-");
                assert!(answer.headers.keys().find(allows).is_none(), "{path} {origin}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_copy_of_the_store_without_the_master_key_has_no_key_secret_or_token_of_a_partner() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start_in(Location::Directory(directory.path().to_owned())).await;
    let at = sandbox.tconnect().await;
    let (realm, key) = (sandbox.realm(&at), CipherKey::generate());
    change_partner(&sandbox, &at, |partner| {
        partner.keys.insert(0, EnvelopeKey::lasting(realm.keyring.seal_secret(key.expose())));
    })
    .await;
    let (access, first) = pair(&at).await;
    let next = at.partner_refresh(&DEMO, &first).await.expect(200);
    let digits = key.to_hex();
    let mut secrets: Vec<Vec<u8>> =
        [&*digits, &digits.to_ascii_uppercase(), DEMO.password, DEMO.client_secret].map(Into::into).into();
    secrets.push(key.expose().to_vec());
    for token in [access, first, next.member("access_token"), next.member("refresh_token")] {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        // What makes it one: its signature, and what it points to.
        secrets.extend([token.rsplit('.').next().unwrap().into(), claims["jti"].as_str().unwrap().into()]);
    }
    let mut bytes = 0;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        for secret in &secrets {
            let is_there = content.windows(secret.len()).any(|window| window == secret.as_slice());
            assert!(!is_there, "{}", String::from_utf8_lossy(secret));
        }
        bytes += content.len();
    }
    assert!(bytes > 100_000, "there was nothing to search: {bytes} bytes");
}
