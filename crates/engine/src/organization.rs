//! Organisations and memberships, as the rules know them.

use kimbai_core::organization::{Membership, Organization};
use kimbai_store::{MembershipRow, OrganizationRow};

use crate::error::EngineError;

/// What a row says.
pub(crate) fn organization_of(row: OrganizationRow) -> Organization {
    let OrganizationRow { number, org_id, label, name, category } = row;
    Organization { number, org_id, label, name, category }
}

/// What a row says.
///
/// # Errors
/// [`EngineError::Stored`]: its roles cannot be read.
pub(crate) fn membership_of(row: MembershipRow) -> Result<Membership, EngineError> {
    let MembershipRow { organization, roles } = row;
    let roles = serde_json::from_str(&roles)
        .map_err(|error| EngineError::Stored(format!("the roles of a member of {}: {error}", organization.label)))?;
    Ok(Membership { organization: organization_of(organization), roles })
}
