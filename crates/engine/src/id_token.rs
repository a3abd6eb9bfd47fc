//! ID tokens: made beside access tokens for grants with the scope `openid`, and read again as hints (OpenID Connect Core section 2).

use std::sync::Arc;

use kimbai_core::claims::{ClaimSet, RequestedClaims, UserClaims};
use kimbai_core::client::Client;
use kimbai_core::grant::{Grant, ShortDigest};
use kimbai_core::id_token::IdToken;
use kimbai_core::number::UserNumber;
use kimbai_core::organization::Membership;
use kimbai_core::realm::IdTokenClaims;
use kimbai_core::scope::ScopeSet;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_core::time::Micros;
use kimbai_keyring::{JwtKind, SignedJwt, SigningKey};
use kimbai_store::SessionId;
use serde_json::{Map, Value};

use crate::access_token::Statement;
use crate::code::AuthorizationCode;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::realm::Realm;
use crate::signing::{JwtError, SigningKeys};

/// Who a user is to a client, and the key that says so: all that can fail before an ID token is made.
#[derive(Debug)]
pub(crate) struct Identity {
    subject: Arc<str>,
    claims: Map<String, Value>,
    algorithm: SigningAlgorithm,
    keys: Arc<SigningKeys>,
}

impl Identity {
    /// What a token that is issued at this second says of the user, who authenticated at that one.
    pub(crate) fn statement(&self, issued_at_s: u32, auth_time_s: Option<u32>) -> Result<Statement<'_>, EngineError> {
        Ok(Statement { subject: &self.subject, auth_time_s, signer: self.signer(issued_at_s)? })
    }

    /// The key whose turn it was when the token was issued first: after a rotation of keys a retry is signed as before.
    fn signer(&self, issued_at_s: u32) -> Result<&SigningKey, EngineError> {
        self.keys.signer(self.algorithm, Micros::from_unix_s(issued_at_s)).map(|signer| &**signer)
    }
}

/// When and for what an ID token is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    /// In seconds since 1970, as the other two times.
    pub(crate) issued_at_s: u32,
    pub(crate) expiry_s: u32,
    /// None: the user did not authenticate here.
    pub(crate) auth_time_s: Option<u32>,
    /// The browser session of the log-in, as the registry knows it.
    pub(crate) session: ShortDigest,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) access_token: Option<&'a str>,
    pub(crate) code: Option<&'a AuthorizationCode>,
}

/// Whom an ID token was about, that came back as a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdTokenHint {
    /// The client that it was given to.
    pub(crate) client_id: String,
    /// By what the client knows the user.
    pub(crate) subject: String,
    /// The browser session, if it named one.
    pub(crate) session: Option<String>,
}

impl Engine {
    /// Loads what a token that names this user, with the claims that are wanted, needs; none if there is no such user. `said` is what
    /// is said of the user besides.
    pub(crate) async fn identity(
        &self,
        realm: &Realm,
        client: &Client,
        (user, wanted): (UserNumber, ClaimSet),
        said: Map<String, Value>,
    ) -> Result<Option<Identity>, EngineError> {
        let algorithm = realm.signing_algorithm(client);
        let keys = self.keys_for(realm, algorithm).await?;
        let Some(public) = self.public_subject(realm, user).await? else { return Ok(None) };
        let mut claims = said;
        if wanted != ClaimSet::EMPTY {
            let Some(row) = self.store.user(realm.number, user).await? else { return Ok(None) };
            claims.extend(UserClaims::parse(&row.claims)?.select(wanted));
        }
        Ok(Some(Identity { subject: realm.subject_for(client, &public), claims, algorithm, keys }))
    }

    /// Signs an ID token.
    pub(crate) fn id_token(
        realm: &Realm,
        (client, identity): (&Client, &Identity),
        occasion: Occasion<'_>,
    ) -> Result<SignedJwt, EngineError> {
        let session = occasion.session;
        let sid = (session != ShortDigest::ABSENT).then(|| realm.sid_of(client, SessionId(session.0)));
        let id_token = IdToken {
            issuer: &realm.settings.issuer,
            subject: &identity.subject,
            client_id: &client.client_id,
            issued_at_s: occasion.issued_at_s,
            expiry_s: occasion.expiry_s,
            auth_time_s: occasion.auth_time_s,
            nonce: occasion.nonce,
            session: sid.as_deref(),
            access_token: occasion.access_token,
            code: occasion.code.map(AuthorizationCode::expose),
            claims: identity.claims.clone(),
        };
        let json = id_token.json(identity.algorithm);
        let signer = identity.signer(occasion.issued_at_s)?;
        signer.sign(JwtKind::Id, &json).map_err(|error| EngineError::Stored(error.to_string()))
    }

