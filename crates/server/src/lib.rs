//! HTTP: listeners with limits, dialects, pages, the sandbox's extras, the operator's listener.
//!
//! A handler reads like the protocol's own description: parse, ask the engine, render. Nothing is decided here.

pub mod admin;
pub mod dialects;
mod explanation;
pub mod http;
mod interaction;
pub mod metrics;
pub mod operator;
pub mod sandbox;
mod serving;
mod site;

pub use serving::{NotServed, Serving};
pub use site::{Audience, Site};
