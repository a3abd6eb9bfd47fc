//! The JWK Set: made once for each change of the keys, kept by caches, and complete before the first token is signed.

use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::admin::{Administration, KeyRotate, MasterKeyHome, Rotation};
use kimbai_keyring::JwtKind;
use kimbai_server::dialects::Dialects;
use kimbai_store::StoreError;
use serde_json::Value;

use crate::fixture::{Answer, Sandbox};

async fn rotate(sandbox: &Sandbox, rotation: Rotation) {
    let administration = Administration::new(sandbox.engine.clone(), Box::new(Dialects), MasterKeyHome::Given);
    let realm = Some("standard".to_owned());
    administration.run(KeyRotate { realm, algorithm: Some(SigningAlgorithm::EdDsa), rotation }).await.unwrap();
}

fn keys(answer: &Answer) -> Vec<Value> {
    answer.json()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_jwk_set_has_a_key_of_each_algorithm_before_the_first_token_is_signed() {
    let sandbox = Sandbox::start().await;
    let answer = sandbox.standard.get("/jwks").await.expect(200);
    let algorithms: Vec<_> = keys(&answer).iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(algorithms, ["RS256", "ES256", "EdDSA"]);
    for key in keys(&answer) {
        assert_eq!((&key["use"], key["kid"].as_str().unwrap().len()), (&"sig".into(), 43));
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    let realm = sandbox.realm(&sandbox.standard);
    for algorithm in SigningAlgorithm::ALL {
        let signer = sandbox.engine.signer(&realm, algorithm).await.unwrap();
        assert!(keys(&answer).iter().any(|key| key["kid"] == signer.kid()));
        assert!(signer.sign(JwtKind::Id, b"{}").is_ok());
    }
}

#[tokio::test]
async fn a_cache_keeps_the_jwk_set_and_is_told_when_it_has_changed() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let first = at.get("/jwks").await.expect(200);
    assert_eq!(first.header("cache-control"), "public, max-age=300");
    assert_eq!(first.header("content-type"), "application/json;charset=UTF-8");
    let ask = async |etag: &str| at.call("GET", "/jwks").header("if-none-match", etag).send().await;
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() == 45, "{etag}");
    let unchanged = ask(&etag).await.expect(304);
    assert_eq!((unchanged.body.as_str(), unchanged.header("etag")), ("", etag.as_str()));
    assert_eq!(at.get("/jwks").await.expect(200).body, first.body, "the same bytes");
    rotate(&sandbox, Rotation::Planned).await;
    let changed = ask(&etag).await.expect(200);
    assert_ne!(changed.header("etag"), etag);
    assert_eq!(keys(&changed)[..3], keys(&first), "what was there is there");
    assert_eq!(keys(&changed).len(), 4);
    rotate(&sandbox, Rotation::Emergency).await;
    let after = at.get("/jwks").await.expect(200);
    let kids = |answer: &Answer| keys(answer).iter().map(|key| key["kid"].to_string()).collect::<Vec<_>>();
    let gone = kids(&changed).into_iter().filter(|kid| !kids(&after).contains(kid)).count();
    assert_eq!((keys(&after).len(), gone), (3, 2), "both keys of the algorithm are gone at once");
}

#[tokio::test]
async fn the_jwk_set_answers_get_and_head_and_no_other_method() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let whole = at.get("/jwks?x=1").await.expect(200);
    let head = at.call("HEAD", "/jwks").send().await.expect(200);
    assert_eq!((head.body.as_str(), head.header("etag")), ("", whole.header("etag")));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = at.call(method, "/jwks").send().await.refused(405, "invalid_request");
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
}

#[tokio::test]
async fn the_jwk_set_is_for_any_clients_origin_and_for_no_others() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for (origin, expect) in
        [("http://localhost:8080", "http://localhost:8080"), ("https://evil.test", ""), ("null", "")]
    {
        for method in ["GET", "OPTIONS"] {
            let call = at.call(method, "/jwks").header("origin", origin).header("access-control-request-method", "GET");
            let answer = call.send().await;
            assert_eq!(answer.header("access-control-allow-origin"), expect, "{method} {origin}");
            assert_eq!(answer.header("vary"), "Origin");
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        }
    }
    assert_eq!(at.get("/jwks").await.header("vary"), "Origin", "a cache keeps it for other origins");
}

#[tokio::test]
async fn metadata_names_the_jwk_set_where_there_is_one() {
    let sandbox = Sandbox::start().await;
    let metadata = async |at: &crate::fixture::At| {
        at.get("/.well-known/oauth-authorization-server").await.expect(200).json()["jwks_uri"].clone()
    };
    assert_eq!(metadata(&sandbox.standard).await, format!("{}/jwks", sandbox.standard.issuer));
    assert_eq!(metadata(&sandbox.marketplace).await, Value::Null);
    sandbox.marketplace.get("/jwks").await.refused(404, "not_found");
}

#[tokio::test]
async fn keys_that_cannot_be_stored_are_503_and_those_that_are_need_no_store() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    sandbox.store.fail(Some(StoreError::NotDone));
    let answer = at.get("/jwks").await;
    assert_eq!(answer.header("retry-after"), "1");
    answer.refused(503, "temporarily_unavailable");
    sandbox.store.fail(None);
    let before = at.get("/jwks").await.expect(200);
    sandbox.store.fail(Some(StoreError::NotDone));
    assert_eq!(at.get("/jwks").await.expect(200).body, before.body);
}

#[tokio::test]
async fn two_realms_have_no_key_in_common() {
    let sandbox = Sandbox::start().await;
    let other = sandbox.beside("second", "https://id.example.vn").await;
    let (one, other) = (sandbox.standard.get("/jwks").await.expect(200), other.get("/jwks").await.expect(200));
    for key in keys(&one) {
        assert!(keys(&other).iter().all(|other| other["kid"] != key["kid"]));
    }
}
