//! Grants: listed, shown, revoked.

use kimbai_core::grant::{Seen, State};
use kimbai_core::number::{GrantId, OrganizationNumber};
use kimbai_store::GrantsOf;
use serde::{Deserialize, Serialize};

use super::clients::find;
use super::legacy_tokens::origin_that_works;
use super::names::Names;
use super::organizations::find_organization;
use super::users::find_user;
use super::views::GrantView;
use super::{AdminError, Administration, Command, Order};
use crate::realm::Realm;

/// So many grants are answered at most.
const LIMIT_MAX: u32 = 10_000;

/// Grants that are not over, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantList {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Only those this user gave.
    pub user: Option<String>,
    /// Only those this client was given.
    pub client: Option<String>,
    /// Only those given for this organization, by its label; in a realm with services those alone: what is installed there.
    #[serde(default)]
    pub organization: Option<String>,
    /// Only those after this one, to go on with a list.
    pub after: Option<String>,
    /// So many at most.
    pub limit: u32,
}

/// One grant, also one that is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantShow {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Its id: 16 hex digits.
    pub grant: String,
}

/// Ends a grant and all of its tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRevoke {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Its id: 16 hex digits.
    pub grant: String,
}

impl Command for GrantList {
    const NAME: &'static str = "grant_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<GrantView>;

    async fn run(self, administration: &Administration) -> Result<Vec<GrantView>, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let user = match &self.user {
            Some(username) => Some(find_user(administration, &realm, username).await?.number),
            None => None,
        };
        let client = self.client.as_deref().map(|client_id| find(&realm, client_id)).transpose()?;
        let organization = match &self.organization {
            Some(label) => Some(find_organization(administration, &realm, label).await?.number),
            None => None,
        };
        let of = match (user, organization, &client) {
            (Some(user), ..) => GrantsOf::User(user),
            (None, Some(organization), _) => GrantsOf::Organization(organization),
            (None, None, Some(client)) => GrantsOf::Client(client.number),
            (None, None, None) => GrantsOf::Realm,
        };
        let is_asked = |seen: &Seen| {
            client.as_ref().is_none_or(|client| seen.grant.client == client.number)
                && organization.is_none_or(|organization| is_installed(&realm, seen, organization))
        };
        let limit = self.limit.clamp(1, LIMIT_MAX);
        let mut after = self.after.as_deref().map(grant_id).transpose()?;
        let (mut views, mut names) = (Vec::new(), Names::new(administration, &realm));
        // Grants to other clients and for other organizations are passed over, so that one slice need not be the whole answer.
        while views.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            let slice = administration.engine.store.grants(realm.number, of, after, limit).await?;
            for seen in slice.grants.iter().filter(|seen| is_asked(seen)) {
                views.push(view(&mut names, &realm, seen).await?);
            }
            after = slice.next;
            if after.is_none() {
                break;
            }
        }
        views.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(views)
    }
}

/// Whether a grant is one by which an app works for the organization, by itself where that is told apart: it has tokens, and its client
/// and user are there.
fn is_installed(realm: &Realm, Seen { grant, standing }: &Seen, organization: OrganizationNumber) -> bool {
    let rules = realm.token_rules;
    grant.organization == organization
        && matches!(grant.state, State::Active(_))
        && standing.supports(grant)
        && (rules.service.is_none() || rules.service_of(grant.scope).is_some())
}

impl Command for GrantShow {
    const NAME: &'static str = "grant_show";
    const ORDER: Order = Order::Free;
    type Reply = GrantView;

    async fn run(self, administration: &Administration) -> Result<GrantView, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let look = administration.engine.store.lookup(realm.number, grant_id(&self.grant)?).await?;
        let seen = look.seen.ok_or_else(|| missing(&realm, &self.grant))?;
        view_of_one(administration, &realm, &seen).await
    }
}

impl Command for GrantRevoke {
    const NAME: &'static str = "grant_revoke";
    // One verb of the ledger; and it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = GrantView;

    async fn run(self, administration: &Administration) -> Result<GrantView, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let seen = administration.engine.revoke_grant(&realm, grant_id(&self.grant)?).await?;
        view_of_one(administration, &realm, &seen.ok_or_else(|| missing(&realm, &self.grant))?).await
    }
}

async fn view_of_one(administration: &Administration, realm: &Realm, seen: &Seen) -> Result<GrantView, AdminError> {
    let legacy_token = origin_that_works(administration, realm, &seen.grant).await?;
    Ok(GrantView { legacy_token, ..view(&mut Names::new(administration, realm), realm, seen).await? })
}

async fn view(names: &mut Names<'_>, realm: &Realm, seen: &Seen) -> Result<GrantView, AdminError> {
    let (username, organization) =
        (names.user(seen.grant.user).await?, names.organization(seen.grant.organization).await?);
    Ok(GrantView::of(realm, seen, (username, organization)))
}

pub(super) fn grant_id(text: &str) -> Result<GrantId, AdminError> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(GrantId);
    id.ok_or_else(|| AdminError::Invalid(vec![format!("{text:?} is no grant: its id has 16 hex digits")]))
}

fn missing(realm: &Realm, grant: &str) -> AdminError {
    AdminError::NotFound(format!("realm {} has no grant {grant}; it may have been over for a day", realm.name))
}
