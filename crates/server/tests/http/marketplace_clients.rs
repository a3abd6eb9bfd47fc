//! Tiki Marketplace's apps: public and in-house, by header and by body, and the ways in which they write a form.

use kimbai_core::client::{ClientMetadata, GrantType};

use crate::fixture::{App, CALLBACK, IN_HOUSE, LENIENT, POST_APP, SELLER, Sandbox, metadata, new_client};

#[tokio::test]
async fn client_credentials_never_bring_a_refresh_token_even_when_offline_is_asked_for() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    for (app, scope) in [(&POST_APP, "offline product"), (&LENIENT, "offline"), (&POST_APP, ""), (&IN_HOUSE, "order")] {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        let tokens = at.token(app, &fields).await.expect(200).json();
        assert!(tokens.get("refresh_token").is_none(), "{tokens}");
        assert_eq!(tokens["token_type"], "bearer");
    }
    let fields = [("grant_type", "client_credentials"), ("scope", "offline product")];
    at.token(&IN_HOUSE, &fields).await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn an_empty_scope_is_the_apps_scopes() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    for fields in [&[("grant_type", "client_credentials")][..], &[("grant_type", "client_credentials"), ("scope", "")]]
    {
        let tokens = at.token(&IN_HOUSE, fields).await.expect(200);
        assert_eq!(tokens.member("scope"), "product order inventory");
        let told = at.introspected(&tokens.member("access_token")).await;
        assert_eq!((&told["sub"], &told["client_id"]), (&IN_HOUSE.client_id.into(), &IN_HOUSE.client_id.into()));
    }
}

#[tokio::test]
async fn an_in_house_app_has_no_redirect_uri_and_no_other_grant() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let request = format!("{}?response_type=code&client_id={}&state=AbCDeFgH", at.authorize, IN_HOUSE.client_id);
    at.get(&request).await.page(400, "invalid_request");
    for grant_type in ["authorization_code", "refresh_token"] {
        at.token(&IN_HOUSE, &[("grant_type", grant_type)]).await.refused(400, "unauthorized_client");
    }
    let realm = sandbox.realm(at);
    let app = App { client_id: "3750000000000018", ..IN_HOUSE };
    let without_uri =
        ClientMetadata { redirect_uris: Vec::new(), ..metadata(&app, vec![GrantType::AuthorizationCode], "order") };
    assert!(sandbox.engine.put_client(&realm, new_client(&app, without_uri)).await.is_err());
}

#[tokio::test]
async fn client_id_may_stand_in_the_body_beside_the_basic_header_and_must_be_the_same() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let code = at.code(&SELLER, at.scope()).await;
    let redeem = async |client_id: &str| {
        let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        at.token(&SELLER, &[fields.as_slice(), &[("client_id", client_id)]].concat()).await
    };
    redeem(POST_APP.client_id).await.refused(401, "invalid_client");
    redeem("7.590139168389961e15").await.refused(401, "invalid_client");
    redeem(SELLER.client_id).await.expect(200);
}

#[tokio::test]
async fn the_java_samples_way_of_sending_both_is_refused_unless_the_app_is_lenient() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    for (app, is_lenient) in [(&SELLER, false), (&LENIENT, true)] {
        let code = at.code(app, at.scope()).await;
        let redeem = async |secret: &str, in_header: &str| {
            let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
            let both = [("client_id", app.client_id), ("client_secret", secret)];
            let app = App { client_secret: if in_header == "right" { app.client_secret } else { "wrong" }, ..*app };
            at.token(&app, &[fields.as_slice(), &both].concat()).await
        };
        redeem("wrong-secret-0123456789abcdef", "right").await.refused(401, "invalid_client");
        redeem(app.client_secret, "wrong").await.refused(401, "invalid_client");
        let both = redeem(app.client_secret, "right").await;
        if is_lenient {
            both.expect(200);
        } else {
            both.refused(401, "invalid_client");
            at.redeem(app, &code).await.expect(200);
        }
        let only_body = App { method: POST_APP.method, ..*app };
        let refused = at.refresh(&only_body, "x").await.refused(401, "invalid_client");
        assert!(refused.member("error_hint").contains("client_secret_basic"));
    }
}

#[tokio::test]
async fn a_multipart_token_request_is_read_and_a_json_one_is_not() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let code = at.code(&SELLER, at.scope()).await;
    let part = |name: &str, value: &str| {
        format!("--XyZ\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let send = async |content_type: &str, body: &str| {
        let call = at.call("POST", at.token).basic(&SELLER).header("content-type", content_type);
        call.body(body.as_bytes()).send().await
    };
    let multipart = "multipart/form-data; boundary=XyZ";
    let grant_type = part("grant_type", "authorization_code");
    let right = format!("{grant_type}{}{}--XyZ--\r\n", part("code", &code), part("redirect_uri", CALLBACK));
    for (content_type, body) in [
        (multipart, format!("{grant_type}{right}")),
        (multipart, format!("{grant_type}{}", part("code", &code))),
        (multipart, right.replace("name=", "nome=")),
        (multipart, String::new()),
        (multipart, "--XyZ--".to_owned()),
        (multipart, part("x", "y").repeat(65) + &right),
        ("multipart/form-data", right.clone()),
        ("multipart/form-data; boundary=", right.clone()),
        ("multipart/form-data; boundary=other", right.clone()),
    ] {
        send(content_type, &body).await.refused(400, "invalid_request");
    }
    let json = format!("{{\"grant_type\":\"authorization_code\",\"code\":\"{code}\",\"redirect_uri\":\"{CALLBACK}\"}}");
    send("application/json", &json).await.refused(415, "invalid_request");
    let query = format!("{}?client_id={}", at.token, SELLER.client_id);
    let in_both = at.call("POST", &query).basic(&SELLER).header("content-type", multipart);
    let body = part("client_id", SELLER.client_id) + &right;
    in_both.body(body.as_bytes()).send().await.refused(400, "invalid_request");
    send(multipart, &right).await.expect(200);
}

#[tokio::test]
async fn a_multipart_body_has_the_same_limits() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let part =
        |value: &str| format!("--X\r\ncontent-disposition: form-data; name=\"refresh_token\"\r\n\r\n{value}\r\n");
    let grant_type = "--X\r\ncontent-disposition: form-data; name=\"grant_type\"\r\n\r\nrefresh_token\r\n";
    let rest = format!("{grant_type}{}--X--", part("")).len();
    for (bytes, status, error) in [(65_536, 400, "invalid_grant"), (65_537, 413, "invalid_request")] {
        let body = format!("{grant_type}{}--X--", part(&"x".repeat(bytes - rest)));
        assert_eq!(body.len(), bytes);
        let call = at.call("POST", at.token).basic(&SELLER).header("content-type", "multipart/form-data; boundary=X");
        call.body(body.as_bytes()).send().await.refused(status, error);
    }
}

#[tokio::test]
async fn pkce_is_not_demanded_of_a_confidential_app_and_kept_if_it_comes() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let wanted = serde_json::json!({"client_id": SELLER.client_id, "user": "an", "scopes": ["order"],
        "code_challenge": crate::fixture::CHALLENGE});
    let code = at.mint(&wanted).await.expect(200).member("code");
    let without = [("grant_type", "authorization_code"), ("code", code.as_str())];
    at.token(&SELLER, &without).await.refused(400, "invalid_grant");
    let with = [without.as_slice(), &[("code_verifier", crate::fixture::VERIFIER)]].concat();
    at.token(&SELLER, &with).await.expect(200);
}
