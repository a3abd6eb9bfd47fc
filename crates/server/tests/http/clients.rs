//! Client authentication: one method a request, exactly the registered one, and nothing told to strangers.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kimbai_core::client::{AuthenticationMethod, GrantType};
use kimbai_store::Activity;

use crate::fixture::{
    Answer, App, At, Browser, CALLBACK, IN_HOUSE, LENIENT, OTHER, POST_APP, SELLER, SERVICE, SPA, Sandbox, WEB, basic,
    metadata, new_client,
};

const WRONG: &str = "wrong-secret-0123456789abcdefghij";

async fn with_header(at: &At, path: &str, header: &str, form: &[(&str, &str)]) -> Answer {
    at.call("POST", path).header("authorization", header).form(form).send().await
}

#[tokio::test]
async fn an_unknown_client_a_wrong_secret_and_a_disabled_client_are_answered_with_the_same_bytes() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let _ =
            sandbox.engine.set_client_activity(&sandbox.realm(at), OTHER.client_id, Activity::Disabled).await.unwrap();
        let known = at.app();
        let strangers = [
            ("nobody", WRONG),
            ("nobody", known.client_secret),
            (known.client_id, WRONG),
            (POST_APP.client_id, WRONG),
            (OTHER.client_id, OTHER.client_secret),
            (OTHER.client_id, WRONG),
        ];
        for path in [at.token, at.revoke, at.introspect] {
            for origin in ["http://localhost:8080", "https://evil.test"] {
                let mut seen = BTreeSet::new();
                for (client_id, client_secret) in strangers {
                    let form = [("grant_type", "client_credentials"), ("token", "x")];
                    let by_header = at.call("POST", path).header("authorization", &basic(client_id, client_secret));
                    let by_header = by_header.header("origin", origin).form(&form).send().await;
                    let form =
                        [form.as_slice(), &[("client_id", client_id), ("client_secret", client_secret)]].concat();
                    let by_body = at.call("POST", path).header("origin", origin).form(&form).send().await;
                    let _ = seen.insert(by_header.refused(401, "invalid_client").fixed());
                    let _ = seen.insert(by_body.refused(401, "invalid_client").fixed());
                }
                assert_eq!(seen.len(), 1, "{seen:#?}");
            }
        }
    }
}

#[tokio::test]
async fn a_hint_that_names_the_registered_method_is_given_only_when_the_secret_was_right() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let form = [("grant_type", "client_credentials"), ("client_id", SELLER.client_id)];
    let by_body = |secret| [form.as_slice(), &[("client_secret", secret)]].concat();
    let right = at.post(at.token, &by_body(SELLER.client_secret)).await.refused(401, "invalid_client");
    assert!(right.member("error_hint").contains("client_secret_basic"), "{right:?}");
    let header = basic(IN_HOUSE.client_id, IN_HOUSE.client_secret);
    let right = with_header(at, at.token, &header, &[("grant_type", "client_credentials")]).await;
    assert!(right.refused(401, "invalid_client").member("error_hint").contains("client_secret_post"));
    let header = basic(SELLER.client_id, SELLER.client_secret);
    let both = with_header(at, at.token, &header, &by_body(SELLER.client_secret)).await.refused(401, "invalid_client");
    assert!(both.member("error_hint").contains("client_secret_basic and client_secret_post at once"), "{both:?}");
    for wrong in [
        at.post(at.token, &by_body(WRONG)).await,
        with_header(at, at.token, &basic(IN_HOUSE.client_id, WRONG), &[("grant_type", "client_credentials")]).await,
        with_header(at, at.token, &header, &by_body(WRONG)).await,
        with_header(at, at.token, &basic(SELLER.client_id, WRONG), &by_body(SELLER.client_secret)).await,
        with_header(at, at.token, &basic(SELLER.client_id, WRONG), &by_body(WRONG)).await,
    ] {
        let hint = wrong.refused(401, "invalid_client").member("error_hint");
        assert!(!hint.contains("client_secret_"), "{hint}");
    }
}

#[tokio::test]
async fn each_client_authenticates_by_exactly_its_registered_method() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for app in [at.app(), &POST_APP] {
            let other_method = match app.method {
                AuthenticationMethod::ClientSecretBasic => AuthenticationMethod::ClientSecretPost,
                AuthenticationMethod::ClientSecretPost
                | AuthenticationMethod::None
                | AuthenticationMethod::RequestSignature
                | AuthenticationMethod::PartnerEnvelope => AuthenticationMethod::ClientSecretBasic,
            };
            let app_otherwise = App { method: other_method, ..*app };
            for path in [at.token, at.revoke, at.introspect] {
                let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")];
                at.as_client(&app_otherwise, path, &form).await.refused(401, "invalid_client");
            }
            at.tokens(app).await;
        }
    }
}

