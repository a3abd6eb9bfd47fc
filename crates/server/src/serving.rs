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

/// A realm cannot be served as it stands; what was served before still is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotServed(String);

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
    /// [`NotServed`]: a realm has an unknown dialect, or its host is another one's; what was served before still is.
    pub fn refresh(&self) -> Result<(), NotServed> {
        // One at a time: whoever reads the realms last puts them last.
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut sites, mut settings) = (Vec::new(), Vec::new());
        for realm in self.engine.realms() {
            if served.get(&realm.name) == Some(&realm.settings) {
                continue;
            }
            let metrics = self.metrics.realm(&realm.name);
            let site = Site::new(Arc::clone(&self.engine), &realm, metrics, Audience::Production)
                .ok_or_else(|| NotServed(format!("realm {} has an unknown dialect or wrong hosts", realm.name)))?;
            sites.push(site);
            settings.push((realm.name.clone(), realm.settings.clone()));
        }
        if sites.is_empty() {
            return Ok(());
        }
        self.sites.put(sites).map_err(|error| NotServed(error.to_string()))?;
        served.extend(settings);
        Ok(())
    }
}
