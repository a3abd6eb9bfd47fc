//! From SQLite to PostgreSQL: everything of an embedded store into an empty database, for who outgrows one machine.
//!
//! Numbers, epochs and rows stay what they are, so that every token goes on working. One transaction: what was copied is
//! read back and compared before it is committed. The old store is not changed; who starts it again has two stores that
//! both issue tokens.

mod tables;
mod value;

use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::TryStreamExt;
use rusqlite::OpenFlags;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use self::tables::{TABLES, Table};
use self::value::{Checksum, Value};
use crate::postgres::{Opened, StoreUrl};
use crate::sqlite::{Location, Options, SqliteStore};
use crate::{Clock, postgres, sqlite};

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The rows of each table, all of them compared.
    pub tables: Vec<(&'static str, u64)>,
}

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// What is being done.
    pub step: CopyStep,
    /// With which table.
    pub table: &'static str,
    /// Rows that are done.
    pub rows: u64,
    /// Rows that the table has.
    pub all: u64,
}

/// What is being done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStep {
    /// Its rows are written to the database.
    Copying,
    /// Its rows are read back and compared.
    Comparing,
}

/// Why nothing was copied. In the database is nothing but, at most, a schema without rows.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is no store to copy.
    #[error("there is no store in {}: name the directory that has kimbai.db in it", .0.display())]
    NoStore(PathBuf),
    /// The store cannot be opened, perhaps because a server runs on it.
    #[error(transparent)]
    From(sqlite::OpenError),
    /// The database cannot be opened.
    #[error(transparent)]
    To(postgres::OpenError),
    /// Something is in the database already.
    #[error("the database has rows in kimbai.{0} already: copy into a new and empty database")]
    NotEmpty(&'static str),
    /// A row of the store could not be read.
    #[error("the store's table {table} cannot be read: {reason}; restore a backup and copy that")]
    Read {
        /// Which table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The database did not take it.
    #[error("kimbai.{table} cannot be written: {reason}")]
    Write {
        /// Which table.
        table: &'static str,
        /// Why, and what to do.
        reason: String,
    },
    /// What is in the database is not what was copied.
    #[error("kimbai.{0} did not come out as it went in: nothing was kept; try another server")]
    Differs(&'static str),
    /// The connection went while the copy was committed.
    #[error(
        "the connection was lost while the copy was committed: if the database has rows in kimbai.realms it is whole"
    )]
    Unknown,
}

/// Copies the store in a directory, on which no server may run, into a database that has no rows of Kimbai yet.
///
/// # Errors
/// [`CopyError`]: nothing was copied, and why.
pub async fn copy(
    from: &Path,
    to: &StoreUrl,
    mut progress: impl FnMut(CopyProgress) + Send,
) -> Result<Copied, CopyError> {
    let database = from.join("kimbai.db");
    if !database.is_file() {
        return Err(CopyError::NoStore(from.to_path_buf()));
    }
    // Brings it to this version's schema, proves its log, and keeps every other process out until the end.
    let location = Location::Directory(from.to_path_buf());
    let source = tokio::task::spawn_blocking(|| SqliteStore::open(location, Clock::default(), Options::default()));
    let source = source.await.map_err(|_| CopyError::NoStore(from.to_path_buf()))?.map_err(CopyError::From)?;
    let opened = Opened::new(to).await.map_err(CopyError::To)?;
    let copied = transfer(&database, &opened, &mut progress).await;
    drop(source);
    copied
}

async fn transfer(
    database: &Path,
    opened: &Opened,
    progress: &mut (impl FnMut(CopyProgress) + Send),
) -> Result<Copied, CopyError> {
    let client = opened.client();
    begin(client).await?;
    let mut copied = Vec::new();
    for table in TABLES {
        let written = write(client, table, database, progress).await?;
        let found = read_back(client, table, written.rows(), progress).await?;
        if found != written {
            return Err(CopyError::Differs(table.name));
        }
        copied.push((table.name, written.rows()));
    }
    // New events go behind those that were copied.
    let after = "SELECT setval(pg_get_serial_sequence('kimbai.audit', 'number'), max(number)) FROM kimbai.audit \
         HAVING max(number) IS NOT NULL";
    client.execute(after, &[]).await.map_err(failed("audit"))?;
    let warnings = opened.warnings();
    match client.batch_execute("COMMIT").await {
        Ok(()) if opened.warnings() == warnings => Ok(Copied { tables: copied }),
        Err(error) if error.as_db_error().is_some() => Err(failed("grants")(error)),
        Ok(()) | Err(_) => Err(CopyError::Unknown),
    }
}