#[tokio::test]
async fn a_confidential_client_is_never_taken_for_a_public_one() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for app in [at.app(), &POST_APP] {
            let code = at.code(app, at.scope()).await;
            let refresh_token = at.tokens(app).await.member("refresh_token");
            for secret in [None, Some("")] {
                let of_code = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
                let of_refresh = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token)];
                let token = [("token", refresh_token.as_str())];
                for (path, form) in [
                    (at.token, of_code.as_slice()),
                    (at.token, of_refresh.as_slice()),
                    (at.revoke, token.as_slice()),
                    (at.introspect, token.as_slice()),
                ] {
                    let mut form = [form, &[("client_id", app.client_id)]].concat();
                    form.extend(secret.map(|secret| ("client_secret", secret)));
                    at.post(path, &form).await.refused(401, "invalid_client");
                }
            }
            let empty = with_header(at, at.token, &basic(app.client_id, ""), &[("grant_type", "refresh_token")]).await;
            empty.refused(401, "invalid_client");
            at.redeem(app, &code).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_basic_header_is_one_strict_base64_of_two_form_encoded_halves() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let right = basic(at.app().client_id, at.app().client_secret);
        let pair = format!("{}:{}", at.app().client_id, at.app().client_secret);
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
        for header in [
            "Basic".to_owned(),
            "Basic ".to_owned(),
            "Bearer x".to_owned(),
            right.replace("Basic ", "Basic  "),
            right.replace("Basic ", "Bearer "),
            right.replace("Basic ", ""),
            right.replace("Basic ", "Basic\t"),
            format!("{right}="),
            format!("{right} x"),
            format!("{right}, {right}"),
            right.trim_end_matches('=').to_owned() + "!",
            format!("Basic {}", URL_SAFE_NO_PAD.encode(format!("{pair}?>?>"))),
            encoded(at.app().client_id),
            encoded(&pair.replace(':', "")),
            encoded(&format!(":{}", at.app().client_secret)),
            encoded(&format!("{}:", at.app().client_id)),
            encoded(&format!("{pair}\0")),
            encoded(&format!("{pair}\n")),
            encoded(&format!("{pair}%00")),
            encoded(&format!("{pair}%0A")),
            encoded(&format!("{pair}%FF")),
            encoded(&format!("{pair}+")),
            encoded(&format!(" {pair}")),
            encoded(&pair.to_uppercase()),
        ] {
            let answer = with_header(at, at.token, &header, &form).await.refused(401, "invalid_client");
            assert_eq!(answer.header("www-authenticate"), format!("Basic realm=\"{}\"", at.name));
        }
        with_header(at, at.token, &right, &form).await.refused(400, "invalid_grant");
        let any_case = right.replace("Basic", "bASIC");
        with_header(at, at.token, &any_case, &form).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn both_halves_of_a_basic_header_are_form_decoded() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let odd = App { client_id: "odd client:1 %", client_secret: "odd+secret:with spaces & é %41 0123456789", ..WEB };
    let metadata = metadata(&odd, vec![GrantType::ClientCredentials], "orders.read");
    let metadata = kimbai_core::client::ClientMetadata { redirect_uris: Vec::new(), ..metadata };
    let _ = sandbox.engine.put_client(&sandbox.realm(at), new_client(&odd, metadata)).await.unwrap();
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let form = [("grant_type", "client_credentials")];
    let right = basic(&encoded(odd.client_id), &encoded(odd.client_secret));
    with_header(at, at.token, &right, &form).await.expect(200);
    with_header(at, at.token, &basic(odd.client_id, odd.client_secret), &form).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let app = at.app();
        for second in [basic(app.client_id, app.client_secret), "Bearer x".to_owned(), String::new()] {
            let call = at.call("POST", at.token).basic(app).header("authorization", &second);
            call.form(&[("grant_type", "refresh_token")]).send().await.refused(401, "invalid_client");
        }
    }
}

#[tokio::test]
async fn a_basic_header_beside_a_body_secret_is_refused() {
    let sandbox = Sandbox::start().await;
    for (at, status, error) in
        [(&sandbox.standard, 400, "invalid_request"), (&sandbox.marketplace, 401, "invalid_client")]
    {
        for app in [at.app(), &POST_APP] {
            for path in [at.token, at.revoke, at.introspect] {
                let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")];
                let form = [form.as_slice(), &[("client_secret", app.client_secret)]].concat();
                let header = basic(app.client_id, app.client_secret);
                with_header(at, path, &header, &form).await.refused(status, error);
            }
        }
    }
}

#[tokio::test]
async fn a_header_and_a_body_that_name_two_clients_are_refused() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for client_id in [OTHER.client_id, "nobody", "DEMO-WEB"] {
            let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", client_id)];
            at.as_client(at.app(), at.token, &form).await.refused(401, "invalid_client");
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", at.app().client_id)];
        at.as_client(at.app(), at.token, &form).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_grant_that_a_client_is_not_registered_for_fails_on_every_path() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (service, app) = (at.resource_server(), at.app());
        for form in [
            [("grant_type", "authorization_code"), ("code", "x")],
            [("grant_type", "refresh_token"), ("refresh_token", "x")],
            [("grant_type", "authorization_code"), ("x", "x")],
        ] {
            at.token(service, &form).await.refused(400, "unauthorized_client");
        }
        at.token(app, &[("grant_type", "client_credentials")]).await.refused(400, "unauthorized_client");
        let mut browser = Browser::new(at);
        let request = browser.request(&[("client_id", service.client_id)]);
        browser.get(&request).await.page(400, "invalid_request");
        let wanted = serde_json::json!({"client_id": service.client_id, "user": "an", "scopes": []});
        at.mint(&wanted).await.refused(400, "invalid_request");
        for grant_type in ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "AUTHORIZATION_CODE"]
        {
            at.token(app, &[("grant_type", grant_type)]).await.refused(400, "unsupported_grant_type");
        }
        for response_type in ["token", "code token", "id_token", "none", "Code"] {
            let request = browser.request(&[("response_type", response_type)]);
            browser.get(&request).await.redirected("unsupported_response_type");
        }
    }
}

#[tokio::test]
async fn a_public_client_has_no_client_credentials_and_no_secret() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    at.token(&SPA, &[("grant_type", "client_credentials")]).await.refused(400, "unauthorized_client");
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    with_header(at, at.token, &basic("demo-spa", "demo-spa"), &form).await.refused(401, "invalid_client");
    at.token(&SERVICE, &[("grant_type", "client_credentials")]).await.expect(200);
    at.token(&LENIENT, &[("grant_type", "client_credentials")]).await.expect(200);
}
