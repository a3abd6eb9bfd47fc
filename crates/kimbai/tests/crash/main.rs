//! Honest clients of a server that is killed, and of one whose disk fails: whatever was acknowledged is there
//! afterwards, no chain of refresh tokens forks, and nobody loses a log-in.
//!
//! Run by `./test crash`: a debug build is too slow for much to be under way at a kill.

#[cfg(test)]
mod chain;
#[cfg(test)]
mod failing_disk;
#[cfg(test)]
mod first_start;
#[cfg(test)]
#[path = "../fixture/mod.rs"]
mod fixture;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod random;
#[cfg(test)]
mod visitor;
