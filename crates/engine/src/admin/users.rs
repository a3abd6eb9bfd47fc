//! Users: made, given another password, disabled, listed.

use kimbai_store::{Activity, Change, UserRow};
use serde::{Deserialize, Serialize};

use super::apply::Apply;
use super::manifest::{Manifest, PlainSecret, RealmManifest, UserManifest};
use super::passwords::{Passwords, hash_of, new_password};
use super::plan::Prune;
use super::views::{Enabled, UserView};
use super::{AdminError, Administration, Command, Order};
use crate::end_session::EndedSessions;
use crate::engine::About;
use crate::log_in::{normalised, seal_hash};
use crate::realm::Realm;

/// So many users are answered at most.
const LIMIT_MAX: u32 = 10_000;
/// So many are read at a time where all are.
const SLICE: u32 = 500;

/// Makes a user; one that exists is an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserAdd {
    /// The realm; absent: the only one.
    pub realm: Option<String>,
    /// The name to log in with.
    pub username: String,
    /// What is known of the person, and the password.
    pub user: UserManifest,
}

/// A user that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserAdded {
    /// As it stands.
    pub user: UserView,
}

/// Gives a user another password, and ends all browser sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPasswd {
    /// The realm; absent: the only one.
    pub realm: Option<String>,
    /// The name to log in with.
    pub username: String,
    /// The new password.
    pub password: PlainSecret,
}

/// Enables or disables a user. Disabling ends all that was issued in its name, and its sessions, at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSetActivity {
    /// The realm; absent: the only one.
    pub realm: Option<String>,
    /// The name to log in with.
    pub username: String,
    /// Which.
    pub enabled: Enabled,
}

/// The users of a realm, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserList {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Only those after this name, to go on with a list.
    pub after: Option<String>,
    /// So many at most.
    pub limit: u32,
}

impl Command for UserAdd {
    const NAME: &'static str = "user_add";
    type Reply = UserAdded;

    async fn run(self, administration: &Administration) -> Result<UserAdded, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        if administration.engine.user_row(&realm, &self.username).await?.is_some() {
            return Err(AdminError::Exists(format!("realm {} has a user {} already", realm.name, self.username)));
        }
        let users = [(self.username.clone(), self.user)].into();
        let asked = RealmManifest { users, ..RealmManifest::default() };
        let manifest = Manifest { realms: [(realm.name.clone(), asked)].into() };
        let apply = Apply { manifest, prune: Prune::Keep, agreed: None };
        Box::pin(apply.in_turn(administration, &Passwords::default())).await?;
        Ok(UserAdded { user: UserView::of(&find_user(administration, &realm, &self.username).await?)? })
    }
}

impl Command for UserPasswd {
    const NAME: &'static str = "user_passwd";
    type Reply = ();

    async fn run(self, administration: &Administration) -> Result<(), AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        let row = find_user(administration, &realm, &self.username).await?;
        let asked = UserManifest { password: Some(self.password), ..UserManifest::default() };
        let password =
            new_password(engine, &asked, None).await.map_err(|mistake| AdminError::Invalid(vec![mistake]))?;
        let password_hash = seal_hash(&realm.keyring, &hash_of(&password, &realm.keyring, None).await?);
        let (number, user) = (realm.number, row.number);
        let put = Change::PutUser { realm: number, username: row.username, password_hash, claims: row.claims };
        engine.store.change(vec![put, Change::EndSessions { realm: number, user }]).await?;
        engine.end_grants_of_sessions(&realm, user, EndedSessions::All).await?;
        engine.record(&realm, "password_changed", About { user: Some(user.0), ..About::default() });
        Ok(())
    }
}

impl Command for UserSetActivity {
    const NAME: &'static str = "user_set_activity";
    // One change of the store, which touches nothing that a file's changes touch; and it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = UserView;

    async fn run(self, administration: &Administration) -> Result<UserView, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        find_user(administration, &realm, &self.username).await?;
        administration.engine.set_user_activity(&realm, &self.username, Activity::from(self.enabled)).await?;
        Ok(UserView::of(&find_user(administration, &realm, &self.username).await?)?)
    }
}

impl Command for UserList {
    const NAME: &'static str = "user_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<UserView>;

    async fn run(self, administration: &Administration) -> Result<Vec<UserView>, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let after = self.after.as_deref().map(normalised);
        let rows = administration.engine.store.users(realm.number, after, self.limit.clamp(1, LIMIT_MAX)).await?;
        Ok(rows.iter().map(UserView::of).collect::<Result<_, _>>()?)
    }
}

pub(super) async fn find_user(
    administration: &Administration,
    realm: &Realm,
    username: &str,
) -> Result<UserRow, AdminError> {
    let missing = || AdminError::NotFound(format!("realm {} has no user {username}", realm.name));
    administration.engine.user_row(realm, username).await?.ok_or_else(missing)
}

/// Visits all users of a realm, by name.
pub(super) async fn each_user(
    administration: &Administration,
    realm: &Realm,
    mut visit: impl FnMut(UserRow) -> Result<(), AdminError> + Send,
) -> Result<(), AdminError> {
    let mut after = None;
    loop {
        let rows = administration.engine.store.users(realm.number, after, SLICE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.username.clone());
        rows.into_iter().try_for_each(&mut visit)?;
    }
}
