//! The language of a page, chosen from what the request says.
//!
//! `ui_locales` (OIDC Core section 3.1.2.1) is the app's explicit wish and comes first; `Accept-Language`
//! (RFC 9110 section 12.5.4) is the browser's. Both are lists of BCP 47 tags of which only the primary subtag counts
//! here. The walk is bounded; what is not understood is passed over, never an error.

/// A language that all pages exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Vietnamese, the default.
    Vi,
    /// English.
    En,
}

impl Language {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Vi, Self::En];

    /// The language to answer in: the first of `ui_locales` that exists, else the best of `Accept-Language`, else
    /// Vietnamese.
    #[must_use]
    pub fn negotiate(ui_locales: Option<&str>, accept_language: Option<&str>) -> Self {
        ui_locales.and_then(first_known).or_else(|| accept_language.and_then(best_accepted)).unwrap_or(Self::Vi)
    }

    /// The BCP 47 tag: `vi` or `en`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

fn first_known(ui_locales: &str) -> Option<Language> {
    ui_locales.split_ascii_whitespace().take(TAGS_MAX).find_map(Language::of_tag)
}

/// The language of the highest quality; of equals the one named first.
fn best_accepted(accept_language: &str) -> Option<Language> {
    let mut best: Option<(u16, Language)> = None;
    let mut named = [None; Language::ALL.len()];
    let mut any = 0;
    for (range, quality) in accept_language.split(',').take(TAGS_MAX).filter_map(weighted) {
        if range == "*" {
            any = quality;
        } else if let Some(language) = Language::of_tag(range) {
            for (slot, candidate) in named.iter_mut().zip(Language::ALL) {
                if candidate == language {
                    *slot = Some(slot.unwrap_or(0).max(quality));
                }
            }
            if quality > best.map_or(0, |(highest, _)| highest) {
                best = Some((quality, language));
            }
        }
    }
    // `*` stands for every language that the header does not name.
    let unnamed = named.iter().zip(Language::ALL).find(|(slot, _)| slot.is_none()).map(|(_, language)| language);
    match (best, unnamed) {
        (best, Some(language)) if any > best.map_or(0, |(highest, _)| highest) => Some(language),
        (best, _) => best.map(|(_, language)| language),
    }
}

/// A range and its quality in thousandths; `None` if the quality is none.
fn weighted(item: &str) -> Option<(&str, u16)> {
    let Some((range, weight)) = item.split_once(';') else { return Some((item.trim(), 1000)) };
    let (name, value) = weight.trim().split_once('=')?;
    if !name.eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some((range.trim(), thousandths)),
        ("1", 0) => Some((range.trim(), 1000)),
        _ => None,
    }
}

/// Tags looked at in either list; real browsers send fewer than ten.
const TAGS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_follows_ui_locales_then_accept_language_then_the_default() {
        let cases: &[(Option<&str>, Option<&str>, &str)] = &[
            (None, None, "vi"),
            (Some(""), Some(""), "vi"),
            (Some("en"), None, "en"),
            (Some("EN-us"), None, "en"),
            (Some("fr ja en-GB vi"), None, "en"),
            (Some("fr-CA"), Some("en"), "en"),
            (Some("vi"), Some("en"), "vi"),
            (Some("english"), None, "vi"),
            (None, Some("en"), "en"),
            (None, Some("vi-VN,vi;q=0.9,en-US;q=0.8,en;q=0.7"), "vi"),
            (None, Some("en-US,en;q=0.9,vi;q=0.8"), "en"),
            (None, Some("fr;q=1, en;q=0.2, vi;q=0.3"), "vi"),
            (None, Some("vi;q=0.5,en;q=0.5"), "vi"),
            (None, Some("en;q=0.5,vi;q=0.5"), "en"),
            (None, Some("en; q=0.8 , vi ;q=0.9"), "vi"),
            (None, Some("en;q=0"), "vi"),
            (None, Some("en;q=0.001"), "en"),
            (None, Some("fr,*;q=0.5,vi;q=0.1"), "en"),
            (None, Some("en;q=0.4,*;q=0.5"), "vi"),
            (None, Some("*"), "vi"),
            (None, Some("*,vi;q=0"), "en"),
            (None, Some("de-DE,de;q=0.9"), "vi"),
            (None, Some("en;q=1.5,en;q=x,en;level=1,en;q=0.12345,;;,=,"), "vi"),
            (None, Some("en;q=1.000"), "en"),
            (None, Some("\u{0}\u{fffd}, en"), "en"),
        ];
        for (ui_locales, accept_language, expected) in cases {
            let language = Language::negotiate(*ui_locales, *accept_language);
            assert_eq!(language.tag(), *expected, "{ui_locales:?} {accept_language:?}");
        }
    }

    #[test]
    fn tags_beyond_the_limit_are_not_looked_at() {
        let last = "fr,".repeat(TAGS_MAX - 1) + "en";
        let beyond = "fr,".repeat(TAGS_MAX) + "en";
        assert_eq!(Language::negotiate(None, Some(&last)), Language::En);
        assert_eq!(Language::negotiate(None, Some(&beyond)), Language::Vi);
        assert_eq!(Language::negotiate(Some(&last.replace(',', " ")), None), Language::En);
        assert_eq!(Language::negotiate(Some(&beyond.replace(',', " ")), None), Language::Vi);
    }
}
