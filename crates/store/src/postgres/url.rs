//! Where the database is and how it is reached: a connection URL in libpq's words, without what Kimbai decides itself.
//!
//! Source: PostgreSQL's documentation, "Connection URIs" and "SSL Support". The password leaves this room in the
//! configuration of the client alone.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, TargetSessionAttrs};

/// A connection URL, `postgresql://user@host:port/database`. What it shows of itself has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    config: Config,
    tls: Tls,
    shown: String,
    place: String,
}

/// How the way to the server is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    /// Not at all: the default on the loopback and on sockets, where nobody else listens.
    Disable,
    /// Encrypted if the server can, and not verified.
    Prefer,
    /// Encrypted and not verified, as libpq has it: it keeps those out who only listen, and lets those in who answer in
    /// the server's place.
    Require,
    /// The server's certificate is of one of the authorities in this file; its name may be any. Of a public authority
    /// anybody has a certificate for some name.
    VerifyAuthority(PathBuf),
    /// The server's certificate is of one of these authorities, and for its name. The default elsewhere.
    VerifyFull(Roots),
}

/// Which authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of the operating system.
    System,
    /// Those in this file.
    File(PathBuf),
}

/// Why a connection URL was not understood. It never shows the URL, which may have a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is of another kind.
    #[error("a PostgreSQL URL begins with postgres:// or postgresql://")]
    Scheme,
    /// A part of it cannot be read.
    #[error("the {part} of the PostgreSQL URL is not valid: {reason}")]
    Part {
        /// Which one.
        part: &'static str,
        /// What would be.
        reason: &'static str,
    },
    /// An `@` or `/` stands where none can: before it may be a password of which only the beginning was read as one.
    #[error("the PostgreSQL URL has an `@` behind its hosts, or a `/` in the name of its database: {ENCODE}")]
    Misplaced,
    /// A parameter that there is not.
    #[error("the PostgreSQL URL has the parameter `{0}`; known are {known}", known = PARAMETERS.join(", "))]
    Unknown(String),
    /// Something is in the place of a parameter that may be a part of a password.
    #[error("the PostgreSQL URL has a parameter that is none ({ENCODE}); known are {known}", known = PARAMETERS.join(", "))]
    NoParameter,
    /// A parameter is there twice, or stands before the question mark as well.
    #[error("the PostgreSQL URL says `{0}` twice")]
    Twice(&'static str),
    /// A parameter has a value that there is not.
    #[error("the parameter `{parameter}` of the PostgreSQL URL is not valid: {reason}")]
    Value {
        /// Which one.
        parameter: &'static str,
        /// What would be.
        reason: &'static str,
    },
}

impl StoreUrl {
    /// What the client needs to know.
    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    /// How the way to the server is protected.
    pub(super) const fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Hosts, ports and the database, for messages; nothing of the role.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)).ok_or(UrlError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if database.contains(['@', '/']) || query.contains('@') {
            return Err(UrlError::Misplaced);
        }
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').map_or((credentials, None), |(u, p)| (u, Some(p)));
        let mut given = Given::default();
        given.query(query)?;
        given.set_part("user", decoded("user name", user)?)?;
        given.set_part("password", decoded("password", password.unwrap_or_default())?)?;
        given.set_part("dbname", decoded("database name", database)?)?;
        let (names, ports) = hosts_and_ports(hosts)?;
        given.set_part("host", names)?;
        given.set_part("port", ports)?;
        given.build()
    }
}

/// The parameters that are given, in the order of `PARAMETERS`.
#[derive(Default)]
struct Given([Option<String>; PARAMETERS.len()]);

