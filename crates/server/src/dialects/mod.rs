//! The dialects: how each platform spells requests and answers. A folder each; deleting a folder deletes the platform.

pub mod marketplace;
pub mod oneid;
pub mod standard;
mod wire;

use std::collections::HashMap;

use axum::Router;
use kimbai_core::realm::RealmSettings;

pub use self::wire::Dialects;
use crate::metrics::Endpoint;
use crate::site::{Audience, SiteRef};

/// What a dialect answers, by path.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<SiteRef>,
    pub(crate) endpoints: HashMap<String, Endpoint>,
    /// A path that two endpoints would have.
    pub(crate) doubled: Option<String>,
}

impl Routes {
    /// Adds an endpoint; its handler sees every method.
    pub(crate) fn endpoint<H, T>(mut self, path: &str, endpoint: Endpoint, handler: H) -> Self
    where
        H: axum::handler::Handler<T, SiteRef>,
        T: 'static,
    {
        if self.endpoints.insert(path.to_owned(), endpoint).is_none() {
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
        marketplace::NAME => marketplace::routes(settings),
        oneid::NAME => oneid::routes(settings),
        _ => return None,
    };
    let routes = match audience {
        Audience::Production => routes,
        Audience::Sandbox(_) => crate::sandbox::routes(routes),
        Audience::Bench => crate::sandbox::bench_routes(routes),
    };
    Some(crate::interaction::routes(routes, settings))
}
