//! A code for an app inside a platform's own app: asked for by that one, in the name of the person who is signed in there.
//!
//! The platform's app proves the person by the access token that it was issued for her: its secret alone speaks for nobody.

use kimbai_core::authorize::PartialConsent;
use kimbai_core::client::{AuthenticationMethod, Client, ConsentPolicy, GrantType};
use kimbai_core::grant::{CodeBinding, ShortDigest};
use kimbai_core::number::UserNumber;
use kimbai_core::pkce::CodeChallenge;
use kimbai_core::secret::Secret;
use kimbai_core::token::Inactive;
use kimbai_keyring::SealedToken;

use crate::authorize::Giver;
use crate::engine::{About, Engine};
use crate::error::EngineError;
use crate::introspect::Introspection;
use crate::realm::Realm;

/// What the platform's app asks for.
#[derive(Debug, Clone)]
pub struct AppCodeRequest {
    /// The app that shall get the code.
    pub client_id: String,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// What the person gave; absent: she is yet to be asked.
    pub granted: Option<Vec<String>>,
}

/// What is answered.
#[derive(Debug)]
pub enum AppCode {
    /// The code, unless the person refused all that was asked for; and what it gives.
    Settled(Option<SealedToken>, PartialConsent),
    /// The person must be asked for this.
    AskConsent(PartialConsent),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AppCodeError {
    /// The token is no access token of a person that works.
    #[error("the access token does not work: {0}")]
    Token(Inactive),
    /// It speaks for no person.
    #[error("the access token is no person's")]
    Nobody,
    /// It was issued to a client that is not the platform's own, or without the scope for this.
    #[error("the access token was not issued to a first-party client with the scope {0}")]
    NotFirstParty(&'static str),
    /// There is no such app.
    #[error("there is no such app, or it does not sign its requests")]
    App,
    /// We failed.
    #[error("the server failed")]
    Failed(#[from] EngineError),
}

impl Engine {
    /// Opens a grant for an app in the name of the person whose access token this is; the token must have been issued to a
    /// first-party client with this scope. An app that is the platform's own has all that it may ask for.
    ///
    /// # Errors
    /// [`AppCodeError`].
    pub async fn app_code(
        &self,
        realm: &Realm,
        (access_token, scope): (&Secret, &'static str),
        request: &AppCodeRequest,
    ) -> Result<AppCode, AppCodeError> {
        let facts = match self.verify_access_token(realm, access_token).await? {
            Introspection::Active(facts) => facts,
            Introspection::Inactive(inactive) => return Err(AppCodeError::Token(inactive)),
        };
        let may_ask = realm.scopes.parse(scope).is_ok_and(|needed| facts.scope.contains(needed));
        if !may_ask || facts.client.consent != ConsentPolicy::Never {
            return Err(AppCodeError::NotFirstParty(scope));
        }
        let user = facts.user.ok_or(AppCodeError::Nobody)?;
        let row = self.store.user(realm.number, user).await.map_err(EngineError::from)?;
        let row = row.filter(|row| row.standing.active).ok_or(AppCodeError::Nobody)?;
        self.app_code_for(realm, (user, row.standing.epoch), request).await
    }

    /// The same for a person who is known in another way: for the sandbox, whose caller names her.
    ///
    /// # Errors
    /// [`AppCodeError::App`], [`AppCodeError::Failed`].
    pub async fn app_code_for(
        &self,
        realm: &Realm,
        user: (UserNumber, u32),
        request: &AppCodeRequest,
    ) -> Result<AppCode, AppCodeError> {
        let app = realm.client(&request.client_id).filter(|client| is_app(client)).ok_or(AppCodeError::App)?;
        let consent = realm.permitted(&app, &request.scopes);
        let consent = match (&request.granted, app.consent) {
            (_, ConsentPolicy::Never) => consent,
            (Some(granted), ConsentPolicy::Always | ConsentPolicy::Remembered) => {
                consent.granted(granted, &realm.scopes)
            }
            (None, ConsentPolicy::Always | ConsentPolicy::Remembered) => return Ok(AppCode::AskConsent(consent)),
        };
        if consent.is_refusal() {
            return Ok(AppCode::Settled(None, consent));
        }
        let binding = CodeBinding { redirect_uri: ShortDigest::ABSENT, code_challenge: CodeChallenge::digest(None) };
        let code = self.mint_code(realm, &app, Giver::alone(user), (consent.scope, binding)).await?;
        let about = About { client: Some(app.number.0), user: Some(user.0.0), ..About::default() };
        self.record(realm, "grant_opened", about);
        Ok(AppCode::Settled(Some(code), consent))
    }
}

impl Realm {
    /// Of what an app asks for in this way, what it may have: not a service's scope, which takes a role in an organization, for here the
    /// person acts for none.
    #[must_use]
    pub fn permitted(&self, app: &Client, asked: &[String]) -> PartialConsent {
        PartialConsent::permitted(app.scope.without(self.token_rules.service_scope()), asked, &self.scopes)
    }
}

/// Whether codes of this client come from the platform's own app.
fn is_app(client: &Client) -> bool {
    client.standing.active
        && client.may_use(GrantType::AuthorizationCode)
        && client.metadata.token_endpoint_auth_method == AuthenticationMethod::RequestSignature
}
