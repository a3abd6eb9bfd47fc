//! Redirect URIs: compared byte for byte, at the authorization endpoint and at the token endpoint.

use kimbai_core::client::{ClientMetadata, GrantType};

use crate::fixture::{
    App, Browser, CALLBACK, NATIVE, POST_APP, Sandbox, VERIFIER, WEB, encode, form, metadata, new_client,
};

/// `http://localhost:8080/callback` is registered; none of these is.
const UNREGISTERED: [&str; 24] = [
    "http://LOCALHOST:8080/callback",
    "HTTP://localhost:8080/callback",
    "http://localhost:8080/Callback",
    "http://localhost:8080/callback/",
    "http://localhost:8080/callback?x=1",
    "http://localhost:8080/callback#",
    "http://localhost:8080/callback#fragment",
    "http://localhost:8080/x/../callback",
    "http://localhost:8080/./callback",
    "http://localhost:8080/%63allback",
    "http://localhost:8080%2fcallback",
    "http://localhost:8080/callback;x",
    "http://localhost:8080@evil.test/callback",
    "http://a@localhost:8080@evil.test/callback",
    "http://localhost:8080\\@evil.test/callback",
    "http://localhost:8080/callback\t",
    "http://localhost:8080/callback\r\nx: y",
    "http://localhost:8080/callback\0",
    "http://localhost:8080.evil.test/callback",
    "http://localhost:8081/callback",
    "http://localhost.evil.test:8080/callback",
    "http://127.0.0.1:8080/callback",
    "https://localhost:8080/callback",
    "//localhost:8080/callback",
];

