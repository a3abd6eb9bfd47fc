//! What the sandbox serves beside its realms, and the operator's listener.

use serde_json::{Value, json};

use crate::fixture::{Answer, At, Browser, CALLBACK, CHALLENGE, SERVICE, SPA, Sandbox, VERIFIER, WEB};

async fn advance(at: &At, body: &Value) -> Answer {
    at.call("POST", "/sandbox/clock").body(body.to_string().as_bytes()).send().await
}

async fn requests(at: &At) -> Vec<Value> {
    at.get("/sandbox/requests").await.expect(200).json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_code_without_pages_is_redeemed_like_any_other() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let answer = at.mint(&json!({"client_id": at.app().client_id, "user": "an", "scopes": []})).await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let fields = [("grant_type", "authorization_code"), ("code", &answer.member("code"))];
        at.token(at.app(), &fields).await.expect(200);
    }
    let at = &sandbox.standard;
    let wanted = json!({"client_id": "demo-spa", "user": "AN", "scopes": ["email"], "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE});
    let mut without = wanted.clone();
    without.as_object_mut().unwrap().remove("code_challenge");
    let refused = at.mint(&without).await.expect(400);
    assert!(refused.body.contains("a public client must use PKCE"), "{refused:?}");
    let code = at.mint(&wanted).await.expect(200).member("code");
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let fields = [fields.as_slice(), &[("code_verifier", VERIFIER)]].concat();
    assert_eq!(at.token(&SPA, &fields).await.expect(200).member("scope"), "email");
}

#[tokio::test]
async fn a_code_without_pages_is_refused_for_what_no_page_would_allow() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let right = json!({"client_id": at.app().client_id, "user": "an", "scopes": []});
        for (member, value) in [
            ("client_id", json!("nobody")),
            ("client_id", json!(at.resource_server().client_id)),
            ("user", json!("nobody")),
            ("scopes", json!(["unheard-of"])),
            ("scopes", json!("order")),
            ("redirect_uri", json!("https://evil.test/")),
            ("code_challenge", json!("x")),
            ("unknown", json!(1)),
        ] {
            let mut wanted = right.clone();
            wanted[member] = value;
            at.mint(&wanted).await.refused(400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn the_clock_moves_for_all_realms_and_not_by_more_than_a_century() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let token = at.tokens(at.app()).await.member("access_token");
    let before = advance(&sandbox.standard, &json!({"advance_s": 0})).await.expect(200).json()["now"].as_u64().unwrap();
    let after = advance(&sandbox.standard, &json!({"advance_s": 3_600})).await.expect(200).json()["now"].as_u64();
    assert!((3_600..3_700).contains(&(after.unwrap() - before)));
    assert!(!at.works(&token).await);
    for body in [json!({"advance_s": 1e20}), json!({"advance_s": 3_153_600_001_i64}), json!({}), json!("1")] {
        advance(at, &body).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_clock_moved_by_centuries_is_no_failure() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for advance_s in [3_153_600_000_i64, 3_153_600_000, 3_153_600_000, -3_153_600_000] {
            for _ in 0..3 {
                advance(at, &json!({"advance_s": advance_s})).await.expect(200);
                let code = at.code(at.app(), at.scope()).await;
                let answer = at.redeem(at.app(), &code).await;
                assert!(answer.status < 500, "{answer:?}");
                let mut browser = Browser::new(at);
                assert!(browser.get(&browser.request(&[])).await.status < 500);
            }
        }
    }
}

#[tokio::test]
async fn requests_tells_why_newest_first_and_shows_no_secret() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        at.redeem(at.app(), &code).await.expect(200);
        let again = at.redeem(at.app(), &code).await.refused(400, "invalid_grant");
        let _ = at.get(&format!("/sandbox/callback?code={code}&state=secret-state")).await.expect(200);
        let list = requests(at).await;
        assert!(
            list[0]["path"].as_str().unwrap().starts_with("/sandbox/callback?code=[87 characters, ")
                || !at.is_marketplace()
        );
        let refused = &list[1];
        assert_eq!((refused["id"].as_str(), &refused["status"]), (Some(again.header("x-request-id")), &400.into()));
        assert_eq!((&refused["method"], &refused["path"]), (&"POST".into(), &at.token.into()));
        assert_eq!(refused["reason"], "the code was redeemed before");
        for member in ["at", "mistake", "explanation"] {
            assert!(refused[member].as_str().is_some_and(|text| !text.is_empty()), "{refused}");
        }
        assert!(list[2]["reason"].is_null());
        let text = serde_json::to_string(&list).unwrap();
        let page = at.call("GET", "/sandbox/requests").header("accept", "text/html").send().await.expect(200);
        for secret in [code.as_str(), "secret-state", at.app().client_secret] {
            assert!(!text.contains(secret) && !page.body.contains(secret), "{secret}");
        }
        assert!(page.body.contains("the code was redeemed before"));
    }
}

#[tokio::test]
async fn requests_keeps_the_last_200() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for number in 0..205 {
        let _ = at.call("GET", "/nothing").header("x-request-id", &number.to_string()).send().await;
    }
    let list = requests(at).await;
    assert_eq!((list.len(), list[0]["id"].as_str(), list[199]["id"].as_str()), (200, Some("204"), Some("5")));
}

