//! What a manifest would change of a realm's organizations, and of who belongs to them.

use std::collections::{BTreeMap, HashMap};

use kimbai_core::number::UserNumber;
use kimbai_core::organization::{
    MEMBERSHIPS_MAX, Membership, Organization, ROLES_MAX, is_category, is_label, is_name, is_org_id, is_role,
};
use kimbai_keyring::random_u64;
use kimbai_store::OrganizationRow;
use serde_json::json;

use super::{Kind, Planner};
use crate::admin::AdminError;
use crate::admin::manifest::{OrganizationManifest, changed_keys};
use crate::admin::organizations::each_organization;
use crate::organization::membership_of;
use crate::realm::Realm;

#[derive(Debug)]
pub(in crate::admin) struct IntendedOrganization {
    pub(in crate::admin) label: String,
    pub(in crate::admin) org_id: String,
    pub(in crate::admin) name: String,
    pub(in crate::admin) category: String,
}

/// What becomes of a user's place in an organization.
#[derive(Debug)]
pub(in crate::admin) struct IntendedMembership {
    pub(in crate::admin) label: String,
    /// None: it ends.
    pub(in crate::admin) roles: Option<Vec<String>>,
}

/// What a user's memberships become, and how that is told.
type Memberships = (Vec<IntendedMembership>, Vec<String>);

impl Planner<'_> {
    pub(super) async fn organizations(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        asked: &BTreeMap<String, OrganizationManifest>,
    ) -> Result<Vec<IntendedOrganization>, AdminError> {
        let mut organizations = Vec::new();
        // Of those that are new or get another one, each `org_id` that was given and whose it is to be.
        let mut org_ids: HashMap<&str, &str> = HashMap::new();
        for (label, asked) in asked {
            let known = self.standing(realm, label).await?;
            let intended = match intended(label, asked, known.as_ref()) {
                Ok(intended) => intended,
                Err(mistake) => {
                    self.mistake(&at(name, label), &mistake);
                    continue;
                }
            };
            if let Some(org_id) =
                asked.org_id.as_deref().filter(|id| known.as_ref().is_none_or(|row| row.org_id != *id))
                && let Some(other) = org_ids.insert(org_id, label)
            {
                self.mistake(&at(name, label), &format!("org_id: {other} is to have it"));
            }
            let changes = known.as_ref().map_or_else(Vec::new, |row| changes(row, &intended));
            if known.is_none() || !changes.is_empty() {
                self.step(known.is_some(), Kind::Organization, (name, label), changes);
                organizations.push(intended);
            }
        }
        if let Some(realm) = realm.filter(|_| !org_ids.is_empty()) {
            self.check_org_ids(realm, &org_ids).await?;
        }
        Ok(organizations)
    }

    async fn standing(&self, realm: Option<&Realm>, label: &str) -> Result<Option<OrganizationRow>, AdminError> {
        match realm.filter(|_| is_label(label)) {
            Some(realm) => {
                let store = &self.administration.engine.store;
                Ok(store.organization_by_label(realm.number, label.to_owned()).await?)
            }
            None => Ok(None),
        }
    }

    /// No two organizations have one identifier. All are read, but only for a file that gives one.
    async fn check_org_ids(&mut self, realm: &Realm, org_ids: &HashMap<&str, &str>) -> Result<(), AdminError> {
        let mut taken = Vec::new();
        each_organization(self.administration, realm, |row| {
            if let Some(asker) = org_ids.get(row.org_id.as_str()).filter(|asker| **asker != row.label) {
                taken.push((at(&realm.name, asker), format!("org_id: {} has it", row.label)));
            }
        })
        .await?;
        for (at, mistake) in taken {
            self.mistake(&at, &mistake);
        }
        Ok(())
    }

    /// What a user's memberships become, if a file says anything of them. `organizations`: those of the same file, which may be new.
    pub(super) async fn memberships(
        &self,
        (realm, user): (Option<&Realm>, Option<UserNumber>),
        asked: Option<&BTreeMap<String, Vec<String>>>,
        organizations: &BTreeMap<String, OrganizationManifest>,
    ) -> Result<Result<Memberships, String>, AdminError> {
        let Some(asked) = asked else { return Ok(Ok(Memberships::default())) };
        if asked.len() > MEMBERSHIPS_MAX {
            return Ok(Err(format!("memberships: a user belongs to {MEMBERSHIPS_MAX} organizations at most")));
        }
        for (label, roles) in asked {
            if !organizations.contains_key(label) && self.standing(realm, label).await?.is_none() {
                return Ok(Err(format!("memberships: the realm has no organization {label:?}")));
            }
            if roles.len() > ROLES_MAX || !roles.iter().all(|role| is_role(role)) {
                return Ok(Err(format!(
                    "memberships.{label}: it has {ROLES_MAX} roles at most, of 1 to 64 visible ASCII characters each"
                )));
            }
        }
        let mut standing = BTreeMap::new();
        if let (Some(realm), Some(user)) = (realm, user) {
            for row in self.administration.engine.store.memberships(realm.number, user).await? {
                let Membership { organization: Organization { label, .. }, roles } = membership_of(row)?;
                standing.insert(label, roles);
            }
        }
        let told = changed_keys(&json!({ "memberships": standing }), &json!({ "memberships": asked }));
        let given = asked.iter().filter(|(label, roles)| standing.get(*label) != Some(*roles));
        let given = given.map(|(label, roles)| (label, Some(roles.clone())));
        let ended = standing.keys().filter(|label| !asked.contains_key(*label)).map(|label| (label, None));
        let memberships = given.chain(ended).map(|(label, roles)| IntendedMembership { label: label.clone(), roles });
        Ok(Ok((memberships.collect(), told)))
    }
}

fn at(realm: &str, label: &str) -> String {
    format!("realms.{realm}.organizations.{label}")
}

/// An organization after this: what a file does not name stays; a new one's identifier is drawn.
fn intended(
    label: &str,
    asked: &OrganizationManifest,
    known: Option<&OrganizationRow>,
) -> Result<IntendedOrganization, String> {
    if !is_label(label) {
        return Err("a label has 1 to 63 of a-z, 0-9 and -, which is neither first nor last".to_owned());
    }
    let OrganizationManifest { org_id, name, category } = asked.clone();
    if org_id.as_deref().is_some_and(|org_id| !is_org_id(org_id)) {
        return Err("org_id: it has 1 to 64 visible ASCII characters".to_owned());
    }
    if name.as_deref().is_some_and(|name| !is_name(name)) {
        return Err("name: it has 1 to 256 bytes and no control characters".to_owned());
    }
    if category.as_deref().is_some_and(|category| !is_category(category)) {
        return Err("category: it has 256 bytes at most and no control characters".to_owned());
    }
    Ok(IntendedOrganization {
        label: label.to_owned(),
        org_id: org_id.or_else(|| known.map(|row| row.org_id.clone())).unwrap_or_else(new_org_id),
        name: name.or_else(|| known.map(|row| row.name.clone())).unwrap_or_else(|| label.to_owned()),
        category: category.or_else(|| known.map(|row| row.category.clone())).unwrap_or_default(),
    })
}

fn changes(known: &OrganizationRow, intended: &IntendedOrganization) -> Vec<String> {
    let before = json!({ "org_id": known.org_id, "name": known.name, "category": known.category });
    let after = json!({ "org_id": intended.org_id, "name": intended.name, "category": intended.category });
    changed_keys(&before, &after)
}

/// Twelve digits, as the platforms' own identifiers have them. One that is taken is refused by the store.
fn new_org_id() -> String {
    (100_000_000_000 + random_u64() % 900_000_000_000).to_string()
}