/// Begins the transaction, in which nobody else writes, and which finds all tables empty.
async fn begin(client: &Client) -> Result<(), CopyError> {
    let begin = "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL READ COMMITTED";
    client.batch_execute(begin).await.map_err(failed("grants"))?;
    for Table { name, .. } in TABLES {
        let lock = format!("LOCK TABLE kimbai.{name} IN EXCLUSIVE MODE");
        client.batch_execute(&lock).await.map_err(failed(name))?;
        let row = client.query_opt(&format!("SELECT FROM kimbai.{name} LIMIT 1"), &[]).await.map_err(failed(name))?;
        if row.is_some() {
            return Err(CopyError::NotEmpty(name));
        }
    }
    Ok(())
}

/// Writes a table's rows; answers their checksum.
async fn write(
    client: &Client,
    table: &'static Table,
    database: &Path,
    progress: &mut (impl FnMut(CopyProgress) + Send),
) -> Result<Checksum, CopyError> {
    let (sender, mut batches) = mpsc::channel(BATCHES_MAX);
    let path = database.to_path_buf();
    let reader = tokio::task::spawn_blocking(move || read(&path, table, &sender));
    let copy = format!("COPY kimbai.{} ({}) FROM STDIN (FORMAT binary)", table.name, table.columns());
    let sink = client.copy_in(&copy).await.map_err(failed(table.name))?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &table.types()));
    let mut checksum = Checksum::default();
    while let Some(Batch { rows, all }) = batches.recv().await {
        for row in &rows {
            let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(Value::as_sql).collect();
            writer.as_mut().write(&values).await.map_err(failed(table.name))?;
            checksum.add(row);
        }
        progress(CopyProgress { step: CopyStep::Copying, table: table.name, rows: checksum.rows(), all });
    }
    let unreadable = |reason| CopyError::Read { table: table.name, reason };
    reader.await.map_err(|error| unreadable(error.to_string()))?.map_err(unreadable)?;
    writer.finish().await.map_err(failed(table.name))?;
    Ok(checksum)
}

/// Rows on their way.
struct Batch {
    rows: Vec<Vec<Value>>,
    all: u64,
}

/// Reads a table of the store. It ends early when nobody takes what it reads.
fn read(database: &Path, table: &Table, to: &mpsc::Sender<Batch>) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    let connection = rusqlite::Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(text)?;
    let count = format!("SELECT count(*) FROM {}", table.name);
    let all = connection.query_row(&count, [], |row| row.get::<_, i64>(0)).map_err(text)?.cast_unsigned();
    let select = format!("SELECT {} FROM {}", table.columns(), table.name);
    let mut statement = connection.prepare(&select).map_err(text)?;
    let mut found = statement.query([]).map_err(text)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(text)? {
        rows.push(table.read_sqlite(row)?);
        if rows.len() >= BATCH_ROWS {
            let batch = Batch { rows: std::mem::take(&mut rows), all };
            if to.blocking_send(batch).is_err() {
                return Ok(());
            }
        }
    }
    drop(to.blocking_send(Batch { rows, all }));
    Ok(())
}

/// Reads back what was written; answers its checksum.
async fn read_back(
    client: &Client,
    table: &'static Table,
    all: u64,
    progress: &mut (impl FnMut(CopyProgress) + Send),
) -> Result<Checksum, CopyError> {
    let copy = format!("COPY kimbai.{} ({}) TO STDOUT (FORMAT binary)", table.name, table.columns());
    let types: Vec<Type> = table.types();
    let stream = client.copy_out(&copy).await.map_err(failed(table.name))?;
    let mut rows = pin!(BinaryCopyOutStream::new(stream, &types));
    let mut checksum = Checksum::default();
    while let Some(row) = rows.try_next().await.map_err(failed(table.name))? {
        checksum.add(&table.read_postgres(&row).map_err(failed(table.name))?);
        if checksum.rows().is_multiple_of(PROGRESS_ROWS) || checksum.rows() == all {
            progress(CopyProgress { step: CopyStep::Comparing, table: table.name, rows: checksum.rows(), all });
        }
    }
    Ok(checksum)
}

fn failed(table: &'static str) -> impl FnOnce(Error) -> CopyError {
    move |error| CopyError::Write { table, reason: postgres::explain(error) }
}

const BATCH_ROWS: usize = 1_000;
const BATCHES_MAX: usize = 8;
const PROGRESS_ROWS: u64 = 10_000;
