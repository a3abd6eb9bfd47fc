//! Tokens of an older system: whether one works, for which organization, and what the first use of its successor means for it.

use kimbai_core::client::GrantType;
use kimbai_core::exchange::{ExchangeOrigin, LegacyTokens};
use kimbai_core::grant::{Grant, ShortDigest};
use kimbai_core::organization::Organization;
use kimbai_core::secret::Secret;
use kimbai_store::{Change, Epochs, LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, StoreError};

use crate::engine::{About, Engine, until_known};
use crate::error::EngineError;
use crate::realm::Realm;

/// A longer token is nobody's, in bytes.
pub const LEGACY_TOKEN_BYTES_MAX: usize = 4 * 1024;

/// A legacy token that works.
#[derive(Debug, Clone)]
pub struct LegacyToken {
    pub(crate) row: LegacyTokenRow,
    /// What it opens.
    pub organization: Organization,
}

/// A legacy token to be known.
#[derive(Debug, Clone)]
pub struct NewLegacyToken {
    /// What it opens, by label.
    pub organization: String,
    /// Who holds it.
    pub client_id: String,
    /// For whom it acts: who gave it, or whoever else is responsible.
    pub username: String,
    /// The token itself, of which a keyed digest is stored.
    pub token: Secret,
}

impl NewLegacyToken {
    fn has_the_owner_of(&self, other: &Self) -> bool {
        self.organization == other.organization && self.client_id == other.client_id && self.username == other.username
    }
}

/// What the first use of an exchanged token did to the legacy token; each does what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UseNoted {
    /// Its next exchange gives another grant.
    MovedOn,
    /// It has ended.
    Ended,
}

impl UseNoted {
    const fn by(settings: LegacyTokens) -> Self {
        match settings {
            LegacyTokens::Keep | LegacyTokens::EndAtS(_) => Self::MovedOn,
            LegacyTokens::EndWithFirstUse => Self::Ended,
        }
    }
}

/// Why a legacy token cannot be stored. What was given is not repeated: in a file whose columns were mixed up it may be the token.
#[derive(Debug, thiserror::Error)]
pub enum LegacyTokenError {
    /// It is empty or too long, or cannot be presented.
    #[error("a legacy token is 1 to {LEGACY_TOKEN_BYTES_MAX} visible characters of ASCII: no header carries others")]
    Form,
    /// There is no such organization.
    #[error("there is no such shop")]
    Organization,
    /// There is no such client.
    #[error("there is no such client")]
    Client,
    /// The client has no use for what a legacy token is exchanged for.
    #[error("the client is registered for neither authorization_code nor refresh_token")]
    NoUsersClient,
    /// The client has no secret, with which it would exchange.
    #[error("the client is public: who exchanges a token proves itself by a secret")]
    PublicClient,
    /// There is no such user.
    #[error("there is no such user")]
    User,
    /// The store failed, or knows the token as another owner's ([`StoreError::Taken`]).
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Why a legacy token does not work. Its holder is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LegacyTokenRefusal {
    /// It is none of this realm's.
    #[error("the legacy token is unknown")]
    Unknown,
    /// It is another organization's than the one at whose host it was presented.
    #[error("the legacy token is another organization's")]
    OtherOrganization,
    /// It was ended, by administration, by a date or by the first use of what it was exchanged for.
    #[error("the legacy token has ended")]
    Ended,
    /// Its client or user was disabled since it was put here.
    #[error("the client or user of the legacy token was disabled")]
    OwnerEnded,
    /// Its user may not give what is asked for: the role in the organization is missing.
    #[error("the user of the legacy token has not the role in its organization")]
    NoRole,
}

impl Engine {
    /// The legacy token that was presented, at the host of the organization with this label or elsewhere.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn legacy_token(
        &self,
        realm: &Realm,
        token: &Secret,
        label: Option<&str>,
    ) -> Result<Result<LegacyToken, LegacyTokenRefusal>, EngineError> {
        let Some(digest) = legacy_token_digest(realm, token) else { return Ok(Err(LegacyTokenRefusal::Unknown)) };
        self.known_legacy_token(realm, digest, label).await
    }

    /// The same of a legacy token that is known by its digest.
    pub(crate) async fn known_legacy_token(
        &self,
        realm: &Realm,
        digest: ShortDigest,
        label: Option<&str>,
    ) -> Result<Result<LegacyToken, LegacyTokenRefusal>, EngineError> {
        let Some(row) = self.store.legacy_token(realm.number, digest).await? else {
            return Ok(Err(LegacyTokenRefusal::Unknown));
        };
        let organization = self.organization(realm, row.owner.organization).await?;
        let Some(organization) = organization else { return Ok(Err(LegacyTokenRefusal::Unknown)) };
        if label.is_some_and(|label| organization.label != label) {
            return Ok(Err(LegacyTokenRefusal::OtherOrganization));
        }
        let ends = realm.settings.exchange.as_ref().map_or(row.ends, |exchange| exchange.end_of(row.ends));
        if row.now >= ends {
            return Ok(Err(LegacyTokenRefusal::Ended));
        }
        let (client, user) = (row.standing.client, row.standing.user);
        if !client.supports(row.client_epoch) || !user.supports(row.user_epoch) {
            return Ok(Err(LegacyTokenRefusal::OwnerEnded));
        }
        Ok(Ok(LegacyToken { row, organization }))
    }

