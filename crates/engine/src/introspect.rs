//! Introspection (RFC 7662), and the same question asked by a resource of our own.

use std::sync::Arc;

use kimbai_core::claims::ClaimSet;
use kimbai_core::client::{Client, ClientCredentials};
use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{Grant, Look};
use kimbai_core::number::{OrganizationNumber, UserNumber};
use kimbai_core::organization::Membership;
use kimbai_core::scope::ScopeSet;
use kimbai_core::secret::Secret;
use kimbai_core::token::{
    Inactive, IntrospectionReach, Live, Pointer, Refusal, Rowless, TokenKind, TokenRefusal, introspect,
    introspect_rowless, introspect_short, is_allowed,
};
use kimbai_keyring::Opened;

use crate::client_authentication::authenticated;
use crate::engine::Engine;
use crate::error::{EngineError, TokenError};
use crate::realm::Realm;
use crate::revoke::rowless_digest;

/// What a token is, if it works.
#[derive(Debug, Clone)]
pub enum Introspection {
    /// It works.
    Active(TokenFacts),
    /// It does not; the caller is told no more.
    Inactive(Inactive),
}

/// What a resource server may know of a token (RFC 7662 section 2.2).
#[derive(Debug, Clone)]
pub struct TokenFacts {
    /// What it allows.
    pub scope: ScopeSet,
    /// The client it was issued to.
    pub client: Arc<Client>,
    /// The user's subject; the `client_id` where there is no user (RFC 9068 section 2.2).
    pub subject: Arc<str>,
    /// The user, where there is one.
    pub user: Option<UserNumber>,
    /// For which organization the user acts.
    pub organization: OrganizationNumber,
    /// By what clients know it: read for introspection alone.
    pub org_id: Option<String>,
    /// The user's place there, of a grant that stands on it.
    pub(crate) place: Option<Box<Membership>>,
    /// When it was issued, in seconds since 1970; not known of a short token whose generation has passed.
    pub issued_at_s: Option<u32>,
    /// When it expires, in seconds since 1970.
    pub expiry_s: u32,
    /// The claims that its request asked for by name, for the `UserInfo` endpoint.
    pub requested: ClaimSet,
    /// For whom it is: the issuer, where it opens resources of the realm's own.
    pub audience: Vec<Arc<str>>,
    /// Access or refresh.
    pub kind: TokenKind,
    /// The grant that an access token is of, if it came from an exchange, which must hear of a use.
    exchanged: Option<Box<Grant>>,
}

impl Introspection {
    /// What was found out, of a token that says for whom it is.
    fn of(realm: &Realm, facts: Result<TokenFacts, Refusal>, audience: Option<Vec<Arc<str>>>) -> Self {
        match facts {
            Ok(facts) => {
                // Nobody but us takes a refresh token (RFC 6749 section 1.5).
                let audience = if facts.kind == TokenKind::Refresh {
                    vec![Arc::from(realm.settings.issuer.as_str())]
                } else {
                    audience.unwrap_or_else(|| realm.audiences.of(facts.scope))
                };
                Self::Active(TokenFacts { audience, ..facts })
            }
            Err(refusal) => Self::Inactive(Inactive::Refused(refusal)),
        }
    }

    /// Itself, unless it is for others alone. A token that does not work is for nobody.
    fn only_for(self, name: &str) -> Self {
        match self {
            Self::Active(facts) if !facts.audience.iter().any(|audience| **audience == *name) => {
                Self::Inactive(Inactive::NotYours)
            }
            found @ (Self::Active(_) | Self::Inactive(_)) => found,
        }
    }
}

/// What opens resources.
const ACCESS_TOKENS: [TokenKind; 2] = [TokenKind::Access, TokenKind::Rowless];

