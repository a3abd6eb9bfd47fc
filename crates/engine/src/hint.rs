//! What the first pass of an authorization request reads and drops: whom an ID token or a name hints at.
//!
//! An expired ID token is as good a hint as any; one of another issuer or client, or one that was altered, is refused (OpenID
//! Connect Core section 3.1.2.1).

use kimbai_core::authorize::{AuthorizationRequest, AuthorizeError};
use kimbai_core::client::Client;

use crate::continuation::Interaction;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::log_in::USERNAME_BYTES_MAX;
use crate::realm::Realm;

impl Engine {
    /// Begins with a request that is seen for the first time; or says what is wrong with its ID token hint.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn begin(
        &self,
        realm: &Realm,
        request: &AuthorizationRequest,
        client: &Client,
    ) -> Result<Result<Interaction, AuthorizeError>, EngineError> {
        let named = match request.id_token_hint.value() {
            None => None,
            Some(hint) => match self.read_hint(realm, hint).await? {
                Some(hint) if hint.client_id == client.client_id => Some(realm.subject_digest(&hint.subject)),
                Some(_) | None => return Ok(Err(AuthorizeError::IdTokenHint)),
            },
        };
        let login_hint = request.login_hint.value().filter(|hint| hint.len() <= USERNAME_BYTES_MAX);
        let login_hint = login_hint.unwrap_or_default().to_owned();
        Ok(Ok(Interaction { named, login_hint, ..Interaction::begun(self.now()) }))
    }
}
