//! `kimbai.toml`: read into what it gives for which key, every value with its place.

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::keys::{self, Entry};
use super::nearest::nearest;
use super::origin::{Origin, Source};
use super::problem::Problem;
use super::reading::Given;
use super::value::{Item, Shape};

/// The file that is read from the working directory.
pub(crate) const DEFAULT_NAME: &str = "kimbai.toml";

/// What a file gives, and what in it is wrong.
#[derive(Default)]
pub(super) struct Content {
    pub(super) given: Vec<Given>,
    pub(super) problems: Vec<Problem>,
}

/// Reads a configuration file; nothing if it may be missing and is, an error if it cannot be read at all.
pub(super) fn read(path: &Path, presence: Presence) -> Result<Option<Content>, Vec<Problem>> {
    let bytes = match (fs::read(path), presence) {
        (Ok(bytes), _) => bytes,
        (Err(error), Presence::Optional) if error.kind() == ErrorKind::NotFound => return Ok(None),
        (Err(error), _) if error.kind() == ErrorKind::NotFound => {
            let advice = "give the configuration file that is there, or leave --config out";
            return Err(vec![Problem::of_file(path, &error, advice)]);
        }
        (Err(error), _) => {
            let advice = "give a file that this user may read";
            return Err(vec![Problem::of_file(path, &error, advice)]);
        }
    };
    let name = path.display().to_string();
    match String::from_utf8(bytes) {
        Ok(text) => parse(&Arc::new(Source { name, text })).map(Some),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let origin = Origin::File(Arc::new(Source { name, text }), at..at + '\u{fffd}'.len_utf8());
            Err(vec![Problem::new(origin, "this is not UTF-8", "save the file as UTF-8")])
        }
    }
}

/// Whether a file may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

fn parse(source: &Arc<Source>) -> Result<Content, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        let syntax = |error: &toml::de::Error| {
            let origin = Origin::File(Arc::clone(source), error.span().unwrap_or_default());
            Problem::new(origin, error.message(), "write TOML: https://toml.io/en/v1.0.0")
        };
        return Err(errors.iter().map(syntax).collect());
    }
    let mut reader = Reader { source, content: Content::default() };
    for (name, value) in document.get_ref() {
        reader.top_level(name, value);
    }
    Ok(reader.content)
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    content: Content,
}

impl Reader<'_> {
    fn top_level(&mut self, name: &Spanned<impl AsRef<str>>, value: &Spanned<DeValue<'_>>) {
        let known = || keys::ALL.into_iter().filter_map(Entry::in_file);
        let table = name.get_ref().as_ref();
        let is_known = known().any(|(known, _)| known == table);
        if is_known && let Some(content) = value.get_ref().as_table() {
            for (name, value) in content {
                self.key(table, name, value);
            }
        } else if table == keys::MASTER_KEY.entry.name {
            self.master_key(name);
        } else if is_known {
            let message = format!("{table}: expected a table, found {}", with_article(value.get_ref().type_str()));
            let origin = self.at(value.span());
            self.content.problems.push(Problem::new(origin, message, format!("write [{table}] on a line of its own")));
        } else {
            let mut tables: Vec<_> = known().map(|(table, _)| table).collect();
            tables.dedup();
            // A key that was written outside of its table is the likelier mistake.
            let advice = match known().find(|(_, key)| *key == table) {
                Some((home, key)) => format!("`{key}` belongs into the table [{home}]"),
                None => advice(table, &tables),
            };
            self.unknown(name, &format!("unknown key `{table}`"), advice);
        }
    }

    fn key(&mut self, table: &str, name: &Spanned<impl AsRef<str>>, value: &Spanned<DeValue<'_>>) {
        let key = name.get_ref().as_ref();
        let Some(entry) = keys::ALL.into_iter().find(|entry| entry.in_file() == Some((table, key))) else {
            let siblings = keys::ALL.into_iter().filter_map(Entry::in_file).filter(|(home, _)| *home == table);
            let siblings: Vec<_> = siblings.map(|(_, key)| key).collect();
            if table == keys::MASTER_KEY.entry.name && nearest(key, &siblings).is_none() {
                self.master_key(name);
            } else {
                self.unknown(name, &format!("unknown key `{table}.{key}`"), advice(key, &siblings));
            }
            return;
        };
        match self.items(entry, value) {
            Ok(items) => self.content.given.push(Given { entry, items, origin: self.at(name.span()) }),
            Err(problem) => self.content.problems.push(problem),
        }
    }

    fn items(&self, entry: &Entry, value: &Spanned<DeValue<'_>>) -> Result<Vec<Item>, Problem> {
        let item = |text: String, span| Item { text, origin: self.at(span) };
        match (value.get_ref(), entry.shape) {
            (DeValue::String(text), Shape::Text | Shape::List) => Ok(vec![item(text.to_string(), value.span())]),
            (DeValue::Integer(number), Shape::Number) => Ok(vec![item(decimal(number), value.span())]),
            (DeValue::Array(elements), Shape::List) => elements
                .iter()
                .map(|element| match element.get_ref().as_str() {
                    Some(text) => Ok(item(text.to_owned(), element.span())),
                    None => Err(self.wrong_type(entry, "a list of strings", (element.get_ref(), element.span()))),
                })
                .collect(),
            (other, shape) => {
                let expected = match shape {
                    Shape::Text => "a string",
                    Shape::Number => "an integer",
                    Shape::List => "a string or a list of strings",
                };
                Err(self.wrong_type(entry, expected, (other, value.span())))
            }
        }
    }

    fn wrong_type(&self, entry: &Entry, expected: &str, (found, span): (&DeValue<'_>, Range<usize>)) -> Problem {
        let message = format!("{}: expected {expected}, found {}", entry.name, with_article(found.type_str()));
        let advice = match entry.shape {
            Shape::Number => "write it without quotes",
            Shape::Text | Shape::List => "write it in quotes",
        };
        Problem::new(self.at(span), message, advice)
    }

    fn master_key(&mut self, name: &Spanned<impl AsRef<str>>) {
        let advice = format!(
            "this file is copied and shown. Name a file that only this user can read ([master_key] file = \"…\"), or set {}",
            keys::MASTER_KEY.entry.variable()
        );
        self.unknown(name, "the master key must not stand in the configuration file", advice);
    }

    fn unknown(&mut self, name: &Spanned<impl AsRef<str>>, message: &str, advice: String) {
        let origin = self.at(name.span());
        self.content.problems.push(Problem::of_unknown_key(origin, message, advice));
    }

    fn at(&self, span: Range<usize>) -> Origin {
        Origin::File(Arc::clone(self.source), span)
    }
}

fn advice(written: &str, known: &[&str]) -> String {
    match nearest(written, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

fn with_article(kind: &str) -> String {
    format!("{} {kind}", if kind.starts_with(['a', 'i']) { "an" } else { "a" })
}

/// As decimal digits, if it fits 64 bits.
fn decimal(number: &DeInteger<'_>) -> String {
    let value = i64::from_str_radix(number.as_str(), number.radix());
    value.map_or_else(|_| number.as_str().to_owned(), |value| value.to_string())
}
