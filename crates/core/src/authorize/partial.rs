//! Consent scope by scope, as a platform's own app asks for it on behalf of an app inside of it: what is given, and why the rest is
//! not.

use crate::scope::{ScopeSet, ScopeTable};

/// Why a scope is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeWithheld {
    /// The app may not ask for it.
    NotPermitted,
    /// The person said no to it.
    Refused,
}

/// What a request for scopes comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialConsent {
    /// What is given.
    pub scope: ScopeSet,
    /// What is not, in the order in which it was asked for.
    pub withheld: Vec<(String, ScopeWithheld)>,
}

impl PartialConsent {
    /// Of what an app asks for, what is `available` to it: scopes that the realm has and has not retired.
    #[must_use]
    pub fn permitted(available: ScopeSet, asked: &[String], scopes: &ScopeTable) -> Self {
        let mut consent = Self::default();
        for name in asked {
            match scopes.parse(name) {
                Ok(scope) if available.contains(scope) => consent.scope = consent.scope.union(scope),
                Ok(_) | Err(_) if consent.withheld.iter().any(|(known, _)| known == name) => {}
                Ok(_) | Err(_) => consent.withheld.push((name.clone(), ScopeWithheld::NotPermitted)),
            }
        }
        consent
    }

    /// Of that, what a person gave; a grant of what was not asked for counts for nothing.
    #[must_use]
    pub fn granted(mut self, granted: &[String], scopes: &ScopeTable) -> Self {
        let granted = granted.iter().filter_map(|name| scopes.parse(name).ok()).fold(ScopeSet::EMPTY, ScopeSet::union);
        let refused = self.scope.without(granted);
        let refused = scopes.definitions(refused).map(|scope| (scope.name.clone(), ScopeWithheld::Refused));
        self.withheld.extend(refused);
        self.scope = self.scope.intersection(granted);
        self
    }

    /// Whether something was asked for and nothing is given: then there is no code.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.scope.is_empty() && !self.withheld.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{OFFLINE, ORDER, client, scope_table};

    #[test]
    fn consent_is_given_scope_by_scope() {
        use ScopeWithheld::{NotPermitted, Refused};
        type Case<'a> = (&'a [&'a str], &'a [&'a str], ScopeSet, &'a [(&'a str, ScopeWithheld)]);
        let cases: [Case<'_>; 8] = [
            (&[], &[], ScopeSet::EMPTY, &[]),
            (&["offline", "order"], &["offline", "order"], OFFLINE.union(ORDER), &[]),
            (&["offline", "order"], &["order"], ORDER, &[("offline", Refused)]),
            (&["order"], &["order", "product"], ORDER, &[]),
            (&["order"], &[], ScopeSet::EMPTY, &[("order", Refused)]),
            (&["inventory", "order"], &["inventory", "order"], ORDER, &[("inventory", NotPermitted)]),
            (
                &["nothing", "nothing", "old"],
                &["nothing"],
                ScopeSet::EMPTY,
                &[("nothing", NotPermitted), ("old", NotPermitted)],
            ),
            (&["offline order"], &["order"], ORDER, &[("offline", Refused)]),
        ];
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (asked, granted, scope, withheld) in cases {
            let consent = PartialConsent::permitted(client(|_| {}).scope, &owned(asked), &scope_table());
            let consent = consent.granted(&owned(granted), &scope_table());
            let withheld: Vec<_> = withheld.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect();
            assert_eq!(consent.is_refusal(), scope.is_empty() && !asked.is_empty(), "{asked:?} {granted:?}");
            assert_eq!(consent, PartialConsent { scope, withheld }, "{asked:?} {granted:?}");
        }
    }
}