#[tokio::test]
async fn the_callback_shows_the_code_with_its_next_command_or_the_error() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        let page = at.get(&format!("/sandbox/callback?code={code}&state=x")).await.expect(200);
        assert!(page.body.contains(&code) && page.body.contains("id=\"command\"") && page.body.contains("curl -s"));
        assert!(page.body.contains(at.app().client_secret), "the demo's own secret is in the command");
        let error = at.get("/sandbox/callback?error=access_denied&error_description=No.").await.expect(200);
        assert!(error.body.contains("<code class=\"copy\" id=\"error\">access_denied</code>"), "{error:?}");
        at.get("/sandbox/callback").await.expect(200);
        let foreign = at.get("/sandbox/callback?code=$(reboot)").await.expect(200);
        assert!(!foreign.body.contains("-d code=$("), "{foreign:?}");
    }
}

#[tokio::test]
async fn every_demo_client_with_redirect_uris_has_the_callback() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let uri = format!("{}/sandbox/callback", at.issuer);
        let request = browser.request(&[("redirect_uri", &uri)]);
        browser.get(&request).await.expect(200);
    }
}

#[tokio::test]
async fn the_index_is_the_table_of_the_realm() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let page = at.get("/").await.expect(200);
        for shown in [at.app().client_id, at.app().client_secret, "binh", "kimbai-demo", at.issuer.as_str()] {
            assert!(page.body.contains(shown), "{shown}");
        }
    }
}

#[tokio::test]
async fn in_production_none_of_it_is_there_and_all_else_is_the_same() {
    let sandbox = Sandbox::start().await;
    let (here, production) = (&sandbox.standard, sandbox.production().await);
    for path in ["/", "/sandbox/callback", "/sandbox/code", "/sandbox/clock", "/sandbox/requests", "/floor"] {
        for method in ["GET", "POST"] {
            production.call(method, path).body(b"{}").send().await.refused(404, "not_found");
        }
    }
    let ask = async |at: &At| {
        let mut browser = Browser::new(at);
        let (unknown, refused) = (browser.request(&[("client_id", "x")]), browser.request(&[("scope", "x")]));
        let answers = [
            at.refresh(&WEB, "x").await,
            at.post(at.token, &[]).await,
            at.get(at.token).await,
            at.get("/nothing").await,
            browser.get(&unknown).await,
            browser.get(&refused).await,
        ];
        let port = at.address.port().to_string();
        answers.map(|answer| answer.fixed().replace(&port, "PORT").replace(at.name, "REALM"))
    };
    assert_eq!(ask(here).await, ask(&production).await);
}

#[tokio::test]
async fn the_operator_sees_health_and_counts_and_nothing_else() {
    let sandbox = Sandbox::start().await;
    let operator = &sandbox.operator;
    assert_eq!(operator.get("/healthz").await.expect(200).body, "alive\n");
    assert_eq!(operator.get("/readyz").await.expect(200).body, "ready\n");
    let at = &sandbox.standard;
    let first = at.tokens(&WEB).await.member("refresh_token");
    at.refresh(&WEB, &first).await.expect(200);
    at.refresh(&WEB, &first).await.expect(200);
    at.refresh(&WEB, "x").await.refused(400, "invalid_grant");
    at.token(&SERVICE, &[("grant_type", "client_credentials")]).await.expect(200);
    let metrics = operator.get("/metrics").await.expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"), "{metrics:?}");
    for line in [
        "kimbai_requests_total{realm=\"standard\",endpoint=\"Token\",outcome=\"Answered\"} 4",
        "kimbai_requests_total{realm=\"standard\",endpoint=\"Token\",outcome=\"Refused\"} 1",
        "kimbai_refusals_total{realm=\"standard\",reason=\"forged\"} 1",
        "kimbai_refresh_answers_repeated_total{realm=\"standard\"} 1",
        "kimbai_requests_total{realm=\"marketplace\",endpoint=\"Token\",outcome=\"Answered\"} 0",
    ] {
        assert!(metrics.body.contains(line), "{line} in {}", metrics.body);
    }
    assert!(metrics.body.ends_with("# EOF\n"));
    for path in ["/", "/token", "/authorize", "/sandbox/requests", "/healthz/"] {
        operator.get(path).await.expect(404);
    }
    let post = operator.call("POST", "/healthz").send().await.expect(405);
    assert_eq!(post.header("allow"), "GET, HEAD");
    assert_eq!(operator.call("HEAD", "/readyz").send().await.expect(200).body, "");
    for path in ["/healthz", "/readyz", "/metrics"] {
        at.get(path).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_page_of_another_site_moves_no_clock_and_gets_no_code() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for (origin, status) in [("http://evil.test", 400), ("null", 400), (at.issuer.as_str(), 200)] {
            let clock = at.call("POST", "/sandbox/clock").header("origin", origin).body(br#"{"advance_s":1}"#);
            clock.send().await.expect(status);
            let wanted = json!({ "client_id": at.app().client_id, "user": "an", "scopes": [] }).to_string();
            let code = at.call("POST", "/sandbox/code").header("origin", origin).body(wanted.as_bytes());
            code.send().await.expect(status);
        }
    }
}