impl Given {
    fn query(&mut self, query: &str) -> Result<(), UrlError> {
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let Some((known, slot)) = PARAMETERS.iter().zip(&mut self.0).find(|(known, _)| **known == name) else {
                return Err(self.unknown(name));
            };
            let value = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| UrlError::Value { parameter: known, reason: "it is not UTF-8" })?;
            if slot.replace(value.into_owned()).is_some() {
                return Err(UrlError::Twice(known));
            }
        }
        Ok(())
    }

    /// Names what nobody can have meant as a password.
    fn unknown(&self, name: &str) -> UrlError {
        let is_name = !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
        let has_password = PARAMETERS.iter().zip(&self.0).any(|(known, slot)| *known == "password" && slot.is_some());
        if is_name && !has_password { UrlError::Unknown(name.to_owned()) } else { UrlError::NoParameter }
    }

    /// Takes what stands before the question mark.
    fn set_part(&mut self, name: &'static str, value: String) -> Result<(), UrlError> {
        let slot = PARAMETERS.iter().zip(&mut self.0).find_map(|(known, slot)| (*known == name).then_some(slot));
        if let Some(slot) = slot
            && !value.is_empty()
            && slot.replace(value).is_some()
        {
            return Err(UrlError::Twice(name));
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<String> {
        PARAMETERS.iter().zip(&mut self.0).find(|(known, _)| **known == name).and_then(|(_, slot)| slot.take())
    }

    fn build(mut self) -> Result<StoreUrl, UrlError> {
        let mut config = Config::new();
        self.place(&mut config)?;
        let tls = self.tls(config.get_hosts())?;
        config.ssl_mode(match tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyAuthority(_) | Tls::VerifyFull(_) => SslMode::Require,
        });
        let user = self.take("user").unwrap_or_else(|| "postgres".to_owned());
        let database = self.take("dbname").unwrap_or_else(|| user.clone());
        let password = self.take("password");
        config.user(&user).dbname(&database);
        if let Some(password) = &password {
            config.password(password);
        }
        config.channel_binding(match self.take("channel_binding").as_deref() {
            None | Some("prefer") => ChannelBinding::Prefer,
            Some("disable") => ChannelBinding::Disable,
            Some("require") if tls != Tls::Disable => ChannelBinding::Require,
            Some("require") => {
                return Err(value("channel_binding", "`require` needs TLS, which `sslmode` or the host turns off"));
            }
            Some(_) => return Err(value("channel_binding", "it is one of disable, prefer, require")),
        });
        match self.take("target_session_attrs").as_deref() {
            None | Some("read-write" | "primary") => config.target_session_attrs(TargetSessionAttrs::ReadWrite),
            Some(_) => return Err(value("target_session_attrs", "Kimbai writes: leave it out, or say read-write")),
        };
        let connect_s = match self.take("connect_timeout") {
            None => CONNECT_S,
            Some(seconds) => seconds
                .parse()
                .ok()
                .filter(|seconds| (1..=CONNECT_S_MAX).contains(seconds))
                .ok_or(value("connect_timeout", "it is a number of seconds from 1 to 60"))?,
        };
        config.connect_timeout(Duration::from_secs(connect_s));
        let hosts = shown_hosts(&config);
        let secret = if password.is_some() { ":***" } else { "" };
        let shown = format!("postgresql://{user}{secret}@{hosts}/{database}");
        Ok(StoreUrl { config, tls, shown, place: format!("{hosts}/{database}") })
    }

    /// Hosts and ports, with libpq's rule that one port is for all hosts.
    fn place(&mut self, config: &mut Config) -> Result<(), UrlError> {
        let hosts = self.take("host").unwrap_or_else(|| "localhost".to_owned());
        let ports = self.take("port").unwrap_or_default();
        let ports: Vec<&str> = ports.split(',').collect();
        let hosts: Vec<&str> = hosts.split(',').collect();
        if ports.len() != 1 && ports.len() != hosts.len() {
            return Err(value("port", "there is one port for all hosts, or one for each"));
        }
        for (host, port) in hosts.iter().zip(ports.iter().cycle()) {
            if host.is_empty() {
                return Err(value("host", "a host is empty"));
            }
            let port = if port.is_empty() { Ok(PORT) } else { port.parse() };
            config.host(*host).port(port.ok().filter(|port| *port > 0).ok_or(value("port", "it is from 1 to 65535"))?);
        }
        Ok(())
    }

    fn tls(&mut self, hosts: &[Host]) -> Result<Tls, UrlError> {
        let roots = self.take("sslrootcert").map(|file| match file.as_str() {
            "system" => Roots::System,
            _ => Roots::File(file.into()),
        });
        let is_socket = |host: &Host| matches!(host, Host::Unix(_));
        if hosts.iter().any(is_socket) && !hosts.iter().all(is_socket) {
            return Err(value("host", "sockets and other hosts cannot be mixed"));
        }
        let mode = self.take("sslmode");
        let is_local = hosts.iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        });
        let tls = match (mode.as_deref(), roots) {
            (None, None) if is_local => Tls::Disable,
            (Some("disable"), None) => Tls::Disable,
            (Some("prefer"), None) => Tls::Prefer,
            (Some("disable" | "prefer"), Some(_)) => {
                return Err(value("sslrootcert", "this `sslmode` verifies nothing: leave one of the two out"));
            }
            (Some("require"), None) => Tls::Require,
            // As libpq has it: authorities are named to be verified.
            (Some("require" | "verify-ca"), Some(Roots::File(file))) => Tls::VerifyAuthority(file),
            (Some("require" | "verify-ca"), Some(Roots::System)) => {
                return Err(value(
                    "sslrootcert",
                    "with `system` the name must be verified too: say sslmode=verify-full",
                ));
            }
            (Some("verify-ca"), None) => {
                return Err(value(
                    "sslmode",
                    "`verify-ca` needs the authority's file in sslrootcert; or say verify-full",
                ));
            }
            (None | Some("verify-full"), roots) => Tls::VerifyFull(roots.unwrap_or(Roots::System)),
            (Some(_), _) => {
                return Err(value("sslmode", "it is one of disable, prefer, require, verify-ca, verify-full"));
            }
        };
        if tls != Tls::Disable && hosts.iter().any(is_socket) {
            return Err(value("sslmode", "there is no TLS on a socket: leave it out"));
        }
        Ok(tls)
    }
}

