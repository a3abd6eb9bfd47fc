//! The numbers rows and tokens are known by, one type each so that they cannot be mixed.
//!
//! Numbers are never used again: a token that outlives its client must not come to mean another one.

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);
    };
}

number!(
    /// A realm's immutable number; every row and every sealed token belongs to one.
    RealmNumber(u32)
);
number!(
    /// A client's immutable number within its realm.
    ClientNumber(u32)
);
number!(
    /// A user's immutable number within its realm.
    UserNumber(u32)
);
number!(
    /// An organization's immutable number within its realm: a shop, a company, whoever it is that users act for.
    OrganizationNumber(u32)
);
number!(
    /// A grant's number within its realm: 32 bits of seconds, then 32 random bits, so that rows lie in the order of their making.
    GrantId(u64)
);
number!(
    /// Random mark that a mutating verb leaves in its row, by which a repetition recognises its own success.
    AttemptId(u64)
);

impl OrganizationNumber {
    /// Of no organization: they are counted from 1.
    pub const NONE: Self = Self(0);
}

impl GrantId {
    /// A time-ordered id from the store's time and 32 random bits.
    #[must_use]
    pub fn new(now: crate::time::Micros, random: u32) -> Self {
        Self((u64::from(now.as_unix_s()) << 32) | u64::from(random))
    }
}

/// How often a grant has been refreshed: 0 before its code is redeemed, then 1 and up to [`Generation::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

impl Generation {
    /// The generation of an authorization code.
    pub const CODE: Self = Self(0);
    /// The generation of the first access and refresh token.
    pub const FIRST: Self = Self(1);
    /// The last one: three bytes in a sealed token. A grant that has reached it ends.
    pub const MAX: Self = Self((1 << 24) - 1);

    /// The generation with this number, if there is one.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Its number, at most 2^24 - 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The one after it; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }
}
