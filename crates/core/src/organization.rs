//! Organizations within a realm, such as the shops of a platform, and who belongs to them as what.
//!
//! Clients know an organization by its `org_id`, people by its name, operators by its label, which is the left-most part of its host
//! as well. A person may belong to several, to each in several roles.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::number::OrganizationNumber;
use crate::realm::{LIFETIME_MAX_S, RealmSettings, SettingsError};
use crate::scope::{ScopeSet, ScopeTable};
use crate::token::Refusal;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its number in the realm.
    pub number: OrganizationNumber,
    /// By what clients know it.
    pub org_id: String,
    /// By what operators know it, and the left-most part of its host.
    pub label: String,
    /// Its name as people read it.
    pub name: String,
    /// What kind of organization it is; may be empty.
    pub category: String,
}

/// A person's place in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub organization: Organization,
    /// As what; may be empty.
    pub roles: Vec<String>,
}

impl Membership {
    /// Whether this role is among them.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known == role)
    }
}

/// How users act for organizations in a realm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipSettings {
    /// The scope that gives the claims `orgid`, `orgname`, `orgcat` and `role`: who asks for it acts for one organization.
    pub scope: String,
    /// How the claim `role` is written where there is one role.
    #[serde(default)]
    pub single_role: SingleRole,
}

/// How one role is written; several are a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SingleRole {
    /// As a list of one.
    #[default]
    List,
    /// As a string.
    Text,
}

/// What makes a grant a service's in a realm: one that an app acts on for years, whoever is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    /// The scope that does. Grants without it get no refresh token.
    pub scope: String,
    /// The role without which nobody may give it.
    pub role: String,
    /// Lifetime of its access tokens, in seconds, at most [`LIFETIME_MAX_S`].
    pub access_token_s: u32,
    /// How long it lives, in seconds, at most [`LIFETIME_MAX_S`]; it has no idle end.
    pub refresh_absolute_s: u32,
}

/// Whether a realm can have its settings of organizations and services.
pub(crate) fn check(settings: &RealmSettings) -> Result<(), SettingsError> {
    let is_known = |name: &str| settings.scopes.iter().any(|scope| scope.name == name);
    let membership = settings.membership.as_ref();
    if membership.is_some_and(|membership| !is_known(&membership.scope)) {
        return Err(SettingsError::Membership("the realm has no such scope"));
    }
    let Some(service) = &settings.service else { return Ok(()) };
    if membership.is_none() {
        return Err(SettingsError::Service("it needs membership, which says who has the role"));
    }
    if !is_known(&service.scope) {
        return Err(SettingsError::Service("the realm has no such scope"));
    }
    if !is_role(&service.role) {
        return Err(SettingsError::Service("role: it has 1 to 64 visible ASCII characters"));
    }
    let lifetimes = [service.access_token_s, service.refresh_absolute_s];
    if lifetimes.contains(&0) {
        return Err(SettingsError::Service("a lifetime is at least 1 s"));
    }
    if lifetimes.iter().any(|lifetime_s| *lifetime_s > LIFETIME_MAX_S) {
        return Err(SettingsError::Service("a lifetime is at most 2147483647 s"));
    }
    Ok(())
}

/// What the scopes of a realm have to do with organizations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrganizationRules {
    /// The scope that gives claims of the organization; none: nobody acts for one.
    claims: ScopeSet,
    single_role: SingleRole,
    /// The scope that makes a service, and the role that it takes.
    service: Option<(ScopeSet, String)>,
}

impl OrganizationRules {
    /// Those of a realm.
    #[must_use]
    pub fn of(settings: &RealmSettings, scopes: &ScopeTable) -> Self {
        let Some(membership) = &settings.membership else { return Self::default() };
        let scope = |name: &str| scopes.parse_registered(name).unwrap_or_default();
        let service = settings.service.as_ref().map(|service| (scope(&service.scope), service.role.clone()));
        Self { claims: scope(&membership.scope), single_role: membership.single_role, service }
    }

    /// Whether who asks for this scope acts for an organization.
    #[must_use]
    pub fn asks(&self, scope: ScopeSet) -> bool {
        scope.intersects(self.claims) || self.role_for(scope).is_some()
    }

    /// The role without which nobody may give this scope.
    #[must_use]
    pub fn role_for(&self, scope: ScopeSet) -> Option<&str> {
        let service = self.service.as_ref().filter(|(service, _)| scope.intersects(*service));
        service.map(|(_, role)| role.as_str())
    }

