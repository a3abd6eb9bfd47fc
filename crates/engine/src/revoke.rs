//! Revocation (RFC 7009): a refresh token, spent or not, ends its grant; an access token ends those of its generation and before.

use kimbai_core::client::ClientCredentials;
use kimbai_core::grant::{EndReason, Revocation};
use kimbai_core::secret::Secret;
use kimbai_core::token::{Pointer, Rowless, ShortPointer, TokenKind, TokenRefusal};
use kimbai_keyring::Opened;

use crate::client_authentication::authenticated;
use crate::engine::{About, Engine, until_known};
use crate::error::TokenError;
use crate::realm::Realm;
use crate::source::Source;

/// So many denied row-less tokens a client; beyond it the client's epoch advances.
const DENIED_PER_CLIENT_MAX: u32 = 1_000;

impl Engine {
    /// Revokes a token of the authenticated client. What is no token of ours is no error (section 2.2).
    ///
    /// # Errors
    /// [`TokenError`]: the client is not who it says, the token is another client's, or the store failed.
    pub async fn revoke(
        &self,
        realm: &Realm,
        credentials: &ClientCredentials,
        token: &Secret,
        source: Source,
    ) -> Result<(), TokenError> {
        let client = authenticated(realm, credentials, self.now())?;
        realm.admit_client(&client)?;
        let kinds = [TokenKind::Refresh, TokenKind::Access, TokenKind::Rowless];
        let Some(presented) = self.open_token(realm, &kinds, token.expose()).await? else { return Ok(()) };
        let owner = match presented.opened {
            Opened::Pointer(_, Pointer { client, .. }) | Opened::Rowless(Rowless { client, .. }) => client,
            Opened::Short(_, short) => match self.store.lookup(realm.number, short.grant).await?.seen {
                Some(seen) => seen.grant.client,
                // There is nothing left of it to revoke.
                None => return Ok(()),
            },
        };
        if owner != client.number {
            // Anybody can speak for a public client: it does not learn that the string is a token of someone's.
            return if client.is_public() { Ok(()) } else { Err(TokenRefusal::UnauthorizedClient.into()) };
        }
        match presented.opened {
            Opened::Pointer(kind, pointer) => self.revoke_pointer(realm, kind, pointer.short(), source).await,
            Opened::Short(kind, short) => self.revoke_pointer(realm, kind, short, source).await,
            Opened::Rowless(rowless) => {
                let digest = rowless_digest(realm, &presented.sealed);
                let per_client_max = DENIED_PER_CLIENT_MAX;
                let expiry_s = rowless.expiry_s;
                let denied = self.store.deny_rowless(realm.number, client.number, digest, expiry_s, per_client_max);
                // When the list was full the epoch has grown: what is issued from now on must bear the new one.
                realm.put_standing(client.number, denied.await?);
                Ok(())
            }
        }
    }

    async fn revoke_pointer(
        &self,
        realm: &Realm,
        kind: TokenKind,
        pointer: ShortPointer,
        source: Source,
    ) -> Result<(), TokenError> {
        let (revocation, event) = match kind {
            TokenKind::Refresh => (Revocation::Grant(EndReason::RevokedByClient), "grant_revoked_by_client"),
            TokenKind::Access
            | TokenKind::Code
            | TokenKind::Rowless
            | TokenKind::AccessJti
            | TokenKind::RowlessJti
            | TokenKind::RefreshJti => (Revocation::AccessThrough(pointer.generation), "access_revoked_by_client"),
        };
        let attempt = Self::attempt();
        let look = until_known(|| self.store.revoke(realm.number, pointer.grant, revocation, attempt)).await?;
        if let Some(seen) = look.seen.filter(|seen| seen.grant.attempt == attempt) {
            self.record(realm, event, About { seen: Some(&seen), source: Some(source), ..About::default() });
        }
        Ok(())
    }
}

/// By what the deny list knows a row-less token.
pub(crate) fn rowless_digest(realm: &Realm, sealed: &str) -> [u8; 16] {
    realm.keyring.keyed_digest("row-less", sealed.as_bytes())
}
