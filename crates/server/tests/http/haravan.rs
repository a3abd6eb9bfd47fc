//! The accounts server of Haravan: what a server must do so that the platform's clients work with it unchanged, line by line.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::ClientMetadata;
use kimbai_core::client::GrantType;
use serde_json::{Value, json};

use crate::fixture::haravan::{
    HARAVAN_APP, INSTALL_SCOPE, INSTALL_URI, LOGIN_SCOPE, LOGIN_URI, Person, minted, redeem, text, userinfo,
};
use crate::fixture::{App, CALLBACK, OTHER, Sandbox, basic, metadata, new_client};

const NONCE: (&str, &str) = ("nonce", "n-0S6_WzA2Mj");
const HYBRID: (&str, &str) = ("response_type", "code id_token");

/// A parameter of the form of a page that posts an authorization response.
fn posted(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split_once('"')?.0.replace("&#38;", "&").replace("&#34;", "\""))
}

#[tokio::test]
async fn every_endpoint_is_where_identity_server_has_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let document = at.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(document["issuer"], at.issuer);
    for (member, path) in [
        ("authorization_endpoint", "/connect/authorize"),
        ("token_endpoint", "/connect/token"),
        ("userinfo_endpoint", "/connect/userinfo"),
        ("end_session_endpoint", "/connect/endsession"),
        ("introspection_endpoint", "/connect/introspect"),
        ("revocation_endpoint", "/connect/revocation"),
        ("jwks_uri", "/.well-known/openid-configuration/jwks"),
    ] {
        assert_eq!(document[member], format!("http://{}{path}", at.host), "{member}");
    }
    assert_eq!(document["response_types_supported"], json!(["code", "code id_token"]));
    assert_eq!(document["grant_types_supported"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["RS256"]));
    let scopes = document["scopes_supported"].as_array().unwrap();
    let claims = document["claims_supported"].as_array().unwrap();
    for (of, names) in [
        (scopes, ["openid", "profile", "email", "org", "userinfo", "grant_service", "wh_api", "offline_access"]),
        (claims, ["sub", "email", "name", "orgid", "orgname", "orgcat", "role", "middle_name"]),
    ] {
        assert!(names.iter().all(|name| of.contains(&json!(name))), "{of:?}");
    }
    let keys = at.get("/.well-known/openid-configuration/jwks").await.expect(200).json();
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["alg"] == "RS256"), "{keys}");
    at.get("/connect/userinfo").await.expect(401);
}

#[tokio::test]
async fn a_code_is_exchanged_with_the_secret_in_the_body_and_what_is_unknown_is_ignored() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let code = Person::new(&at, "an").code(LOGIN_SCOPE).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", LOGIN_URI),
        ("type", "web_server"),
        ("shop", "demo-shop"),
    ];
    let answer = at.token(&HARAVAN_APP, &form).await.expect(200).json();
    let members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "scope", "token_type"]);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(86_400)));
    assert_eq!(answer["scope"], LOGIN_SCOPE);
}

#[tokio::test]
async fn a_client_that_is_registered_for_it_sends_its_secret_in_a_header() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let wanted =
        json!({"client_id": OTHER.client_id, "user": "an", "scopes": ["openid", "org"], "redirect_uri": CALLBACK});
    let code = at.mint(&wanted).await.expect(200).member("code");
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    let header = basic(OTHER.client_id, OTHER.client_secret);
    at.call("POST", at.token).header("authorization", &header).form(&form).send().await.expect(200);
}

#[tokio::test]
async fn a_client_that_does_not_prove_itself_is_a_bad_request() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let code = Person::new(&at, "an").code(LOGIN_SCOPE).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", LOGIN_URI)];
    let wrong = App { client_secret: "wrong-secret-0123456789abcdef", ..HARAVAN_APP };
    let unknown = App { client_id: "ffffffffffffffffffffffffffffffff", ..wrong };
    let refused = at.token(&wrong, &form).await.refused(400, "invalid_client");
    assert!(!refused.headers.contains_key("www-authenticate"), "{refused:?}");
    assert_eq!(
        at.token(&unknown, &form).await.fixed(),
        refused.fixed(),
        "nobody learns whether there is such a client"
    );
    at.post(at.token, &form).await.refused(400, "invalid_client");
    for endpoint in ["/connect/introspect", "/connect/revocation"] {
        at.as_client(&wrong, endpoint, &[("token", "x")]).await.refused(400, "invalid_client");
    }
    redeem(&at, &code).await.expect(200);
}

