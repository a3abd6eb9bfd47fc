//! Writes every page in both languages, and their assets, to a directory, to be looked at:
//! `cargo run -p kimbai-pages --example gallery -- DIRECTORY`.
//!
//! The values are the awkward ones: long names, long addresses, many scopes, stacked diacritics.

use std::path::Path;
use std::{env, fs, io};

use kimbai_pages::{ASSETS_PATH, Language, asset, asset_names};

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> io::Result<()> {
    let directory = env::args().nth(1).ok_or_else(|| io::Error::other("usage: gallery DIRECTORY"))?;
    let directory = Path::new(&directory);
    let assets = directory.join(ASSETS_PATH.trim_matches('/'));
    fs::create_dir_all(&assets)?;
    for name in asset_names() {
        fs::write(assets.join(name), asset(name).map_or(&[][..], |asset| asset.bytes))?;
    }
    for language in Language::ALL {
        for (name, html) in samples::pages(language) {
            fs::write(directory.join(format!("{name}-{}.html", language.tag())), html)?;
        }
    }
    Ok(())
}
