//! The authorization endpoint's operation (RFC 6749 section 3.1): validate, see who is there, decide, open a grant.

use std::sync::Arc;

use kimbai_core::authorize::{
    AuthorizationRequest, AuthorizeError, AuthorizeRefusal, Browsing, ConsentTerms, Consents, Decision, PageProblem,
    ResponseTarget, ResponseType, Step, SubjectMatch, ValidRequest, decide, validate,
};
use kimbai_core::claims::{ClaimSet, UserClaims};
use kimbai_core::client::{Client, ConsentPolicy};
use kimbai_core::grant::{CodeBinding, EndReason, Grant, LogIn, Opening, Seen, ShortDigest, Start, State, Verdict};
use kimbai_core::number::{Generation, GrantId, OrganizationNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{Pointer, TokenKind};
use kimbai_keyring::{SealedToken, SignedJwt, random_u32};
use kimbai_store::{ConsentAnswer, ConsentOf};

use crate::code::AuthorizationCode;
use crate::continuation::Interaction;
use crate::engine::{About, Engine, until_known};
use crate::error::EngineError;
use crate::id_token::Occasion;
use crate::realm::Realm;
use crate::session::{SignedIn, session_id};

/// Ids are 32 random bits within a second: a collision is drawn again, a few times.
const DRAWS_MAX: usize = 4;

/// What is to be answered to an authorization request.
#[derive(Debug)]
pub enum Authorized {
    /// A page of ours: the client or its redirect URI is not known.
    Page(PageProblem),
    /// The log-in page.
    LogIn(Arc<Client>, Interaction),
    /// The page that asks which account it shall be.
    ChooseAccount(AccountAsked),
    /// The consent page.
    AskConsent(ConsentAsked),
    /// The code, to the client (RFC 6749 section 4.1.2).
    Code {
        /// Where to.
        target: ResponseTarget,
        /// The code.
        code: AuthorizationCode,
        /// The ID token beside it, where one was asked for (OpenID Connect Core section 3.3.2.5).
        id_token: Option<SignedJwt>,
    },
    /// An error, to the client (RFC 6749 section 4.1.2.1).
    Error {
        /// Where to.
        target: ResponseTarget,
        /// What is wrong.
        error: AuthorizeError,
    },
}

/// What the page shows that asks which account it shall be.
#[derive(Debug)]
pub struct AccountAsked {
    /// Who asks.
    pub client: Arc<Client>,
    /// Who is logged in.
    pub user_name: String,
    /// What goes on to the next page.
    pub interaction: Interaction,
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
    /// What goes on to the next page.
    pub interaction: Interaction,
}

/// Who asks, and what the page before brought along.
#[derive(Debug, Default)]
pub struct Visit<'a> {
    /// Who is signed in.
    pub signed_in: Option<&'a SignedIn>,
    /// What the continuation carried; none: the request is seen for the first time.
    pub interaction: Option<Interaction>,
    /// What the consent form brought back, if it was one.
    pub decision: Option<Decision>,
}

