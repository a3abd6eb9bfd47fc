//! The sandbox's stand-in for the consent sheet of a platform's own app: who asks, each scope with a switch, and what the app's
//! callback is then given. It names the person itself and exists in the sandbox only.

use askama::Template;

use crate::consent::ScopeLine;
use crate::frame::{ClientCard, Frame, render};
use crate::sandbox::PersonLine;
use crate::text::Text;

/// What the sheet shows.
#[derive(Clone, Copy, Debug)]
pub struct ConsentSheet<'a> {
    /// Where the form posts to.
    pub action: &'a str,
    /// Hidden inputs: what was asked for.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The app that asks.
    pub client: ClientCard<'a>,
    /// What it may ask for; each is a checkbox `name="granted"`.
    pub scopes: &'a [ScopeLine<'a>],
    /// Who may be signed in; a radio button `name="user"` each.
    pub people: &'a [PersonLine<'a>],
    /// What the last answer gave to the callback, as JSON.
    pub result: Option<&'a str>,
}

/// The sheet. Saying no comes first, so that a stray Enter never says yes. Ids that never change: buttons `sheet-confirm` and `sheet-deny`
/// (`name="decision"`, values `allow` and `deny`), the text `sheet-result`.
#[must_use]
pub fn consent_sheet(frame: &Frame<'_>, sheet: &ConsentSheet<'_>) -> String {
    render(&Page { frame, text: frame.text(), sheet })
}

#[derive(Template)]
#[template(path = "sandbox_sheet.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    sheet: &'a ConsentSheet<'a>,
}
