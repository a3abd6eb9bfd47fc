//! The sandbox's own pages: what is registered in a realm, what came back to the demo callback, and why requests were
//! refused. They show demo secrets on purpose and exist in the sandbox only.

use std::borrow::Cow;

use askama::Template;

use crate::frame::{Frame, render};
use crate::text::Text;

/// What the sandbox's first page shows about its realm.
#[derive(Clone, Copy, Debug)]
pub struct SandboxIndex<'a> {
    /// The realm's issuer, its base URL.
    pub issuer: &'a str,
    /// Where its endpoints are.
    pub endpoints: &'a [EndpointLine<'a>],
    /// Who is registered.
    pub clients: &'a [ClientLine<'a>],
    /// Who can log in.
    pub people: &'a [PersonLine<'a>],
    /// What to try, ready to paste.
    pub commands: &'a [CommandLine<'a>],
    /// The realms that run beside it, itself included or not.
    pub realms: &'a [RealmLink<'a>],
    /// Where the last requests are listed.
    pub requests_uri: &'a str,
}

/// An endpoint.
#[derive(Clone, Copy, Debug)]
pub struct EndpointLine<'a> {
    /// Its name in the metadata document, e.g. `token_endpoint`.
    pub name: &'a str,
    /// Its URL.
    pub url: &'a str,
}

/// A registered client.
#[derive(Clone, Copy, Debug)]
pub struct ClientLine<'a> {
    /// Its display name.
    pub name: &'a str,
    /// Its id.
    pub client_id: &'a str,
    /// Its secret; without one it is a public client.
    pub client_secret: Option<&'a str>,
    /// Its `token_endpoint_auth_method`.
    pub auth_method: &'a str,
    /// What it is beside a client, in a realm of partners.
    pub partner: Option<PartnerLine<'a>>,
    /// Its redirect URIs.
    pub redirect_uris: &'a [&'a str],
    /// The scopes it may ask for.
    pub scopes: &'a [&'a str],
    /// An authorization request to click on.
    pub try_uri: Option<&'a str>,
}

/// What a client sends its requests with as a partner.
#[derive(Clone, Copy, Debug)]
pub struct PartnerLine<'a> {
    /// The name in the header of its requests.
    pub partner_code: &'a str,
    /// The key of its envelopes, or why it is not shown.
    pub envelope_key: &'a str,
    /// What is not usual about its envelopes: names and values.
    pub deviations: &'a [(&'a str, Cow<'a, str>)],
}

/// A demo person.
#[derive(Clone, Copy, Debug)]
pub struct PersonLine<'a> {
    /// Log-in name.
    pub username: &'a str,
    /// Password.
    pub password: &'a str,
    /// Display name.
    pub name: &'a str,
}

/// A command to paste.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine<'a> {
    /// What it does.
    pub title: &'a str,
    /// The command; lines are kept.
    pub command: &'a str,
}

/// Another realm of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct RealmLink<'a> {
    /// Its display name.
    pub name: &'a str,
    /// Its base URL.
    pub url: &'a str,
}

/// What came back to `/sandbox/callback`.
#[derive(Clone, Copy, Debug)]
pub struct SandboxCallback<'a> {
    /// The parameters as received, in order.
    pub parameters: &'a [(&'a str, &'a str)],
    /// What they mean.
    pub outcome: Outcome<'a>,
}

/// What a redirect brought.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// A code.
    Code {
        /// The authorization code.
        code: &'a str,
        /// The command that redeems it.
        command: &'a str,
    },
    /// An error.
    Error {
        /// The protocol's error code.
        error: &'a str,
        /// What it means and what to change, in the page's language.
        explanation: &'a str,
    },
    /// Neither: somebody opened the page by hand.
    Nothing,
}

/// A request that the realm answered.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// Its `X-Request-Id`.
    pub id: &'a str,
    /// When it came.
    pub at: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// The status it was answered with.
    pub status: u16,
    /// Why it was refused, as the log names it.
    pub reason: Option<&'a str>,
    /// Which mistake of the client's this is.
    pub mistake: Option<&'a str>,
    /// What to change.
    pub explanation: Option<&'a str>,
}

impl RequestLine<'_> {
    fn mood(&self) -> &'static str {
        match self.status {
            0..=399 => "good",
            400..=499 => "bad",
            500.. => "broken",
        }
    }
}

/// The realm at a glance: endpoints, clients, people and commands.
#[must_use]
pub fn sandbox_index(frame: &Frame<'_>, index: &SandboxIndex<'_>) -> String {
    render(&IndexPage { frame, text: frame.text(), index })
}

/// What came back from an authorization request, and the next step. The element with the id `code` or `error` holds
/// the code or the error's code.
#[must_use]
pub fn sandbox_callback(frame: &Frame<'_>, callback: &SandboxCallback<'_>) -> String {
    render(&CallbackPage { frame, text: frame.text(), callback })
}

/// The last requests, in the order given (newest first).
#[must_use]
pub fn sandbox_requests(frame: &Frame<'_>, requests: &[RequestLine<'_>]) -> String {
    render(&RequestsPage { frame, text: frame.text(), requests })
}

#[derive(Template)]
#[template(path = "sandbox_index.html")]
struct IndexPage<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    index: &'a SandboxIndex<'a>,
}

#[derive(Template)]
#[template(path = "sandbox_callback.html")]
struct CallbackPage<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    callback: &'a SandboxCallback<'a>,
}

#[derive(Template)]
#[template(path = "sandbox_requests.html")]
struct RequestsPage<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    requests: &'a [RequestLine<'a>],
}
