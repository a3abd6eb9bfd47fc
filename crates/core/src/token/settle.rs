//! What a verb's outcome means: tokens, a refusal, or a refusal that ends the grant (RFC 9700 section 4.14.2).

use std::time::Duration;

use crate::client::Client;
use crate::grant::{Active, EndReason, Grant, Outcome, Redemption, Rotation, Seen, Standing, State, Verdict};
use crate::number::{ClientNumber, Generation};
use crate::scope::ScopeSet;
use crate::time::Micros;

use super::pointer::{Pointer, Rowless};
use super::refusal::Refusal;
use super::rules::TokenRules;

/// A replayed code ends its grant only when its redemption is at least so old: the losers of a race must not kill the winner.
const REPLAY_IS_A_RACE: Duration = Duration::from_secs(10);

/// What a client is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued {
    /// The access token.
    pub access: Pointer,
    /// The refresh token, where the grant has one.
    pub refresh: Option<Pointer>,
    /// The key that seals both.
    pub sealing_key: u8,
    /// Seconds the access token still lives.
    pub expires_in_s: u32,
    /// What the operator should know of it.
    pub note: Option<Note>,
}

/// What an operator should know of a request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The same answer was given again to a client that asked again.
    Retried,
}

/// Why a client is given nothing, and what else must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The fact.
    pub refusal: Refusal,
    /// Why the grant must be ended for it, if it must.
    pub revoke: Option<EndReason>,
}

/// What an outcome means.
pub type Settled = Result<Issued, Refused>;

/// How long a retried refresh gets the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Seconds since the rotation, or since the end of the outage.
    pub window_s: u32,
    /// The end of the last outage, for clients whose window is counted from it.
    pub counted_from: Option<Micros>,
}

impl Retries {
    /// Clients that prove themselves may retry until the successor is presented; public ones for a short while, counted from the
    /// end of an outage if there was one since.
    #[must_use]
    pub fn of(client: &Client, available_since: Micros) -> Self {
        if client.is_public() {
            let window_s = client.lifetimes.retry_public_s;
            Self { window_s, counted_from: (window_s > 0).then_some(available_since) }
        } else {
            Self { window_s: client.lifetimes.retry_confidential_s, counted_from: None }
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, revoke: None }
    }
}

/// What a redemption's outcome means. `rules`: those of the client.
///
/// # Errors
/// [`Refused`]: a replay by the right client with everything right ends the grant, ten seconds after the redemption or later.
pub fn settle_redemption(outcome: &Outcome, redemption: &Redemption, rules: TokenRules) -> Settled {
    let (seen, active) = match &outcome.verdict {
        Verdict::Done(seen) => (seen, active(&seen.grant)?),
        Verdict::Refused(None) => return Err(Refusal::Unknown.into()),
        Verdict::Refused(Some(seen)) => return Err(refused_redemption(seen, redemption, outcome.now)),
    };
    check_standing(&seen.standing, &seen.grant)?;
    Ok(issue(&seen.grant, &active, seen.grant.scope, (rules, outcome.now)))
}

fn refused_redemption(seen: &Seen, redemption: &Redemption, now: Micros) -> Refused {
    let grant = &seen.grant;
    if grant.client != redemption.client {
        return Refusal::OtherClient.into();
    }
    if grant.binding.redirect_uri != redemption.binding.redirect_uri {
        return Refusal::RedirectUri.into();
    }
    if grant.binding.code_challenge != redemption.binding.code_challenge {
        return Refusal::Verifier.into();
    }
    match grant.state {
        State::Code { .. } => Refusal::Expired.into(),
        State::Ended { .. } => Refusal::Revoked.into(),
        State::Active(active) => Refused {
            refusal: Refusal::CodeSpent,
            revoke: (now.since(active.redeemed) >= REPLAY_IS_A_RACE).then_some(EndReason::CodeReplayed),
        },
    }
}

