//! What a valid request needs next: a log-in, a consent, or an answer.

use crate::client::ConsentPolicy;
use crate::grant::PartyStanding;
use crate::number::UserNumber;
use crate::realm::{ConsentForm, Lifetimes};
use crate::scope::ScopeSet;
use crate::time::Micros;

use super::request::{AuthorizeError, ValidRequest};

/// A browser session as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionView {
    /// Whose it is.
    pub user: UserNumber,
    /// The user's epoch at log-in.
    pub user_epoch: u32,
    /// When the user authenticated.
    pub authenticated: Micros,
    /// When it was last used.
    pub last_used: Micros,
    /// The user's standing now.
    pub standing: PartyStanding,
}

/// What the user has agreed to before, for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consents {
    /// All of it.
    pub scope: ScopeSet,
}

/// What the consent form brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes, to these of the scopes that could be left out.
    Allow {
        /// What was ticked.
        ticked: ScopeSet,
    },
    /// No.
    Deny,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Show the log-in page.
    LogIn,
    /// Show the consent page.
    AskConsent {
        /// What is asked for.
        scope: ScopeSet,
        /// What of it may be left out.
        optional: ScopeSet,
    },
    /// Open a grant and send its code.
    Respond {
        /// What was agreed to.
        scope: ScopeSet,
    },
    /// Send an error.
    Refuse(AuthorizeError),
}

/// What a valid request needs next. A decision counts only with a live session.
#[must_use]
pub fn decide(
    request: &ValidRequest,
    session: Option<&SessionView>,
    consents: Option<Consents>,
    decision: Option<Decision>,
    (form, offline): (ConsentForm, ScopeSet),
) -> Step {
    if session.is_none() {
        return Step::LogIn;
    }
    let optional = match form {
        ConsentForm::Full => ScopeSet::EMPTY,
        ConsentForm::Partial => request.scope.without(offline),
    };
    match (decision, request.client.consent) {
        (Some(Decision::Deny), _) => Step::Refuse(AuthorizeError::AccessDenied),
        (Some(Decision::Allow { ticked }), _) => {
            let scope = request.scope.without(optional.without(ticked));
            // Who leaves out all that could be left out has said no.
            if scope.without(offline).is_empty() && !request.scope.without(offline).is_empty() {
                Step::Refuse(AuthorizeError::AccessDenied)
            } else {
                Step::Respond { scope }
            }
        }
        (None, ConsentPolicy::Never) => Step::Respond { scope: request.scope },
        // Nothing remembered is not a yes to nothing.
        (None, ConsentPolicy::Remembered) if consents.is_some_and(|agreed| agreed.scope.contains(request.scope)) => {
            Step::Respond { scope: request.scope }
        }
        (None, ConsentPolicy::Remembered | ConsentPolicy::Always) => {
            Step::AskConsent { scope: request.scope, optional }
        }
    }
}

/// Whether a session may be used: neither idle nor old beyond its ends, its user active and of the same epoch.
#[must_use]
pub fn session_is_live(session: &SessionView, lifetimes: &Lifetimes, now: Micros) -> bool {
    now < session.last_used.plus_s(lifetimes.session_idle_s)
        && now < session.authenticated.plus_s(lifetimes.session_absolute_s)
        && session.standing.supports(session.user_epoch)
}