#[tokio::test]
async fn an_origin_learns_nothing_from_a_client_that_did_not_prove_itself() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let form = |secret| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("client_id", HARAVAN_APP.client_id),
            ("client_secret", secret),
        ]
    };
    for (secret, expect) in
        [("wrong-secret-0123456789abcdef", ""), (HARAVAN_APP.client_secret, "http://localhost:8080")]
    {
        let call = at.call("POST", at.token).header("origin", "http://localhost:8080").form(&form(secret));
        assert_eq!(call.send().await.expect(400).header("access-control-allow-origin"), expect, "{secret}");
    }
}

#[tokio::test]
async fn a_code_lives_for_five_minutes_and_is_redeemed_once() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let late = an.code(LOGIN_SCOPE).await;
    sandbox.clock.advance_s(300);
    redeem(&at, &late).await.refused(400, "invalid_grant");
    let code = an.code(LOGIN_SCOPE).await;
    sandbox.clock.advance_s(298);
    redeem(&at, &code).await.expect(200);
    // A page that is loaded again.
    redeem(&at, &code).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_redirect_uri_that_is_off_by_a_slash_is_told_on_a_page() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    for uri in [
        "http://localhost:8080/install/login/",
        "http://localhost:8080/install/Login",
        "https://localhost:8080/install/login",
    ] {
        an.walk(LOGIN_SCOPE, &[("redirect_uri", uri)]).await.end.page(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_log_in_of_the_two_steps_is_posted_with_all_that_identity_server_posts() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let walk = an.walk(LOGIN_SCOPE, &[HYBRID, NONCE, ("response_mode", "form_post")]).await;
    assert_eq!(walk.pages, "lc");
    let page = walk.end.expect(200).body;
    assert!(page.contains(&format!("<form method=\"post\" action=\"{LOGIN_URI}\">")), "{page}");
    let [code, id_token, scope, state, session_state] =
        ["code", "id_token", "scope", "state", "session_state"].map(|name| posted(&page, name).unwrap());
    assert_eq!((scope.as_str(), state.as_str()), (LOGIN_SCOPE, "s"));
    let (hash, salt) = session_state.split_once('.').unwrap();
    assert_eq!((hash.len(), salt.len()), (43, 16), "{session_state}");
    let claims = sandbox.id_token_claims(&at, &id_token).await;
    let c_hash = URL_SAFE_NO_PAD.encode(&digest(&SHA256, code.as_bytes()).as_ref()[..16]);
    assert_eq!((&claims["nonce"], &claims["c_hash"]), (&json!(NONCE.1), &json!(c_hash)));
    // The role is looked for here, by decoding.
    assert_eq!((&claims["role"], &claims["orgid"]), (&json!(["admin"]), &json!("200000001001")));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 86_400);
    let tokens = redeem(&at, &code).await.expect(200).json();
    let again = sandbox.id_token_claims(&at, text(&tokens, "id_token")).await;
    for same in ["sub", "aud", "nonce", "role", "orgid", "orgname", "orgcat", "sid"] {
        assert_eq!(again[same], claims[same], "{same}");
    }
}

#[tokio::test]
async fn a_response_with_an_id_token_is_never_in_a_query_and_wants_a_nonce() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    an.code(LOGIN_SCOPE).await;
    for (changes, error) in [
        (&[HYBRID, NONCE, ("response_mode", "query")][..], "invalid_request"),
        (&[HYBRID], "invalid_request"),
        (&[("response_type", "code id_token token"), NONCE], "unsupported_response_type"),
    ] {
        let end = an.walk(LOGIN_SCOPE, changes).await.end.expect(303);
        assert!(end.header("location").starts_with(&format!("{LOGIN_URI}#")), "{end:?}");
        assert_eq!((end.parameter("error").as_str(), end.parameter("code").as_str()), (error, ""));
    }
    for (mode, mark) in [("", '#'), ("fragment", '#')] {
        let end = an.walk(LOGIN_SCOPE, &[HYBRID, NONCE, ("response_mode", mode)]).await.end.expect(303);
        assert!(end.header("location").starts_with(&format!("{LOGIN_URI}{mark}")), "{end:?}");
        assert!(!end.parameter("id_token").is_empty() && !end.parameter("session_state").is_empty());
    }
    // A code alone travels in any of the three, and needs neither nonce nor PKCE.
    for (mode, mark) in [("query", '?'), ("fragment", '#'), ("", '?')] {
        let end = an.walk(LOGIN_SCOPE, &[("response_mode", mode)]).await.end.expect(303);
        assert!(end.header("location").starts_with(&format!("{LOGIN_URI}{mark}")), "{end:?}");
        assert_eq!(end.parameter("id_token"), "");
    }
}

