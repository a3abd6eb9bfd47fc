//! The page that posts an authorization response to its client (OAuth 2.0 Form Post Response Mode): by a script file of ours, or by
//! its button where there are no scripts.

use askama::Template;

use crate::assets;
use crate::frame::{Frame, render};
use crate::text::Text;

/// What the page posts.
#[derive(Clone, Copy, Debug)]
pub struct FormPost<'a> {
    /// The redirect URI.
    pub action: &'a str,
    /// The parameters of the response.
    pub parameters: &'a [(&'a str, &'a str)],
    /// The app it goes to.
    pub client_name: &'a str,
}

/// The page. An id that never changes: button `form-post`. Its script is the asset `form-post.js`, under `script-src 'self'`.
#[must_use]
pub fn form_post(frame: &Frame<'_>, shown: &FormPost<'_>) -> String {
    render(&Page { frame, text: frame.text(), shown, script: assets::form_post_script_path() })
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct Page<'a> {
    frame: &'a Frame<'a>,
    text: Text,
    shown: &'a FormPost<'a>,
    script: &'static str,
}
