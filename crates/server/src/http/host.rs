//! The hosts of a realm: a request must name its issuer's, or one of its further ones; a host on loopback is every loopback name
//! on its port. A realm may have a suffix besides: one label before it names an organization.
//!
//! The issuer is configured; nothing but the choice of the realm follows what a request names.

use std::net::{IpAddr, Ipv6Addr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Request, Uri, Version};
use kimbai_core::organization::is_label;
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
    /// What the hosts of organizations end in is none.
    #[error(
        "realm {realm}: host_suffix: {suffix:?} is not a dot and labels of a-z, 0-9 and - behind it, such as .shops.example.vn"
    )]
    Suffix {
        /// Whose.
        realm: String,
        /// As it is set.
        suffix: String,
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
        self.has_port(named.port) && self.name == named.name
    }

    fn is_loopback_of(&self, named: &NamedHost) -> bool {
        self.has_port(named.port) && self.is_loopback() && named.is_loopback()
    }
}

impl std::fmt::Display for RealmHost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        if self.port == self.default_port { Ok(()) } else { write!(formatter, ":{}", self.port) }
    }
}

/// What the hosts of a realm's organizations end in, on the port of its issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostSuffix {
    /// In the place of the name what comes after the label, with its dot.
    host: RealmHost,
}

impl HostSuffix {
    fn of(suffix: &str, issuer: &RealmHost) -> Option<Self> {
        let is_suffix = suffix.len() <= SUFFIX_BYTES_MAX && suffix.strip_prefix('.')?.split('.').all(is_label);
        is_suffix.then(|| Self { host: RealmHost { name: suffix.to_owned(), ..issuer.clone() } })
    }

    /// What it is, with the dot before it.
    pub(crate) fn ending(&self) -> &str {
        &self.host.name
    }

    /// Whether a request's host ends in it, whatever stands before.
    pub(crate) fn ends(&self, named: &NamedHost) -> bool {
        self.host.has_port(named.port) && named.name.ends_with(&self.host.name)
    }

    /// The one label that stands before it in a request's host.
    pub(crate) fn label(&self, named: &NamedHost) -> Option<String> {
        let label = named.name.strip_suffix(&self.host.name).filter(|label| is_label(label))?;
        self.host.has_port(named.port).then(|| label.to_owned())
    }

    /// Whether some request could mean this host and an organization's.
    pub(crate) fn overlaps(&self, host: &RealmHost) -> bool {
        let label = host.name.strip_suffix(&self.host.name);
        label.is_some_and(is_label) && self.on_one_port(host)
    }

    /// Whether some request could mean an organization of either.
    pub(crate) fn overlaps_suffix(&self, other: &Self) -> bool {
        self.host.overlaps(&other.host)
    }

    fn on_one_port(&self, host: &RealmHost) -> bool {
        let of_one_name = RealmHost { name: self.host.name.clone(), ..host.clone() };
        self.host.overlaps(&of_one_name)
    }
}

impl std::fmt::Display for HostSuffix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.host.fmt(formatter)
    }
}

/// What of a realm a request's host names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostOf {
    /// The realm itself.
    Realm,
    /// The organization with this label.
    Organization(String),
}

/// All hosts of a realm: its issuer's first; and what those of its organizations end in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealmHosts {
    own: Vec<RealmHost>,
    pub(crate) suffix: Option<HostSuffix>,
}

impl RealmHosts {
    /// Those that a realm's settings name.
    pub(crate) fn of(realm: &str, settings: &RealmSettings) -> Result<Self, HostError> {
        let issuer = || HostError::Issuer { realm: realm.to_owned(), issuer: settings.issuer.clone() };
        let first = RealmHost::of_issuer(&settings.issuer).ok_or_else(issuer)?;
        let of_suffix = |suffix: &String| {
            let malformed = || HostError::Suffix { realm: realm.to_owned(), suffix: suffix.clone() };
            HostSuffix::of(suffix, &first).ok_or_else(malformed)
        };
        let suffix = settings.host_suffix.as_ref().map(of_suffix).transpose()?;
        let default_port = first.default_port;
        let further = settings.further_hosts.iter().map(|host| {
            let malformed = || HostError::Malformed { realm: realm.to_owned(), host: host.clone() };
            RealmHost::of_authority(host, default_port).ok_or_else(malformed)
        });
        let own = std::iter::once(Ok(first)).chain(further).collect::<Result<_, _>>()?;
        Ok(Self { own, suffix })
    }

