//! The token endpoint's operation (RFC 6749 section 3.2): authenticate, plan, one verb, settle, seal.

use kimbai_core::client::Client;
use kimbai_core::grant::{EndReason, Grant, Outcome, Redemption, Revocation, Seen, State};
use kimbai_core::number::{GrantId, UserNumber};
use kimbai_core::organization::Membership;
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{
    Note, Plan, Pointer, Presented, Refusal, Retries, Settled, TokenGrant, TokenKind, TokenRefusal, TokenRequest, plan,
    settle_redemption, settle_rotation,
};
use kimbai_keyring::{Opened, SignedJwt};

use crate::access_token::IssuedToken;
use crate::client_authentication::authenticated;
use crate::code::split;
use crate::engine::{About, Engine, seen, until_known};
use crate::error::{EngineError, TokenError};
use crate::id_token::Identity;
use crate::realm::Realm;
use crate::source::Source;

/// What a client is given, sealed (RFC 6749 section 5.1).
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: IssuedToken,
    /// The refresh token, where the grant has one.
    pub refresh_token: Option<IssuedToken>,
    /// The ID token, where the access token has the scope `openid`.
    pub id_token: Option<SignedJwt>,
    /// Seconds the access token still lives.
    pub expires_in_s: u32,
    /// Seconds the refresh token still lives if it is not used; 0 without one.
    pub refresh_expires_in_s: u32,
    /// What the access token allows.
    pub scope: ScopeSet,
    /// Whose it is; nobody's where there is no grant.
    pub user: Option<UserNumber>,
    /// What the operator should know of it.
    pub note: Option<Note>,
}

impl Engine {
    /// Answers an access token request.
    ///
    /// # Errors
    /// [`TokenError`]: refused, or the store failed; then the client may ask again and gets the same successor.
    pub async fn token(
        &self,
        realm: &Realm,
        request: &TokenRequest,
        source: Source,
    ) -> Result<TokenAnswer, TokenError> {
        let client = authenticated(realm, &request.credentials, self.now())?;
        realm.admit_client(&client)?;
        self.grant_to(realm, &client, &request.grant, source).await
    }

    /// Answers an access token request of a client that has proven itself.
    pub(crate) async fn grant_to(
        &self,
        realm: &Realm,
        client: &Client,
        request: &TokenGrant,
        source: Source,
    ) -> Result<TokenAnswer, TokenError> {
        let (presented, nonce) = self.presented(realm, request).await?;
        let rules = realm.token_rules.for_client(client);
        let context = (&realm.scopes, rules, realm.keyring.sealing_keys());
        let attempt = Self::attempt();
        let mut identity = None;
        let (outcome, settled, rotated) = match plan(client, request, presented, context)? {
            Plan::Redeem(id, redemption) => {
                let redemption = Redemption { binding: redemption.binding.with_nonce(nonce.as_deref()), ..redemption };
                identity = self.before_redemption(realm, client, (id, presented)).await?;
                let outcome = until_known(|| self.store.redeem(realm.number, id, redemption, attempt)).await?;
                let settled = settle_redemption(&outcome, &redemption, rules);
                (outcome, settled, None)
            }
            Plan::Rotate(id, rotation, scope) => {
                let outcome = until_known(|| self.store.rotate(realm.number, id, rotation, attempt)).await?;
                let settled = settle_rotation(
                    &outcome,
                    &rotation,
                    scope,
                    Retries::of(client, self.store.available_since()),
                    rules,
                );
                (outcome, settled, Some(id))
            }
            Plan::Rowless(scope) => return Ok(self.issue_rowless(realm, client, scope).await?),
        };
        self.answer(realm, (client, &outcome, rotated), settled, (source, identity, nonce)).await
    }

