//! Exchanging a legacy token for a grant. A lost answer may be asked for again: it is the same until one of its tokens is used.
//!
//! The grant's id is a keyed hash of the legacy token, the client, their epochs and the exchange's number, so that of many requests at
//! once one opens it and the others find it. A grant that was found is given again, or the number goes on; each step is durable before
//! the next, and what a crash leaves between two is found by whoever comes next. The legacy token knows from the
//! moment of its opening on that a grant was opened: so an id whose row is gone is not used a second time. A restore, which forgets numbers, advances every epoch.

use kimbai_core::client::{
    AuthenticationMethod, BasicCredentials, Client, ClientAuthenticationError, ClientCredentials,
};
use kimbai_core::exchange::{
    ExchangeOrigin, ExchangeProgress, ExchangeScopeFault, ExchangeSettings, LegacyTokens, exchange_scope,
};
use kimbai_core::grant::{Active, Grant, LogIn, Opening, Start, State, Terms, Verdict};
use kimbai_core::number::GrantId;
use kimbai_core::scope::ScopeSet;
use kimbai_core::secret::Secret;
use kimbai_core::time::Micros;
use kimbai_core::token::{Note, Pointer, TokenKind, TokenRefusal, is_allowed};
use kimbai_keyring::SealedToken;
use kimbai_store::{LegacyTokenRow, LegacyTokenStep, StoreError};

use crate::client_authentication::authenticated;
use crate::engine::{About, Engine, seen, until_known};
use crate::error::EngineError;
use crate::issue::unsealed;
use crate::legacy_token::{LegacyToken, LegacyTokenRefusal};
use crate::rate_limit::Throttled;
use crate::realm::Realm;
use crate::source::Source;

/// What is asked for beside the legacy token.
#[derive(Debug, Clone)]
pub struct ExchangeRequest {
    /// Who asks.
    pub client_id: String,
    /// The client's secret, whichever way of showing it is registered.
    pub client_secret: Secret,
    /// The names of the scopes.
    pub scopes: Vec<String>,
}

/// What is given for a legacy token.
#[derive(Debug)]
pub struct ExchangedTokens {
    /// The access token.
    pub access_token: SealedToken,
    /// The refresh token, where the scope asks for one.
    pub refresh_token: Option<SealedToken>,
    /// When they were made, in seconds since 1970; the same in each repetition.
    pub created_s: u32,
    /// How long the access token lives from then on, in seconds.
    pub expires_in_s: u32,
    /// What the operator should know of it.
    pub note: Option<Note>,
}

