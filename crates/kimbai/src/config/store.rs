//! The store, and the directory that is this server's own. Of the embedded store they are one and the same; PostgreSQL is elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use kimbai_store::postgres::{Statements, StoreUrl};
use serde_json::{Value as Json, json};

use super::keys::{self, Entry};
use super::origin::Origin;
use super::problem::Problem;
use super::reading::Reading;
use super::value::{Item, Mistake, Shape, Value, Word, choice, number, quoted, shown_choice};

/// Where the store is.
#[derive(Debug)]
pub(crate) enum StorePlace {
    /// Embedded, in this directory.
    Sqlite(PathBuf),
    /// In a database that other servers may use as well.
    Postgres(Box<StoreUrl>),
}

impl StorePlace {
    /// What a command and the server that it meets must agree on: not by whom or how the store is reached.
    pub(crate) fn name(&self) -> String {
        match self {
            // The directory is the one in which they meet.
            Self::Sqlite(_) => "the embedded store".to_owned(),
            Self::Postgres(url) => format!("postgresql://{}", url.place()),
        }
    }
}

/// How verbs are written as statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatementMode {
    Batched,
    Single,
}

/// Connections for the verbs of grants, from 1 to [`LANES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lanes(pub(crate) u32);

/// Connections for everything else, from 1 to [`POOL_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolSize(pub(crate) u32);

/// A store, and the directory of this server.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) directory: PathBuf,
    pub(super) store: StorePlace,
    /// The file that names the store, if one does.
    pub(super) url_file: Option<PathBuf>,
}

/// Takes `data.directory`, `store.url` and `store.url_file`: each says something of the others. Nothing if one is wrong.
pub(super) fn take(reading: &mut Reading) -> Option<Places> {
    let problems = reading.problems.len();
    let (url, file) = (&keys::STORE_URL.entry, &keys::STORE_URL_FILE.entry);
    let directory = reading.read_given(&keys::DATA_DIRECTORY);
    let url_file = reading.read_given(&keys::STORE_URL_FILE);
    let named = reading.strongest(url, file, "name the store, or the file with its URL");
    let store = match named {
        Some(entry) if entry.name == file.name => url_file.as_deref().and_then(|path| read_file(reading, path)),
        Some(_) => reading.read_given(&keys::STORE_URL),
        None => None,
    };
    if reading.problems.len() > problems {
        return None;
    }
    let Settled { mut places, directory_from, store_from } = settle(reading, directory, store.zip(named))?;
    reading.set_out(&keys::DATA_DIRECTORY.entry, Some(Word::show(&places.directory)), directory_from);
    reading.set_out(url, Some(Word::show(&places.store)), store_from);
    let origin = reading.origin(file);
    reading.set_out(file, url_file.as_ref().map(Word::show), origin);
    places.url_file = url_file;
    Some(places)
}

/// Both places, and what each follows from.
struct Settled {
    places: Places,
    directory_from: Origin,
    store_from: Origin,
}

/// What was not said follows from what was; the store comes with the key that names it.
fn settle(
    reading: &mut Reading,
    directory: Option<PathBuf>,
    store: Option<(StorePlace, &'static Entry)>,
) -> Option<Settled> {
    let own = &keys::DATA_DIRECTORY.entry;
    let from = reading.origin(own);
    let is_said = directory.is_some();
    let directory = directory.unwrap_or_else(|| reading.beside_file(DIRECTORY));
    match store {
        None => {
            let places = Places::embedded(directory);
            Some(Settled { places, directory_from: from.clone(), store_from: from })
        }
        Some((store @ StorePlace::Postgres(_), named)) => {
            let store_from = reading.origin(named);
            Some(Settled { places: Places { directory, store, url_file: None }, directory_from: from, store_from })
        }
        Some((StorePlace::Sqlite(path), named)) => {
            let store_from = reading.origin(named);
            if !is_said || path == directory {
                let directory_from = if is_said { from } else { store_from.clone() };
                return Some(Settled { places: Places::embedded(path), directory_from, store_from });
            }
            let advice = "the embedded store is in this server's own directory: leave one of them out";
            let stronger = reading.strongest(own, named, advice)?;
            let (path, from) = if stronger.name == own.name { (directory, from) } else { (path, store_from) };
            Some(Settled { places: Places::embedded(path), directory_from: from.clone(), store_from: from })
        }
    }
}

/// A URL that stands in a file of its own; what is in it is never shown as it is.
fn read_file(reading: &mut Reading, path: &Path) -> Option<StorePlace> {
    let origin = reading.origin(&keys::STORE_URL_FILE.entry);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            let advice = "name a file that this user may read, with the store's URL in it and nothing else";
            reading.problems.push(Problem::new(origin, message, advice));
            return None;
        }
    };
    let item = Item { text: text.trim_end().to_owned(), origin };
    let directory = path.parent().unwrap_or(Path::new(""));
    <StorePlace as Value>::read(&[item], directory).map_err(|problems| reading.problems.extend(problems)).ok()
}

impl Places {
    fn embedded(directory: PathBuf) -> Self {
        Self { store: StorePlace::Sqlite(directory.clone()), directory, url_file: None }
    }
}

impl Word for StorePlace {
    const KIND: &'static str = "`sqlite:` and a directory, or `postgres://…`";

    fn read(text: &str, base: &Path) -> Result<Self, Mistake> {
        if let Some(("postgres" | "postgresql", _)) = text.split_once(':') {
            let url = text.parse().map_err(|error: kimbai_store::postgres::UrlError| {
                Mistake::new(
                    error.to_string(),
                    "write postgres://user@host/database; docs/operate.md has the parameters",
                )
            });
            return url.map(|url| Self::Postgres(Box::new(url)));
        }
        let advice = "write sqlite: and a directory, like sqlite:/var/lib/kimbai, or postgres://user@host/database";
        let wrong = || Mistake::new(format!("{} is no store", quoted(text)), advice);
        let path = text.strip_prefix("sqlite:").ok_or_else(wrong)?;
        // In a URL a host would follow two slashes; three are an absolute path in any reading.
        if path.starts_with("//") && !path.starts_with("///") {
            return Err(wrong());
        }
        <PathBuf as Word>::read(path, base).map(Self::Sqlite).map_err(|_| wrong())
    }

    fn show(&self) -> Json {
        match self {
            Self::Sqlite(directory) => json!(format!("sqlite:{}", directory.display())),
            Self::Postgres(url) => json!(url.to_string()),
        }
    }
}

impl From<StatementMode> for Statements {
    fn from(mode: StatementMode) -> Self {
        match mode {
            StatementMode::Batched => Self::Batched,
            StatementMode::Single => Self::Single,
        }
    }
}

impl Word for StatementMode {
    const KIND: &'static str = "`batched` or `single`";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        choice(text, "way to write statements")
    }

    fn show(&self) -> Json {
        shown_choice(self)
    }
}

impl Word for Lanes {
    const SHAPE: Shape = Shape::Number;
    const KIND: &'static str = "number from 1 to 64";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        number(text, LANES_MAX).map(Self)
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

impl Word for PoolSize {
    const SHAPE: Shape = Shape::Number;
    const KIND: &'static str = "number from 1 to 1000";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        number(text, POOL_MAX).map(Self)
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

/// Where a server keeps what is its own, unless it is said.
const DIRECTORY: &str = "kimbai-data";
const LANES_MAX: u32 = 64;
const POOL_MAX: u32 = 1_000;