    /// The sealed credential of a request, opened, and the nonce that came with it.
    async fn presented(&self, realm: &Realm, grant: &TokenGrant) -> Result<(Presented, Option<String>), EngineError> {
        match grant {
            TokenGrant::AuthorizationCode { code, .. } => match split(code.expose(), realm.settings.token_shape) {
                Some((sealed, nonce)) => {
                    let opened = realm.keyring.open(&[TokenKind::Code], sealed);
                    Ok((self.completed(realm, opened, Presented::Code).await?, nonce))
                }
                None => Ok((Presented::Code(None), None)),
            },
            TokenGrant::RefreshToken { refresh_token, .. } => {
                let opened = self.open_token(realm, &[TokenKind::Refresh], refresh_token.expose()).await?;
                let opened = opened.map(|token| token.opened);
                Ok((self.completed(realm, opened, Presented::Refresh).await?, None))
            }
            TokenGrant::ClientCredentials { .. } | TokenGrant::Incomplete { .. } | TokenGrant::Unsupported => {
                Ok((Presented::Nothing, None))
            }
        }
    }

    /// What was opened; a short pointer with what its row says, which never changes.
    async fn completed(
        &self,
        realm: &Realm,
        opened: Option<Opened>,
        presented: fn(Option<Pointer>) -> Presented,
    ) -> Result<Presented, EngineError> {
        match opened {
            Some(Opened::Pointer(_, pointer)) => Ok(presented(Some(pointer))),
            Some(Opened::Short(_, short)) => {
                let look = self.store.lookup(realm.number, short.grant).await?;
                let complete = |seen: Seen| presented(Some(short.complete(&seen.grant).0));
                Ok(look.seen.map_or(Presented::Gone, complete))
            }
            Some(Opened::Rowless(_)) | None => Ok(presented(None)),
        }
    }

    /// What signed tokens need, loaded before a code is redeemed, and whether its user may still give what it gives: redeeming it is the
    /// last thing that can fail. What is no code any more, the ledger refuses.
    async fn before_redemption(
        &self,
        realm: &Realm,
        client: &Client,
        (id, presented): (GrantId, Presented),
    ) -> Result<Option<Identity>, TokenError> {
        let scope = match presented {
            Presented::Code(Some(code)) => code.scope,
            Presented::Code(None) | Presented::Refresh(_) | Presented::Gone | Presented::Nothing => return Ok(None),
        };
        let (names_user, asks) = (realm.names_user(client, scope, scope), realm.organizations.asks(scope));
        if !names_user && !asks {
            return Ok(None);
        }
        let look = self.store.lookup(realm.number, id).await.map_err(EngineError::from)?;
        let is_code = |seen: &Seen| matches!(seen.grant.state, State::Code { .. });
        let Some(Seen { grant, .. }) = look.seen.filter(is_code) else { return Ok(None) };
        let place = if asks { self.givers_place(realm, &grant).await? } else { None };
        if asks {
            let checked = realm.organizations.check_giver(scope, grant.organization, place.as_ref());
            checked.map_err(TokenRefusal::Grant)?;
        }
        if names_user { Ok(self.identity_of(realm, client, (&grant, scope), place).await?) } else { Ok(None) }
    }

    /// What a signed token of this scope needs; `place` is the user's in the grant's organization, if it was read already.
    async fn identity_of(
        &self,
        realm: &Realm,
        client: &Client,
        (grant, scope): (&Grant, ScopeSet),
        place: Option<Membership>,
    ) -> Result<Option<Identity>, EngineError> {
        let requested = realm.requested_claims(client, grant, scope).id_token;
        let place = match place {
            None if realm.says_organization(scope) => self.givers_place(realm, grant).await?,
            read => read,
        };
        let wanted = (grant.user, realm.id_token_claims(scope, requested));
        self.identity(realm, client, wanted, realm.said_of(scope, place.as_ref())).await
    }

