//! What `kimbai serve` and the commands beside it are told: by flags, the environment and `kimbai.toml`, each over the
//! next, and all over the defaults. `keys` declares what there is; the other files read it, find what is wrong with it,
//! and show it. Everything wrong is reported at once, with its place and what to do.

mod args;
pub(crate) mod command;
mod contradictions;
mod environment;
mod file;
pub(crate) mod keys;
mod nearest;
mod origin;
mod problem;
mod reading;
#[cfg(test)]
mod reference;
mod store;
#[cfg(test)]
mod tests;
mod value;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use kimbai_keyring::MasterKey;
use kimbai_store::postgres::Options;

pub(crate) use self::args::{DataArgs, ServeArgs, TargetArgs};
use self::file::Presence;
use self::keys::Entry;
pub(crate) use self::origin::{Origin, Source};
pub(crate) use self::problem::{Problem, Problems};
use self::reading::{Given, Reading, Setting};
pub(crate) use self::store::StorePlace;
pub(crate) use self::value::{LogFormat, ProxyHeader};

/// Everything that `kimbai serve` needs to know; whole and free of contradictions.
#[derive(Debug)]
pub(crate) struct Config {
    /// The configuration file that was read.
    pub(crate) file: Option<PathBuf>,
    pub(crate) listen: Listen,
    /// Without it, HTTP is spoken.
    pub(crate) tls: Option<TlsFiles>,
    /// Without it, the peer is the client.
    pub(crate) proxies: Option<Proxies>,
    /// This server's own directory.
    pub(crate) data: PathBuf,
    pub(crate) store: StorePlace,
    /// The file that names the store, if one is given.
    pub(crate) url_file: Option<PathBuf>,
    /// What may be set about a store in PostgreSQL.
    pub(crate) postgres: Options,
    pub(crate) master_key: MasterKeySource,
    pub(crate) log: Log,
    /// How many connections a public address holds open.
    pub(crate) connections_max: u32,
    /// Every key as it is shown, and where its value comes from; in the order of the table.
    pub(crate) settings: Vec<Setting>,
}

/// Where it answers; no two of these overlap.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// One at least.
    pub(crate) public: Vec<SocketAddr>,
    pub(crate) operator: Option<SocketAddr>,
}

/// Certificate chain and key, in PEM.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
}

/// Whose word about the client's address is taken, and in which header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proxies {
    /// One at least.
    pub(crate) trusted: Vec<IpNet>,
    pub(crate) header: ProxyHeader,
}

/// Where the master key is.
#[derive(Debug)]
pub(crate) enum MasterKeySource {
    /// It was given itself.
    Given(MasterKey),
    /// In this file, which may not be there yet.
    File(PathBuf),
}

/// What is logged, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// A level or a filter.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// What surrounds the process: read once, and given in tests.
struct Surroundings {
    variables: Vec<(OsString, OsString)>,
    /// How a log on standard error is written unless it is said.
    log_format: LogFormat,
}

impl Surroundings {
    fn of_this_process() -> Self {
        let log_format = if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Self { variables: std::env::vars_os().collect(), log_format }
    }
}

impl Config {
    /// Reads all sources: the file at `path`, or `kimbai.toml` in the working directory if it is there.
    fn load(path: Option<&Path>, flags: Vec<Given>, surroundings: Surroundings) -> Result<Self, Problems> {
        let presence = if path.is_some() { Presence::Required } else { Presence::Optional };
        let path = path.unwrap_or(Path::new(file::DEFAULT_NAME));
        let (from_environment, mut problems) = environment::read(surroundings.variables.into_iter());
        let from_file = match file::read(path, presence) {
            Ok(given) => given,
            Err(more) => {
                // Without what the file says, the rest would look wrong where it is not.
                problems.extend(more);
                return Err(Problems::new(problems));
            }
        };
        let file = from_file.is_some().then(|| path.to_owned());
        let directory = file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let content = from_file.unwrap_or_default();
        problems.extend(content.problems);
        let given = flags.into_iter().chain(from_environment).chain(content.given);
        Self::resolve(Reading::new(given.collect(), directory, problems), file, surroundings.log_format)
    }

    fn resolve(mut reading: Reading, file: Option<PathBuf>, log_format: LogFormat) -> Result<Self, Problems> {
        let listen = reading.take(&keys::LISTEN_PUBLIC).zip(reading.take(&keys::LISTEN_OPERATOR));
        let listen = listen.map(|(public, operator)| Listen { public, operator });
        let tls = reading.take(&keys::TLS_CERTIFICATE_FILE).zip(reading.take(&keys::TLS_PRIVATE_KEY_FILE));
        let tls = tls.map(|(certificate, private_key)| TlsFiles { certificate, private_key });
        let trusted = reading.take(&keys::PROXIES_TRUSTED).unwrap_or_default();
        let header = reading.take(&keys::PROXIES_HEADER);
        let places = store::take(&mut reading);
        let postgres = take_postgres(&mut reading);
        let directory = places.as_ref().map_or(Path::new(""), |places| &places.directory);
        let master_key = take_master_key(&mut reading, directory);
        let level = reading.take(&keys::LOG_LEVEL).map(|level| level.0);
        let format = reading.take_or(&keys::LOG_FORMAT, log_format);
        let connections = reading.take(&keys::LIMITS_CONNECTIONS);
        if reading.problems.is_empty() {
            contradictions::find(&mut reading, listen.as_ref(), &trusted);
        }
        Problems::unless_empty(reading.problems)?;
        let proxies = header.map(|header| Proxies { trusted, header });
        // What is missing was a problem; so that all of it is there.
        let whole = (listen, places.zip(postgres), master_key, level.zip(format), connections);
        let (Some(listen), Some((places, postgres)), Some(master_key), Some((level, format)), Some(connections)) =
            whole
        else {
            return Err(Problems::new(Vec::new()));
        };
        let (log, connections_max) = (Log { level, format }, connections.0);
        let store::Places { directory: data, store, url_file } = places;
        let settings = reading.settings;
        Ok(Self {
            file,
            listen,
            tls,
            proxies,
            data,
            store,
            url_file,
            postgres,
            master_key,
            log,
            connections_max,
            settings,
        })
    }

    /// Where the value of a key comes from.
    fn origin(&self, entry: &Entry) -> Origin {
        let setting = self.settings.iter().find(|setting| setting.entry.name == entry.name);
        setting.map_or(Origin::Default, |setting| setting.origin.clone())
    }
}

fn take_postgres(reading: &mut Reading) -> Option<Options> {
    let statements = reading.take(&keys::STORE_STATEMENTS);
    let (lanes, pool) = (reading.take(&keys::STORE_LANES), reading.take(&keys::STORE_POOL));
    let (statements, (lanes, pool)) = statements.zip(lanes.zip(pool))?;
    let (lanes, pool) = (usize::try_from(lanes.0).ok()?, usize::try_from(pool.0).ok()?);
    Some(Options { statements: statements.into(), lanes, pool, ..Options::default() })
}

fn take_master_key(reading: &mut Reading, data: &Path) -> Option<MasterKeySource> {
    let is_given = reading.is_given(&keys::MASTER_KEY.entry);
    let key = reading.take(&keys::MASTER_KEY);
    if is_given {
        reading.take(&keys::MASTER_KEY_FILE);
        return key.map(MasterKeySource::Given);
    }
    reading.take_or(&keys::MASTER_KEY_FILE, data.join(MASTER_KEY_FILE)).map(MasterKeySource::File)
}

/// The master key's name in the data directory.
const MASTER_KEY_FILE: &str = "master.key";
