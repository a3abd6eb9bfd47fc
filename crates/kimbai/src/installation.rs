//! An installation: the store in its data directory, its master key, and the engine over them; as `serve` opens it, and every command
//! that finds no server running.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kimbai_engine::admin::{Administration, MasterKeyHome};
use kimbai_engine::{Engine, fits};
use kimbai_keyring::{KeyFile, MasterKey};
use kimbai_server::dialects::Dialects;
use kimbai_store::sqlite::{Location, Options, SqliteStore};
use kimbai_store::{Clock, Registry as _};

use crate::config::{Config, MasterKeySource};

/// The operator's socket in a data directory.
const SOCKET_FILE: &str = "kimbai.sock";
/// What fits into an address of a socket, with the zero at its end (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// The database in a data directory.
const DATABASE_FILE: &str = "kimbai.db";

/// What is done when there is no store yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is made, with its master key.
    Make,
    /// It is an error: a mistyped directory must not become an empty installation.
    Refuse,
}

/// An installation that this process has to itself.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) engine: Arc<Engine>,
    pub(crate) administration: Arc<Administration>,
}

/// Where the operator's socket of an installation is.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join(SOCKET_FILE)
}

impl Installation {
    /// Opens it; its realms are loaded.
    pub(crate) async fn open(config: &Config, absent: Absent) -> anyhow::Result<Self> {
        let directory = &config.data;
        let socket = socket(directory);
        if absent == Absent::Make && socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            bail!(
                "{} is too long a path for a socket, which takes {SOCKET_PATH_BYTES_MAX} bytes: choose a shorter data directory",
                socket.display()
            );
        }
        if absent == Absent::Refuse && !directory.join(DATABASE_FILE).exists() {
            bail!(
                "there is no store in {}: name its directory with --data, or make one with `kimbai serve`",
                directory.display()
            );
        }
        let location = Location::Directory(directory.clone());
        let store = SqliteStore::open(location, Clock::default(), Options::default())?;
        let (master, home) = match &config.master_key {
            MasterKeySource::Given(key) => (key.clone(), MasterKeyHome::Given),
            MasterKeySource::File(path) => {
                let file = KeyFile::new(path.clone());
                (key_in_file(&file, &store).await?, MasterKeyHome::File(file))
            }
        };
        let engine = Arc::new(Engine::new(Arc::new(store), master));
        engine.load().await?;
        let administration = Arc::new(Administration::new(Arc::clone(&engine), Box::new(Dialects), home));
        Ok(Self { engine, administration })
    }
}

/// The master key in its file; made if there is none and the store is new. One that a rotation left beside it takes its place if it is
/// the one that fits.
pub(crate) async fn key_in_file(file: &KeyFile, store: &SqliteStore) -> anyhow::Result<MasterKey> {
    let path = file.path().display().to_string();
    let key = file.read()?;
    if let Some(key) = key {
        if fits(store, &key).await? {
            return Ok(key);
        }
        return match file.read_staged()? {
            Some(staged) if fits(store, &staged).await? => {
                file.promote().with_context(|| format!("cannot put {path}.next in the place of {path}"))?;
                Ok(staged)
            }
            _ => bail!("{path} is not the master key of this store: put the right one back"),
        };
    }
    // A store whose master key is lost yields nothing: a new key beside it would only hide the loss.
    if !store.realms().await?.is_empty() {
        bail!("{path} is missing: put the master key of this store back, or use another directory");
    }
    let key = MasterKey::generate();
    file.write(&key).with_context(|| format!("cannot make {path}"))?;
    Ok(key)
}
