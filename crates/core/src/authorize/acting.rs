//! For which organization the user acts: the one the request names, the only one, or the one that was chosen on the page that asks.

use crate::number::OrganizationNumber;
use crate::organization::{Membership, OrganizationRules};
use crate::scope::ScopeSet;

use super::request::AuthorizeError;

/// For whom the user acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acting {
    /// For nobody else: the request does not ask, or the user belongs to no organization.
    Alone,
    /// For this organization.
    For(OrganizationNumber),
    /// For one of several: the user must say.
    Undecided,
    /// For none for whom the user may.
    Refused(AuthorizeError),
}

impl Acting {
    /// The organization, if there is one.
    #[must_use]
    pub const fn organization(self) -> OrganizationNumber {
        match self {
            Self::For(organization) => organization,
            Self::Alone | Self::Undecided | Self::Refused(_) => OrganizationNumber::NONE,
        }
    }
}

/// Which organization is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What is asked for.
    pub scope: ScopeSet,
    /// By what the request names the organization.
    pub orgid: Option<&'a str>,
    /// What was chosen since, or shown with a page to which the answer is yes; [`OrganizationNumber::NONE`]: nobody else.
    pub chosen: Option<OrganizationNumber>,
}

/// For whom a user with these memberships acts.
///
/// What a request names is taken at its word, and so is what was chosen: who does not belong there any more is refused, for a yes that
/// was said to one organization must not come to mean another.
#[must_use]
pub fn acting(wanted: Wanted<'_>, memberships: &[Membership], rules: &OrganizationRules) -> Acting {
    if !rules.asks(wanted.scope) {
        return Acting::Alone;
    }
    let role = rules.role_for(wanted.scope);
    let is_enough = |membership: &Membership| rules.is_enough(membership, wanted.scope);
    let number = |membership: &Membership| membership.organization.number;
    let found = match (wanted.orgid, wanted.chosen, memberships) {
        (Some(orgid), _, _) => memberships.iter().find(|membership| membership.organization.org_id == orgid),
        (None, Some(OrganizationNumber::NONE), _) | (None, None, []) if role.is_none() => return Acting::Alone,
        (None, Some(chosen), _) => memberships.iter().find(|membership| number(membership) == chosen),
        (None, None, [only]) => Some(only),
        (None, None, several) if several.iter().any(is_enough) => return Acting::Undecided,
        // There is nothing to choose.
        (None, None, _) => return Acting::Refused(AuthorizeError::RoleMissing),
    };
    match found {
        None => Acting::Refused(AuthorizeError::NotAMember),
        Some(membership) if is_enough(membership) => Acting::For(number(membership)),
        Some(_) => Acting::Refused(AuthorizeError::RoleMissing),
    }
}