    /// The realm's own.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RealmHost> {
        self.own.iter()
    }

    /// Which of them a request names.
    pub(crate) fn named_by<B>(&self, request: &Request<B>) -> Option<HostOf> {
        let named = NamedHost::of(request)?;
        if self.iter().any(|host| host.is(&named)) {
            return Some(HostOf::Realm);
        }
        // What ends in it and has not one label before it is nobody's, on loopback either.
        if let Some(suffix) = self.suffix.as_ref().filter(|suffix| suffix.ends(&named)) {
            return suffix.label(&named).map(HostOf::Organization);
        }
        self.iter().any(|host| host.is_loopback_of(&named)).then_some(HostOf::Realm)
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

/// A name has 253 bytes at most, and a label up to 63.
const SUFFIX_BYTES_MAX: usize = 190;

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

    fn with_suffix(issuer: &str, suffix: &str) -> Result<RealmHosts, HostError> {
        let host_suffix = Some(suffix.to_owned());
        let settings = RealmSettings { host_suffix, ..standard::settings("Realm", issuer, Vec::new()) };
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
            assert_eq!(hosts.named_by(&named).is_some(), expect, "{issuer} {host}");
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
            assert_eq!(hosts.named_by(&request).is_some(), expect, "{version:?} {headers:?} {target}");
        }
    }

    #[test]
    fn one_label_before_the_suffix_names_an_organization() {
        let long = format!("{}.localhost:4604", "a".repeat(63));
        let too_long = format!("{}.localhost:4604", "a".repeat(64));
        let (realm, none) = (Some(HostOf::Realm), None);
        let shop = |label: &str| Some(HostOf::Organization(label.to_owned()));
        let sandbox = with_suffix("http://localhost:4604", ".localhost").unwrap();
        let platform = with_suffix("https://accounts.example.vn", ".shops.example.vn").unwrap();
        for (hosts, host, expect) in [
            (&sandbox, "localhost:4604", realm.clone()),
            (&sandbox, "127.0.0.1:4604", realm.clone()),
            (&sandbox, "demo-shop.localhost:4604", shop("demo-shop")),
            (&sandbox, "DEMO-Shop.LocalHost:4604", shop("demo-shop")),
            (&sandbox, "1.localhost:4604", shop("1")),
            (&sandbox, &long, shop(&"a".repeat(63))),
            (&sandbox, &too_long, none.clone()),
            (&sandbox, "demo-shop.localhost", none.clone()),
            (&sandbox, "demo-shop.localhost:4603", none.clone()),
            (&sandbox, "demo-shop.localhost.:4604", none.clone()),
            (&sandbox, "demo.shop.localhost:4604", none.clone()),
            (&sandbox, ".localhost:4604", none.clone()),
            (&sandbox, "-shop.localhost:4604", none.clone()),
            (&sandbox, "shop-.localhost:4604", none.clone()),
            (&sandbox, "demo_shop.localhost:4604", none.clone()),
            (&sandbox, "demo%2dshop.localhost:4604", none.clone()),
            (&sandbox, "demo-shop.localhost.evil.test:4604", none.clone()),
            (&platform, "accounts.example.vn", realm),
            (&platform, "tiem-hoa.shops.example.vn", shop("tiem-hoa")),
            (&platform, "tiem-hoa.shops.example.vn:443", shop("tiem-hoa")),
            (&platform, "tiem-hoa.shops.example.vn:80", none.clone()),
            (&platform, "tiem-hoa.shops.example.vn.", none.clone()),
            (&platform, "shops.example.vn", none.clone()),
            (&platform, "a@tiem-hoa.shops.example.vn", none.clone()),
            (&platform, "tiem-hoashops.example.vn", none),
        ] {
            let named = request(Version::HTTP_11, &[host], "/");
            assert_eq!(hosts.named_by(&named), expect, "{host}");
        }
    }

    #[test]
    fn a_suffix_is_a_dot_and_labels() {
        for suffix in [".localhost", ".example.vn", ".a.b.c"] {
            assert!(with_suffix("https://id.example.vn", suffix).is_ok(), "{suffix}");
        }
        let too_long = format!(".{}", ["a"; 96].join("."));
        for suffix in
            ["", ".", "example.vn", "..vn", ".Example.vn", ".example.vn.", ".*.vn", ".vn:80", ".-a", &too_long]
        {
            let refused = with_suffix("https://id.example.vn", suffix);
            assert!(matches!(refused, Err(HostError::Suffix { .. })), "{suffix}: {refused:?}");
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