    /// What makes a legacy token known.
    ///
    /// # Errors
    /// [`LegacyTokenError`].
    pub(crate) async fn legacy_token_change(
        &self,
        realm: &Realm,
        (new, epochs): (&NewLegacyToken, Epochs),
    ) -> Result<Change, LegacyTokenError> {
        let token = legacy_token_digest(realm, &new.token).ok_or(LegacyTokenError::Form)?;
        let owner = self.legacy_token_owner(realm, new).await?;
        Ok(Change::PutLegacyToken { realm: realm.number, token, owner, epochs })
    }

    async fn legacy_token_owner(
        &self,
        realm: &Realm,
        new: &NewLegacyToken,
    ) -> Result<LegacyTokenOwner, LegacyTokenError> {
        let NewLegacyToken { organization, client_id, username, token: _ } = new;
        let found = self.store.organization_by_label(realm.number, organization.clone()).await?;
        let found = found.ok_or(LegacyTokenError::Organization)?;
        let client = realm.client(client_id).ok_or(LegacyTokenError::Client)?;
        let is_of_users = |grant: &GrantType| match grant {
            GrantType::AuthorizationCode | GrantType::RefreshToken => true,
            GrantType::ClientCredentials | GrantType::Password => false,
        };
        if !client.metadata.grant_types.iter().any(is_of_users) {
            return Err(LegacyTokenError::NoUsersClient);
        }
        if client.is_public() {
            return Err(LegacyTokenError::PublicClient);
        }
        let user = self.user_row(realm, username).await?;
        let user = user.ok_or(LegacyTokenError::User)?;
        Ok(LegacyTokenOwner { organization: found.number, client: client.number, user: user.number })
    }

    /// Makes a legacy token known. One that is known already stays as it is, or is of its client's and user's epochs now.
    ///
    /// # Errors
    /// [`LegacyTokenError`].
    pub async fn put_legacy_token(
        &self,
        realm: &Realm,
        new: &NewLegacyToken,
        epochs: Epochs,
    ) -> Result<(), LegacyTokenError> {
        let change = self.legacy_token_change(realm, (new, epochs)).await?;
        Ok(self.store.change(vec![change]).await?)
    }

    /// Makes legacy tokens known, all or none; what is known already stays as it is. Those of one owner behind each other cost less.
    ///
    /// # Errors
    /// [`LegacyTokenError`].
    pub async fn put_legacy_tokens(&self, realm: &Realm, new: &[NewLegacyToken]) -> Result<(), LegacyTokenError> {
        let mut changes = Vec::with_capacity(new.len());
        for of_one in new.chunk_by(NewLegacyToken::has_the_owner_of) {
            let Some(first) = of_one.first() else { continue };
            let owner = self.legacy_token_owner(realm, first).await?;
            for NewLegacyToken { token, .. } in of_one {
                let token = legacy_token_digest(realm, token).ok_or(LegacyTokenError::Form)?;
                changes.push(Change::PutLegacyToken { realm: realm.number, token, owner, epochs: Epochs::Kept });
            }
        }
        Ok(self.store.change(changes).await?)
    }

    /// Remembers that a token of a grant was used, if it was exchanged for a legacy token: from then on another exchange gives another
    /// grant, and where the realm wants it the legacy token ends. Durable when it returns.
    pub(crate) async fn note_use(&self, realm: &Realm, grant: &Grant) -> Result<(), EngineError> {
        let Some(settings) = &realm.settings.exchange else { return Ok(()) };
        let Some(origin) = ExchangeOrigin::of(&grant.binding) else { return Ok(()) };
        let (key, noted) = ((realm.number, grant.id), UseNoted::by(settings.legacy_tokens));
        // An operator may have changed what becomes of legacy tokens since.
        if self.exchanges_used.get(&key).is_some_and(|before| before >= noted) {
            return Ok(());
        }
        if let Some(row) = self.store.legacy_token(realm.number, origin.token).await? {
            let is_current = row.exchange == origin.number;
            let step = match settings.legacy_tokens {
                LegacyTokens::EndWithFirstUse if is_current => Some(LegacyTokenStep::NextAndEnd(origin)),
                LegacyTokens::EndWithFirstUse if row.now < row.ends => Some(LegacyTokenStep::End(origin.token)),
                LegacyTokens::EndWithFirstUse => None,
                LegacyTokens::Keep | LegacyTokens::EndAtS(_) => is_current.then_some(LegacyTokenStep::Next(origin)),
            };
            if let Some(step) = step {
                self.step_legacy_token(realm, step).await?;
                let (client, user) = (Some(grant.client.0), Some(grant.user.0));
                self.record(realm, "exchanged_token_used", About { client, user, ..About::default() });
            }
        }
        self.exchanges_used.insert(key, noted);
        Ok(())
    }

    pub(crate) async fn step_legacy_token(&self, realm: &Realm, step: LegacyTokenStep) -> Result<(), EngineError> {
        Ok(until_known(|| self.store.step_legacy_token(realm.number, step)).await?)
    }
}

/// By what the registry knows a legacy token; none for what cannot be one.
pub(crate) fn legacy_token_digest(realm: &Realm, token: &Secret) -> Option<ShortDigest> {
    let token = token.expose().as_bytes();
    let is_one = (1..=LEGACY_TOKEN_BYTES_MAX).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
    is_one.then(|| ShortDigest(realm.keyring.keyed_digest("legacy token", token)))
}
