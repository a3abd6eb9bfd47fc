//! What `apply` is given: files in TOML or JSON, each checked on its own, then laid together. Realms and clients may be spread over
//! files; no key may be given twice. Secrets are brought in here, so that neither files nor plans hold them.

mod document;
mod masking;
mod merge;
mod references;
mod shape;
mod unique;
mod unset;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kimbai_engine::admin::Manifest;

use self::document::{Document, Syntax};
pub(super) use self::unset::name_nulls;
use crate::config::{Origin, Problem, Problems};

/// Reads these files as one manifest; `-` is standard input.
///
/// # Errors
/// [`Problems`]: all that is wrong with the files.
pub(crate) fn read(files: &[PathBuf]) -> anyhow::Result<Manifest> {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match open(file) {
            Ok(document) => documents.push(document),
            Err(problem) => problems.push(*problem),
        }
    }
    for document in &mut documents {
        problems.extend(unset::resolve(document));
        problems.extend(shape::check(document));
        problems.extend(references::resolve(document));
    }
    Problems::unless_empty(problems)?;
    let value = merge::merge(&documents).map_err(Problems::new)?;
    serde_json::from_value(value).context("the files cannot be laid together")
}

fn open(path: &Path) -> Result<Document, Box<Problem>> {
    let is_standard_input = path == Path::new("-");
    let name = if is_standard_input { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let read = if is_standard_input {
        io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
    };
    let unreadable = |reason: &str| {
        let advice = "give a file in TOML or JSON that this user may read, or - for standard input";
        Box::new(Problem::new(Origin::Default, format!("{name} cannot be read: {reason}"), advice))
    };
    match read {
        Ok(bytes) if u64::try_from(bytes).is_ok_and(|bytes| bytes == FILE_BYTES_MAX) => {
            return Err(unreadable("it is larger than 256 MiB"));
        }
        Ok(_) => {}
        Err(error) => return Err(unreadable(&error.to_string())),
    }
    let syntax = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Syntax::Json,
        Some("toml") => Syntax::Toml,
        // No TOML document begins so, and every JSON document that is a manifest does.
        _ if text.trim_start().starts_with('{') => Syntax::Json,
        _ => Syntax::Toml,
    };
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    Document::parse(name, text, syntax, directory)
}

/// A larger file is a mistake.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests;
