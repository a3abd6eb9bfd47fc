//! A partner's log-in: the name and password of a person, with the id and secret of the partner's client beside them.
//!
//! All four are checked, whatever the first of them is. The attempt at the account is counted before anything is compared, and a
//! password is hashed whether or not the client is right: else what an attempt costs, or does not cost, would say which was wrong.

use kimbai_core::claims::ClaimSet;
use kimbai_core::client::{Client, GrantType, proves_partner};
use kimbai_core::grant::{LogIn, Opening, Start};
use kimbai_core::number::{GrantId, OrganizationNumber};
use kimbai_core::secret::Secret;
use kimbai_core::token::settle_opening;
use kimbai_store::{StoreError, UserRow};
use serde_json::Map;

use crate::engine::{About, Engine};
use crate::error::{EngineError, TokenError};
use crate::log_in::LogInRefusal;
use crate::password_pool::PasswordPlace;
use crate::realm::Realm;
use crate::source::Source;
use crate::token::TokenAnswer;

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
    /// The client is not the partner's, its secret is wrong, or it may not do this.
    #[error("client_id or client_secret is not the partner's, or it is not registered for the grant type password")]
    Client,
    /// The name, the password, or the state of the account.
    #[error("{0}")]
    Person(LogInRefusal),
    /// Everything was right, and the person has so many live log-ins that there is no room for one more.
    #[error("the person has as many live tokens at this partner as the realm's partners.live_grants_max allows")]
    TooManyGrants {
        /// Until the first of them expires, in seconds.
        wait_s: u32,
    },
    /// It ended meanwhile, or we failed.
    #[error("{0}")]
    Token(TokenError),
}

impl From<StoreError> for PartnerRefusal {
    fn from(error: StoreError) -> Self {
        Self::Token(error.into())
    }
}

impl From<EngineError> for PartnerRefusal {
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
        let checked = self.check_password(realm, place, (&username, &password), (None, source)).await;
        let digest = realm.keyring.secret_digest(&client_secret);
        let is_proven = proves_partner(partner, (&client_id, &digest), self.now().as_unix_s());
        if !is_proven || !partner.may_use(GrantType::Password) {
            let user = checked.ok().map(|checked| checked.user.number.0);
            let about = About { client: Some(partner.number.0), user, source: Some(source), ..About::default() };
            self.record(realm, "log_in_refused", about);
            return Err(PartnerRefusal::Client);
        }
        let checked = checked.map_err(PartnerRefusal::Person)?;
        self.forgive(realm, &checked).await?;
        let answer = self.open_with_tokens(realm, partner, &checked.user).await?;
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
        user: &UserRow,
    ) -> Result<TokenAnswer, PartnerRefusal> {
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
        let issued = settle_opening(&seen, rules, now).map_err(|refused| {
            PartnerRefusal::Token(kimbai_core::token::TokenRefusal::Grant(refused.refusal).into())
        })?;
        let answer = Self::issue(realm, partner, (&seen.grant, &issued), (identity.as_ref(), None));
        // What is too many now is too many at the next log-in, too.
        if let Err(error) = self.thin_out(realm, crowd, now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, realm = realm.name, "surplus grants stay");
        }
        answer.map_err(PartnerRefusal::Token)
    }
}
