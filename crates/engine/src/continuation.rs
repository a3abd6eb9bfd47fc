//! What a page's form carries from one step to the next: sealed, an hour long, bound to browser or session and to its request.
//!
//! There is no stored interaction. A form counts only for the step, the browser and the request for which it was shown.

use kimbai_core::authorize::AuthorizationRequest;
use kimbai_core::grant::ShortDigest;
use kimbai_core::time::Micros;

use crate::realm::Realm;
use crate::session::{BrowserSecret, SessionSecret};

const LIFETIME_S: u32 = 3_600;
const PURPOSE: &str = "continuation";

/// Whose form it is: log-in forms are a browser's, consent forms a session's.
#[derive(Debug, Clone, Copy)]
pub enum FormBinding<'a> {
    /// The browser that was shown the log-in form.
    Browser(&'a BrowserSecret),
    /// The session that was shown the consent form.
    Session(&'a SessionSecret),
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
    /// The sealed continuation for a form that is being shown.
    #[must_use]
    pub fn continuation(&self, binding: FormBinding<'_>, request: &AuthorizationRequest, now: Micros) -> String {
        let mut value = vec![binding.step_byte()];
        value.extend_from_slice(&now.as_unix_s().to_be_bytes());
        value.extend_from_slice(&self.binding_digest(binding));
        value.extend_from_slice(&request_digest(request).0);
        self.keyring.seal_value(PURPOSE, &value)
    }

    /// Whether a posted continuation is one that was shown for this step, to this browser, for this request.
    ///
    /// # Errors
    /// [`FormFault`].
    pub fn check_continuation(
        &self,
        continuation: Option<&str>,
        binding: FormBinding<'_>,
        request: &AuthorizationRequest,
        now: Micros,
    ) -> Result<(), FormFault> {
        let opened = continuation.and_then(|text| self.keyring.open_value(PURPOSE, text)).ok_or(FormFault::Foreign)?;
        let (step, rest) = opened.split_first_chunk::<1>().ok_or(FormFault::Foreign)?;
        let (shown_s, rest) = rest.split_first_chunk::<4>().ok_or(FormFault::Foreign)?;
        let (bound_to, shown_for) = rest.split_first_chunk::<16>().ok_or(FormFault::Foreign)?;
        if *step != [binding.step_byte()] {
            return Err(FormFault::Foreign);
        }
        if now >= Micros::from_unix_s(u32::from_be_bytes(*shown_s)).plus_s(LIFETIME_S) {
            return Err(FormFault::Expired);
        }
        if *bound_to != self.binding_digest(binding) {
            return Err(FormFault::OtherBrowser);
        }
        if shown_for != request_digest(request).0 {
            return Err(FormFault::OtherRequest);
        }
        Ok(())
    }

    fn binding_digest(&self, binding: FormBinding<'_>) -> [u8; 16] {
        match binding {
            FormBinding::Browser(browser) => self.keyring.keyed_digest("form browser", browser.bytes()),
            FormBinding::Session(session) => self.keyring.keyed_digest("form session", session.bytes()),
        }
    }
}

impl FormBinding<'_> {
    const fn step_byte(self) -> u8 {
        match self {
            Self::Browser(_) => 1,
            Self::Session(_) => 2,
        }
    }
}

fn request_digest(request: &AuthorizationRequest) -> ShortDigest {
    let mut bytes = Vec::new();
    for (name, parameter) in request.parameters() {
        let value = parameter.value().unwrap_or_default();
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    ShortDigest::of(&bytes)
}
