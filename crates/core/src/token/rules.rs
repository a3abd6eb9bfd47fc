//! What a scope means for tokens: how long they live, and whether a refresh token comes with them.
//!
//! In a realm with services a grant is a service's or a person's, by its scope: the one lives for decades, the other for a day, and
//! only a service is refreshed.

use crate::client::{Client, GrantType};
use crate::grant::Terms;
use crate::realm::{Lifetimes, RealmSettings};
use crate::scope::{ScopeSet, ScopeTable};

use super::plan::SealingKeys;

/// What the scopes of a realm mean for its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenRules {
    /// Which grants have a refresh token.
    pub offline: OfflineAccess,
    /// What makes a grant a service's; none: nothing does.
    pub service: Option<ServiceRules>,
}

/// Which grants have a refresh token; one without it lives as long as its access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfflineAccess {
    /// None: the client may not refresh.
    #[default]
    Never,
    /// Those with one of these scopes.
    WithScope(ScopeSet),
    /// All: the client is a partner, whose users are asked for no scope.
    Always,
}

impl OfflineAccess {
    /// Whether a grant of this scope has a refresh token.
    #[must_use]
    pub const fn includes(self, scope: ScopeSet) -> bool {
        match self {
            Self::Never => false,
            Self::WithScope(offline) => scope.intersects(offline),
            Self::Always => true,
        }
    }
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
            // Also one that is retired: what was granted with it stays a service's.
            scope: scopes.parse_registered(&service.scope).unwrap_or_default(),
            access_token_s: service.access_token_s,
            refresh_absolute_s: service.refresh_absolute_s,
        });
        Self { offline: OfflineAccess::WithScope(settings.offline(scopes)), service }
    }

    /// The same for a client: one that may not refresh gets no refresh token, and its grants live as long as their access tokens.
    #[must_use]
    pub fn for_client(self, client: &Client) -> Self {
        let offline = match (client.may_use(GrantType::RefreshToken), client.partner()) {
            (false, _) => OfflineAccess::Never,
            (true, Some(_)) => OfflineAccess::Always,
            (true, None) => self.offline,
        };
        Self { offline, ..self }
    }

    /// Whether a grant of this scope has a refresh token.
    #[must_use]
    pub fn has_refresh_token(&self, scope: ScopeSet) -> bool {
        self.offline.includes(scope) && (self.service.is_none() || self.service_of(scope).is_some())
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

    /// What policy says of a generation of a grant of this scope that this client is given.
    #[must_use]
    pub fn terms(&self, client: &Client, scope: ScopeSet, keys: SealingKeys) -> Terms {
        let Lifetimes { access_token_s, refresh_idle_s, .. } = self.lifetimes(client, scope);
        Terms { access_lifetime_s: access_token_s, idle_lifetime_s: refresh_idle_s, sealing_key: keys.newest }
    }

    /// The scope that makes a service, which takes a role: nobody has it who was not asked for that.
    #[must_use]
    pub fn service_scope(&self) -> ScopeSet {
        self.service.map(|service| service.scope).unwrap_or_default()
    }

    /// What makes a grant of this scope a service's, if anything does.
    #[must_use]
    pub fn service_of(&self, scope: ScopeSet) -> Option<ServiceRules> {
        self.service.filter(|service| !service.scope.is_empty() && scope.contains(service.scope))
    }
}
