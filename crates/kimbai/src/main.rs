//! Kimbai, the token server of an open commerce platform.
//!
//! A file per command; what they share stands in `boot`.

mod bench;
mod bench_server;
mod boot;
mod config;
mod exit;
mod sandbox;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::ExitStatus;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kimbai, the token server of an open commerce platform.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the platforms on this machine, offline, with demo apps and people.
    Sandbox(sandbox::SandboxArgs),
    /// Measures what a request costs.
    Bench(bench::BenchArgs),
    /// Checks the configuration, or shows it.
    Config(config::command::ConfigArgs),
    /// The server that `bench` measures.
    #[command(hide = true)]
    BenchServer(bench_server::BenchServerArgs),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Bench(args) => bench::run(args),
        Command::Config(args) => config::command::run(&args),
        Command::BenchServer(args) => bench_server::run(&args),
    };
    let status = match done {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitStatus::of(&error)
        }
    };
    status.into()
}
