//! A partner's log-in: the name and password of a person, with the id and secret of the partner's client beside them.
//!
//! All four are checked, whatever the first of them is. The attempt at the account is counted before anything is compared, and a
//! password is hashed whether or not the client is right: else what an attempt costs, or does not cost, would say which was wrong.
//! Under what it is counted may depend on the client: one that is proven counts for itself at people whom it has logged in before,
//! as a known browser does, so that nobody else can lock them out of it.

use kimbai_core::claims::ClaimSet;
use kimbai_core::client::{Client, GrantType, proves_partner};
use kimbai_core::grant::{EndReason, LogIn, Opening, Start};
use kimbai_core::number::{ClientNumber, GrantId, OrganizationNumber};
use kimbai_core::secret::Secret;
use kimbai_core::token::{TokenRefusal, settle_opening};
use kimbai_store::StoreError;
use serde_json::Map;

use crate::engine::{About, Engine};
use crate::error::{EngineError, TokenError};
use crate::log_in::{Checked, LogInRefusal};
use crate::password_pool::PasswordPlace;
use crate::realm::Realm;
use crate::source::Source;
use crate::token::TokenAnswer;

/// A number that no client has: they are counted from 1.
const NO_PARTNER: ClientNumber = ClientNumber(0);

/// What a partner sends to log a person in.
#[derive(Debug)]
pub struct PartnerLogIn {
    /// A place in the password pool, taken before the envelope was looked at.
    pub place: PasswordPlace,
    /// The person's name.
    pub username: String,
    /// The person's password.
    pub password: Secret,
    /// The partner's.
    pub client_id: String,
    /// The partner's.
    pub client_secret: Secret,
}

/// Why nobody is logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartnerRefusal {
    /// What the caller must not learn the reason of.
    #[error("{0}")]
    Refused(PartnerLogInRefusal),
    /// Everything was right, and the person has so many live log-ins that there is no room for one more.
    #[error("the person has as many live tokens at this partner as the realm's partners.live_grants_max allows")]
    TooManyGrants {
        /// Until the first of them expires, in seconds.
        wait_s: u32,
    },
}

/// What was wrong with a log-in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartnerLogInRefusal {
    /// The client is not the partner's, its secret is wrong, or it may not do this.
    #[error("client_id or client_secret is not the partner's, or it is not registered for the grant type password")]
    Client,
    /// The name, the password, or the state of the account.
    #[error("{0}")]
    Person(LogInRefusal),
    /// It ended meanwhile, or we failed.
    #[error("{0}")]
    Token(TokenError),
}

impl<E: Into<PartnerLogInRefusal>> From<E> for PartnerRefusal {
    fn from(refusal: E) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<LogInRefusal> for PartnerLogInRefusal {
    fn from(refusal: LogInRefusal) -> Self {
        Self::Person(refusal)
    }
}

impl From<TokenError> for PartnerLogInRefusal {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<StoreError> for PartnerLogInRefusal {
    fn from(error: StoreError) -> Self {
        Self::Token(error.into())
    }
}

impl From<EngineError> for PartnerLogInRefusal {
    fn from(error: EngineError) -> Self {
        Self::Token(error.into())
    }
}

impl Engine {
    /// Logs a person in at a partner whose envelope was opened, and opens a grant with tokens.
    ///
    /// # Errors
    /// [`PartnerRefusal`].
    pub async fn partner_log_in(
        &self,
        realm: &Realm,
        partner: &Client,
        attempt: PartnerLogIn,
        source: Source,
    ) -> Result<TokenAnswer, PartnerRefusal> {
        let PartnerLogIn { place, username, password, client_id, client_secret } = attempt;
        let digest = realm.keyring.secret_digest(&client_secret);
        let is_proven = proves_partner(partner, (&client_id, &digest), self.now().as_unix_s());
        let known = known_partner(realm, if is_proven { partner.number } else { NO_PARTNER });
        let checked = self.check_password(realm, place, (&username, &password), (Some(known), source)).await;
        if !is_proven || !partner.may_use(GrantType::Password) {
            let user = checked.ok().map(|checked| checked.user.number.0);
            let about = About { client: Some(partner.number.0), user, source: Some(source), ..About::default() };
            self.record(realm, "log_in_refused", about);
            return Err(PartnerLogInRefusal::Client.into());
        }
        let checked = checked?;
        self.forgive(realm, &checked).await?;
        self.store.remember_browser(realm.number, checked.user.number, known).await?;
        let answer = self.open_with_tokens(realm, partner, &checked).await?;
        let user = checked.user.number.0;
        let about =
            About { client: Some(partner.number.0), user: Some(user), source: Some(source), ..About::default() };
        self.record(realm, "logged_in", about);
        self.record(realm, "grant_opened", about);
        Ok(answer)
    }

    async fn open_with_tokens(
        &self,
        realm: &Realm,
        partner: &Client,
        checked: &Checked,
    ) -> Result<TokenAnswer, PartnerRefusal> {
        let user = &checked.user;
        // Else many at once would each find room for one.
        let _turn = realm.opening_places.enter((user.number, partner.number)).await;
        let crowd = self.crowd(realm, partner, user.number).await?;
        crowd.room(self.now())?;
        let identity = self.identity(realm, partner, (user.number, ClaimSet::EMPTY), Map::new()).await?;
        let rules = realm.token_rules.for_client(partner);
        let scope = partner.scope.intersection(realm.scopes.live());
        let opening = Opening {
            // Drawn when it is opened.
            id: GrantId(0),
            client: partner.number,
            user: user.number,
            organization: OrganizationNumber::NONE,
            client_epoch: partner.standing.epoch,
            user_epoch: user.standing.epoch,
            scope,
            auth_time_s: self.now().as_unix_s(),
            log_in: LogIn::NONE,
            start: Start::Tokens(rules.terms(partner, scope, realm.keyring.sealing_keys())),
            absolute_lifetime_s: partner.lifetimes.refresh_absolute_s,
        };
        let (seen, now) = self.open_grant(realm, opening).await?;
        if !self.has_the_password(realm, checked).await? {
            self.end(realm, seen.grant.id, EndReason::SessionEnded).await?;
            return Err(LogInRefusal::Wrong.into());
        }
        let issued = settle_opening(&seen, rules, now)
            .map_err(|refused| TokenError::from(TokenRefusal::Grant(refused.refusal)))?;
        let answer = Self::issue(realm, partner, (&seen.grant, &issued), (identity.as_ref(), None));
        // What is too many now is too many at the next log-in, too.
        if let Err(error) = self.thin_out(realm, crowd, now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, realm = realm.name, "surplus grants stay");
        }
        Ok(answer?)
    }
}

/// By what the store knows a partner that has logged somebody in, in the place of a browser.
fn known_partner(realm: &Realm, partner: ClientNumber) -> [u8; 16] {
    realm.keyring.keyed_digest("known partner", &partner.0.to_be_bytes())
}
