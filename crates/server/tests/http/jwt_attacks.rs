//! What is tried with JWTs, at every place that takes one: `id_token_hint` at the authorization and the log-out endpoint, an access
//! token at userinfo, introspection and revocation (RFC 8725; `keyring` has the same tables for its reader alone).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_keyring::JwtKind;
use serde_json::{Map, Value, json};

use super::jwt_access_tokens::with_jwts;
use super::openid::{ALL, claims, code, userinfo};
use crate::fixture::{Answer, At, Browser, Sandbox, WEB, encode};

const BYE: &str = "http://localhost:8080/";

/// A browser that is logged in, with an ID token and an access token that is a JWT.
struct Victim {
    browser: Browser,
    id_token: String,
    access_token: String,
}

impl Victim {
    async fn of(sandbox: &Sandbox) -> Self {
        with_jwts(sandbox, &WEB, SigningAlgorithm::Rs256).await;
        let mut browser = Browser::new(&sandbox.standard);
        let code = code(&mut browser, &[("scope", ALL)]).await;
        let tokens = sandbox.standard.redeem(&WEB, &code).await.expect(200);
        Self { browser, id_token: tokens.member("id_token"), access_token: tokens.member("access_token") }
    }

    /// Whether a JWT passes as an ID token anywhere.
    async fn passes_as_hint(&mut self, jwt: &str) -> bool {
        let silent = [("prompt", "none"), ("scope", ALL), ("id_token_hint", jwt)];
        let at_authorize = self.browser.get(&self.browser.request(&silent)).await.expect(303);
        let by_get = at_authorize.parameter("error") != "invalid_request";
        let parameters = self.browser.parameters(&silent);
        let posted = self.browser.post(self.browser.at.authorize, &parameters).await.expect(303);
        let by_post = posted.parameter("error") != "invalid_request";
        assert_eq!(by_get, by_post, "{posted:?}");
        let target = [("id_token_hint", jwt), ("post_logout_redirect_uri", BYE)];
        // Without cookies: nobody is logged out by it.
        let by_get_at_log_out = is_taken(&self.browser.at.get(&format!("/logout?{}", encode(&target))).await);
        let by_post_at_log_out = is_taken(&self.browser.at.post("/logout", &target).await);
        assert_eq!([by_get_at_log_out, by_post_at_log_out], [by_get; 2], "{jwt}");
        by_get
    }
}

fn is_taken(answer: &Answer) -> bool {
    match answer.status {
        303 => true,
        400 => false,
        _ => panic!("{answer:?}"),
    }
}

/// Whether a JWT passes as an access token anywhere. It is not revoked by asking.
async fn passes_as_access_token(sandbox: &Sandbox, jwt: &str) -> bool {
    let at = &sandbox.standard;
    let by_header = userinfo(sandbox, jwt).await.status == 200;
    let in_body = at.post("/userinfo", &[("access_token", jwt)]).await.status == 200;
    let introspected = at.introspected(jwt).await;
    assert!(introspected["active"] == true || introspected == json!({ "active": false }));
    assert_eq!([by_header, in_body], [introspected["active"] == true; 2], "{jwt}");
    by_header
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn header(jwt: &str) -> Map<String, Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap()
}

