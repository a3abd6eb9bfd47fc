//! How a reply is printed: as JSON, or as a person reads it. What comes from the store is shown without control characters: a name
//! must not move a terminal's cursor.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};

use anyhow::Context as _;
use serde::Serialize;

/// How a reply is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

/// Prints a reply on standard output.
pub(super) fn say<T: Serialize>(form: Form, reply: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
    match form {
        Form::Text => print(&text(reply)),
        Form::Json => print(&(serde_json::to_string(reply)? + "\n")),
    }
}

/// Prints on standard output. Whoever has read enough may close it.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// The same, of what need not be text.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot write to standard output"),
    }
}

/// Says something beside the reply, on standard error.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Rows under their heads, aligned; each line ends with its last cell.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let heads = heads.map(str::to_owned);
    let rows: Vec<[String; N]> =
        std::iter::once(heads).chain(rows.iter().map(|row| row.each_ref().map(|cell| plain(cell)))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for row in &rows {
        let line = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Names and what they stand for, aligned.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut out = String::new();
    for (name, value) in facts {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{name:<width$}  {}", plain(value));
    }
    out
}

/// Something that may be absent, in a cell.
pub(super) fn or_dash(value: Option<&str>) -> String {
    value.filter(|value| !value.is_empty()).unwrap_or("-").to_owned()
}

/// The text without control characters.
pub(super) fn plain(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|character| if is_hidden(character) { '\u{fffd}' } else { character }).collect()
}

/// A number of things, in words.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_by_characters_and_moves_no_cursor() {
        let rows = [["an", "Đặng Thị Ngọc Ảnh"], ["b\u{1b}[2J", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["USER", "NAME"], &rows), "USER   NAME\nan     Đặng Thị Ngọc Ảnh\nb\u{fffd}[2J\n");
        assert_eq!(facts(&[("a", "1".to_owned()), ("long", "x\ny".to_owned())]), "a     1\nlong  x\u{fffd}y\n");
    }

    #[test]
    fn numbers_agree_with_what_they_count() {
        assert_eq!([0, 1, 2].map(|number| count(number, "grant")), ["0 grants", "1 grant", "2 grants"]);
    }
}
