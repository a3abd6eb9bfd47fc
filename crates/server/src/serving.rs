//! The realms of an engine, each with its site, kept in step with what administration changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kimbai_core::realm::RealmSettings;
use kimbai_engine::Engine;

use crate::http::proxies::TrustedProxies;
use crate::http::sites::Sites;
use crate::metrics::Metrics;
use crate::site::{Audience, Site};

/// What is served to the world.
#[derive(Debug)]
pub struct Serving {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    sites: Arc<Sites>,
    /// The settings with which each realm is served.
    served: Mutex<HashMap<String, RealmSettings>>,
}

/// Some realms cannot be served as they stand; what was served of them before still is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct NotServed(Vec<String>);

impl Serving {
    /// Nothing yet; [`Serving::refresh`] brings in the realms. Where requests came from is what these proxies say.
    #[must_use]
    pub fn new(engine: Arc<Engine>, metrics: Arc<Metrics>, proxies: TrustedProxies) -> Self {
        Self { engine, metrics, sites: Arc::new(Sites::new(proxies)), served: Mutex::default() }
    }

    /// What answers requests.
    #[must_use]
    pub fn sites(&self) -> Arc<Sites> {
        Arc::clone(&self.sites)
    }

    /// Serves every realm as it stands now. Requests under way go on as they began.
    ///
    /// # Errors
    /// [`NotServed`]: realms have an unknown dialect, or their host is another one's; all others are served.
    pub fn refresh(&self) -> Result<(), NotServed> {
        // One at a time: whoever reads the realms last puts them last.
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut sites, mut faults) = (Vec::new(), Vec::new());
        for realm in self.engine.realms() {
            if served.get(&realm.name) == Some(&realm.settings) {
                continue;
            }
            let metrics = self.metrics.realm(&realm.name);
            match Site::new(Arc::clone(&self.engine), &realm, metrics, Audience::Production) {
                Some(site) => sites.push((site, realm)),
                None => faults.push(format!("realm {} has an unknown dialect or wrong hosts", realm.name)),
            }
        }
        // All at once, since two may change places; else each that can be.
        if self.sites.put(sites.iter().map(|(site, _)| Arc::clone(site))).is_ok() {
            served.extend(sites.into_iter().map(|(_, realm)| (realm.name.clone(), realm.settings.clone())));
        } else {
            for (site, realm) in sites {
                match self.sites.put([site]) {
                    Ok(()) => drop(served.insert(realm.name.clone(), realm.settings.clone())),
                    Err(error) => faults.push(format!("realm {}: {error}", realm.name)),
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(NotServed(faults)) }
    }
}
