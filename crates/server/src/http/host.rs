//! The hosts of a realm: a request must name its issuer's, or one of its further ones; a host on loopback is every loopback name
//! on its port.
//!
//! The issuer is configured; nothing but the choice of the realm follows what a request names.

use std::net::{IpAddr, Ipv6Addr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Request, Uri, Version};
use kimbai_core::realm::RealmSettings;
use url::Url;

/// Why a realm cannot be found by its hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The issuer is not an http(s) URL.
    #[error("realm {realm}: the issuer {issuer:?} is not an http or https URL")]
    Issuer {
        /// Whose.
        realm: String,
        /// As it is set.
        issuer: String,
    },
    /// A further host is not a host.
    #[error("realm {realm}: further_hosts: {host:?} is not a host with or without a port, such as id.example.vn:8443")]
    Malformed {
        /// Whose.
        realm: String,
        /// As it is set.
        host: String,
    },
    /// A request for it could be meant for either.
    #[error("realm {realm}: the host {host} is also that of realm {other}; a host belongs to one realm")]
    Taken {
        /// One of them.
        realm: String,
        /// The host.
        host: String,
        /// The other.
        other: String,
    },
}

/// A host and port that a realm's requests may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealmHost {
    name: String,
    port: u16,
    default_port: u16,
}

impl RealmHost {
    fn of_issuer(issuer: &str) -> Option<Self> {
        let issuer = Url::parse(issuer).ok()?;
        let default_port = match issuer.scheme() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let name = issuer.host_str()?.to_ascii_lowercase();
        Some(Self { name, port: issuer.port().unwrap_or(default_port), default_port })
    }

    fn of_authority(authority: &str, default_port: u16) -> Option<Self> {
        let named = NamedHost::parse(authority).filter(|named| is_name_or_address(&named.name))?;
        Some(Self { name: named.name, port: named.port.unwrap_or(default_port), default_port })
    }

    /// Its name without the port, in lower case.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.name)
    }

    /// Whether a request that names this port, or none, means this host's.
    pub(crate) fn has_port(&self, port: Option<u16>) -> bool {
        port.unwrap_or(self.default_port) == self.port
    }

    /// Whether some request could mean both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let both_have = |port| self.has_port(port) && other.has_port(port);
        self.name == other.name && (both_have(Some(self.port)) || both_have(None))
    }

    fn is(&self, named: &NamedHost) -> bool {
        self.has_port(named.port) && (self.name == named.name || (self.is_loopback() && named.is_loopback()))
    }
}

impl std::fmt::Display for RealmHost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        if self.port == self.default_port { Ok(()) } else { write!(formatter, ":{}", self.port) }
    }
}

/// All hosts of a realm: its issuer's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealmHosts(Vec<RealmHost>);

impl RealmHosts {
    /// Those that a realm's settings name.
    pub(crate) fn of(realm: &str, settings: &RealmSettings) -> Result<Self, HostError> {
        let issuer = || HostError::Issuer { realm: realm.to_owned(), issuer: settings.issuer.clone() };
        let first = RealmHost::of_issuer(&settings.issuer).ok_or_else(issuer)?;
        let default_port = first.default_port;
        let further = settings.further_hosts.iter().map(|host| {
            let malformed = || HostError::Malformed { realm: realm.to_owned(), host: host.clone() };
            RealmHost::of_authority(host, default_port).ok_or_else(malformed)
        });
        std::iter::once(Ok(first)).chain(further).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RealmHost> {
        self.0.iter()
    }

    /// Whether a request names one of them.
    pub(crate) fn are_named_by<B>(&self, request: &Request<B>) -> bool {
        NamedHost::of(request).is_some_and(|named| self.iter().any(|host| host.is(&named)))
    }
}

/// The host that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedHost {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
}

impl NamedHost {
    /// The one host of a request: in HTTP/1.1 its one `Host`, in HTTP/2 its `:authority` (RFC 9113 section 8.3.1). Where there are
    /// two, they must be the same.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        Self::of_parts(request.version(), request.headers(), request.uri())
    }

    fn of_parts(version: Version, headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        let mut hosts = headers.get_all(HOST).iter();
        let in_header = match (hosts.next(), hosts.next()) {
            (Some(host), None) => Some(host.to_str().ok()?),
            (None, _) if version == Version::HTTP_2 => None,
            (None, _) | (Some(_), Some(_)) => return None,
        };
        match (in_header, uri.authority()) {
            (Some(host), Some(authority)) if !authority.as_str().eq_ignore_ascii_case(host) => None,
            (Some(host), _) => Self::parse(host),
            (None, authority) => Self::parse(authority?.as_str()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let authority = text.parse::<Authority>().ok()?;
        // After a user name (`a@host`) the host would be read in different ways; then it does not stand first.
        let after_host = authority.as_str().strip_prefix(authority.host())?;
        let port = match after_host.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None => after_host.is_empty().then_some(None)?,
        };
        Some(Self { name: authority.host().to_ascii_lowercase(), port })
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.name)
    }
}

