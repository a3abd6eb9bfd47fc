//! Secrets: in no cache, no log, no metric, no error, no list of requests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::fixture::exchange::SCOPES;
use crate::fixture::haravan::{HARAVAN_APP, INSTALL_SCOPE, Person, redeem};
use crate::fixture::{Answer, Browser, OTHER, PASSWORD, POST_APP, Sandbox, VERIFIER, form};

#[tokio::test]
async fn every_answer_with_a_secret_is_never_stored() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = browser.get(&browser.request(&[])).await.expect(200);
        let logged_in = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
        let asked = browser.get(logged_in.header("location")).await.expect(200);
        let scopes: Vec<_> = at.scope().split(' ').collect();
        let redirect = browser.decide(&form(&asked), "allow", &scopes).await.expect(303);
        assert_eq!(redirect.header("referrer-policy"), "no-referrer");
        let tokens = at.redeem(at.app(), &redirect.parameter("code")).await.expect(200);
        let refreshed = at.refresh(at.app(), &tokens.member("refresh_token")).await.expect(200);
        let credentials = at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.expect(200);
        let token = [("token", tokens.member("access_token"))];
        let token = [(token[0].0, token[0].1.as_str())];
        let introspected = at.as_client(at.resource_server(), at.introspect, &token).await.expect(200);
        let revoked = at.as_client(at.app(), at.revoke, &token).await.expect(200);
        let callback = at.get(&format!("/sandbox/callback?code={}", redirect.parameter("code"))).await.expect(200);
        for answer in
            [shown, logged_in, asked, redirect, tokens, refreshed, credentials, introspected, revoked, callback]
        {
            assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
            assert!(!answer.headers.contains_key("etag") && !answer.headers.contains_key("last-modified"));
        }
    }
}

