//! An installation: its store, its master key, and the engine over them; as `serve` opens it, and every command that finds no server
//! running.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kimbai_engine::admin::{Administration, MasterKeyHome};
use kimbai_engine::{Engine, Store, claim, fits, is_claimed};
use kimbai_keyring::{KeyFile, MasterKey};
use kimbai_server::dialects::Dialects;
use kimbai_store::postgres::{self, PostgresStore, ProcessRole, StoreUrl};
use kimbai_store::sqlite::{self, Location, SqliteStore};
use kimbai_store::{Clock, StoreError};

use crate::config::{Config, MasterKeySource, StorePlace};
use crate::{own_directory, store_mark};

/// The operator's socket in a data directory.
const SOCKET_FILE: &str = "kimbai.sock";
/// What fits into an address of a socket, with the zero at its end (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// The database in a data directory.
pub(crate) const DATABASE_FILE: &str = "kimbai.db";

/// What is done when there is no store yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is made, with its master key.
    Make,
    /// It is an error: a mistyped name must not become an empty installation.
    Refuse,
}

/// There is no store at the place that was named.
#[derive(Debug)]
pub(crate) struct NoStore {
    place: String,
    /// What names one, and with which flag.
    naming: &'static str,
}

impl std::error::Error for NoStore {}

impl fmt::Display for NoStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, naming } = self;
        write!(formatter, "there is no store in {place}: name {naming}, or make one with `kimbai serve`")
    }
}

/// An installation: of the embedded store, this process has it to itself.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) engine: Arc<Engine>,
    pub(crate) administration: Arc<Administration>,
    /// Of a server whose store is elsewhere: its directory is nobody else's.
    _own_directory: Option<File>,
}

/// Where the operator's socket of an installation is.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join(SOCKET_FILE)
}

impl Installation {
    /// Opens it; its realms are loaded.
    pub(crate) async fn open(config: &Config, absent: Absent) -> anyhow::Result<Self> {
        let socket = socket(&config.data);
        if absent == Absent::Make && socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            bail!(
                "{} is too long a path for a socket, which takes {SOCKET_PATH_BYTES_MAX} bytes: choose a shorter data directory",
                socket.display()
            );
        }
        match &config.store {
            StorePlace::Sqlite(directory) => {
                store_mark::allow_embedded(directory)?;
                let store = open_sqlite(directory, absent)?;
                let (master, home) = master_key(config, &*store).await?;
                Self::over(store, (master, home), None).await
            }
            StorePlace::Postgres(url) => {
                let own_directory = match absent {
                    Absent::Make => Some(own_directory::hold(&config.data)?),
                    Absent::Refuse => None,
                };
                let store = open_postgres(config, url, absent).await?;
                if absent == Absent::Make && !is_claimed(&*store).await? {
                    store_mark::allow_new(&config.data, &config.store)?;
                }
                let key = master_key(config, &*store).await.map_err(|error| of_which_store(error, url))?;
                // A key that fits shows that it is the same store, whatever its place is now.
                if absent == Absent::Make {
                    store_mark::write(&config.data, &config.store)?;
                }
                Self::over(store, key, own_directory).await
            }
        }
    }

    async fn over(
        store: Arc<dyn Store>,
        (master, home): (MasterKey, MasterKeyHome),
        own_directory: Option<File>,
    ) -> anyhow::Result<Self> {
        let engine = Arc::new(Engine::new(store, master));
        engine.load().await?;
        let administration = Arc::new(Administration::new(Arc::clone(&engine), Box::new(Dialects), home));
        Ok(Self { engine, administration, _own_directory: own_directory })
    }
}

/// What is wrong with the key, and whose it must be; a store that failed is no matter of keys.
fn of_which_store(error: anyhow::Error, url: &StoreUrl) -> anyhow::Error {
    if error.is::<StoreError>() {
        return error;
    }
    error.context(format!("every server on {url} needs the same master key"))
}

fn open_sqlite(directory: &Path, absent: Absent) -> anyhow::Result<Arc<dyn Store>> {
    if absent == Absent::Refuse && !directory.join(DATABASE_FILE).exists() {
        let place = directory.display().to_string();
        bail!(NoStore { place, naming: "its directory with --data" });
    }
    let location = Location::Directory(directory.to_owned());
    Ok(Arc::new(SqliteStore::open(location, Clock::default(), sqlite::Options::default())?))
}

async fn open_postgres(config: &Config, url: &StoreUrl, absent: Absent) -> anyhow::Result<Arc<dyn Store>> {
    let options = match absent {
        Absent::Make => config.postgres,
        // A command asks one thing after the other.
        Absent::Refuse => postgres::Options { lanes: 1, pool: 2, process: ProcessRole::Command, ..config.postgres },
    };
    let none = || NoStore { place: url.to_string(), naming: "its database with --store" };
    if absent == Absent::Refuse && postgres::plan_migration(url).await?.found == 0 {
        bail!(none());
    }
    let store = PostgresStore::open(url, options).await?;
    // A schema alone is no store: the first server makes its key.
    if absent == Absent::Refuse && !is_claimed(&store).await? {
        bail!(none());
    }
    Ok(Arc::new(store))
}

/// The master key of a store, and where it is kept.
async fn master_key(config: &Config, store: &dyn Store) -> anyhow::Result<(MasterKey, MasterKeyHome)> {
    match &config.master_key {
        MasterKeySource::Given(key) if fits(store, key).await? => Ok((key.clone(), MasterKeyHome::Given)),
        MasterKeySource::Given(_) => {
            bail!("the master key does not fit this store: KIMBAI_MASTER_KEY holds another one's; give the right one")
        }
        MasterKeySource::File(path) => {
            let file = KeyFile::new(path.clone());
            Ok((key_in_file(&file, store).await?, MasterKeyHome::File(file)))
        }
    }
}

/// The master key in its file; made if there is none and the store is new. One that waits beside it, because a rotation or a first
/// start was cut short, takes its place if it is the one that fits.
pub(crate) async fn key_in_file(file: &KeyFile, store: &dyn Store) -> anyhow::Result<MasterKey> {
    let path = file.path().display();
    let key = file.read()?;
    if let Some(key) = &key
        && fits(store, key).await?
    {
        return Ok(key.clone());
    }
    let is_new = !is_claimed(store).await?;
    if !is_new
        && let Some(staged) = file.read_staged()?
        && fits(store, &staged).await?
    {
        file.promote().with_context(|| format!("cannot put {path}.next in the place of {path}"))?;
        return Ok(staged);
    }
    match key {
        Some(_) => bail!("{path} is not the master key of this store: put the right one back"),
        // A store whose master key is lost yields nothing: a new key beside it would only hide the loss.
        None if !is_new => bail!("{path} is missing: put the master key of this store back, or use another directory"),
        None => first_key(file, store).await,
    }
}

/// Makes the master key of a new store: whenever the process ends, the file that fits is there, and the next start finds it. Of two
/// servers that start at once, one makes it.
async fn first_key(file: &KeyFile, store: &dyn Store) -> anyhow::Result<MasterKey> {
    let path = file.path().display();
    let key = MasterKey::generate();
    file.stage(&key).with_context(|| format!("cannot make {path}"))?;
    if !claim(store, &key).await? {
        file.unstage().with_context(|| format!("cannot remove {path}.next, which is of no use"))?;
        bail!("another server made the master key of this store just now: copy it to {path}, and start again");
    }
    file.promote().with_context(|| format!("cannot make {path}"))?;
    Ok(key)
}
