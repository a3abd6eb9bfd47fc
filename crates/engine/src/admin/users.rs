//! Users: made, given another password, disabled, listed.

use kimbai_core::secret::Secret;
use kimbai_keyring::{RealmKeyring, hash_password, is_password_hash, verify_password};
use kimbai_store::{Activity, Change, UserRow};
use serde::{Deserialize, Serialize};

use super::apply::Apply;
use super::manifest::{Manifest, PlainSecret, RealmManifest, UserManifest};
use super::plan::Prune;
use super::views::{Enabled, UserView};
use super::{AdminError, Administration, Command, Order};
use crate::engine::{About, Engine};
use crate::log_in::{DEMO_PASSWORD, PASSWORD_BYTES_MAX, Published, is_published, normalised, open_hash, seal_hash};
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
        Box::pin(Apply { manifest, prune: Prune::Keep }.run(administration)).await?;
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
        engine.record(&realm, "password_changed", About { user: Some(user.0), ..About::default() });
        Ok(())
    }
}

impl Command for UserSetActivity {
    const NAME: &'static str = "user_set_activity";
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

/// What becomes of a user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewPassword {
    Kept,
    Plain(Secret),
    Hash(Secret),
}

/// What a file asks of a user's password, against the one there is.
pub(super) async fn new_password(
    engine: &Engine,
    asked: &UserManifest,
    known: Option<(&Realm, &UserRow)>,
) -> Result<NewPassword, String> {
    let standing = known.and_then(|(realm, row)| open_hash(&realm.keyring, &row.password_hash));
    match (&asked.password, &asked.password_hash) {
        (Some(_), Some(_)) => Err("password and password_hash: give one of them".to_owned()),
        (None, None) => Ok(NewPassword::Kept),
        (Some(password), None) => {
            let password = password.resolved("password")?;
            check_password(engine, password)?;
            let (plain, standing) = (password.clone(), standing.unwrap_or_default());
            let is_kept = off_the_loop(move || verify_password(plain.expose(), &standing) == Ok(true)).await;
            Ok(if is_kept == Some(true) { NewPassword::Kept } else { NewPassword::Plain(password.clone()) })
        }
        (None, Some(hash)) => {
            let hash = hash.resolved("password_hash")?;
            if standing.as_deref() == Some(hash.expose()) {
                return Ok(NewPassword::Kept);
            }
            check_hash(engine, hash)?;
            Ok(NewPassword::Hash(hash.clone()))
        }
    }
}

fn check_password(engine: &Engine, password: &Secret) -> Result<(), String> {
    let (characters, bytes) = (password.expose().chars().count(), password.expose().len());
    if characters < PASSWORD_CHARACTERS_MIN || bytes > PASSWORD_BYTES_MAX {
        return Err(format!(
            "password: it has {PASSWORD_CHARACTERS_MIN} characters at least and {PASSWORD_BYTES_MAX} bytes at most"
        ));
    }
    if engine.published == Published::Refused && password.expose() == DEMO_PASSWORD {
        return Err("password: it is the sandbox's, which everybody knows".to_owned());
    }
    Ok(())
}

fn check_hash(engine: &Engine, hash: &Secret) -> Result<(), String> {
    if !is_password_hash(hash.expose()) {
        return Err("password_hash: it is no argon2 hash in the PHC form, $argon2id$v=19$…".to_owned());
    }
    if engine.published == Published::Refused && is_published(hash.expose()) {
        return Err("password_hash: it is the sandbox's, whose password everybody knows".to_owned());
    }
    Ok(())
}

/// The hash to store; empty for a user without a password.
pub(super) async fn hash_of(
    password: &NewPassword,
    keyring: &RealmKeyring,
    known: Option<&UserRow>,
) -> Result<String, AdminError> {
    match password {
        NewPassword::Kept => Ok(known.and_then(|row| open_hash(keyring, &row.password_hash)).unwrap_or_default()),
        NewPassword::Hash(hash) => Ok(hash.expose().to_owned()),
        NewPassword::Plain(password) => {
            let password = password.clone();
            let hashed = off_the_loop(move || hash_password(password.expose())).await;
            let failed = || AdminError::Failed("the password could not be hashed".to_owned());
            hashed.ok_or_else(failed)?.map_err(|_| failed())
        }
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

/// NIST SP 800-63B section 3.1.1.2: eight characters at least.
const PASSWORD_CHARACTERS_MIN: usize = 8;

async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
