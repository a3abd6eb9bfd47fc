//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;
use std::path::Path;

use super::origin::{Origin, Show};

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    origin: Origin,
    show: Show,
    message: String,
    /// What to do.
    advice: String,
}

/// All that is wrong, never nothing; the binary ends with status 2.
#[derive(Debug)]
pub(crate) struct Problems(Vec<Problem>);

impl Problem {
    /// Says what is wrong, and what to do about it.
    pub(crate) fn new(origin: Origin, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { origin, show: Show::Line, message: message.into(), advice: advice.into() }
    }

    /// The same, of a key that we do not know: its value is not shown.
    pub(crate) fn of_unknown_key(origin: Origin, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { show: Show::UpToMark, ..Self::new(origin, message, advice) }
    }

    /// A file as a whole.
    pub(crate) fn of_file(path: &Path, error: &std::io::Error, advice: &str) -> Self {
        Self::new(Origin::Default, format!("{}: cannot be read: {error}", path.display()), advice)
    }
}

impl Problems {
    /// These; those of a file in the order of its text, after all others.
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_cached_key(|problem| match &problem.origin {
            Origin::File(source, span) => Some((source.name.clone(), span.start)),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => None,
        });
        Self(problems)
    }

    /// These, if there are any.
    pub(crate) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::new(problems)) }
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, show, message, advice } = self;
        match origin {
            Origin::Default => writeln!(formatter, "{message}")?,
            Origin::Variable(_) | Origin::Flag(_) => writeln!(formatter, "{origin}: {message}")?,
            Origin::File(source, span) => {
                let column = source.position(span.start).column;
                writeln!(formatter, "{origin}:{column}: {message}")?;
                formatter.write_str(&source.excerpt(span, *show))?;
            }
        }
        write!(formatter, "  = {advice}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            // The first one's "error: " is written by who shows it.
            let separator = if number == 0 { "" } else { "\nerror: " };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}
