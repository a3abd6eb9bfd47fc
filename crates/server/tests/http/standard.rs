//! The standard dialect: metadata, PKCE, public clients, `iss`, the shape of answers.

use crate::fixture::{Browser, CALLBACK, CHALLENGE, NATIVE, SERVICE, SPA, Sandbox, VERIFIER, WEB, form};

#[tokio::test]
async fn metadata_names_what_there_is_and_nothing_that_there_is_not() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let answer = at.get("/.well-known/oauth-authorization-server").await.expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let metadata = answer.json();
        assert_eq!(metadata["issuer"], at.issuer.as_str());
        for (member, path) in [
            ("authorization_endpoint", at.authorize),
            ("token_endpoint", at.token),
            ("revocation_endpoint", at.revoke),
            ("introspection_endpoint", at.introspect),
        ] {
            assert_eq!(metadata[member], format!("{}{path}", at.issuer));
        }
        let list = |member: &str| serde_json::to_string(&metadata[member]).unwrap();
        assert_eq!(list("response_types_supported"), r#"["code"]"#);
        assert_eq!(list("response_modes_supported"), r#"["query","fragment","form_post"]"#);
        assert_eq!(list("grant_types_supported"), r#"["authorization_code","refresh_token","client_credentials"]"#);
        assert_eq!(list("code_challenge_methods_supported"), r#"["S256"]"#);
        let methods = r#"["client_secret_basic","client_secret_post","none"]"#;
        assert_eq!(list("token_endpoint_auth_methods_supported"), methods);
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        let scopes = list("scopes_supported");
        assert!(at.scope().split(' ').all(|scope| scopes.contains(&format!("\"{scope}\""))), "{scopes}");
    }
}

#[tokio::test]
async fn the_issuer_never_follows_the_host_that_was_asked() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let host = format!("127.0.0.1:{}", at.address.port());
        let path = "/.well-known/oauth-authorization-server";
        let call = at.call("GET", path).without_host().header("host", &host).header("x-forwarded-host", "evil.test");
        let call = call.header("x-forwarded-proto", "https").header("forwarded", "host=evil.test;proto=https");
        assert_eq!(call.send().await.expect(200).body, at.get(path).await.expect(200).body);
        let request = Browser::new(at).request(&[("scope", "unheard-of")]);
        let call = at.call("GET", &request).without_host().header("host", &host);
        assert_eq!(call.send().await.expect(303).parameter("iss"), at.issuer);
    }
}

#[tokio::test]
async fn a_confidential_client_goes_through_all_pages_with_pkce() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let code = Browser::new(at).code().await;
    let tokens = at.redeem(&WEB, &code).await.expect(200);
    let members: Vec<_> = tokens.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!((tokens.member("token_type").as_str(), &tokens.json()["expires_in"]), ("Bearer", &3_600.into()));
    assert_eq!(tokens.member("scope"), at.scope());
    for token in [code, tokens.member("access_token"), tokens.member("refresh_token")] {
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{token}");
    }
}

#[tokio::test]
async fn pkce_is_required_of_every_client() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    for client_id in [WEB.client_id, SPA.client_id] {
        let changes = [("client_id", client_id), ("code_challenge", ""), ("code_challenge_method", "")];
        let request = browser.request(&changes);
        browser.get(&request).await.redirected("invalid_request");
    }
}

