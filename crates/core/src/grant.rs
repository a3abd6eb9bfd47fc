//! The grant: one consented authorization of one client by one user, one row for its whole life.
//!
//! Here are its states and the conditional updates on it, as pure functions of the row. A store carries them out in its own
//! language, each as one statement; the suite compares the two. Why a verb was refused is decided in [`crate::token`].
//! Source: RFC 9700 section 4.14; RFC 6749 sections 4.1.2, 6.

use crate::claims::RequestedClaims;
use crate::exchange::ExchangeOrigin;
use crate::number::{AttemptId, ClientNumber, Generation, GrantId, OrganizationNumber, UserNumber};
use crate::scope::ScopeSet;
use crate::time::Micros;

/// The first 16 bytes of a SHA-256 digest, or [`ShortDigest::ABSENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortDigest(pub [u8; 16]);

impl ShortDigest {
    /// The fixed value for "there was none", so that a condition can compare it as it compares the others.
    pub const ABSENT: Self = Self([0; 16]);

    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let mut short = [0; 16];
        short.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(short)
    }
}

/// A grant as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its number in the realm.
    pub id: GrantId,
    /// The client it was given to.
    pub client: ClientNumber,
    /// The user who gave it.
    pub user: UserNumber,
    /// The organization for which the user gave it.
    pub organization: OrganizationNumber,
    /// The client's epoch when it was opened.
    pub client_epoch: u32,
    /// The user's epoch when it was opened.
    pub user_epoch: u32,
    /// What the user consented to.
    pub scope: ScopeSet,
    /// When the user authenticated, in seconds since 1970.
    pub auth_time_s: u32,
    /// What is kept of the log-in and the request for OpenID Connect.
    pub log_in: LogIn,
    /// When it was opened.
    pub opened: Micros,
    /// When it ends, whatever happens.
    pub absolute_end: Micros,
    /// What the code was bound to.
    pub binding: CodeBinding,
    /// The last mutating verb that succeeded on it.
    pub attempt: AttemptId,
    /// Where it stands.
    pub state: State,
}

/// What is kept of the log-in and the request for ID tokens, the `UserInfo` endpoint and log-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogIn {
    /// The browser session in which the grant was given, as the registry knows it; absent where there was no browser.
    pub session: ShortDigest,
    /// The claims that the request asked for by name.
    pub requested: RequestedClaims,
}

impl LogIn {
    /// No browser, and nothing asked for.
    pub const NONE: Self = Self { session: ShortDigest::ABSENT, requested: RequestedClaims::NONE };
}

/// What an authorization code is bound to besides its client (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeBinding {
    /// Digest of the `redirect_uri` parameter of the authorization request.
    pub redirect_uri: ShortDigest,
    /// Digest of the S256 `code_challenge`.
    pub code_challenge: ShortDigest,
}

impl CodeBinding {
    /// That of a grant which never had a code: none answers to it.
    pub const NONE: Self = Self { redirect_uri: ShortDigest::ABSENT, code_challenge: ShortDigest::ABSENT };

    /// The same binding, and to the nonce that travels with the code (OpenID Connect Core section 3.1.2.1). It shares the column of the
    /// challenge: either both are right or none is.
    #[must_use]
    pub fn with_nonce(self, nonce: Option<&str>) -> Self {
        let Some(nonce) = nonce else { return self };
        let both = [self.code_challenge.0.as_slice(), nonce.as_bytes()].concat();
        Self { code_challenge: ShortDigest::of(&both), ..self }
    }
}

/// Where a grant stands, with what is known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its authorization code has not been redeemed.
    Code {
        /// When the code ends.
        end: Micros,
    },
    /// It has tokens.
    Active(Active),
    /// Nothing of it works any more.
    Ended {
        /// Why.
        reason: EndReason,
        /// Since when.
        at: Micros,
    },
}

