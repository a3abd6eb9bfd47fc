//! Logging a person in by name and password: on the log-in page, and where a partner sends both.
//!
//! An attempt is counted in the store before its password is looked at, so that 200 parallel guesses are 200 guesses. A name that
//! does not exist is counted, locked and hashed alike. A browser that has logged the user in before has a count of its own, so that
//! guessing strangers cannot lock the owner out; so has a partner. The same guess several times at once is one guess.

use std::fmt;
use std::sync::Arc;

use kimbai_core::number::UserNumber;
use kimbai_core::secret::Secret;
use kimbai_keyring::RealmKeyring;
use kimbai_store::{LogInKey, LogInLimits, LogInVerdict, StoreError, UserRow};
use tokio::sync::OnceCell;
use unicode_normalization::UnicodeNormalization as _;

use crate::engine::{About, Engine};
use crate::error::EngineError;
use crate::guesses::Guess;
use crate::password_pool::PasswordPlace;
use crate::realm::Realm;
use crate::session::{BrowserSecret, SessionSecret, SignedIn, session_id, view};
use crate::source::Source;

/// Five guesses are free of delay, ten lock an account for a quarter of an hour, a hundred a source.
const LIMITS: LogInLimits = LogInLimits {
    free_failures: 5,
    first_delay_s: 1,
    lock_failures: 10,
    lock_s: 900,
    source_failures: 100,
    source_window_s: 900,
    keys_max: 100_000,
};

/// Longer names and passwords are nobody's; in bytes.
pub(crate) const USERNAME_BYTES_MAX: usize = 256;
pub(crate) const PASSWORD_BYTES_MAX: usize = 1_024;

/// A number that no user has: they are counted from 1.
const NOBODY: UserNumber = UserNumber(0);

/// The passwords of the sandbox's people, which everybody knows, and their hashes: made once, so that the sandbox starts at once.
/// Refused everywhere else.
pub const DEMO_PASSWORDS: [(&str, &str); 3] = [
    (
        "kimbai-demo",
        "$argon2id$v=19$m=19456,t=2,p=1$ppgk15t39lWGiLzIdBSRGg$YqumlV4EG9QBD1DNYpdV3qTEmj1G1g3c51WjdC8x/H0",
    ),
    (
        "Password#123",
        "$argon2id$v=19$m=19456,t=2,p=1$k6aMbnXd5Var/SS7w6MUBg$m4gJlDW74GNeAkgfe9hQgIuy75Wi70h3dL1Pz4ELI68",
    ),
    (
        "Password#456",
        "$argon2id$v=19$m=19456,t=2,p=1$oVsGbvcxqPfypokh54eEjA$P7pFX2DwxIQkWb/l3j1HO4Ftzpar4QLezPAgHYXN/wk",
    ),
];

/// What becomes of a password that everybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    Accepted,
    Refused,
}

const HASH_PURPOSE: &str = "password hash";

/// Checked for names that do not exist, so that they take as long. The hash of a random password that was thrown away.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$SdAkeBv7mRFdeN4W9L71hg$EpajUvd9XghJ7iZCx2hnqWjMhWmwMDQVGpYVRhjUSoo";

/// Why a person is not logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogInRefusal {
    /// No such user, a wrong password, or a disabled user: a stranger cannot tell.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Too many failures: the next attempt counts only after so many seconds.
    #[error("too many failures, wait {0} s")]
    Wait(u32),
    /// The account or the source is locked for so many seconds.
    #[error("locked for {0} s")]
    Locked(u32),
    /// The password pool is full.
    #[error("too many log-ins at once")]
    Busy,
    /// We failed.
    #[error("the server failed")]
    Failed(#[from] EngineError),
}

impl From<StoreError> for LogInRefusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(EngineError::Store(error))
    }
}

/// A person whose name and password were right; shared by the attempts that were one guess.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) user: UserRow,
    /// Against which the password was verified.
    hash: VerifiedHash,
    /// Under what the attempt was counted.
    counted: (LogInKey, LogInKey),
    /// Whether it was taken back: counted once, it is taken back once.
    forgiven: OnceCell<()>,
}

/// The hash of a password.
struct VerifiedHash(String);

impl fmt::Debug for VerifiedHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifiedHash")
    }
}

