//! Exchanging a token of an older system for a grant (a platform's `token_exchange`): what may be asked for, and when the same pair of
//! tokens is given again.
//!
//! Exchanges of one older token are numbered. A grant's id and binding follow from the token and the number, so that of many requests
//! at once one opens the grant and the others find it. The older token is called a legacy token here.

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::grant::{Active, CodeBinding, Grant, Seen, ShortDigest, State};
use crate::number::Generation;
use crate::realm::RealmSettings;
use crate::scope::{ScopeSet, ScopeTable};
use crate::time::Micros;

/// Whether and how a realm exchanges legacy tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeSettings {
    /// The scopes that every exchange must ask for, with spaces between them.
    pub mandatory_scopes: String,
    /// How long an exchange whose tokens were not used is answered with the same ones, in seconds, at most [`RETRY_MAX_S`]. 0: never.
    pub retry_s: u32,
    /// How long a legacy token works.
    pub legacy_tokens: LegacyTokens,
    /// The form of its error bodies.
    pub errors: ExchangeErrors,
}

/// How long a legacy token works: to be exchanged, and at the realm's own resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyTokens {
    /// Until it is ended by administration.
    Keep,
    /// Until this second since 1970 at the latest, which is no earlier than [`END_MIN_S`].
    EndAtS(u32),
    /// Until a token that was exchanged for it is first used.
    EndWithFirstUse,
}

/// The form of the error bodies of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeErrors {
    /// The words as the member `error` of a JSON object.
    Json,
    /// The words alone.
    Text,
}

/// Why a realm cannot exchange in this way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeSettingsError {
    /// A mandatory scope is not one of the realm's, or is retired: nobody could exchange anything.
    #[error("mandatory_scopes: the realm has no scope {0}, or it is retired")]
    Scope(String),
    /// An unused pair would lie in wait for too long, for whoever has the legacy token too.
    #[error("retry_s: the same pair is given again for at most {RETRY_MAX_S} s (30 days)")]
    Retry,
    /// What is meant as a duration would end every legacy token at once.
    #[error("legacy_tokens.end_at_s: it is a second since 1970, from {END_MIN_S} (September 2001) on")]
    End,
}

/// The longest time for which an exchange is answered with the same tokens, in seconds.
pub const RETRY_MAX_S: u32 = 30 * 86_400;
/// No legacy token ends earlier, in seconds since 1970: a smaller number is a duration by mistake.
pub const END_MIN_S: u32 = 1_000_000_000;

impl ExchangeSettings {
    /// Whether a realm can have them.
    ///
    /// # Errors
    /// [`ExchangeSettingsError`]: what to change.
    pub fn check(&self, realm: &RealmSettings) -> Result<(), ExchangeSettingsError> {
        let is_known = |name: &&str| realm.scopes.iter().any(|scope| scope.name == **name && !scope.retired);
        if let Some(unknown) = self.mandatory().find(|name| !is_known(name)) {
            return Err(ExchangeSettingsError::Scope(unknown.to_owned()));
        }
        if self.retry_s > RETRY_MAX_S {
            return Err(ExchangeSettingsError::Retry);
        }
        match self.legacy_tokens {
            LegacyTokens::EndAtS(second) if second < END_MIN_S => Err(ExchangeSettingsError::End),
            LegacyTokens::EndAtS(_) | LegacyTokens::Keep | LegacyTokens::EndWithFirstUse => Ok(()),
        }
    }

    /// The names of the scopes that every exchange must ask for.
    pub fn mandatory(&self) -> impl Iterator<Item = &str> {
        self.mandatory_scopes.split(' ').filter(|name| !name.is_empty())
    }

    /// When a legacy token that has this end works no more.
    #[must_use]
    pub fn end_of(&self, ends: Micros) -> Micros {
        match self.legacy_tokens {
            LegacyTokens::Keep | LegacyTokens::EndWithFirstUse => ends,
            LegacyTokens::EndAtS(second) => ends.min(Micros::from_unix_s(second)),
        }
    }
}

