//! Tiki Marketplace's own rules: the authorization request, what real clients send, errors, the sample resource.

use kimbai_store::Activity;

use crate::fixture::{Answer, Browser, CALLBACK, IN_HOUSE, POST_APP, SELLER, Sandbox, basic, encode, form};

const EXAMPLE: &str = "https://example.com/tiki/callback";

#[tokio::test]
async fn the_whole_flow_of_the_platforms_document_works() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let mut browser = Browser::new(at);
    let request = browser.request(&[("redirect_uri", EXAMPLE), ("scope", "offline product order inventory")]);
    let shown = form(&browser.get(&request).await.expect(200));
    let next = browser.post_log_in(&shown, "an", crate::fixture::PASSWORD).await.expect(303);
    let consent = browser.get(next.header("location")).await.expect(200);
    for shown in ["Sổ Bán Hàng", "offline", "product", "order", "inventory", "example.com", "Đặng Thị Ngọc Ảnh"]
    {
        assert!(consent.body.contains(shown), "{shown}: {consent:?}");
    }
    let answer = browser.allow(&form(&consent)).await.expect(303);
    assert!(answer.header("location").starts_with(&format!("{EXAMPLE}?code=")), "{answer:?}");
    assert_eq!((answer.parameter("state").as_str(), answer.parameter("iss")), ("AbCDeFgH", at.issuer.clone()));
    let code = answer.parameter("code");
    // The document's own header, word for word.
    let header = "Basic NzU5MDEzOTE2ODM4OTk2MTp0ZlNsMGM2VkZ2M2ZBQl96OUYtbTIySWhFbm13cTZldw==";
    assert_eq!(header, basic(SELLER.client_id, SELLER.client_secret));
    let redeem = async |uri: &str| {
        let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", uri)];
        let fields = [fields.as_slice(), &[("client_id", SELLER.client_id)]].concat();
        let call = at.call("POST", at.token).header("accept", "application/json").header("authorization", header);
        call.form(&fields).send().await
    };
    redeem("https://example.com/auth/tiki/callback").await.refused(400, "invalid_grant");
    let tokens = redeem(EXAMPLE).await.expect(200);
    assert_eq!(tokens.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!((tokens.header("cache-control"), tokens.header("pragma")), ("no-store", "no-cache"));
    let json = tokens.json();
    assert_eq!(json["token_type"], "bearer");
    assert_eq!(json["expires_in"], 3_600);
    assert_eq!(json["scope"], "offline product order inventory");
    let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    for token in [code, tokens.member("access_token"), tokens.member("refresh_token")] {
        let halves: Vec<_> = token.split('.').map(str::len).collect();
        assert_eq!(halves, [43, 43], "{token}");
    }
}

#[tokio::test]
async fn refresh_then_the_same_again_then_the_new_one_then_the_first_once_more() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let first = at.tokens(&SELLER).await.member("refresh_token");
    let second = at.refresh(&SELLER, &first).await.expect(200).member("refresh_token");
    assert_eq!(at.refresh(&SELLER, &first).await.expect(200).member("refresh_token"), second);
    let third = at.refresh(&SELLER, &second).await.expect(200).member("refresh_token");
    at.refresh(&SELLER, &first).await.refused(400, "invalid_grant");
    at.refresh(&SELLER, &third).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_state_has_eight_characters() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.marketplace);
    for state in ["", "1234567", "ảảảảảảả"] {
        let request = browser.request(&[("state", state)]);
        let refused = browser.get(&request).await.redirected("invalid_state");
        assert_eq!(refused.parameter("state"), state, "whatever was sent comes back");
        assert!(refused.parameter("error_hint").contains('8'), "{refused:?}");
        assert_eq!(refused.parameter("iss"), sandbox.marketplace.issuer);
    }
    for state in ["12345678", "ảảảảảảảả", "1718000000000", "123e4567-e89b-12d3-a456-426614174000"] {
        let request = browser.request(&[("state", state)]);
        browser.get(&request).await.expect(200);
    }
}

#[tokio::test]
async fn a_request_is_validated_client_first_and_state_last() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.marketplace);
    let mut ask = async |changes: &[(&str, &str)]| {
        let request = browser.request(changes);
        browser.get(&request).await
    };
    ask(&[("client_id", "nobody"), ("redirect_uri", "https://evil.test/")]).await.page(400, "invalid_client");
    ask(&[("redirect_uri", "https://evil.test/"), ("scope", "x")]).await.page(400, "invalid_request");
    ask(&[("scope", "x"), ("response_type", "token")]).await.redirected("invalid_scope");
    ask(&[("scope", "multichannel"), ("state", "short")]).await.redirected("invalid_scope");
    ask(&[("response_type", "token"), ("state", "short")]).await.redirected("unsupported_response_type");
    ask(&[("response_type", ""), ("state", "short")]).await.redirected("invalid_request");
    ask(&[("state", "short"), ("code_challenge_method", "plain"), ("code_challenge", "x")])
        .await
        .redirected("invalid_state");
}

