//! What the sandbox serves beside its realms, for integrators: the table as a page, a callback, codes without pages, a clock, and why
//! requests were refused. Its protocol answers are byte for byte those of production.

mod callback;
mod clock;
mod code;
pub mod demo;
mod floor;
mod index;
mod recorder;
pub mod shown;

use std::sync::{Mutex, PoisonError};

use kimbai_store::Clock;

pub(crate) use self::code::is_foreign;
pub use self::recorder::Recorded;
use self::recorder::Recorder;
use crate::dialects::Routes;
use crate::metrics::Endpoint;
use crate::site::{Audience, Call};

/// What the sandbox knows of a realm beyond what is served in production.
#[derive(Debug)]
pub struct SandboxRealm {
    registration: demo::Registration,
    neighbours: Vec<(String, String)>,
    clock: Clock,
    recorder: Mutex<Recorder>,
}

impl SandboxRealm {
    /// What was registered in the realm, the realms beside it (name and URL), and the clock of all.
    #[must_use]
    pub fn new(registration: demo::Registration, neighbours: Vec<(String, String)>, clock: Clock) -> Self {
        Self { registration, neighbours, clock, recorder: Mutex::default() }
    }

    pub(crate) fn record(&self, request: Recorded) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    fn recorded(&self) -> Vec<Recorded> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).newest_first()
    }
}

/// What was registered in the realm of a call, in the sandbox.
pub(crate) fn registered(call: &Call) -> Option<&demo::Registration> {
    match &call.site.audience {
        Audience::Sandbox(sandbox) => Some(&sandbox.registration),
        Audience::Production | Audience::Bench => None,
    }
}

/// Adds what a benchmark needs: codes without pages, and the floor.
pub(crate) fn bench_routes(routes: Routes) -> Routes {
    routes.endpoint("/sandbox/code", Endpoint::Sandbox, code::code).endpoint("/floor", Endpoint::Sandbox, floor::floor)
}

/// Adds the sandbox's pages to a dialect's endpoints.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .endpoint("/", Endpoint::Sandbox, index::index)
        .endpoint("/sandbox/callback", Endpoint::Sandbox, callback::callback)
        .endpoint("/sandbox/code", Endpoint::Sandbox, code::code)
        .endpoint("/sandbox/clock", Endpoint::Sandbox, clock::clock)
        .endpoint("/sandbox/requests", Endpoint::Sandbox, recorder::requests)
}