#[tokio::test]
async fn the_session_state_is_another_one_for_each_response_and_no_part_of_a_cookie() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let states: Vec<_> = [an.walk(LOGIN_SCOPE, &[]).await, an.walk(LOGIN_SCOPE, &[]).await]
        .map(|walk| walk.end.expect(303).parameter("session_state"))
        .into();
    assert_ne!(states[0], states[1]);
    for state in &states {
        assert!(an.browser.cookies.values().all(|cookie| !state.contains(cookie) && !cookie.contains(state)));
    }
    // No other realm has it.
    let mut elsewhere = crate::fixture::Browser::new(&sandbox.standard);
    let shown = elsewhere.consent_page().await;
    let answer = elsewhere.allow(&shown).await.expect(303);
    assert!(!answer.header("location").contains("session_state") && !answer.header("location").contains("scope="));
}

/// The hash of a `session_state`, computed as the frame of a relying party has it computed (OpenID Connect Session Management 1.0
/// sections 3.1 and 3.2): of the client, its origin, the browser's state and the salt.
fn recomputed(browser_state: &str, salt: &str) -> String {
    let origin = LOGIN_URI.strip_suffix("/install/login").unwrap();
    let text = format!("{} {origin} {browser_state} {salt}", HARAVAN_APP.client_id);
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes())))
}

/// What stands for the browser's session to the app, and the `session_state` of the answer that said so.
async fn stated(sandbox: &Sandbox, person: &mut Person) -> (String, String) {
    let end = person.walk(LOGIN_SCOPE, &[HYBRID, NONCE, ("response_mode", "fragment")]).await.end.expect(303);
    let claims = sandbox.id_token_claims(&person.browser.at, &end.parameter("id_token")).await;
    (claims["sid"].as_str().unwrap().to_owned(), end.parameter("session_state"))
}

#[tokio::test]
async fn a_relying_party_computes_the_session_state_and_sees_a_session_change() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let (browser_state, first) = stated(&sandbox, &mut an).await;
    let salt = |state: &str| state.split_once('.').unwrap().1.to_owned();
    assert_eq!(recomputed(&browser_state, &salt(&first)), first);
    // As long as the session is the same, so is what stands for it, whatever the salt.
    let (same, again) = stated(&sandbox, &mut an).await;
    assert_eq!((&same, recomputed(&browser_state, &salt(&again))), (&browser_state, again.clone()));
    assert_ne!(again, first);
    // After a log-out, and when somebody else logs in, the state is another one for every app that remembers the old one.
    let hint = text(&an.tokens(LOGIN_SCOPE).await, "id_token").to_owned();
    let log_out = format!("/connect/endsession?{}", crate::fixture::encode(&[("id_token_hint", &hint)]));
    an.browser.get(&log_out).await.expect(200);
    let (after_log_out, third) = stated(&sandbox, &mut an).await;
    let shown = an.browser.get(&an.request(LOGIN_SCOPE, &[("prompt", "login")])).await.expect(200);
    let next = an.browser.post_log_in(&crate::fixture::form(&shown), "binh", crate::fixture::PASSWORD).await;
    next.expect(303);
    an.username = "binh";
    let (somebody_else, fourth) = stated(&sandbox, &mut an).await;
    for (now, state) in [(&after_log_out, &third), (&somebody_else, &fourth)] {
        assert_eq!(&recomputed(now, &salt(state)), state);
        assert_ne!(&recomputed(&browser_state, &salt(state)), state, "the relying party sees that it changed");
    }
    assert_ne!(after_log_out, somebody_else);
}

