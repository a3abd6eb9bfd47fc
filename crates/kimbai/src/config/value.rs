//! The types of values: how each is written, what is said of one that is wrong, and how it is shown.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ipnet::IpNet;
use kimbai_keyring::MasterKey;
use serde_json::{Value as Json, json};
use tracing_subscriber::EnvFilter;

use super::origin::{Origin, masked};
use super::problem::Problem;

/// How a value is written in the file; the environment and flags give text, a list separated by commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Number,
    /// Of texts; one may stand for itself.
    List,
}

/// One text of a value, and where it stands. It may be a secret, and has no `Debug`.
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// A type that a key may have.
pub(crate) trait Value: Sized {
    const SHAPE: Shape;
    /// What one is, for the reference.
    const KIND: &'static str;

    /// Reads it; `base` is the directory that a relative path is relative to.
    fn read(items: &[Item], base: &Path) -> Result<Self, Vec<Problem>>;

    /// As it is shown, secrets masked.
    fn show(&self) -> Json;
}

/// A value that is one text.
pub(crate) trait Word: Sized {
    const SHAPE: Shape = Shape::Text;
    const KIND: &'static str;

    fn read(text: &str, base: &Path) -> Result<Self, Mistake>;

    fn show(&self) -> Json;
}

/// What is wrong with a text, and what to write instead.
#[derive(Debug)]
pub(crate) struct Mistake {
    message: String,
    advice: String,
}

/// What is logged, as `tracing_subscriber::EnvFilter` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) String);

/// How many connections, from 1 to [`CONNECTIONS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connections(pub(crate) u32);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The header in which proxies say who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProxyHeader {
    /// RFC 7239.
    Forwarded,
    XForwardedFor,
}

impl Mistake {
    pub(super) fn new(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { message: message.into(), advice: advice.into() }
    }

    fn at(self, item: &Item) -> Problem {
        Problem::new(item.origin.clone(), self.message, self.advice)
    }
}

impl<W: Word> Value for W {
    const SHAPE: Shape = W::SHAPE;
    const KIND: &'static str = W::KIND;

    fn read(items: &[Item], base: &Path) -> Result<Self, Vec<Problem>> {
        // Its shape is no list, so that there is one.
        let Some(item) = items.first() else { return Err(Vec::new()) };
        W::read(&item.text, base).map_err(|mistake| vec![mistake.at(item)])
    }

    fn show(&self) -> Json {
        W::show(self)
    }
}

impl<W: Word> Value for Vec<W> {
    const SHAPE: Shape = Shape::List;
    const KIND: &'static str = W::KIND;

    fn read(items: &[Item], base: &Path) -> Result<Self, Vec<Problem>> {
        let (mut values, mut problems) = (Self::new(), Vec::new());
        for item in items {
            match W::read(&item.text, base) {
                Ok(value) => values.push(value),
                Err(mistake) => problems.push(mistake.at(item)),
            }
        }
        if problems.is_empty() { Ok(values) } else { Err(problems) }
    }

    fn show(&self) -> Json {
        self.iter().map(W::show).collect()
    }
}

impl Word for SocketAddr {
    const KIND: &'static str = "address and port";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        let advice = || match text.rsplit_once(':') {
            Some(("", port)) => format!("write an IP address before it, like 127.0.0.1:{port} or 0.0.0.0:{port}"),
            _ => "write an IP address and a port, like 127.0.0.1:4500 or [::1]:4500".to_owned(),
        };
        if let Ok(address) = text.parse::<Self>() {
            return if address.port() == 0 { Err(no_port("0")) } else { Ok(address) };
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.ends_with(':') && port.parse::<u16>().is_err() => {
                Err(no_port(port))
            }
            _ => Err(Mistake::new(format!("{} is no address", quoted(text)), advice())),
        }
    }

    fn show(&self) -> Json {
        json!(self.to_string())
    }
}

fn no_port(port: &str) -> Mistake {
    Mistake::new(format!("{} is no port", quoted(port)), "write a number from 1 to 65535 after the last colon")
}

impl Word for Option<SocketAddr> {
    const KIND: &'static str = "address and port, or empty";

