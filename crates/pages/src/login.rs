//! The log-in page: name and password in one form on one page. A refused attempt shows it again with the reason and
//! what to do next; the reason never tells whether the name exists.

use askama::Template;

use crate::frame::{ClientCard, Frame, render};
use crate::{link, text::Text};

/// What the log-in page shows.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Where the form posts to.
    pub action: &'a str,
    /// Hidden inputs: continuation, form token.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The name to begin with (`login_hint`, or what was typed before); may be empty.
    pub username: &'a str,
    /// The app that asks.
    pub client: ClientCard<'a>,
    /// Why the last attempt was refused.
    pub error: Option<LoginError>,
    /// Where "cancel" leads; without it there is no such link.
    pub cancel: Option<&'a str>,
    /// How the app dresses the page.
    pub dress: LoginDress<'a>,
}

/// What an app puts around its log-in: nothing, if it says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoginDress<'a> {
    /// An image behind the page (http or https). The origin belongs into `img-src`.
    pub background_uri: Option<&'a str>,
    /// The telephone number of its support: digits, spaces and `+-.()`.
    pub hotline: Option<&'a str>,
    /// The mail address of its support.
    pub support_email: Option<&'a str>,
}

impl<'a> LoginDress<'a> {
    fn background(&self) -> Option<&'a str> {
        self.background_uri.and_then(link::web)
    }

    /// The number as a `tel:` link has it (RFC 3966).
    fn dialled(number: &str) -> String {
        number.chars().filter(|character| character.is_ascii_digit() || *character == '+').collect()
    }

    fn has_support(&self) -> bool {
        self.hotline.is_some() || self.support_email.is_some()
    }
}

/// Why an attempt was refused, as the person may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// Name or password is wrong.
    WrongPassword,
    /// Too soon after a wrong password.
    Throttled {
        /// Seconds until the next attempt counts.
        wait_s: u64,
    },
    /// Too many wrong passwords.
    Locked {
        /// Seconds until the account opens again.
        wait_s: u64,
    },
    /// The form was made too long ago or for another browser session; this one is fresh.
    StaleForm,
    /// Too many people log in at this moment.
    Busy,
}

/// The log-in page. Ids that never change: inputs `username` and `password`, button `login`, alert `error`, links
/// `hotline` and `support-email`.
#[must_use]
pub fn login(frame: &Frame<'_>, login: &Login<'_>) -> String {
    let error = login.error.map(|error| explain(frame.text(), error));
    let cancel = login.cancel.and_then(link::safe);
    render(&Page { frame, text: frame.text(), login, error: error.as_deref(), cancel })
}

fn explain(text: Text, error: LoginError) -> String {
    match error {
        LoginError::WrongPassword => text.of("login-error-wrong-password"),
        LoginError::Throttled { wait_s } => text.count("login-error-throttled", "seconds", wait_s.max(1)),
        LoginError::Locked { wait_s } => text.count("login-error-locked", "minutes", wait_s.div_ceil(60).max(1)),
        LoginError::StaleForm => text.of("login-error-stale-form"),
        LoginError::Busy => text.of("login-error-busy"),
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    login: &'a Login<'a>,
    error: Option<&'a str>,
    cancel: Option<&'a str>,
}

impl Page<'_> {
    fn is_wrong_password(&self) -> bool {
        self.login.error == Some(LoginError::WrongPassword)
    }
}
