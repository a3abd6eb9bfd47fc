//! The server over real HTTP: what an attacker tries, what real clients send, and what must be answered.
//!
//! Each test has a sandbox of its own in memory. What takes longer than a few seconds waits for `KIMBAI_TEST_LONG=1`.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod cors;
#[cfg(test)]
#[path = "../fixture/mod.rs"]
mod fixture;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod hang_up;
#[cfg(test)]
mod haravan;
#[cfg(test)]
mod haravan_attacks;
#[cfg(test)]
mod haravan_exchange;
#[cfg(test)]
mod haravan_exchange_changes;
#[cfg(test)]
mod haravan_exchanged;
#[cfg(test)]
mod haravan_lists;
#[cfg(test)]
mod haravan_members;
#[cfg(test)]
mod haravan_services;
#[cfg(test)]
mod haravan_shops;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hybrid;
#[cfg(test)]
mod introspection_revocation;
#[cfg(test)]
mod jwks;
#[cfg(test)]
mod jwt_access_tokens;
#[cfg(test)]
mod jwt_attacks;
#[cfg(test)]
mod load;
#[cfg(test)]
mod log_in;
#[cfg(test)]
mod log_in_bursts;
#[cfg(test)]
mod log_out;
#[cfg(test)]
mod marketplace;
#[cfg(test)]
mod marketplace_clients;
#[cfg(test)]
mod oneid;
#[cfg(test)]
mod oneid_wire;
#[cfg(test)]
mod openid;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod prompt_walks;
#[cfg(test)]
mod prompts;
#[cfg(test)]
mod proxied;
#[cfg(test)]
mod rate_limits;
#[cfg(test)]
mod redirect_uris;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod secrets_headers;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod standard;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tconnect;
#[cfg(test)]
mod tconnect_hostile;
#[cfg(test)]
mod tconnect_limits;
#[cfg(test)]
mod tconnect_line;
#[cfg(test)]
mod tconnect_log_ins;
#[cfg(test)]
mod tconnect_timing;
#[cfg(test)]
mod tconnect_tokens;
#[cfg(test)]
mod tconnect_wall;
#[cfg(test)]
mod tini;
#[cfg(test)]
mod tini_apps;
#[cfg(test)]
mod tini_hostile;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod walk;
