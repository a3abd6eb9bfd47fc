//! Where a value comes from, and the text of a file around it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Where a value comes from; shown as `kimbai.toml:3`, `KIMBAI_LOG_LEVEL`, `--log` or `default`.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Default,
    File(Arc<Source>, Range<usize>),
    Variable(String),
    Flag(&'static str),
}

/// A configuration file's name and text; `Debug` hides the text, which may hold a key that should not be there.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A place in a text; lines and columns (of characters) count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// How much of a line may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// The line, but what may be a secret.
    Line,
    /// Up to the marked text: what follows is the value of a key that we do not know, and may be anything.
    UpToMark,
}

impl Origin {
    /// What counts before what: the greater number.
    pub(crate) const fn strength(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(..) => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(source, span) => write!(formatter, "{}:{}", source.name, source.position(span.start).line),
            Self::Variable(name) => formatter.write_str(name),
            Self::Flag(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({})", self.name)
    }
}

impl Source {
    /// The line and column of a byte.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = self.before(offset);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Position { line, column }
    }

    /// The line of a span with carets under it, as a compiler shows it; ends with a line break.
    pub(crate) fn excerpt(&self, span: &Range<usize>, show: Show) -> String {
        let Position { line, column } = self.position(span.start);
        let text = self.text.split('\n').nth(line - 1).unwrap_or_default().trim_end_matches('\r');
        let marked = self.text.get(span.clone()).unwrap_or_default().split('\n').next().unwrap_or_default();
        let width = marked.chars().count().max(1);
        let shown = match show {
            Show::Line => masked(text),
            Show::UpToMark => text.chars().take(column - 1 + width).chain(" …".chars()).collect(),
        };
        let (shown, number) = (shown.replace('\t', " "), line.to_string());
        let (margin, indent, carets) = (" ".repeat(number.len()), " ".repeat(column - 1), "^".repeat(width));
        format!("{margin} |\n{number} | {shown}\n{margin} | {indent}{carets}\n")
    }

    fn before(&self, offset: usize) -> &str {
        self.text.get(..self.text.floor_char_boundary(offset)).unwrap_or_default()
    }
}

/// The text with what may be a secret dotted out, character by character: keys, and in URLs a password with its user.
pub(crate) fn masked(text: &str) -> String {
    let is_of_a_key = |character: char| character.is_ascii_alphanumeric() || "+/=-_".contains(character);
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(|character| !is_of_a_key(character)) {
        let length = word.trim_end_matches(|character| !is_of_a_key(character)).len();
        let (word, end) = word.split_at(length);
        shown += &if length >= SECRET_LENGTH_MIN { dots(word) } else { word.to_owned() };
        shown += end;
    }
    let Some((scheme, rest)) = shown.split_once("://") else { return shown };
    // Beyond the last quote there is no URL.
    let (rest, after) = rest.split_at(rest.rfind(['"', '\'']).unwrap_or(rest.len()));
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    if query.is_some_and(|query| query.contains('@')) {
        // Of a password with a raw `?` in it nobody can say where it ends.
        return format!("{scheme}://{}{after}", dots(rest));
    }
    let (userinfo, place) = match before.rsplit_once('@') {
        Some((user, _)) if user.chars().all(is_of_a_name) => (String::new(), before),
        Some((userinfo, place)) => (dots(userinfo) + "@", place),
        None => (String::new(), before),
    };
    let query = query.map(|query| "?".to_owned() + &without_secrets(query)).unwrap_or_default();
    format!("{scheme}://{userinfo}{place}{query}{after}")
}

/// The parameters of a URL, of which only those are shown that never hold a secret: a name may be written in many ways.
fn without_secrets(query: &str) -> String {
    let masked = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if HARMLESS.contains(&name) => parameter.to_owned(),
        Some((name, value)) => format!("{name}={}", dots(value)),
        None => dots(parameter),
    };
    query.split('&').map(masked).collect::<Vec<_>>().join("&")
}

/// Parameters of a database's URL whose values are shown.
const HARMLESS: [&str; 9] = [
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "port",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// Whether a user's name in a URL has this character; a password after it begins with another.
fn is_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~%".contains(character)
}

fn dots(text: &str) -> String {
    "•".repeat(text.chars().count())
}

/// A master key has 44 characters. A long path may be dotted out too; its line is named, so that nothing is lost.
const SECRET_LENGTH_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source { name: "x".to_owned(), text: "a\nậb = 1\n".to_owned() };
        for (offset, line, column) in [(0, 1, 1), (1, 1, 2), (2, 2, 1), (5, 2, 2), (3, 2, 1), (99, 3, 1)] {
            assert_eq!(source.position(offset), Position { line, column }, "{offset}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_dotted_out_and_columns_stay() {
        let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        for (text, expect) in [
            (format!("file = \"{key}\" # x"), format!("file = \"{}\" # x", "•".repeat(44))),
            (format!("{key}, ậ"), format!("{}, ậ", "•".repeat(44))),
            ("url = \"postgres://an:pass@word@db/x\"".to_owned(), "url = \"postgres://••••••••••••@db/x\"".to_owned()),
            (
                "url = \"postgres://db/x?password=gẹ&sslmode=require\" # x".to_owned(),
                "url = \"postgres://db/x?password=••&sslmode=require\" # x".to_owned(),
            ),
            (
                "url = 'postgres://db/x?pass%77ord=gh&b'".to_owned(),
                "url = 'postgres://db/x?pass%77ord=••&•'".to_owned(),
            ),
            ("postgres://an@db/x?sslmode=disable".to_owned(), "postgres://an@db/x?sslmode=disable".to_owned()),
            ("postgres://an@b:c@db/x".to_owned(), "postgres://••••••@db/x".to_owned()),
            ("postgres://an:a@b/c@db/x?user=an".to_owned(), "postgres://••••••••@db/x?user=an".to_owned()),
            ("postgres://an:a@b?c@db/x".to_owned(), format!("postgres://{}", "•".repeat(13))),
            ("'postgres://db/x?password=a@b' # x".to_owned(), format!("'postgres://{}' # x", "•".repeat(17))),
            ("public = \"127.0.0.1:4500\"".to_owned(), "public = \"127.0.0.1:4500\"".to_owned()),
            (String::new(), String::new()),
        ] {
            let shown = masked(&text);
            assert_eq!(shown, expect);
            assert_eq!(shown.chars().count(), text.chars().count());
        }
    }
}
