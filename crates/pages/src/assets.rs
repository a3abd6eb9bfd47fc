//! Style sheet, fonts, icons and the one script, built into the binary.
//!
//! A name carries a hash of the content, so that a browser may keep the file for ever and a new build is seen at once.
//! The fonts are Be Vietnam Pro (SIL Open Font License, `assets/fonts/OFL.txt`), latin and vietnamese, 400 and 600.

use std::sync::LazyLock;

/// The path under which the pages refer to assets.
pub const ASSETS_PATH: &str = "/assets/";

/// A file that a page refers to.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// Its media type, for the `Content-Type` header.
    pub content_type: &'static str,
    /// How long a browser may keep it.
    pub caching: Caching,
}

/// How long a browser may keep a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// The name changes with the content: for ever.
    Immutable,
    /// The name stays: a while.
    Brief,
}

/// The asset of this name (what follows [`ASSETS_PATH`]).
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    FILES.all.iter().find(|file| file.name == path).map(|file| file.asset)
}

/// The names of all assets.
pub fn asset_names() -> impl Iterator<Item = &'static str> {
    FILES.all.iter().map(|file| file.name.as_str())
}

pub(crate) fn style_sheet_path() -> &'static str {
    &FILES.style_sheet_path
}

pub(crate) fn icon_path() -> &'static str {
    &FILES.icon_path
}

pub(crate) fn form_post_script_path() -> &'static str {
    &FILES.form_post_script_path
}

struct Files {
    all: Vec<File>,
    style_sheet_path: String,
    icon_path: String,
    form_post_script_path: String,
}

struct File {
    name: String,
    asset: Asset,
}

static STYLE_SHEET: LazyLock<String> = LazyLock::new(|| {
    FONTS.iter().fold(include_str!("../assets/kimbai.css").to_owned(), |css, (stem, bytes)| {
        css.replace(&format!("{stem}.woff2"), &hashed(stem, bytes, "woff2"))
    })
});

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let style_sheet = File::hashed("kimbai", STYLE_SHEET.as_bytes(), "css", "text/css; charset=utf-8");
    let icon = File::hashed("kimbai", include_bytes!("../assets/kimbai.svg"), "svg", SVG);
    let script = include_bytes!("../assets/form-post.js");
    let form_post_script = File::hashed("form-post", script, "js", "text/javascript; charset=utf-8");
    let demo = DEMO.iter().map(|(name, bytes)| File {
        name: (*name).to_owned(),
        asset: Asset { bytes, content_type: SVG, caching: Caching::Brief },
    });
    let fonts = FONTS.iter().map(|(stem, bytes)| File::hashed(stem, bytes, "woff2", "font/woff2"));
    Files {
        style_sheet_path: format!("{ASSETS_PATH}{}", style_sheet.name),
        icon_path: format!("{ASSETS_PATH}{}", icon.name),
        form_post_script_path: format!("{ASSETS_PATH}{}", form_post_script.name),
        all: [style_sheet, icon, form_post_script].into_iter().chain(demo).chain(fonts).collect(),
    }
});

impl File {
    fn hashed(stem: &str, bytes: &'static [u8], extension: &str, content_type: &'static str) -> Self {
        let asset = Asset { bytes, content_type, caching: Caching::Immutable };
        Self { name: hashed(stem, bytes, extension), asset }
    }
}

fn hashed(stem: &str, bytes: &[u8], extension: &str) -> String {
    format!("{stem}-{:016x}.{extension}", fnv1a(bytes))
}

/// FNV-1a: names a build's files apart; nobody is kept from finding a collision, and nobody gains by one.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

const SVG: &str = "image/svg+xml";

/// What demo apps show; their names are in registrations, so that they do not change.
const DEMO: [(&str, &[u8]); 2] = [
    ("demo-shop.svg", include_bytes!("../assets/demo-shop.svg")),
    ("demo-background.svg", include_bytes!("../assets/demo-background.svg")),
];

const FONTS: [(&str, &[u8]); 4] = [
    ("be-vietnam-pro-latin-400", include_bytes!("../assets/fonts/be-vietnam-pro-latin-400.woff2")),
    ("be-vietnam-pro-latin-600", include_bytes!("../assets/fonts/be-vietnam-pro-latin-600.woff2")),
    ("be-vietnam-pro-vietnamese-400", include_bytes!("../assets/fonts/be-vietnam-pro-vietnamese-400.woff2")),
    ("be-vietnam-pro-vietnamese-600", include_bytes!("../assets/fonts/be-vietnam-pro-vietnamese-600.woff2")),
];