#[tokio::test]
async fn a_public_client_goes_through_all_pages_without_a_secret() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let request = browser.request(&[("client_id", SPA.client_id)]);
    let shown = form(&browser.get(&request).await.expect(200));
    let next = browser.post_log_in(&shown, "binh", crate::fixture::PASSWORD).await.expect(303);
    let asked = form(&browser.get(next.header("location")).await.expect(200));
    let answer = browser.decide(&asked, "allow", &["orders.read"]).await.expect(303);
    assert_eq!(answer.parameter("iss"), at.issuer);
    let fields = [("grant_type", "authorization_code"), ("code", &answer.parameter("code"))];
    let fields = [fields.as_slice(), &[("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]].concat();
    let tokens = at.token(&SPA, &fields).await.expect(200);
    assert_eq!(tokens.member("scope"), "offline_access orders.read");
    assert_eq!(at.introspected(&tokens.member("access_token")).await["sub"], "2");
}

#[tokio::test]
async fn an_app_on_a_persons_machine_is_asked_for_every_time() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let _ = browser.log_in().await;
    let changes = [("client_id", NATIVE.client_id), ("redirect_uri", "http://127.0.0.1:51004/callback")];
    for _ in 0..2 {
        let request = browser.request(&changes);
        let asked = browser.get(&request).await.expect(200);
        assert!(asked.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:51004;"));
        let answer = browser.allow(&form(&asked)).await.expect(303);
        assert!(answer.header("location").starts_with("http://127.0.0.1:51004/callback?code="), "{answer:?}");
    }
    let request = browser.request(&[changes[0], ("redirect_uri", "com.example.native:/callback")]);
    let asked = browser.get(&request).await.expect(200);
    assert!(asked.header("content-security-policy").contains("form-action 'self' com.example.native:;"), "{asked:?}");
    let answer = browser.decide(&form(&asked), "deny", &[]).await.expect(303);
    assert!(answer.header("location").starts_with("com.example.native:/callback?error=access_denied"), "{answer:?}");
}

#[tokio::test]
async fn client_credentials_narrow_the_scope_and_never_widen_it() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let ask = async |scope: &str| at.token(&SERVICE, &[("grant_type", "client_credentials"), ("scope", scope)]).await;
    assert_eq!(ask("").await.expect(200).member("scope"), "orders.read orders.write");
    assert_eq!(ask("orders.read").await.expect(200).member("scope"), "orders.read");
    ask("orders.read email").await.refused(400, "invalid_scope");
    ask("unheard-of").await.refused(400, "invalid_scope");
    ask("orders.read,orders.write").await.refused(400, "invalid_scope");
    let narrowed = ask("orders.read").await.member("access_token");
    assert_eq!(at.introspected(&narrowed).await["scope"], "orders.read");
}

#[tokio::test]
async fn errors_have_the_standard_members_alone() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for answer in [
        at.token(&WEB, &[]).await,
        at.token(&WEB, &[("grant_type", "password")]).await,
        at.refresh(&WEB, "x").await,
        at.post("/token", &[("grant_type", "refresh_token")]).await,
        at.get("/token").await,
        at.get("/nothing").await,
    ] {
        let members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["error", "error_description"], "{answer:?}");
    }
    let mut browser = Browser::new(at);
    let request = browser.request(&[("scope", "x")]);
    let refused = browser.get(&request).await.redirected("invalid_scope");
    assert!(refused.parameter("error_hint").is_empty());
    assert_eq!((refused.parameter("iss"), refused.parameter("state").as_str()), (at.issuer.clone(), "AbCDeFgH"));
}

#[tokio::test]
async fn a_state_is_not_demanded_and_comes_back_as_it_came() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let _ = browser.log_in().await;
    for state in ["", "x", "a b+c&d=e#f%25", "ảã\u{202e}", "<script>"] {
        let request = browser.request(&[("state", state)]);
        let shown = form(&browser.get(&request).await.expect(200));
        let denied = browser.decide(&shown, "deny", &[]).await.redirected("access_denied");
        assert_eq!(denied.parameter("state"), state);
        assert_eq!(denied.header("location").contains("state="), !state.is_empty());
    }
}

#[tokio::test]
async fn a_response_mode_that_is_not_known_is_refused() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    for mode in ["query.jwt", "web_message", "Query"] {
        let request = browser.request(&[("response_mode", mode)]);
        browser.get(&request).await.redirected("invalid_request");
    }
    let request = browser.request(&[("response_mode", "query"), ("code_challenge", CHALLENGE)]);
    browser.get(&request).await.expect(200);
}
