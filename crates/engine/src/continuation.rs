//! What a page's form carries from one step to the next: sealed, an hour long, bound to browser or session and to its request.
//!
//! There is no stored interaction. A form counts only for the step, the browser and the request for which it was shown; of one that
//! does not count, the hints of its request are kept.

use kimbai_core::authorize::{AuthorizationRequest, Progress};
use kimbai_core::grant::ShortDigest;
use kimbai_core::number::{OrganizationNumber, UserNumber};
use kimbai_core::time::Micros;

use crate::realm::Realm;
use crate::session::{BrowserSecret, SessionSecret};

const LIFETIME_S: u32 = 3_600;
/// What is sealed has another layout since it says for which organization the user acts.
const PURPOSE: &str = "continuation 2";

/// What goes from page to page of one request: what was settled, and what the first pass read and dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// What was settled.
    pub progress: Progress,
    /// Whom an ID token hint named: a digest of the subject.
    pub(crate) named: Option<SubjectDigest>,
    /// The name to begin the log-in form with; may be empty.
    pub login_hint: String,
}

/// A keyed digest of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubjectDigest(pub(crate) [u8; 16]);

/// Whose form it is and which: log-in forms are a browser's, the others a session's.
#[derive(Debug, Clone, Copy)]
pub enum FormBinding<'a> {
    /// The browser that was shown the log-in form.
    LogIn(&'a BrowserSecret),
    /// The session that was shown the consent form.
    Consent(&'a SessionSecret),
    /// The session that was asked which account it shall be.
    Account(&'a SessionSecret),
    /// The session that was asked for which organization it shall be.
    Organization(&'a SessionSecret),
    /// The browser that is led back to the authorization endpoint.
    Return(&'a BrowserSecret),
    /// Any browser: what a POST at the authorization endpoint said, which could as well have been a GET's.
    Anybody,
}

/// Why a form does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// It has none, it was changed, or it is another step's.
    #[error("the form is not one that was shown")]
    Foreign,
    /// It was shown more than an hour ago.
    #[error("the form has expired")]
    Expired,
    /// It was shown to another browser or session.
    #[error("the form was shown to another browser or session")]
    OtherBrowser,
    /// It was shown for another request.
    #[error("the form was shown for another request")]
    OtherRequest,
}

impl Realm {
    /// The sealed continuation for a form that is being shown, or for the way back to the authorization endpoint.
    #[must_use]
    pub fn continuation(
        &self,
        binding: FormBinding<'_>,
        request: &AuthorizationRequest,
        interaction: &Interaction,
        now: Micros,
    ) -> String {
        let mut value = vec![binding.step_byte()];
        value.extend_from_slice(&now.as_unix_s().to_be_bytes());
        value.extend_from_slice(&self.binding_digest(binding));
        value.extend_from_slice(&request_digest(request).0);
        interaction.write(&mut value);
        self.keyring.seal_value(PURPOSE, &value)
    }

    /// What a continuation carries, if it was made for this step, for this browser, for this request.
    ///
    /// # Errors
    /// [`FormFault`].
    pub fn check_continuation(
        &self,
        continuation: Option<&str>,
        binding: FormBinding<'_>,
        request: &AuthorizationRequest,
        now: Micros,
    ) -> Result<Interaction, FormFault> {
        let opened = continuation.and_then(|text| self.keyring.open_value(PURPOSE, text)).ok_or(FormFault::Foreign)?;
        let (step, rest) = opened.split_first_chunk::<1>().ok_or(FormFault::Foreign)?;
        let (shown_s, rest) = rest.split_first_chunk::<4>().ok_or(FormFault::Foreign)?;
        let (bound_to, rest) = rest.split_first_chunk::<16>().ok_or(FormFault::Foreign)?;
        let (shown_for, rest) = rest.split_first_chunk::<16>().ok_or(FormFault::Foreign)?;
        let interaction = Interaction::read(rest).ok_or(FormFault::Foreign)?;
        if *step != [binding.step_byte()] {
            return Err(FormFault::Foreign);
        }
        if is_over(*shown_s, now) {
            return Err(FormFault::Expired);
        }
        if *bound_to != self.binding_digest(binding) {
            return Err(FormFault::OtherBrowser);
        }
        if *shown_for != request_digest(request).0 {
            return Err(FormFault::OtherRequest);
        }
        Ok(interaction)
    }

    /// What a continuation of this request says of its hints, for a request that is seen for the first time again. They are the
    /// request's own: it may be of any step, age and browser. None: there are no hints.
    #[must_use]
    pub fn hints(
        &self,
        continuation: Option<&str>,
        request: &AuthorizationRequest,
        now: Micros,
    ) -> Option<Interaction> {
        let opened = continuation.and_then(|text| self.keyring.open_value(PURPOSE, text))?;
        let (step, rest) = opened.split_first()?;
        let (shown_s, rest) = rest.split_first_chunk::<4>()?;
        let (_, rest) = rest.split_first_chunk::<16>()?;
        let (shown_for, rest) = rest.split_first_chunk::<16>()?;
        let mut carried = Interaction::read(rest).filter(|_| *shown_for == request_digest(request).0)?;
        // These stand in URLs, which may be kept or handed on: the name is shown to nobody else, and not for ever.
        if *step == RETURN || (*step == ANYBODY && is_over(*shown_s, now)) {
            carried.login_hint.clear();
        }
        let has_hints = carried.named.is_some() || !carried.login_hint.is_empty();
        has_hints.then(|| carried.at(Progress::begun(now)))
    }

    fn binding_digest(&self, binding: FormBinding<'_>) -> [u8; 16] {
        match binding {
            FormBinding::LogIn(browser) | FormBinding::Return(browser) => {
                self.keyring.keyed_digest("form browser", browser.bytes())
            }
            FormBinding::Consent(session) | FormBinding::Account(session) | FormBinding::Organization(session) => {
                self.keyring.keyed_digest("form session", session.bytes())
            }
            FormBinding::Anybody => [0; 16],
        }
    }
}

const RETURN: u8 = 4;
const ANYBODY: u8 = 5;

impl FormBinding<'_> {
    const fn step_byte(self) -> u8 {
        match self {
            Self::LogIn(_) => 1,
            Self::Consent(_) => 2,
            Self::Account(_) => 3,
            Self::Organization(_) => 6,
            Self::Return(_) => RETURN,
            Self::Anybody => ANYBODY,
        }
    }
}

impl Interaction {
    /// Of a request that is seen for the first time.
    pub(crate) const fn begun(first_seen: Micros) -> Self {
        Self { progress: Progress::begun(first_seen), named: None, login_hint: String::new() }
    }

    /// The same interaction, further on.
    #[must_use]
    pub fn at(&self, progress: Progress) -> Self {
        Self { progress, ..self.clone() }
    }

    fn write(&self, value: &mut Vec<u8>) {
        let Progress { first_seen, log_in_since, chosen, organization } = self.progress;
        value.extend_from_slice(&first_seen.0.to_be_bytes());
        // No user has the number 0, nothing happened in 1970, and no digest is all zero: fixed values for "none".
        value.extend_from_slice(&log_in_since.map_or(0, |since| since.0).to_be_bytes());
        value.extend_from_slice(&chosen.map_or(0, |user| user.0).to_be_bytes());
        // For nobody else, number 0, is something that was settled.
        value.push(organization.is_some().into());
        value.extend_from_slice(&organization.map_or(0, |organization| organization.0).to_be_bytes());
        value.extend_from_slice(&self.named.map_or([0; 16], |named| named.0));
        value.extend_from_slice(self.login_hint.as_bytes());
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (first_seen, rest) = value.split_first_chunk()?;
        let (log_in_since, rest) = rest.split_first_chunk()?;
        let (chosen, rest) = rest.split_first_chunk()?;
        let (is_settled, rest) = rest.split_first()?;
        let (organization, rest) = rest.split_first_chunk()?;
        let (named, login_hint) = rest.split_first_chunk::<16>()?;
        let (log_in_since, chosen) = (i64::from_be_bytes(*log_in_since), u32::from_be_bytes(*chosen));
        let organization = (*is_settled == 1).then_some(OrganizationNumber(u32::from_be_bytes(*organization)));
        let progress = Progress {
            first_seen: Micros(i64::from_be_bytes(*first_seen)),
            log_in_since: (log_in_since != 0).then_some(Micros(log_in_since)),
            chosen: (chosen != 0).then_some(UserNumber(chosen)),
            organization,
        };
        let named = (*named != [0; 16]).then_some(SubjectDigest(*named));
        Some(Self { progress, named, login_hint: String::from_utf8(login_hint.to_vec()).ok()? })
    }
}

fn is_over(shown_s: [u8; 4], now: Micros) -> bool {
    now >= Micros::from_unix_s(u32::from_be_bytes(shown_s)).plus_s(LIFETIME_S)
}

fn request_digest(request: &AuthorizationRequest) -> ShortDigest {
    let mut bytes = Vec::new();
    for (name, parameter) in request.carried() {
        let value = parameter.value().unwrap_or_default();
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    ShortDigest::of(&bytes)
}