/// Why the scopes of an exchange are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeScopeFault {
    /// There are none.
    #[error("scopes is empty")]
    Empty,
    /// A name is not one scope: it has a space or a character that no scope has, or nothing.
    #[error("a member of scopes is not one scope")]
    Malformed,
    /// A name is there twice.
    #[error("the scope {0} is named twice")]
    Twice(String),
    /// The realm has no such scope. It is not named: it may be a token that was put in the wrong place.
    #[error("the realm has no such scope")]
    Unknown,
    /// The client is not registered for it.
    #[error("the client is not registered for the scope {0}")]
    NotRegistered(String),
    /// A scope that every exchange must ask for is not there.
    #[error("the mandatory scope {0} is missing")]
    Mandatory(String),
}

/// What an exchange asks for: all that is mandatory, and nothing beyond what the client is registered for.
///
/// # Errors
/// [`ExchangeScopeFault`].
pub fn exchange_scope(
    client: &Client,
    names: &[String],
    settings: &ExchangeSettings,
    scopes: &ScopeTable,
) -> Result<ScopeSet, ExchangeScopeFault> {
    if names.is_empty() {
        return Err(ExchangeScopeFault::Empty);
    }
    let mut asked = ScopeSet::EMPTY;
    for name in names {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ExchangeScopeFault::Malformed);
        }
        let scope = scopes.parse(name).map_err(|_| ExchangeScopeFault::Unknown)?;
        if asked.intersects(scope) {
            return Err(ExchangeScopeFault::Twice(name.clone()));
        }
        if !client.allowed.contains(scope) {
            return Err(ExchangeScopeFault::NotRegistered(name.clone()));
        }
        asked = asked.union(scope);
    }
    let is_absent = |name: &&str| !scopes.parse(name).is_ok_and(|scope| asked.contains(scope));
    match settings.mandatory().find(is_absent) {
        Some(missing) => Err(ExchangeScopeFault::Mandatory(missing.to_owned())),
        None => Ok(asked),
    }
}

/// Which exchange of which legacy token a grant came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeOrigin {
    /// By what the registry knows the legacy token.
    pub token: ShortDigest,
    /// The exchange's number among those of the token, from 1 on.
    pub number: u32,
}

impl ExchangeOrigin {
    /// As the row of its grant keeps it, in the columns that other grants have for their codes: none answers to it.
    #[must_use]
    pub fn binding(self) -> CodeBinding {
        let mut number = [0; 16];
        number.iter_mut().skip(12).zip(self.number.to_be_bytes()).for_each(|(to, from)| *to = from);
        CodeBinding { redirect_uri: self.token, code_challenge: ShortDigest(number) }
    }

    /// That of a grant which was exchanged; none of another. The digest of a code challenge does not begin with 12 bytes of zero.
    #[must_use]
    pub fn of(binding: &CodeBinding) -> Option<Self> {
        let (zero, number) = binding.code_challenge.0.split_last_chunk::<4>()?;
        let number = u32::from_be_bytes(*number);
        (number > 0 && zero.iter().all(|byte| *byte == 0)).then_some(Self { token: binding.redirect_uri, number })
    }
}

impl Grant {
    /// When its user authenticated here, in seconds since 1970; none: before an exchange, in the older system.
    #[must_use]
    pub fn authenticated_s(&self) -> Option<u32> {
        ExchangeOrigin::of(&self.binding).is_none().then_some(self.auth_time_s)
    }
}

/// How far the exchange has come whose grant this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeProgress {
    /// Its tokens were not used yet: they are given again.
    Pending(Active),
    /// One of its tokens was used.
    Used,
    /// Its tokens were not used, and are not given again: revoked, or too old, or of a party that was disabled meanwhile.
    Over,
    /// The grant that has its id is another one.
    Foreign,
}

impl ExchangeProgress {
    /// That of the exchange `origin`, by the row which has its id.
    #[must_use]
    pub fn of(seen: &Seen, origin: ExchangeOrigin, retry_s: u32, now: Micros) -> Self {
        let grant = &seen.grant;
        if grant.binding != origin.binding() {
            return Self::Foreign;
        }
        match grant.state {
            State::Active(active) if active.generation > Generation::FIRST => Self::Used,
            State::Active(active) => {
                let is_whole = active.access_revoked_through < Generation::FIRST;
                let is_young = now < grant.opened.plus_s(retry_s) && now < active.idle_end;
                let stands = seen.standing.supports(grant);
                if is_whole && is_young && stands { Self::Pending(active) } else { Self::Over }
            }
            State::Code { .. } | State::Ended { .. } => Self::Over,
        }
    }
}

#[cfg(test)]
mod tests;
