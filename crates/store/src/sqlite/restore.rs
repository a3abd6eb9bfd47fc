//! Restoring a backup: into a directory of its own, checked whole, and so that nothing that was revoked since revives.
//!
//! What was issued between the backup and its restore is not known any more. So all epochs go beyond any that may have
//! been reached meanwhile, and new numbers beyond any that may have been drawn.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension};

use super::backup::MARK;
use super::connection::Files;
use super::migrate;
use super::part::{Part, Unwritten};
use super::{APPLICATION_ID, OpenError};
use crate::{BackupProgress, Clock};

/// A store that was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Its size.
    pub bytes: u64,
    /// The moment its backup is of; what came later is lost.
    pub moment: Micros,
}

/// Why nothing was restored. Nothing is left that a store would be opened from.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be read.
    #[error("cannot read {}: is it there, and may this user read it?", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// It is not of kimbai.
    #[error("{} is no backup of kimbai; name a file that a backup of kimbai has written", .0.display())]
    Foreign(PathBuf),
    /// It is a store's own database.
    #[error("{} is a store's own database and may lack what its log holds; have the store make a backup", .0.display())]
    NoBackup(PathBuf),
    /// Its end is missing.
    #[error("{} is cut: it has {found} of {expected} bytes; copy it again from where it is whole", path.display())]
    Cut {
        /// Which file.
        path: PathBuf,
        /// Its size by its own head.
        expected: u64,
        /// Its size.
        found: u64,
    },
    /// Something in it is not as it was written.
    #[error("{} is damaged ({reason}); use another backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// It was made by a later version.
    #[error("the backup has schema {found}, this version knows {known}; restore it with the newer kimbai")]
    NewerSchema {
        /// The backup's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It was made by another build.
    #[error("the backup's migration {number} is not the one of this version; restore it with the build that made it")]
    OtherSchema {
        /// The migration's number.
        number: u32,
    },
    /// Something is in the directory already.
    #[error("{} has {found} in it; restore into a new directory, in which at most master.key lies", directory.display())]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
        /// What lies there.
        found: String,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(OpenError),
    /// The directory's disk is full.
    #[error("the disk of {} is full; nothing was kept; make room, and restore again", .0.display())]
    Full(PathBuf),
    /// The database could not be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Makes a store of a backup, in a directory that is missing or empty but for a `master.key`.
///
/// All grants, sessions and tokens of the backup are dead afterwards: which of them were revoked since is not known.
/// The database has its name as the last step.
///
/// # Errors
/// [`RestoreError`]: why nothing was restored, and what to do about it.
pub fn restore(backup: &Path, directory: &Path, progress: &BackupProgress) -> Result<Restored, RestoreError> {
    let bytes = check_head(backup)?;
    check_vacant(directory)?;
    let files = Files::new(directory.to_path_buf());
    let _lock = files.lock().map_err(RestoreError::Directory)?;
    let unwritten = |error| match error {
        Unwritten::Full => RestoreError::Full(files.database()),
        Unwritten::Other(reason) => RestoreError::Write { path: files.database(), reason },
    };
    let part = Part::new(&files.database()).map_err(unwritten)?;
    progress.all_bytes.store(bytes, Ordering::Relaxed);
    copy(backup, part.path(), progress)?.map_err(unwritten)?;
    let mut connection = part.connect().map_err(unwritten)?;
    let moment = check_content(&connection, backup)?;
    renew(&mut connection, moment).map_err(|error| unwritten(error.into()))?;
    let bytes = part.keep(connection).map_err(unwritten)?;
    Ok(Restored { bytes, moment })
}

/// The head of the file (<https://sqlite.org/fileformat2.html#the_database_header>); answers the file's size.
fn check_head(backup: &Path) -> Result<u64, RestoreError> {
    let failed = |source| RestoreError::Read { path: backup.to_path_buf(), source };
    let mut file = File::open(backup).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    let mut head = [0; 100];
    let foreign = || RestoreError::Foreign(backup.to_path_buf());
    let is_short = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    let whole = file.read_exact(&mut head);
    whole.map_err(|error| if is_short(&error) { foreign() } else { failed(error) })?;
    if !head.starts_with(b"SQLite format 3\0") || number(&head, 68) != APPLICATION_ID {
        return Err(foreign());
    }
    // Two bytes, and 1 for what does not fit into them.
    let page_bytes = match number(&head, 16) >> 16 {
        1 => 65_536,
        bytes => bytes,
    };
    let expected = u64::from(page_bytes) * u64::from(number(&head, 28));
    if found < expected {
        return Err(RestoreError::Cut { path: backup.to_path_buf(), expected, found });
    }
    Ok(found)
}

/// The four bytes at this place.
fn number(head: &[u8; 100], at: usize) -> u32 {
    let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

fn check_vacant(directory: &Path) -> Result<(), RestoreError> {
    let failed = |source| RestoreError::Directory(OpenError::Files { path: directory.to_path_buf(), source });
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        // The rest is what a restore leaves that was killed.
        let may_be = ["master.key", "kimbai.lock"].iter().any(|allowed| name == **allowed)
            || name.as_encoded_bytes().starts_with(b"kimbai.db.part");
        if !may_be {
            let found = name.to_string_lossy().into_owned();
            return Err(RestoreError::NotEmpty { directory: directory.to_path_buf(), found });
        }
    }
    Ok(())
}

/// Copies the file; the outer error is the backup's, the inner one the copy's.
fn copy(from: &Path, to: &Path, progress: &BackupProgress) -> Result<Result<(), Unwritten>, RestoreError> {
    let failed = |source| RestoreError::Read { path: from.to_path_buf(), source };
    let mut source = File::open(from).map_err(failed)?;
    let mut target = match File::options().write(true).open(to) {
        Ok(target) => target,
        Err(error) => return Ok(Err(error.into())),
    };
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let read = source.read(&mut buffer).map_err(failed)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok(Ok(())) };
        if let Err(error) = target.write_all(bytes) {
            return Ok(Err(error.into()));
        }
        progress.done_bytes.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
    }
}

