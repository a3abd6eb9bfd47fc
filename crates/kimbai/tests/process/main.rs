//! The binary as a process: how it starts, stops, keeps its data, and what it never says.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod config;
#[cfg(test)]
mod data;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod exchange_on_postgres;
#[cfg(test)]
#[path = "../fixture/mod.rs"]
mod fixture;
#[cfg(test)]
mod haravan;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod sign;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod start;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod tour;

#[cfg(test)]
const BINARY: &str = env!("CARGO_BIN_EXE_kimbai");