/// No wildcards or other patterns: nothing is matched by them.
fn is_name_or_address(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(is_plain),
    }
}

/// Whether a name in lower case is one of this machine's own.
fn is_loopback(name: &str) -> bool {
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::dialects::standard;

    fn hosts(issuer: &str, further: &[&str]) -> Result<RealmHosts, HostError> {
        let further_hosts = further.iter().map(|&host| host.to_owned()).collect();
        let settings = RealmSettings { further_hosts, ..standard::settings("Realm", issuer, Vec::new()) };
        RealmHosts::of("realm", &settings)
    }

    fn request(version: Version, hosts: &[&str], target: &str) -> Request<()> {
        let mut request = Request::builder().version(version).uri(target).body(()).unwrap();
        for host in hosts {
            request.headers_mut().append(HOST, HeaderValue::from_str(host).unwrap());
        }
        request
    }

    #[test]
    fn a_realm_is_found_by_its_hosts_alone() {
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
            ("https://id.example.vn", "ID.Example.vn:443", true),
            ("https://id.example.vn", "id.example.vn:80", false),
            ("https://id.example.vn", "id.example.vn:99999", false),
            ("https://id.example.vn", "id.example.vn:", false),
            ("https://id.example.vn", "a@id.example.vn", false),
            ("https://id.example.vn", "localhost", false),
            ("https://id.example.vn", "", false),
            ("https://id.example.vn", "login.example.vn", true),
            ("https://id.example.vn", "old.example.vn:8443", true),
            ("https://id.example.vn", "old.example.vn", false),
        ] {
            let hosts = hosts(issuer, &["login.example.vn", "OLD.example.vn:8443"]).unwrap();
            let named = request(Version::HTTP_11, &[host], "/");
            assert_eq!(hosts.are_named_by(&named), expect, "{issuer} {host}");
        }
    }

    #[test]
    fn a_request_names_one_host_in_either_version_of_http() {
        let hosts = hosts("http://localhost:1", &[]).unwrap();
        for (version, headers, target, expect) in [
            (Version::HTTP_11, &[][..], "/", false),
            (Version::HTTP_11, &["localhost:1"][..], "/", true),
            (Version::HTTP_11, &["localhost:1"], "http://localhost:1/", true),
            (Version::HTTP_11, &["localhost:1"], "http://evil.test/", false),
            (Version::HTTP_11, &[], "http://localhost:1/", false),
            (Version::HTTP_11, &["localhost:1", "localhost:1"], "/", false),
            (Version::HTTP_2, &[], "http://localhost:1/", true),
            (Version::HTTP_2, &["localhost:1"], "http://localhost:1/", true),
            (Version::HTTP_2, &["localhost:1"], "/", true),
            (Version::HTTP_2, &["evil.test"], "http://localhost:1/", false),
            (Version::HTTP_2, &["localhost:1"], "http://evil.test/", false),
            (Version::HTTP_2, &["localhost:1", "localhost:1"], "http://localhost:1/", false),
            (Version::HTTP_2, &[], "/", false),
        ] {
            let request = request(version, headers, target);
            assert_eq!(hosts.are_named_by(&request), expect, "{version:?} {headers:?} {target}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_by_name() {
        for issuer in ["ftp://id.example.vn", "id.example.vn", ""] {
            assert!(matches!(hosts(issuer, &[]), Err(HostError::Issuer { .. })), "{issuer}");
        }
        for further in ["", "https://id.example.vn", "a@b", "b:x", "b:70000", "b/c", "*.example.vn", ":80", "[::x]"] {
            let refused = hosts("https://id.example.vn", &[further]);
            assert!(matches!(refused, Err(HostError::Malformed { .. })), "{further}: {refused:?}");
        }
    }

    #[test]
    fn hosts_overlap_when_a_request_could_mean_both() {
        let host = |issuer| RealmHost::of_issuer(issuer).unwrap();
        for (one, other, expect) in [
            ("https://id.example.vn", "https://id.example.vn/path", true),
            ("https://id.example.vn", "https://id.example.vn:8443", false),
            ("https://id.example.vn", "http://id.example.vn", true),
            ("https://id.example.vn", "http://id.example.vn:443", true),
            ("https://id.example.vn", "http://id.example.vn:8080", false),
            ("https://id.example.vn", "https://login.example.vn", false),
        ] {
            assert_eq!(host(one).overlaps(&host(other)), expect, "{one} {other}");
            assert_eq!(host(other).overlaps(&host(one)), expect, "{other} {one}");
        }
    }
}
