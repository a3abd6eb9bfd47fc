//! What administration must know of the dialects: their defaults, and which realms could be served beside each other.

use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeDefinition;
use kimbai_engine::admin::Wire;

use super::{marketplace, oneid, routes, standard, tconnect, tini};
use crate::http::sites::Sites;
use crate::site::Audience;

/// All dialects.
#[derive(Debug, Clone, Copy)]
pub struct Dialects;

impl Wire for Dialects {
    fn defaults(&self, dialect: &str, display_name: &str, issuer: &str) -> Option<RealmSettings> {
        let offline = |name: &str| {
            ScopeDefinition::new(name, "Truy cập cả khi bạn không trực tuyến", "Keep access while you are away")
        };
        match dialect {
            standard::NAME => {
                let scopes = [offline("offline_access")].into_iter().chain(standard::openid_scopes()).collect();
                Some(standard::settings(display_name, issuer, scopes))
            }
            marketplace::NAME => Some(marketplace::settings(display_name, issuer, vec![offline("offline")])),
            oneid::NAME => Some(oneid::settings(display_name, issuer, oneid::scopes())),
            tconnect::NAME => Some(tconnect::settings(display_name, issuer)),
            tini::NAME => Some(tini::settings(display_name, issuer, tini::scopes())),
            _ => None,
        }
    }

    fn check(&self, realms: &[(&str, &RealmSettings)]) -> Result<(), String> {
        for (name, settings) in realms {
            let takes_partners = settings.dialect == tconnect::NAME;
            if settings.partners.is_some() != takes_partners {
                let (must, dialect) = (if takes_partners { "has" } else { "has no" }, &settings.dialect);
                return Err(format!("realms.{name}: partners: a realm of the dialect {dialect} {must} partners"));
            }
            let known = self.defaults(&settings.dialect, "", &settings.issuer).map(|known| known.paths.platform);
            let is_known = |path: &&String| known.as_ref().is_some_and(|known| known.contains_key(*path));
            if let Some(unknown) = settings.paths.platform.keys().find(|path| !is_known(path)) {
                return Err(format!("realms.{name}: paths.platform: the dialect has no path {unknown:?}"));
            }
            match routes(settings, &Audience::Production) {
                None => return Err(format!("realms.{name}: dialect: there is no dialect {:?}", settings.dialect)),
                Some(routes) => {
                    if let Some(path) = routes.doubled {
                        return Err(format!("realms.{name}: paths: {path} is an endpoint of the dialect already"));
                    }
                }
            }
        }
        Sites::default().check(realms.iter().copied()).map_err(|error| error.to_string())
    }
}
