//! What commands answer: things as an operator reads them, with names in the place of numbers and never a secret.

use kimbai_core::audience::AccessTokenFormat;
use kimbai_core::authorize::ResponseType;
use kimbai_core::claims::{StandardClaims, UserClaims};
use kimbai_core::client::{AuthenticationMethod, Client, GrantType};
use kimbai_core::grant::{EndReason, Seen, State};
use kimbai_core::time::Micros;
use kimbai_store::{Activity, UserRow};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::realm::Realm;
use crate::token::audit_event;

/// Whether a client or user may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// It may.
    Enabled,
    /// It may not.
    Disabled,
}

impl From<Enabled> for Activity {
    fn from(enabled: Enabled) -> Self {
        match enabled {
            Enabled::Enabled => Self::Enabled,
            Enabled::Disabled => Self::Disabled,
        }
    }
}

impl Enabled {
    pub(super) const fn of(active: bool) -> Self {
        if active { Self::Enabled } else { Self::Disabled }
    }
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// Its `client_id`.
    pub client_id: String,
    /// Its name as people read it.
    pub client_name: String,
    /// Whether it may do anything.
    pub status: Enabled,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// The grants it may use.
    pub grant_types: Vec<GrantType>,
    /// What its authorization responses may carry.
    pub response_types: Vec<ResponseType>,
    /// What its access tokens are; none: as the audiences of their scopes want them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<AccessTokenFormat>,
    /// What it may ask for.
    pub scope: String,
    /// Where its authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whom to ask about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// What its requests name it by, if it is a partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_code: Option<String>,
    /// Whether it may introspect the realm's tokens.
    pub resource_server: bool,
    /// Of each live secret when it ends, in RFC 3339; none: until it is replaced.
    pub secrets_end: Vec<Option<String>>,
}

impl ClientView {
    pub(super) fn of(client: &Client, now: Micros) -> Self {
        let metadata = &client.metadata;
        let live = metadata.secrets.iter().filter(|secret| secret.is_live(now.as_unix_s()));
        Self {
            client_id: client.client_id.clone(),
            client_name: metadata.client_name.clone(),
            status: Enabled::of(client.standing.active),
            token_endpoint_auth_method: metadata.token_endpoint_auth_method,
            grant_types: metadata.grant_types.clone(),
            response_types: metadata.response_types.clone(),
            access_token_format: metadata.access_token_format,
            scope: metadata.scope.clone(),
            redirect_uris: metadata.redirect_uris.clone(),
            client_uri: metadata.client_uri.clone(),
            owner: metadata.owner.clone(),
            contacts: metadata.contacts.clone(),
            partner_code: client.partner().map(|partner| partner.partner_code.clone()),
            resource_server: metadata.resource_server,
            secrets_end: live.map(|secret| secret.ends_s.map(|end| Micros::from_unix_s(end).to_rfc3339())).collect(),
        }
    }
}

/// A user, without what identifies the person to a state: a list of users is no place for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// The name to log in with.
    pub username: String,
    /// The subject in tokens.
    pub sub: String,
    /// The full name.
    pub name: String,
    /// The mail address.
    pub email: Option<String>,
    /// The other standard claims.
    #[serde(default, skip_serializing_if = "StandardClaims::is_empty")]
    pub claims: StandardClaims,
    /// Whether the user may do anything.
    pub status: Enabled,
}

impl UserView {
    pub(super) fn of(row: &UserRow) -> Result<Self, EngineError> {
        let UserClaims { sub, name, email, claims, .. } = UserClaims::parse(&row.claims)?;
        let status = Enabled::of(row.standing.active);
        Ok(Self { username: row.username.clone(), sub, name, email, claims, status })
    }
}

/// A grant. Times are in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// Its id: 16 hex digits.
    pub grant: String,
    /// The client it was given to.
    pub client_id: String,
    /// The user who gave it.
    pub username: String,
    /// The label of the organization for which the user gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// What the user consented to.
    pub scope: String,
    /// `code`, `active`, or why it ended.
    pub state: String,
    /// Whether its tokens work, as far as the standing of its client and user goes.
    pub stands: bool,
    /// How often it was refreshed.
    pub generation: u32,
    /// When it was opened.
    pub opened: String,
    /// When its refresh token, or its code, ends, or since when it has ended.
    pub ends: String,
    /// When it ends, whatever happens.
    pub absolute_end: String,
    /// The digest of the legacy token that it was exchanged for, if that works still; said of one grant alone, not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy_token: Option<String>,
}

impl GrantView {
    pub(super) fn of(realm: &Realm, seen: &Seen, (username, organization): (String, Option<String>)) -> Self {
        let grant = &seen.grant;
        let (state, generation, ends) = match &grant.state {
            State::Code { end } => ("code", 0, *end),
            State::Active(active) => ("active", active.generation.number(), active.idle_end),
            State::Ended { reason, at } => (ended(*reason), 0, *at),
        };
        let client = realm.client_by_number(grant.client);
        Self {
            grant: format!("{:016x}", grant.id.0),
            client_id: client.map_or_else(|| format!("#{}", grant.client.0), |client| client.client_id.clone()),
            username,
            organization,
            scope: realm.scopes.render(grant.scope),
            state: state.to_owned(),
            stands: seen.standing.supports(grant) && !matches!(grant.state, State::Ended { .. }),
            generation,
            opened: grant.opened.to_rfc3339(),
            ends: ends.to_rfc3339(),
            absolute_end: grant.absolute_end.to_rfc3339(),
            legacy_token: None,
        }
    }
}

const fn ended(reason: EndReason) -> &'static str {
    audit_event(reason)
}