/// Whether all of it can be read and is of this version; answers the backup's moment.
fn check_content(connection: &Connection, backup: &Path) -> Result<Micros, RestoreError> {
    let path = || backup.to_path_buf();
    let damaged = |error: rusqlite::Error| RestoreError::Damaged { path: path(), reason: error.to_string() };
    let mark: Option<[u8; 8]> = connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [MARK], |row| row.get(0))
        .optional()
        .map_err(damaged)?;
    let Some(mark) = mark else { return Err(RestoreError::NoBackup(path())) };
    let reason: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if reason != "ok" {
        return Err(RestoreError::Damaged { path: path(), reason });
    }
    match migrate::recognise(connection, migrate::ALL) {
        Ok(_) => Ok(Micros(i64::from_be_bytes(mark))),
        Err(OpenError::NewerSchema { found, known }) => Err(RestoreError::NewerSchema { found, known }),
        Err(OpenError::OtherSchema { number }) => Err(RestoreError::OtherSchema { number }),
        Err(error) => Err(RestoreError::Damaged { path: path(), reason: error.to_string() }),
    }
}

/// Makes a store's database of the copy, in which nothing lives that was issued before.
fn renew(connection: &mut Connection, moment: Micros) -> rusqlite::Result<()> {
    // One more is not enough: an epoch that grew since the backup must not be reached again by those tokens that it ended,
    // even where the same backup is restored twice.
    let passed_s = u32::try_from(Clock::default().now().since(moment).as_secs()).unwrap_or(u32::MAX);
    let epochs = EPOCHS_MIN.saturating_add(passed_s);
    let numbers = NUMBERS_MIN.saturating_add(passed_s.saturating_mul(NUMBERS_PER_S));
    let transaction = connection.transaction()?;
    transaction.execute("UPDATE standing SET epoch = min(epoch + ?1, ?2)", [epochs, u32::MAX])?;
    // Also of what there was none of yet.
    transaction.execute(
        "INSERT INTO counters (realm, kind, next) SELECT r.realm, k.kind, 1 FROM \
         (SELECT number AS realm FROM realms UNION SELECT realm FROM counters) AS r CROSS JOIN \
         (SELECT 'client' AS kind UNION SELECT 'user' UNION SELECT 'organization') AS k WHERE true ON CONFLICT DO NOTHING",
        [],
    )?;
    transaction.execute(
        "UPDATE counters SET next = min(next + ?1, ?2) WHERE kind IN ('realm', 'client', 'user', 'organization')",
        [numbers, u32::MAX],
    )?;
    transaction.execute("DELETE FROM keys WHERE usage = ?1", [SIGNING_KEYS])?;
    transaction.execute("DELETE FROM meta WHERE key = ?1", [MARK])?;
    transaction.commit()
}

/// The use of keys that sign. One that was retired since the backup, because it is in wrong hands, must not come back: what they signed is
/// over, as all that was issued is, and the next ones are made when they are needed.
const SIGNING_KEYS: &str = "signing";
const COPY_BYTES: usize = 1 << 20;
/// So often an epoch may have grown since the backup, and once more in each second since.
const EPOCHS_MIN: u32 = 1_000;
/// So many realms, and clients, users and organizations of each realm, may have been made since the backup, whenever it was.
const NUMBERS_MIN: u32 = 1_000_000;
/// And so many more in each second since.
const NUMBERS_PER_S: u32 = 10;