impl Engine {
    /// Answers an introspection request of an authenticated client.
    ///
    /// # Errors
    /// [`TokenError`]: the client is not who it says, or the store failed.
    pub async fn introspect(
        &self,
        realm: &Realm,
        credentials: &ClientCredentials,
        token: &Secret,
    ) -> Result<Introspection, TokenError> {
        let caller = authenticated(realm, credentials, self.now())?;
        realm.admit_client(&caller)?;
        if caller.is_public() {
            return Err(TokenRefusal::UnauthorizedClient.into());
        }
        let found = match IntrospectionReach::of(&caller, &realm.audiences) {
            IntrospectionReach::Nothing => Introspection::Inactive(Inactive::NotYours),
            IntrospectionReach::OwnAudience => {
                self.look_into(realm, &ACCESS_TOKENS, token).await?.only_for(&caller.client_id)
            }
            IntrospectionReach::EveryToken => {
                let kinds = [TokenKind::Access, TokenKind::Rowless, TokenKind::Refresh];
                self.look_into(realm, &kinds, token).await?
            }
        };
        let found = self.answered(realm, found).await?;
        Ok(self.naming_organization(realm, found).await?)
    }

    /// The same answer, which says by what clients know the organization, if there is one.
    async fn naming_organization(&self, realm: &Realm, found: Introspection) -> Result<Introspection, EngineError> {
        let facts = match found {
            Introspection::Active(facts) if facts.organization != OrganizationNumber::NONE => facts,
            other @ (Introspection::Active(_) | Introspection::Inactive(_)) => return Ok(other),
        };
        let org_id = match &facts.place {
            Some(place) => Some(place.organization.org_id.clone()),
            None => self.organization(realm, facts.organization).await?.map(|organization| organization.org_id),
        };
        Ok(Introspection::Active(TokenFacts { org_id, ..facts }))
    }

    /// Tells an authenticated client of an access token that was issued to it; of any other token nothing.
    ///
    /// # Errors
    /// [`TokenError`]: the client is not who it says, or the store failed.
    pub async fn own_access_token(
        &self,
        realm: &Realm,
        credentials: &ClientCredentials,
        token: &Secret,
    ) -> Result<Introspection, TokenError> {
        let caller = authenticated(realm, credentials, self.now())?;
        realm.admit_client(&caller)?;
        let found = match self.look_into(realm, &[TokenKind::Access], token).await? {
            Introspection::Active(facts) if facts.client.number != caller.number => {
                Introspection::Inactive(Inactive::Refused(Refusal::OtherClient))
            }
            found @ (Introspection::Active(_) | Introspection::Inactive(_)) => found,
        };
        Ok(self.answered(realm, found).await?)
    }

