//! What becomes of a user's password: what may be one, whether it is the one that stands, and its hash.
//!
//! To compare or hash one takes a core for tens of milliseconds. The many of a file have that behind them before the file has its
//! turn, so that no other command waits for it.

use std::collections::HashMap;

use kimbai_core::secret::Secret;
use kimbai_keyring::{RealmKeyring, hash_password, is_password_hash, verify_password};
use kimbai_store::UserRow;

use super::manifest::{Manifest, UserManifest};
use super::{AdminError, Administration};
use crate::engine::Engine;
use crate::log_in::{PASSWORD_BYTES_MAX, Published, is_published, is_published_password, normalised, open_hash};

/// The passwords of a file, compared and hashed; by realm and user name.
#[derive(Default)]
pub(super) struct Passwords(HashMap<(String, String), Compared>);

struct Compared {
    /// The hash that stood.
    standing: Option<String>,
    password: NewPassword,
}

impl Passwords {
    /// Compares and hashes. What may be no password is left to the plan, which says so with all that is wrong.
    pub(super) async fn of(administration: &Administration, manifest: &Manifest) -> Result<Self, AdminError> {
        let engine = &administration.engine;
        let mut passwords = Self::default();
        for (name, asked) in &manifest.realms {
            let realm = engine.realm(name);
            for (spelling, user) in asked.users.iter().filter(|(_, user)| user.password.is_some()) {
                let username = normalised(spelling);
                let standing = match &realm {
                    Some(realm) => engine
                        .user_row(realm, &username)
                        .await?
                        .and_then(|row| open_hash(&realm.keyring, &row.password_hash)),
                    None => None,
                };
                let Ok(password) = new_password(engine, user, standing.as_deref()).await else { continue };
                passwords.0.insert((name.clone(), username), Compared { standing, password: password.hashed().await? });
            }
        }
        Ok(passwords)
    }

    /// What is asked of a user's password, against the hash that stands now; compared again if it is not the one that stood.
    pub(super) async fn new_password(
        &self,
        engine: &Engine,
        (realm, username): (&str, &str),
        asked: &UserManifest,
        standing: Option<&str>,
    ) -> Result<NewPassword, String> {
        match self.0.get(&(realm.to_owned(), username.to_owned())) {
            Some(compared) if compared.standing.as_deref() == standing => Ok(compared.password.clone()),
            Some(_) | None => new_password(engine, asked, standing).await,
        }
    }
}

/// What becomes of a user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewPassword {
    Kept,
    Plain(Secret),
    Hash(Secret),
}

impl NewPassword {
    /// The same, with the hash in the place of the password.
    async fn hashed(self) -> Result<Self, AdminError> {
        let Self::Plain(password) = self else { return Ok(self) };
        let failed = || AdminError::Failed("the password could not be hashed".to_owned());
        let hashed = off_the_loop(move || hash_password(password.expose())).await;
        Ok(Self::Hash(Secret::new(hashed.ok_or_else(failed)?.map_err(|_| failed())?)))
    }
}

/// What is asked of a user's password, against the hash that stands.
pub(super) async fn new_password(
    engine: &Engine,
    asked: &UserManifest,
    standing: Option<&str>,
) -> Result<NewPassword, String> {
    match (&asked.password, &asked.password_hash) {
        (Some(_), Some(_)) => Err("password and password_hash: give one of them".to_owned()),
        (None, None) => Ok(NewPassword::Kept),
        (Some(password), None) => {
            let password = password.resolved("password")?;
            check_password(engine, password)?;
            let (plain, standing) = (password.clone(), standing.unwrap_or_default().to_owned());
            let is_kept = off_the_loop(move || verify_password(plain.expose(), &standing) == Ok(true)).await;
            Ok(if is_kept == Some(true) { NewPassword::Kept } else { NewPassword::Plain(password.clone()) })
        }
        (None, Some(hash)) => {
            let hash = hash.resolved("password_hash")?;
            if standing == Some(hash.expose()) {
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
    if engine.published == Published::Refused && is_published_password(password.expose()) {
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
    match password.clone().hashed().await? {
        NewPassword::Hash(hash) => Ok(hash.expose().to_owned()),
        NewPassword::Kept | NewPassword::Plain(_) => {
            Ok(known.and_then(|row| open_hash(keyring, &row.password_hash)).unwrap_or_default())
        }
    }
}

/// NIST SP 800-63B section 3.1.1.2: eight characters at least.
const PASSWORD_CHARACTERS_MIN: usize = 8;

async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kimbai_keyring::MasterKey;
    use kimbai_store::Clock;
    use kimbai_store::sqlite::{Location, Options, SqliteStore};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_password_is_compared_again_when_another_one_stands_by_now() {
        let store = SqliteStore::open(Location::Memory, Clock::default(), Options::default()).unwrap();
        let engine = Engine::new(Arc::new(store), MasterKey::generate());
        let [stood, stands] = ["the one that stood", "the one that stands"].map(|text| hash_password(text).unwrap());
        let asked: UserManifest = serde_json::from_value(json!({ "password": "the one that stood" })).unwrap();
        let compared = Compared { standing: Some(stood.clone()), password: NewPassword::Kept };
        let passwords = Passwords([(("main".to_owned(), "an".to_owned()), compared)].into());
        for (standing, expect) in [
            (Some(stood), NewPassword::Kept),
            (Some(stands), NewPassword::Plain(asked.password.clone().unwrap().0)),
            (None, NewPassword::Plain(asked.password.clone().unwrap().0)),
        ] {
            let found = passwords.new_password(&engine, ("main", "an"), &asked, standing.as_deref()).await;
            assert_eq!(found, Ok(expect));
        }
    }
}
