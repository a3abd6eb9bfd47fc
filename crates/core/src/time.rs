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

    /// Whole milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn as_unix_ms(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This instant moved by whole seconds.
    #[must_use]
    pub const fn plus_s(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as i64 * MICROS_PER_S))
    }

    /// This instant moved back by whole seconds.
    #[must_use]
    pub const fn minus_s(self, seconds: u32) -> Self {
        Self(self.0.saturating_sub(seconds as i64 * MICROS_PER_S))
    }

    /// How long it is from `earlier` to this instant; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// To the second, in RFC 3339: `2026-11-21T09:34:00Z`. Seconds saturate at both ends of `u32`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let seconds = i64::from(self.as_unix_s());
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // The civil calendar, with days counted from 0000-03-01 in eras of 400 years.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
    }

    /// The low 32 bits, which a refresh token carries of the rotation that made it.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low bits are what is wanted")]
    pub const fn low_bits(self) -> u32 {
        self.0 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_by_the_civil_calendar() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_253_640, "2026-11-21T09:34:00Z"),
            (4_294_967_295, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(Micros::from_unix_s(seconds).to_rfc3339(), expect);
        }
    }
}
