//! Organizations and memberships: read as the rules know them, chosen among, and made.

use kimbai_core::authorize::{Acting, ResponseTarget, Wanted, acting};
use kimbai_core::client::Client;
use kimbai_core::grant::Grant;
use kimbai_core::number::{OrganizationNumber, UserNumber};
use kimbai_core::organization::{Membership, Organization};
use kimbai_core::realm::AuthorizationResponseForm;
use kimbai_core::redirect_uri::origin_of;
use kimbai_core::scope::ScopeSet;
use kimbai_core::session_state::session_state;
use kimbai_core::token::Refusal;
use kimbai_keyring::random_u64;
use kimbai_store::{Change, MembershipRow, OrganizationRow, StoreError};

use crate::authorize::OfferedMembership;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::log_in::normalised;
use crate::realm::Realm;
use crate::session::SessionSecret;

/// An organization to be made.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// By what operators know it, and the left-most part of its host.
    pub label: String,
    /// By what clients know it.
    pub org_id: String,
    /// Its name as people read it.
    pub name: String,
    /// What kind of organization it is; may be empty.
    pub category: String,
}

impl Engine {
    /// Makes an organization, or gives an existing one of this label another identifier, name and category.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Taken`]: another one has the identifier.
    pub async fn put_organization(&self, realm: &Realm, new: NewOrganization) -> Result<(), StoreError> {
        let NewOrganization { label, org_id, name, category } = new;
        self.store.change(vec![Change::PutOrganization { realm: realm.number, label, org_id, name, category }]).await
    }

    /// Makes a user a member of an organization, or gives a member other roles.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_membership(
        &self,
        realm: &Realm,
        (username, label): (&str, &str),
        roles: &[&str],
    ) -> Result<(), StoreError> {
        let (username, label, roles) = (normalised(username), label.to_owned(), serde_json::json!(roles).to_string());
        self.store.change(vec![Change::PutMembership { realm: realm.number, username, label, roles }]).await
    }

    /// The organization of this label.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn organization_by_label(&self, realm: &Realm, label: &str) -> Result<Option<Organization>, EngineError> {
        Ok(self.store.organization_by_label(realm.number, label.to_owned()).await?.map(organization_of))
    }

    /// The organization of this number.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn organization(
        &self,
        realm: &Realm,
        number: OrganizationNumber,
    ) -> Result<Option<Organization>, EngineError> {
        Ok(self.store.organization(realm.number, number).await?.map(organization_of))
    }

    /// Whether a user belongs to an organization now, and as what.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn membership(
        &self,
        realm: &Realm,
        user: UserNumber,
        organization: OrganizationNumber,
    ) -> Result<Option<Membership>, EngineError> {
        self.store.membership(realm.number, user, organization).await?.map(membership_of).transpose()
    }

    /// To which organizations a user belongs, by label.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn memberships(&self, realm: &Realm, user: UserNumber) -> Result<Vec<Membership>, EngineError> {
        self.store.memberships(realm.number, user).await?.into_iter().map(membership_of).collect()
    }

    /// The place that who gave a grant has now in the grant's organization; none: it is for none, or there is none any more.
    pub(crate) async fn givers_place(&self, realm: &Realm, grant: &Grant) -> Result<Option<Membership>, EngineError> {
        match grant.organization {
            OrganizationNumber::NONE => Ok(None),
            organization => self.membership(realm, grant.user, organization).await,
        }
    }

    /// Looks at the membership that a grant stands on, as at the standing of its user: a person's grant is over when the person has
    /// left, a service's is the organization's and stands on nobody's. Answers the membership, where one was read.
    pub(crate) async fn stands(
        &self,
        realm: &Realm,
        grant: &Grant,
    ) -> Result<Result<Option<Membership>, Refusal>, EngineError> {
        if !realm.stands_on_membership(grant) {
            return Ok(Ok(None));
        }
        let place = self.givers_place(realm, grant).await?;
        Ok(realm.organizations.check_giver(grant.scope, grant.organization, place.as_ref()).map(|()| place))
    }

    /// For which organization a user acts who is not asked: the one of this label, or the first that will do. None where one is needed
    /// and there is none: for the sandbox, whose caller names the user.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn organization_for(
        &self,
        realm: &Realm,
        user: UserNumber,
        (scope, label): (ScopeSet, Option<&str>),
    ) -> Result<Option<OrganizationNumber>, EngineError> {
        if !realm.organizations.asks(scope) {
            return Ok(Some(OrganizationNumber::NONE));
        }
        let offered = realm.offered(self.memberships(realm, user).await?, scope);
        let will_do = |offered: &&OfferedMembership| {
            offered.is_enough && label.is_none_or(|label| offered.membership.organization.label == label)
        };
        let found = offered.iter().find(will_do).map(|offered| offered.membership.organization.number);
        let is_needed = label.is_some() || realm.organizations.role_for(scope).is_some();
        Ok(found.or((!is_needed).then_some(OrganizationNumber::NONE)))
    }

    /// For whom a user acts by a request, and among whom that was decided: nothing is read for a request that does not ask.
    pub(crate) async fn acting(
        &self,
        realm: &Realm,
        user: UserNumber,
        wanted: Wanted<'_>,
    ) -> Result<(Acting, Vec<Membership>), EngineError> {
        if !realm.organizations.asks(wanted.scope) {
            return Ok((Acting::Alone, Vec::new()));
        }
        let memberships = self.memberships(realm, user).await?;
        Ok((acting(wanted, &memberships, &realm.organizations), memberships))
    }
}

impl Realm {
    /// Whether a grant works only as long as its user belongs to its organization.
    fn stands_on_membership(&self, grant: &Grant) -> bool {
        grant.organization != OrganizationNumber::NONE
            && self.organizations.asks(grant.scope)
            && self.token_rules.service_of(grant.scope).is_none()
    }

    /// The memberships that the page shows which asks for one, and whether each is enough for this scope.
    pub(crate) fn offered(&self, memberships: Vec<Membership>, scope: ScopeSet) -> Vec<OfferedMembership> {
        let offered =
            |membership| OfferedMembership { is_enough: self.organizations.is_enough(&membership, scope), membership };
        memberships.into_iter().map(offered).collect()
    }

    /// How a session stands for a client, in realms that say so.
    pub(crate) fn session_state(
        &self,
        client: &Client,
        target: &ResponseTarget,
        session: &SessionSecret,
    ) -> Option<String> {
        match self.settings.authorization_response {
            AuthorizationResponseForm::Standard => None,
            AuthorizationResponseForm::WithSessionState => {
                let origin = origin_of(&target.redirect_uri).unwrap_or_else(|| "null".to_owned());
                let salt = format!("{:016x}", random_u64());
                Some(session_state((&client.client_id, &origin), &self.sid(client, session), &salt))
            }
        }
    }
}

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
