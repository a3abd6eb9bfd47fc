//! What the operator is told of an error of PostgreSQL, and what to do about it.
//!
//! By SQLSTATE, as everywhere; the server's own text stands before the advice.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::connect::Failure;

/// Why a database cannot be used, and what to do about it.
pub(super) fn explain(failure: &Failure) -> String {
    let Failure::Postgres(error) = failure else {
        return format!("{failure}: is it PostgreSQL that listens there, and does a firewall stop it?");
    };
    let advice = match error.code() {
        Some(code) => advice(code),
        None => Some(advice_without_code(error)),
    };
    match advice {
        Some(advice) => format!("{}: {advice}", chain(error)),
        None => chain(error),
    }
}

/// What an operator can do about an error with this code.
pub(super) fn advice(code: &SqlState) -> Option<&'static str> {
    Some(match code.code() {
        "28P01" => "give the right password in the store's URL",
        "28000" => "let this role log in (CREATE ROLE … LOGIN), and this host in pg_hba.conf",
        "3D000" => "create the database (CREATE DATABASE … OWNER the role of the URL), or name another one",
        "42501" => {
            "let the role of the URL create in this database (GRANT CREATE ON DATABASE …), or make it the owner of the \
             schema kimbai and of all in it"
        }
        "42P06" | "42P07" => "something that is not Kimbai's is in the schema kimbai: use another database",
        "53300" => "raise max_connections, or lower store.lanes and store.pool of the servers",
        "53100" => "the disk of the database is full: make room on it",
        "53200" => "the database is out of memory: give it more, or lower max_connections",
        "57P03" => "the server is starting, stopping or in recovery: try again, or name the primary",
        "25006" => "the server is read-only or in recovery: name the primary, or all servers of the cluster",
        "55P03" => {
            "another kimbai is migrating the database, or somebody holds a lock on it: try again when it is done"
        }
        "22021" => "PostgreSQL keeps no text with a NUL character in it: change that text first",
        "0A000" | "42601" | "42883" => "PostgreSQL 15 to 18 are supported",
        _ => return None,
    })
}

fn advice_without_code(error: &Error) -> &'static str {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            let kind = cause.kind();
            let advice = OF_THE_NETWORK.iter().find(|(known, _)| *known == kind);
            return advice.map_or(WHO, |(_, advice)| advice);
        }
        source = cause.source();
    }
    WHO
}

const OF_THE_NETWORK: [(io::ErrorKind, &str); 4] = [
    (io::ErrorKind::ConnectionRefused, "start PostgreSQL, or name its host and port"),
    (io::ErrorKind::NotFound, "there is no such socket: name the directory that it is in"),
    (
        io::ErrorKind::PermissionDenied,
        "this user may not open the socket, or the server is read-only or in recovery: name the primary",
    ),
    (io::ErrorKind::TimedOut, "nobody answers: is the host right, and does a firewall stop it?"),
];

const WHO: &str = "is it PostgreSQL that listens there, and does it speak TLS as the URL's sslmode wants it?";

/// The error and its causes in one line.
pub(super) fn chain(error: &Error) -> String {
    let mut text = match error.as_db_error() {
        Some(database) => return database.message().to_owned(),
        None => error.to_string(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
