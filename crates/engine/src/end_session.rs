//! Log-out that a client asks for (OpenID Connect RP-Initiated Logout sections 2 and 3): what is asked, whether the person must be, and
//! what ends.
//!
//! What was read of a request travels sealed between our own pages, for an hour: no ID token stands in a URL of ours.

use std::collections::HashMap;

use kimbai_core::authorize::Parameter;
use kimbai_core::grant::{EndReason, Grant, ShortDigest};
use kimbai_core::number::UserNumber;
use kimbai_core::redirect_uri::is_registered;
use kimbai_core::time::Micros;
use kimbai_store::{GrantsOf, SessionId};
use serde::{Deserialize, Serialize};

use crate::engine::{About, Engine};
use crate::error::EngineError;
use crate::realm::Realm;
use crate::session::{SessionSecret, SignedIn, session_id, view};
use crate::token::audit_event;

const LIFETIME_S: u32 = 3_600;
const PURPOSE: &str = "log-out";
/// So many grants are read at a time.
const SLICE: u32 = 500;

/// The parameters of a log-out request that are read; others are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the parameter of that name: RP-Initiated Logout section 2")]
pub struct LogOutRequest {
    pub id_token_hint: Parameter,
    pub client_id: Parameter,
    pub post_logout_redirect_uri: Parameter,
    pub state: Parameter,
}

/// What a log-out request that holds in every part asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogOutTerms {
    /// The `client_id` of the client that asks, if it is known.
    pub client_id: Option<String>,
    /// The session that an ID token hint names.
    pub session: Option<String>,
    /// Whether an ID token hint says that the client asks: else only a person can say so.
    pub is_hinted: bool,
    /// Where the browser goes afterwards: a registered URI, and the state to give back.
    pub target: Option<(String, Option<String>)>,
}

/// Why a log-out request is refused, on a page of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogOutRefusal {
    /// A parameter is there twice or is not UTF-8.
    #[error("a parameter is repeated or malformed")]
    Malformed,
    /// The hint is not an ID token of this issuer, or was altered.
    #[error("the id_token_hint is not an ID token of this issuer")]
    Hint,
    /// The client is unknown or disabled, or not the one that the hint was given to.
    #[error("the client is unknown, or the id_token_hint was given to another one")]
    Client,
    /// The redirect URI is not registered, or nobody says whose it is.
    #[error("the post_logout_redirect_uri is not registered for a client that the request names")]
    RedirectUri,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    shown_s: u32,
    /// A digest of the session that was asked; empty: nobody was.
    asked: [u8; 16],
    terms: LogOutTerms,
}