#[tokio::test]
async fn a_refusal_does_not_repeat_what_was_sent() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let secret = "a-secret-that-was-sent-by-mistake";
        for name in
            ["grant_type", "code", "refresh_token", "client_id", "client_secret", "scope", "code_verifier", "token"]
        {
            let form = [("grant_type", "authorization_code"), ("code", "x")];
            let kept: Vec<_> = form.into_iter().filter(|(of, _)| *of != name).chain([(name, secret)]).collect();
            for path in [at.token, at.revoke, at.introspect] {
                for answer in [at.post(path, &kept).await, at.as_client(&OTHER, path, &kept).await] {
                    let headers = format!("{:?}", answer.headers);
                    assert!(!answer.body.contains(secret) && !headers.contains(secret), "{name}: {answer:?}");
                }
            }
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an answer carries that nobody else may read.
fn secrets_of(answer: &Answer, secrets: &mut Vec<String>) {
    secrets.extend(answer.cookies().iter().map(|cookie| {
        let (_, value) = cookie.split_once('=').unwrap();
        value.split(';').next().unwrap().to_owned()
    }));
    secrets.push(answer.parameter("code"));
    if answer.body.contains("name=\"continuation\"") {
        secrets.push(form(answer).continuation);
    }
    if answer.body.starts_with('{') {
        let json = answer.json();
        secrets.extend(
            ["access_token", "refresh_token", "code", "id_token"]
                .iter()
                .filter_map(|name| Some(json[name].as_str()?.to_owned())),
        );
    }
    secrets.retain(|secret| !secret.is_empty());
}

/// Walks through the pages and endpoints of Haravan, right and wrong; each answer that carries a secret is never stored.
async fn of_haravan(sandbox: &Sandbox, secrets: &mut Vec<String>) {
    let shops = sandbox.shops().await;
    let at = &shops.at;
    let mut chi = Person::new(at, "chi");
    let log_in = chi.browser.get(&chi.request(INSTALL_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&log_in), "chi", PASSWORD).await.expect(303);
    let asked = chi.browser.get(logged_in.header("location")).await.expect(200);
    let chosen = chi.choose(&asked, "other-shop").await.expect(303);
    let consent = chi.browser.get(chosen.header("location")).await.expect(200);
    let led = chi.browser.decide(&form(&consent), "allow", &[]).await.expect(303);
    let hybrid = [("response_type", "code id_token"), ("nonce", "n"), ("response_mode", "fragment")];
    let in_fragment = chi.walk(INSTALL_SCOPE, &hybrid).await.end.expect(303);
    secrets.extend([in_fragment.parameter("id_token"), in_fragment.parameter("code")]);
    let tokens = redeem(at, &led.parameter("code")).await.expect(200);
    redeem(at, &led.parameter("code")).await.refused(400, "invalid_grant");
    let refreshed = at.refresh(&HARAVAN_APP, &tokens.member("refresh_token")).await.expect(200);
    let hint = refreshed.member("id_token");
    let exchanged = shops.exchange(&SCOPES).await.expect(200);
    let pair = exchanged.pair();
    shops.use_token(&pair.access).await.expect(200);
    shops.use_token(&pair.refresh).await.unauthorized();
    shops.exchange(&[&pair.access, shops.demo]).await.says(422, "Unprocessable Entity");
    shops.exchange_at("demo-shop", &hint, &serde_json::json!({"secret_key": shops.other})).await.unauthorized();
    let posted = at.post("/account/logout", &[("id_token_hint", &hint)]).await.expect(303);
    let left = chi.browser.get(posted.header("location")).await.expect(200);
    let walked =
        [log_in, logged_in, asked, chosen, consent, led, in_fragment, tokens, refreshed, exchanged, posted, left];
    for answer in &walked {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        secrets_of(answer, secrets);
    }
    secrets.extend([hint, pair.access, pair.refresh, shops.demo.to_owned(), shops.other.to_owned()]);
    secrets.push(HARAVAN_APP.client_secret.to_owned());
    secrets.retain(|secret| !secret.is_empty());
}

#[tokio::test]
async fn no_secret_is_in_the_log_at_any_level_or_in_metrics() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    tracing::subscriber::set_global_default(subscriber.with_writer(move || writer.clone()).finish()).unwrap();
    let sandbox = Sandbox::start().await;
    let mut secrets = vec![PASSWORD.to_owned(), VERIFIER.to_owned(), "a-wrong-password-of-an".to_owned()];
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let mut answers = vec![browser.get(&browser.request(&[])).await.expect(200)];
        answers.push(browser.post_log_in(&form(&answers[0]), "an", "a-wrong-password-of-an").await.expect(200));
        answers.push(browser.post_log_in(&form(&answers[1]), "an", PASSWORD).await.expect(303));
        answers.push(browser.get(answers[2].header("location")).await.expect(200));
        let scopes: Vec<_> = at.scope().split(' ').collect();
        answers.push(browser.decide(&form(&answers[3]), "allow", &scopes).await.expect(303));
        let code = answers[4].parameter("code");
        answers.push(at.redeem(&OTHER, &code).await.refused(400, "invalid_grant"));
        answers.push(at.redeem(at.app(), &code).await.expect(200));
        answers.push(at.redeem(at.app(), &code).await.refused(400, "invalid_grant"));
        let (access_token, first) = (answers[6].member("access_token"), answers[6].member("refresh_token"));
        let _ = at.introspected(&access_token).await;
        answers.push(at.refresh(at.app(), &first).await.expect(200));
        answers.push(at.refresh(at.app(), &answers[8].member("refresh_token")).await.expect(200));
        answers.push(at.refresh(at.app(), &first).await.refused(400, "invalid_grant"));
        answers.push(at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.expect(200));
        answers.push(at.mint(&serde_json::json!({"client_id": OTHER.client_id, "user": "an", "scopes": []})).await);
        let _ = at.get(&format!("/sandbox/callback?code={code}&access_token={access_token}")).await;
        let _ = at
            .call("GET", "/integration/v2/sellers/me")
            .header("authorization", &format!("Bearer {first}"))
            .send()
            .await;
        let _ = at.get(&format!("{}?client_secret={}&code={code}", at.token, OTHER.client_secret)).await;
        let _ = browser.get(&browser.request(&[("redirect_uri", "https://evil.test/?code=x")])).await;
        for answer in &answers {
            secrets_of(answer, &mut secrets);
        }
        let clients = [at.app(), at.resource_server(), &OTHER, &POST_APP];
        secrets.extend(clients.map(|app| app.client_secret.to_owned()));
    }
    of_haravan(&sandbox, &mut secrets).await;
    let metrics = sandbox.operator.get("/metrics").await.expect(200).body;
    let mut written = log.0.lock().unwrap().clone();
    written.extend(metrics.as_bytes());
    let written = String::from_utf8_lossy(&written);
    assert!(
        written.contains("kimbai::access") && written.contains("the code was redeemed before"),
        "nothing was logged"
    );
    assert!(secrets.len() > 30, "{secrets:?}");
    for secret in secrets {
        assert!(!written.contains(&secret), "{secret} is in the log");
    }
}
