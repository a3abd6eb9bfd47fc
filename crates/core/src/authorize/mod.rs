//! The authorization request: what it must be, and what is to be done about it (RFC 6749 section 4.1.1).
//!
//! Order of the checks, each before the next: client, redirect URI (until here the answer is a page, never a redirect), then as
//! redirects: repeated or malformed parameters, the client's grants, scope, response type, response mode, state, PKCE.

mod decide;
mod partial;
mod request;
#[cfg(test)]
mod tests;

pub use decide::{Consents, Decision, SessionView, Step, decide, session_is_live};
pub use partial::{PartialConsent, ScopeWithheld};
pub use request::{
    AuthorizationRequest, AuthorizeError, AuthorizeRefusal, PageProblem, Parameter, ValidRequest, validate,
};
