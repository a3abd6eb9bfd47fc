//! A partner's refresh: its envelope is the proof, and what follows is that of every refresh.

use kimbai_core::client::Client;
use kimbai_core::secret::Secret;
use kimbai_core::token::TokenGrant;

use crate::engine::Engine;
use crate::error::TokenError;
use crate::realm::Realm;
use crate::source::Source;
use crate::token::TokenAnswer;

impl Engine {
    /// Refreshes a grant of the partner whose envelope was opened.
    ///
    /// # Errors
    /// [`TokenError`]: refused, or the store failed; then the partner may ask again and gets the same successor.
    pub async fn partner_refresh(
        &self,
        realm: &Realm,
        partner: &Client,
        refresh_token: Secret,
        source: Source,
    ) -> Result<TokenAnswer, TokenError> {
        let grant = TokenGrant::RefreshToken { refresh_token, scope: None };
        self.grant_to(realm, partner, &grant, source).await
    }
}
