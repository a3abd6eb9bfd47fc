//! The store without a server: opened here, under its lock, with its master key.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kimbai_engine::admin::{Administration, MasterKeyHome};
use kimbai_engine::{Engine, fits};
use kimbai_keyring::{KeyFile, MasterKey};
use kimbai_store::Clock;
use kimbai_store::sqlite::{Location, OpenError, Options, SqliteStore};

use super::wire::Dialects;
use crate::config::{Config, MasterKeySource};

/// A store that this process has opened. Dropping it finishes what waits and gives the lock back.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(super) administration: Administration,
}

impl Alone {
    pub(super) async fn open(config: Config) -> anyhow::Result<Self> {
        let location = Location::Directory(config.data.clone());
        let store = match SqliteStore::open(location, Clock::default(), Options::default()) {
            Err(OpenError::Locked { directory }) => bail!(taken(&directory)),
            opened => Arc::new(opened?),
        };
        let (master, home) = master_key(config.master_key, &store).await?;
        let engine = Arc::new(Engine::new(store, master));
        engine.load().await?;
        Ok(Self { administration: Administration::new(engine, Box::new(Dialects), home) })
    }
}

/// The master key of a store, and where it is kept. A rotation that was cut short after the store had changed is finished.
async fn master_key(source: MasterKeySource, store: &SqliteStore) -> anyhow::Result<(MasterKey, MasterKeyHome)> {
    let file = match source {
        MasterKeySource::Given(key) if fits(store, &key).await? => return Ok((key, MasterKeyHome::Given)),
        MasterKeySource::Given(_) => bail!("KIMBAI_MASTER_KEY is not the master key of this store: give that one"),
        MasterKeySource::File(path) => KeyFile::new(path),
    };
    let path = file.path().display().to_string();
    let (kept, staged) = (file.read()?, file.read_staged()?);
    if let Some(key) = staged
        && fits(store, &key).await?
        && !matches!(&kept, Some(kept) if fits(store, kept).await?)
    {
        file.promote().with_context(|| format!("cannot put {path}.next in the place of {path}"))?;
        return Ok((key, MasterKeyHome::File(file)));
    }
    match kept {
        Some(key) if fits(store, &key).await? => Ok((key, MasterKeyHome::File(file))),
        Some(_) => bail!("the key in {path} is not the master key of this store: put that one back"),
        None => bail!("{path} is missing: put the master key of this store back, or say where it is"),
    }
}

fn taken(directory: &Path) -> String {
    format!(
        "{} is in use by a kimbai process that takes no commands: a sandbox, another command, or a server that is starting or \
         stopping; wait for it, or stop it",
        directory.display()
    )
}
