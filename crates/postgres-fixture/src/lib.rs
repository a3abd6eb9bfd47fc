//! A PostgreSQL of one's own for tests and benchmarks: started on a new directory, gone with its owner.
//!
//! It runs the programs of one [`Version`], as the user `postgres` if we are root (PostgreSQL refuses to run as root).
//! Whatever happens to the process that started it, kill -9 included, its servers end and its files go: a watchdog
//! beside it sees to that.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

mod database;
mod processes;
mod run;
mod server;
mod version;

pub use self::database::Database;
pub use self::server::{Server, Settings, Stop};
pub use self::version::Version;
