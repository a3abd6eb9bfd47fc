//! The file of the master key: readable by its owner alone, written whole or not at all, whenever the process ends.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::master_key::{MasterKey, MasterKeyError};

/// The file of a master key, and the place beside it where the next one waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile(PathBuf);

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in it is no master key.
    #[error("{}: {error}; put the key of this store back", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: MasterKeyError,
    },
}

impl KeyFile {
    /// The key file at this path, which need not be there yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The key in it; `None` when there is no file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read(&self) -> Result<Option<MasterKey>, KeyFileError> {
        read(&self.0)
    }

    /// The key that waits beside it, if a rotation was cut short.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read_staged(&self) -> Result<Option<MasterKey>, KeyFileError> {
        read(&self.beside(".next"))
    }

    /// Writes a key into it, durably.
    ///
    /// # Errors
    /// What the operating system says; the file is as it was.
    pub fn write(&self, key: &MasterKey) -> io::Result<()> {
        write(&self.beside(".new"), &self.0, key)
    }

    /// Writes a key beside it, durably.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn stage(&self, key: &MasterKey) -> io::Result<()> {
        write(&self.beside(".new"), &self.beside(".next"), key)
    }

    /// Puts the key that waits beside it in its place.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn promote(&self) -> io::Result<()> {
        fs::rename(self.beside(".next"), &self.0)?;
        sync_directory(&self.0)
    }

    /// Forgets the key that waits beside it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn unstage(&self) -> io::Result<()> {
        fs::remove_file(self.beside(".next"))?;
        sync_directory(&self.0)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(self.0.as_os_str());
        name.push(suffix);
        PathBuf::from(name)
    }
}

fn read(path: &Path) -> Result<Option<MasterKey>, KeyFileError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            let malformed = |error| KeyFileError::Malformed { path: path.to_owned(), error };
            MasterKey::parse(&text).map(Some).map_err(malformed)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyFileError::Read { path: path.to_owned(), source }),
    }
}

fn write(unfinished: &Path, to: &Path, key: &MasterKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(unfinished)?;
    file.write_all(key.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, to)?;
    sync_directory(to)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fits(key: &MasterKey, other: &MasterKey) -> bool {
        other.unwrap("x", &key.wrap("x", b"y")).is_ok()
    }

    #[test]
    fn a_staged_key_waits_until_it_is_promoted() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::new(directory.path().join("master.key"));
        assert!(file.read().unwrap().is_none());
        let (first, second) = (MasterKey::generate(), MasterKey::generate());
        file.write(&first).unwrap();
        file.stage(&second).unwrap();
        assert!(fits(&first, &file.read().unwrap().unwrap()));
        assert!(fits(&second, &file.read_staged().unwrap().unwrap()));
        file.unstage().unwrap();
        assert!(file.read_staged().unwrap().is_none() && fits(&first, &file.read().unwrap().unwrap()));
        file.stage(&second).unwrap();
        file.promote().unwrap();
        assert!(fits(&second, &file.read().unwrap().unwrap()));
        assert!(file.read_staged().unwrap().is_none());
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["master.key"]);
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_is_an_error_that_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::new(directory.path().join("master.key"));
        fs::write(file.path(), "not a key").unwrap();
        let error = file.read().unwrap_err().to_string();
        assert!(error.contains("master.key: the master key is not 32 bytes"), "{error}");
    }
}
