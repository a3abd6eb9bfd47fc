//! Log-out: the page that asks, and the page at its end (OpenID Connect RP-Initiated Logout sections 2 and 3).

use askama::Template;

use crate::frame::{Frame, initial, render};
use crate::text::Text;

/// What the page shows that asks.
#[derive(Clone, Copy, Debug)]
pub struct Logout<'a> {
    /// Where the form posts to.
    pub action: &'a str,
    /// Hidden inputs: the continuation.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The account in use.
    pub user_name: &'a str,
    /// The app that asks for it, if it is known.
    pub client_name: Option<&'a str>,
}

/// The page that asks. An id that never changes: button `logout-confirm`.
#[must_use]
pub fn logout(frame: &Frame<'_>, logout: &Logout<'_>) -> String {
    render(&Page { frame, text: frame.text(), logout, initial: initial(logout.user_name) })
}

/// The page at the end, where there is no way back to a client.
#[must_use]
pub fn logged_out(frame: &Frame<'_>) -> String {
    render(&Done { frame, text: frame.text() })
}

#[derive(Template)]
#[template(path = "logout.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    logout: &'a Logout<'a>,
    initial: String,
}

#[derive(Template)]
#[template(path = "logged_out.html")]
struct Done<'a> {
    frame: &'a Frame<'a>,
    text: Text,
}
