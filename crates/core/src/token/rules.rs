//! What a scope means for tokens: how long they live, and whether a refresh token comes with them.
//!
//! In a realm with services a grant is a service's or a person's, by its scope: the one lives for decades, the other for a day, and
//! only a service is refreshed.

use crate::client::{Client, GrantType};
use crate::realm::{Lifetimes, RealmSettings};
use crate::scope::{ScopeSet, ScopeTable};

/// What the scopes of a realm mean for its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenRules {
    /// The scopes of which each asks for a refresh token.
    pub offline: ScopeSet,
    /// What makes a grant a service's; none: nothing does.
    pub service: Option<ServiceRules>,
}

/// What makes a grant a service's, and how long that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceRules {
    /// The scope that does.
    pub scope: ScopeSet,
    /// Lifetime of its access tokens, in seconds.
    pub access_token_s: u32,
    /// How long it may live, in seconds; it has no idle end.
    pub refresh_absolute_s: u32,
}

impl TokenRules {
    /// Those of a realm.
    #[must_use]
    pub fn of(settings: &RealmSettings, scopes: &ScopeTable) -> Self {
        let service = settings.service.as_ref().map(|service| ServiceRules {
            // Of a scope that is retired there are no grants any more.
            scope: scopes.parse_registered(&service.scope).unwrap_or_default(),
            access_token_s: service.access_token_s,
            refresh_absolute_s: service.refresh_absolute_s,
        });
        Self { offline: settings.offline(scopes), service }
    }

    /// The same for a client: one that may not refresh gets no refresh token, and its grants live as long as their access tokens.
    #[must_use]
    pub fn for_client(self, client: &Client) -> Self {
        if client.may_use(GrantType::RefreshToken) { self } else { Self { offline: ScopeSet::EMPTY, ..self } }
    }

    /// Whether a grant of this scope has a refresh token.
    #[must_use]
    pub fn has_refresh_token(&self, scope: ScopeSet) -> bool {
        scope.intersects(self.offline) && (self.service.is_none() || self.service_of(scope).is_some())
    }

    /// Whether a grant of this scope goes on when the session ends in which it was given (OpenID Connect Core section 11).
    #[must_use]
    pub fn outlives_session(&self, scope: ScopeSet) -> bool {
        self.has_refresh_token(scope) || self.service_of(scope).is_some()
    }

    /// How long what this client is given for this scope lives.
    #[must_use]
    pub fn lifetimes(&self, client: &Client, scope: ScopeSet) -> Lifetimes {
        let of_scope = match self.service_of(scope) {
            None => client.lifetimes,
            Some(ServiceRules { access_token_s, refresh_absolute_s, .. }) => {
                let service =
                    Lifetimes { access_token_s, refresh_idle_s: None, refresh_absolute_s, ..client.lifetimes };
                service.shortened(&client.metadata.lifetimes)
            }
        };
        if self.has_refresh_token(scope) {
            of_scope
        } else {
            Lifetimes { refresh_idle_s: Some(of_scope.access_token_s), ..of_scope }
        }
    }

    /// What makes a grant of this scope a service's, if anything does.
    #[must_use]
    pub fn service_of(&self, scope: ScopeSet) -> Option<ServiceRules> {
        self.service.filter(|service| !service.scope.is_empty() && scope.contains(service.scope))
    }
}
