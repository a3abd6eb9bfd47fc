//! What a server does beside its callers, on one connection of its own: it hears of other servers' changes of the
//! registry, and holds the lock of the one that sweeps.
//!
//! A notification is a hint: the versions are read every few seconds as well.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kimbai_core::number::{GrantId, RealmNumber};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::{Client, Error};

use super::backoff::Backoff;
use super::connect::{Connected, Connector, Failure, Role};
use super::locks::Lock;
use super::sweep::Sweeper;
use super::watch::{Timeline, Watch};
use super::{OpenError, ProcessRole};
use crate::{StoreError, SweepStep, Versions};

/// The task's end that callers see.
pub(super) struct Keeper {
    connector: Connector,
    watch: Arc<Watch>,
    versions: watch::Sender<Versions>,
    /// While this server is the one that sweeps.
    session: Mutex<Option<Arc<Session>>>,
    closed: watch::Sender<bool>,
    /// How large the database was a while ago.
    database_bytes: AtomicU64,
    process: ProcessRole,
}

/// A connection on which everything is prepared.
struct Session {
    connected: Connected,
    sweeper: Sweeper,
}

/// Whether a session was good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Followed {
    Never,
    Once,
}

impl Keeper {
    /// Connects, and attends to everything once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) async fn start(
        connector: Connector,
        watch: Arc<Watch>,
        process: ProcessRole,
    ) -> Result<Arc<Self>, OpenError> {
        let keeper = Arc::new(Self {
            connector,
            watch,
            versions: watch::Sender::default(),
            session: Mutex::default(),
            closed: watch::Sender::new(false),
            database_bytes: AtomicU64::new(0),
            process,
        });
        let first = keeper.connect().await?;
        match timeout(ANSWER_MAX, keeper.attend(&first)).await {
            Ok(attended) => attended.map_err(|error| keeper.connector.unreachable(&error.into()))?,
            Err(_) => return Err(keeper.connector.unreachable(&Failure::Silent)),
        };
        tokio::spawn(Arc::clone(&keeper).keep(first));
        Ok(keeper)
    }

    /// Moves when another server may have changed the registry.
    pub(super) fn versions(&self) -> watch::Receiver<Versions> {
        self.versions.subscribe()
    }

    /// How large the database was when it was asked last, in bytes.
    pub(super) fn database_bytes(&self) -> u64 {
        self.database_bytes.load(Ordering::Relaxed)
    }

    /// Ends the task and its connection.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        self.hold(None);
    }

    /// A step of the sweep, if this server is the one that sweeps; the cursor as it was otherwise.
    pub(super) async fn sweep(
        &self,
        cursor: Option<(RealmNumber, GrantId)>,
        rows_max: u32,
        retention_s: u32,
    ) -> Result<SweepStep, StoreError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(session) = session else { return Ok(SweepStep { cursor, deleted: 0 }) };
        let step = session.sweeper.step(&session.connected.client, cursor, rows_max, retention_s);
        timeout(ANSWER_MAX, step).await.unwrap_or(Err(StoreError::Unknown))
    }

    async fn keep(self: Arc<Self>, first: Arc<Session>) {
        let mut closed = self.closed.subscribe();
        let mut session = Some(first);
        let mut backoff = Backoff::default();
        loop {
            let work = async {
                if let Some(session) = session.take() {
                    if self.follow(&session).await == Followed::Once {
                        backoff.reset();
                    }
                    self.hold(None);
                }
                backoff.next().await;
                session = self.connect().await.ok();
            };
            tokio::select! {
                () = work => {}
                _ = closed.wait_for(|closed| *closed) => return,
            }
        }
    }

    async fn connect(&self) -> Result<Arc<Session>, OpenError> {
        let connected = self.connector.connect(Role::Lane).await;
        let connected = connected.map_err(|failure| self.connector.unreachable(&failure))?;
        let prepared = async {
            // Before the versions are read for the first time, so that none is missed.
            connected.client.batch_execute("LISTEN kimbai_registry").await?;
            Sweeper::prepare(&connected.client).await
        };
        let sweeper = match timeout(ANSWER_MAX, prepared).await {
            Ok(prepared) => prepared.map_err(|error: Error| self.connector.unreachable(&error.into()))?,
            Err(_) => return Err(self.connector.unreachable(&Failure::Silent)),
        };
        Ok(Arc::new(Session { connected, sweeper }))
    }

    /// Attends to everything at each notification and every few seconds, until the connection fails.
    async fn follow(&self, session: &Arc<Session>) -> Followed {
        let mut ticks = interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sizes = interval(SIZE_EVERY);
        sizes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut followed = Followed::Never;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = session.connected.heard.notification() => {}
                _ = sizes.tick() => self.measure_size(&session.connected.client).await,
            }
            match timeout(ANSWER_MAX, self.attend(session)).await {
                Ok(Ok(Timeline::Latest(_))) => followed = Followed::Once,
                Ok(Ok(Timeline::Overtaken)) => {
                    tracing::warn!("the keeper's server was overtaken by another one");
                    return followed;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the keeper's connection failed");
                    return followed;
                }
                Err(_) => {
                    tracing::warn!("the keeper's connection answers no more");
                    return followed;
                }
            }
        }
    }

    /// Reads the versions, and takes the lock of the sweep if nobody has it; nothing on a server that was overtaken.
    async fn attend(&self, session: &Arc<Session>) -> Result<Timeline, Error> {
        let client = &session.connected.client;
        let timeline = self.watch.measure(client).await?;
        if timeline == Timeline::Overtaken {
            return Ok(timeline);
        }
        let versions = versions(client).await?;
        self.versions.send_if_modified(|known| {
            let moved = *known != versions;
            *known = versions;
            moved
        });
        // Tables that were empty when the sweep was planned have grown since.
        client.batch_execute("DISCARD PLANS").await?;
        if self.process == ProcessRole::Server && !self.holds() && Lock::Sweep.try_take(client).await? {
            self.hold(Some(Arc::clone(session)));
        }
        Ok(timeline)
    }

    /// What it cannot learn it asks again the next time.
    async fn measure_size(&self, client: &Client) {
        let size = client.query_one("SELECT pg_database_size(current_database())", &[]);
        if let Ok(Ok(row)) = timeout(ANSWER_MAX, size).await
            && let Ok(bytes) = row.try_get::<_, i64>(0)
        {
            self.database_bytes.store(bytes.cast_unsigned(), Ordering::Relaxed);
        }
    }

    fn holds(&self) -> bool {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn hold(&self, session: Option<Arc<Session>>) {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        *held = session.filter(|_| !*self.closed.borrow());
    }
}

async fn versions(client: &Client) -> Result<Versions, Error> {
    let rows = client.query("SELECT number, version FROM kimbai.realms", &[]).await?;
    let mut versions = BTreeMap::new();
    for row in rows {
        let (number, version): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
        versions.insert(RealmNumber(number.cast_unsigned()), version.cast_unsigned());
    }
    Ok(Versions(versions))
}

/// Other servers learn of a change within this time, whatever happens to the notifications.
const POLL_EVERY: Duration = Duration::from_secs(4);
/// A connection that answers later than this is given up.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const SIZE_EVERY: Duration = Duration::from_mins(1);
