//! The names behind the numbers of a list: each is looked up once, however often it is in the list.

use std::collections::HashMap;

use kimbai_core::number::{OrganizationNumber, UserNumber};

use super::{AdminError, Administration};
use crate::realm::Realm;

/// Those of one list.
pub(super) struct Names<'a> {
    administration: &'a Administration,
    realm: &'a Realm,
    users: HashMap<UserNumber, String>,
    organizations: HashMap<OrganizationNumber, Option<String>>,
}

impl<'a> Names<'a> {
    /// None is known yet.
    pub(super) fn new(administration: &'a Administration, realm: &'a Realm) -> Self {
        Self { administration, realm, users: HashMap::new(), organizations: HashMap::new() }
    }

    /// A user's name; its number, if it is gone.
    pub(super) async fn user(&mut self, user: UserNumber) -> Result<String, AdminError> {
        if let Some(known) = self.users.get(&user) {
            return Ok(known.clone());
        }
        let row = self.administration.engine.store.user(self.realm.number, user).await?;
        let name = row.map_or_else(|| format!("#{}", user.0), |row| row.username);
        Ok(self.users.entry(user).or_insert(name).clone())
    }

    /// An organization's label; none for no organization, and for one that is gone.
    pub(super) async fn organization(&mut self, number: OrganizationNumber) -> Result<Option<String>, AdminError> {
        if number == OrganizationNumber::NONE {
            return Ok(None);
        }
        if let Some(known) = self.organizations.get(&number) {
            return Ok(known.clone());
        }
        let row = self.administration.engine.store.organization(self.realm.number, number).await?;
        Ok(self.organizations.entry(number).or_insert(row.map(|row| row.label)).clone())
    }
}