    fn read(text: &str, base: &Path) -> Result<Self, Mistake> {
        if text.is_empty() { Ok(None) } else { <SocketAddr as Word>::read(text, base).map(Some) }
    }

    fn show(&self) -> Json {
        json!(self.map(|address| address.to_string()).unwrap_or_default())
    }
}

impl Word for IpNet {
    const KIND: &'static str = "network or address";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(Self::from));
        let network: Self = network.map_err(|_| {
            Mistake::new(
                format!("{} is no network", quoted(text)),
                "write an address, or one with the length of its prefix, like 10.0.0.0/8 or ::1",
            )
        })?;
        if network.addr() != network.network() {
            let message = format!("{} has bits beyond its prefix", quoted(text));
            return Err(Mistake::new(
                message,
                format!("write {} for the network, or the address alone", network.trunc()),
            ));
        }
        Ok(network)
    }

    fn show(&self) -> Json {
        json!(self.to_string())
    }
}

impl Word for PathBuf {
    const KIND: &'static str = "path";

    fn read(text: &str, base: &Path) -> Result<Self, Mistake> {
        if text.is_empty() || text.contains('\0') {
            return Err(Mistake::new(
                format!("{} is no path", quoted(text)),
                "write the path of a file, or leave it out",
            ));
        }
        Ok(base.join(text))
    }

    fn show(&self) -> Json {
        json!(self.to_string_lossy())
    }
}

impl Word for MasterKey {
    const KIND: &'static str = "secret";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        let advice =
            "make one with `head -c 32 /dev/urandom | base64`, or give back the one that the store was made with";
        Self::parse(text).map_err(|error| Mistake::new(error.to_string(), advice))
    }

    fn show(&self) -> Json {
        json!("(secret)")
    }
}

impl Word for Level {
    const KIND: &'static str = "level or filter";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        // A bare word that is no level would be taken for the name of a module, and nothing else be logged.
        let is_level = |part: &str| part.contains(['=', '[']) || LEVELS.contains(&part.to_ascii_lowercase().as_str());
        if text.split(',').all(is_level) && EnvFilter::try_new(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let advice = format!("write one of {}, or a filter like info,kimbai_store=debug", LEVELS.join(", "));
        Err(Mistake::new(format!("{} is no level", quoted(text)), advice))
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

impl Word for Connections {
    const SHAPE: Shape = Shape::Number;
    const KIND: &'static str = "number from 1 to 1000000";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        number(text, CONNECTIONS_MAX).map(Self)
    }

    fn show(&self) -> Json {
        json!(self.0)
    }
}

impl Word for LogFormat {
    const KIND: &'static str = "`text` or `json`";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        choice(text, "format of the log")
    }

    fn show(&self) -> Json {
        shown_choice(self)
    }
}

impl Word for ProxyHeader {
    const KIND: &'static str = "`forwarded` or `x-forwarded-for`";

    fn read(text: &str, _: &Path) -> Result<Self, Mistake> {
        choice(text, "header of a proxy")
    }

    fn show(&self) -> Json {
        shown_choice(self)
    }
}

/// A number from 1 on.
pub(super) fn number(text: &str, max: u32) -> Result<u32, Mistake> {
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    let advice = format!("write a number from 1 to {max}");
    number.ok_or_else(|| Mistake::new(format!("{} is out of range", masked(text)), advice))
}

/// One of a few names.
pub(super) fn choice<T: ValueEnum>(text: &str, what: &str) -> Result<T, Mistake> {
    T::from_str(text, false).map_err(|_| {
        let names: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        let names: Vec<_> = names.iter().map(clap::builder::PossibleValue::get_name).collect();
        Mistake::new(format!("{} is no {what}", quoted(text)), format!("write one of {}", names.join(", ")))
    })
}

pub(super) fn shown_choice<T: ValueEnum>(value: &T) -> Json {
    value.to_possible_value().map_or(Json::Null, |value| json!(value.get_name()))
}

pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", masked(text))
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
/// More than a process may have files open, on any machine that we know.
pub(crate) const CONNECTIONS_MAX: u32 = 1_000_000;