/// What an attacker makes of a token that was seen, without our keys but for the public ones, which are at this path.
pub(super) async fn forgeries((at, jwks_path): (&At, &str), jwt: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<_> = jwt.split('.').collect();
    let (payload, signature) = (parts[1], parts[2]);
    let headed = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut header = header(jwt);
        change(&mut header);
        encoded(Value::Object(header).to_string())
    };
    let set = |name: &'static str, value: Value| {
        headed(&move |header: &mut Map<String, Value>| drop(header.insert(name.to_owned(), value.clone())))
    };
    let jwks = at.get(jwks_path).await.expect(200).json();
    let mut all = Vec::new();
    for none in ["none", "None", "NONE", "nOnE"] {
        let altered = set("alg", json!(none));
        all.push(("alg none without signature", format!("{altered}.{payload}.")));
        all.push(("alg none with its signature", format!("{altered}.{payload}.{signature}")));
    }
    // The public key as the secret, in the forms in which attackers have it.
    let hs256 = set("alg", json!("HS256"));
    let kid = header(jwt)["kid"].clone();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone();
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap_or_default().to_owned(), jwks.to_string(), String::new()] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let message = format!("{hs256}.{payload}");
        all.push(("HS256 with a public key", format!("{message}.{}", encoded(hmac::sign(&key, message.as_bytes())))));
    }
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!(format!("{}/jwks", at.issuer))),
        ("x5u", json!("https://evil.test/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("A".repeat(43))),
        ("alg", json!("ES256")),
        ("alg", json!("RS512")),
        ("typ", json!("JOSE")),
    ] {
        all.push(("a header that brings something", format!("{}.{payload}.{signature}", set(name, value))));
    }
    let elevated = payload_with(payload, "scope", &json!("openid orders.write"));
    all.push(("other claims", format!("{}.{elevated}.{signature}", parts[0])));
    all.push(("no signature", format!("{}.{payload}.", parts[0])));
    all.push(("a signature of zeros", format!("{}.{payload}.{}", parts[0], encoded([0; 256]))));
    all.push(("four parts", format!("{jwt}.{payload}")));
    all.push(("two parts", format!("{}.{payload}", parts[0])));
    all.push(("JSON", json!({ "payload": payload, "protected": parts[0], "signature": signature }).to_string()));
    all.push(("too long", format!("{}.{}.{signature}", parts[0], "A".repeat(9_000))));
    all
}

fn payload_with(payload: &str, name: &str, value: &Value) -> String {
    let mut claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims.insert(name.to_owned(), value.clone());
    encoded(Value::Object(claims).to_string())
}

#[tokio::test]
async fn forged_jwts_pass_nowhere_and_break_nothing() {
    let sandbox = Sandbox::start().await;
    let mut victim = Victim::of(&sandbox).await;
    assert!(victim.passes_as_hint(&victim.id_token.clone()).await);
    assert!(passes_as_access_token(&sandbox, &victim.access_token).await);
    for (attack, forged) in forgeries((&sandbox.standard, "/jwks"), &victim.id_token).await {
        assert!(!victim.passes_as_hint(&forged).await, "{attack}: {forged}");
    }
    for (attack, forged) in forgeries((&sandbox.standard, "/jwks"), &victim.access_token).await {
        assert!(!passes_as_access_token(&sandbox, &forged).await, "{attack}: {forged}");
        sandbox.standard.as_client(&WEB, "/revoke", &[("token", &forged)]).await.expect(200);
    }
    assert!(passes_as_access_token(&sandbox, &victim.access_token).await, "nothing was revoked");
    assert!(victim.passes_as_hint(&victim.id_token.clone()).await);
}

#[tokio::test]
async fn jwts_of_one_kind_pass_for_no_other_kind() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut victim = Victim::of(&sandbox).await;
    super::openid::change(&sandbox, &WEB, |metadata| {
        metadata.userinfo_signed_response_alg = Some(SigningAlgorithm::Rs256);
    })
    .await;
    let user_info = userinfo(&sandbox, &victim.access_token).await.expect(200).body;
    let (id_token, access_token) = (victim.id_token.clone(), victim.access_token.clone());
    for (jwt, is_id_token, is_access_token) in
        [(&id_token, true, false), (&access_token, false, true), (&user_info, false, false)]
    {
        assert_eq!(victim.passes_as_hint(jwt).await, is_id_token, "{jwt}");
        let found = userinfo(&sandbox, jwt).await.status == 200;
        assert_eq!((found, at.works(jwt).await), (is_access_token, is_access_token), "{jwt}");
        at.redeem(&WEB, jwt).await.refused(400, "invalid_grant");
        at.refresh(&WEB, jwt).await.refused(400, "invalid_grant");
    }
    // Nor does revoking the others do anything.
    for other in [&id_token, &user_info] {
        at.as_client(&WEB, at.revoke, &[("token", other)]).await.expect(200);
    }
    assert!(at.works(&access_token).await);
    // The claims of the one under the `typ` of the other, signed by ourselves, are neither.
    let realm = sandbox.realm(at);
    let signer = sandbox.engine.signer(&realm, SigningAlgorithm::Rs256).await.unwrap();
    let of_id = Value::Object(claims(&sandbox, JwtKind::Id, &id_token).await).to_string();
    let disguised = signer.sign(JwtKind::Access, of_id.as_bytes()).unwrap();
    assert!(!passes_as_access_token(&sandbox, disguised.expose()).await);
}

