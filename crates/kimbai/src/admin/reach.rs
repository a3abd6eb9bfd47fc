//! How a command gets to the store: through the socket of the server that has it, or by opening it here. What the command says
//! and what it answers are the same both ways.

use std::path::Path;

use anyhow::bail;
use kimbai_engine::admin::{AdminError, Command};
use kimbai_store::sqlite::OpenError;

use super::socket::Socket;
use crate::config::Config;
use crate::installation::{Absent, Installation, socket};

/// A way to the store.
#[derive(Debug)]
pub(crate) enum Reach {
    /// A server has it, and carries commands out.
    Beside(Socket),
    /// Nobody has it: this process does, as long as this lives.
    Alone(Installation),
}

impl Reach {
    /// Finds the way to the store of this configuration. It never makes a store: a mistyped directory is an error.
    ///
    /// # Errors
    /// There is no store, another process has it and takes no commands, or it cannot be opened.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let socket = Socket::new(socket(&config.data), config.store.name());
        if socket.answers().await? {
            return Ok(Self::Beside(socket));
        }
        match Installation::open(config, Absent::Refuse).await {
            Ok(installation) => Ok(Self::Alone(installation)),
            Err(error) => match error.downcast_ref() {
                Some(OpenError::Locked { directory }) => bail!(taken(directory)),
                _ => Err(error),
            },
        }
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// Why it was not; [`AdminError`] when it was refused.
    pub(crate) async fn run<C: Command>(&self, command: C) -> anyhow::Result<C::Reply> {
        let done = match self {
            Self::Beside(socket) => socket.run(command).await,
            Self::Alone(installation) => {
                let done = Box::pin(installation.administration.run(command)).await;
                installation.engine.settle().await;
                done.map_err(Into::into)
            }
        };
        done.map_err(each_an_error)
    }
}

/// Of several mistakes each begins as an error does; who shows them writes the first one's "error: ".
fn each_an_error(error: anyhow::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(AdminError::Invalid(mistakes)) => AdminError::Invalid(vec![mistakes.join("\nerror: ")]).into(),
        Ok(error) => error.into(),
        Err(error) => error,
    }
}

fn taken(directory: &Path) -> String {
    format!(
        "{} is in use by a kimbai process that takes no commands: a sandbox, another command, or a server that is starting or \
         stopping; wait for it, or stop it",
        directory.display()
    )
}
