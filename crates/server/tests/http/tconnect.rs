//! The wire of partners: envelopes, the five members, keys and their layouts, what is ignored and what is not.

use kimbai_core::client::{AnswerForm, EnvelopeKey, FixedIv, IvLayout, KeySpelling, Partner as Registered};
use kimbai_engine::NewClient;
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::{Value, json};

use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, QR, REFRESH};
use super::fixture::{At, Sandbox};

/// Registers the demo partner anew with something changed.
pub(super) async fn change_partner(sandbox: &Sandbox, at: &At, change: impl FnOnce(&mut Registered)) {
    let realm = sandbox.realm(at);
    let mut metadata = realm.client(DEMO.client_id).unwrap().metadata.clone();
    change(metadata.partner.as_mut().unwrap());
    let client = NewClient { client_id: DEMO.client_id.to_owned(), client_secret: None, metadata };
    sandbox.engine.put_client(&realm, client).await.unwrap();
}

/// Whether these are the five members of an answer as the documents list them, and nothing else.
fn in_the_documents_order(plain: &str) {
    let members: Value = serde_json::from_str(plain).unwrap();
    let names = ["access_token", "expires_in", "refresh_token", "refresh_expires_in", "token_type"];
    let written: Vec<_> = names.iter().map(|name| format!("\"{name}\":{}", members[name])).collect();
    assert_eq!(plain, format!("{{{}}}", written.join(",")));
}

#[tokio::test]
async fn a_log_in_and_a_refresh_answer_with_exactly_the_five_members() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let mut answer = at.partner_log_in(&DEMO).await.expect(200);
    for _ in 0..2 {
        let json = answer.json();
        in_the_documents_order(&answer.body);
        assert_eq!((&json["expires_in"], &json["token_type"]), (&json!(36_000), &json!("Bearer")));
        assert_eq!(json["refresh_expires_in"], 30 * 86_400);
        assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.cookies().is_empty());
        answer = at.partner_refresh(&DEMO, &answer.member("refresh_token")).await.expect(200);
    }
}

#[tokio::test]
async fn the_vectors_of_the_documents_open() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let log_in = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff6644267d277ea7b1411453829789efb3e4c3c6ad65dd775607ac360111a29fbc2e6c574d0\
                  cf507ac29d04022666625f198cb63a65e3abb34ed656d7cf01c921d46b71bc5fc5e73994f1d05725774b194dc2e5cc6b3c926ba1\
                  9a28e376603c9f4630d703ef5106862a844ee6e22c7323de5dea4341a3eaad3ffc7158f10b87ad7f44722df5414c4a49987e9d3d\
                  01df6f7e8a5f44a03983924c4c8f8a0e3a69c6a"
        .replace(' ', "");
    at.sealed(LOG_IN, "DEMO", &log_in).await.expect(200);
    at.sealed(LOG_IN, "DEMO", &log_in.to_ascii_uppercase()).await.expect(200);
    let refresh =
        "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff8d5a06a2087faff2c995d8695fa500d7cd2815d83d5903f55299aa17f0cdeb12d653c0e69\
                   55f5a100b1d22f24fe6735f"
            .replace(' ', "");
    at.sealed(REFRESH, "DEMO", &refresh).await.walled();
    let refusal = at.last_refusal().await;
    assert!(refusal["reason"].as_str().unwrap().starts_with("the token is not one of this realm"), "{refusal}");
}

#[tokio::test]
async fn unknown_members_and_authorization_are_ignored_and_grant_type_is_password() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    at.says(LOG_IN, &DEMO, &DEMO.says_with("device", json!({ "a": [1] }))).await.expect(200);
    at.says(LOG_IN, &DEMO, &DEMO.says_with("grant_type", "password")).await.expect(200);
    for other in [json!("client_credentials"), json!(""), json!(null), json!(1)] {
        at.says(LOG_IN, &DEMO, &DEMO.says_with("grant_type", other)).await.walled();
    }
    let call = at.call("POST", LOG_IN).header("Partner-Code", "DEMO").header("authorization", "Bearer nonsense");
    let body = json!({ "data": DEMO.seal(DEMO.says().to_string().as_bytes()), "more": 1 }).to_string();
    call.header("content-type", "Application/JSON; charset=utf-8").body(body.as_bytes()).send().await.expect(200);
}

