//! Everything that can be done with the two realms, right and wrong, with all that is said in confidence on the way.

use serde_json::json;

use crate::browser::{Browser, parameter};
use crate::fixture::{Answer, Call, IN_HOUSE, SELLER, Sandbox};
use crate::secrets::Secrets;

const CALLBACK: &str = "http://localhost:8080/callback";
const PASSWORD: &str = "kimbai-demo";
const WEB: (&str, &str) = ("demo-web", "demo-web-secret-0123456789abcdef");
const SERVICE: (&str, &str) = ("demo-service", "demo-service-secret-0123456789ab");
/// Of people who mistyped theirs.
const WRONG_PASSWORD: &str = "sai mật khẩu/9+9=18";
const WRONG_SECRET: &str = "wrong-secret-of-an-app-0123456789";
/// RFC 7636 appendix B, and one that does not fit.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const WRONG_VERIFIER: &str = "another-verifier-that-nobody-chose-0123456789";
const STATE: &str = "AbCdEfGh";

/// A grant of the seller, as its app knows it.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer, secrets: &mut Secrets) -> Self {
        let (access_token, refresh_token) = (answer.member("access_token"), answer.member("refresh_token"));
        secrets.add("access_token", &access_token);
        secrets.add("refresh_token", &refresh_token);
        Self { access_token, refresh_token }
    }
}

/// Log-in and consent through the pages, then the tokens.
pub(crate) async fn log_in(sandbox: &Sandbox, browser: &mut Browser, secrets: &mut Secrets) -> Tokens {
    for client in [SELLER, IN_HOUSE, WEB, SERVICE] {
        secrets.add_client(client);
    }
    secrets.add("password", PASSWORD);
    secrets.add("password", WRONG_PASSWORD);
    let page = browser.get(&authorization_request(), secrets).await.expect(200);
    let again = browser.submit(&page, &[("username", "an"), ("password", WRONG_PASSWORD)], secrets).await.expect(200);
    let next = browser.submit(&again, &[("username", "an"), ("password", PASSWORD)], secrets).await.expect(303);
    let consent = browser.get(next.header("location"), secrets).await.expect(200);
    let led = browser.submit(&consent, &[("decision", "allow")], secrets).await.expect(303);
    let code = parameter(&led, "code");
    secrets.add("code", &code);
    // The documented request: the Basic header, and the client_id in the body as well.
    let form =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK), ("client_id", SELLER.0)];
    let answer = token(sandbox, &form).await.expect(200);
    token(sandbox, &form).await.expect(400);
    Tokens::of(&answer, secrets)
}

pub(crate) fn authorization_request() -> String {
    let form = [
        ("response_type", "code"),
        ("client_id", SELLER.0),
        ("redirect_uri", CALLBACK),
        ("scope", "offline order"),
        ("state", STATE),
    ];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    format!("/sc/oauth2/auth?{query}")
}

pub(crate) async fn token(sandbox: &Sandbox, form: &[(&str, &str)]) -> Answer {
    sandbox.send(sandbox.marketplace(), &Call::post("/sc/oauth2/token", form).by(SELLER)).await
}