#[tokio::test]
async fn a_token_request_is_validated_method_body_grant_type_client_grant() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let json = at.call("GET", at.token).header("content-type", "application/json");
    json.body(b"{}").send().await.refused(405, "invalid_request");
    let json = at.call("POST", at.token).header("content-type", "application/json");
    json.body(b"{}").send().await.refused(415, "invalid_request");
    let wrong_secret = basic(SELLER.client_id, "wrong-secret-0123456789");
    for (header, fields, status, error) in [
        (Some("Basic !"), [("x", "y"), ("grant_type", "")], 400, "invalid_request"),
        (Some("Basic !"), [("grant_type", "x"), ("scope", "x")], 401, "invalid_client"),
        (Some(&wrong_secret), [("grant_type", "x"), ("scope", "x")], 401, "invalid_client"),
        (Some(&wrong_secret), [("grant_type", "authorization_code"), ("x", "y")], 401, "invalid_client"),
        (None, [("grant_type", "authorization_code"), ("code", "x")], 401, "invalid_client"),
    ] {
        let call = at.call("POST", at.token);
        let call = match header {
            Some(header) => call.header("authorization", header),
            None => call,
        };
        call.form(&fields).send().await.refused(status, error);
    }
    let unregistered = [("grant_type", "client_credentials"), ("scope", "unheard-of")];
    at.token(&SELLER, &unregistered).await.refused(400, "unauthorized_client");
    let incomplete = [("grant_type", "authorization_code"), ("redirect_uri", "https://evil.test/")];
    at.token(&IN_HOUSE, &incomplete).await.refused(400, "unauthorized_client");
    at.token(&SELLER, &incomplete).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_scope_list_has_spaces_however_they_are_written_and_no_commas() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let mut browser = Browser::new(at);
    let request = |scope: &str| {
        let rest = [("response_type", "code"), ("client_id", SELLER.client_id), ("redirect_uri", CALLBACK)];
        format!("{}?{}&state=AbCDeFgH&scope={scope}", at.authorize, encode(&rest))
    };
    for scope in ["offline%20product", "offline+product", "offline", "", "product%20product"] {
        browser.get(&request(scope)).await.expect(200);
    }
    for scope in ["offline,product", "offline%2Cproduct", "offline%20%20product", "%20offline", "offline%09product"] {
        browser.get(&request(scope)).await.redirected("invalid_scope");
    }
    for scope in ["offline%20all", "OFFLINE", "openid", "multichannel"] {
        browser.get(&request(scope)).await.redirected("invalid_scope");
    }
    // A raw space ends the target of a request: what a browser would have encoded.
    let raw = format!("GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", request("offline product"), at.host);
    assert!(at.raw(raw.as_bytes()).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_state_in_raw_utf8_comes_back_as_the_same_characters() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let state = "trạng-thái-\u{fffd}\u{fffd}-của-tôi";
    // As the platform's Java sample does it: neither the state nor the redirect URI is encoded.
    let query = format!(
        "response_type=code&client_id={}&redirect_uri={CALLBACK}&scope=offline%20order&state={state}",
        SELLER.client_id
    );
    let target = format!("{}?{query}", at.authorize);
    let raw = format!("GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", at.host);
    let answer = at.raw(raw.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut browser = Browser::new(at);
    let shown = form(&browser.get(&target).await.expect(200));
    let next = browser.post_log_in(&shown, "an", crate::fixture::PASSWORD).await.expect(303);
    let asked = form(&browser.get(next.header("location")).await.expect(200));
    let back = browser.allow(&asked).await.expect(303);
    assert_eq!(back.parameter("state"), state);
    assert!(!back.parameter("code").is_empty());
}

#[tokio::test]
async fn a_raw_state_that_is_cut_short_or_not_utf8_is_refused_without_harm() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let mut browser = Browser::new(at);
    let request = format!("{}&x", browser.request(&[]));
    let with_state = |state: &str| request.replace("AbCDeFgH", state);
    browser.get(&with_state("abc&defgh")).await.redirected("invalid_state");
    browser.get(&with_state("abc#defghijk")).await.redirected("invalid_state");
    browser.get(&with_state("%FF%FE%FD%FC%FB%FA%F9%F8")).await.redirected("invalid_request");
}

#[tokio::test]
async fn a_redirect_error_has_its_hint_its_state_and_our_issuer() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.marketplace);
    for changes in [("scope", "unheard-of"), ("response_type", "token"), ("state", "short")] {
        let request = browser.request(&[changes]);
        let refused = browser.get(&request).await.expect(303);
        for name in ["error", "error_description", "error_hint", "state", "iss"] {
            assert!(!refused.parameter(name).is_empty(), "{name}: {refused:?}");
        }
        assert!(refused.parameter("code").is_empty());
    }
}

