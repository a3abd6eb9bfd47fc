//! Redirect URIs: what may be registered, and when a requested one is a registered one.
//!
//! Compared byte for byte before any decoding; only the port of a loopback IP literal may vary (RFC 8252 section 7.3).

use url::{Host, Url};

/// Why a URI cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It is not an absolute URI of visible ASCII characters.
    #[error("it is not an absolute URI")]
    Malformed,
    /// Its scheme runs code, reads files, or is http to another machine.
    #[error("its scheme is not allowed: use https, http to this machine, or a private scheme with a dot in it")]
    Scheme,
    /// It has a fragment (RFC 6749 section 3.1.2).
    #[error("it has a fragment")]
    Fragment,
    /// It carries a user name or password.
    #[error("it has a user name or password")]
    UserInfo,
    /// It has a wildcard, a backslash or dot segments, which programs read in different ways.
    #[error("it has a wildcard, a backslash or a dot segment")]
    Ambiguous,
    /// Its host has a character that ends a source of a content security policy, or is none of a host.
    #[error("its host has other characters than letters, digits, dots, hyphens and underscores")]
    Host,
    /// It is more than an origin, or spelt otherwise than browsers spell it.
    #[error("it is not an origin: scheme, host and port in lower case, without a path")]
    Origin,
}

/// Checks a redirect URI at registration.
///
/// # Errors
/// [`UriError`]: why it is refused.
pub fn check_redirect_uri(uri: &str) -> Result<(), UriError> {
    let url = check_shape(uri)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        // RFC 8252 section 7.1: a private-use scheme is a reversed domain name.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(UriError::Scheme),
    }
}

/// Checks a URI that is shown as a link or an image: logo, home page, policy.
///
/// # Errors
/// [`UriError`]: why it is refused.
pub fn check_web_uri(uri: &str) -> Result<(), UriError> {
    let url = check_shape(uri)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err(UriError::Scheme),
    }
}

/// Checks a web origin (RFC 6454 section 6.2) that may call us from a page: spelt as browsers spell it, never `null`.
///
/// # Errors
/// [`UriError`]: why it is refused.
pub fn check_origin(origin: &str) -> Result<(), UriError> {
    check_web_uri(origin)?;
    let url = check_shape(origin)?;
    if url.origin().ascii_serialization() == origin { Ok(()) } else { Err(UriError::Origin) }
}

/// The web origin of an http(s) URI, as browsers write it (RFC 6454 section 6.2).
#[must_use]
pub fn origin_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin().ascii_serialization())
}

/// Whether a requested redirect URI is one of the registered ones.
#[must_use]
pub fn is_registered(registered: &[String], requested: &str) -> bool {
    registered.iter().any(|uri| uri == requested || differs_in_loopback_port(uri, requested))
}

fn check_shape(uri: &str) -> Result<Url, UriError> {
    if uri.len() > 2048 || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UriError::Malformed);
    }
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    if uri.contains(['*', '\\']) || path.split('/').any(is_dot_segment) {
        return Err(UriError::Ambiguous);
    }
    let url = Url::parse(uri).map_err(|_| UriError::Malformed)?;
    if url.fragment().is_some() {
        return Err(UriError::Fragment);
    }
    // The parser drops an empty user name and says nothing of it.
    let authority = path.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(UriError::UserInfo);
    }
    // The parser lets `;`, `,` and quotes through, and hosts become sources of a policy.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if matches!(url.host(), Some(Host::Domain(name)) if !name.bytes().all(is_plain)) {
        return Err(UriError::Host);
    }
    Ok(url)
}

fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        None => false,
    }
}

fn differs_in_loopback_port(registered: &str, requested: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].into_iter().any(|origin| {
        let rest = |uri: &'_ str| uri.strip_prefix(origin).and_then(without_port).map(str::to_owned);
        matches!((rest(registered), rest(requested)), (Some(a), Some(b)) if a == b)
    })
}

