//! The texts of the pages: Fluent files in `locales/`, one folder a language, built into the binary.
//!
//! A test keeps the languages alike: every key in both, with the same variables. Values put into a text are escaped
//! with the text, by the template that shows it.

use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, langid, static_loader};

use crate::Language;

/// The texts of one language.
#[derive(Clone, Copy)]
pub(crate) struct Text(pub(crate) Language);

impl Text {
    pub(crate) fn of(self, key: &str) -> String {
        self.look_up(key, &HashMap::new())
    }

    pub(crate) fn count(self, key: &str, name: &str, number: u64) -> String {
        self.look_up(key, &HashMap::from([(name, FluentValue::from(number))]))
    }

    fn look_up(self, key: &str, values: &HashMap<&str, FluentValue<'_>>) -> String {
        let identifier = match self.0 {
            Language::Vi => VIETNAMESE,
            Language::En => ENGLISH,
        };
        // A key that is missing shows itself: better than an empty page, and a test sees it first.
        LOCALES.lookup_single_language(&identifier, key, Some(values)).unwrap_or_else(|_| key.to_owned())
    }
}

static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "vi",
        // The pages are read left to right throughout; isolation marks would be copied with every name.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const VIETNAMESE: LanguageIdentifier = langid!("vi");
const ENGLISH: LanguageIdentifier = langid!("en");