/// What a rotation's outcome means; `scope` is the access token's.
///
/// # Errors
/// [`Refused`]: a spent refresh token ends the grant, except as a retry within its window.
pub fn settle_rotation(
    outcome: &Outcome,
    rotation: &Rotation,
    scope: ScopeSet,
    retries: Retries,
    rules: TokenRules,
) -> Settled {
    let now = outcome.now;
    let (seen, active, note) = match &outcome.verdict {
        Verdict::Done(seen) => (seen, active(&seen.grant)?, None),
        Verdict::Refused(None) => return Err(Refusal::Unknown.into()),
        Verdict::Refused(Some(seen)) => (seen, refused_rotation(seen, rotation, retries, now)?, Some(Note::Retried)),
    };
    check_standing(&seen.standing, &seen.grant)?;
    Ok(Issued { note, ..issue(&seen.grant, &active, scope, (rules, now)) })
}

/// The generation to give again, or why there is none.
fn refused_rotation(seen: &Seen, rotation: &Rotation, retries: Retries, now: Micros) -> Result<Active, Refused> {
    let grant = &seen.grant;
    let active = active(grant)?;
    if grant.client != rotation.client {
        return Err(Refusal::OtherClient.into());
    }
    let presented = rotation.generation;
    if presented > active.generation {
        return Err(Refusal::StoreWentBack.into());
    }
    if presented == active.generation {
        return Err(current_generation_refused(&active, rotation));
    }
    if now >= active.idle_end || now >= grant.absolute_end {
        return Err(Refusal::Expired.into());
    }
    let is_predecessor = presented.next() == Some(active.generation);
    if is_predecessor && rotation.rotated_low != active.previous_rotation {
        return Err(Refusal::StoreWentBack.into());
    }
    let counted_from = retries.counted_from.map_or(active.rotated, |outage_end| outage_end.max(active.rotated));
    if !is_predecessor || now >= counted_from.plus_s(retries.window_s) {
        // Revoked although this client may be honest: we cannot tell it from the thief (RFC 9700 section 4.14.2).
        return Err(Refused { refusal: Refusal::Reused, revoke: Some(EndReason::RefreshTokenReused) });
    }
    if active.access_revoked_through >= active.generation {
        return Err(Refusal::GenerationRevoked.into());
    }
    Ok(active)
}

/// The right generation was refused: another rotation's, no room for one more, or past its end.
fn current_generation_refused(active: &Active, rotation: &Rotation) -> Refused {
    if rotation.rotated_low != active.rotated.low_bits() {
        Refusal::StoreWentBack.into()
    } else if active.generation == Generation::MAX {
        Refused { refusal: Refusal::LastGeneration, revoke: Some(EndReason::LastGeneration) }
    } else {
        Refusal::Expired.into()
    }
}

/// A row-less access token of a client; `random` tells tokens of one second apart.
#[must_use]
pub fn issue_rowless(
    (client, client_epoch): (ClientNumber, u32),
    scope: ScopeSet,
    lifetime_s: u32,
    now: Micros,
    random: u64,
) -> Rowless {
    let issued_at_s = now.as_unix_s();
    Rowless { client, client_epoch, issued_at_s, expiry_s: issued_at_s.saturating_add(lifetime_s), scope, random }
}

fn active(grant: &Grant) -> Result<Active, Refusal> {
    match grant.state {
        State::Active(active) => Ok(active),
        State::Code { .. } => Err(Refusal::StoreWentBack),
        State::Ended { .. } => Err(Refusal::Revoked),
    }
}

fn check_standing(standing: &Standing, grant: &Grant) -> Result<(), Refusal> {
    if !standing.client.supports(grant.client_epoch) {
        return Err(Refusal::ClientEnded);
    }
    if !standing.user.supports(grant.user_epoch) {
        return Err(Refusal::UserEnded);
    }
    Ok(())
}

fn issue(grant: &Grant, active: &Active, scope: ScopeSet, (rules, now): (TokenRules, Micros)) -> Issued {
    Issued {
        access: Pointer::access(grant, active, scope),
        refresh: rules.has_refresh_token(grant.scope).then(|| Pointer::refresh(grant, active)),
        sealing_key: active.sealing_key,
        expires_in_s: active.access_expiry_s.saturating_sub(now.as_unix_s()),
        note: None,
    }
}
