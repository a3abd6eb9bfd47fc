//! Connections: how each is made, and the task that drives it and sees what the server says without being asked.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::StoreUrl;
use super::{OpenError, advice, tls};

/// What every session sets: no setting of the role or the database may end a verb in its middle, make a commit less than
/// durable, or keep the warning from us that it is. The limit of a transaction's time is there from PostgreSQL 17 on.
macro_rules! general {
    () => {
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '2s'; \
         SET idle_session_timeout = 0; SET client_min_messages = warning; \
         SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
    };
}

/// What lanes set: generic plans, and no other way than the primary key. On a table that was never analysed the planner
/// would read all of it for one batch.
macro_rules! lane {
    () => {
        "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
         SET jit = off; SET lock_timeout = '500ms'; SET plan_cache_mode = force_generic_plan;"
    };
}

/// What a connection is for; each has settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Verbs of the ledger, always by the primary key.
    Lane,
    /// Everything else.
    General,
}

/// Makes connections to one place.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    place: String,
}

/// A connection, and what its driver hears on it.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) heard: Arc<Heard>,
    driver: JoinHandle<()>,
}

/// What the server says without being asked.
#[derive(Debug, Default)]
pub(super) struct Heard {
    warnings: AtomicU64,
    notifications: Notify,
}

impl Heard {
    /// How many warnings came so far. One that comes with a transaction is counted before the transaction's end is known.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }

    /// Waits until a notification came that nobody has waited for yet.
    pub(super) async fn notification(&self) {
        self.notifications.notified().await;
    }

    fn hear(&self, message: &AsyncMessage) {
        if let AsyncMessage::Notice(notice) = message
            && is_warning(notice)
        {
            tracing::warn!(code = notice.code().code(), "PostgreSQL warns: {}", notice.message());
            self.warnings.fetch_add(1, Ordering::AcqRel);
        }
        if let AsyncMessage::Notification(_) = message {
            self.notifications.notify_one();
        }
    }
}

/// Whether a notice is more than a word: a commit whose wait for the standby was cancelled says no more than this.
fn is_warning(notice: &DbError) -> bool {
    matches!(notice.parsed_severity(), Some(Severity::Warning))
}

impl Connector {
    /// Reads the authorities, if the URL names any.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`]: they cannot be read.
    pub(super) fn new(url: &StoreUrl) -> Result<Self, OpenError> {
        let place = url.place().to_owned();
        let tls = tls::connector(url.tls());
        let tls = tls.map_err(|reason| OpenError::Unreachable { place: place.clone(), reason })?;
        let mut config = url.config().clone();
        config
            .application_name("kimbai")
            .keepalives(true)
            .keepalives_idle(SILENCE / 2)
            .keepalives_interval(SILENCE / 5)
            .keepalives_retries(2)
            .tcp_user_timeout(SILENCE);
        Ok(Self { config, tls, place })
    }

    /// What the operator is told when there is no connection.
    pub(super) fn unreachable(&self, failure: &Failure) -> OpenError {
        OpenError::Unreachable { place: self.place.clone(), reason: advice::explain(failure) }
    }

    /// A connection for this role; it is closed when it is dropped.
    ///
    /// # Errors
    /// The server's, or the network's.
    pub(super) async fn connect(&self, role: Role) -> Result<Connected, Failure> {
        let connecting = async {
            let (client, connection) = self.config.connect(self.tls.clone()).await?;
            let heard = Arc::new(Heard::default());
            let driver = tokio::spawn(drive(connection, Arc::clone(&heard)));
            let connected = Connected { client, heard, driver };
            connected.client.batch_execute(settings(role)).await?;
            Ok(connected)
        };
        // The server may take the connection and say nothing more.
        match tokio::time::timeout(CONNECT_MAX, connecting).await {
            Ok(connected) => connected.map_err(Failure::Postgres),
            Err(_) => Err(Failure::Silent),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server or the network says so.
    #[error(transparent)]
    Postgres(#[from] Error),
    /// Nobody says anything.
    #[error("nobody answered within {} s", CONNECT_MAX.as_secs())]
    Silent,
    /// It was the primary once, or is of another cluster.
    #[error(
        "another server has overtaken this one, or it is of another cluster than the one in use: it must not be written"
    )]
    Overtaken,
}

async fn drive<S, T>(mut connection: Connection<S, T>, heard: Arc<Heard>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(message) => heard.hear(&message),
            Err(error) => return tracing::debug!(%error, "a connection to PostgreSQL ended"),
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The settings of a session.
const fn settings(role: Role) -> &'static str {
    match role {
        Role::Lane => concat!(general!(), lane!()),
        Role::General => general!(),
    }
}

/// So long nobody answers before a connection counts as dead.
const SILENCE: Duration = Duration::from_secs(10);
const CONNECT_MAX: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{Server, Version};

    use super::*;

    #[tokio::test]
    async fn settings_of_the_role_end_no_verb_and_hide_no_warning() {
        for version in Version::under_test() {
            let server = Server::start(*version, &[]);
            let database = server.fresh_database();
            let (timed, hidden) = (["statement_timeout", "idle_session_timeout"], "client_min_messages");
            let timed = timed.into_iter().chain((*version >= Version::V18).then_some("transaction_timeout"));
            let timed: Vec<_> = timed.collect();
            for name in &timed {
                server.sql("postgres", &format!("ALTER ROLE kimbai SET {name} = '30s'"));
            }
            server.sql("postgres", &format!("ALTER ROLE kimbai SET {hidden} = error"));
            let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
            for role in [Role::Lane, Role::General] {
                let connected = connector.connect(role).await.unwrap();
                let setting = async |name: &str| -> String {
                    connected.client.query_one(&format!("SHOW {name}"), &[]).await.unwrap().get(0)
                };
                for name in &timed {
                    assert_eq!(setting(name).await, "0", "{name}");
                }
                assert_eq!(setting(hidden).await, "warning");
            }
        }
    }
}
