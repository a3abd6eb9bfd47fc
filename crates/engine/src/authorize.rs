//! The authorization endpoint's operation (RFC 6749 section 3.1): validate, see who is there, decide, open a grant.

use std::sync::Arc;

use kimbai_core::authorize::{
    AuthorizationRequest, AuthorizeError, AuthorizeRefusal, Consents, Decision, PageProblem, Step, ValidRequest,
    decide, validate,
};
use kimbai_core::client::{Client, ConsentPolicy};
use kimbai_core::grant::{CodeBinding, EndReason, Opening, Verdict};
use kimbai_core::number::{Generation, GrantId, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use kimbai_core::token::{Pointer, TokenKind};
use kimbai_keyring::{SealedToken, random_u32};

use crate::engine::{About, Engine, until_known};
use crate::error::EngineError;
use crate::realm::Realm;
use crate::session::SignedIn;
use crate::setup::UserClaims;

/// Ids are 32 random bits within a second: a collision is drawn again, a few times.
const DRAWS_MAX: usize = 4;

/// What is to be answered to an authorization request.
#[derive(Debug)]
pub enum Authorized {
    /// A page of ours: the client or its redirect URI is not known.
    Page(PageProblem),
    /// The log-in page.
    LogIn(Arc<Client>),
    /// The consent page.
    AskConsent(ConsentAsked),
    /// The code, to the client (RFC 6749 section 4.1.2).
    Code {
        /// Where to.
        redirect_uri: String,
        /// As it came.
        state: Option<String>,
        /// The code.
        code: SealedToken,
    },
    /// An error, to the client (RFC 6749 section 4.1.2.1).
    Error {
        /// Where to.
        redirect_uri: String,
        /// As it came.
        state: Option<String>,
        /// What is wrong.
        error: AuthorizeError,
    },
}

/// What a consent page shows.
#[derive(Debug)]
pub struct ConsentAsked {
    /// Who asks.
    pub client: Arc<Client>,
    /// Whom.
    pub user_name: String,
    /// What for.
    pub scope: ScopeSet,
    /// What of it may be left out.
    pub optional: ScopeSet,
    /// Where the answer will go.
    pub redirect_uri: String,
}

impl Engine {
    /// Answers an authorization request of a browser, with what its consent form brought back, if it was one.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed; nothing is lost, the page can be asked for again.
    pub async fn authorize(
        &self,
        realm: &Realm,
        request: &AuthorizationRequest,
        signed_in: Option<&SignedIn>,
        decision: Option<Decision>,
    ) -> Result<Authorized, EngineError> {
        let client = request.client_id.value().and_then(|client_id| realm.client(client_id));
        let valid = match validate(request, client, &realm.settings, &realm.scopes) {
            Ok(valid) => valid,
            Err(AuthorizeRefusal::Page(problem)) => return Ok(Authorized::Page(problem)),
            Err(AuthorizeRefusal::Redirect { redirect_uri, state, error }) => {
                return Ok(Authorized::Error { redirect_uri, state, error });
            }
        };
        let consents = match signed_in {
            Some(signed_in) => self.consents(realm, signed_in.user(), &valid.client).await?,
            None => None,
        };
        let form = (realm.settings.consent_form, realm.offline);
        let step = decide(&valid, signed_in.map(|signed_in| &signed_in.view), consents, decision, form);
        match (step, signed_in) {
            (Step::LogIn, _) | (Step::AskConsent { .. } | Step::Respond { .. }, None) => {
                Ok(Authorized::LogIn(valid.client))
            }
            (Step::AskConsent { scope, optional }, Some(signed_in)) => {
                let user_name = self.user_name(realm, signed_in.user()).await?;
                let ValidRequest { client, redirect_uri, .. } = valid;
                Ok(Authorized::AskConsent(ConsentAsked { client, user_name, scope, optional, redirect_uri }))
            }
            (Step::Respond { scope }, Some(signed_in)) => {
                self.respond(realm, valid, signed_in, (scope, decision)).await
            }
            (Step::Refuse(error), _) => {
                Ok(Authorized::Error { redirect_uri: valid.redirect_uri, state: valid.state, error })
            }
        }
    }

    /// Opens a grant and seals its code, without pages: for the sandbox, whose caller names the user.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn mint_code(
        &self,
        realm: &Realm,
        client: &Client,
        (user, user_epoch): (UserNumber, u32),
        (scope, binding): (ScopeSet, CodeBinding),
    ) -> Result<SealedToken, EngineError> {
        let auth_time_s = self.store.now().as_unix_s();
        let (_, code) = self.open(realm, opening(client, (user, user_epoch), auth_time_s, (scope, binding))).await?;
        Ok(code)
    }

    async fn respond(
        &self,
        realm: &Realm,
        valid: ValidRequest,
        signed_in: &SignedIn,
        (scope, decision): (ScopeSet, Option<Decision>),
    ) -> Result<Authorized, EngineError> {
        let ValidRequest { client, redirect_uri, state, binding, .. } = valid;
        let user = signed_in.user();
        let is_remembered = client.consent == ConsentPolicy::Remembered;
        if decision.is_some() && is_remembered {
            self.store.add_consent(realm.number, user, client.number, scope).await?;
        }
        let auth_time_s = signed_in.view.authenticated.as_unix_s();
        let opening = opening(&client, (user, signed_in.view.user_epoch), auth_time_s, (scope, binding));
        let (id, code) = self.open(realm, opening).await?;
        // A withdrawal meanwhile ended the grants it found; this one it may not have seen.
        if is_remembered && self.consents(realm, user, &client).await?.is_none() {
            self.end(realm, id, EndReason::ConsentWithdrawn).await?;
            return Ok(Authorized::Error { redirect_uri, state, error: AuthorizeError::AccessDenied });
        }
        let about = About { client: Some(client.number.0), user: Some(user.0), ..About::default() };
        self.record(realm, "grant_opened", about);
        Ok(Authorized::Code { redirect_uri, state, code })
    }

    /// Opens a grant under a fresh id and seals its code.
    async fn open(&self, realm: &Realm, opening: Opening) -> Result<(GrantId, SealedToken), EngineError> {
        for _ in 0..DRAWS_MAX {
            let id = GrantId::new(self.store.now(), random_u32());
            let opening = Opening { id, ..opening };
            let attempt = Self::attempt();
            let outcome = until_known(|| self.store.open(realm.number, opening, attempt)).await?;
            if matches!(outcome.verdict, Verdict::Done(_)) {
                return Ok((id, seal_code(realm, &opening, outcome.now)?));
            }
        }
        Err(EngineError::Stored("no free grant id was drawn".to_owned()))
    }

    async fn consents(
        &self,
        realm: &Realm,
        user: UserNumber,
        client: &Client,
    ) -> Result<Option<Consents>, EngineError> {
        if client.consent != ConsentPolicy::Remembered {
            return Ok(None);
        }
        let row = self.store.consent(realm.number, user, client.number).await?;
        Ok(row.map(|row| Consents { scope: row.scope }))
    }

    /// The name by which a person is greeted.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed or has no such user.
    pub async fn user_name(&self, realm: &Realm, user: UserNumber) -> Result<String, EngineError> {
        Ok(self.user_claims(realm, user).await?.name)
    }

    /// What is known of a person.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed or has no such user.
    pub async fn user_claims(&self, realm: &Realm, user: UserNumber) -> Result<UserClaims, EngineError> {
        let row = self.store.user(realm.number, user).await?;
        let row = row.ok_or_else(|| EngineError::Stored(format!("user {} is gone", user.0)))?;
        UserClaims::parse(&row.claims)
    }
}

/// What it takes to open a grant, but for its id.
fn opening(
    client: &Client,
    (user, user_epoch): (UserNumber, u32),
    auth_time_s: u32,
    (scope, binding): (ScopeSet, CodeBinding),
) -> Opening {
    Opening {
        id: GrantId(0),
        client: client.number,
        user,
        client_epoch: client.standing.epoch,
        user_epoch,
        scope,
        auth_time_s,
        binding,
        code_lifetime_s: client.lifetimes.code_s,
        absolute_lifetime_s: client.lifetimes.refresh_absolute_s,
    }
}

fn seal_code(realm: &Realm, opening: &Opening, now: Micros) -> Result<SealedToken, EngineError> {
    let pointer = Pointer {
        grant: opening.id,
        generation: Generation::CODE,
        time: now.plus_s(opening.code_lifetime_s).as_unix_s(),
        client: opening.client,
        issued_at_s: now.as_unix_s(),
        scope: opening.scope,
    };
    let newest = realm.keyring.sealing_keys().newest;
    realm.keyring.seal(TokenKind::Code, &pointer, newest).map_err(|error| EngineError::Stored(error.to_string()))
}