#[tokio::test]
async fn an_access_token_whose_claims_and_jti_do_not_belong_together_is_none() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let victim = Victim::of(&sandbox).await;
    let realm = sandbox.realm(at);
    let signer = sandbox.engine.signer(&realm, SigningAlgorithm::Rs256).await.unwrap();
    let right = claims(&sandbox, JwtKind::Access, &victim.access_token).await;
    let sign = |claims: Map<String, Value>| {
        signer.sign(JwtKind::Access, Value::Object(claims).to_string().as_bytes()).unwrap()
    };
    assert!(passes_as_access_token(&sandbox, sign(right.clone()).expose()).await);
    let code = at.code(&WEB, at.scope()).await;
    for (name, value) in [
        ("exp", json!(right["exp"].as_u64().unwrap() + 3_600)),
        ("exp", json!("2000000000")),
        ("exp", json!(2e9)),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("exp", json!([2_000_000_000])),
        ("iat", json!(right["iat"].as_u64().unwrap() - 1)),
        ("nbf", json!(1)),
        ("client_id", json!("demo-spa")),
        ("scope", json!("openid")),
        ("scope", json!(null)),
        ("iss", json!("http://localhost:1")),
        ("iss", json!(format!("{}/", at.issuer))),
        ("aud", json!("https://evil.test")),
        ("jti", json!("x")),
        ("jti", json!(code)),
        ("jti", json!(at.tokens(&WEB).await.member("refresh_token"))),
        ("admin", json!(true)),
    ] {
        let mut wrong = right.clone();
        wrong.insert(name.to_owned(), value.clone());
        let jwt = sign(wrong);
        if name == "aud" {
            // Well made, and for somebody else: it works, though not here.
            userinfo(&sandbox, jwt.expose()).await.expect(401);
        } else {
            assert!(!passes_as_access_token(&sandbox, jwt.expose()).await, "{name}: {value}");
        }
    }
    let twice = Value::Object(right.clone()).to_string().replacen('{', "{\"exp\":4000000000,", 1);
    let twice = signer.sign(JwtKind::Access, twice.as_bytes()).unwrap();
    assert!(!passes_as_access_token(&sandbox, twice.expose()).await);
}

#[tokio::test]
async fn jwts_of_another_realm_prove_nothing_here() {
    let sandbox = Sandbox::start().await;
    let mut victim = Victim::of(&sandbox).await;
    // It believes that it has the same issuer.
    let twin = sandbox.beside("twin", &sandbox.standard.issuer).await;
    let realm = sandbox.realm(&twin);
    let signer = sandbox.engine.signer(&realm, SigningAlgorithm::Rs256).await.unwrap();
    for (kind, jwt) in [(JwtKind::Id, victim.id_token.clone()), (JwtKind::Access, victim.access_token.clone())] {
        let says = Value::Object(claims(&sandbox, kind, &jwt).await).to_string();
        let foreign = signer.sign(kind, says.as_bytes()).unwrap();
        assert!(!victim.passes_as_hint(foreign.expose()).await);
        assert!(!passes_as_access_token(&sandbox, foreign.expose()).await);
        let at_twin = twin.call("GET", "/userinfo").header("authorization", &format!("Bearer {jwt}")).send().await;
        at_twin.expect(401);
    }
}

#[tokio::test]
async fn an_expired_hint_is_as_good_as_any_and_a_foreign_or_altered_one_is_none() {
    let sandbox = Sandbox::start().await;
    let mut victim = Victim::of(&sandbox).await;
    let (id_token, end) = (victim.id_token.clone(), victim.id_token.len() - 10);
    sandbox.clock.advance_s(7 * 3_600);
    assert!(victim.passes_as_hint(&id_token).await, "expired for six hours");
    let flipped = if id_token.as_bytes()[end] == b'A' { "B" } else { "A" };
    let altered = format!("{}{flipped}{}", &id_token[..end], &id_token[end + 1..]);
    assert!(!victim.passes_as_hint(&altered).await);
    // Another client's ID token is no hint of this client's: at the authorization endpoint it is refused.
    let silent = [("prompt", "none"), ("client_id", "demo-spa"), ("id_token_hint", id_token.as_str())];
    let answer = victim.browser.get(&victim.browser.request(&silent)).await.expect(303);
    assert_eq!(answer.parameter("error"), "invalid_request");
}
