//! One realm on the wire: its router, its counters, and whom it speaks to.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use kimbai_core::realm::ErrorForm;
use kimbai_engine::{Engine, Realm, Source, Throttled};
use kimbai_pages::{ASSETS_PATH, Frame, Language};

use crate::dialects::standard::{self, MetadataCache};
use crate::dialects::{FaultForm, Place, Reach};
use crate::http::admission::Admission;
use crate::http::form::Form;
use crate::http::host::RealmHosts;
use crate::http::reply::{self, HttpFault};
use crate::http::request_id::RequestIds;
use crate::interaction::fault_at;
use crate::metrics::{Endpoint, RealmMetrics};
use crate::sandbox::SandboxRealm;

/// Whom a site speaks to.
#[derive(Debug)]
pub enum Audience {
    /// The world: what a refusal was about stands in the log.
    Production,
    /// An integrator: also at `/sandbox/requests`.
    Sandbox(Arc<SandboxRealm>),
    /// A benchmark: as production, with codes to be had without pages and a floor to measure against.
    Bench,
}

/// One realm on the wire.
#[derive(Debug)]
pub struct Site {
    pub(crate) engine: Arc<Engine>,
    pub(crate) realm_name: String,
    pub(crate) metrics: RealmMetrics,
    pub(crate) audience: Audience,
    pub(crate) router: Router,
    /// What the operator's listener answers for the realm.
    pub(crate) operator_router: Router,
    pub(crate) places: HashMap<String, Place>,
    pub(crate) elsewhere: FaultForm,
    pub(crate) hosts: RealmHosts,
    pub(crate) request_ids: RequestIds,
    pub(crate) admission: Admission,
    pub(crate) metadata: MetadataCache,
}

impl Site {
    /// The site of a realm, by the dialect that its settings name. `None` if there is no such dialect, or its
    /// issuer or a further host is none.
    #[must_use]
    pub fn new(engine: Arc<Engine>, realm: &Realm, metrics: RealmMetrics, audience: Audience) -> Option<Arc<Self>> {
        let routes = crate::dialects::routes(&realm.settings, &audience).filter(|routes| routes.doubled.is_none())?;
        let for_operator = standard::operator_routes(&realm.settings);
        let hosts = RealmHosts::of(&realm.name, &realm.settings).ok()?;
        Some(Arc::new_cyclic(|site| Self {
            engine,
            realm_name: realm.name.clone(),
            metrics,
            audience,
            router: routes.router.with_state(site.clone()),
            operator_router: for_operator.router.with_state(site.clone()),
            places: for_operator.places.into_iter().chain(routes.places).collect(),
            elsewhere: routes.faults,
            hosts,
            request_ids: RequestIds::new(),
            admission: Admission::default(),
            metadata: MetadataCache::default(),
        }))
    }

    /// What is at a path.
    pub(crate) fn place(&self, path: &str) -> Place {
        self.places.get(path).copied().unwrap_or_else(|| self.elsewhere(path))
    }

    /// What is at a path at which there is nothing of the dialect.
    pub(crate) fn elsewhere(&self, path: &str) -> Place {
        let endpoint = if path.starts_with(ASSETS_PATH) { Endpoint::Asset } else { Endpoint::Other };
        Place { endpoint, faults: self.elsewhere, reach: Reach::Realm }
    }

    /// What is wrong with a request to a place, in the form that it has for it.
    pub(crate) fn fault(&self, place: Place, fault: HttpFault) -> Response {
        let FaultForm(render) = place.faults;
        render(fault, self.realm().map_or(ErrorForm::Standard, |realm| realm.settings.error_form))
    }

    /// The realm as it stands now.
    pub(crate) fn realm(&self) -> Option<Arc<Realm>> {
        self.engine.realm(&self.realm_name)
    }
}

/// How a request came, made once in front of the router.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) request_id: HeaderValue,
    pub(crate) source: Source,
    pub(crate) endpoint: Endpoint,
    /// The label of the organization whose host it names.
    pub(crate) organization: Option<String>,
}

/// A request at its endpoint, with the realm it is for.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) site: Arc<Site>,
    pub(crate) realm: Arc<Realm>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) source: Source,
    /// The label of the organization whose host it names; it need not exist.
    pub(crate) organization: Option<String>,
    request_id: HeaderValue,
}

/// What handlers hold on to: the site outlives its router's requests.
pub(crate) type SiteRef = std::sync::Weak<Site>;

impl FromRequestParts<SiteRef> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &SiteRef) -> Result<Self, Response> {
        let gone = || reply::empty(StatusCode::SERVICE_UNAVAILABLE);
        let site = site.upgrade().ok_or_else(gone)?;
        let realm = site.realm().ok_or_else(gone)?;
        let arrival = parts.extensions.remove::<Arrival>().ok_or_else(gone)?;
        let call = Self {
            site,
            realm,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: std::mem::take(&mut parts.headers),
            source: arrival.source,
            organization: arrival.organization,
            request_id: arrival.request_id,
        };
        match admit(&call, arrival.endpoint) {
            Ok(()) => Ok(call),
            Err(throttled) => Err(fault_at(&call, arrival.endpoint, HttpFault::Throttled(throttled.wait_s))),
        }
    }
}

/// Counts a request against its source's allowance; what many ask for by nature, and costs nothing, is free.
fn admit(call: &Call, endpoint: Endpoint) -> Result<(), Throttled> {
    match endpoint {
        Endpoint::Metadata | Endpoint::Asset => Ok(()),
        Endpoint::Authorize
        | Endpoint::Token
        | Endpoint::Revoke
        | Endpoint::Introspect
        | Endpoint::Resource
        | Endpoint::Page
        | Endpoint::Sandbox
        | Endpoint::Other => call.realm.admit_source(call.source),
    }
}

impl Call {
    /// The language its pages are in: the client's wish in `ui_locales`, else the browser's.
    pub(crate) fn language(&self) -> Language {
        let wish = Form::decode(self.query()).ok().and_then(|mut form| form.take("ui_locales").ok().flatten());
        Language::negotiate(wish.as_deref(), self.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
    }

    /// What goes round its pages.
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame {
            language: self.language(),
            realm: &self.realm.settings.display_name,
            request_id: self.request_id.to_str().unwrap_or_default(),
        }
    }

    /// Its query, undecoded.
    pub(crate) fn query(&self) -> &[u8] {
        self.uri.query().unwrap_or_default().as_bytes()
    }
}
