//! What a valid request needs next: a log-in, a choice of the account or the organization, a consent, or an answer.
//!
//! Each page settles what it is for, so that it is shown once: a log-in is later than the first sight of the request, a choice is
//! remembered in [`Progress`], a decision is answered at once.

use crate::client::ConsentPolicy;
use crate::grant::PartyStanding;
use crate::number::{OrganizationNumber, UserNumber};
use crate::realm::{ConsentForm, Lifetimes};
use crate::scope::ScopeSet;
use crate::time::Micros;

use super::acting::Acting;
use super::openid::{Demands, LogInTerms, Prompt};
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

/// Whether the session's user is the one whom the request names by an ID token hint or a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectMatch {
    /// It names nobody, or this user.
    Fits,
    /// It names somebody else.
    Other,
}

/// How a realm asks for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentTerms {
    /// Whether scopes can be left out.
    pub form: ConsentForm,
    /// The scope that asks for a refresh token: never left out.
    pub offline: ScopeSet,
    /// The scope that asks for an ID token: never left out, for a client that asked for one cannot do without it.
    pub openid: ScopeSet,
}

/// Who is there, and what is known and was said.
#[derive(Debug, Clone, Copy)]
pub struct Browsing<'a> {
    /// The browser's session, if it is live.
    pub session: Option<&'a SessionView>,
    /// Whether its user is the one whom the request names.
    pub subject: SubjectMatch,
    /// For whom the user acts.
    pub acting: Acting,
    /// What the user has agreed to before, acting so; of who does not act yet, or may not, anything that was agreed to for this client.
    pub consents: Option<Consents>,
    /// What the consent form brought back.
    pub decision: Option<Decision>,
}

/// What has been settled of a request since it was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// When it was first seen.
    pub first_seen: Micros,
    /// Since when the user must have authenticated, whatever the request says: another account was wanted.
    pub log_in_since: Option<Micros>,
    /// Who was chosen, by a log-in or on the page that asks.
    pub chosen: Option<UserNumber>,
    /// For which organization the user acts, by what was said or shown; [`OrganizationNumber::NONE`]: for nobody else.
    pub organization: Option<OrganizationNumber>,
}

impl Progress {
    /// Nothing is settled yet.
    #[must_use]
    pub const fn begun(first_seen: Micros) -> Self {
        Self { first_seen, log_in_since: None, chosen: None, organization: None }
    }

    /// The user has authenticated. Clocks may differ by a little: a log-in for this request is never earlier than its first sight.
    #[must_use]
    pub fn logged_in(self, user: UserNumber, authenticated: Micros) -> Self {
        Self {
            first_seen: self.first_seen.min(authenticated),
            log_in_since: self.log_in_since.map(|since| since.min(authenticated)),
            chosen: Some(user),
            organization: None,
        }
    }

    /// The user wants to go on with this account.
    #[must_use]
    pub const fn chose(self, user: UserNumber) -> Self {
        Self { chosen: Some(user), ..self }
    }

    /// The user wants another account than those that are logged in.
    #[must_use]
    pub const fn wants_another(self, now: Micros) -> Self {
        Self { log_in_since: Some(now), chosen: None, organization: None, ..self }
    }

