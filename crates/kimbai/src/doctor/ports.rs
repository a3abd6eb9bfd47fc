//! Whether the addresses to listen on can be taken.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::Check;
use super::data::Server;
use crate::config::Listen;

/// One check an address. Each is taken for a moment, and given back.
pub(super) fn check(listen: &Listen, server: Server) -> Vec<Check> {
    let all = listen.public.iter().chain(&listen.operator);
    all.map(|address| verdict(*address, TcpListener::bind(address).map(drop), server)).collect()
}

fn verdict(address: SocketAddr, taken: std::io::Result<()>, server: Server) -> Check {
    let Err(error) = taken else { return Check::ok(NAME, format!("{address} is free")) };
    match (error.kind(), server) {
        (ErrorKind::AddrInUse, Server::Running) => {
            Check::ok(NAME, format!("{address} is taken, by the running server"))
        }
        (ErrorKind::AddrInUse, Server::Stopped) => {
            let advice = "stop what listens there (ss -ltnp shows it), or set another address";
            Check::problem(NAME, format!("{address} is taken by another program"), advice)
        }
        (ErrorKind::PermissionDenied, _) => {
            let advice = "take a port from 1024 on, or give the server CAP_NET_BIND_SERVICE";
            Check::problem(NAME, format!("{address} is not for this user"), advice)
        }
        (ErrorKind::AddrNotAvailable, _) => {
            Check::problem(NAME, format!("{address} is no address of this machine"), "set one of its own, or 0.0.0.0")
        }
        _ => Check::problem(NAME, format!("{address}: {error}"), "set another address"),
    }
}

const NAME: &str = "address";

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn an_address_is_sound_if_it_is_free_or_the_running_servers() {
        let address = "127.0.0.1:4500".parse().unwrap();
        for (taken, server, verdict, expect) in [
            (None, Server::Stopped, Verdict::Ok, " is free"),
            (Some(ErrorKind::AddrInUse), Server::Running, Verdict::Ok, " is taken, by the running server"),
            (Some(ErrorKind::AddrInUse), Server::Stopped, Verdict::Problem, " is taken by another program"),
            (Some(ErrorKind::PermissionDenied), Server::Stopped, Verdict::Problem, " is not for this user"),
            (Some(ErrorKind::AddrNotAvailable), Server::Running, Verdict::Problem, " is no address of this machine"),
            (Some(ErrorKind::Unsupported), Server::Stopped, Verdict::Problem, ": unsupported"),
        ] {
            let taken = taken.map_or(Ok(()), |kind| Err(Error::from(kind)));
            let check = super::verdict(address, taken, server);
            assert_eq!((check.verdict, check.found), (verdict, format!("{address}{expect}")));
        }
    }
}
