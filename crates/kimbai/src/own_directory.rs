//! The directory of a server whose store is elsewhere: made for its owner alone, and held, so that no second server takes its socket.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};

/// The file that is locked; the embedded store locks the same one.
pub(crate) const LOCK_FILE: &str = "kimbai.lock";

/// Makes the directory if it is not there, and holds it as long as the file is open.
///
/// # Errors
/// Another process has it, or it cannot be made.
pub(crate) fn hold(directory: &Path) -> anyhow::Result<File> {
    let shown = directory.display();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("cannot make {shown}: name a directory that this user may make, with --data"))?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(directory.join(LOCK_FILE));
    let lock = lock.with_context(|| format!("cannot write in {shown}: let this user write there"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("{shown} is in use by another kimbai process; stop that one, or use another directory")
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {shown}")),
    }
}