    /// Whether a member may give this scope: none but a service's takes a role.
    #[must_use]
    pub fn is_enough(&self, membership: &Membership, scope: ScopeSet) -> bool {
        self.role_for(scope).is_none_or(|role| membership.has_role(role))
    }

    /// Whether who gave a grant of this scope may still give it, by the place in the grant's organization; `None`: there is none.
    ///
    /// # Errors
    /// [`Refusal::MembershipEnded`], [`Refusal::RoleEnded`].
    pub fn check_giver(
        &self,
        scope: ScopeSet,
        organization: OrganizationNumber,
        membership: Option<&Membership>,
    ) -> Result<(), Refusal> {
        match membership {
            Some(membership) if self.is_enough(membership, scope) => Ok(()),
            None if organization == OrganizationNumber::NONE && self.role_for(scope).is_none() => Ok(()),
            None if organization != OrganizationNumber::NONE => Err(Refusal::MembershipEnded),
            Some(_) | None => Err(Refusal::RoleEnded),
        }
    }

    /// Whether this scope gives claims of the organization.
    #[must_use]
    pub const fn gives_claims(&self, scope: ScopeSet) -> bool {
        scope.intersects(self.claims)
    }

    /// What is said of a member; what is empty is left out.
    #[must_use]
    pub fn claims_of(&self, membership: &Membership) -> Map<String, Value> {
        let Membership { organization, roles } = membership;
        let mut claims = Map::new();
        claims.insert("orgid".to_owned(), organization.org_id.as_str().into());
        claims.insert("orgname".to_owned(), organization.name.as_str().into());
        if !organization.category.is_empty() {
            claims.insert("orgcat".to_owned(), organization.category.as_str().into());
        }
        match (roles.as_slice(), self.single_role) {
            ([], _) => {}
            ([only], SingleRole::Text) => drop(claims.insert("role".to_owned(), only.as_str().into())),
            (several, _) => drop(claims.insert("role".to_owned(), several.into())),
        }
        claims
    }
}

/// The claims that are said of a member.
pub const CLAIMS: [&str; 4] = ["orgid", "orgname", "orgcat", "role"];

/// RFC 1035 section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;
/// Longer identifiers are refused.
const ORG_ID_BYTES_MAX: usize = 64;
/// Longer names of roles are refused.
const ROLE_BYTES_MAX: usize = 64;
/// Longer names are refused: they stand on pages and in ID tokens.
const NAME_BYTES_MAX: usize = 256;
/// So many roles a person has in an organization at most: they go into tokens.
pub const ROLES_MAX: usize = 16;
/// To so many organizations a person belongs at most: a page shows all of them.
pub const MEMBERSHIPS_MAX: usize = 500;

/// Whether this can be an organization's label: a label of a host name, in lower case (RFC 1123 section 2.1).
#[must_use]
pub fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether this can be an organization's `org_id`: visible ASCII characters.
#[must_use]
pub fn is_org_id(text: &str) -> bool {
    (1..=ORG_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this can be an organization's name: at least one character, no control characters.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && is_category(text)
}

/// Whether this can be an organization's category: as a name, and may be empty.
#[must_use]
pub fn is_category(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Whether this can be the name of a role: visible ASCII characters.
#[must_use]
pub fn is_role(text: &str) -> bool {
    (1..=ROLE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_of_a_host_name() {
        let longest = "a".repeat(63);
        for label in ["a", "0", "demo-shop", "a--b", "1-2", &longest] {
            assert!(is_label(label), "{label:?}");
        }
        let too_long = "a".repeat(64);
        for label in ["", "-a", "a-", "-", "A", "a.b", "a_b", "a b", "đ", "a\0", "a:1", "a/b", &too_long] {
            assert!(!is_label(label), "{label:?}");
        }
    }

    #[test]
    fn identifiers_and_roles_are_visible_characters_of_a_limited_number() {
        for (text, expected) in [
            ("200000000001", true),
            ("org:1", true),
            ("", false),
            ("a b", false),
            ("quản", false),
            ("a\n", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!((is_org_id(text), is_role(text)), (expected, expected), "{text:?}");
        }
    }

    #[test]
    fn a_category_may_be_empty_a_name_not_and_neither_has_control_characters() {
        let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
        for (text, expected) in
            [("", true), ("Tiệm Hoa & Quà", true), ("a\u{1b}[1m", false), (&longest, true), (&too_long, false)]
        {
            assert_eq!((is_name(text), is_category(text)), (expected && !text.is_empty(), expected), "{text:?}");
        }
    }
}