impl Engine {
    /// Reads what a log-out request asks for.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn log_out_terms(
        &self,
        realm: &Realm,
        request: &LogOutRequest,
    ) -> Result<Result<LogOutTerms, LogOutRefusal>, EngineError> {
        let all = [&request.id_token_hint, &request.client_id, &request.post_logout_redirect_uri, &request.state];
        if all.contains(&&Parameter::Malformed) {
            return Ok(Err(LogOutRefusal::Malformed));
        }
        let hint = match request.id_token_hint.value() {
            None => None,
            Some(hint) => match self.read_hint(realm, hint).await? {
                Some(hint) => Some(hint),
                None => return Ok(Err(LogOutRefusal::Hint)),
            },
        };
        let hinted = hint.as_ref().map(|hint| hint.client_id.as_str());
        let named = request.client_id.value();
        if hinted.is_some() && named.is_some() && hinted != named {
            return Ok(Err(LogOutRefusal::Client));
        }
        let client = named.or(hinted).map(|client_id| {
            realm.client(client_id).filter(|client| client.standing.active).ok_or(LogOutRefusal::Client)
        });
        let client = match client.transpose() {
            Ok(client) => client,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let target = match request.post_logout_redirect_uri.value() {
            None => None,
            Some(uri) => match &client {
                Some(client) if is_registered(&client.metadata.post_logout_redirect_uris, uri) => {
                    Some((uri.to_owned(), request.state.value().map(str::to_owned)))
                }
                Some(_) | None => return Ok(Err(LogOutRefusal::RedirectUri)),
            },
        };
        Ok(Ok(LogOutTerms {
            client_id: client.map(|client| client.client_id.clone()),
            is_hinted: hint.is_some(),
            session: hint.and_then(|hint| hint.session),
            target,
        }))
    }

    /// Ends a session and the grants that live no longer than it, and those of sessions of the same user that were replaced.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed. As long as grants were left over that stood before, the session stands too, and it can be
    /// ended again.
    pub async fn log_out(&self, realm: &Realm, signed_in: &SignedIn) -> Result<(), EngineError> {
        let ended = EndedSessions::One(ShortDigest(session_id(realm, &signed_in.secret).0));
        self.end_grants_of_sessions(realm, signed_in.user(), ended).await?;
        self.end_session(realm, &signed_in.secret).await?;
        // Those that were given meanwhile. Whoever gives one from now on finds that the session is gone.
        self.end_grants_of_sessions(realm, signed_in.user(), ended).await?;
        let about = About { user: Some(signed_in.user().0), ..About::default() };
        self.record(realm, "logged_out", about);
        Ok(())
    }

    /// Ends the session whose place in a browser a log-in of this user has taken. Another user's ends as by log-out; the same
    /// user's grants live on until that user logs out.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn replace_session(
        &self,
        realm: &Realm,
        previous: &SessionSecret,
        user: UserNumber,
    ) -> Result<(), EngineError> {
        match self.store.session(realm.number, session_id(realm, previous)).await? {
            None => Ok(()),
            Some(row) if row.user == user => self.end_session(realm, previous).await,
            Some(row) => self.log_out(realm, &SignedIn { secret: *previous, view: view(&row) }).await,
        }
    }

    /// Ends the grants of a user without offline access that were given in these sessions (OpenID Connect Core section 11).
    pub(crate) async fn end_grants_of_sessions(
        &self,
        realm: &Realm,
        user: UserNumber,
        sessions: EndedSessions,
    ) -> Result<(), EngineError> {
        let mut known = HashMap::from([(ShortDigest::ABSENT, false)]);
        if let EndedSessions::One(session) = sessions {
            known.insert(session, true);
        }
        let mut after = None;
        loop {
            let slice = self.store.grants(realm.number, GrantsOf::User(user), after, SLICE).await?;
            for seen in &slice.grants {
                let session = seen.grant.log_in.session;
                let is_ended = match (known.get(&session), sessions) {
                    (Some(is_ended), _) => *is_ended,
                    (None, EndedSessions::All) => true,
                    (None, EndedSessions::One(_)) => {
                        self.store.session(realm.number, SessionId(session.0)).await?.is_none()
                    }
                };
                known.insert(session, is_ended);
                if is_ended && !realm.outlives_sessions(&seen.grant) {
                    self.end(realm, seen.grant.id, EndReason::SessionEnded).await?;
                    self.record(
                        realm,
                        audit_event(EndReason::SessionEnded),
                        About { seen: Some(seen), ..About::default() },
                    );
                }
            }
            after = slice.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Which sessions of a user have ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndedSessions {
    /// All of them.
    All,
    /// The one of this digest, and those that the store has no more.
    One(ShortDigest),
}

impl Realm {
    /// Whether a grant has offline access: by its scope, and for a client that may refresh.
    fn outlives_sessions(&self, grant: &Grant) -> bool {
        let client = self.client_by_number(grant.client);
        let rules = client.map_or(self.token_rules, |client| self.token_rules.for_client(&client));
        rules.outlives_session(grant.scope)
    }

    /// What a stale form of the page that asks was about, however old it is and whomever it asked, if it can still be done: so that
    /// it is asked again.
    #[must_use]
    pub fn stale_log_out(&self, sealed: &str) -> Option<LogOutTerms> {
        let opened: Sealed = serde_json::from_slice(&self.keyring.open_value(PURPOSE, sealed)?).ok()?;
        let Some(client_id) = &opened.terms.client_id else { return Some(opened.terms) };
        let client = self.client(client_id).filter(|client| client.standing.active)?;
        let registered = &client.metadata.post_logout_redirect_uris;
        let is_due = opened.terms.target.as_ref().is_none_or(|(uri, _)| is_registered(registered, uri));
        is_due.then_some(opened.terms)
    }

    /// Seals what was read, for the page that asks this session, or for the way to our own GET.
    #[must_use]
    pub fn seal_log_out(&self, terms: &LogOutTerms, asked: Option<&SessionSecret>, now: Micros) -> String {
        let sealed = Sealed { shown_s: now.as_unix_s(), asked: self.asked(asked), terms: terms.clone() };
        // Strings and numbers are always written.
        self.keyring.seal_value(PURPOSE, &serde_json::to_vec(&sealed).unwrap_or_default())
    }

    /// Opens it again, if it was made in the last hour for this session, or for nobody.
    #[must_use]
    pub fn open_log_out(&self, sealed: &str, asked: Option<&SessionSecret>, now: Micros) -> Option<LogOutTerms> {
        let opened: Sealed = serde_json::from_slice(&self.keyring.open_value(PURPOSE, sealed)?).ok()?;
        let is_current = now < Micros::from_unix_s(opened.shown_s).plus_s(LIFETIME_S);
        (is_current && opened.asked == self.asked(asked)).then_some(opened.terms)
    }

    fn asked(&self, asked: Option<&SessionSecret>) -> [u8; 16] {
        asked.map_or([0; 16], |session| self.keyring.keyed_digest("log-out session", session.bytes()))
    }
}
