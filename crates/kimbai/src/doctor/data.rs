//! The data directory, the master key, and whether a server has them.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kimbai_keyring::MasterKey;

use super::Check;
use crate::config::{Config, MasterKeySource};

/// The names that the store gives its files.
pub(super) const DATABASE: [&str; 2] = ["kimbai.db", "kimbai.db-wal"];
const LOCK: &str = "kimbai.lock";

/// Whether a server works with this data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Running,
    Stopped,
}

impl Server {
    pub(super) fn check(self) -> Check {
        match self {
            Self::Running => Check::ok("server", "is running with this data"),
            Self::Stopped => Check::ok("server", "is not running with this data"),
        }
    }
}

/// Asks the lock, and holds it no longer than that.
pub(super) fn server(data: &Path) -> Server {
    let lock = File::open(data.join(LOCK)).map(|lock| lock.try_lock_shared());
    if matches!(lock, Ok(Err(TryLockError::WouldBlock))) { Server::Running } else { Server::Stopped }
}

/// Whom a file belongs to, and who may use it.
#[derive(Debug, Clone)]
struct Access {
    path: PathBuf,
    user_id: u32,
    mode: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
}

impl Access {
    fn new(path: &Path, metadata: &Metadata) -> Self {
        let kind = if metadata.is_dir() { Kind::Directory } else { Kind::File };
        Self { path: path.to_owned(), user_id: metadata.uid(), mode: metadata.mode() & 0o777, kind }
    }

    /// What is wrong with it for this user, and what to do.
    fn fault(&self, user_id: u32) -> Option<(String, String)> {
        let path = self.path.display();
        let needed = match self.kind {
            Kind::Directory => 0o700,
            Kind::File => 0o600,
        };
        if self.user_id != user_id {
            let found = format!("{path} belongs to user {}, this is user {user_id}", self.user_id);
            return Some((found, format!("run as the user whom it belongs to, or: chown {user_id} {path}")));
        }
        let found = if self.mode & 0o077 != 0 {
            format!("others may use {path} (mode {:03o})", self.mode)
        } else if self.mode & needed != needed {
            format!("its owner may not use {path} (mode {:03o})", self.mode)
        } else {
            return None;
        };
        Some((found, format!("chmod {needed:o} {path}")))
    }
}

/// The directory and what is in it.
pub(super) fn directory(data: &Path) -> Check {
    let files = fs::metadata(data).and_then(|metadata| {
        let mut all = vec![Access::new(data, &metadata)];
        if metadata.is_dir() {
            for entry in fs::read_dir(data)? {
                let entry = entry?;
                all.push(Access::new(&entry.path(), &entry.metadata()?));
            }
        }
        Ok(all)
    });
    directory_verdict(data, files, rustix::process::geteuid().as_raw())
}

fn directory_verdict(data: &Path, files: std::io::Result<Vec<Access>>, user_id: u32) -> Check {
    const NAME: &str = "data";
    let shown = data.display();
    match files {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Check::ok(NAME, format!("{shown} is not there yet; the first start makes it"))
        }
        Err(error) => Check::problem(NAME, format!("{shown}: {error}"), "let this user read the directory"),
        Ok(all) if all.first().is_none_or(|first| first.kind != Kind::Directory) => {
            Check::problem(NAME, format!("{shown} is no directory"), "name a directory, or move the file away")
        }
        Ok(all) => match all.iter().find_map(|file| file.fault(user_id)) {
            Some((found, advice)) => Check::problem(NAME, found, advice),
            None => Check::ok(NAME, format!("{shown} and the {} files in it are their owner's alone", all.len() - 1)),
        },
    }
}

/// Whether it is there, closed to others, and well formed. (Whether it fits the store, its opening tells.)
pub(super) fn master_key(config: &Config) -> Check {
    let path = match &config.master_key {
        MasterKeySource::Given(_) => return Check::ok(KEY, "given by the environment"),
        MasterKeySource::File(path) => path,
    };
    let file = fs::metadata(path).and_then(|metadata| Ok((Access::new(path, &metadata), fs::read_to_string(path)?)));
    let has_store = DATABASE.iter().any(|name| config.data.join(name).exists());
    let store = if has_store { Store::There } else { Store::ToBeMade };
    master_key_verdict(path, file, store, rustix::process::geteuid().as_raw())
}

/// Whether there is a store, to which a key must belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    There,
    ToBeMade,
}

fn master_key_verdict(path: &Path, file: std::io::Result<(Access, String)>, store: Store, user_id: u32) -> Check {
    let shown = path.display();
    match (file, store) {
        (Err(error), Store::ToBeMade) if error.kind() == ErrorKind::NotFound => {
            Check::ok(KEY, format!("{shown} is not there yet; the first start makes it"))
        }
        (Err(error), Store::There) if error.kind() == ErrorKind::NotFound => Check::problem(
            KEY,
            format!("{shown} is missing"),
            "put the master key of this store back, from where you keep it",
        ),
        (Err(error), _) => Check::problem(KEY, format!("{shown}: {error}"), "let this user read it"),
        (Ok((access, text)), _) => match (access.fault(user_id), MasterKey::parse(&text)) {
            (Some((found, advice)), _) => Check::problem(KEY, found, advice),
            (None, Err(error)) => Check::problem(KEY, format!("{shown}: {error}"), "put the right file back"),
            (None, Ok(_)) => Check::ok(KEY, format!("{shown} is well formed, and its owner's alone")),
        },
    }
}

