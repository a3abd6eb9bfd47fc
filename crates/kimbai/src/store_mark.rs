//! Which database a server's own directory is for, said in a file there. The master key in the directory is that store's: it must not
//! become the key of another one, because a URL was mistyped or a database was lost.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::config::StorePlace;
use crate::installation::DATABASE_FILE;

/// The file.
const FILE: &str = "kimbai.store";
/// What follows the name of the store on a line of its own.
const EXPLANATION: &str = "is the store of the server with this directory; no other is made or started here.\n";

/// Where the file of a directory is.
pub(crate) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// Says that this directory is for this store.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(directory: &Path, store: &StorePlace) -> anyhow::Result<()> {
    let (path, name) = (file(directory), store.name());
    if marked(&path)?.as_deref() == Some(&*name) {
        return Ok(());
    }
    let written = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(format!("{name}\n{EXPLANATION}").as_bytes())?;
        file.sync_all()
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

/// Whether the embedded store in this directory may be opened.
///
/// # Errors
/// The directory is for a database.
pub(crate) fn allow_embedded(directory: &Path) -> anyhow::Result<()> {
    let path = file(directory);
    let Some(name) = marked(&path)? else { return Ok(()) };
    bail!(
        "{} is for {name}: name that with --store, or another directory with --data; an embedded store that was copied there must \
         not go on issuing tokens (if there was no such copy, or it is of no use, remove {})",
        directory.display(),
        path.display()
    )
}

/// Whether a new store may be made in an empty database by the server with this directory.
///
/// # Errors
/// The directory is for another store, or for one that was in this database.
pub(crate) fn allow_new(directory: &Path, store: &StorePlace) -> anyhow::Result<()> {
    let (path, name, shown) = (file(directory), store.name(), directory.display());
    match marked(&path)? {
        Some(marked) if marked == name => bail!(
            "{name} has no store, and {shown} is for one that was there: restore it; to begin anew, use another directory, or \
             remove {}",
            path.display()
        ),
        Some(marked) => {
            bail!(
                "{name} has no store, and {shown} is for {marked}: is the URL mistyped? for a new store use another directory"
            )
        }
        None if directory.join(DATABASE_FILE).exists() => bail!(
            "{name} has no store, and {shown} has an embedded one: carry it over with `kimbai copy`; for a new store use another \
             directory"
        ),
        None => Ok(()),
    }
}

/// The name of the store that the file names.
fn marked(path: &Path) -> anyhow::Result<Option<String>> {
    let absent = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.lines().next().unwrap_or_default().to_owned())),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_for_one_store_and_none_is_made_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let store = |url: &str| StorePlace::Postgres(Box::new(url.parse().unwrap()));
        let (one, other) = (store("postgres://an:geheim@db/one"), store("postgres://db/other"));
        allow_new(directory, &one).unwrap();
        allow_embedded(directory).unwrap();
        fs::write(directory.join(DATABASE_FILE), "").unwrap();
        let refused = |store| allow_new(directory, store).unwrap_err().to_string();
        assert!(refused(&one).contains("carry it over with `kimbai copy`"));
        write(directory, &one).unwrap();
        assert!(refused(&one).starts_with("postgresql://db:5432/one has no store, and "));
        assert!(refused(&other).contains(" is for postgresql://db:5432/one: is the URL mistyped?"));
        let embedded = allow_embedded(directory).unwrap_err().to_string();
        assert!(embedded.contains(" is for postgresql://db:5432/one: ") && embedded.contains(FILE), "{embedded}");
        write(directory, &other).unwrap();
        assert!(refused(&other).contains("restore it"));
        assert!(!fs::read_to_string(file(directory)).unwrap().contains("geheim"));
    }
}
