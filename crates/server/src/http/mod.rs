//! The HTTP that all dialects share: the accept loop with its limits, forms, cookies, origins, and what goes round every request.

pub(crate) mod admission;
pub mod body;
pub mod cached;
mod connection;
pub mod cookie;
pub mod cors;
pub mod form;
pub mod front;
pub mod host;
pub(crate) mod json;
pub mod listener;
pub mod proxies;
pub mod reply;
pub(crate) mod request_id;
mod shares;
pub(crate) mod shown;
pub mod sites;
pub mod socket;
pub mod tls;
mod to_its_end;