#[tokio::test]
async fn all_four_of_a_log_in_are_needed_and_checked_together() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for name in ["username", "password", "client_id", "client_secret"] {
        for wrong in [json!("x"), json!(1), json!(null), json!(""), json!(["x"])] {
            at.says(LOG_IN, &DEMO, &DEMO.says_with(name, wrong)).await.walled();
        }
        let mut said = DEMO.says();
        said.as_object_mut().unwrap().remove(name);
        at.says(LOG_IN, &DEMO, &said).await.walled();
        sandbox.clock.advance_s(86_400);
    }
    // Another partner's client, with everything right.
    let mut said = DEMO.says();
    (said["client_id"], said["client_secret"]) = (OTHER.client_id.into(), OTHER.client_secret.into());
    at.says(LOG_IN, &DEMO, &said).await.walled();
    at.says(LOG_IN, &OTHER, &DEMO.says()).await.walled();
    // The person of one partner is one of the realm.
    let mut said = DEMO.says();
    (said["username"], said["password"]) = (OTHER.username.into(), OTHER.password.into());
    at.says(LOG_IN, &DEMO, &said).await.expect(200);
}

#[tokio::test]
async fn every_iv_layout_is_a_setting_of_the_partner() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let fixed = IvLayout::Fixed(FixedIv([0x5a; 16]));
    for layout in [IvLayout::Zero, fixed, IvLayout::Prepended] {
        change_partner(&sandbox, &at, |partner| partner.iv = layout).await;
        for sealed_with in [IvLayout::Prepended, IvLayout::Zero, fixed] {
            let digits = Envelope::seal(&DEMO.key(), sealed_with, DEMO.says().to_string().as_bytes()).to_hex();
            let answer = at.sealed(LOG_IN, DEMO.code, &digits).await;
            if sealed_with == layout {
                answer.expect(200)
            } else {
                answer.walled()
            };
        }
    }
}

#[tokio::test]
async fn a_partner_may_want_its_answers_in_envelopes_too() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let old = DEMO.key();
    let new = CipherKey::generate();
    let realm = sandbox.realm(&at);
    change_partner(&sandbox, &at, |partner| {
        partner.answers = AnswerForm::Encrypted;
        partner.keys.insert(0, EnvelopeKey::lasting(realm.keyring.seal_secret(new.expose())));
    })
    .await;
    for key in [&old, &new] {
        let digits = Envelope::seal(key, IvLayout::Prepended, DEMO.says().to_string().as_bytes()).to_hex();
        let answer = at.sealed(LOG_IN, DEMO.code, &digits).await.expect(200);
        assert_eq!(answer.json().as_object().unwrap().len(), 1);
        let envelope = Envelope::parse(answer.member("data").as_bytes(), IvLayout::Prepended).unwrap();
        let tokens = envelope.open(key).expect("under the key that was used");
        in_the_documents_order(std::str::from_utf8(&tokens).unwrap());
    }
    at.sealed(LOG_IN, DEMO.code, "00").await.walled();
}

#[tokio::test]
async fn two_keys_are_live_during_a_rotation_and_one_that_has_ended_opens_nothing() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let (realm, new) = (sandbox.realm(&at), CipherKey::generate());
    let end_s = sandbox.engine.now().as_unix_s() + 3_600;
    change_partner(&sandbox, &at, |partner| {
        partner.keys[0].ends_s = Some(end_s);
        partner.keys.insert(0, EnvelopeKey::lasting(realm.keyring.seal_secret(new.expose())));
    })
    .await;
    let with = |key: &CipherKey| Envelope::seal(key, IvLayout::Prepended, DEMO.says().to_string().as_bytes()).to_hex();
    for _ in 0..4 {
        at.sealed(LOG_IN, DEMO.code, &with(&new)).await.expect(200);
        at.sealed(LOG_IN, DEMO.code, &with(&DEMO.key())).await.expect(200);
    }
    sandbox.clock.advance_s(3_601);
    at.sealed(LOG_IN, DEMO.code, &with(&DEMO.key())).await.walled();
    at.sealed(LOG_IN, DEMO.code, &with(&new)).await.expect(200);
}

#[tokio::test]
async fn two_partners_never_have_one_code() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let realm = sandbox.realm(&at);
    let mut metadata = realm.client(DEMO.client_id).unwrap().metadata.clone();
    metadata.partner.as_mut().unwrap().partner_code = OTHER.code.to_owned();
    let client = NewClient { client_id: DEMO.client_id.to_owned(), client_secret: None, metadata };
    assert!(sandbox.engine.put_client(&realm, client).await.is_err());
    change_partner(&sandbox, &at, |partner| partner.partner_code = "RENAMED".to_owned()).await;
    assert!(realm.partner("DEMO").is_none());
    at.partner_log_in(&DEMO).await.walled();
    let digits = DEMO.seal(DEMO.says().to_string().as_bytes());
    at.sealed(LOG_IN, "RENAMED", &digits).await.expect(200);
    at.partner_log_in(&OTHER).await.expect(200);
}

