//! Many realms on one listener: the request's host chooses. They may change while others are served.
//!
//! A request under way goes on with the site it found. A host that no realm has is 421, whatever else the request says.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use kimbai_core::realm::{ErrorForm, RealmSettings};
use kimbai_engine::Source;

use super::front;
use super::host::{HostError, HostOf, HostSuffix, NamedHost, RealmHost, RealmHosts};
use super::listener::{Peer, Service};
use super::proxies::TrustedProxies;
use super::reply::HttpFault;
use super::request_id::{REQUEST_ID, RequestIds};
use crate::dialects::standard::error;
use crate::site::Site;

/// The sites of a server, by host.
#[derive(Debug)]
pub struct Sites {
    table: RwLock<Table>,
    proxies: TrustedProxies,
    request_ids: RequestIds,
}

#[derive(Debug, Default)]
struct Table {
    realms: HashMap<String, Arc<Site>>,
    names: HashMap<String, Vec<(RealmHost, Arc<Site>)>>,
    loopback: Vec<(RealmHost, Arc<Site>)>,
    /// By what the hosts of organizations end in.
    suffixes: HashMap<String, Vec<(HostSuffix, Arc<Site>)>>,
}

impl Default for Sites {
    /// None yet, without proxies.
    fn default() -> Self {
        Self::new(TrustedProxies::default())
    }
}

impl Sites {
    /// None yet, behind these proxies.
    #[must_use]
    pub fn new(proxies: TrustedProxies) -> Self {
        Self { table: RwLock::default(), proxies, request_ids: RequestIds::new() }
    }

    /// Whether realms with these settings could be served, beside those that are and instead of those of their names. Asked before
    /// settings are stored.
    ///
    /// # Errors
    /// [`HostError`]: a host is none, or is another realm's.
    pub fn check<'a>(&self, realms: impl IntoIterator<Item = (&'a str, &'a RealmSettings)>) -> Result<(), HostError> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let served = table.realms.iter().map(|(realm, site)| (realm.as_str(), site.hosts.clone()));
        let mut hosts: HashMap<_, _> = served.collect();
        for (realm, settings) in realms {
            hosts.insert(realm, RealmHosts::of(realm, settings)?);
        }
        check_overlaps(hosts.iter().map(|(realm, hosts)| (*realm, hosts)))
    }

    /// Serves these sites from now on, beside those that are served and instead of those of the same realms: all of them, or, when
    /// a host belongs to two realms, none.
    ///
    /// # Errors
    /// [`HostError::Taken`].
    pub fn put(&self, sites: impl IntoIterator<Item = Arc<Site>>) -> Result<(), HostError> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut realms = table.realms.clone();
        realms.extend(sites.into_iter().map(|site| (site.realm_name.clone(), site)));
        check_overlaps(realms.iter().map(|(realm, site)| (realm.as_str(), &site.hosts)))?;
        *table = Table::of(realms);
        Ok(())
    }

    /// The site of a realm, wherever it is served.
    pub(crate) fn of_realm(&self, name: &str) -> Option<Arc<Site>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).realms.get(name).cloned()
    }

    fn find(&self, request: &Request<Body>) -> Option<(Arc<Site>, HostOf)> {
        let named = NamedHost::of(request)?;
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.find(&named).map(|(site, host)| (Arc::clone(site), host))
    }

    /// The answer to a request that no realm is for, in the plainest form.
    fn misdirected(&self, source: Source, request: &Request<Body>) -> Response {
        let started = Instant::now();
        let request_id = self.request_ids.of(request.headers());
        let mut response = error::plain_fault(HttpFault::Misdirected, ErrorForm::Standard);
        tracing::info!(
            target: "kimbai::access",
            request_id = request_id.to_str().unwrap_or_default(), %source, method = %request.method(),
            path = request.uri().path(), status = response.status().as_u16(), micros = front::micros_since(started), reason = %HttpFault::Misdirected,
        );
        response.headers_mut().insert(REQUEST_ID, request_id);
        response
    }
}