/// What is known of a grant that has tokens; all of the current ones follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Active {
    /// The generation of the current tokens.
    pub generation: Generation,
    /// When the code was redeemed.
    pub redeemed: Micros,
    /// When the current generation was made.
    pub rotated: Micros,
    /// The low bits of the rotation before it; of the redemption's time while there was none.
    pub previous_rotation: u32,
    /// When the access tokens of this generation expire, in seconds since 1970.
    pub access_expiry_s: u32,
    /// When the refresh token of this generation expires.
    pub idle_end: Micros,
    /// Access tokens up to this generation were revoked.
    pub access_revoked_through: Generation,
    /// The number of the key that seals the tokens of this generation.
    pub sealing_key: u8,
}

/// Why a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The client revoked one of its refresh tokens (RFC 7009).
    RevokedByClient,
    /// The user or an administrator withdrew the consent.
    ConsentWithdrawn,
    /// A redeemed code was presented again by its client (RFC 6749 section 4.1.2).
    CodeReplayed,
    /// A spent refresh token was presented by its client (RFC 9700 section 4.14.2).
    RefreshTokenReused,
    /// It has reached its last generation.
    LastGeneration,
    /// An operator ended it.
    RevokedByOperator,
    /// Its session ended, and it was not to live longer.
    SessionEnded,
    /// Its user has left the organization for which it was given.
    MembershipEnded,
}

impl EndReason {
    /// Every reason, for the stores that number them.
    pub const ALL: [Self; 8] = [
        Self::RevokedByClient,
        Self::ConsentWithdrawn,
        Self::CodeReplayed,
        Self::RefreshTokenReused,
        Self::LastGeneration,
        Self::RevokedByOperator,
        Self::SessionEnded,
        Self::MembershipEnded,
    ];
}

/// What it takes to open a grant; times are durations from the store's now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Its number, drawn by the caller; one that is taken is a refusal.
    pub id: GrantId,
    /// The client it is given to.
    pub client: ClientNumber,
    /// The user who gives it.
    pub user: UserNumber,
    /// The organization for which the user gives it.
    pub organization: OrganizationNumber,
    /// The client's epoch as the caller knows it.
    pub client_epoch: u32,
    /// The user's epoch as the caller knows it.
    pub user_epoch: u32,
    /// What the user consents to.
    pub scope: ScopeSet,
    /// When the user authenticated, in seconds since 1970.
    pub auth_time_s: u32,
    /// What is kept of the log-in and the request for OpenID Connect.
    pub log_in: LogIn,
    /// What it begins with.
    pub start: Start,
    /// How long the grant may live, in seconds.
    pub absolute_lifetime_s: u32,
}

/// What a grant begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// An authorization code.
    Code {
        /// What it is bound to.
        binding: CodeBinding,
        /// How long it may be redeemed, in seconds.
        lifetime_s: u32,
    },
    /// The tokens of its first generation: nothing travels through a browser.
    Tokens(Terms),
    /// The same, exchanged for a token of another system, which is marked as opened with it.
    Exchanged(Terms, ExchangeOrigin),
}

impl Start {
    /// What the row keeps of where it came from.
    #[must_use]
    pub fn binding(&self) -> CodeBinding {
        match self {
            Self::Code { binding, .. } => *binding,
            Self::Tokens(_) => CodeBinding::NONE,
            Self::Exchanged(_, origin) => origin.binding(),
        }
    }
}

/// What policy decided about the tokens of a new generation; the row keeps it, and a re-derivation reads only the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Lifetime of its access tokens, in seconds.
    pub access_lifetime_s: u32,
    /// How long its refresh token may lie unused, in seconds; `None`: until the grant's absolute end.
    pub idle_lifetime_s: Option<u32>,
    /// The number of the key that seals its tokens.
    pub sealing_key: u8,
}

/// The condition and terms of `Code -> Active(1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redemption {
    /// The client that presents the code.
    pub client: ClientNumber,
    /// What the code must be bound to.
    pub binding: CodeBinding,
    /// The terms of the first generation.
    pub terms: Terms,
}

