//! The servers under measurement, and the database that they stand on, if they do.

use std::time::Duration;

use anyhow::Context;

use super::cores::Cores;
use super::database::Database;
use super::figures::{self, CpuTime};
use super::server_process::{Role, ServerProcess};

/// One server, or several on one database.
#[derive(Debug)]
pub(super) struct Servers {
    first: ServerProcess,
    others: Vec<ServerProcess>,
    database: Option<Database>,
}

/// The CPU time of all processes so far.
#[derive(Debug)]
pub(super) struct CpuTimes {
    servers: Vec<CpuTime>,
    database: Option<Duration>,
}

/// What all processes took between two moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTaken {
    pub(super) servers: Duration,
    pub(super) database: Option<Duration>,
}

impl Servers {
    /// Starts so many, the others after the first: they find its realms.
    pub(super) fn start(
        cores: Cores,
        database: Option<Database>,
        count: u32,
        legacy_tokens: u32,
    ) -> anyhow::Result<Self> {
        let store = database.as_ref().map(|database| database.url().to_owned());
        let first = ServerProcess::start(cores, Role::First { store: store.clone(), legacy_tokens })?;
        let store = store.unwrap_or_default();
        let join = || ServerProcess::start(cores, Role::Other { store: store.clone(), first: first.data().to_owned() });
        let others = (1..count).map(|_| join()).collect::<Result<_, _>>()?;
        Ok(Self { first, others, database })
    }

    /// The one that made the realms.
    pub(super) fn first(&self) -> &ServerProcess {
        &self.first
    }

    /// The one that made the realms, if it is the only one, on a directory of its own.
    pub(super) fn alone_mut(&mut self) -> anyhow::Result<&mut ServerProcess> {
        let is_alone = self.others.is_empty() && self.database.is_none();
        is_alone.then_some(&mut self.first).context("this case needs one server on a store of its own")
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &ServerProcess> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Memory that they hold together.
    pub(super) fn resident_mb(&self) -> anyhow::Result<f64> {
        self.all().map(|server| figures::resident_mb(server.process_id())).sum()
    }

    /// The database, if there is one.
    pub(super) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    pub(super) fn cpu_times(&self) -> anyhow::Result<CpuTimes> {
        let servers = self.all().map(|server| CpuTime::of(server.process_id())).collect::<Result<_, _>>()?;
        Ok(CpuTimes { servers, database: self.database.as_ref().and_then(Database::cpu_time) })
    }
}

impl CpuTimes {
    /// What was taken since an earlier moment.
    pub(super) fn since(&self, earlier: &Self) -> CpuTaken {
        let servers = self.servers.iter().zip(&earlier.servers).map(|(now, before)| now.since(before)).sum();
        let database = self.database.zip(earlier.database).map(|(now, before)| now.saturating_sub(before));
        CpuTaken { servers, database }
    }
}
