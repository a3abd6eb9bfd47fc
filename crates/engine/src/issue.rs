//! Sealing and signing what was settled that a client is given.

use kimbai_core::audience::AccessTokenFormat;
use kimbai_core::client::Client;
use kimbai_core::grant::Grant;
use kimbai_core::realm::RefreshTokenFormat;
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{Issued, Refusal, TokenKind, TokenRefusal, issue_rowless};
use kimbai_keyring::{SealError, random_u64};

use crate::access_token::{IssuedToken, Statement, Target};
use crate::engine::Engine;
use crate::error::{EngineError, TokenError};
use crate::id_token::{Identity, Occasion};
use crate::realm::Realm;
use crate::token::TokenAnswer;

impl Realm {
    /// Whether what a client gets for this scope, by a grant of that one, names the user: an ID token does, and an access token that is
    /// a JWT.
    pub(crate) fn names_user(&self, client: &Client, scope: ScopeSet, granted: ScopeSet) -> bool {
        self.is_openid(scope)
            || self.access_token_format(client, scope, granted) == AccessTokenFormat::Jwt
            || self.settings.refresh_token_format == RefreshTokenFormat::Jwt
    }

    /// The refresh token of what was issued, where there is one.
    fn refresh_token(
        &self,
        client: &Client,
        issued: &Issued,
        identity: Option<&Identity>,
    ) -> Result<Option<IssuedToken>, TokenError> {
        let Some(refresh) = &issued.refresh else { return Ok(None) };
        let seal = |kind| self.keyring.seal(kind, refresh, issued.sealing_key).map_err(unsealed);
        Ok(Some(match self.settings.refresh_token_format {
            RefreshTokenFormat::Opaque => seal(TokenKind::Refresh)?.into(),
            RefreshTokenFormat::Jwt => {
                let identity = identity.ok_or(TokenRefusal::Grant(Refusal::UserEnded))?;
                let jti = seal(TokenKind::RefreshJti)?;
                let said = (refresh, issued.refresh_expiry_s, &jti);
                self.signed_refresh_token(client, said, identity.statement(refresh.issued_at_s, None)?)?
            }
        }))
    }
}

impl Engine {
    /// The tokens of a grant's generation. Their times are those of the generation, so that a retry gets the same ones.
    pub(crate) fn issue(
        realm: &Realm,
        client: &Client,
        (grant, issued): (&Grant, &Issued),
        (identity, nonce): (Option<&Identity>, Option<&str>),
    ) -> Result<TokenAnswer, TokenError> {
        let (access, key) = (&issued.access, issued.sealing_key);
        let seal = |kind| realm.keyring.seal(kind, access, key).map_err(unsealed);
        let named = || identity.ok_or(TokenRefusal::Grant(Refusal::UserEnded));
        let access_token = match realm.access_token_format(client, access.scope, grant.scope) {
            AccessTokenFormat::Opaque => seal(TokenKind::Access)?.into(),
            AccessTokenFormat::Jwt => {
                let (identity, jti) = (named()?, seal(TokenKind::AccessJti)?);
                let statement = identity.statement(access.issued_at_s, grant.authenticated_s())?;
                realm.signed_access_token(client, (Target::Grant(*access), &jti), statement)?
            }
        };
        let id_token = if realm.is_openid(access.scope) {
            let occasion = Occasion {
                issued_at_s: access.issued_at_s,
                expiry_s: realm.id_token_expiry_s(access.issued_at_s, access.time),
                auth_time_s: grant.authenticated_s(),
                session: grant.log_in.session,
                nonce,
                access_token: Some(access_token.expose()),
                code: None,
            };
            Some(Self::id_token(realm, (client, named()?), occasion)?)
        } else {
            None
        };
        Ok(TokenAnswer {
            access_token,
            refresh_token: realm.refresh_token(client, issued, identity)?,
            id_token,
            expires_in_s: issued.expires_in_s,
            refresh_expires_in_s: issued.refresh_expires_in_s,
            scope: access.scope,
            user: Some(grant.user),
            note: issued.note,
        })
    }

    /// An access token for a client that speaks for itself (RFC 6749 section 4.4.3).
    pub(crate) async fn issue_rowless(
        &self,
        realm: &Realm,
        client: &Client,
        scope: ScopeSet,
    ) -> Result<TokenAnswer, EngineError> {
        let lifetime_s = client.lifetimes.access_token_s;
        let issuer = (client.number, client.standing.epoch);
        let token = issue_rowless(issuer, scope, lifetime_s, self.store.now(), random_u64());
        let seal = |kind| realm.keyring.seal_rowless(kind, &token).map_err(unsealed);
        let access_token = match realm.access_token_format(client, scope, scope) {
            AccessTokenFormat::Opaque => seal(TokenKind::Rowless)?.into(),
            AccessTokenFormat::Jwt => {
                let signer = self.signer(realm, realm.signing_algorithm(client)).await?;
                // There is no user: the client is the subject (RFC 9068 section 2.2).
                let statement = Statement { subject: &client.client_id, auth_time_s: None, signer: &signer };
                let jti = seal(TokenKind::RowlessJti)?;
                realm.signed_access_token(client, (Target::Nothing(token), &jti), statement)?
            }
        };
        Ok(TokenAnswer {
            access_token,
            refresh_token: None,
            id_token: None,
            expires_in_s: lifetime_s,
            refresh_expires_in_s: 0,
            scope,
            user: None,
            note: None,
        })
    }
}

pub(crate) fn unsealed(error: SealError) -> EngineError {
    EngineError::Stored(error.to_string())
}
