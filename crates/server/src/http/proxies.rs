//! Whose word counts about where a request came from: the trusted proxies' alone, and of it the last hop that is not one of them.
//!
//! One header is configured, `Forwarded` (RFC 7239) or `X-Forwarded-For`, because a proxy that writes one passes the other on as it
//! came. What else such headers say (protocol, host) counts for nothing: the issuer is configuration.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use kimbai_engine::Source;

use super::listener::Peer;

/// The header in which the trusted proxies say where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// The proxies in front of this server.
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: HeaderName,
    entries: fn(&str) -> Vec<Option<IpAddr>>,
}

impl Default for TrustedProxies {
    /// None: every request comes from its peer.
    fn default() -> Self {
        Self::new(Vec::new(), ForwardingHeader::Forwarded)
    }
}

impl TrustedProxies {
    /// Proxies at these addresses, which write this header.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, header: ForwardingHeader) -> Self {
        let (header, entries): (_, fn(&str) -> _) = match header {
            ForwardingHeader::Forwarded => (http::header::FORWARDED, forwarded),
            ForwardingHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), x_forwarded_for),
        };
        Self { networks, header, entries }
    }

    /// Where a request came from: its peer; if that is a trusted proxy, whoever is named by the last proxy of an unbroken chain of
    /// trusted ones. An entry on the way that cannot be read leaves it at the peer.
    pub(super) fn source(&self, peer: Peer, headers: &HeaderMap) -> Source {
        match peer {
            Peer::Address(address) => Source::new(self.client(address.ip(), headers)),
            Peer::Socket => Source::SOCKET,
        }
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let mut client = peer;
        let lines: Vec<_> = headers.get_all(&self.header).iter().collect();
        for line in lines.iter().rev() {
            let Ok(line) = line.to_str() else { return peer };
            for entry in (self.entries)(line).into_iter().rev() {
                match entry {
                    None => return peer,
                    Some(hop) if self.trusts(hop) => client = hop,
                    Some(hop) => return hop,
                }
            }
        }
        client
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The addresses of a line; `None` for an entry that names none.
fn x_forwarded_for(line: &str) -> Vec<Option<IpAddr>> {
    line.split(',').map(|entry| node(entry.trim_matches([' ', '\t']))).collect()
}

/// The `for` of each element of a line.
fn forwarded(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split_outside_quotes(line, b',') else { return vec![None] };
    elements.into_iter().map(|element| node(&forwarded_for(element)?)).collect()
}

/// The value of the one `for` in `for=192.0.2.43;proto=https;by="[2001:db8::1]"`.
fn forwarded_for(element: &str) -> Option<String> {
    let mut found = None;
    for pair in split_outside_quotes(element, b';')? {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        if name.eq_ignore_ascii_case("for") && found.replace(unquoted(value)?).is_some() {
            return None;
        }
    }
    found
}

/// A token, or a quoted string without its quotes (RFC 9110 section 5.6.4). What must be escaped is in no address.
fn unquoted(value: &str) -> Option<String> {
    let bare = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!bare.contains(['"', '\\'])).then(|| bare.to_owned())
}

/// `None` if a quoted string does not end.
fn split_outside_quotes(text: &str, separator: u8) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == separator && !is_quoted => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!is_quoted).then_some(parts)
}