/// What follows the authority, if the authority ends after at most a port.
fn without_port(after_host: &str) -> Option<&str> {
    let rest = match after_host.strip_prefix(':') {
        None => after_host,
        Some(port_on) => {
            let end = port_on.find(|character: char| !character.is_ascii_digit()).unwrap_or(port_on.len());
            let (port, rest) = port_on.split_at_checked(end)?;
            port.parse::<u16>().ok().filter(|port| *port != 0)?;
            rest
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for (uri, expect) in [
            ("https://example.com/tiki/callback", Ok(())),
            ("https://example.com/cb?tenant=1", Ok(())),
            ("http://localhost:8080/callback", Ok(())),
            ("http://127.0.0.1/cb", Ok(())),
            ("http://[::1]:9/cb", Ok(())),
            ("com.example.app:/callback", Ok(())),
            ("http://example.com/cb", Err(UriError::Scheme)),
            ("http://127.0.0.1.evil.test/cb", Err(UriError::Scheme)),
            ("javascript:alert(1)", Err(UriError::Scheme)),
            ("JaVaScRiPt:alert(1)", Err(UriError::Scheme)),
            ("data:text/html,x", Err(UriError::Scheme)),
            ("vbscript:x", Err(UriError::Scheme)),
            ("file:///etc/passwd", Err(UriError::Scheme)),
            ("myapp:/cb", Err(UriError::Scheme)),
            ("/callback", Err(UriError::Malformed)),
            ("https://example.com/cb#x", Err(UriError::Fragment)),
            ("https://a@example.com/cb", Err(UriError::UserInfo)),
            ("https://*.example.com/cb", Err(UriError::Ambiguous)),
            ("https://@example.com/cb", Err(UriError::UserInfo)),
            ("https://:@example.com/cb", Err(UriError::UserInfo)),
            ("https://example.com/@cb", Ok(())),
            ("https://a_b.example-1.com/cb", Ok(())),
            ("https://a;sandbox/cb", Err(UriError::Host)),
            ("https://a,b/cb", Err(UriError::Host)),
            ("https://'unsafe-inline'/cb", Err(UriError::Host)),
            ("https://example.com/a/../cb", Err(UriError::Ambiguous)),
            ("https://example.com/a/..?x", Err(UriError::Ambiguous)),
            ("https://example.com/a/.", Err(UriError::Ambiguous)),
            ("https://example.com/a/%2E%2e/cb", Err(UriError::Ambiguous)),
            ("https://example.com/a...b/.c?d=../e", Ok(())),
            ("https:\\\\example.com", Err(UriError::Ambiguous)),
            ("https://example.com/a b", Err(UriError::Malformed)),
            ("https://example.com/\u{0}", Err(UriError::Malformed)),
        ] {
            assert_eq!(check_redirect_uri(uri), expect, "{uri}");
        }
    }

    #[test]
    fn a_link_is_never_a_scheme_that_runs_code() {
        for uri in ["javascript:alert(1)", "DATA:text/html,x", "vbscript:x", "com.example.app:/x"] {
            assert_eq!(check_web_uri(uri), Err(UriError::Scheme), "{uri}");
        }
        assert_eq!(check_web_uri("https://example.com/"), Ok(()));
    }

    #[test]
    fn an_origin_is_spelt_as_browsers_spell_it() {
        for (origin, expect) in [
            ("https://example.com", Ok(())),
            ("https://example.com:8443", Ok(())),
            ("http://localhost:8080", Ok(())),
            ("http://[::1]:8080", Ok(())),
            ("https://example.com/", Err(UriError::Origin)),
            ("https://example.com:443", Err(UriError::Origin)),
            ("https://Example.com", Err(UriError::Origin)),
            ("https://example.com?x", Err(UriError::Origin)),
            ("http://example.com", Err(UriError::Scheme)),
            ("https://*.example.com", Err(UriError::Ambiguous)),
            ("https://a@example.com", Err(UriError::UserInfo)),
            ("null", Err(UriError::Malformed)),
            ("*", Err(UriError::Ambiguous)),
            ("", Err(UriError::Malformed)),
        ] {
            assert_eq!(check_origin(origin), expect, "{origin}");
        }
    }

    #[test]
    fn redirect_uris_are_compared_byte_for_byte() {
        let registered = vec!["https://ok.test/cb".to_owned()];
        assert!(is_registered(&registered, "https://ok.test/cb"));
        for requested in [
            "https://OK.test/cb",
            "HTTPS://ok.test/cb",
            "https://ok.test/CB",
            "https://ok.test/cb/",
            "https://ok.test/cb?x=1",
            "https://ok.test/cb#",
            "https://ok.test/x/../cb",
            "https://ok.test%2fcb",
            "https://ok.test/cb;x",
            "https://ok.test@evil.test/cb",
            "https://ok.test:443/cb",
            "https://ok.test\\cb",
            "https://ok.test/cb\t",
            "https://ok.test/cb\r",
            "https://ok.test/cb\0",
            "https://ok.test.evil.test/cb",
            "https://ok.test/c",
            "//ok.test/cb",
            "",
        ] {
            assert!(!is_registered(&registered, requested), "{requested:?}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_ip_may_vary() {
        let registered = vec![
            "http://127.0.0.1:80/cb".to_owned(),
            "http://[::1]/cb?a".to_owned(),
            "http://localhost:1/cb".to_owned(),
        ];
        for (requested, expect) in [
            ("http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1/cb", true),
            ("http://[::1]:51004/cb?a", true),
            ("http://localhost:51004/cb", false),
            ("http://127.0.0.1:51004/other", false),
            ("http://127.0.0.1:51004/cb/", false),
            ("http://127.0.0.1:0/cb", false),
            ("http://127.0.0.1:65536/cb", false),
            ("http://127.0.0.1:80@evil.test/cb", false),
            ("http://127.0.0.1.evil.test/cb", false),
            ("http://127.0.0.2:80/cb", false),
            ("https://127.0.0.1:80/cb", false),
        ] {
            assert_eq!(is_registered(&registered, requested), expect, "{requested}");
        }
    }
}
