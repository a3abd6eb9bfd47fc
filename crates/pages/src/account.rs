//! The page that asks which account it shall be: the one in use, or another.

use askama::Template;

use crate::frame::{ClientCard, Frame, render};
use crate::text::Text;

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Where the form posts to.
    pub action: &'a str,
    /// Hidden inputs: continuation.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The app that asks.
    pub client: ClientCard<'a>,
    /// The account in use.
    pub user_name: &'a str,
}

/// The page. Ids that never change: buttons `account-continue` and `account-another` (`name="account"`, values `continue` and
/// `another`).
#[must_use]
pub fn account(frame: &Frame<'_>, account: &Account<'_>) -> String {
    render(&Page { frame, text: frame.text(), account })
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    account: &'a Account<'a>,
}
