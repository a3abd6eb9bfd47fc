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

/// The value of the cookie of this name. Browsers send `; ` between cookies, some programs `;` alone, and other servers of this host
/// have cookies whose bytes are no text: neither may cost us ours.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    values.find_map(|value| str::from_utf8(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_whatever_stands_between_cookies_and_in_others() {
        for (header, expect) in [
            (&b"ours=1"[..], Some("1")),
            (b"a=b; ours=1; c=d", Some("1")),
            (b"a=b;ours=1;c=d", Some("1")),
            (b"a=b;  ours=1 ;c", Some("1")),
            ("name=Ảnh; ours=1".as_bytes(), Some("1")),
            (b"name=\xff; ours=1", Some("1")),
            (b"ours=\xff; ours=1", Some("1")),
            (b"yours=1; ours2=1; ours =1", None),
            (b"ours", None),
            (b"", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_bytes(header).unwrap());
            assert_eq!(find(&headers, "ours"), expect, "{}", header.escape_ascii());
        }
    }

    #[test]
    fn cookies_may_come_in_several_headers() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b"));
        headers.append(COOKIE, HeaderValue::from_static("ours=1"));
        assert_eq!(find(&headers, "ours"), Some("1"));
    }
}
