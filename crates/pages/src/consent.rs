//! The consent page: who asks, for what, what can be left out, for which account, and where the browser goes next.
//! Saying no takes one click and comes first, so that a stray Enter never says yes.

use askama::Template;

use crate::frame::{ClientCard, Frame, initial, render};
use crate::link;
use crate::text::Text;

/// What the consent page shows.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// Where the form posts to.
    pub action: &'a str,
    /// Hidden inputs: continuation, form token.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The app that asks.
    pub client: ClientCard<'a>,
    /// The account in use.
    pub user_name: &'a str,
    /// The organization for which it asks, such as a shop.
    pub organization: Option<ConsentOrganization<'a>>,
    /// What it asks for.
    pub scopes: &'a [ScopeLine<'a>],
    /// Host of the redirect URI: where the browser is sent.
    pub redirect_host: &'a str,
    /// Where the app says what it does with what it learns (http or https).
    pub policy_uri: Option<&'a str>,
    /// Its terms of service (http or https).
    pub tos_uri: Option<&'a str>,
}

/// The organization for which an app asks. Two may have one name, and none has another's label.
#[derive(Clone, Copy, Debug)]
pub struct ConsentOrganization<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its label.
    pub label: &'a str,
}

/// One scope, in plain words.
#[derive(Clone, Copy, Debug)]
pub struct ScopeLine<'a> {
    /// Its name in the protocol.
    pub name: &'a str,
    /// What it allows, in the page's language.
    pub description: &'a str,
    /// May be left out: a ticked checkbox `name="scope"` with the scope's name as its value.
    pub optional: bool,
}

/// The consent page. Ids that never change: buttons `consent-allow` and `consent-deny` (`name="decision"`, values
/// `allow` and `deny`), links `consent-policy` and `consent-tos`.
#[must_use]
pub fn consent(frame: &Frame<'_>, consent: &Consent<'_>) -> String {
    let (optional, required) = consent.scopes.iter().copied().partition(|scope| scope.optional);
    let (policy, tos) = (consent.policy_uri.and_then(link::web), consent.tos_uri.and_then(link::web));
    let initial = initial(consent.user_name);
    render(&Page { frame, text: frame.text(), consent, required, optional, initial, policy, tos })
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    consent: &'a Consent<'a>,
    required: Vec<ScopeLine<'a>>,
    optional: Vec<ScopeLine<'a>>,
    initial: String,
    policy: Option<&'a str>,
    tos: Option<&'a str>,
}