#[tokio::test]
async fn there_are_no_endpoints_but_those_of_the_platform() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for path in [
        "/authorize",
        "/token",
        "/revoke",
        "/introspect",
        "/userinfo",
        "/logout",
        "/login",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        for answer in [at.get(path).await, at.post(path, &[]).await] {
            assert_eq!((answer.status, &*answer.body), (404, r#"{"status":404,"message":"not found"}"#), "{path}");
        }
    }
    assert_eq!(at.get("/.well-known/jwks.json").await.expect(200).json()["keys"][0]["alg"], "RS256");
    assert_eq!(at.get("/").await.status, 200);
    for path in [LOG_IN, REFRESH, QR] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
            let answer = at.call(method, path).send().await.expect(405);
            assert_eq!(answer.header("allow"), "POST", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_usual_mistakes_are_recognised_for_the_integrator_and_told_to_nobody_else() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let said = DEMO.says().to_string();
    let json = |body: String| at.call("POST", LOG_IN).header("content-type", "application/json").body(body.as_bytes());
    let digits_of_key = DEMO.key().to_hex().as_bytes()[..32].try_into().unwrap();
    let sealed = |key: &CipherKey, layout| Envelope::seal(key, layout, said.as_bytes()).to_hex();
    let whole = DEMO.seal(said.as_bytes());
    for (body, expect) in [
        (said.clone(), "plain JSON"),
        (json!({ "data": DEMO.says() }).to_string(), "the object itself in data"),
        ("{\"data\": ENCRYPTED_PAYLOAD}".to_owned(), "without quotes"),
        (json!({ "data": "ENCRYPTED_PAYLOAD" }).to_string(), "the placeholder"),
        (
            json!({ "data": sealed(&CipherKey::new(digits_of_key), IvLayout::Prepended) }).to_string(),
            "first 32 characters",
        ),
        (json!({ "data": sealed(&DEMO.key(), IvLayout::Zero) }).to_string(), "without its IV in front"),
        (json!({ "data": whole[32..] }).to_string(), "IV was not sent"),
        (json!({ "data": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=" }).to_string(), "base64"),
        (json!({ "data": DEMO.seal(b"username=demo") }).to_string(), "no JSON object"),
        (
            json!({ "data": DEMO.seal(b"{\"username\":\"a\",\"username\":\"b\"}") }).to_string(),
            "cannot be read as JSON",
        ),
        (json!({ "data": DEMO.seal(format!("\u{feff}{said}").as_bytes()) }).to_string(), "byte order mark"),
        (json!({ "data": format!("0x{whole}") }).to_string(), "0x in front"),
        (whole.clone(), "the hexadecimal digits alone"),
        (format!("data={whole}"), "a form instead of JSON"),
        (json!({ "data": DEMO.seal(b"{\"userName\":\"demo\"}") }).to_string(), "another spelling"),
        (json!({ "data": DEMO.seal(b"{\"refresh_token\":\"x\"}") }).to_string(), "a refresh sent to the log-in"),
    ] {
        json(body).header("partner-code", "DEMO").send().await.walled();
        let refusal = at.last_refusal().await;
        assert!(refusal["mistake"].as_str().unwrap().contains(expect), "{expect}: {refusal}");
        assert!(!refusal["reason"].as_str().unwrap().contains("Password#123"), "{refusal}");
    }
    let mistake = async || at.last_refusal().await["mistake"].as_str().unwrap().to_owned();
    at.sealed(LOG_IN, "demo", &whole).await.walled();
    assert!(mistake().await.contains("the other case"));
    at.says(REFRESH, &DEMO, &DEMO.says()).await.walled();
    assert!(mistake().await.contains("a log-in sent to the refresh"));
    let tokens = at.partner_log_in(&DEMO).await.expect(200);
    at.partner_refresh(&DEMO, &tokens.member("access_token")).await.walled();
    assert!(mistake().await.contains("access token in the place"));
    at.qr(&DEMO, &tokens.member("refresh_token")).await.walled();
    assert!(mistake().await.contains("refresh token in the place"));
}

#[tokio::test]
async fn a_partner_is_told_of_its_own_layout_and_its_own_spelling_of_the_key() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let fixed = IvLayout::Fixed(FixedIv([0x5a; 16]));
    for (iv, key_spelling, least, parts) in [
        (IvLayout::Prepended, KeySpelling::Hex, "32 bytes at least", ["64 digits", "IV in front"]),
        (IvLayout::Zero, KeySpelling::Hex, "16 bytes at least", ["64 digits", "IV of zeros, not sent"]),
        (fixed, KeySpelling::Hex, "16 bytes at least", ["64 digits", "agreed IV, not sent"]),
        (IvLayout::Prepended, KeySpelling::Ascii, "32 bytes at least", ["32 characters", "IV in front"]),
        (IvLayout::Zero, KeySpelling::Ascii, "16 bytes at least", ["32 characters", "IV of zeros, not sent"]),
        (fixed, KeySpelling::Ascii, "16 bytes at least", ["32 characters", "agreed IV, not sent"]),
    ] {
        change_partner(&sandbox, &at, |partner| (partner.iv, partner.key_spelling) = (iv, key_spelling)).await;
        let advice = async |digits: &str| {
            at.sealed(LOG_IN, DEMO.code, digits).await.walled();
            at.last_refusal().await["explanation"].as_str().unwrap().to_owned()
        };
        let said = advice("00112233").await;
        assert!(said.contains(least), "{iv:?}: {said}");
        let said = advice(&"00".repeat(64)).await;
        assert!(parts.iter().all(|part| said.contains(part)), "{iv:?} {key_spelling:?}: {said}");
    }
}

#[tokio::test]
async fn whoever_is_refused_is_advised_to_refresh_or_to_log_in_never_to_authorize() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let says = async |expect: &str| {
        let refusal = at.last_refusal().await;
        assert!(refusal["explanation"].as_str().unwrap().contains(expect), "{expect}: {refusal}");
        assert!(!refusal.to_string().contains("authorize"), "{refusal}");
    };
    let tokens = at.partner_log_in(&DEMO).await.expect(200);
    let (access, first) = (tokens.member("access_token"), tokens.member("refresh_token"));
    let second = at.partner_refresh(&DEMO, &first).await.expect(200).member("refresh_token");
    at.partner_refresh(&OTHER, &second).await.walled();
    says("the partner that was given it").await;
    at.partner_refresh(&DEMO, "nonsense").await.walled();
    says("exactly as it was received").await;
    at.partner_refresh(&DEMO, &second).await.expect(200);
    at.partner_refresh(&DEMO, &first).await.walled();
    says("log in").await;
    at.partner_refresh(&DEMO, &second).await.walled();
    says("Log in.").await;
    at.qr(&DEMO, &access).await.walled();
    says("Refresh with the newest refresh_token").await;
    for header in [None, Some(""), Some("Bearer"), Some("Bearer ")] {
        let call = at.call("POST", QR).header("content-type", "application/json").header("partner-code", DEMO.code);
        let call = match header {
            Some(value) => call.header("authorization", value),
            None => call,
        };
        call.body(b"{}").send().await.walled();
        assert_eq!(at.last_refusal().await["mistake"], "no access token", "{header:?}");
    }
}

#[tokio::test]
async fn the_sample_api_wants_token_and_partner_code_to_agree() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let tokens = at.partner_log_in(&DEMO).await.expect(200);
    let access_token = tokens.member("access_token");
    let right = at.qr(&DEMO, &access_token).await.expect(200).json();
    assert_eq!(right, json!({ "partner_code": "DEMO", "username": "demo@yourdomain.vn" }));
    at.qr(&OTHER, &access_token).await.walled();
    at.qr(&DEMO, &tokens.member("refresh_token")).await.walled();
    at.qr(&DEMO, "").await.walled();
    at.sealed(QR, DEMO.code, &DEMO.seal(b"{}")).await.walled();
    let with = |code: &str, data: &str| {
        let call = at.call("POST", QR).header("content-type", "application/json").header("partner-code", code);
        let call = call.header("authorization", &format!("Bearer {access_token}"));
        call.body(json!({ "data": data }).to_string().as_bytes()).send()
    };
    with("DEMO", &OTHER.seal(b"{}")).await.walled();
    with("DEMO", "00").await.walled();
    with("demo", &DEMO.seal(b"{}")).await.walled();
    sandbox.clock.advance_s(36_001);
    at.qr(&DEMO, &access_token).await.walled();
}