    /// Whether a Bearer token opens a resource of ours.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn verify_access_token(&self, realm: &Realm, token: &Secret) -> Result<Introspection, EngineError> {
        let found = self.look_into(realm, &ACCESS_TOKENS, token).await?.only_for(&realm.settings.issuer);
        self.answered(realm, found).await
    }

    /// What the caller is told. That an access token works is a use of it, and durable before anybody hears of it.
    async fn answered(&self, realm: &Realm, found: Introspection) -> Result<Introspection, EngineError> {
        if let Introspection::Active(TokenFacts { exchanged: Some(grant), .. }) = &found {
            self.note_use(realm, grant).await?;
        }
        Ok(found)
    }

    /// The same, and what is stored of the token's user, which is read with the grant.
    pub(crate) async fn verify_users_access_token(
        &self,
        realm: &Realm,
        token: &Secret,
    ) -> Result<(Introspection, Option<String>), EngineError> {
        let Some(presented) = self.open_token(realm, &ACCESS_TOKENS, token.expose()).await? else {
            return Ok((Introspection::Inactive(Inactive::Refused(Refusal::Forged)), None));
        };
        let (facts, claims) = match presented.opened {
            Opened::Pointer(kind, pointer) => {
                let (look, claims) = self.store.lookup_with_claims(realm.number, pointer.grant).await?;
                (self.facts_of(realm, kind, live(kind, pointer, &look)).await?, claims)
            }
            Opened::Short(kind, short) => {
                let (look, claims) = self.store.lookup_with_claims(realm.number, short.grant).await?;
                (self.facts_of(realm, kind, introspect_short(kind, short, &look)).await?, claims)
            }
            Opened::Rowless(rowless) => (self.look_into_rowless(realm, &rowless, &presented.sealed).await?, None),
        };
        let found = Introspection::of(realm, facts, presented.audience).only_for(&realm.settings.issuer);
        Ok((self.answered(realm, found).await?, claims))
    }

    async fn look_into(
        &self,
        realm: &Realm,
        kinds: &[TokenKind],
        token: &Secret,
    ) -> Result<Introspection, EngineError> {
        let Some(presented) = self.open_token(realm, kinds, token.expose()).await? else {
            return Ok(Introspection::Inactive(Inactive::Refused(Refusal::Forged)));
        };
        let facts = match presented.opened {
            Opened::Pointer(kind, pointer) => {
                let look = self.store.lookup(realm.number, pointer.grant).await?;
                self.facts_of(realm, kind, live(kind, pointer, &look)).await?
            }
            Opened::Short(kind, short) => {
                let look = self.store.lookup(realm.number, short.grant).await?;
                self.facts_of(realm, kind, introspect_short(kind, short, &look)).await?
            }
            Opened::Rowless(rowless) => self.look_into_rowless(realm, &rowless, &presented.sealed).await?,
        };
        Ok(Introspection::of(realm, facts, presented.audience))
    }

    async fn facts_of(
        &self,
        realm: &Realm,
        kind: TokenKind,
        found: Result<(Live, Pointer, Option<u32>), Refusal>,
    ) -> Result<Result<TokenFacts, Refusal>, EngineError> {
        let (live, pointer, issued_at_s) = match found {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(client) = realm.client_by_number(pointer.client) else { return Ok(Err(Refusal::ClientEnded)) };
        if !is_allowed(&client, pointer.scope, &realm.scopes) {
            return Ok(Err(Refusal::ScopeRetired));
        }
        let place = match self.stands(realm, &live.grant).await? {
            Ok(place) => place,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(public) = self.public_subject(realm, live.grant.user).await? else {
            return Ok(Err(Refusal::UserEnded));
        };
        let requested = realm.requested_claims(&client, &live.grant, pointer.scope).userinfo;
        let is_exchanged = ExchangeOrigin::of(&live.grant.binding).is_some();
        Ok(Ok(TokenFacts {
            scope: pointer.scope,
            subject: realm.subject_for(&client, &public),
            client,
            user: Some(live.grant.user),
            organization: live.grant.organization,
            org_id: None,
            place: place.map(Box::new),
            issued_at_s,
            expiry_s: live.expiry_s,
            requested,
            audience: Vec::new(),
            kind,
            // To ask about a refresh token is not to use it.
            exchanged: (kind == TokenKind::Access && is_exchanged).then(|| Box::new(live.grant)),
        }))
    }

    async fn look_into_rowless(
        &self,
        realm: &Realm,
        rowless: &Rowless,
        sealed: &str,
    ) -> Result<Result<TokenFacts, Refusal>, EngineError> {
        let digest = rowless_digest(realm, sealed);
        let look = self.store.lookup_rowless(realm.number, rowless.client, digest).await?;
        if let Err(refusal) = introspect_rowless(rowless, look.client, look.denied, look.now) {
            return Ok(Err(refusal));
        }
        let Some(client) = realm.client_by_number(rowless.client) else { return Ok(Err(Refusal::ClientEnded)) };
        if !is_allowed(&client, rowless.scope, &realm.scopes) {
            return Ok(Err(Refusal::ScopeRetired));
        }
        Ok(Ok(TokenFacts {
            scope: rowless.scope,
            subject: client.client_id.as_str().into(),
            client,
            user: None,
            organization: OrganizationNumber::NONE,
            org_id: None,
            place: None,
            issued_at_s: Some(rowless.issued_at_s),
            expiry_s: rowless.expiry_s,
            requested: ClaimSet::EMPTY,
            audience: Vec::new(),
            kind: TokenKind::Rowless,
            exchanged: None,
        }))
    }
}

/// A token that says all itself, if it works.
fn live(kind: TokenKind, pointer: Pointer, look: &Look) -> Result<(Live, Pointer, Option<u32>), Refusal> {
    introspect(kind, &pointer, look).map(|live| (live, pointer, Some(pointer.issued_at_s)))
}