/// The condition and terms of `Active(n) -> Active(n + 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The client that presents the refresh token.
    pub client: ClientNumber,
    /// The generation the refresh token names.
    pub generation: Generation,
    /// The low bits of the rotation's time that it names.
    pub rotated_low: u32,
    /// The terms of the next generation.
    pub terms: Terms,
}

/// What `revoke` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// Ends the grant; the first reason stays.
    Grant(EndReason),
    /// The same, if it has tokens and the access token of its generation has expired; else nothing.
    Expired(EndReason),
    /// Ends its access tokens up to this generation; a smaller one changes nothing.
    AccessThrough(Generation),
}

/// Whether a grant's client and user are active, and their epochs, read with the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The client's.
    pub client: PartyStanding,
    /// The user's.
    pub user: PartyStanding,
}

/// Whether one client or user is active, and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartyStanding {
    /// False once disabled or removed.
    pub active: bool,
    /// Grows when everything issued before must die.
    pub epoch: u32,
}

impl PartyStanding {
    /// The standing of a party that does not exist (any more).
    pub const GONE: Self = Self { active: false, epoch: 0 };
    /// The standing of a party that has just been made.
    pub const NEW: Self = Self { active: true, epoch: 0 };
}

/// A grant and the standing of its parties, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The row.
    pub grant: Grant,
    /// The standing of its client and user.
    pub standing: Standing,
}

/// What came of a verb that changes a row on a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The store's time when it was carried out.
    pub now: Micros,
    /// Whether the condition held.
    pub verdict: Verdict,
}

/// Whether a verb's condition held, with the row as it stands afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It held (or this very attempt had succeeded before), and the change is durable.
    Done(Seen),
    /// It did not; the row as it stands, if there is one.
    Refused(Option<Seen>),
}

/// What a look at a row found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The store's time when it was read.
    pub now: Micros,
    /// The row, if there is one.
    pub seen: Option<Seen>,
}

impl Opening {
    /// The row that `open` inserts.
    #[must_use]
    pub fn grant(&self, now: Micros, attempt: AttemptId) -> Grant {
        let absolute_end = now.plus_s(self.absolute_lifetime_s);
        let state = match self.start {
            Start::Code { lifetime_s, .. } => State::Code { end: now.plus_s(lifetime_s).min(absolute_end) },
            Start::Tokens(terms) | Start::Exchanged(terms, _) => {
                State::Active(Active::first(&terms, now, absolute_end))
            }
        };
        Grant {
            id: self.id,
            client: self.client,
            user: self.user,
            organization: self.organization,
            client_epoch: self.client_epoch,
            user_epoch: self.user_epoch,
            scope: self.scope,
            auth_time_s: self.auth_time_s,
            log_in: self.log_in,
            opened: now,
            absolute_end,
            binding: self.start.binding(),
            attempt,
            state,
        }
    }
}

impl Active {
    /// The first generation.
    fn first(terms: &Terms, now: Micros, absolute_end: Micros) -> Self {
        Self {
            generation: Generation::FIRST,
            redeemed: now,
            rotated: now,
            previous_rotation: now.low_bits(),
            access_expiry_s: terms.access_expiry_s(now, absolute_end),
            idle_end: terms.idle_end(now, absolute_end),
            access_revoked_through: Generation::CODE,
            sealing_key: terms.sealing_key,
        }
    }
}

impl Terms {
    fn access_expiry_s(&self, now: Micros, absolute_end: Micros) -> u32 {
        now.as_unix_s().saturating_add(self.access_lifetime_s).min(absolute_end.as_unix_s())
    }

    fn idle_end(&self, now: Micros, absolute_end: Micros) -> Micros {
        self.idle_lifetime_s.map_or(absolute_end, |idle| now.plus_s(idle).min(absolute_end))
    }
}

