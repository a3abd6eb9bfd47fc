//! Organizations, such as shops: listed.

use kimbai_store::OrganizationRow;
use serde::{Deserialize, Serialize};

use super::{AdminError, Administration, Command, Order};
use crate::realm::Realm;

/// So many organizations are answered at most.
const LIMIT_MAX: u32 = 10_000;
/// So many are read at a time where all are.
const SLICE: u32 = 500;

/// The organizations of a realm, by label.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationList {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Only those after this one, to go on with a list.
    pub after: Option<String>,
    /// So many at most.
    pub limit: u32,
}

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationView {
    /// By what operators know it.
    pub label: String,
    /// By what clients know it.
    pub org_id: String,
    /// Its name as people read it.
    pub name: String,
    /// What kind of organization it is; may be empty.
    pub category: String,
}

impl Command for OrganizationList {
    const NAME: &'static str = "organization_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<OrganizationView>;

    async fn run(self, administration: &Administration) -> Result<Vec<OrganizationView>, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let limit = self.limit.clamp(1, LIMIT_MAX);
        let rows = administration.engine.store.organizations(realm.number, self.after, limit).await?;
        Ok(rows.into_iter().map(OrganizationView::of).collect())
    }
}

impl OrganizationView {
    fn of(row: OrganizationRow) -> Self {
        let OrganizationRow { label, org_id, name, category, number: _ } = row;
        Self { label, org_id, name, category }
    }
}

/// The organization of this label.
pub(super) async fn find_organization(
    administration: &Administration,
    realm: &Realm,
    label: &str,
) -> Result<OrganizationRow, AdminError> {
    let found = administration.engine.store.organization_by_label(realm.number, label.to_owned()).await?;
    found.ok_or_else(|| AdminError::NotFound(format!("realm {} has no organization {label}", realm.name)))
}

/// Visits all organizations of a realm, by label.
pub(super) async fn each_organization(
    administration: &Administration,
    realm: &Realm,
    mut visit: impl FnMut(OrganizationRow) + Send,
) -> Result<(), AdminError> {
    let mut after = None;
    loop {
        let rows = administration.engine.store.organizations(realm.number, after, SLICE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.label.clone());
        rows.into_iter().for_each(&mut visit);
    }
}
