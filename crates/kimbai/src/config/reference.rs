//! `docs/configuration.md`, from the table of keys. A test, because only it needs the texts; to write the page anew:
//! `KIMBAI_TEST_WRITE=1 cargo test -p kimbai reference`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::environment::OTHERS;
use super::keys::{self, Entry, Fallback};
use super::value::Shape;

#[test]
fn the_reference_is_what_the_table_of_keys_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = page();
    if std::env::var_os("KIMBAI_TEST_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == page, "docs/configuration.md is old: see the head of {}", file!());
}

fn page() -> String {
    let others = OTHERS.map(|name| format!("`{name}`"));
    let others: Vec<_> = others.chunks(NAMES_A_LINE).map(|names| names.join(", ")).collect();
    let mut out = HEAD.replace("EXAMPLE", &indented(EXAMPLE)).replace("OTHERS", &others.join(",\n  "));
    let mut table = None;
    for entry in keys::ALL {
        let own = entry.name.split('.').next();
        if table != own {
            table = own;
            write!(out, "\n## {}\n\n", own.unwrap()).unwrap();
            out += "| key | type | default | by environment, flag | meaning |\n|---|---|---|---|---|\n";
        }
        out += &row(entry);
    }
    out + TAIL
}

fn row(entry: &Entry) -> String {
    let key = entry.in_file().map_or_else(|| "(not in the file)".to_owned(), |_| format!("`{}`", entry.name));
    let kind = match entry.shape {
        Shape::List => format!("{}, or a list of them", entry.kind),
        Shape::Text | Shape::Number => entry.kind.to_owned(),
    };
    let default = match (entry.fallback, entry.shape) {
        (Fallback::Text("") | Fallback::Nothing, _) => "none".to_owned(),
        (Fallback::Text(text), Shape::Number) => format!("`{text}`"),
        (Fallback::Text(text), Shape::Text | Shape::List) => format!("`\"{text}\"`"),
        (Fallback::InWords(text), _) => text.to_owned(),
    };
    let flag = entry.flag.map(|flag| format!(", `{flag}`")).unwrap_or_default();
    format!("| {key} | {kind} | {default} | `{}`{flag} | {} |\n", entry.variable(), entry.meaning)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// The page's example, which a test reads as a configuration.
pub(super) const EXAMPLE: &str = r#"[listen]
public = "[::]:443" # all addresses, those of IPv4 too

[tls]
certificate_file = "/etc/kimbai/certificate.pem"
private_key_file = "/etc/kimbai/private_key.pem"

[store]
url = "sqlite:/var/lib/kimbai"

[log]
level = "warn"
"#;

const HEAD: &str = "# Configuration

<!-- Written from the table of keys in crates/kimbai/src/config/keys.rs; do not edit. -->

`kimbai serve` runs without any configuration. What is set, is set by a flag, an environment variable or the file
`kimbai.toml` in the working directory (another one: `--config FILE`); a flag counts before the environment, the
environment before the file, the file before the default. What is wrong in any of them is an error, unknown names too.

    kimbai config check          # \"ok\", or everything that is wrong, and status 2
    kimbai config print          # every key, its value, and where that comes from; --json for scripts

A file for a server of its own, with TLS:

EXAMPLE
- A relative path in the file, or a default one, is relative to the file's directory; one in a flag or in the environment, and a
  default one without a file, to the working directory.
- A list in the environment is separated by commas.
- Of the embedded store, `data.directory` and the directory of `store.url` are the same: either says it. With PostgreSQL the
  server's own directory is `data.directory`.
- Realms, clients, users and their settings are not configuration: they live in the store.
- Variables that begin with `KIMBAI_TEST_`, and those of `kimbai envelope` and of our examples and tools, mean nothing here:
  OTHERS.
";

/// So that no line is long.
const NAMES_A_LINE: usize = 5;

const TAIL: &str = "
## Flags

| flag | the same as |
|---|---|
| `--config FILE` | reads this file, which must be there, instead of `kimbai.toml` |
| `--data DIR` | `data.directory` |
| `--store URL` | `store.url`; what a command line holds, others on the machine can read: no password |
| `--listen ADDR:PORT` | `listen.public`; may be repeated |
| `--operator ADDR:PORT` | `listen.operator` |
| `--log LEVEL` | `log.level` |
| `--log-format FORMAT` | `log.format` |

## Errors

All that is wrong is said at once, on standard error: where it stands, what it is, and what to do.

    error: kimbai.toml:2:1: unknown key `listen.publik`
      |
    2 | publik …
      | ^^^^^^
      = did you mean `public`?

The value of an unknown key is not shown, nor what looks like a key or a password: it may be one.

## Status

Every command ends with 0 when it did what it was asked for, with 1 when it failed while it ran, and with 2 when its command
line or the configuration was wrong, before anything was begun.
";
