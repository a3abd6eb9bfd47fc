//! What every page has around its content: language, realm, style sheet, mark and the id of the request.

use askama::Template;

use crate::{Language, assets, link, text::Text};

/// The chrome of a page.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The language of all its texts.
    pub language: Language,
    /// The realm's display name.
    pub realm: &'a str,
    /// The request's id, in small print, for whoever is asked for help.
    pub request_id: &'a str,
}

impl Frame<'_> {
    pub(crate) fn text(&self) -> Text {
        Text(self.language)
    }
}

/// The app a page speaks about.
#[derive(Clone, Copy, Debug)]
pub struct ClientCard<'a> {
    /// Its display name.
    pub name: &'a str,
    /// Its icon (http or https); without one the page shows its initial. The origin belongs into `img-src`.
    pub logo_uri: Option<&'a str>,
    /// Its home page (http or https).
    pub home_uri: Option<&'a str>,
}

impl<'a> ClientCard<'a> {
    pub(crate) fn initial(&self) -> String {
        initial(self.name)
    }

    /// Long enough to be set smaller in a heading.
    pub(crate) fn has_long_name(&self) -> bool {
        self.name.chars().nth(HEADING_CHARS).is_some()
    }

    pub(crate) fn logo(&self) -> Option<&'a str> {
        self.logo_uri.and_then(|uri| if uri.starts_with(assets::ASSETS_PATH) { Some(uri) } else { link::web(uri) })
    }

    pub(crate) fn home(&self) -> Option<&'a str> {
        self.home_uri.and_then(link::web)
    }

    pub(crate) fn home_host(&self) -> &'a str {
        self.home().map_or("", link::host)
    }
}

/// The first letter or digit of a name, in upper case.
pub(crate) fn initial(name: &str) -> String {
    name.chars().find(|character| character.is_alphanumeric()).map_or_else(|| "•".to_owned(), upper)
}

fn upper(character: char) -> String {
    character.to_uppercase().collect()
}

/// A template as a document. Writing to a `String` cannot fail, and no value here has a `Display` of its own.
pub(crate) fn render(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}

/// Characters of a client's name that fill two lines of a heading on a phone.
const HEADING_CHARS: usize = 40;