impl Service for Sites {
    async fn answer(&self, peer: Peer, request: Request<Body>) -> Response {
        let source = self.proxies.source(peer, request.headers());
        match self.find(&request) {
            Some((site, host)) => front::respond(&site, source, request, Ok(host)).await,
            None => self.misdirected(source, &request),
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.trusts(address)
    }
}

impl Table {
    fn of(realms: HashMap<String, Arc<Site>>) -> Self {
        let (mut names, mut loopback) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        let mut suffixes = HashMap::<_, Vec<_>>::new();
        for site in realms.values() {
            for host in site.hosts.iter() {
                let claim = (host.clone(), Arc::clone(site));
                if host.is_loopback() {
                    loopback.push(claim.clone());
                }
                names.entry(host.name().to_owned()).or_default().push(claim);
            }
            if let Some(suffix) = &site.hosts.suffix {
                let claim = (suffix.clone(), Arc::clone(site));
                suffixes.entry(suffix.ending().to_owned()).or_default().push(claim);
            }
        }
        Self { realms, names, loopback, suffixes }
    }

    /// By its very name; else by what it ends in; else, for a loopback name, the one realm that is on loopback at this port.
    fn find(&self, named: &NamedHost) -> Option<(&Arc<Site>, HostOf)> {
        let has_port = |(host, _): &&(RealmHost, Arc<Site>)| host.has_port(named.port);
        if let Some((_, site)) = self.names.get(&named.name).and_then(|claims| claims.iter().find(has_port)) {
            return Some((site, HostOf::Realm));
        }
        let ending = named.name.find('.').and_then(|dot| named.name.get(dot..));
        let of_ending = ending.and_then(|ending| self.suffixes.get(ending)).into_iter().flatten();
        let mut organizations =
            of_ending.filter_map(|(suffix, site)| Some((site, HostOf::Organization(suffix.label(named)?))));
        if let Some(found) = organizations.next() {
            return Some(found);
        }
        // What ends in a suffix and has not one label before it is nobody's.
        let mut of_suffixes = self.suffixes.values().flatten();
        if !named.is_loopback() || of_suffixes.any(|(suffix, _)| suffix.ends(named)) {
            return None;
        }
        let mut on_loopback = self.loopback.iter().filter(has_port);
        let (_, site) = on_loopback.next()?;
        on_loopback.all(|(_, other)| Arc::ptr_eq(other, site)).then_some((site, HostOf::Realm))
    }
}

fn check_overlaps<'a>(realms: impl Iterator<Item = (&'a str, &'a RealmHosts)>) -> Result<(), HostError> {
    let realms: Vec<_> = realms.collect();
    check_suffixes(&realms)?;
    let mut claims: HashMap<&str, Vec<(&str, &RealmHost)>> = HashMap::new();
    for (realm, hosts) in realms {
        for host in hosts.iter() {
            let of_name = claims.entry(host.name()).or_default();
            if let Some((other, _)) = of_name.iter().find(|(other, claim)| *other != realm && claim.overlaps(host)) {
                let (host, other) = (host.to_string(), (*other).to_owned());
                return Err(HostError::Taken { realm: realm.to_owned(), host, other });
            }
            of_name.push((realm, host));
        }
    }
    Ok(())
}

/// No host of a realm may be one of another realm's organizations.
fn check_suffixes(realms: &[(&str, &RealmHosts)]) -> Result<(), HostError> {
    for (realm, hosts) in realms {
        let Some(suffix) = &hosts.suffix else { continue };
        for (other, others) in realms.iter().filter(|(other, _)| other != realm) {
            let host = others.iter().find(|host| suffix.overlaps(host)).map(ToString::to_string);
            let of_suffix = || others.suffix.as_ref().filter(|others| suffix.overlaps_suffix(others));
            if let Some(host) = host.or_else(|| of_suffix().map(ToString::to_string)) {
                return Err(HostError::Taken { realm: (*realm).to_owned(), host, other: (*other).to_owned() });
            }
        }
    }
    Ok(())
}
