//! Kimbai, the token server of an open commerce platform.
//!
//! A file per command; what they share stands in `boot`.

mod admin;
mod bench;
mod bench_server;
mod boot;
#[cfg(test)]
mod command_line;
mod completions;
mod config;
mod copy;
mod doctor;
mod envelope;
mod exit;
mod installation;
mod man;
mod migrate;
mod own_directory;
mod sandbox;
mod serve;
mod sign;
mod store_mark;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::ExitStatus;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kimbai, the token server of an open commerce platform.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_STATUSES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUSES: &str = "\
Exit status: 0 when what was asked for is done, 1 when it failed, 2 when the usage, the configuration or a file is wrong and nothing
was begun. Administration commands work beside a running server, through its socket in the data directory, and without one.
NO_COLOR, when it is not empty, turns colours off.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    Serve(serve::ServeCommand),
    /// Runs the platforms on this machine, offline, with demo apps and people.
    Sandbox(sandbox::SandboxArgs),
    /// Measures what a request costs.
    Bench(bench::BenchArgs),
    /// Checks the configuration, or shows it.
    Config(config::command::ConfigArgs),
    /// Checks this machine, the data and the certificate.
    Doctor(doctor::DoctorArgs),
    /// Signs a request as a platform's clients do, and shows each step.
    Sign(sign::SignArgs),
    /// Seals and opens the envelopes of a partner API: AES-256-CBC in hex digits.
    Envelope(envelope::EnvelopeArgs),
    /// Brings the schema of a PostgreSQL database to what this version needs.
    Migrate(migrate::MigrateArgs),
    /// Copies an embedded store into an empty PostgreSQL database.
    Copy(copy::CopyArgs),
    #[command(flatten)]
    Admin(admin::AdminCommand),
    /// Writes what completes this command line in a shell.
    Completions(completions::CompletionsArgs),
    /// Writes the manual, a page for each command.
    Man(man::ManArgs),
    /// The server that `bench` measures.
    #[command(hide = true)]
    BenchServer(bench_server::BenchServerArgs),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(args) => serve::run(&args).map(|()| ExitStatus::Done),
        Command::Sandbox(args) => sandbox::run(&args).map(|()| ExitStatus::Done),
        Command::Bench(args) => bench::run(args).map(|()| ExitStatus::Done),
        Command::Config(args) => config::command::run(&args).map(|()| ExitStatus::Done),
        Command::Doctor(args) => doctor::run(&args),
        Command::Sign(args) => sign::run(&args).map(|()| ExitStatus::Done),
        Command::Envelope(args) => envelope::run(&args).map(|()| ExitStatus::Done),
        Command::Migrate(args) => migrate::run(&args),
        Command::Copy(args) => copy::run(&args).map(|()| ExitStatus::Done),
        Command::Admin(command) => admin::run(command),
        Command::Completions(args) => completions::run(&args).map(|()| ExitStatus::Done),
        Command::Man(args) => man::run(&args).map(|()| ExitStatus::Done),
        Command::BenchServer(args) => bench_server::run(&args).map(|()| ExitStatus::Done),
    };
    let status = done.unwrap_or_else(|error| {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitStatus::of(&error)
    });
    status.into()
}