    /// Reads an ID token of this realm, whenever it was made; none for all that is not one.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub(crate) async fn read_hint(&self, realm: &Realm, hint: &str) -> Result<Option<IdTokenHint>, EngineError> {
        let claims = match self.verify_jwt(realm, JwtKind::Id, hint).await {
            Ok(verified) => verified.of_any_time(),
            Err(JwtError::Fault(_)) => return Ok(None),
            Err(JwtError::Failed(failure)) => return Err(failure),
        };
        let text = |name| claims.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let (Some(client_id), Some(subject)) = (text("aud"), text("sub")) else { return Ok(None) };
        Ok(Some(IdTokenHint { client_id, subject, session: text("sid") }))
    }
}

impl Realm {
    /// Which of the claims that a grant's request asked for by name an access token of this scope opens: those that the client may
    /// still have, and of a token that was narrowed those alone that its own scope gives.
    pub(crate) fn requested_claims(&self, client: &Client, grant: &Grant, scope: ScopeSet) -> RequestedClaims {
        let requested = grant.log_in.requested;
        if requested == RequestedClaims::NONE {
            return requested;
        }
        let is_whole = scope.contains(grant.scope);
        let giving = if is_whole { client.scope.intersection(self.scopes.live()) } else { scope };
        requested.within(ClaimSet::of_scopes(giving, &self.scopes))
    }

    /// What an ID token beside a token of this scope says of the user, of which this was asked for by name.
    pub(crate) fn id_token_claims(&self, scope: ScopeSet, requested: ClaimSet) -> ClaimSet {
        match self.settings.id_token_claims {
            _ if !self.is_openid(scope) => ClaimSet::EMPTY,
            IdTokenClaims::Requested => requested,
            IdTokenClaims::OfScopes => requested.union(ClaimSet::of_scopes(scope, &self.scopes)),
        }
    }

    /// What an ID token beside a token of this scope says of the organization for which the user acts.
    pub(crate) fn said_of(&self, scope: ScopeSet, membership: Option<&Membership>) -> Map<String, Value> {
        let membership = membership.filter(|_| self.says_organization(scope));
        membership.map(|membership| self.organizations.claims_of(membership)).unwrap_or_default()
    }

    /// Whether an ID token beside a token of this scope says anything of the organization.
    pub(crate) fn says_organization(&self, scope: ScopeSet) -> bool {
        let says_what_scopes_give = match self.settings.id_token_claims {
            IdTokenClaims::OfScopes => true,
            IdTokenClaims::Requested => false,
        };
        says_what_scopes_give && self.is_openid(scope) && self.organizations.gives_claims(scope)
    }

    /// When an ID token ends that stands beside an access token: an ID token speaks of a log-in, and is over when a person's access
    /// token would be, however long a service's lives.
    pub(crate) fn id_token_expiry_s(&self, issued_at_s: u32, access_expiry_s: u32) -> u32 {
        access_expiry_s.min(issued_at_s.saturating_add(self.settings.lifetimes.access_token_s))
    }

    /// What signs a client's tokens: what it is registered for, else RS256, which every client can read, else what there is; of
    /// partners what the realm names first, for both of their tokens.
    pub(crate) fn signing_algorithm(&self, client: &Client) -> SigningAlgorithm {
        let first = self.settings.signing.algorithms.first().copied();
        if client.partner().is_some() {
            return first.unwrap_or(SigningAlgorithm::Rs256);
        }
        let has = |algorithm: &SigningAlgorithm| self.settings.signing.algorithms.contains(algorithm);
        let registered = client.metadata.id_token_signed_response_alg.filter(has);
        let usual = Some(SigningAlgorithm::Rs256).filter(has);
        registered.or(usual).or(first).unwrap_or(SigningAlgorithm::Rs256)
    }
}
