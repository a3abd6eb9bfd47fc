//! The authorization request: what it must be, and what is to be done about it (RFC 6749 section 4.1.1).
//!
//! Order of the checks, each before the next: client, redirect URI (until here the answer is a page, never a redirect), then as
//! redirects: repeated or malformed parameters, request objects, the client's grants, scope, response type, response mode, state,
//! PKCE, and what the request says of the log-in. Then the ID token hint, whose signature the caller checks.

mod acting;
mod decide;
mod openid;
mod partial;
mod request;
mod response_type;
#[cfg(test)]
mod tests;

pub use acting::{Acting, Wanted, acting};
pub use decide::{
    Browsing, ConsentTerms, Consents, Decision, Progress, SessionView, Step, SubjectMatch, decide, session_is_live,
};
pub use openid::{Demands, LogInTerms, Prompt};
pub use partial::{PartialConsent, ScopeWithheld};
pub use request::{
    AuthorizationRequest, AuthorizeError, AuthorizeRefusal, PageProblem, Parameter, ResponseMode, ResponseTarget,
    ValidRequest, validate,
};
pub use response_type::ResponseType;