#[tokio::test]
async fn tokens_are_64_hex_digits_and_work_at_introspection_and_userinfo_until_they_are_revoked() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let tokens = minted(&at, "an", INSTALL_SCOPE).await;
    for token in [text(&tokens, "access_token"), text(&tokens, "refresh_token")] {
        assert!(token.len() == 64 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{token}");
    }
    let access_token = text(&tokens, "access_token");
    let asked = [("token", access_token)];
    let found = at.as_client(&HARAVAN_APP, "/connect/introspect", &asked).await.expect(200).json();
    assert_eq!((&found["active"], &found["scope"]), (&json!(true), &json!(INSTALL_SCOPE)));
    assert_eq!(found["sub"], "200000000001");
    userinfo(&at, access_token).await.expect(200);
    at.as_client(&HARAVAN_APP, "/connect/revocation", &asked).await.expect(200);
    let found = at.as_client(&HARAVAN_APP, "/connect/introspect", &asked).await.expect(200);
    assert_eq!(found.body, r#"{"active":false}"#);
    let refused = userinfo(&at, access_token).await.expect(401);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"haravan\", error=\"invalid_token\"");
    // Who is no resource server learns nothing.
    let tokens = minted(&at, "an", LOGIN_SCOPE).await;
    let asked = [("token", text(&tokens, "access_token"))];
    let found = at.as_client(&OTHER, "/connect/introspect", &asked).await.expect(200);
    assert_eq!(found.body, r#"{"active":false}"#);
}

#[tokio::test]
async fn what_is_said_of_a_person_follows_from_the_scope_in_the_id_token_and_at_userinfo() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let profile = ["name", "middle_name", "locale"];
    let (email, shop) = (["email", "email_verified"], ["orgid", "orgname", "orgcat", "role"]);
    for (scope, expect) in [
        ("openid", vec![]),
        ("openid profile", profile.to_vec()),
        ("openid email", email.to_vec()),
        ("openid org", shop.to_vec()),
        ("openid userinfo", vec![]),
        (LOGIN_SCOPE, [&profile[..], &email, &shop].concat()),
    ] {
        let tokens = minted(&at, "an", scope).await;
        let said = Value::Object(sandbox.id_token_claims(&at, text(&tokens, "id_token")).await);
        let info = userinfo(&at, text(&tokens, "access_token")).await.expect(200).json();
        for name in profile.iter().chain(&email).chain(&shop) {
            assert_eq!(said.get(*name).is_some(), expect.contains(name), "{scope}: {name} in {said}");
            assert_eq!(info.get(*name), said.get(*name), "{scope}: {name}");
        }
        assert_eq!((&said["sub"], &info["sub"]), (&json!("200000000001"), &json!("200000000001")));
    }
    let info = userinfo(&at, text(&minted(&at, "an", LOGIN_SCOPE).await, "access_token")).await.json();
    assert_eq!(info["name"], "Đặng Thị Ngọc Ảnh");
    assert_eq!((&info["middle_name"], &info["locale"]), (&json!("Thị Ngọc"), &json!("vi-VN")));
    assert_eq!((&info["orgname"], &info["orgcat"]), (&json!("Tiệm Hoa Ngọc Ảnh"), &json!("florist")));
}

#[tokio::test]
async fn both_places_to_log_out_at_end_the_session_and_lead_back() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for path in ["/connect/endsession", "/account/logout"] {
        let mut an = Person::new(&at, "an");
        let tokens = an.tokens(LOGIN_SCOPE).await;
        let asked = [
            ("id_token_hint", text(&tokens, "id_token")),
            ("post_logout_redirect_uri", "http://localhost:8080/"),
            ("state", "bye"),
        ];
        let left = an.browser.get(&format!("{path}?{}", crate::fixture::encode(&asked))).await.expect(303);
        assert_eq!(left.header("location"), "http://localhost:8080/?state=bye", "{path}");
        assert!(an.walk(LOGIN_SCOPE, &[]).await.pages.starts_with('l'), "{path}");
        // A person's token ends with the session; nobody who has no hint ends one without being asked.
        assert!(!at_works(&at, text(&tokens, "access_token")).await, "{path}");
        let mut binh = Person::new(&at, "binh");
        binh.code(LOGIN_SCOPE).await;
        assert!(binh.browser.get(path).await.expect(200).body.contains("id=\"logout-confirm\""), "{path}");
        assert!(!binh.walk(LOGIN_SCOPE, &[]).await.pages.contains('l'), "{path}");
    }
}

