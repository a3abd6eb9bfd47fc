//! What goes round every request: its host, its headers' limits, its id, its count, its line in the log.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, Uri};
use kimbai_engine::Source;
use tower::ServiceExt as _;

use super::host::HostOf;
use super::listener::{Peer, Service};
use super::reply::HttpFault;
use super::request_id::REQUEST_ID;
use super::shown;
use crate::dialects::{Place, Reach};
use crate::metrics::Endpoint;
use crate::sandbox::Recorded;
use crate::site::{Arrival, Audience, Site};

const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Why a request was not answered as it wished, attached to the answer by whoever refused it.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The fact, in one word, as metrics count it.
    pub name: &'static str,
    /// The fact as the log has it.
    pub detail: String,
    /// What the caller probably did.
    pub mistake: &'static str,
    /// What the caller should do.
    pub explanation: &'static str,
}

/// That an answer goes out at this delay after its request was there, or, if that is over, at the next multiple of it: of whoever must
/// not say how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotBefore {
    /// When the request was there.
    pub(crate) arrived: Instant,
    /// The delay.
    pub(crate) delay: Duration,
}

/// When an answer goes out that [`NotBefore`] holds, attached to it: settled when it was decided, whatever is done until then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldUntil(Instant);

impl NotBefore {
    /// The moment of an answer that is decided now.
    pub(crate) fn decided(self, now: Instant) -> HeldUntil {
        HeldUntil(self.moment(now))
    }

    /// Waits until the moment that is next.
    pub(crate) async fn wait(self) {
        tokio::time::sleep_until(self.moment(Instant::now()).into()).await;
    }

    /// The moment, which is later than `now`; at once without a delay.
    fn moment(self, now: Instant) -> Instant {
        let delay = self.delay.as_micros();
        let passed = now.saturating_duration_since(self.arrived).as_micros();
        let delays = passed.checked_div(delay).and_then(|whole| u32::try_from(whole).ok()?.checked_add(1));
        delays.map_or(now, |delays| self.arrived + self.delay * delays)
    }
}

impl Service for Site {
    async fn answer(&self, peer: Peer, request: Request<Body>) -> Response {
        let host = self.hosts.named_by(&request).ok_or(HttpFault::Misdirected);
        respond(self, peer.source(), request, host).await
    }
}

/// Answers a request to a site, or refuses it for what was found of its host on the way here.
pub(super) async fn respond(
    site: &Site,
    source: Source,
    request: Request<Body>,
    host: Result<HostOf, HttpFault>,
) -> Response {
    route(site, &site.router, source, (request, host)).await
}

/// Answers what the operator's listener was asked of a realm, at this path below the realm's.
pub(crate) async fn respond_to_operator(
    site: &Site,
    source: Source,
    mut request: Request<Body>,
    path: &str,
) -> Response {
    let target = request.uri().query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    // It was a part of a URI.
    let Ok(target) = target.parse() else { return site.fault(site.place(path), HttpFault::NotFound) };
    *request.uri_mut() = target;
    route(site, &site.operator_router, source, (request, Ok(HostOf::Realm))).await
}

async fn route(
    site: &Site,
    router: &Router,
    source: Source,
    (request, host): (Request<Body>, Result<HostOf, HttpFault>),
) -> Response {
    let request_id = site.request_ids.of(request.headers());
    let line = Line::new(site, &request, host.as_ref().ok());
    let organization = check_sizes(&request).and(host).and_then(|host| organization(&line.place, host));
    let admitted = organization.and_then(|organization| Ok((site.admission.admit(request)?, organization)));
    let mut response = match admitted {
        Ok(((mut request, _place), organization)) => {
            request.extensions_mut().insert(Arrival {
                request_id: request_id.clone(),
                source,
                endpoint: line.place.endpoint,
                organization,
            });
            // The router's error type is uninhabited.
            router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
        }
        Err(fault) => site.fault(line.place, fault),
    };
    // The request's place was given back: who waits takes no room from who does not.
    if let Some(HeldUntil(moment)) = response.extensions_mut().remove::<HeldUntil>() {
        tokio::time::sleep_until(moment.into()).await;
    }
    response.headers_mut().insert(REQUEST_ID, request_id);
    line.finish(site, source, &mut response);
    response
}

/// The organization at whose host a place was asked for, if it is one that organizations have.
fn organization(place: &Place, host: HostOf) -> Result<Option<String>, HttpFault> {
    match (host, place.reach) {
        (HostOf::Realm, _) => Ok(None),
        (HostOf::Organization(label), Reach::OrganizationsToo) => Ok(Some(label)),
        (HostOf::Organization(_), Reach::Realm) => Err(HttpFault::NotFound),
    }
}

fn check_sizes(request: &Request<Body>) -> Result<(), HttpFault> {
    let headers = request.headers();
    let header_bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let is_within = headers.len() <= HEADERS_MAX && header_bytes + target_bytes <= HEADER_BYTES_MAX;
    is_within.then_some(()).ok_or(HttpFault::Headers)
}

/// How long it took so far, in microseconds.
pub(super) fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The line of a request in the log and the sandbox's list; what is needed of the request is kept only where it is read.
struct Line {
    place: Place,
    request: Option<(Method, Uri, Instant)>,
}

impl Line {
    fn new(site: &Site, request: &Request<Body>, host: Option<&HostOf>) -> Self {
        let place = site.place(request.uri().path());
        let place = match (host, place.reach) {
            (Some(HostOf::Organization(_)), Reach::Realm) => site.elsewhere(request.uri().path()),
            (Some(HostOf::Realm) | None, _) | (_, Reach::OrganizationsToo) => place,
        };
        let is_kept = matches!(site.audience, Audience::Sandbox(_)) || tracing::enabled!(tracing::Level::INFO);
        Self { place, request: is_kept.then(|| (request.method().clone(), request.uri().clone(), Instant::now())) }
    }

    fn finish(self, site: &Site, source: Source, response: &mut Response) {
        let status = response.status();
        site.metrics.count(self.place.endpoint, status);
        let reason = response.extensions_mut().remove::<Reason>();
        if let Some(reason) = &reason {
            site.metrics.count_refusal(reason.name);
        }
        let Some((method, uri, started)) = self.request else { return };
        let request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
        let why = reason.as_ref().map(|reason| reason.detail.as_str());
        tracing::info!(
            target: "kimbai::access",
            realm = %site.realm_name, endpoint = ?self.place.endpoint, request_id, %source, %method,
            path = &*shown::path(self.place.endpoint, &uri),
            status = status.as_u16(), micros = micros_since(started), reason = why,
        );
        if let (Audience::Sandbox(sandbox), true) = (&site.audience, self.place.endpoint != Endpoint::Asset) {
            let target = shown::target(self.place.endpoint, &uri);
            sandbox.record(Recorded::new(request_id, &method, target, status, reason, site.engine.now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_held_goes_out_at_the_next_multiple_of_its_delay() {
        let (arrived, ms) = (Instant::now(), Duration::from_millis);
        for (delay_ms, passed_ms, expect_ms) in
            [(250, 0, 250), (250, 1, 250), (250, 249, 250), (250, 250, 500), (250, 499, 500), (1, 7, 8), (0, 3, 3)]
        {
            let moment = NotBefore { arrived, delay: ms(delay_ms) }.moment(arrived + ms(passed_ms));
            assert_eq!(moment, arrived + ms(expect_ms), "{delay_ms} {passed_ms}");
        }
        assert_eq!(NotBefore { arrived, delay: ms(5) }.moment(arrived.checked_sub(ms(1)).unwrap()), arrived + ms(5));
    }
}
