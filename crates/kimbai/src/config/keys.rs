//! The table of keys: each is declared once, here. The file's names, the environment's, what `kimbai config print`
//! shows and `docs/configuration.md` follow from it.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use kimbai_keyring::MasterKey;

use super::store::{Lanes, PoolSize, StatementMode, StorePlace};
use super::value::{Connections, Level, LogFormat, ProxyHeader, Shape, Value};

pub(crate) static LISTEN_PUBLIC: Key<Vec<SocketAddr>> = Key::new(
    "listen.public",
    Fallback::Text("127.0.0.1:4500"),
    "Where the realms answer. Other machines reach it only if it is not a loopback address.",
)
.with_flag("--listen");
pub(crate) static LISTEN_OPERATOR: Key<Option<SocketAddr>> = Key::new(
    "listen.operator",
    Fallback::Text("127.0.0.1:4501"),
    "Where health and metrics answer; keep it away from the public. Empty: nowhere.",
)
.with_flag("--operator");
pub(crate) static TLS_CERTIFICATE_FILE: Key<PathBuf> = Key::new(
    "tls.certificate_file",
    Fallback::Nothing,
    "The certificate and those between it and its root, in PEM. Needs the key; without both, HTTP is spoken.",
);
pub(crate) static TLS_PRIVATE_KEY_FILE: Key<PathBuf> =
    Key::new("tls.private_key_file", Fallback::Nothing, "The certificate's private key, in PEM.");
pub(crate) static PROXIES_TRUSTED: Key<Vec<IpNet>> = Key::new(
    "proxies.trusted",
    Fallback::Text(""),
    "Proxies whose word about the client's address is taken. Empty: nobody's.",
);
pub(crate) static PROXIES_HEADER: Key<ProxyHeader> = Key::new(
    "proxies.header",
    Fallback::Nothing,
    "The one header that these proxies set; any other is ignored. Needed with `proxies.trusted`.",
);
pub(crate) static DATA_DIRECTORY: Key<PathBuf> = Key::new(
    "data.directory",
    Fallback::InWords("`\"kimbai-data\"`, or the embedded store's"),
    "This server's own directory, made if it is not there: the operator's socket, the master key, the embedded store.",
)
.with_flag("--data");
pub(crate) static STORE_URL: Key<StorePlace> = Key::new(
    "store.url",
    Fallback::InWords("`sqlite:` and `data.directory`"),
    "The store: `sqlite:` and a directory, which is `data.directory` then; or `postgres://user@host/database`.",
)
.with_flag("--store");
pub(crate) static STORE_URL_FILE: Key<PathBuf> =
    Key::new("store.url_file", Fallback::Nothing, "The file with that URL, where it holds a password.");
pub(crate) static STORE_STATEMENTS: Key<StatementMode> = Key::new(
    "store.statements",
    Fallback::Text("batched"),
    "PostgreSQL: many grants in one statement, or `single` rows, for engines that speak its protocol and shard.",
);
pub(crate) static STORE_LANES: Key<Lanes> =
    Key::new("store.lanes", Fallback::Text("4"), "PostgreSQL: so many connections of each server for grants.");
pub(crate) static STORE_POOL: Key<PoolSize> = Key::new(
    "store.pool",
    Fallback::Text("8"),
    "PostgreSQL: at most so many connections of each server for everything else, and one more that listens.",
);
pub(crate) static MASTER_KEY: Key<MasterKey> = Key::new(
    "master_key",
    Fallback::Nothing,
    "The master key itself: 32 bytes in base64. By environment only; a key in the configuration file is refused.",
);
pub(crate) static MASTER_KEY_FILE: Key<PathBuf> = Key::new(
    "master_key.file",
    Fallback::InWords("`master.key` in the data directory"),
    "The file with the master key, when the environment does not hold it.",
);
pub(crate) static LOG_LEVEL: Key<Level> =
    Key::new("log.level", Fallback::Text("info"), "What is logged on standard error, from this level on.")
        .with_flag("--log");
pub(crate) static LOG_FORMAT: Key<LogFormat> = Key::new(
    "log.format",
    Fallback::InWords("`text` on a terminal, else `json`"),
    "How it is written: for a person, or one JSON document a line.",
)
.with_flag("--log-format");
pub(crate) static LIMITS_CONNECTIONS: Key<Connections> = Key::new(
    "limits.connections",
    Fallback::Text("10000"),
    "How many connections a public address holds open, idle ones too; the next waits.",
);

/// All keys, in the order in which they are shown.
pub(crate) static ALL: [&Entry; 17] = [
    &LISTEN_PUBLIC.entry,
    &LISTEN_OPERATOR.entry,
    &TLS_CERTIFICATE_FILE.entry,
    &TLS_PRIVATE_KEY_FILE.entry,
    &PROXIES_TRUSTED.entry,
    &PROXIES_HEADER.entry,
    &DATA_DIRECTORY.entry,
    &STORE_URL.entry,
    &STORE_URL_FILE.entry,
    &STORE_STATEMENTS.entry,
    &STORE_LANES.entry,
    &STORE_POOL.entry,
    &MASTER_KEY.entry,
    &MASTER_KEY_FILE.entry,
    &LOG_LEVEL.entry,
    &LOG_FORMAT.entry,
    &LIMITS_CONNECTIONS.entry,
];

/// A key whose value is a `T`.
#[derive(Debug)]
pub(crate) struct Key<T> {
    pub(crate) entry: Entry,
    value: PhantomData<fn() -> T>,
}

/// What is known of a key, whatever the type of its value.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `table.key`, as in the file.
    pub(crate) name: &'static str,
    pub(crate) fallback: Fallback,
    /// A sentence or two for the reference.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))]
    pub(crate) meaning: &'static str,
    pub(crate) shape: Shape,
    /// What one value is, for the reference.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))]
    pub(crate) kind: &'static str,
    /// The flag that sets it.
    pub(crate) flag: Option<&'static str>,
}

/// What holds when nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// This, as if the environment had given it.
    Text(&'static str),
    /// It follows from something else; so the reference puts it.
    InWords(&'static str),
    /// The key is absent.
    Nothing,
}

impl<T: Value> Key<T> {
    const fn new(name: &'static str, fallback: Fallback, meaning: &'static str) -> Self {
        let entry = Entry { name, fallback, meaning, shape: T::SHAPE, kind: T::KIND, flag: None };
        Self { entry, value: PhantomData }
    }

    const fn with_flag(mut self, flag: &'static str) -> Self {
        self.entry.flag = Some(flag);
        self
    }
}

impl Entry {
    /// Its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("{}{}", super::environment::PREFIX, self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Its table and its name in there; nothing for what the file may not hold.
    pub(crate) fn in_file(&self) -> Option<(&'static str, &'static str)> {
        self.name.split_once('.')
    }
}
