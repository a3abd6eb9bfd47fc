//! Several servers on one PostgreSQL: they are one token server, whatever happens to one of them or to the store.
//!
//! What takes its time is run by `./test cluster`.

mod client;
mod clocks;
mod faults;
mod load;
mod proxy;
mod races;
mod rolling;
mod servers;
