//! How a command gets to the store: through the socket of the server that has it, or by opening it here. What the command says
//! and what it answers are the same both ways.

use std::path::Path;

use anyhow::bail;
use kimbai_engine::admin::Command;

use super::alone::Alone;
use super::socket::{self, Socket};
use crate::config::Config;

/// A way to the store.
#[derive(Debug)]
pub(crate) enum Reach {
    /// A server has it, and carries commands out.
    Beside(Socket),
    /// Nobody has it: this process does, as long as this lives.
    Alone(Box<Alone>),
}

impl Reach {
    /// Finds the way to the store of this configuration. It never makes a store: a mistyped directory is an error.
    ///
    /// # Errors
    /// There is no store, another process has it and takes no commands, or it cannot be opened.
    pub(crate) async fn open(config: Config) -> anyhow::Result<Self> {
        if !config.data.join(DATABASE).is_file() {
            bail!(missing(&config.data));
        }
        let socket = Socket::new(config.data.join(socket::FILE));
        if socket.answers().await? {
            return Ok(Self::Beside(socket));
        }
        Ok(Self::Alone(Box::new(Alone::open(config).await?)))
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// Why it was not; [`kimbai_engine::admin::AdminError`] when it was refused.
    pub(crate) async fn run<C: Command>(&self, command: C) -> anyhow::Result<C::Reply> {
        match self {
            Self::Beside(socket) => socket.run(command).await,
            Self::Alone(alone) => Ok(Box::pin(alone.administration.run(command)).await?),
        }
    }
}

/// By this name the store has its database in the data directory.
pub(super) const DATABASE: &str = "kimbai.db";

fn missing(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "there is no store in {directory}: `kimbai serve --data {directory}` makes one and serves it, `kimbai restore` makes one from \
         a backup; or name its directory with --data"
    )
}