    async fn answer(
        &self,
        realm: &Realm,
        (client, outcome, rotated): (&Client, &Outcome, Option<GrantId>),
        settled: Settled,
        (source, identity, nonce): (Source, Option<Identity>, Option<String>),
    ) -> Result<TokenAnswer, TokenError> {
        let about = About { seen: seen(&outcome.verdict), source: Some(source), ..About::default() };
        match settled {
            Ok(issued) => {
                let Some(Seen { grant, .. }) = about.seen else {
                    return Err(EngineError::Stored("a verb was carried out without its row".to_owned()).into());
                };
                let mut place = None;
                if rotated.is_some() {
                    place = self.place_to_go_on(realm, grant, about).await?;
                    self.note_use(realm, grant).await?;
                }
                let scope = issued.access.scope;
                let identity = match identity {
                    None if realm.names_user(client, scope, grant.scope) => {
                        self.identity_of(realm, client, (grant, scope), place).await?
                    }
                    loaded => loaded,
                };
                if let (Some(Note::Retried), Some(id)) = (issued.note, rotated) {
                    self.note_retry(realm, id, &issued.access, about);
                }
                Self::issue(realm, client, (grant, &issued), (identity.as_ref(), nonce.as_deref()))
            }
            Err(refused) => {
                if let (Some(reason), Some(seen)) = (refused.revoke, about.seen) {
                    self.end(realm, seen.grant.id, reason).await?;
                    self.record(realm, audit_event(reason), about);
                }
                if refused.refusal == Refusal::StoreWentBack {
                    tracing::error!(realm = %realm.name, "a token is newer than its grant: the store has lost its tail");
                    self.record(realm, "store_went_back", about);
                }
                Err(TokenRefusal::Grant(refused.refusal).into())
            }
        }
    }

    /// The membership that a grant stands on, where it stands on one. A grant whose user has left is ended: nobody's tokens of it work.
    async fn place_to_go_on(
        &self,
        realm: &Realm,
        grant: &Grant,
        about: About<'_>,
    ) -> Result<Option<Membership>, TokenError> {
        match self.stands(realm, grant).await? {
            Ok(place) => Ok(place),
            Err(refusal) => {
                self.end(realm, grant.id, EndReason::MembershipEnded).await?;
                self.record(realm, audit_event(EndReason::MembershipEnded), about);
                Err(TokenRefusal::Grant(refusal).into())
            }
        }
    }

    pub(crate) async fn end(&self, realm: &Realm, id: GrantId, reason: EndReason) -> Result<(), EngineError> {
        let attempt = Self::attempt();
        until_known(|| self.store.revoke(realm.number, id, Revocation::Grant(reason), attempt)).await?;
        Ok(())
    }

    /// Each retry served is an audit event; retries in successive generations from different sources raise an alarm, because two
    /// holders of one chain look like that.
    fn note_retry(&self, realm: &Realm, id: GrantId, access: &Pointer, about: About<'_>) {
        self.record(realm, "refresh_retried", about);
        let Some(source) = about.source else { return };
        let generation = access.generation.number();
        let before = self.retries.get(&(realm.number, id));
        if before.is_some_and(|(retried, from)| retried + 1 == generation && from != source) {
            tracing::warn!(realm = %realm.name, grant = id.0, "retries of successive generations from different sources");
            self.record(realm, "refresh_retried_from_elsewhere", about);
        }
        self.retries.insert((realm.number, id), (generation, source));
    }
}

pub(crate) const fn audit_event(reason: EndReason) -> &'static str {
    match reason {
        EndReason::RevokedByClient => "grant_revoked_by_client",
        EndReason::ConsentWithdrawn => "consent_withdrawn",
        EndReason::CodeReplayed => "code_replayed",
        EndReason::RefreshTokenReused => "refresh_token_reused",
        EndReason::LastGeneration => "last_generation",
        EndReason::RevokedByOperator => "revoked_by_operator",
        EndReason::SessionEnded => "session_ended",
        EndReason::MembershipEnded => "membership_ended",
    }
}
