//! What administration must know of the dialects.

use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeDefinition;
use kimbai_engine::admin::Wire;
use kimbai_server::dialects::{marketplace, standard};

/// The dialects of this build.
#[derive(Debug)]
pub(super) struct Dialects;

impl Wire for Dialects {
    fn defaults(&self, dialect: &str, display_name: &str, issuer: &str) -> Option<RealmSettings> {
        let offline = |name| {
            vec![ScopeDefinition::new(name, "Truy cập cả khi bạn không trực tuyến", "Keep access while you are away")]
        };
        match dialect {
            standard::NAME => Some(standard::settings(display_name, issuer, offline("offline_access"))),
            marketplace::NAME => Some(marketplace::settings(display_name, issuer, offline("offline"))),
            _ => None,
        }
    }

    fn check(&self, _realms: &[(&str, &RealmSettings)]) -> Result<(), String> {
        Ok(())
    }
}
