//! The authorization endpoint's operation (RFC 6749 section 3.1): validate, see who is there, decide, open a grant.

use std::sync::Arc;

use kimbai_core::authorize::{
    Acting, AuthorizationRequest, AuthorizeError, AuthorizeRefusal, Browsing, ConsentTerms, Consents, Decision,
    PageProblem, ResponseTarget, ResponseType, Step, SubjectMatch, ValidRequest, Wanted, decide, validate,
};
use kimbai_core::claims::{ClaimSet, UserClaims};
use kimbai_core::client::{Client, ConsentPolicy};
use kimbai_core::grant::{CodeBinding, EndReason, Grant, LogIn, Opening, Seen, ShortDigest, Start, State};
use kimbai_core::number::{Generation, GrantId, OrganizationNumber, UserNumber};
use kimbai_core::organization::{Membership, Organization};
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{Pointer, TokenKind};
use kimbai_keyring::{SealedToken, SignedJwt};
use kimbai_store::{ConsentAnswer, ConsentOf};
use serde_json::{Map, Value};

use crate::code::AuthorizationCode;
use crate::continuation::Interaction;
use crate::engine::{About, Engine};
use crate::error::EngineError;
use crate::id_token::Occasion;
use crate::realm::Realm;
use crate::session::{SignedIn, session_id};

/// What is to be answered to an authorization request.
#[derive(Debug)]
pub enum Authorized {
    /// A page of ours: the client or its redirect URI is not known.
    Page(PageProblem),
    /// The log-in page.
    LogIn(Arc<Client>, Interaction),
    /// The page that asks which account it shall be.
    ChooseAccount(AccountAsked),
    /// The page that asks for which organization it shall be.
    ChooseOrganization(OrganizationAsked),
    /// The consent page.
    AskConsent(ConsentAsked),
    /// The code, to the client (RFC 6749 section 4.1.2).
    Code(GrantedCode),
    /// An error, to the client (RFC 6749 section 4.1.2.1).
    Error {
        /// Where to.
        target: ResponseTarget,
        /// What is wrong.
        error: AuthorizeError,
    },
}

