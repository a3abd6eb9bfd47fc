//! What holds in a realm whose clients are partners: how long their failures take, how often they may fail, how many grants they have.

use serde::{Deserialize, Serialize};

/// What holds for the partners of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerSettings {
    /// A user has so many grants at one partner; beyond it those whose access token has expired end, oldest first.
    pub grants_max: u32,
    /// With so many whose access token has not expired the user gets no further one.
    pub live_grants_max: u32,
    /// A failed log-in is answered so many milliseconds after it came, or a multiple of it: the 99th percentile of a password hash.
    pub failed_log_in_answer_ms: u32,
    /// The same of all other requests of partners.
    pub failed_refresh_answer_ms: u32,
    /// Whether who fails too often must wait.
    pub failure_limits: FailureLimits,
}

/// Whether who fails too often must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureLimits {
    /// After 20 failures in a minute, longer with each further one.
    On,
    /// Never.
    Off,
}

/// What a realm's refresh tokens are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenFormat {
    /// Sealed.
    #[default]
    Opaque,
    /// A signed JWT, for platforms whose documents say so. Nobody but the realm reads it.
    Jwt,
}

impl RefreshTokenFormat {
    /// Whether they are sealed.
    #[must_use]
    pub const fn is_opaque(&self) -> bool {
        matches!(self, Self::Opaque)
    }
}

/// A listing of so many grants is still short.
const LIVE_GRANTS_MAX: u32 = 10_000;
/// Nobody waits longer for a no.
const ANSWER_MS_MAX: u32 = 10_000;

impl PartnerSettings {
    /// Whether a realm can have these; else the name of the member that is wrong, and what it may be.
    ///
    /// # Errors
    /// What to change.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_delay = |delay_ms| (1..=ANSWER_MS_MAX).contains(&delay_ms);
        if self.grants_max == 0 || self.grants_max > self.live_grants_max {
            Err("grants_max: it is 1 to live_grants_max")
        } else if self.live_grants_max > LIVE_GRANTS_MAX {
            Err("live_grants_max: it is 10,000 at most")
        } else if !is_delay(self.failed_log_in_answer_ms) {
            Err("failed_log_in_answer_ms: it is 1 to 10,000 ms")
        } else if !is_delay(self.failed_refresh_answer_ms) {
            Err("failed_refresh_answer_ms: it is 1 to 10,000 ms")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_delays_are_within_bounds() {
        const RIGHT: PartnerSettings = PartnerSettings {
            grants_max: 50,
            live_grants_max: 1_000,
            failed_log_in_answer_ms: 250,
            failed_refresh_answer_ms: 25,
            failure_limits: FailureLimits::On,
        };
        for right in [
            RIGHT,
            PartnerSettings { grants_max: 1, live_grants_max: 1, ..RIGHT },
            PartnerSettings { live_grants_max: 10_000, ..RIGHT },
            PartnerSettings { failed_log_in_answer_ms: 1, failed_refresh_answer_ms: 10_000, ..RIGHT },
        ] {
            assert_eq!(right.check(), Ok(()));
        }
        for (wrong, expect) in [
            (PartnerSettings { grants_max: 0, ..RIGHT }, "grants_max"),
            (PartnerSettings { grants_max: 1_001, ..RIGHT }, "grants_max"),
            (PartnerSettings { live_grants_max: 10_001, ..RIGHT }, "live_grants_max"),
            (PartnerSettings { failed_log_in_answer_ms: 0, ..RIGHT }, "failed_log_in_answer_ms"),
            (PartnerSettings { failed_log_in_answer_ms: 10_001, ..RIGHT }, "failed_log_in_answer_ms"),
            (PartnerSettings { failed_refresh_answer_ms: 0, ..RIGHT }, "failed_refresh_answer_ms"),
        ] {
            assert!(wrong.check().unwrap_err().starts_with(expect), "{wrong:?}");
        }
    }
}