impl Engine {
    /// Answers an authorization request of a browser.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed; nothing is lost, the page can be asked for again.
    pub async fn authorize(
        &self,
        realm: &Realm,
        request: &AuthorizationRequest,
        visit: Visit<'_>,
    ) -> Result<Authorized, EngineError> {
        let client = request.client_id.value().and_then(|client_id| realm.client(client_id));
        let valid = match validate(request, client, &realm.settings, &realm.scopes) {
            Ok(valid) => valid,
            Err(AuthorizeRefusal::Page(problem)) => return Ok(Authorized::Page(problem)),
            Err(AuthorizeRefusal::Redirect { target, error }) => return Ok(Authorized::Error { target, error }),
        };
        let Visit { signed_in, interaction, decision } = visit;
        let begun = match interaction {
            Some(interaction) => Ok(interaction),
            None => self.begin(realm, request, &valid.client).await?,
        };
        let interaction = match begun {
            Ok(interaction) => interaction,
            Err(error) => return Ok(Authorized::Error { target: valid.target, error }),
        };
        let Some(signed_in) = signed_in else {
            let browsing = Browsing { session: None, subject: SubjectMatch::Fits, consents: None, decision };
            return Ok(match step(realm, &valid, browsing, &interaction) {
                Step::Refuse(error) => Authorized::Error { target: valid.target, error },
                Step::LogIn | Step::ChooseAccount | Step::AskConsent { .. } | Step::Respond { .. } => {
                    Authorized::LogIn(valid.client, interaction)
                }
            });
        };
        let browsing = Browsing {
            session: Some(&signed_in.view),
            subject: self.subject_match(realm, &valid, signed_in, &interaction).await?,
            consents: self.consents(realm, signed_in.user(), &valid.client).await?,
            decision,
        };
        match step(realm, &valid, browsing, &interaction) {
            Step::LogIn => Ok(Authorized::LogIn(valid.client, interaction)),
            Step::ChooseAccount => {
                let user_name = self.user_name(realm, signed_in.user()).await?;
                Ok(Authorized::ChooseAccount(AccountAsked { client: valid.client, user_name, interaction }))
            }
            Step::AskConsent { scope, optional } => {
                let user_name = self.user_name(realm, signed_in.user()).await?;
                let ValidRequest { client, target, .. } = valid;
                let redirect_uri = target.redirect_uri;
                let asked = ConsentAsked { client, user_name, scope, optional, redirect_uri, interaction };
                Ok(Authorized::AskConsent(asked))
            }
            Step::Respond { scope } => self.respond(realm, valid, signed_in, (scope, decision)).await,
            Step::Refuse(error) => Ok(Authorized::Error { target: valid.target, error }),
        }
    }

    /// Whether the user who is signed in is the one whom a hint or the `claims` parameter names.
    async fn subject_match(
        &self,
        realm: &Realm,
        valid: &ValidRequest,
        signed_in: &SignedIn,
        interaction: &Interaction,
    ) -> Result<SubjectMatch, EngineError> {
        let by_claims = valid.terms.sub.as_deref().map(|sub| realm.subject_digest(sub));
        let named: Vec<_> = [interaction.named, by_claims].into_iter().flatten().collect();
        if named.is_empty() {
            return Ok(SubjectMatch::Fits);
        }
        let subject = self.public_subject(realm, signed_in.user()).await?;
        let subject = subject.map(|public| realm.subject_digest(&realm.subject_for(&valid.client, &public)));
        let fits = named.into_iter().all(|named| Some(named) == subject);
        Ok(if fits { SubjectMatch::Fits } else { SubjectMatch::Other })
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
        let by = (auth_time_s, LogIn::NONE);
        let (_, code) = self.open(realm, opening(client, (user, user_epoch), by, (scope, binding))).await?;
        Ok(code)
    }

