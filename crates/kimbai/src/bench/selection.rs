//! What `--case` chooses from: the cases of the closed loop, and the scenarios that are more than one loop.

use std::fmt;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::cases::Case;
use super::realms::Realm;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    Closed(Case),
    Start,
    Overload,
    LogInFlood,
}

impl Selection {
    /// The closed loops, with or without the floor that only a server of our own has.
    pub(super) fn loops() -> impl Iterator<Item = Self> {
        Case::ALL.into_iter().map(Self::Closed)
    }

    /// Whether it can be measured in a realm: the scenarios drive the standard token endpoint.
    pub(super) fn is_of(self, realm: &Realm) -> bool {
        match self {
            Self::Closed(case) => case.is_of(realm),
            Self::Start | Self::Overload | Self::LogInFlood => realm.is_whole(),
        }
    }

    /// Whether it needs the server that `kimbai bench` starts itself.
    pub(super) fn needs_own_server(self, realm: &Realm) -> bool {
        match self {
            Self::Closed(case) => case.needs_own_server(realm),
            Self::Start | Self::LogInFlood => true,
            Self::Overload => false,
        }
    }
}

impl ValueEnum for Selection {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Selection; 22] = [
            Selection::Closed(Case::Floor),
            Selection::Closed(Case::ClientCredentials),
            Selection::Closed(Case::Refresh),
            Selection::Closed(Case::Introspect),
            Selection::Closed(Case::Code),
            Selection::Closed(Case::CodeEs256),
            Selection::Closed(Case::RefreshEddsa),
            Selection::Closed(Case::RefreshRs256),
            Selection::Closed(Case::Userinfo),
            Selection::Closed(Case::Discovery),
            Selection::Closed(Case::Jwks),
            Selection::Closed(Case::Login),
            Selection::Closed(Case::RefreshGraphql),
            Selection::Closed(Case::RefreshRest),
            Selection::Closed(Case::WrongSignature),
            Selection::Closed(Case::WrongEnvelope),
            Selection::Closed(Case::Exchange),
            Selection::Closed(Case::ExchangeRetry),
            Selection::Closed(Case::LegacyLookup),
            Selection::Start,
            Selection::Overload,
            Selection::LogInFlood,
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Closed(case) => case.to_possible_value(),
            Self::Start => Some(PossibleValue::new("start").help("From a start of the process to its first answer")),
            Self::Overload => Some(PossibleValue::new("overload").help("Refreshes at a multiple of the peak's rate")),
            Self::LogInFlood => {
                Some(PossibleValue::new("log_in_flood").help("1,000 log-ins a second beside 2,000 refreshes"))
            }
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loop_can_be_chosen() {
        let chosen = Selection::value_variants();
        assert!(Selection::loops().all(|case| chosen.contains(&case)));
        assert_eq!(Selection::from_str("log_in_flood", false), Ok(Selection::LogInFlood));
    }
}
