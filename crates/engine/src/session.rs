//! Browsers and their sessions: the secrets in the two cookies, and what they lead to.
//!
//! The `browser` cookie is made once and kept over log-in and log-out; the `session` cookie is new at each log-in. Both are sealed
//! by the realm's keyring, so that a value of one realm is nothing in another. The store knows digests.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::authorize::{SessionView, session_is_live};
use kimbai_core::client::Client;
use kimbai_core::number::UserNumber;
use kimbai_keyring::random_array;
use kimbai_store::{SessionId, SessionRow};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::realm::Realm;

/// A session's last use is written down at most so often.
const TOUCH_EVERY: Duration = Duration::from_mins(5);

macro_rules! cookie_secret {
    ($(#[$doc:meta])* $name:ident, $purpose:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new random one.
            #[must_use]
            pub fn generate() -> Self {
                Self(random_array())
            }

            /// Opens a cookie's value; `None` for all that this realm did not seal.
            #[must_use]
            pub fn open(realm: &Realm, cookie: &str) -> Option<Self> {
                realm.keyring.open_value($purpose, cookie)?.try_into().ok().map(Self)
            }

            /// The cookie's value.
            #[must_use]
            pub fn seal(&self, realm: &Realm) -> String {
                realm.keyring.seal_value($purpose, &self.0)
            }

            pub(crate) const fn bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(stringify!($name))
            }
        }
    };
}

cookie_secret!(
    /// What is in the `browser` cookie.
    BrowserSecret,
    "browser cookie"
);
cookie_secret!(
    /// What is in the `session` cookie.
    SessionSecret,
    "session cookie"
);

/// Who is signed in.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn {
    /// The session's secret: consent forms are bound to it.
    pub secret: SessionSecret,
    /// The session as it stands.
    pub view: SessionView,
}

impl SignedIn {
    /// Who it is.
    #[must_use]
    pub const fn user(&self) -> UserNumber {
        self.view.user
    }
}

impl Engine {
    /// Who is signed in, if the cookie names a session that is live.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn signed_in(
        &self,
        realm: &Realm,
        secret: Option<SessionSecret>,
    ) -> Result<Option<SignedIn>, EngineError> {
        let Some(secret) = secret else { return Ok(None) };
        let id = session_id(realm, &secret);
        let Some(row) = self.store.session(realm.number, id).await? else { return Ok(None) };
        let view = view(&row);
        if !session_is_live(&view, &realm.settings.lifetimes, row.now) {
            return Ok(None);
        }
        if row.now.since(row.last_used) >= TOUCH_EVERY {
            self.store.touch_session(realm.number, id).await?;
        }
        Ok(Some(SignedIn { secret, view }))
    }
}

impl Realm {
    /// By what a client knows a session (`sid`, OpenID Connect Front-Channel Logout section 3); it says nothing of the secret. As a
    /// subject it is one for all, or one for each sector: else it would tell two sectors that they have the same user.
    #[must_use]
    pub fn sid(&self, client: &Client, secret: &SessionSecret) -> String {
        self.sid_of(client, session_id(self, secret))
    }

    pub(crate) fn sid_of(&self, client: &Client, id: SessionId) -> String {
        let value = [id.0.as_slice(), client.sector().unwrap_or_default().as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(self.keyring.keyed_digest("sid", &value))
    }
}

pub(crate) fn session_id(realm: &Realm, secret: &SessionSecret) -> SessionId {
    SessionId(realm.keyring.keyed_digest("session", secret.bytes()))
}

pub(crate) const fn view(row: &SessionRow) -> SessionView {
    SessionView {
        user: row.user,
        user_epoch: row.user_epoch,
        authenticated: row.authenticated,
        last_used: row.last_used,
        standing: row.standing,
    }
}
