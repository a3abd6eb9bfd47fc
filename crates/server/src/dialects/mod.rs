//! The dialects: how each platform spells requests and answers. A folder each; deleting a folder deletes the platform.

pub mod haravan;
pub mod marketplace;
pub mod oneid;
pub mod standard;
pub mod tini;
mod wire;

use std::collections::HashMap;

use axum::Router;
use axum::response::Response;
use kimbai_core::realm::{ErrorForm, RealmSettings};

pub use self::wire::Dialects;
use crate::http::reply::HttpFault;
use crate::metrics::Endpoint;
use crate::site::{Audience, SiteRef};

/// How an endpoint says what is wrong with a request before it looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultForm(pub(crate) fn(HttpFault, ErrorForm) -> Response);

impl FaultForm {
    /// `error` and `error_description`, as the standard dialect has it.
    pub(crate) const STANDARD: Self = Self(standard::error::plain_fault);
}

/// What is at a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// As metrics and logs name it.
    pub(crate) endpoint: Endpoint,
    /// How it says what is wrong.
    pub(crate) faults: FaultForm,
    /// At which hosts of the realm it is.
    pub(crate) reach: Reach,
}

/// At which hosts of a realm a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The realm's own.
    Realm,
    /// Those of its organizations too.
    OrganizationsToo,
}

/// What a dialect answers, by path.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) router: Router<SiteRef>,
    pub(crate) places: HashMap<String, Place>,
    /// The form of the places that are added now; at last, of the paths where nothing is.
    pub(crate) faults: FaultForm,
    /// Where the places are that are added now.
    reach: Reach,
    /// A path that two endpoints would have.
    pub(crate) doubled: Option<String>,
}

impl Routes {
    /// Nothing yet; what is added next speaks in this form.
    pub(crate) fn new(faults: FaultForm) -> Self {
        Self { router: Router::new(), places: HashMap::new(), faults, reach: Reach::Realm, doubled: None }
    }

    /// From here on what is added is at these hosts.
    pub(crate) fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// From here on what is added speaks in this form.
    pub(crate) fn speaking(self, faults: FaultForm) -> Self {
        Self { faults, ..self }
    }

    /// Adds an endpoint; its handler sees every method.
    pub(crate) fn endpoint<H, T>(mut self, path: &str, endpoint: Endpoint, handler: H) -> Self
    where
        H: axum::handler::Handler<T, SiteRef>,
        T: 'static,
    {
        let place = Place { endpoint, faults: self.faults, reach: self.reach };
        if self.places.insert(path.to_owned(), place).is_none() {
            self.router = self.router.route(path, axum::routing::any(handler));
        } else {
            self.doubled = Some(path.to_owned());
        }
        self
    }
}

/// The routes of a realm, by the dialect its settings name; `None` if there is no such dialect.
pub(crate) fn routes(settings: &RealmSettings, audience: &Audience) -> Option<Routes> {
    let routes = match settings.dialect.as_str() {
        standard::NAME => standard::routes(settings),
        haravan::NAME => haravan::routes(settings),
        marketplace::NAME => marketplace::routes(settings),
        oneid::NAME => oneid::routes(settings),
        tini::NAME => tini::routes(settings, audience),
        _ => return None,
    };
    // What is at no path speaks as the dialect does; our own pages speak as the standard has it.
    let elsewhere = routes.faults;
    let routes = routes.speaking(FaultForm::STANDARD);
    let routes = match audience {
        Audience::Production => routes,
        Audience::Sandbox(_) => crate::sandbox::routes(routes),
        Audience::Bench => crate::sandbox::bench_routes(routes),
    };
    Some(crate::interaction::routes(routes, settings).speaking(elsewhere))
}
