//! Values that are right one by one, and wrong together. Nobody looks for them before each is right.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::Listen;
use super::keys::{self, Entry};
use super::origin::Origin;
use super::problem::Problem;
use super::reading::Reading;

/// All that there are.
pub(super) fn find(reading: &mut Reading, listen: Option<&Listen>, trusted: &[IpNet]) {
    if let Some(Listen { public, operator }) = listen {
        addresses(reading, public, *operator);
    }
    tls(reading);
    proxies(reading, trusted);
    master_key(reading);
}

/// One address must not be listened on twice.
fn addresses(reading: &mut Reading, public: &[SocketAddr], operator: Option<SocketAddr>) {
    let (own, other) = (&keys::LISTEN_PUBLIC.entry, &keys::LISTEN_OPERATOR.entry);
    if public.is_empty() {
        let message = format!("{} has no address", own.name);
        reading.problems.push(Problem::new(reading.origin(own), message, "give one at least, like 127.0.0.1:4500"));
    }
    for (number, address) in public.iter().enumerate() {
        if let Some(earlier) = public.iter().take(number).find(|earlier| overlap(**earlier, *address)) {
            let message = if earlier == address {
                format!("{} has {address} twice", own.name)
            } else {
                format!("{} has {earlier} and {address}, and one takes in the other", own.name)
            };
            reading.problems.push(Problem::new(reading.origin(own), message, "leave one of them out"));
        }
    }
    let Some(operator) = operator.filter(|operator| public.iter().any(|address| overlap(*address, *operator))) else {
        return;
    };
    let (first, second) = (reading.origin(own), reading.origin(other));
    let message = format!("{} ({first}) and {} ({second}) both take {operator}", own.name, other.name);
    let origin = if matches!(second, Origin::Default) { first } else { second };
    reading.problems.push(Problem::new(origin, message, "give the operator a port that the public does not reach"));
}

/// Whether the second could not be bound beside the first: the address of all takes in every other, and that of IPv6
/// also those of IPv4.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let takes_in = |all: IpAddr, address: IpAddr| all.is_unspecified() && (all.is_ipv6() || address.is_ipv4());
    let (first, second) = (one.ip(), other.ip());
    one.port() == other.port() && (first == second || takes_in(first, second) || takes_in(second, first))
}

/// A certificate is nothing without its key, a key nothing without its certificate.
fn tls(reading: &mut Reading) {
    let (certificate, key) = (&keys::TLS_CERTIFICATE_FILE.entry, &keys::TLS_PRIVATE_KEY_FILE.entry);
    for (one, other) in [(certificate, key), (key, certificate)] {
        requires(reading, (one, other), "give both, or neither to speak HTTP");
    }
}

/// Which header counts must be said: the other one comes from whoever likes to send it.
fn proxies(reading: &mut Reading, trusted: &[IpNet]) {
    let (proxies, header) = (&keys::PROXIES_TRUSTED.entry, &keys::PROXIES_HEADER.entry);
    if trusted.is_empty() && reading.is_given(header) {
        let message = format!("{} needs {}", header.name, proxies.name);
        let advice = "say which proxies set it; from anybody else it is ignored";
        reading.problems.push(Problem::new(reading.origin(header), message, advice));
    } else if !trusted.is_empty() {
        let advice = "say which header these proxies set: forwarded or x-forwarded-for";
        requires(reading, (proxies, header), advice);
    }
}

/// The environment gives the master key, or the name of its file. (Over a file's `master_key.file` the key wins.)
fn master_key(reading: &mut Reading) {
    let (key, file) = (&keys::MASTER_KEY.entry, &keys::MASTER_KEY_FILE.entry);
    if reading.is_given(key) && matches!(reading.origin(file), Origin::Variable(_)) {
        let message = format!("{} is given as well", file.variable());
        reading.problems.push(Problem::new(reading.origin(key), message, "unset one of them"));
    }
}

fn requires(reading: &mut Reading, (one, other): (&Entry, &Entry), advice: &str) {
    if reading.is_given(one) && !reading.is_given(other) {
        let message = format!("{} needs {}", one.name, other.name);
        reading.problems.push(Problem::new(reading.origin(one), message, advice));
    }
}