impl Engine {
    /// Logs a person in and makes a session, whose secret is new.
    ///
    /// # Errors
    /// [`LogInRefusal`].
    pub async fn log_in(
        &self,
        realm: &Realm,
        (username, password): (&str, &Secret),
        browser: &BrowserSecret,
        source: Source,
    ) -> Result<SignedIn, LogInRefusal> {
        // A place first: who is turned away because the pool is full has not guessed, and has cost next to nothing.
        let place = realm.password_place().ok_or(LogInRefusal::Busy)?;
        let digest = realm.keyring.keyed_digest("known browser", browser.bytes());
        let checked = self.check_password(realm, place, (username, password), (Some(digest), source)).await?;
        let about = About { user: Some(checked.user.number.0), source: Some(source), ..About::default() };
        let Some(signed_in) = self.start_session(realm, &checked).await? else {
            self.record(realm, "log_in_refused", about);
            return Err(LogInRefusal::Wrong);
        };
        self.forgive(realm, &checked).await?;
        self.store.remember_browser(realm.number, signed_in.user(), digest).await?;
        self.record(realm, "logged_in", about);
        Ok(signed_in)
    }

    /// Counts an attempt, and checks name and password. The counts stay until they are forgiven: who calls this may find something
    /// else wrong.
    pub(crate) async fn check_password(
        &self,
        realm: &Realm,
        place: PasswordPlace,
        (username, password): (&str, &Secret),
        (browser, source): (Option<[u8; 16]>, Source),
    ) -> Result<Arc<Checked>, LogInRefusal> {
        if username.len() > USERNAME_BYTES_MAX || password.expose().len() > PASSWORD_BYTES_MAX {
            return Err(LogInRefusal::Wrong);
        }
        let username = normalised(username);
        let user = self.store.user_by_name(realm.number, username.clone()).await?;
        let known_browser = match browser {
            Some(browser) => self.knows_browser(realm, user.as_ref(), browser).await?.then_some(browser),
            None => None,
        };
        let guess = Guess {
            counted: log_in_keys(realm, &username, source, known_browser),
            password: realm.keyring.keyed_digest("log-in password", password.expose().as_bytes()),
        };
        let check = || self.check_guess(realm, place, (user, password), (guess.counted, source));
        realm.guesses.verdict(guess, check).await
    }

    async fn check_guess(
        &self,
        realm: &Realm,
        place: PasswordPlace,
        (user, password): (Option<UserRow>, &Secret),
        (counted, source): ((LogInKey, LogInKey), Source),
    ) -> Result<Arc<Checked>, LogInRefusal> {
        match self.store.count_log_in(realm.number, counted.0, counted.1, LIMITS).await? {
            LogInVerdict::Allowed => {}
            LogInVerdict::Wait { wait_s } => return Err(LogInRefusal::Wait(wait_s)),
            LogInVerdict::Locked { wait_s } => return Err(LogInRefusal::Locked(wait_s)),
        }
        let stored_hash = user.as_ref().and_then(|user| open_hash(&realm.keyring, &user.password_hash));
        let stored_hash = stored_hash.filter(|hash| self.published == Published::Accepted || !is_published(hash));
        let is_right = place.verify(password, stored_hash.as_deref().unwrap_or(NOBODYS_HASH)).await;
        let is_right = is_right.map_err(|_| LogInRefusal::Busy)?;
        let about = About { user: user.as_ref().map(|user| user.number.0), source: Some(source), ..About::default() };
        match (user, stored_hash) {
            (Some(user), Some(hash)) if is_right && user.standing.active => {
                Ok(Arc::new(Checked { user, hash: VerifiedHash(hash), counted, forgiven: OnceCell::new() }))
            }
            _ => {
                self.record(realm, "log_in_refused", about);
                Err(LogInRefusal::Wrong)
            }
        }
    }

    /// Forgets the failures of an account, of which somebody has logged in.
    pub(crate) async fn forgive(&self, realm: &Realm, checked: &Checked) -> Result<(), StoreError> {
        let (account, source) = checked.counted;
        let forgive = || self.store.clear_log_in(realm.number, account, source);
        checked.forgiven.get_or_try_init(forgive).await.copied()
    }