#[tokio::test]
async fn both_places_to_log_out_at_take_a_form() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let back = ("post_logout_redirect_uri", "http://localhost:8080/");
    for path in ["/connect/endsession", "/account/logout"] {
        let mut an = Person::new(&at, "an");
        let tokens = an.tokens(LOGIN_SCOPE).await;
        let (access, hint) = (text(&tokens, "access_token"), text(&tokens, "id_token"));
        // From the app's page: the browser brings no cookie along. Our own GET does, with no token in its URL.
        let posted = at.post(path, &[("id_token_hint", hint), back, ("state", "bye")]).await.expect(303);
        let next = posted.header("location").to_owned();
        assert!(next.starts_with(&format!("{path}?request=")) && !next.contains(&hint[..20]), "{next}");
        assert!(posted.cookies().is_empty() && at_works(&at, access).await, "{path}");
        let left = an.browser.get(&next).await.expect(303);
        assert_eq!(left.header("location"), "http://localhost:8080/?state=bye", "{path}");
        assert!(!at_works(&at, access).await, "{path}");
        assert!(an.walk(LOGIN_SCOPE, &[]).await.pages.starts_with('l'), "{path}");
        // Without a hint the person is asked, on a page whose form posts to the same place.
        let mut binh = Person::new(&at, "binh");
        binh.code(LOGIN_SCOPE).await;
        let next = at.post(path, &[("client_id", HARAVAN_APP.client_id), back]).await.expect(303);
        let asks = binh.browser.get(next.header("location")).await.expect(200);
        let shown = crate::fixture::form(&asks);
        assert!(asks.body.contains("id=\"logout-confirm\"") && shown.action.starts_with(path), "{}", asks.body);
        let fields = [("continuation", shown.continuation.as_str()), ("logout", "logout")];
        let stranger = at.post(path, &fields).await.expect(303);
        assert!(stranger.header("location").starts_with(&format!("{path}?")), "{stranger:?}");
        assert!(!binh.walk(LOGIN_SCOPE, &[]).await.pages.contains('l'), "a form without the cookie logs nobody out");
        let left = binh.browser.post(&shown.action, &fields).await.expect(303);
        assert_eq!(left.header("location"), back.1, "{path}");
        assert!(binh.walk(LOGIN_SCOPE, &[]).await.pages.starts_with('l'), "{path}");
        let elsewhere = [("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.test/")];
        at.post(path, &elsewhere).await.page(400, "invalid_request");
    }
}

async fn at_works(at: &crate::fixture::At, token: &str) -> bool {
    at.as_client(&HARAVAN_APP, "/connect/introspect", &[("token", token)]).await.expect(200).json()["active"] == true
}

#[tokio::test]
async fn both_redirect_uris_of_the_platforms_convention_are_taken() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    an.code(LOGIN_SCOPE).await;
    let end = an.walk(INSTALL_SCOPE, &[("redirect_uri", INSTALL_URI)]).await.end.expect(303);
    assert!(end.header("location").starts_with(&format!("{INSTALL_URI}?code=")), "{end:?}");
}

#[tokio::test]
async fn pkce_is_voluntary_and_a_challenge_that_comes_is_enforced() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let challenge = [("code_challenge", crate::fixture::CHALLENGE), ("code_challenge_method", "S256")];
    let code = Person::new(&at, "an").walk(LOGIN_SCOPE, &challenge).await.end.expect(303).parameter("code");
    redeem(&at, &code).await.refused(400, "invalid_grant");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", LOGIN_URI),
        ("code_verifier", crate::fixture::VERIFIER),
    ];
    at.token(&HARAVAN_APP, &form).await.expect(200);
    // A public client has nothing else to prove itself by.
    let public =
        App { client_id: "public-app", client_secret: "", method: kimbai_core::client::AuthenticationMethod::None };
    let grants = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let registered =
        ClientMetadata { redirect_uris: vec![LOGIN_URI.to_owned()], ..metadata(&public, grants, LOGIN_SCOPE) };
    sandbox.engine.put_client(&sandbox.realm(&at), new_client(&public, registered)).await.unwrap();
    let end = Person::new(&at, "an").walk(LOGIN_SCOPE, &[("client_id", "public-app")]).await.end.expect(303);
    assert_eq!(end.parameter("error"), "invalid_request");
}

#[tokio::test]
async fn the_sandbox_shows_the_shops_and_who_works_there() {
    let registration = kimbai_server::dialects::haravan::demo::registration("http://localhost:4604");
    let shown = serde_json::to_value(&registration).unwrap();
    let shops = shown["shops"].as_array().unwrap();
    let found: Vec<_> = shops.iter().map(|shop| (text(shop, "label"), text(shop, "host"))).collect();
    assert_eq!(found, [("demo-shop", "demo-shop.localhost:4604"), ("other-shop", "other-shop.localhost:4604")]);
    let people: Vec<_> =
        shown["users"].as_array().unwrap().iter().map(|user| (user["sub"].clone(), user["shops"].clone())).collect();
    let expect = [
        (json!("200000000001"), json!({"demo-shop": ["admin"]})),
        (json!("200000000002"), json!({"demo-shop": []})),
        (json!("200000000003"), json!({"demo-shop": ["admin"], "other-shop": ["admin"]})),
    ];
    assert_eq!(people, expect);
}
