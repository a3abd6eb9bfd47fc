//! Whether a presented token works now (RFC 7662 section 2.2), and who may ask.

use crate::audience::AudienceTable;
use crate::client::Client;
use crate::grant::{Grant, Look, PartyStanding, State};
use crate::number::ClientNumber;
use crate::time::Micros;

use super::pointer::{Pointer, Rowless, ShortPointer, TokenKind};
use super::refusal::Refusal;

/// Why a token does not work. The caller is told only that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inactive {
    /// As for a refresh.
    #[error("{0}")]
    Refused(Refusal),
    /// The caller may not ask about this token.
    #[error("the caller is not the token's audience")]
    NotYours,
}

/// A token that works, and the grant it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// When it expires, in seconds since 1970.
    pub expiry_s: u32,
    /// Its grant.
    pub grant: Grant,
}

/// Of which tokens a caller may learn anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectionReach {
    /// Of all: it is a resource server of the realm.
    EveryToken,
    /// Of access tokens that are for it: it is an audience.
    OwnAudience,
    /// Of none.
    Nothing,
}

impl IntrospectionReach {
    /// The reach of this caller.
    #[must_use]
    pub fn of(caller: &Client, audiences: &AudienceTable) -> Self {
        if caller.metadata.resource_server {
            Self::EveryToken
        } else if audiences.knows(&caller.client_id) {
            Self::OwnAudience
        } else {
            Self::Nothing
        }
    }
}

/// Whether an access or refresh token works.
///
/// # Errors
/// [`Refusal`]: why not.
pub fn introspect(kind: TokenKind, token: &Pointer, look: &Look) -> Result<Live, Refusal> {
    let Some(seen) = &look.seen else { return Err(Refusal::Unknown) };
    let grant = &seen.grant;
    let active = match grant.state {
        State::Active(active) => active,
        State::Code { .. } => return Err(Refusal::StoreWentBack),
        State::Ended { .. } => return Err(Refusal::Revoked),
    };
    if grant.client != token.client {
        return Err(Refusal::OtherClient);
    }
    if !seen.standing.client.supports(grant.client_epoch) {
        return Err(Refusal::ClientEnded);
    }
    if !seen.standing.user.supports(grant.user_epoch) {
        return Err(Refusal::UserEnded);
    }
    let is_current = token.generation == active.generation;
    let has_its_time = match kind {
        TokenKind::Refresh => token.time == active.rotated.low_bits(),
        TokenKind::Access | TokenKind::Code | TokenKind::Rowless | TokenKind::AccessJti | TokenKind::RowlessJti => {
            token.issued_at_s == active.rotated.as_unix_s()
        }
    };
    if token.generation > active.generation || (is_current && !has_its_time) {
        return Err(Refusal::StoreWentBack);
    }
    let end = match kind {
        TokenKind::Refresh if !is_current => return Err(Refusal::Spent),
        TokenKind::Refresh => active.idle_end.min(grant.absolute_end),
        TokenKind::Access if token.generation <= active.access_revoked_through => {
            return Err(Refusal::GenerationRevoked);
        }
        TokenKind::Access => Micros::from_unix_s(token.time),
        TokenKind::Code | TokenKind::Rowless | TokenKind::AccessJti | TokenKind::RowlessJti => {
            return Err(Refusal::Forged);
        }
    };
    if look.now >= end { Err(Refusal::Expired) } else { Ok(Live { expiry_s: end.as_unix_s(), grant: grant.clone() }) }
}

/// The same of a short token; answers also what its row makes of it, and when it was issued, where the row knows.
///
/// # Errors
/// [`Refusal`]: why not.
pub fn introspect_short(
    kind: TokenKind,
    token: ShortPointer,
    look: &Look,
) -> Result<(Live, Pointer, Option<u32>), Refusal> {
    let Some(seen) = &look.seen else { return Err(Refusal::Unknown) };
    let (pointer, issued_at_s) = token.complete(&seen.grant);
    let live = introspect(kind, &pointer, look)?;
    // It does not say when it was issued; of the current generation its expiry says as much.
    let is_of_its_row = match seen.grant.state {
        State::Active(active) if token.generation == active.generation => token.time == active.access_expiry_s,
        State::Active(_) | State::Code { .. } | State::Ended { .. } => true,
    };
    let has_its_time = kind == TokenKind::Refresh || is_of_its_row;
    if has_its_time { Ok((live, pointer, issued_at_s)) } else { Err(Refusal::StoreWentBack) }
}

/// Whether a row-less access token works.
///
/// # Errors
/// [`Refusal`]: why not.
pub fn introspect_rowless(
    token: &Rowless,
    client: PartyStanding,
    is_denied: bool,
    now: Micros,
) -> Result<ClientNumber, Refusal> {
    if is_denied {
        Err(Refusal::Revoked)
    } else if !client.supports(token.client_epoch) {
        Err(Refusal::ClientEnded)
    } else if now >= Micros::from_unix_s(token.expiry_s) {
        Err(Refusal::Expired)
    } else {
        Ok(token.client)
    }
}
