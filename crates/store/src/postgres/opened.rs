//! A database on its own, without the store around it: for who fills it from elsewhere.

use tokio_postgres::{Client, Error};

use super::connect::{Connected, Connector, Role};
use super::{OpenError, StoreUrl, advice, migrate};

/// One connection to a database that has this version's schema.
pub(crate) struct Opened(Connected);

impl Opened {
    /// Connects, and makes the schema in a database that has none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) async fn new(url: &StoreUrl) -> Result<Self, OpenError> {
        let connector = Connector::new(url)?;
        let connected = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
        migrate::prepare(&connector, &connected.client).await?;
        Ok(Self(connected))
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.0.client
    }

    /// How many warnings came on it.
    pub(crate) fn warnings(&self) -> u64 {
        self.0.heard.warnings()
    }
}

/// What an error means for who fills a database, and what to do about it.
pub(crate) fn explain(error: Error) -> String {
    advice::explain(&error.into())
}
