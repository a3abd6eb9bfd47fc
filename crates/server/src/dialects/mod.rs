//! The dialects: how each platform spells requests and answers. A folder each; deleting a folder deletes the platform.

pub mod marketplace;
pub mod standard;

use std::collections::HashMap;

use axum::Router;
use kimbai_engine::Realm;

use crate::metrics::Endpoint;
use crate::site::{Audience, SiteRef};

/// What a dialect answers, by path.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<SiteRef>,
    pub(crate) endpoints: HashMap<String, Endpoint>,
}

impl Routes {
    /// Adds an endpoint; its handler sees every method.
    pub(crate) fn endpoint<H, T>(mut self, path: &str, endpoint: Endpoint, handler: H) -> Self
    where
        H: axum::handler::Handler<T, SiteRef>,
        T: 'static,
    {
        self.router = self.router.route(path, axum::routing::any(handler));
        self.endpoints.insert(path.to_owned(), endpoint);
        self
    }
}

/// The routes of a realm, by the dialect its settings name; `None` if there is no such dialect.
pub(crate) fn routes(realm: &Realm, audience: &Audience) -> Option<Routes> {
    let routes = match realm.settings.dialect.as_str() {
        standard::NAME => standard::routes(realm),
        marketplace::NAME => marketplace::routes(realm),
        _ => return None,
    };
    let routes = match audience {
        Audience::Production => routes,
        Audience::Sandbox(_) => crate::sandbox::routes(routes),
        Audience::Bench => crate::sandbox::bench_routes(routes),
    };
    Some(crate::interaction::routes(routes, realm))
}
