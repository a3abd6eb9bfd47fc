//! The page that asks for which organization it shall be, such as a shop: a button for each to which the person belongs.

use askama::Template;

use crate::frame::{ClientCard, Frame, render};
use crate::text::Text;

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct OrganizationChoice<'a> {
    /// Where the form posts to.
    pub action: &'a str,
    /// Hidden inputs: continuation.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The app that asks.
    pub client: ClientCard<'a>,
    /// The account in use.
    pub user_name: &'a str,
    /// The organizations, in the order in which they are shown.
    pub organizations: &'a [OrganizationLine<'a>],
}

/// One organization.
#[derive(Clone, Copy, Debug)]
pub struct OrganizationLine<'a> {
    /// Its label: the value of its button.
    pub label: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Whether the person may choose it; another is shown, so that nobody looks for it.
    pub is_enough: bool,
}

/// The page. Ids that never change: buttons `organization-LABEL` (`name="organization"`, the label as value), `account-another`
/// (`name="account"`, value `another`) and `organization-deny` (`name="decision"`, value `deny`).
#[must_use]
pub fn organization(frame: &Frame<'_>, choice: &OrganizationChoice<'_>) -> String {
    render(&Page { frame, text: frame.text(), choice })
}

#[derive(Template)]
#[template(path = "organization.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    choice: &'a OrganizationChoice<'a>,
}
