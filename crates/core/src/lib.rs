//! The rules of Kimbai, pure: grants, clients, requests, scopes, redirect URIs, errors.
//!
//! Nothing here reads a clock, draws a random byte or does I/O: time and randomness are arguments, and what is stored arrives as
//! values. Every decision about a token is made here, so that one test can make it wrong.
//! Sources: RFC 6749, 7009, 7636, 7662, 8252, 9207, 9700.

pub mod access_token;
pub mod audience;
pub mod authorize;
pub mod claims;
pub mod client;
pub mod exchange;
pub mod grant;
pub mod hexadecimal;
pub mod id_token;
pub mod identity;
pub mod number;
pub mod organization;
pub mod pkce;
pub mod realm;
pub mod redirect_uri;
pub mod refresh_token;
pub mod request_signature;
pub mod scope;
pub mod secret;
pub mod session_state;
pub mod signing;
pub mod time;
pub mod token;
