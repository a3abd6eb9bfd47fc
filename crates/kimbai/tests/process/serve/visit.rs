//! A person and an app at a realm: log-in and consent through the pages, then the tokens.

use crate::browser::{Browser, parameter};
use crate::fixture::{Answer, Call};
use crate::secrets::Secrets;
use crate::tour::Tokens;

pub(super) const CALLBACK: &str = "http://localhost:8080/callback";
pub(super) const PASSWORD: &str = "mật khẩu của Ảnh";
pub(super) const WEB: (&str, &str) = ("web", "web-secret-0123456789-abcdef");
/// Acts for itself, and may introspect.
pub(super) const JOBS: (&str, &str) = ("jobs", "jobs-secret-0123456789-abcdef");
/// RFC 7636 appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What the first realm of an installation gets.
pub(super) const MANIFEST: &str = "\
[[realms.main.scopes]]
name = \"orders.read\"
description_vi = \"Xem đơn hàng của bạn\"
description_en = \"See your orders\"

[realms.main.clients.web]
client_name = \"Chợ Quê trên mạng\"
redirect_uris = [\"http://localhost:8080/callback\"]
scope = \"offline_access orders.read\"
client_secret = \"web-secret-0123456789-abcdef\"

[realms.main.clients.jobs]
scope = \"orders.read\"
client_secret = \"jobs-secret-0123456789-abcdef\"
resource_server = true

[realms.main.users.an]
name = \"Đặng Thị Ngọc Ảnh\"
sub = \"1\"
password = \"mật khẩu của Ảnh\"
";

/// An app at its realm.
#[derive(Debug, Clone)]
pub(super) struct App<'a> {
    /// Its `client_id` and secret.
    pub(super) client: (&'a str, &'a str),
    pub(super) scopes: &'a [&'a str],
    pub(super) authorize: &'a str,
    pub(super) token: &'a str,
}

impl App<'_> {
    /// The first one of the manifest.
    pub(super) const WEB: Self =
        App { client: WEB, scopes: &["offline_access", "orders.read"], authorize: "/authorize", token: "/token" };

    pub(super) fn authorization_request(&self) -> String {
        let form = [
            ("response_type", "code"),
            ("client_id", self.client.0),
            ("redirect_uri", CALLBACK),
            ("scope", &self.scopes.join(" ")),
            ("state", "AbCdEfGh"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        format!("{}?{query}", self.authorize)
    }

    /// Asks for the log-in page and sends name and password.
    pub(super) async fn try_password(&self, browser: &mut Browser, password: &str, secrets: &mut Secrets) -> Answer {
        let page = browser.get(&self.authorization_request(), secrets).await.expect(200);
        browser.submit(&page, &[("username", "an"), ("password", password)], secrets).await
    }

    /// Log-in, and consent if it is asked for: the answer that leads back to the app with a code.
    pub(super) async fn allowed(&self, browser: &mut Browser, password: &str, secrets: &mut Secrets) -> Answer {
        let next = self.try_password(browser, password, secrets).await.expect(303);
        let consent = browser.get(next.header("location"), secrets).await;
        if consent.status == 303 {
            return consent;
        }
        let ticked = self.scopes.iter().map(|scope| ("scope", *scope));
        let decision: Vec<_> = [("decision", "allow")].into_iter().chain(ticked).collect();
        browser.submit(&consent.expect(200), &decision, secrets).await.expect(303)
    }

    pub(super) async fn redeem(&self, browser: &mut Browser, code: &str, secrets: &mut Secrets) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        browser.send(Call::post(self.token, &form).by(self.client), secrets).await
    }

    /// All of it.
    pub(super) async fn log_in(&self, browser: &mut Browser, password: &str, secrets: &mut Secrets) -> Tokens {
        let led = self.allowed(browser, password, secrets).await;
        let code = parameter(&led, "code");
        secrets.add("code", &code);
        Tokens::of(&self.redeem(browser, &code, secrets).await.expect(200), secrets)
    }

    pub(super) fn refresh(&self, refresh_token: &str) -> Call {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        Call::post(self.token, &form).by(self.client)
    }
}

/// An app asks for a token of its own.
pub(super) fn client_credentials(client: (&str, &str)) -> Call {
    Call::post("/token", &[("grant_type", "client_credentials")]).by(client)
}

/// The resource server asks whether a token is active.
pub(super) fn introspection(token: &str) -> Call {
    Call::post("/introspect", &[("token", token)]).by(JOBS)
}