    /// Whether the person still has the password that was verified. Asked after what the log-in opens is there: a change of the
    /// password ends what was there before it, and what is opened later finds another hash.
    pub(crate) async fn has_the_password(&self, realm: &Realm, checked: &Checked) -> Result<bool, StoreError> {
        let now = self.store.user(realm.number, checked.user.number).await?;
        // Opened, because a hash that stays is sealed anew with every change of its user.
        let now = now.and_then(|now| open_hash(&realm.keyring, &now.password_hash));
        Ok(now.as_ref() == Some(&checked.hash.0))
    }

    /// Ends a session; its cookie leads nowhere afterwards.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn end_session(&self, realm: &Realm, secret: &SessionSecret) -> Result<(), EngineError> {
        Ok(self.store.remove_session(realm.number, session_id(realm, secret)).await?)
    }

    /// A session of a user whose password was verified; none if it has another one by now.
    async fn start_session(&self, realm: &Realm, checked: &Checked) -> Result<Option<SignedIn>, LogInRefusal> {
        let (secret, user) = (SessionSecret::generate(), &checked.user);
        let id = session_id(realm, &secret);
        let row = self.store.put_session(realm.number, id, user.number, user.standing.epoch).await?;
        if !self.has_the_password(realm, checked).await? {
            self.store.remove_session(realm.number, id).await?;
            return Ok(None);
        }
        Ok(Some(SignedIn { secret, view: view(&row) }))
    }

    /// Whether this browser has logged this user in before; asked for names that do not exist too, so that they cost as much.
    async fn knows_browser(
        &self,
        realm: &Realm,
        user: Option<&UserRow>,
        browser: [u8; 16],
    ) -> Result<bool, LogInRefusal> {
        let user = user.map_or(NOBODY, |user| user.number);
        Ok(self.store.knows_browser(realm.number, user, browser).await?)
    }
}

/// Under what an attempt is counted: the account and the source; for a browser that knows the account, that account in that
/// browser alone, so that neither guesses from elsewhere nor neighbours behind one address lock the owner out.
fn log_in_keys(realm: &Realm, username: &str, source: Source, known_browser: Option<[u8; 16]>) -> (LogInKey, LogInKey) {
    let key = |purpose, value: &[u8]| LogInKey(realm.keyring.keyed_digest(purpose, value));
    match known_browser {
        None => (key("log-in account", username.as_bytes()), key("log-in source", source.to_string().as_bytes())),
        Some(browser) => {
            let account = [username.as_bytes(), &[0], &browser].concat();
            (key("log-in account", &account), key("log-in browser", &browser))
        }
    }
}

/// Whether everybody knows the password of this hash.
pub(crate) fn is_published(hash: &str) -> bool {
    DEMO_PASSWORDS.iter().any(|(_, published)| *published == hash)
}

/// Whether everybody knows this password.
pub(crate) fn is_published_password(password: &str) -> bool {
    DEMO_PASSWORDS.iter().any(|(published, _)| *published == password)
}

/// A password's hash for the store: sealed, so that a copy of the store is nothing to guess against.
pub(crate) fn seal_hash(keyring: &RealmKeyring, hash: &str) -> String {
    keyring.seal_value(HASH_PURPOSE, hash.as_bytes())
}

pub(crate) fn open_hash(keyring: &RealmKeyring, sealed: &str) -> Option<String> {
    String::from_utf8(keyring.open_value(HASH_PURPOSE, sealed)?).ok()
}

/// One spelling for each user name: NFKC, lower case, without surrounding white space.
pub(crate) fn normalised(username: &str) -> String {
    username.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_has_one_spelling() {
        for spelling in ["an@example.vn", "AN@Example.VN", " an@example.vn ", "ａｎ@example.vn"] {
            assert_eq!(normalised(spelling), "an@example.vn");
        }
        assert_eq!(normalised("A\u{302}\u{323}nh"), normalised("ậnh"));
    }

    #[test]
    fn each_published_hash_is_that_of_its_password() {
        for (password, hash) in DEMO_PASSWORDS {
            assert_eq!(kimbai_keyring::verify_password(password, hash), Ok(true), "{password}");
            assert!(is_published(hash) && is_published_password(password));
        }
        assert!(!is_published(NOBODYS_HASH) && !is_published_password(""));
    }

    #[test]
    fn the_hash_for_nobody_costs_what_a_real_one_costs() {
        assert_eq!(kimbai_keyring::verify_password("x", NOBODYS_HASH), Ok(false));
        assert!(NOBODYS_HASH.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }
}
