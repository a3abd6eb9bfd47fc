//! Cookies: two a realm, host-only, `HttpOnly`, `SameSite=Lax` (RFC 6265).
//!
//! Their names contain the realm's, because cookies ignore ports; over https they are `__Host-` and Secure, on plain loopback
//! neither.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use kimbai_engine::{BrowserSecret, Realm, SessionSecret};

const BROWSER_LIFETIME_S: u32 = 400 * 86_400;

/// The two cookies of a request, as far as this realm sealed them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cookies {
    /// The browser.
    pub browser: Option<BrowserSecret>,
    /// Its session.
    pub session: Option<SessionSecret>,
}

impl Cookies {
    /// Reads the request's cookies.
    #[must_use]
    pub fn read(headers: &HeaderMap, realm: &Realm) -> Self {
        let value = |kind| find(headers, &name(realm, kind));
        Self {
            browser: value("browser").and_then(|value| BrowserSecret::open(realm, value)),
            session: value("session").and_then(|value| SessionSecret::open(realm, value)),
        }
    }
}

/// `Set-Cookie` of a browser, kept over log-in and log-out.
#[must_use]
pub fn set_browser(realm: &Realm, browser: &BrowserSecret) -> Option<HeaderValue> {
    set(realm, "browser", &browser.seal(realm), &format!("; Max-Age={BROWSER_LIFETIME_S}"))
}

/// `Set-Cookie` of a session, until the browser is closed or the session ends.
#[must_use]
pub fn set_session(realm: &Realm, session: &SessionSecret) -> Option<HeaderValue> {
    set(realm, "session", &session.seal(realm), "")
}

/// `Set-Cookie` that takes a session's cookie away.
#[must_use]
pub fn clear_session(realm: &Realm) -> Option<HeaderValue> {
    set(realm, "session", "", "; Max-Age=0")
}

fn set(realm: &Realm, kind: &str, value: &str, lifetime: &str) -> Option<HeaderValue> {
    let secure = if is_https(realm) { "; Secure" } else { "" };
    let cookie = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{lifetime}{secure}", name(realm, kind));
    HeaderValue::from_str(&cookie).ok()
}

fn name(realm: &Realm, kind: &str) -> String {
    let prefix = if is_https(realm) { "__Host-" } else { "" };
    format!("{prefix}kimbai-{}-{kind}", realm.name)
}

fn is_https(realm: &Realm) -> bool {
    realm.settings.issuer.starts_with("https://")
}

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split("; "))
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
