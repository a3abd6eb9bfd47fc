//! One file: its value, and where in it everything stands.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::masking::masked;
use super::unique;
use crate::config::{Origin, Problem, Source};

/// A file that was read.
pub(super) struct Document {
    pub(super) name: String,
    /// What its secrets are relative to.
    pub(super) directory: PathBuf,
    pub(super) value: Value,
    text: String,
    syntax: Syntax,
    shown: Arc<Source>,
}

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Toml,
    Json,
}

impl Document {
    pub(super) fn parse(name: String, text: String, syntax: Syntax, directory: PathBuf) -> Result<Self, Box<Problem>> {
        let parsed = match syntax {
            Syntax::Toml => toml::from_str(&text).map_err(|error| {
                let message = error.message().to_owned();
                (message, error.span().unwrap_or_default(), "write TOML: https://toml.io/en/v1.0.0")
            }),
            Syntax::Json => unique::from_str(&text).map_err(|error| {
                let offset = offset(&text, error.line(), error.column());
                (without_place(&error), offset..offset, "write JSON: https://www.json.org")
            }),
        };
        let shown = Arc::new(Source { name: name.clone(), text: masked(&text) });
        match parsed {
            Ok(value) => Ok(Self { name, directory, value, text, syntax, shown }),
            Err((message, span, advice)) => {
                let origin = Origin::File(Arc::clone(&shown), moved(&text, &shown.text, &span));
                Err(Box::new(Problem::new(origin, message, advice)))
            }
        }
    }

    /// What is wrong with the value at this path.
    pub(super) fn problem(&self, path: &[&str], message: &str, advice: &str) -> Problem {
        let path_text = path.join(".");
        let message = if path.is_empty() { message.to_owned() } else { format!("{path_text}: {message}") };
        match self.span(path) {
            Some(span) => {
                let span = moved(&self.text, &self.shown.text, &span);
                Problem::new(Origin::File(Arc::clone(&self.shown), span), message, advice)
            }
            None => Problem::new(Origin::Default, format!("{}: {message}", self.name), advice),
        }
    }

    /// Where a value stands; JSON does not say.
    fn span(&self, path: &[&str]) -> Option<Range<usize>> {
        if self.syntax == Syntax::Json {
            return None;
        }
        let table = DeTable::parse(&self.text).ok()?;
        let (first, rest) = path.split_first()?;
        let (mut key, mut value) = table.get_ref().get_key_value(*first)?;
        for name in rest {
            let DeValue::Table(table) = value.get_ref() else { break };
            let Some(found) = table.get_key_value(*name) else { break };
            (key, value) = found;
        }
        Some(key.span())
    }
}

/// The byte at a line and column (in bytes), both counted from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text.floor_char_boundary(before + column.saturating_sub(1))
}

/// The message of a JSON error, whose place is said before it.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").and_then(|at| text.get(..at)).map_or_else(|| text.clone(), str::to_owned)
}

/// A span of one text in another that has the same number of characters.
fn moved(from: &str, to: &str, span: &Range<usize>) -> Range<usize> {
    let at = |offset: usize| {
        let before = from.get(..from.floor_char_boundary(offset)).unwrap_or_default().chars().count();
        to.char_indices().nth(before).map_or(to.len(), |(at, _)| at)
    };
    at(span.start)..at(span.end)
}
