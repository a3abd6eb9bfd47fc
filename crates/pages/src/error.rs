//! The error page: what happened, what to do next, and a line for whoever develops the app. It is shown in place and
//! never redirected to, because most of these problems mean that the redirect URI cannot be trusted.

use askama::Template;

use crate::frame::{Frame, render};
use crate::{link, text::Text};

/// What the error page shows.
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage<'a> {
    /// What happened.
    pub problem: Problem,
    /// The protocol's error code.
    pub error: &'a str,
    /// What exactly is wrong, for the developer.
    pub hint: Option<&'a str>,
    /// Where "back" leads; without it there is no such link.
    pub back: Option<&'a str>,
}

/// What happened, as a person can understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No enabled client has this `client_id`.
    UnknownClient,
    /// The redirect URI is missing or not registered.
    RedirectUri,
    /// The continuation is past its hour.
    ExpiredPage,
    /// The continuation or the form belongs to another browser.
    OtherBrowser,
    /// The request is malformed.
    InvalidRequest,
    /// Nothing is at this address.
    NotFound,
    /// The address does not take this method.
    MethodNotAllowed,
    /// Body or headers are over their limit.
    TooLarge,
    /// The body has another content type than the address takes.
    UnsupportedMediaType,
    /// Too many requests from this source.
    TooManyRequests,
    /// The store cannot be reached.
    Unavailable,
    /// No realm has this host.
    UnknownHost,
}

impl Problem {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UnknownClient,
        Self::RedirectUri,
        Self::ExpiredPage,
        Self::OtherBrowser,
        Self::InvalidRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::UnknownHost,
    ];

    /// Its name in the keys of the texts.
    fn key(self) -> &'static str {
        match self {
            Self::UnknownClient => "unknown-client",
            Self::RedirectUri => "redirect-uri",
            Self::ExpiredPage => "expired-page",
            Self::OtherBrowser => "other-browser",
            Self::InvalidRequest => "invalid-request",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::TooManyRequests => "too-many-requests",
            Self::Unavailable => "unavailable",
            Self::UnknownHost => "unknown-host",
        }
    }
}

/// The error page. The element with the id `error` holds the protocol's code.
#[must_use]
pub fn error(frame: &Frame<'_>, page: &ErrorPage<'_>) -> String {
    let text = frame.text();
    let part = |part: &str| text.of(&format!("error-{}-{part}", page.problem.key()));
    render(&Page {
        frame,
        text,
        shown: page,
        back: page.back.and_then(link::safe),
        title: part("title"),
        what: part("what"),
        next: part("next"),
        developer: part("developer"),
    })
}

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    shown: &'a ErrorPage<'a>,
    back: Option<&'a str>,
    title: String,
    what: String,
    next: String,
    developer: String,
}