/// An address with or without a port (RFC 7239 section 6). `unknown` and names that only the proxy understands are no addresses.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (address, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (IpAddr::V6(address.parse().ok()?), port)
    } else {
        let (address, _) = text.split_once(':')?;
        (IpAddr::V4(address.parse().ok()?), text.get(address.len()..)?)
    };
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(address)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn client(header: ForwardingHeader, peer: &str, lines: &[(&str, &str)]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8:aaaa::/48"].map(|network| network.parse().unwrap());
        let proxies = TrustedProxies::new(networks.to_vec(), header);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn of_x_forwarded_for_the_right_most_untrusted_hop_counts() {
        let hundred = "1.1.1.1, ".repeat(99) + "192.0.2.7";
        let all_trusted = "10.1.1.1, ".repeat(99) + "10.2.2.2";
        for (peer, lines, expect) in [
            (PEER, &["192.0.2.7"][..], "192.0.2.7"),
            (PEER, &["1.1.1.1, 192.0.2.7"][..], "192.0.2.7"),
            (PEER, &["1.1.1.1, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
            (PEER, &["10.0.0.9, 192.0.2.7"], "192.0.2.7"),
            (PEER, &["1.1.1.1", "192.0.2.7,10.9.9.9", "10.8.8.8"], "192.0.2.7"),
            (PEER, &["192.0.2.7", "1.1.1.1"], "1.1.1.1"),
            (PEER, &["192.0.2.7:4711"], "192.0.2.7"),
            (PEER, &["2001:db8::7"], "2001:db8::7"),
            (PEER, &["[2001:db8::7]"], "2001:db8::7"),
            (PEER, &["[2001:db8::7]:4711, 2001:db8:aaaa::1"], "2001:db8::7"),
            (PEER, &["  192.0.2.7\t"], "192.0.2.7"),
            (PEER, &["<script>, 192.0.2.7"], "192.0.2.7"),
            (PEER, &[hundred.as_str()], "192.0.2.7"),
            ("::ffff:10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("2001:db8:aaaa::1", &["192.0.2.7, ::ffff:10.1.1.1"], "192.0.2.7"),
            // All are ours: the first of them.
            (PEER, &["10.1.1.1"], "10.1.1.1"),
            (PEER, &[all_trusted.as_str()], "10.1.1.1"),
            // Missing, or not to be read: the peer.
            (PEER, &[], PEER),
            (PEER, &[""], PEER),
            (PEER, &["unknown"], PEER),
            (PEER, &["192.0.2.7, unknown"], PEER),
            (PEER, &["192.0.2.7, unknown, 10.9.9.9"], PEER),
            (PEER, &["192.0.2.7,"], PEER),
            (PEER, &["192.0.2.7", ""], PEER),
            (PEER, &["192.0.2.7, é"], PEER),
            (PEER, &["192.0.2.7 1.1.1.1"], PEER),
            (PEER, &["192.0.2.777"], PEER),
            (PEER, &["192.0.2.7:"], PEER),
            (PEER, &["192.0.2.7:x"], PEER),
            (PEER, &["192.0.2.7:123456"], PEER),
            (PEER, &["2001:db8::7%eth0"], PEER),
            (PEER, &["[2001:db8::7"], PEER),
            (PEER, &["[192.0.2.7]"], PEER),
            (PEER, &["[2001:db8::7]4711"], PEER),
            (PEER, &["for=192.0.2.7"], PEER),
            // Not from a proxy of ours: nothing counts.
            ("192.0.2.99", &["1.1.1.1"], "192.0.2.99"),
            ("192.0.2.99", &["10.0.0.1"], "192.0.2.99"),
            ("2001:db8:bbbb::1", &["1.1.1.1"], "2001:db8:bbbb::1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(client(ForwardingHeader::XForwardedFor, peer, &lines), expect, "{peer} {lines:?}");
        }
    }

    #[test]
    fn of_forwarded_the_right_most_untrusted_hop_counts() {
        let hundred = "for=1.1.1.1,".repeat(99) + "for=192.0.2.7";
        for (peer, lines, expect) in [
            (PEER, &["for=192.0.2.7"][..], "192.0.2.7"),
            (PEER, &["For=192.0.2.7;proto=https;by=10.0.0.1;host=evil.test"][..], "192.0.2.7"),
            (PEER, &["proto=https;for=\"192.0.2.7:4711\""], "192.0.2.7"),
            (PEER, &["for=\"[2001:db8::7]:4711\""], "2001:db8::7"),
            (PEER, &["for=\"[2001:db8::7]\", for=10.9.9.9"], "2001:db8::7"),
            (PEER, &["for=1.1.1.1", "for=192.0.2.7 , for=10.9.9.9"], "192.0.2.7"),
            (PEER, &["for=1.1.1.1;x=\",;for=2.2.2.2\", for=192.0.2.7"], "192.0.2.7"),
            (PEER, &["for=1.1.1.1;x=\"\\\"\", for=192.0.2.7"], "192.0.2.7"),
            (PEER, &["nothing to read here, for=192.0.2.7"], "192.0.2.7"),
            (PEER, &["for=\"unfinished", "for=192.0.2.7"], "192.0.2.7"),
            (PEER, &[hundred.as_str()], "192.0.2.7"),
            (PEER, &["for=10.1.1.1, for=10.2.2.2"], "10.1.1.1"),
            (PEER, &[], PEER),
            (PEER, &[""], PEER),
            (PEER, &["for=unknown"], PEER),
            (PEER, &["for=_hidden"], PEER),
            (PEER, &["for=192.0.2.7, for=\"_SEVKISEK\""], PEER),
            (PEER, &["for=192.0.2.7, proto=https"], PEER),
            (PEER, &["for=1.1.1.1;for=192.0.2.7"], PEER),
            (PEER, &["for=192.0.2.7;proto"], PEER),
            (PEER, &["192.0.2.7"], PEER),
            // A quote that a stranger opened swallows what the proxy wrote; it must not come out as the stranger's choice.
            (PEER, &["for=1.1.1.1;x=\", for=192.0.2.7"], PEER),
            (PEER, &["for=1.1.1.1;x=\", for=\"[2001:db8::7]\""], PEER),
            (PEER, &["for=\"1.1.1.1\\\", for=192.0.2.7"], PEER),
            ("192.0.2.99", &["for=1.1.1.1"], "192.0.2.99"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            assert_eq!(client(ForwardingHeader::Forwarded, peer, &lines), expect, "{peer} {lines:?}");
        }
    }

    #[test]
    fn only_the_header_that_is_configured_counts() {
        let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "2.2.2.2"), ("x-real-ip", "3.3.3.3")];
        assert_eq!(client(ForwardingHeader::Forwarded, PEER, &both), "1.1.1.1");
        assert_eq!(client(ForwardingHeader::XForwardedFor, PEER, &both), "2.2.2.2");
        assert_eq!(client(ForwardingHeader::XForwardedFor, PEER, &both[..1]), PEER);
        let nobody = TrustedProxies::default();
        let address = "127.0.0.1:1".parse().unwrap();
        assert_eq!(nobody.source(Peer::Address(address), &HeaderMap::new()), Source::new(address.ip()));
        assert_eq!(nobody.source(Peer::Socket, &HeaderMap::new()), Source::SOCKET);
    }
}
