//! The host of a realm: the request's one `Host` must be its issuer's; for an issuer on loopback, any loopback name on its port.
//!
//! The issuer is configured; nothing but the choice of the realm follows the `Host` header.

use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};
use url::Url;

/// The host and port that a realm's requests must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmHost {
    name: String,
    port: u16,
    default_port: u16,
}

impl RealmHost {
    /// The host of an issuer; `None` if it is not an http(s) URL.
    #[must_use]
    pub fn of_issuer(issuer: &str) -> Option<Self> {
        let issuer = Url::parse(issuer).ok()?;
        let default_port = match issuer.scheme() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let name = issuer.host_str()?.to_ascii_lowercase();
        Some(Self { name, port: issuer.port().unwrap_or(default_port), default_port })
    }

    /// Whether a request names this host, once, and the same one in its target if it has one there.
    #[must_use]
    pub fn is_named_by(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Some(named) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
        // A user name in the host would be read in different ways.
        if named.as_str().contains('@') || uri.authority().is_some_and(|authority| *authority != named) {
            return false;
        }
        let port = named.port_u16().unwrap_or(self.default_port);
        let name = named.host();
        port == self.port && (name.eq_ignore_ascii_case(&self.name) || (is_loopback(&self.name) && is_loopback(name)))
    }
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_realm_is_found_by_its_host_alone() {
        for (issuer, host, expect) in [
            ("http://localhost:4602", "localhost:4602", true),
            ("http://localhost:4602", "LOCALHOST:4602", true),
            ("http://localhost:4602", "127.0.0.1:4602", true),
            ("http://localhost:4602", "[::1]:4602", true),
            ("http://localhost:4602", "demo-shop.localhost:4602", true),
            ("http://localhost:4602", "localhost:4603", false),
            ("http://localhost:4602", "localhost", false),
            ("http://localhost:4602", "evil.test:4602", false),
            ("http://localhost:4602", "localhost.evil.test:4602", false),
            ("https://id.example.vn", "id.example.vn", true),
            ("https://id.example.vn", "id.example.vn:443", true),
            ("https://id.example.vn", "localhost", false),
            ("https://id.example.vn", "", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            assert_eq!(
                RealmHost::of_issuer(issuer).unwrap().is_named_by(&headers, &Uri::from_static("/")),
                expect,
                "{issuer} {host}"
            );
        }
    }

    #[test]
    fn two_hosts_or_none_are_no_host() {
        let realm = RealmHost::of_issuer("http://localhost:1").unwrap();
        let mut headers = HeaderMap::new();
        assert!(!realm.is_named_by(&headers, &Uri::from_static("/")));
        headers.append(HOST, HeaderValue::from_static("localhost:1"));
        assert!(realm.is_named_by(&headers, &Uri::from_static("/")));
        assert!(!realm.is_named_by(&headers, &Uri::from_static("http://evil.test/")));
        headers.append(HOST, HeaderValue::from_static("localhost:1"));
        assert!(!realm.is_named_by(&headers, &Uri::from_static("/")));
    }
}
