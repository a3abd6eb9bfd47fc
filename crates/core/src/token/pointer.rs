//! What a sealed token says: a pointer to a grant, or the whole of a row-less one.

use crate::grant::{Active, Grant, State};
use crate::number::{ClientNumber, Generation, GrantId};
use crate::scope::ScopeSet;
use crate::time::Micros;

/// What a sealed token is for; what opens one kind opens no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An authorization code.
    Code,
    /// An access token of a grant.
    Access,
    /// A refresh token.
    Refresh,
    /// An access token without a grant, from client credentials.
    Rowless,
    /// What [`TokenKind::Access`] seals, as the `jti` of a JWT. It opens nothing by itself: people log what a `jti` is.
    AccessJti,
    /// The same of [`TokenKind::Rowless`].
    RowlessJti,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Code, Self::Access, Self::Refresh, Self::Rowless, Self::AccessJti, Self::RowlessJti];

    /// The kind of the `jti` where a token of this kind is a JWT; none for one that never is.
    #[must_use]
    pub const fn in_jwt(self) -> Option<Self> {
        match self {
            Self::Access => Some(Self::AccessJti),
            Self::Rowless => Some(Self::RowlessJti),
            Self::Code | Self::Refresh | Self::AccessJti | Self::RowlessJti => None,
        }
    }
}

/// A pointer to a grant in one of its generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// The grant.
    pub grant: GrantId,
    /// The generation it belongs to.
    pub generation: Generation,
    /// In codes and access tokens the expiry in seconds since 1970, in refresh tokens the low bits of the rotation's time.
    pub time: u32,
    /// The client it was issued to.
    pub client: ClientNumber,
    /// When it was issued, in seconds since 1970.
    pub issued_at_s: u32,
    /// What it allows.
    pub scope: ScopeSet,
}

/// All that a short token says of a grant in one of its generations: its row says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortPointer {
    /// The grant.
    pub grant: GrantId,
    /// The generation it belongs to.
    pub generation: Generation,
    /// As in [`Pointer::time`].
    pub time: u32,
}

/// How much the sealed tokens of a realm say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// 48 bytes: all of [`Pointer`], or of [`Rowless`].
    Long,
    /// 16 bytes: [`ShortPointer`]. What is issued has the grant's whole scope, and there is none without a grant.
    Short,
}

/// An access token without a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rowless {
    /// The client it was issued to.
    pub client: ClientNumber,
    /// The client's epoch then.
    pub client_epoch: u32,
    /// When it was issued, in seconds since 1970.
    pub issued_at_s: u32,
    /// When it expires, in seconds since 1970.
    pub expiry_s: u32,
    /// What it allows.
    pub scope: ScopeSet,
    /// Tells tokens of one second apart.
    pub random: u64,
}

impl Pointer {
    /// The access token of a grant's current generation, for as much of its scope as was asked for.
    #[must_use]
    pub fn access(grant: &Grant, active: &Active, scope: ScopeSet) -> Self {
        Self {
            grant: grant.id,
            generation: active.generation,
            time: active.access_expiry_s,
            client: grant.client,
            issued_at_s: active.rotated.as_unix_s(),
            scope,
        }
    }

    /// The refresh token of a grant's current generation.
    #[must_use]
    pub fn refresh(grant: &Grant, active: &Active) -> Self {
        Self { time: active.rotated.low_bits(), ..Self::access(grant, active, grant.scope) }
    }

    /// What of it a short token says.
    #[must_use]
    pub const fn short(&self) -> ShortPointer {
        ShortPointer { grant: self.grant, generation: self.generation, time: self.time }
    }
}

impl ShortPointer {
    /// The same with what the row says: the client, the whole scope, and when what it points to was issued. Of a generation that is
    /// neither the first nor the current one the row does not know that any more.
    #[must_use]
    pub fn complete(self, grant: &Grant) -> (Pointer, Option<u32>) {
        let issued = match grant.state {
            State::Active(active) if self.generation == active.generation => Some(active.rotated),
            State::Active(active) if self.generation == Generation::FIRST => Some(active.redeemed),
            State::Code { .. } if self.generation == Generation::CODE => Some(grant.opened),
            State::Active(_) | State::Code { .. } | State::Ended { .. } => None,
        };
        let issued_at_s = issued.map(Micros::as_unix_s);
        let pointer = Pointer {
            grant: self.grant,
            generation: self.generation,
            time: self.time,
            client: grant.client,
            issued_at_s: issued_at_s.unwrap_or(0),
            scope: grant.scope,
        };
        (pointer, issued_at_s)
    }
}
