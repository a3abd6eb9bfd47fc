//! The engine's operations over the embedded store in memory: what an attacker tries, and what must happen.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is the report")]

#[cfg(test)]
mod administration;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod browsers;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod disabling;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod log_in;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod revoke;
#[cfg(test)]
mod rowless;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod signing;
