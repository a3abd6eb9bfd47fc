//! `kimbai serve` as a process: what it makes, what it answers, how it changes while it runs, and how it ends.

mod cluster;
mod database;
mod first_start;
mod log_lines;
mod place;
mod proxies;
mod rates;
mod realms;
mod sandbox;
mod silence;
mod start_time;
mod stop;
mod tconnect;
mod tini;
mod tls;
mod visit;