/// Why nothing is given.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The legacy token does not work.
    #[error("{0}")]
    LegacyToken(#[from] LegacyTokenRefusal),
    /// The client did not prove who it is.
    #[error("{0}")]
    Client(#[from] ClientAuthenticationError),
    /// The legacy token is another client's.
    #[error("the legacy token is another client's")]
    OtherClient,
    /// The scopes are refused.
    #[error("{0}")]
    Scopes(#[from] ExchangeScopeFault),
    /// An exchange with other scopes was answered, and its tokens were not used yet.
    #[error("an exchange with other scopes is pending")]
    OtherScopes,
    /// The client has used its allowance up.
    #[error("{0}")]
    Throttled(#[from] Throttled),
    /// The realm exchanges nothing.
    #[error("the realm exchanges no tokens")]
    NotOffered,
    /// We failed.
    #[error("the server failed")]
    Failed(#[from] EngineError),
}

/// An exchange moves so many steps on at most for one request; each is one that somebody else has not moved.
const STEPS_MAX: usize = 8;

/// Who exchanges, and what it wants.
struct Wish<'a> {
    client: &'a Client,
    scope: ScopeSet,
    settings: &'a ExchangeSettings,
    source: Source,
}

/// What one number of an exchange came to.
enum Attempt {
    Answered(ExchangedTokens),
    /// The next number, and what becomes of the legacy token.
    Over(LegacyTokenStep),
}

impl Engine {
    /// Exchanges a legacy token.
    ///
    /// # Errors
    /// [`ExchangeError`]: refused, or the store failed; then it may be asked again and the answer is the same.
    pub async fn exchange(
        &self,
        realm: &Realm,
        legacy: LegacyToken,
        request: &ExchangeRequest,
        source: Source,
    ) -> Result<ExchangedTokens, ExchangeError> {
        let settings = realm.settings.exchange.as_ref().ok_or(ExchangeError::NotOffered)?;
        let credentials = credentials(realm, request);
        let client = authenticated(realm, &credentials, self.now()).map_err(unproven)?;
        realm.admit_client(&client)?;
        if client.number != legacy.row.owner.client {
            return Err(ExchangeError::OtherClient);
        }
        let scope = exchange_scope(&client, &request.scopes, settings, &realm.scopes)?;
        let wish = Wish { client: &client, scope, settings, source };
        let mut row = legacy.row;
        for _ in 0..STEPS_MAX {
            match self.attempt_exchange(realm, &row, &wish).await? {
                Attempt::Answered(tokens) => return Ok(tokens),
                Attempt::Over(step) => self.step_legacy_token(realm, step).await?,
            }
            row = self.known_legacy_token(realm, row.token, None).await??.row;
        }
        // Others were faster each time: whoever asks again finds what they left.
        Err(EngineError::Store(StoreError::NotDone).into())
    }

    /// Whether an exchange of what is mandatory could be answered: the user of the legacy token is one who may give it.
    pub(crate) async fn may_be_exchanged(&self, realm: &Realm, row: &LegacyTokenRow) -> Result<bool, EngineError> {
        let Some(settings) = &realm.settings.exchange else { return Ok(false) };
        let mandatory = settings.mandatory().filter_map(|name| realm.scopes.parse(name).ok());
        self.may_give(realm, row, mandatory.fold(ScopeSet::EMPTY, ScopeSet::union)).await
    }

    /// The user of the legacy token gives what the scope allows, as by a consent, and must be one who may.
    async fn may_give(&self, realm: &Realm, row: &LegacyTokenRow, scope: ScopeSet) -> Result<bool, EngineError> {
        if realm.organizations.role_for(scope).is_none() {
            return Ok(true);
        }
        let place = self.membership(realm, row.owner.user, row.owner.organization).await?;
        Ok(realm.organizations.check_giver(scope, row.owner.organization, place.as_ref()).is_ok())
    }

    async fn attempt_exchange(
        &self,
        realm: &Realm,
        row: &LegacyTokenRow,
        wish: &Wish<'_>,
    ) -> Result<Attempt, ExchangeError> {
        let origin = ExchangeOrigin { token: row.token, number: row.exchange };
        let id = grant_id(realm, row);
        let next = Attempt::Over(LegacyTokenStep::Next(origin));
        let (found, now) = if row.opened {
            let look = self.store.lookup(realm.number, id).await.map_err(EngineError::from)?;
            (look.seen, look.now)
        } else {
            if !self.may_give(realm, row, wish.scope).await? {
                return Err(LegacyTokenRefusal::NoRole.into());
            }
            let (opening, attempt) = (opening(realm, row, (id, origin), wish), Self::attempt());
            let outcome = until_known(|| self.store.open(realm.number, opening, attempt)).await;
            let outcome = outcome.map_err(EngineError::from)?;
            if let Verdict::Done(opened) = &outcome.verdict
                && let State::Active(active) = opened.grant.state
            {
                if !opened.standing.supports(&opened.grant) {
                    return Err(LegacyTokenRefusal::OwnerEnded.into());
                }
                let about = About { seen: Some(opened), source: Some(wish.source), ..About::default() };
                self.record(realm, "token_exchanged", about);
                return Ok(Attempt::Answered(sealed(realm, wish.client, (&opened.grant, &active), None)?));
            }
            (seen(&outcome.verdict).cloned(), outcome.now)
        };
        // It was swept: what was given out is over.
        let Some(seen) = found else { return Ok(next) };
        match ExchangeProgress::of(&seen, origin, wish.settings.retry_s, now) {
            // Its tokens open nothing any more.
            ExchangeProgress::Pending(_) if !is_allowed(wish.client, seen.grant.scope, &realm.scopes) => Ok(next),
            ExchangeProgress::Pending(active) if !realm.keyring.has_sealing_key(active.sealing_key) => Ok(next),
            ExchangeProgress::Pending(_) if seen.grant.scope != wish.scope => Err(ExchangeError::OtherScopes),
            ExchangeProgress::Pending(active) => {
                let about = About { seen: Some(&seen), source: Some(wish.source), ..About::default() };
                self.record(realm, "token_exchange_repeated", about);
                Ok(Attempt::Answered(sealed(realm, wish.client, (&seen.grant, &active), Some(Note::Retried))?))
            }
            ExchangeProgress::Used if wish.settings.legacy_tokens == LegacyTokens::EndWithFirstUse => {
                Ok(Attempt::Over(LegacyTokenStep::NextAndEnd(origin)))
            }
            ExchangeProgress::Used | ExchangeProgress::Over | ExchangeProgress::Foreign => Ok(next),
        }
    }
}

fn unproven(refusal: TokenRefusal) -> ExchangeError {
    // Authentication has no other refusals.
    let TokenRefusal::Client(error) = refusal else { return ClientAuthenticationError::Refused.into() };
    error.into()
}

/// The body has one place for the secret; a client that is registered to show it in the header shows it there elsewhere.
fn credentials(realm: &Realm, request: &ExchangeRequest) -> ClientCredentials {
    let (client_id, client_secret) = (request.client_id.clone(), request.client_secret.clone());
    let method = realm.client(&client_id).map(|client| client.metadata.token_endpoint_auth_method);
    match method {
        Some(AuthenticationMethod::ClientSecretBasic) => {
            let basic = Some(BasicCredentials { client_id, client_secret });
            ClientCredentials { basic, ..ClientCredentials::default() }
        }
        Some(
            AuthenticationMethod::ClientSecretPost
            | AuthenticationMethod::None
            | AuthenticationMethod::RequestSignature
            | AuthenticationMethod::PartnerEnvelope,
        )
        | None => ClientCredentials {
            client_id: Some(client_id),
            client_secret: Some(client_secret),
            ..ClientCredentials::default()
        },
    }
}

/// The id of the grant of the exchange that is next: seconds, as in every id, of the moment at which the legacy token was put here, and
/// 32 bits of a keyed hash. Another grant that has it already is noticed, and the number goes on. The epochs are in it because a restore
/// takes the number back and them forward: what was given out in between must not have the id of what is given out afterwards.
fn grant_id(realm: &Realm, row: &LegacyTokenRow) -> GrantId {
    let LegacyTokenRow { token, owner, exchange, client_epoch, user_epoch, .. } = row;
    let numbers = [owner.client.0, *exchange, *client_epoch, *user_epoch].map(u32::to_be_bytes);
    let hashed = [&token.0[..], numbers.as_flattened()].concat();
    let digest = realm.keyring.keyed_digest("exchange", &hashed);
    let low = digest.first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    GrantId::new(row.put, low)
}

fn opening(realm: &Realm, row: &LegacyTokenRow, (id, origin): (GrantId, ExchangeOrigin), wish: &Wish<'_>) -> Opening {
    let lifetimes = realm.token_rules.for_client(wish.client).lifetimes(wish.client, wish.scope);
    let terms = Terms {
        access_lifetime_s: lifetimes.access_token_s,
        idle_lifetime_s: lifetimes.refresh_idle_s,
        sealing_key: realm.keyring.sealing_keys().newest,
    };
    Opening {
        id,
        client: row.owner.client,
        user: row.owner.user,
        organization: row.owner.organization,
        client_epoch: row.client_epoch,
        user_epoch: row.user_epoch,
        scope: wish.scope,
        // When the user logged in elsewhere is not known; it was before this.
        auth_time_s: row.put.as_unix_s(),
        log_in: LogIn::NONE,
        start: Start::Exchanged(terms, origin),
        absolute_lifetime_s: lifetimes.refresh_absolute_s,
    }
}

/// The tokens of a grant's first generation, from its row alone.
fn sealed(
    realm: &Realm,
    client: &Client,
    (grant, active): (&Grant, &Active),
    note: Option<Note>,
) -> Result<ExchangedTokens, EngineError> {
    let seal = |kind, pointer: &Pointer| realm.keyring.seal(kind, pointer, active.sealing_key).map_err(unsealed);
    let has_refresh_token = realm.token_rules.for_client(client).has_refresh_token(grant.scope);
    let refresh_token = has_refresh_token.then(|| seal(TokenKind::Refresh, &Pointer::refresh(grant, active)));
    let created_s = Micros::as_unix_s(grant.opened);
    Ok(ExchangedTokens {
        access_token: seal(TokenKind::Access, &Pointer::access(grant, active, grant.scope))?,
        refresh_token: refresh_token.transpose()?,
        created_s,
        expires_in_s: active.access_expiry_s.saturating_sub(created_s),
        note,
    })
}