    async fn respond(
        &self,
        realm: &Realm,
        valid: ValidRequest,
        signed_in: &SignedIn,
        (agreed, decision): (ScopeSet, Option<Decision>),
    ) -> Result<Authorized, EngineError> {
        let ValidRequest { client, target, binding, terms, scope, response_type } = valid;
        let asked = scope.union(terms.claim_scopes);
        let scope = scope.intersection(agreed);
        let requested = terms.requested.within(ClaimSet::of_scopes(agreed, &realm.scopes));
        let nonce = terms.nonce.as_deref().filter(|_| realm.is_openid(scope));
        let binding = binding.with_nonce(nonce);
        let user = signed_in.user();
        // Loaded before a grant is opened: what can fail fails first.
        let identity = match response_type {
            ResponseType::Code => None,
            ResponseType::CodeIdToken => {
                let identity = self.identity(realm, &client, (user, requested.id_token)).await?;
                Some(identity.ok_or_else(|| EngineError::Stored(format!("user {} is gone", user.0)))?)
            }
        };
        let is_remembered = client.consent == ConsentPolicy::Remembered;
        if decision.is_some() && is_remembered {
            let answer = ConsentAnswer { asked, agreed };
            self.store
                .put_consent(
                    realm.number,
                    ConsentOf { user, client: client.number, organization: OrganizationNumber::NONE },
                    answer,
                )
                .await?;
        }
        let session = ShortDigest(session_id(realm, &signed_in.secret).0);
        let log_in = LogIn { session, requested };
        let auth_time_s = signed_in.view.authenticated.as_unix_s();
        let by = (auth_time_s, log_in);
        let opening = opening(&client, (user, signed_in.view.user_epoch), by, (scope, binding));
        let (id, code) = self.open(realm, opening).await?;
        // A withdrawal meanwhile ended the grants it found; this one it may not have seen.
        if is_remembered && self.consents(realm, user, &client).await?.is_none() {
            self.end(realm, id, EndReason::ConsentWithdrawn).await?;
            return Ok(Authorized::Error { target, error: AuthorizeError::AccessDenied });
        }
        // So did a log-out meanwhile, or a new password.
        if self.signed_in(realm, Some(signed_in.secret)).await?.is_none() {
            self.end(realm, id, EndReason::SessionEnded).await?;
            return Ok(Authorized::Error { target, error: AuthorizeError::LogInRequired });
        }
        let about = About { client: Some(client.number.0), user: Some(user.0), ..About::default() };
        self.record(realm, "grant_opened", about);
        let code = AuthorizationCode::new(&code, nonce);
        let issued_at_s = self.store.now().as_unix_s();
        let expiry_s = issued_at_s.saturating_add(client.lifetimes.access_token_s);
        let occasion =
            Occasion { issued_at_s, expiry_s, auth_time_s, session, nonce, access_token: None, code: Some(&code) };
        let id_token = identity.map(|identity| Self::id_token(realm, (&client, &identity), occasion));
        Ok(Authorized::Code { target, code, id_token: id_token.transpose()? })
    }

    /// Opens a grant under a fresh id and seals its code.
    async fn open(&self, realm: &Realm, opening: Opening) -> Result<(GrantId, SealedToken), EngineError> {
        for _ in 0..DRAWS_MAX {
            let id = GrantId::new(self.store.now(), random_u32());
            let opening = Opening { id, ..opening };
            let attempt = Self::attempt();
            let outcome = until_known(|| self.store.open(realm.number, opening, attempt)).await?;
            if let Verdict::Done(Seen { grant, .. }) = outcome.verdict {
                return Ok((id, seal_code(realm, &grant)?));
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
        let row = self
            .store
            .consent(realm.number, ConsentOf { user, client: client.number, organization: OrganizationNumber::NONE })
            .await?;
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
        Ok(UserClaims::parse(&row.claims)?)
    }
}

fn step(realm: &Realm, valid: &ValidRequest, browsing: Browsing<'_>, interaction: &Interaction) -> Step {
    let terms = ConsentTerms { form: realm.settings.consent_form, offline: realm.offline, openid: realm.openid };
    decide(valid, browsing, &interaction.progress, terms)
}

/// What it takes to open a grant, but for its id.
fn opening(
    client: &Client,
    (user, user_epoch): (UserNumber, u32),
    (auth_time_s, log_in): (u32, LogIn),
    (scope, binding): (ScopeSet, CodeBinding),
) -> Opening {
    Opening {
        id: GrantId(0),
        client: client.number,
        user,
        organization: OrganizationNumber::NONE,
        client_epoch: client.standing.epoch,
        user_epoch,
        scope,
        auth_time_s,
        log_in,
        start: Start::Code { binding, lifetime_s: client.lifetimes.code_s },
        absolute_lifetime_s: client.lifetimes.refresh_absolute_s,
    }
}

fn seal_code(realm: &Realm, grant: &Grant) -> Result<SealedToken, EngineError> {
    let State::Code { end } = grant.state else {
        return Err(EngineError::Stored("a grant that was to begin with a code did not".to_owned()));
    };
    let pointer = Pointer {
        grant: grant.id,
        generation: Generation::CODE,
        time: end.as_unix_s(),
        client: grant.client,
        issued_at_s: grant.opened.as_unix_s(),
        scope: grant.scope,
    };
    let newest = realm.keyring.sealing_keys().newest;
    realm.keyring.seal(TokenKind::Code, &pointer, newest).map_err(|error| EngineError::Stored(error.to_string()))
}