fn hosts_and_ports(hosts: &str) -> Result<(String, String), UrlError> {
    let reason = "it is host or host:port, several with commas between them, an IPv6 address in brackets";
    let malformed = UrlError::Part { part: "host", reason };
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(malformed.clone())?,
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let port = if port.is_empty() { "" } else { port.strip_prefix(':').ok_or(malformed.clone())? };
        names.push(decoded("host", name)?);
        ports.push(port.to_owned());
    }
    let ports = if ports.iter().all(String::is_empty) { String::new() } else { ports.join(",") };
    Ok((names.join(","), ports))
}

fn shown_hosts(config: &Config) -> String {
    let shown = config.get_hosts().iter().zip(config.get_ports()).map(|(host, port)| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
        Host::Tcp(name) => format!("{name}:{port}"),
        Host::Unix(path) => format!("{}:{port}", path.display()),
    });
    shown.collect::<Vec<_>>().join(",")
}

fn decoded(part: &'static str, text: &str) -> Result<String, UrlError> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| UrlError::Part { part, reason: "it is not UTF-8 behind its percent signs" })?;
    if text.contains('\0') {
        return Err(UrlError::Part { part, reason: "it has a NUL character in it" });
    }
    Ok(text.into_owned())
}

const fn value(parameter: &'static str, reason: &'static str) -> UrlError {
    UrlError::Value { parameter, reason }
}

const ENCODE: &str = "write ? / @ # & in a password as %3F %2F %40 %23 %26, and an @ or / elsewhere likewise";

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

const PARAMETERS: [&str; 10] = [
    "user",
    "password",
    "host",
    "port",
    "dbname",
    "sslmode",
    "sslrootcert",
    "connect_timeout",
    "target_session_attrs",
    "channel_binding",
];