/// A code, and what goes with it.
#[derive(Debug)]
pub struct GrantedCode {
    /// Where to.
    pub target: ResponseTarget,
    /// The code.
    pub code: AuthorizationCode,
    /// The ID token beside it, where one was asked for (OpenID Connect Core section 3.3.2.5).
    pub id_token: Option<SignedJwt>,
    /// What was granted.
    pub scope: ScopeSet,
    /// How the session stands, in realms that say so (OpenID Connect Session Management section 2).
    pub session_state: Option<String>,
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

/// What the page shows that asks for which organization it shall be.
#[derive(Debug)]
pub struct OrganizationAsked {
    /// Who asks.
    pub client: Arc<Client>,
    /// Who is logged in.
    pub user_name: String,
    /// To which the user belongs, by label; some of them may not do.
    pub memberships: Vec<OfferedMembership>,
    /// What goes on to the next page.
    pub interaction: Interaction,
}

/// One of those organizations.
#[derive(Debug)]
pub struct OfferedMembership {
    /// Which.
    pub membership: Membership,
    /// Whether the user has the role there that the request takes.
    pub is_enough: bool,
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
    /// For which organization; none: for none.
    pub organization: Option<Organization>,
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
            let (subject, acting) = (SubjectMatch::Fits, Acting::Alone);
            let browsing = Browsing { session: None, subject, acting, consents: None, decision };
            return Ok(match step(realm, &valid, browsing, &interaction) {
                Step::Refuse(error) => Authorized::Error { target: valid.target, error },
                Step::LogIn
                | Step::ChooseAccount
                | Step::ChooseOrganization
                | Step::AskConsent { .. }
                | Step::Respond { .. } => Authorized::LogIn(valid.client, interaction),
            });
        };
        let user = signed_in.user();
        let wanted =
            Wanted { scope: valid.scope, orgid: valid.orgid.as_deref(), chosen: interaction.progress.organization };
        let (acting, memberships) = self.acting(realm, user, wanted).await?;
        let browsing = Browsing {
            session: Some(&signed_in.view),
            subject: self.subject_match(realm, &valid, signed_in, &interaction).await?,
            acting,
            consents: self.agreed(realm, &valid.client, (user, acting)).await?,
            decision,
        };
        let step = step(realm, &valid, browsing, &interaction);
        self.take(realm, (valid, interaction), signed_in, (step, acting, memberships, decision)).await
    }

    /// Takes the next step with a user who is signed in.
    async fn take(
        &self,
        realm: &Realm,
        (valid, interaction): (ValidRequest, Interaction),
        signed_in: &SignedIn,
        (step, acting, memberships, decision): (Step, Acting, Vec<Membership>, Option<Decision>),
    ) -> Result<Authorized, EngineError> {
        match step {
            Step::LogIn => Ok(Authorized::LogIn(valid.client, interaction)),
            Step::ChooseAccount => {
                let user_name = self.user_name(realm, signed_in.user()).await?;
                Ok(Authorized::ChooseAccount(AccountAsked { client: valid.client, user_name, interaction }))
            }
            Step::ChooseOrganization => {
                let user_name = self.user_name(realm, signed_in.user()).await?;
                let memberships = realm.offered(memberships, valid.scope);
                let asked = OrganizationAsked { client: valid.client, user_name, memberships, interaction };
                Ok(Authorized::ChooseOrganization(asked))
            }
            Step::AskConsent { scope, optional } => {
                let user_name = self.user_name(realm, signed_in.user()).await?;
                let organization = organization_among(memberships, acting);
                // The yes will be to this one, or to nobody else.
                let interaction = interaction.at(interaction.progress.acts_for(acting.organization()));
                let ValidRequest { client, target, .. } = valid;
                let redirect_uri = target.redirect_uri;
                let asked =
                    ConsentAsked { client, user_name, scope, optional, organization, redirect_uri, interaction };
                Ok(Authorized::AskConsent(asked))
            }
            Step::Respond { scope } => {
                let said = realm.said_of(scope, membership_among(memberships, acting).as_ref());
                self.respond(realm, valid, signed_in, (scope, acting.organization(), said, decision)).await
            }
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
        giver: Giver,
        (scope, binding): (ScopeSet, CodeBinding),
    ) -> Result<SealedToken, EngineError> {
        let by = (self.store.now().as_unix_s(), LogIn::NONE);
        let (_, code) = self.open(realm, opening(realm, client, giver, by, (scope, binding))).await?;
        Ok(code)
    }

    async fn respond(
        &self,
        realm: &Realm,
        valid: ValidRequest,
        signed_in: &SignedIn,
        (agreed, organization, said, decision): (ScopeSet, OrganizationNumber, Map<String, Value>, Option<Decision>),
    ) -> Result<Authorized, EngineError> {
        let ValidRequest { client, target, binding, terms, scope, response_type, orgid: _ } = valid;
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
                let wanted = realm.id_token_claims(scope, requested.id_token);
                let identity = self.identity(realm, &client, (user, wanted), said).await?;
                Some(identity.ok_or_else(|| EngineError::Stored(format!("user {} is gone", user.0)))?)
            }
        };
        let is_remembered = client.consent == ConsentPolicy::Remembered;
        if decision.is_some() && is_remembered {
            let answer = ConsentAnswer { asked, agreed };
            let of = ConsentOf { user, client: client.number, organization };
            self.store.put_consent(realm.number, of, answer).await?;
        }
        let session = ShortDigest(session_id(realm, &signed_in.secret).0);
        let log_in = LogIn { session, requested };
        let auth_time_s = signed_in.view.authenticated.as_unix_s();
        let giver = Giver { user, user_epoch: signed_in.view.user_epoch, organization };
        let opening = opening(realm, &client, giver, (auth_time_s, log_in), (scope, binding));
        let (id, code) = self.open(realm, opening).await?;
        // A withdrawal meanwhile ended the grants it found; this one it may not have seen.
        if is_remembered && self.consents(realm, &client, (user, organization)).await?.is_none() {
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
        let session_state = realm.session_state(&client, &target, &signed_in.secret);
        let issued_at_s = self.store.now().as_unix_s();
        let expiry_s = issued_at_s.saturating_add(client.lifetimes.access_token_s);
        let occasion = Occasion {
            issued_at_s,
            expiry_s,
            auth_time_s: Some(auth_time_s),
            session,
            nonce,
            access_token: None,
            code: Some(&code),
        };
        let id_token = identity.map(|identity| Self::id_token(realm, (&client, &identity), occasion));
        let id_token = id_token.transpose()?;
        Ok(Authorized::Code(GrantedCode { target, code, id_token, scope, session_state }))
    }

    /// Opens a grant and seals its code.
    async fn open(&self, realm: &Realm, opening: Opening) -> Result<(GrantId, SealedToken), EngineError> {
        let (Seen { grant, .. }, _) = self.open_grant(realm, opening).await?;
        Ok((grant.id, seal_code(realm, &grant)?))
    }

    /// What a user has agreed to before for this client, acting so; of who does not act yet, or may not, anything.
    async fn agreed(
        &self,
        realm: &Realm,
        client: &Client,
        (user, acting): (UserNumber, Acting),
    ) -> Result<Option<Consents>, EngineError> {
        match acting {
            Acting::Alone | Acting::For(_) => self.consents(realm, client, (user, acting.organization())).await,
            Acting::Undecided | Acting::Refused(_) => {
                if client.consent != ConsentPolicy::Remembered {
                    return Ok(None);
                }
                let row = self.store.last_consent(realm.number, user, client.number).await?;
                Ok(row.map(|row| Consents { scope: row.scope }))
            }
        }
    }

    async fn consents(
        &self,
        realm: &Realm,
        client: &Client,
        (user, organization): (UserNumber, OrganizationNumber),
    ) -> Result<Option<Consents>, EngineError> {
        if client.consent != ConsentPolicy::Remembered {
            return Ok(None);
        }
        let of = ConsentOf { user, client: client.number, organization };
        let row = self.store.consent(realm.number, of).await?;
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

/// Who gives a grant, and for which organization.
#[derive(Debug, Clone, Copy)]
pub struct Giver {
    /// Who.
    pub user: UserNumber,
    /// The user's epoch, as the caller knows it.
    pub user_epoch: u32,
    /// For which organization.
    pub organization: OrganizationNumber,
}

impl Giver {
    /// A user of this epoch, who acts for no organization.
    #[must_use]
    pub const fn alone((user, user_epoch): (UserNumber, u32)) -> Self {
        Self { user, user_epoch, organization: OrganizationNumber::NONE }
    }
}

/// What it takes to open a grant, but for its id.
fn opening(
    realm: &Realm,
    client: &Client,
    Giver { user, user_epoch, organization }: Giver,
    (auth_time_s, log_in): (u32, LogIn),
    (scope, binding): (ScopeSet, CodeBinding),
) -> Opening {
    let lifetimes = realm.token_rules.for_client(client).lifetimes(client, scope);
    Opening {
        id: GrantId(0),
        client: client.number,
        user,
        organization,
        client_epoch: client.standing.epoch,
        user_epoch,
        scope,
        auth_time_s,
        log_in,
        start: Start::Code { binding, lifetime_s: lifetimes.code_s },
        absolute_lifetime_s: lifetimes.refresh_absolute_s,
    }
}

fn membership_among(memberships: Vec<Membership>, acting: Acting) -> Option<Membership> {
    let number = acting.organization();
    memberships.into_iter().find(|membership| membership.organization.number == number)
}

fn organization_among(memberships: Vec<Membership>, acting: Acting) -> Option<Organization> {
    membership_among(memberships, acting).map(|membership| membership.organization)
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
