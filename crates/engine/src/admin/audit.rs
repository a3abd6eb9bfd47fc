//! What happened: the newest audit events, by what they are about.

use kimbai_core::number::{ClientNumber, UserNumber};
use kimbai_core::time::Micros;
use kimbai_store::AuditFilter;
use serde::{Deserialize, Serialize};

use super::clients::find;
use super::grants::grant_id;
use super::names::Names;
use super::users::find_user;
use super::{AdminError, Administration, Command, Order};

/// So many events are answered at most.
const LIMIT_MAX: u32 = 10_000;

/// The newest events of a realm, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditList {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Only what concerns this grant.
    pub grant: Option<String>,
    /// Only what concerns this user: its name, or what stands for the name of one that is gone, `#` and its number.
    pub user: Option<String>,
    /// Only what concerns this client: its `client_id`, or `#` and its number.
    pub client: Option<String>,
    /// Only what happened in the last so many seconds.
    pub since_s: Option<u32>,
    /// So many at most.
    pub limit: u32,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When, in RFC 3339.
    pub at: String,
    /// What happened.
    pub event: String,
    /// The grant it is about.
    pub grant: Option<String>,
    /// The client it is about.
    pub client_id: Option<String>,
    /// The user it is about.
    pub username: Option<String>,
    /// Where the request came from.
    pub source: Option<String>,
}

impl Command for AuditList {
    const NAME: &'static str = "audit_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<AuditLine>;

    async fn run(self, administration: &Administration) -> Result<Vec<AuditLine>, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let now = administration.engine.now();
        let user = match &self.user {
            Some(username) => {
                Some(by_number(find_user(administration, &realm, username).await, username, |user| user.number.0)?)
            }
            None => None,
        };
        let client = |client_id: &str| by_number(find(&realm, client_id), client_id, |client| client.number.0);
        let filter = AuditFilter {
            grant: self.grant.as_deref().map(grant_id).transpose()?.map(|grant| grant.0),
            client: self.client.as_deref().map(client).transpose()?,
            user,
            since: self.since_s.map(|since_s| Micros(now.0.saturating_sub(i64::from(since_s) * 1_000_000))),
        };
        let limit = self.limit.clamp(1, LIMIT_MAX);
        let events = administration.engine.store.audit(realm.number, filter, limit).await?;
        let mut names = Names::new(administration, &realm);
        let mut lines = Vec::with_capacity(events.len());
        for (at, event) in events {
            let username = match event.user {
                Some(user) => Some(names.user(UserNumber(user)).await?),
                None => None,
            };
            let client_id = |number: u32| {
                let client = realm.client_by_number(ClientNumber(number));
                client.map_or_else(|| format!("#{number}"), |client| client.client_id.clone())
            };
            lines.push(AuditLine {
                at: at.to_rfc3339(),
                event: event.event.into_owned(),
                grant: event.grant.map(|grant| format!("{grant:016x}")),
                client_id: event.client.map(client_id),
                username,
                source: event.source,
            });
        }
        Ok(lines)
    }
}

/// The number of who was found; of who is gone, the number that stands for the name in the answers.
fn by_number<T>(found: Result<T, AdminError>, name: &str, number: impl FnOnce(T) -> u32) -> Result<u32, AdminError> {
    match (found, name.strip_prefix('#').map(str::parse)) {
        (Err(AdminError::NotFound(_)), Some(Ok(number))) => Ok(number),
        (found, _) => found.map(number),
    }
}