#[track_caller]
fn legacy(answer: Answer, status: u16, error: &str) {
    let json = answer.refused(status, error).json();
    assert_eq!(json["status_code"], status);
    assert_eq!(json["error_verbose"], json["error_description"]);
    assert!(json["error_hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{json}");
    assert!(json.get("error_debug").is_none());
}

#[tokio::test]
async fn every_error_of_the_token_endpoint_has_the_legacy_members_beside_the_standard_ones() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let ask = async |fields: &[(&str, &str)]| at.token(&SELLER, fields).await;
    legacy(ask(&[]).await, 400, "invalid_request");
    legacy(ask(&[("grant_type", "authorization_code")]).await, 400, "invalid_request");
    legacy(ask(&[("grant_type", "refresh_token")]).await, 400, "invalid_request");
    legacy(ask(&[("grant_type", "authorization_code"), ("code", "x")]).await, 400, "invalid_grant");
    legacy(ask(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await, 400, "invalid_grant");
    legacy(ask(&[("grant_type", "client_credentials")]).await, 400, "unauthorized_client");
    legacy(ask(&[("grant_type", "password")]).await, 400, "unsupported_grant_type");
    legacy(at.post(at.token, &[("grant_type", "refresh_token")]).await, 401, "invalid_client");
    let beyond = [("grant_type", "client_credentials"), ("scope", "multichannel")];
    legacy(at.token(&IN_HOUSE, &beyond).await, 400, "invalid_scope");
    let commas = [("grant_type", "client_credentials"), ("scope", "product,order")];
    legacy(at.token(&IN_HOUSE, &commas).await, 400, "invalid_scope");
    legacy(at.get(at.token).await, 405, "invalid_request");
    legacy(at.get("/nothing").await, 404, "not_found");
    legacy(at.call("GET", "/").without_host().header("host", "x").send().await, 421, "invalid_request");
}

#[tokio::test]
async fn an_empty_body_and_a_missing_grant_type_are_invalid_requests() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    at.call("POST", at.token).send().await.refused(400, "invalid_request");
    at.call("POST", at.token).basic(&SELLER).send().await.refused(400, "invalid_request");
    at.call("POST", at.token).basic(&SELLER).form(&[]).send().await.refused(400, "invalid_request");
    at.token(&SELLER, &[("code", "x")]).await.refused(400, "invalid_request");
    at.token(&SELLER, &[("grant_type", "")]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn sellers_me_opens_to_a_bearer_token_and_to_nothing_else() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let tokens = at.tokens(&SELLER).await;
    let ask = async |headers: &[&str]| {
        let call = at.call("GET", "/integration/v2/sellers/me");
        headers.iter().fold(call, |call, header| call.header("authorization", header)).send().await
    };
    let bearer = format!("Bearer {}", tokens.member("access_token"));
    let seller = ask(&[&bearer]).await.expect(200);
    assert_eq!(seller.header("cache-control"), "no-store");
    assert_eq!((&seller.json()["id"], &seller.json()["name"]), (&1.into(), &"Đặng Thị Ngọc Ảnh".into()));
    for member in ["sid", "active", "logo", "operation_models", "can_update_product", "registration_status", "live_at"]
    {
        assert!(seller.json().get(member).is_some(), "{member}");
    }
    ask(&[&bearer.replace("Bearer", "bearer")]).await.expect(200);
    let refresh_token = format!("Bearer {}", tokens.member("refresh_token"));
    for headers in [
        &[][..],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["Bearer x"],
        &["Basic eDp5"],
        &[&refresh_token],
        &[&bearer, &bearer],
    ] {
        let refused = ask(headers).await.expect(401);
        assert!(refused.header("www-authenticate").starts_with("Bearer realm=\"marketplace\""), "{refused:?}");
        assert_eq!(refused.json()["error"]["message_code"], "INVALID_TOKEN");
        assert_eq!(refused.json()["error"]["status_code"], 401);
    }
    let invalid = ask(&["Bearer x"]).await.expect(401);
    assert!(invalid.header("www-authenticate").contains("error=\"invalid_token\""));
    at.get(&format!("/integration/v2/sellers/me?access_token={}", tokens.member("access_token"))).await.expect(401);
    let own = at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.member("access_token");
    ask(&[&format!("Bearer {own}")]).await.expect(200);
    let _ = sandbox.engine.set_user_activity(&sandbox.realm(at), "an", Activity::Disabled).await.unwrap();
    ask(&[&bearer]).await.expect(401);
    sandbox.standard.get("/integration/v2/sellers/me").await.refused(404, "not_found");
}