impl Grant {
    /// `Code -> Active(1)`, if all of the condition holds.
    #[must_use]
    pub fn redeem(&self, redemption: &Redemption, now: Micros, attempt: AttemptId) -> Option<Self> {
        let State::Code { end } = self.state else { return None };
        let holds = now < end && self.client == redemption.client && self.binding == redemption.binding;
        holds.then(|| {
            let active = Active::first(&redemption.terms, now, self.absolute_end);
            Self { attempt, state: State::Active(active), ..self.clone() }
        })
    }

    /// `Active(n) -> Active(n + 1)`, if all of the condition holds.
    #[must_use]
    pub fn rotate(&self, rotation: &Rotation, now: Micros, attempt: AttemptId) -> Option<Self> {
        let State::Active(active) = self.state else { return None };
        let next = active.generation.next()?;
        let holds = active.generation == rotation.generation
            && active.rotated.low_bits() == rotation.rotated_low
            && self.client == rotation.client
            && now < active.idle_end
            && now < self.absolute_end;
        holds.then(|| {
            let active = Active {
                generation: next,
                rotated: now,
                previous_rotation: active.rotated.low_bits(),
                access_expiry_s: rotation.terms.access_expiry_s(now, self.absolute_end),
                idle_end: rotation.terms.idle_end(now, self.absolute_end),
                sealing_key: rotation.terms.sealing_key,
                ..active
            };
            Self { attempt, state: State::Active(active), ..self.clone() }
        })
    }

    /// The row after a revocation; the same row where there is nothing to revoke.
    #[must_use]
    pub fn revoke(&self, revocation: Revocation, now: Micros, attempt: AttemptId) -> Self {
        let state = match (revocation, self.state) {
            (Revocation::Grant(reason), State::Code { .. } | State::Active(_)) => State::Ended { reason, at: now },
            (Revocation::Expired(reason), State::Active(active)) if active.access_expiry_s <= now.as_unix_s() => {
                State::Ended { reason, at: now }
            }
            (Revocation::AccessThrough(generation), State::Active(active)) => {
                let access_revoked_through = active.access_revoked_through.max(generation);
                State::Active(Active { access_revoked_through, ..active })
            }
            (_, State::Ended { .. })
            | (Revocation::Expired(_), State::Code { .. } | State::Active(_))
            | (Revocation::AccessThrough(_), State::Code { .. }) => return self.clone(),
        };
        Self { attempt, state, ..self.clone() }
    }

    /// Whether nothing of this row can work any more at `now`, so that it may be swept: it ended, or every end has passed.
    #[must_use]
    pub fn is_over(&self, now: Micros) -> bool {
        match self.state {
            State::Code { end } => now >= end,
            State::Active(active) => now >= active.idle_end.max(Micros::from_unix_s(active.access_expiry_s)),
            State::Ended { .. } => true,
        }
    }
}

impl Standing {
    /// Whether the grant's client and user are active and of the epoch in which it was opened.
    #[must_use]
    pub const fn supports(&self, grant: &Grant) -> bool {
        self.client.supports(grant.client_epoch) && self.user.supports(grant.user_epoch)
    }
}

impl PartyStanding {
    /// The later of two standings of one party: an epoch only grows, and within one a disabled party can only be enabled again.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if (other.epoch, other.active) > (self.epoch, self.active) { other } else { self }
    }

    /// Whether the party is active and of this epoch.
    #[must_use]
    pub const fn supports(&self, epoch: u32) -> bool {
        self.active && self.epoch == epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_standings_is_the_later_one_in_whichever_order_they_are_heard_of() {
        let standing = |epoch, active| PartyStanding { active, epoch };
        let in_order =
            [standing(0, true), standing(1, false), standing(1, true), standing(2, false), standing(2, true)];
        for (position, earlier) in in_order.into_iter().enumerate() {
            for later in in_order.into_iter().skip(position) {
                assert_eq!((earlier.later(later), later.later(earlier)), (later, later));
            }
        }
    }
}
