//! Where a secret comes from: never the command line, which other users of the machine can read, but a variable, a file, standard
//! input or a terminal. What was written in the place of a source may be the secret itself, and is not repeated.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use kimbai_engine::admin::PlainSecret;

use crate::config::{Origin, Problem, Problems};

/// A secret longer than this is a mistake, such as the wrong file; in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// What a source holds.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A secret on one line.
    Line,
    /// A secret of several lines.
    Text,
}

impl Form {
    fn read(self, text: String) -> Result<PlainSecret, &'static str> {
        match self {
            Self::Line => one_line(text),
            Self::Text => whole_text(text),
        }
    }
}

/// The secret that a text of the form `env:NAME` or `file:PATH` stands for; nothing for any other text. `base` is the directory that
/// a relative path is relative to.
pub(crate) fn of_reference(text: &str, base: &Path) -> Option<Result<PlainSecret, String>> {
    referred(text, base, Form::Line)
}

/// The secret that an option names by `env:NAME`, `file:PATH` or `-`.
pub(super) fn of_option(option: &'static str, text: &str) -> anyhow::Result<PlainSecret> {
    named(option, text, Form::Line)
}

/// The same for one that has several lines, such as a key in PEM.
pub(super) fn text_of_option(option: &'static str, text: &str) -> anyhow::Result<PlainSecret> {
    named(option, text, Form::Text)
}

fn referred(text: &str, base: &Path, form: Form) -> Option<Result<PlainSecret, String>> {
    if let Some(name) = text.strip_prefix("env:") {
        return Some(of_variable(name, form));
    }
    text.strip_prefix("file:").map(|path| of_file(&base.join(path), form))
}

fn named(option: &'static str, text: &str, form: Form) -> anyhow::Result<PlainSecret> {
    if text == "-" {
        return of_standard_input(form);
    }
    let problem = |message: &str, advice: &str| {
        Problems::new(vec![Problem::new(Origin::Flag(option), message.to_owned(), advice)])
    };
    match referred(text, Path::new(""), form) {
        Some(Ok(secret)) => Ok(secret),
        Some(Err(reason)) => {
            Err(problem(&reason, "name a variable that is set or a file that this user may read").into())
        }
        None => {
            let message = "a secret on the command line can be read by every user of this machine";
            Err(problem(message, "write env:NAME, file:PATH, or - for standard input").into())
        }
    }
}

/// A new password: asked for twice on a terminal, else read from standard input.
pub(super) fn new_password(username: &str) -> anyhow::Result<PlainSecret> {
    if !io::stdin().is_terminal() {
        return of_standard_input(Form::Line);
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).context("cannot read from the terminal");
    let first = PlainSecret::new(ask(format!("New password for {username}: "))?);
    let second = PlainSecret::new(ask("Again: ".to_owned())?);
    if first != second {
        bail!("these are two different passwords; nothing was changed");
    }
    Ok(first)
}

fn of_standard_input(form: Form) -> anyhow::Result<PlainSecret> {
    let mut text = String::new();
    io::stdin().take(SECRET_BYTES_MAX).read_to_string(&mut text).context("cannot read standard input")?;
    form.read(text).map_err(|reason| anyhow::anyhow!("standard input {reason}"))
}

fn of_variable(name: &str, form: Form) -> Result<PlainSecret, String> {
    let value = std::env::var_os(name).ok_or_else(|| format!("the variable {name} is not set"))?;
    let text = value.into_string().map_err(|_| format!("the variable {name} is not UTF-8"))?;
    form.read(text).map_err(|reason| format!("the variable {name} {reason}"))
}

fn of_file(path: &Path, form: Form) -> Result<PlainSecret, String> {
    let read = fs::File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    });
    let text = read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    form.read(text).map_err(|reason| format!("{} {reason}", path.display()))
}

/// The text without the line break that editors and `echo` put behind it.
fn one_line(mut text: String) -> Result<PlainSecret, &'static str> {
    for end in ['\n', '\r'] {
        if text.ends_with(end) {
            text.pop();
        }
    }
    match text.as_str() {
        "" => Err("is empty"),
        text if text.contains(['\n', '\0']) => Err("has more than one line"),
        _ => Ok(PlainSecret::new(text)),
    }
}

/// The text as it is.
fn whole_text(text: String) -> Result<PlainSecret, &'static str> {
    if text.trim().is_empty() { Err("is empty") } else { Ok(PlainSecret::new(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_and_its_line_break_does_not_count() {
        for (text, expect) in [
            ("secret", Ok("secret")),
            ("secret\n", Ok("secret")),
            ("secret\r\n", Ok("secret")),
            (" se cret ", Ok(" se cret ")),
            ("", Err("is empty")),
            ("\n", Err("is empty")),
            ("one\ntwo\n", Err("has more than one line")),
            ("secret\n\n", Err("has more than one line")),
        ] {
            let read = one_line(text.to_owned());
            assert_eq!(read.as_ref().map(PlainSecret::expose).map_err(|reason| *reason), expect, "{text:?}");
        }
    }

    #[test]
    fn a_reference_names_a_variable_or_a_file_beside_the_manifest() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("secret"), "beside\n").unwrap();
        let read = |text: &str| of_reference(text, place.path());
        assert_eq!(read("file:secret").unwrap().unwrap().expose(), "beside");
        assert!(read("file:nowhere").unwrap().unwrap_err().contains("nowhere cannot be read"));
        assert_eq!(
            read("env:KIMBAI_TEST_NOT_SET").unwrap().unwrap_err(),
            "the variable KIMBAI_TEST_NOT_SET is not set"
        );
        assert!(read("plain").is_none());
    }

    #[test]
    fn a_secret_in_the_place_of_its_source_is_refused_and_not_repeated() {
        let error = of_option("--secret", "hunter2hunter2").unwrap_err();
        assert!(error.is::<Problems>());
        assert!(!format!("{error:?} {error:#}").contains("hunter2"));
    }
}