const PORT: u16 = 5432;
const CONNECT_S: u64 = 10;
const CONNECT_S_MAX: u64 = 60;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_url_says_where_the_database_is_and_never_shows_the_password() {
        for (url, place, shown) in [
            ("postgres://", "localhost:5432/postgres", "postgresql://postgres@localhost:5432/postgres"),
            (
                "postgresql://kimbai:p%40ss@db.example/tokens",
                "db.example:5432/tokens",
                "postgresql://kimbai:***@db.example:5432/tokens",
            ),
            ("postgres://k@a,b:6000/t", "a:5432,b:6000/t", "postgresql://k@a:5432,b:6000/t"),
            ("postgres://k@a,b/t?port=7", "a:7,b:7/t", "postgresql://k@a:7,b:7/t"),
            ("postgres://k@[2001:db8::1]:7/t", "[2001:db8::1]:7/t", "postgresql://k@[2001:db8::1]:7/t"),
            ("postgres:///t?host=/run/pg&user=k&password=pw", "/run/pg:5432/t", "postgresql://k:***@/run/pg:5432/t"),
            ("postgres://k@%2Frun%2Fpg:7/t", "/run/pg:7/t", "postgresql://k@/run/pg:7/t"),
        ] {
            let parsed: StoreUrl = url.parse().unwrap();
            assert_eq!((parsed.place(), &*parsed.to_string()), (place, shown), "{url}");
            assert_eq!(format!("{parsed:?}"), format!("StoreUrl({shown})"));
            assert_eq!(parsed.config().get_target_session_attrs(), TargetSessionAttrs::ReadWrite, "{url}");
        }
        let parsed: StoreUrl = "postgres://kimbai:p%40s:s@db.example/tokens".parse().unwrap();
        assert_eq!(parsed.config().get_password(), Some(b"p@s:s".as_slice()));
    }

    #[test]
    fn the_way_is_verified_unless_nobody_else_is_on_it() {
        let file = || Roots::File(Path::new("/ca.pem").to_owned());
        for (url, tls) in [
            ("postgres://h/t", Tls::VerifyFull(Roots::System)),
            ("postgres://localhost/t", Tls::Disable),
            ("postgres://127.3.2.1,[::1]/t", Tls::Disable),
            ("postgres://localhost,h/t", Tls::VerifyFull(Roots::System)),
            ("postgres:///t?host=/run", Tls::Disable),
            ("postgres://localhost/t?sslrootcert=/ca.pem", Tls::VerifyFull(file())),
            ("postgres://h/t?sslrootcert=system", Tls::VerifyFull(Roots::System)),
            ("postgres://h/t?sslmode=disable", Tls::Disable),
            ("postgres://h/t?sslmode=prefer", Tls::Prefer),
            ("postgres://h/t?sslmode=require", Tls::Require),
            ("postgres://h/t?sslmode=require&sslrootcert=/ca.pem", Tls::VerifyAuthority("/ca.pem".into())),
            ("postgres://h/t?sslmode=verify-ca&sslrootcert=/ca.pem", Tls::VerifyAuthority("/ca.pem".into())),
            ("postgres://h/t?sslmode=verify-full&sslrootcert=%2Fca.pem", Tls::VerifyFull(file())),
        ] {
            assert_eq!(url.parse::<StoreUrl>().unwrap().tls(), &tls, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_showing_the_url() {
        for (url, names) in [
            ("mysql://k:secret@h/t", "postgres://"),
            ("host=h password=secret", "postgres://"),
            ("postgres://k:secret@h:x/t", "`port`"),
            ("postgres://k:secret@h:0/t", "`port`"),
            ("postgres://k:secret@h:65536/t", "`port`"),
            ("postgres://k:secret@[::1/t", "host"),
            ("postgres://k:secret@[::1]5/t", "host"),
            ("postgres://k:secret@a,,b/t", "`host`"),
            ("postgres://k:secret@a,b,c/t?port=1,2", "`port`"),
            ("postgres://k:secret@h/t?host=i", "`host` twice"),
            ("postgres://k:secret@h/t?dbname=u", "`dbname` twice"),
            ("postgres://k:secret@h/t?user=u", "`user` twice"),
            ("postgres://k:secret@h/t?sslmode=require&sslmode=disable", "`sslmode` twice"),
            ("postgres://k:secret@h/t?sslmode=verify", "`sslmode`"),
            ("postgres://k:secret@h/t?ssl=true", "`ssl`"),
            ("postgres://k:secret@h/t?options=-c%20fsync", "`options`"),
            ("postgres://k:secret@h/t?sslmode=disable&sslrootcert=/ca", "`sslrootcert`"),
            ("postgres://k:secret@h/t?sslmode=prefer&sslrootcert=system", "`sslrootcert`"),
            ("postgres://k:secret@h/t?sslmode=verify-ca", "`sslmode`"),
            ("postgres://k:secret@h/t?sslmode=verify-ca&sslrootcert=system", "`sslrootcert`"),
            ("postgres://k:secret@h/t?sslmode=require&sslrootcert=system", "`sslrootcert`"),
            ("postgres:///t?host=/run&sslmode=require&password=secret", "`sslmode`"),
            ("postgres:///t?host=/run,h&password=secret", "`host`"),
            ("postgres://k:secret@h/t?target_session_attrs=any", "`target_session_attrs`"),
            ("postgres://k:secret@h/t?connect_timeout=0", "`connect_timeout`"),
            ("postgres://k:secret@h/t?connect_timeout=61", "`connect_timeout`"),
            ("postgres://k:secret@h/t?sslmode=disable&channel_binding=require", "`channel_binding`"),
            ("postgres://k:secret@h/t?channel_binding=no", "`channel_binding`"),
            // What a password may have in it that was not encoded.
            ("postgres://k:a?secret@h/t", "%3F"),
            ("postgres://k:a?secret=b@h/t", "%3F"),
            ("postgres://k:a/secret@h/t", "%2F"),
            ("postgres://k:12/secret@h/t", "%2F"),
            ("postgres://k:12/a?secret@h/t", "%2F"),
            ("postgres://k:a@b/secret@h/t", "%40"),
            ("postgres://h/12/secret", "%2F"),
            ("postgres://k@h/t?password=a&secret", "%26"),
            ("postgres://k@h/t?password=a&SECRET=b", "%26"),
            ("postgres://k@h/t?SECRET", "a parameter that is none"),
            ("postgres://k@h/t?=secret", "a parameter that is none"),
            ("postgres://k@h/t?%73sl=secret", "a parameter that is none"),
            ("postgres://k:secret%00@h/t", "password"),
            ("postgres://k%FF:secret@h/t", "user name"),
            ("postgres://k:secret@h/t%00", "database name"),
        ] {
            let error = url.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(error.contains(names), "{url}: {error}");
            assert!(!error.to_lowercase().contains("secret"), "{error}");
        }
    }
}