pub(crate) async fn refresh(sandbox: &Sandbox, refresh_token: &str) -> Answer {
    token(sandbox, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

/// Whether the in-house app is told that a token is active.
pub(crate) async fn is_active(sandbox: &Sandbox, token: &str) -> bool {
    let form = [("token", token), ("client_id", IN_HOUSE.0), ("client_secret", IN_HOUSE.1)];
    let answer = sandbox.send(sandbox.marketplace(), &Call::post("/sc/oauth2/introspect", &form)).await.expect(200);
    answer.body.contains("\"active\":true")
}

/// The whole tour.
pub(crate) async fn everything(sandbox: &Sandbox) -> Secrets {
    let mut secrets = Secrets::default();
    let mut browser = Browser::new(sandbox.marketplace());
    let tokens = log_in(sandbox, &mut browser, &mut secrets).await;
    refreshing(sandbox, &tokens, &mut secrets).await;
    browsing(sandbox, &mut browser, &mut secrets).await;
    revoking(sandbox, &mut secrets).await;
    standard_realm(sandbox, &mut secrets).await;
    mistakes_of_clients(sandbox, &mut secrets).await;
    misplaced(sandbox, &mut secrets).await;
    secrets
}

/// Refresh, the same again, the next, and the first once more.
async fn refreshing(sandbox: &Sandbox, first: &Tokens, secrets: &mut Secrets) {
    let second = Tokens::of(&refresh(sandbox, &first.refresh_token).await.expect(200), secrets);
    let again = Tokens::of(&refresh(sandbox, &first.refresh_token).await.expect(200), secrets);
    assert_eq!(second.refresh_token, again.refresh_token);
    let seller = Call::get("/integration/v2/sellers/me");
    let bearer = seller.clone().header("authorization", &format!("Bearer {}", second.access_token));
    sandbox.send(sandbox.marketplace(), &bearer).await.expect(200);
    let third = Tokens::of(&refresh(sandbox, &second.refresh_token).await.expect(200), secrets);
    assert!(is_active(sandbox, &third.access_token).await);
    refresh(sandbox, &first.refresh_token).await.expect(400);
    refresh(sandbox, &third.refresh_token).await.expect(400);
    assert!(!is_active(sandbox, &third.access_token).await);
    sandbox.send(sandbox.marketplace(), &bearer).await.expect(401);
}

/// What a browser brings that it should not.
async fn browsing(sandbox: &Sandbox, browser: &mut Browser, secrets: &mut Secrets) {
    let led = browser.get(&authorization_request(), secrets).await.expect(303);
    let code = parameter(&led, "code");
    secrets.add("code", &code);
    browser.get(&format!("/sandbox/callback?code={code}&state={STATE}"), secrets).await.expect(200);
    browser.get(&format!("/sandbox/callback?code={code}&code={code}"), secrets).await.expect(200);
    // Another browser's form, and cookies that were changed.
    let mut other = Browser::new(sandbox.marketplace());
    let page = other.get(&authorization_request(), secrets).await.expect(200);
    let stale = browser.submit(&page, &[("username", "an"), ("password", PASSWORD)], secrets).await;
    assert_eq!(stale.status, 400);
    for value in other.cookies.values_mut() {
        *value = format!("{}changed", &value[..value.len() - 7]);
        secrets.add("changed cookie", value);
    }
    other.get(&authorization_request(), secrets).await.expect(200);
    // A name that does not exist, with a password that may be somebody's.
    let page = other.get(&authorization_request(), secrets).await.expect(200);
    other.submit(&page, &[("username", "nobody"), ("password", "nobody's own password")], secrets).await.expect(200);
    secrets.add("password", "nobody's own password");
}

async fn revoking(sandbox: &Sandbox, secrets: &mut Secrets) {
    let port = sandbox.marketplace();
    let wanted = json!({"client_id": SELLER.0, "user": "binh", "scopes": ["offline", "product"]});
    let code = sandbox.send(port, &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
    secrets.add("code", &code);
    let answer = token(sandbox, &[("grant_type", "authorization_code"), ("code", &code)]).await.expect(200);
    let tokens = Tokens::of(&answer, secrets);
    for token in [&tokens.access_token, &tokens.refresh_token] {
        let form = [("token", token.as_str()), ("token_type_hint", "access_token")];
        sandbox.send(port, &Call::post("/sc/oauth2/revoke", &form).by(SELLER)).await.expect(200);
        assert!(!is_active(sandbox, token).await);
    }
    refresh(sandbox, &tokens.refresh_token).await.expect(400);
    let form = [("grant_type", "client_credentials"), ("client_id", IN_HOUSE.0), ("client_secret", IN_HOUSE.1)];
    let answer = sandbox.send(port, &Call::post("/sc/oauth2/token", &form)).await.expect(200);
    secrets.add("access_token", &answer.member("access_token"));
    assert!(is_active(sandbox, &answer.member("access_token")).await);
}

/// PKCE, a public client, and introspection by header.
async fn standard_realm(sandbox: &Sandbox, secrets: &mut Secrets) {
    let port = sandbox.port_base;
    secrets.add("code_verifier", VERIFIER);
    secrets.add("code_verifier", WRONG_VERIFIER);
    let scopes = ["offline_access", "orders.read"];
    let wanted = json!({"client_id": "demo-spa", "user": "chi", "scopes": scopes, "code_challenge": CHALLENGE});
    let code = sandbox.send(port, &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
    secrets.add("code", &code);
    let mut answer = None;
    for (verifier, status) in [(WRONG_VERIFIER, 400), ("too-short", 400), (VERIFIER, 200)] {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", "demo-spa"),
            ("code_verifier", verifier),
        ];
        answer = Some(sandbox.send(port, &Call::post("/token", &form)).await.expect(status));
    }
    let tokens = Tokens::of(&answer.unwrap(), secrets);
    let question = Call::post("/introspect", &[("token", &tokens.access_token)]);
    sandbox.send(port, &question.clone().by(SERVICE)).await.expect(200);
    sandbox.send(port, &question.clone().by((SERVICE.0, WRONG_SECRET))).await.expect(401);
    sandbox.send(port, &question.by(WEB)).await;
    // A token of one realm at the other.
    refresh(sandbox, &tokens.refresh_token).await.expect(400);
    assert!(!is_active(sandbox, &tokens.access_token).await);
}

/// Secrets that are wrong, or sent in a wrong way.
async fn mistakes_of_clients(sandbox: &Sandbox, secrets: &mut Secrets) {
    secrets.add_client((SELLER.0, WRONG_SECRET));
    secrets.add_client(("no-such-app", WRONG_SECRET));
    let (port, path) = (sandbox.marketplace(), "/sc/oauth2/token");
    let wanted = json!({"client_id": SELLER.0, "user": "an", "scopes": ["offline"]});
    let code = sandbox.send(port, &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
    secrets.add("code", &code);
    let cut = &code[..code.len() - 1];
    secrets.add("code cut short", cut);
    let form = [("grant_type", "authorization_code"), ("code", cut)];
    for client in [SELLER, (SELLER.0, WRONG_SECRET), ("no-such-app", WRONG_SECRET)] {
        let answer = sandbox.send(port, &Call::post(path, &form).by(client)).await;
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    }
    let in_body = [("client_id", SELLER.0), ("client_secret", SELLER.1)];
    let both = [form.as_slice(), &in_body].concat();
    sandbox.send(port, &Call::post(path, &both)).await.expect(401);
    sandbox.send(port, &Call::post(path, &both).by(SELLER)).await.expect(401);
    sandbox.send(port, &Call::post(path, &[form.as_slice(), &form].concat()).by(SELLER)).await.expect(400);
    for header in [
        "Basic !!!tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew",
        "Basic dGZTbDBjNlZGdjNmQUJfejlGLW0yMkloRW5td3E2ZXc=",
        "Bearer tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew",
        "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew",
    ] {
        let answer = sandbox.send(port, &Call::post(path, &form).header("authorization", header)).await;
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    }
}

/// Secrets where none belong: in a query, in a body of another type, in a method that takes none.
async fn misplaced(sandbox: &Sandbox, secrets: &mut Secrets) {
    let wanted = json!({"client_id": SELLER.0, "user": "an", "scopes": ["offline"]});
    let port = sandbox.marketplace();
    let code = sandbox.send(port, &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
    secrets.add("code", &code);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_secret", SELLER.1), ("code", &code), ("code_verifier", VERIFIER), ("token", &code)])
        .extend_pairs([("password", PASSWORD), ("refresh_token", &code), ("access_token", &code)])
        .extend_pairs([("grant_type", "authorization_code")])
        .finish();
    for path in ["/sc/oauth2/token", "/sc/oauth2/auth", "/sc/oauth2/revoke", "/sandbox/callback", "/nowhere", "/"] {
        let target = format!("{path}?{query}");
        let _ = sandbox.send(port, &Call::get(&target)).await;
        let _ = sandbox.send(port, &Call::post(&target, &[("code", &code)]).by(SELLER)).await;
        // A query that is not UTF-8 cannot be masked parameter by parameter.
        let _ = sandbox.send(port, &Call::get(&format!("{target}&%ff=1"))).await;
        let _ = sandbox.send(port, &Call::get(&format!("{target}&state=%ff"))).await;
    }
    let body = json!({"grant_type": "authorization_code", "code": code, "client_secret": SELLER.1});
    sandbox.send(port, &Call::json("/sc/oauth2/token", &body)).await.expect(415);
    sandbox.send(port, &Call::json("/sandbox/code", &body)).await.expect(400);
    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nauthorization_code\r\n\
         --x\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n{code}\r\n--x--\r\n"
    );
    let call = Call::typed("/sc/oauth2/token", "multipart/form-data; boundary=x", multipart).by(SELLER);
    let answer = sandbox.send(port, &call).await.expect(200);
    let _ = Tokens::of(&answer, secrets);
}
