//! Instants and durations, each with its unit in its type or name.
//!
//! Instants are the store's; callers of a verb pass durations only.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z by the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Micros(pub i64);

const MICROS_PER_S: i64 = 1_000_000;

impl Micros {
    /// Later than every other instant: "no end".
    pub const NEVER: Self = Self(i64::MAX);

    /// The instant of a whole second since 1970.
    #[must_use]
    pub const fn from_unix_s(seconds: u32) -> Self {
        Self(seconds as i64 * MICROS_PER_S)
    }

    /// Whole seconds since 1970, rounded down; saturates at both ends of `u32`.
    #[must_use]
    pub fn as_unix_s(self) -> u32 {
        u32::try_from((self.0 / MICROS_PER_S).max(0)).unwrap_or(u32::MAX)
    }

    /// This instant moved by whole seconds.
    #[must_use]
    pub const fn plus_s(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as i64 * MICROS_PER_S))
    }

    /// How long it is from `earlier` to this instant; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The low 32 bits, which a refresh token carries of the rotation that made it.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low bits are what is wanted")]
    pub const fn low_bits(self) -> u32 {
        self.0 as u32
    }
}