    /// The user acts for this organization, or, with [`OrganizationNumber::NONE`], for nobody else.
    #[must_use]
    pub const fn acts_for(self, organization: OrganizationNumber) -> Self {
        Self { organization: Some(organization), ..self }
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Show the log-in page.
    LogIn,
    /// Ask which account it shall be.
    ChooseAccount,
    /// Ask for which organization it shall be.
    ChooseOrganization,
    /// Show the consent page.
    AskConsent {
        /// What is asked for.
        scope: ScopeSet,
        /// What of it may be left out.
        optional: ScopeSet,
    },
    /// Open a grant and send its code.
    Respond {
        /// What was agreed to; what of it the request's scope has not, gives claims that were asked for by name.
        scope: ScopeSet,
    },
    /// Send an error.
    Refuse(AuthorizeError),
}

/// What a valid request needs next. A decision counts only with a live session that is all the request demands.
#[must_use]
pub fn decide(request: &ValidRequest, browsing: Browsing<'_>, progress: &Progress, terms: ConsentTerms) -> Step {
    let step = match browsing.session {
        None => Step::LogIn,
        Some(session) => match demanded_of_session(&request.terms, session, browsing.subject, progress) {
            Some(step) => step,
            None => match browsing.acting {
                // What the user's organizations are is nothing for a client that asks behind the back of who never agreed to it.
                Acting::Undecided | Acting::Refused(_) if is_unknown(request, browsing) => {
                    Step::Refuse(AuthorizeError::ConsentRequired)
                }
                Acting::Undecided if browsing.decision == Some(Decision::Deny) => {
                    Step::Refuse(AuthorizeError::AccessDenied)
                }
                Acting::Undecided => Step::ChooseOrganization,
                Acting::Refused(error) => Step::Refuse(error),
                Acting::Alone | Acting::For(_) => consent(request, browsing, terms),
            },
        },
    };
    match (request.terms.prompt, step) {
        (Prompt::Silent, Step::LogIn | Step::ChooseAccount) => Step::Refuse(AuthorizeError::LogInRequired),
        (Prompt::Silent, Step::ChooseOrganization) => Step::Refuse(AuthorizeError::InteractionRequired),
        (Prompt::Silent, Step::AskConsent { .. }) => Step::Refuse(AuthorizeError::ConsentRequired),
        (Prompt::Silent | Prompt::Pages(_), step) => step,
    }
}

/// Whether a client asks without pages to which the user has never agreed, and which needs that.
fn is_unknown(request: &ValidRequest, browsing: Browsing<'_>) -> bool {
    let needs_consent = match request.client.consent {
        ConsentPolicy::Never => false,
        ConsentPolicy::Remembered | ConsentPolicy::Always => true,
    };
    request.terms.prompt == Prompt::Silent && needs_consent && browsing.consents.is_none()
}

/// What the request demands of the session beyond its being live (OpenID Connect Core section 3.1.2.1).
fn demanded_of_session(
    terms: &LogInTerms,
    session: &SessionView,
    subject: SubjectMatch,
    progress: &Progress,
) -> Option<Step> {
    let demands = match terms.prompt {
        Prompt::Silent => Demands::NONE,
        Prompt::Pages(demands) => demands,
    };
    let by_prompt = demands.contains(Demands::LOG_IN).then_some(progress.first_seen);
    let by_age = terms.max_age_s.map(|max_age_s| progress.first_seen.minus_s(max_age_s));
    if [by_prompt, by_age, progress.log_in_since].into_iter().flatten().any(|since| session.authenticated < since) {
        return Some(Step::LogIn);
    }
    if subject == SubjectMatch::Other {
        // Whoever has logged in since and is somebody else would be asked for ever.
        let has_tried = session.authenticated >= progress.first_seen;
        return Some(if has_tried { Step::Refuse(AuthorizeError::LogInRequired) } else { Step::LogIn });
    }
    let is_chosen = !demands.contains(Demands::SELECT_ACCOUNT) || progress.chosen == Some(session.user);
    (!is_chosen).then_some(Step::ChooseAccount)
}

fn consent(request: &ValidRequest, browsing: Browsing<'_>, terms: ConsentTerms) -> Step {
    let asked = request.scope.union(request.terms.claim_scopes);
    let optional = match terms.form {
        ConsentForm::Full => ScopeSet::EMPTY,
        ConsentForm::Partial => asked.without(terms.offline).without(terms.openid),
    };
    let ask = Step::AskConsent { scope: asked, optional };
    let all = Step::Respond { scope: asked };
    match (browsing.decision, request.client.consent) {
        (Some(Decision::Deny), _) => Step::Refuse(AuthorizeError::AccessDenied),
        (Some(Decision::Allow { ticked }), _) => {
            let scope = asked.without(optional.without(ticked));
            // Who leaves out all that could be left out has said no.
            if scope.without(terms.offline).is_empty() && !asked.without(terms.offline).is_empty() {
                Step::Refuse(AuthorizeError::AccessDenied)
            } else {
                Step::Respond { scope }
            }
        }
        (None, _) if demands_consent(request.terms.prompt) => ask,
        (None, ConsentPolicy::Never) => all,
        // Nothing remembered is not a yes to nothing.
        (None, ConsentPolicy::Remembered)
            if browsing.consents.is_some_and(|agreed| agreed.scope.with_synonyms(terms.offline).contains(asked)) =>
        {
            all
        }
        (None, ConsentPolicy::Remembered | ConsentPolicy::Always) => ask,
    }
}

fn demands_consent(prompt: Prompt) -> bool {
    matches!(prompt, Prompt::Pages(demands) if demands.contains(Demands::CONSENT))
}

/// Whether a session may be used: neither idle nor old beyond its ends, its user active and of the same epoch.
#[must_use]
pub fn session_is_live(session: &SessionView, lifetimes: &Lifetimes, now: Micros) -> bool {
    now < session.last_used.plus_s(lifetimes.session_idle_s)
        && now < session.authenticated.plus_s(lifetimes.session_absolute_s)
        && session.standing.supports(session.user_epoch)
}