/// Whether others can read the file with the store's URL, which may have a password in it.
pub(super) fn url_file(path: &Path) -> Check {
    match fs::metadata(path) {
        Ok(metadata) => url_file_verdict(path, metadata.mode() & 0o777),
        Err(error) => Check::problem(URL_FILE, format!("{}: {error}", path.display()), "let this user read it"),
    }
}

/// A group may be how the server's user may read what belongs to another one.
fn url_file_verdict(path: &Path, mode: u32) -> Check {
    let shown = path.display();
    if is_open_to_all(mode) {
        let found = format!("everybody may use {shown} (mode {mode:03o}), and its URL may have a password");
        return Check::warning(URL_FILE, found, format!("chmod o= {shown}"));
    }
    Check::ok(URL_FILE, format!("{shown} is closed to others"))
}

/// Whether whoever is neither the owner nor in the group may use a file.
pub(crate) const fn is_open_to_all(mode: u32) -> bool {
    mode & 0o007 != 0
}

const KEY: &str = "master key";
const URL_FILE: &str = "store URL";

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;
    use crate::doctor::Verdict;

    const OWNER: u32 = 7;

    #[test]
    fn a_directory_is_sound_if_it_and_its_files_are_its_owners_alone() {
        let access = |path: &str, user_id, mode, kind| Access { path: path.into(), user_id, mode, kind };
        let home = |mode| access("d", OWNER, mode, Kind::Directory);
        let file = |user_id, mode| access("d/kimbai.db", user_id, mode, Kind::File);
        for (files, verdict, expect) in [
            (Ok(vec![home(0o700), file(OWNER, 0o600)]), Verdict::Ok, "d and the 1 files in it"),
            (Err(Error::from(ErrorKind::NotFound)), Verdict::Ok, "d is not there yet"),
            (Err(Error::from(ErrorKind::PermissionDenied)), Verdict::Problem, "d: permission denied"),
            (Ok(vec![file(OWNER, 0o600)]), Verdict::Problem, "d is no directory"),
            (Ok(vec![home(0o750)]), Verdict::Problem, "others may use d (mode 750)"),
            (Ok(vec![home(0o500)]), Verdict::Problem, "its owner may not use d (mode 500)"),
            (Ok(vec![home(0o700), file(OWNER, 0o604)]), Verdict::Problem, "others may use d/kimbai.db (mode 604)"),
            (Ok(vec![home(0o700), file(0, 0o600)]), Verdict::Problem, "d/kimbai.db belongs to user 0, this is user 7"),
        ] {
            let check = directory_verdict(Path::new("d"), files, OWNER);
            assert_eq!((check.verdict, check.advice.is_some()), (verdict, verdict != Verdict::Ok), "{check:?}");
            assert!(check.found.starts_with(expect), "{check:?}");
        }
    }

    #[test]
    fn a_file_with_a_url_is_sound_if_only_its_owner_and_its_group_may_read_it() {
        for (mode, verdict) in [(0o600, Verdict::Ok), (0o640, Verdict::Ok), (0o644, Verdict::Warning)] {
            let check = url_file_verdict(Path::new("u"), mode);
            assert_eq!((check.verdict, check.advice.is_some()), (verdict, verdict != Verdict::Ok), "{check:?}");
        }
    }

    #[test]
    fn a_master_key_is_sound_if_it_is_well_formed_and_closed_or_still_to_be_made() {
        let text = || MasterKey::generate().to_text().to_string();
        let access = |mode| Access { path: "k".into(), user_id: OWNER, mode, kind: Kind::File };
        let missing = || Err(Error::from(ErrorKind::NotFound));
        for (file, store, verdict, expect) in [
            (Ok((access(0o600), text())), Store::There, Verdict::Ok, "k is well formed"),
            (missing(), Store::ToBeMade, Verdict::Ok, "k is not there yet"),
            (missing(), Store::There, Verdict::Problem, "k is missing"),
            (Err(Error::from(ErrorKind::PermissionDenied)), Store::There, Verdict::Problem, "k: permission denied"),
            (Ok((access(0o640), text())), Store::There, Verdict::Problem, "others may use k (mode 640)"),
            (Ok((access(0o600), "no key".to_owned())), Store::There, Verdict::Problem, "k: the master key is not 32"),
        ] {
            let check = master_key_verdict(Path::new("k"), file, store, OWNER);
            assert_eq!((check.verdict, check.advice.is_some()), (verdict, verdict != Verdict::Ok), "{check:?}");
            assert!(check.found.starts_with(expect), "{check:?}");
        }
    }
}
