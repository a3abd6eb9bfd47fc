//! One statement over the pool, and what its failure means.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Shared;
use super::fault::Fault;
use crate::StoreError;

/// A connection of the pool.
///
/// # Errors
/// [`StoreError::NotDone`]: there is none.
pub(super) async fn connection(shared: &Shared) -> Result<Object, StoreError> {
    shared.pool.get().await.map_err(|error| {
        tracing::warn!(%error, "no connection to PostgreSQL");
        StoreError::NotDone
    })
}

/// The rows of a statement that changes nothing.
///
/// # Errors
/// [`StoreError::NotDone`], whatever happened.
pub(super) async fn read(
    shared: &Shared,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    write(shared, sql, parameters).await.map_err(|error| match error {
        StoreError::Unknown => StoreError::NotDone,
        error @ (StoreError::NotDone | StoreError::Unreadable(_) | StoreError::Taken) => error,
    })
}

/// The rows of a statement that is a transaction of its own.
///
/// # Errors
/// [`StoreError::NotDone`]: the server said so, or there is no connection. [`StoreError::Unknown`]: it was sent, and nobody
/// knows what became of it.
pub(super) async fn write(
    shared: &Shared,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let connection = connection(shared).await?;
    let statement = connection.prepare_cached(sql).await.map_err(|error| match Fault::of(&error) {
        Fault::Refused(error) => error,
        Fault::Lost | Fault::Again | Fault::Locked => StoreError::NotDone,
    })?;
    connection.query(&statement, parameters).await.map_err(|error| match Fault::of(&error) {
        Fault::Refused(error) => error,
        Fault::Again | Fault::Locked => StoreError::NotDone,
        Fault::Lost => StoreError::Unknown,
    })
}