#[tokio::test]
async fn an_unregistered_redirect_uri_is_refused_on_a_page_and_never_by_redirect() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        for uri in UNREGISTERED {
            let request = browser.request(&[("redirect_uri", uri)]);
            browser.get(&request).await.page(400, "invalid_request");
        }
        let _ = browser.log_in().await;
        for uri in UNREGISTERED {
            let request = browser.request(&[("redirect_uri", uri)]);
            browser.get(&request).await.page(400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn an_unregistered_redirect_uri_in_a_posted_request_leads_to_the_same_page() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    for uri in UNREGISTERED {
        let request = browser.parameters(&[("redirect_uri", uri)]);
        let next = browser.post("/authorize", &request).await.expect(303);
        assert!(next.header("location").starts_with("/authorize?"), "{next:?}");
        browser.get(next.header("location")).await.page(400, "invalid_request");
    }
}

#[tokio::test]
async fn an_unregistered_redirect_uri_at_the_forms_targets_is_refused_on_a_page() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let shown = browser.consent_page().await;
    for uri in UNREGISTERED {
        let query = encode(&browser.parameters(&[("redirect_uri", uri)]));
        let fields = [("continuation", shown.continuation.as_str()), ("decision", "allow")];
        let next = browser.post(&format!("/authorize/consent?{query}"), &fields).await.expect(303);
        assert!(next.header("location").starts_with("/authorize?"), "{next:?}");
        let fields = [("continuation", shown.continuation.as_str()), ("username", "an"), ("password", "kimbai-demo")];
        browser.post(&format!("/authorize/login?{query}"), &fields).await.page(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_code_is_not_redeemed_with_another_spelling_of_its_redirect_uri() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let code = at.code(&WEB, at.scope()).await;
    let redeem = async |uri: Option<&str>| {
        let mut form = vec![("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
        form.extend(uri.map(|uri| ("redirect_uri", uri)));
        at.token(&WEB, &form).await
    };
    for uri in UNREGISTERED {
        redeem(Some(uri)).await.refused(400, "invalid_grant");
    }
    redeem(None).await.refused(400, "invalid_grant");
    redeem(Some(CALLBACK)).await.expect(200);
}

#[tokio::test]
async fn only_the_port_of_a_registered_loopback_ip_may_vary() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    for (uri, expect) in [
        ("http://127.0.0.1/callback", true),
        ("http://127.0.0.1:51004/callback", true),
        ("http://[::1]:51004/callback", true),
        ("com.example.native:/callback", true),
        ("http://127.0.0.1:51004/other", false),
        ("http://127.0.0.1:51004/callback/", false),
        ("http://127.0.0.1:51004/callback?x", false),
        ("http://127.0.0.2/callback", false),
        ("http://127.1/callback", false),
        ("http://0x7f000001/callback", false),
        ("http://localhost/callback", false),
        ("http://localhost:51004/callback", false),
        ("http://127.0.0.1:80@evil.test/callback", false),
        ("http://127.0.0.1:65536/callback", false),
        ("http://[::1]:51004:1/callback", false),
        ("http://[0:0:0:0:0:0:0:1]/callback", false),
        ("com.example.native:/callback:1", false),
        ("COM.example.native:/callback", false),
    ] {
        let request = browser.request(&[("client_id", NATIVE.client_id), ("redirect_uri", uri)]);
        let answer = browser.get(&request).await;
        if expect {
            assert!(!form(&answer.expect(200)).continuation.is_empty());
        } else {
            answer.page(400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn the_redirect_uri_may_be_left_out_only_if_one_alone_is_registered() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let request = browser.request(&[("redirect_uri", ""), ("client_id", POST_APP.client_id)]);
    browser.get(&request).await.expect(200);
    let request = browser.request(&[("redirect_uri", "")]);
    browser.get(&request).await.page(400, "invalid_request");
}

#[tokio::test]
async fn a_parameter_given_twice_to_the_authorization_endpoint_is_refused() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        for (name, value) in browser.parameters(&[("response_mode", "query")]) {
            let query = encode(&[(name, value)]);
            let request = format!("{}&{query}", browser.request(&[("response_mode", "query")]));
            let answer = browser.get(&request).await;
            let in_both = browser.post(&format!("{}?{query}", at.authorize), &browser.parameters(&[])).await;
            for answer in if name == "response_mode" { vec![answer] } else { vec![answer, in_both] } {
                match name {
                    "client_id" => answer.page(400, "invalid_client"),
                    "redirect_uri" => answer.page(400, "invalid_request"),
                    _ => answer.redirected("invalid_request"),
                };
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_given_twice_or_in_query_and_body_is_an_invalid_request() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let all = [
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("scope", "order"),
            ("client_id", at.app().client_id),
            ("client_secret", at.app().client_secret),
            ("refresh_token", "x"),
        ];
        for (name, value) in all {
            let twice = [all.as_slice(), &[(name, value)]].concat();
            at.post(at.token, &twice).await.refused(400, "invalid_request");
            let one_empty = [all.as_slice(), &[(name, "")]].concat();
            at.post(at.token, &one_empty).await.refused(400, "invalid_request");
            let target = format!("{}?{}", at.token, encode(&[(name, value)]));
            at.post(&target, &all).await.refused(400, "invalid_request");
        }
        for path in [at.revoke, at.introspect] {
            for name in ["token", "token_type_hint", "client_id", "client_secret"] {
                let twice = [("token", "x"), ("client_id", "y"), (name, "z"), (name, "z")];
                at.post(path, &twice).await.refused(400, "invalid_request");
            }
            at.post(&format!("{path}?token=x"), &[("token", "x")]).await.refused(400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_parameter_in_the_query_of_a_token_request_is_not_read() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let code = at.code(&WEB, at.scope()).await;
    let target = format!("/token?{}", encode(&[("grant_type", "authorization_code"), ("code", &code)]));
    at.as_client(&WEB, &target, &[("redirect_uri", CALLBACK)]).await.refused(400, "invalid_request");
    at.redeem(&WEB, &code).await.expect(200);
}

#[tokio::test]
async fn an_empty_parameter_is_absent_and_an_unknown_one_is_ignored() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let more = [("response_mode", ""), ("nonce", ""), ("x", "1"), ("x", "2"), ("%", "%")];
        let mut browser = Browser::new(at);
        let request = browser.request(&more);
        browser.get(&request).await.expect(200);
        let code = at.code(at.app(), at.scope()).await;
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("scope", "")];
        fields.extend([("redirect_uri", CALLBACK), ("x", "1"), ("x", "2"), ("refresh_token", "")]);
        fields.push(("code_verifier", if at.is_marketplace() { "" } else { VERIFIER }));
        at.token(at.app(), &fields).await.expect(200);
        at.token(at.app(), &[("grant_type", "")]).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn no_url_that_runs_code_can_be_registered_in_any_field() {
    let sandbox = Sandbox::start().await;
    let realm = sandbox.realm(&sandbox.standard);
    let app = App { client_id: "new", ..WEB };
    let with_code = || metadata(&app, vec![GrantType::AuthorizationCode], "orders.read");
    for uri in ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "DATA:x", "vbscript:x", "VBScript:x"]
    {
        for metadata in [
            ClientMetadata { redirect_uris: vec![CALLBACK.to_owned(), uri.to_owned()], ..with_code() },
            ClientMetadata { logo_uri: Some(uri.to_owned()), ..with_code() },
            ClientMetadata { client_uri: Some(uri.to_owned()), ..with_code() },
        ] {
            let refused = sandbox.engine.put_client(&realm, new_client(&app, metadata)).await;
            assert!(refused.is_err(), "{uri}");
        }
    }
    assert!(realm.client("new").is_none());
    assert!(sandbox.engine.put_client(&realm, new_client(&app, with_code())).await.is_ok());
}
