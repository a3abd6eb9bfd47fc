//! `kimbai config`: what is read, what is refused and how, and what is shown.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::BINARY;

const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_place_and_what_to_do() {
    for (content, expect) in BROKEN {
        let place = place(content.as_bytes());
        let (code, stdout, stderr) = run(place.path(), &["config", "check"], &[]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{content}");
        assert_eq!(stderr.trim_end(), expect.trim(), "{content}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_first_the_environment_then_the_file_from_its_top() {
    let content = "[log]\nlevel = 3\nformat = 'xml'\n[listen]\nzone = 1\npublic = [':80', '1.2.3.4:x']\n";
    let place = place(content.as_bytes());
    let variables = [("KIMBAI_LISTEN_OPERATR", "x"), ("KIMBAI_LIMITS_CONNECTIONS", "many")];
    let (code, _, stderr) = run(place.path(), &["config", "check", "--log", "loud"], &variables);
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(code, 2);
    let expect = [
        "error: KIMBAI_LISTEN_OPERATR: unknown variable",
        "error: --log: \"loud\" is no level",
        "error: KIMBAI_LIMITS_CONNECTIONS: many is out of range",
        "error: kimbai.toml:2:9: log.level: expected a string, found an integer",
        "error: kimbai.toml:3:10: \"xml\" is no format of the log",
        "error: kimbai.toml:5:1: unknown key `listen.zone`",
        "error: kimbai.toml:6:11: \":80\" is no address",
        "error: kimbai.toml:6:18: \"x\" is no port",
    ];
    assert_eq!(errors, expect, "{stderr}");
}

#[test]
fn a_file_that_is_missing_or_cannot_be_read_is_an_error_only_if_it_was_named() {
    let place = place(b"");
    fs::remove_file(place.path().join("kimbai.toml")).unwrap();
    let (code, stdout, stderr) = run(place.path(), &["config", "check"], &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "ok: there is no kimbai.toml here; the defaults hold\n");
    for (name, expect) in [
        ("other.toml", "error: other.toml: cannot be read: No such file or directory"),
        (".", "error: .: cannot be read: Is a directory"),
    ] {
        let (code, _, stderr) = run(place.path(), &["config", "check", "--config", name], &[]);
        assert_eq!(code, 2);
        assert!(stderr.starts_with(expect) && stderr.contains("\n  = give"), "{stderr}");
    }
    fs::create_dir(place.path().join("kimbai.toml")).unwrap();
    let (code, _, stderr) = run(place.path(), &["config", "check"], &[]);
    assert_eq!(code, 2, "it is there, and is no file");
    assert!(stderr.starts_with("error: kimbai.toml: cannot be read"), "{stderr}");
}

#[test]
fn a_right_file_is_ok_and_the_files_that_it_names_must_be_there() {
    let place = place(b"[tls]\ncertificate_file = 'c.pem'\nprivate_key_file = 'k.pem'\n");
    let (code, _, stderr) = run(place.path(), &["config", "check"], &[]);
    assert_eq!(code, 2);
    for (line, name) in [(2, "tls.certificate_file: c.pem"), (3, "tls.private_key_file: k.pem")] {
        assert!(stderr.contains(&format!("error: kimbai.toml:{line}:1: {name} cannot be read")), "{stderr}");
    }
    let pairs = [(); 2].map(|()| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let write = |name, pem: String| fs::write(place.path().join(name), pem).unwrap();
    let [pair, other] = pairs;
    write("c.pem", pair.cert.pem());
    write("k.pem", other.signing_key.serialize_pem());
    let (code, _, stderr) = run(place.path(), &["config", "check"], &[]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: kimbai.toml:2:1: k.pem is not the key of the first certificate"), "{stderr}");
    write("k.pem", pair.signing_key.serialize_pem());
    let (code, stdout, _) = run(place.path(), &["config", "check"], &[]);
    assert_eq!((code, stdout.as_str()), (0, "ok: kimbai.toml\n"));
}

#[test]
fn unknown_variables_of_ours_are_errors_and_those_of_tests_and_examples_are_not() {
    let place = place(b"");
    for (name, expect) in [
        ("KIMBAI_TEST_ANYTHING", None),
        ("KIMBAI_KEY_HEX", None),
        ("KIMBAI_TCONNECT_URL", None),
        ("KIMBAI_PORT_4500_TCP_ADDR", None),
        ("KIMBAI_SERVICE_HOST", None),
        ("OTHER_KIMBAI", None),
        ("KIMBAI_TESTS", Some("unset it; known are KIMBAI_LISTEN_PUBLIC, ")),
        ("KIMBAI_STORE_URI", Some("did you mean KIMBAI_STORE_URL?")),
        ("KIMBAI_MASTERKEY", Some("did you mean KIMBAI_MASTER_KEY?")),
    ] {
        let (code, _, stderr) = run(place.path(), &["config", "check"], &[(name, MASTER_KEY)]);
        assert_eq!(code, if expect.is_some() { 2 } else { 0 }, "{stderr}");
        assert!(!stderr.contains(MASTER_KEY), "{stderr}");
        let said = stderr.starts_with(&format!("error: {name}: unknown variable\n  = "));
        assert!(expect.is_none_or(|advice| said && stderr.contains(advice)), "{stderr}");
    }
}

#[test]
fn a_variable_that_is_wrong_is_named_and_a_secret_in_it_is_not_shown() {
    let place = place(b"");
    let not_utf8 = OsString::from_vec(vec![0xff]);
    let output = command(place.path(), &["config", "check"]).env("KIMBAI_LOG_LEVEL", not_utf8).output().unwrap();
    let (_, _, stderr) = texts(output);
    assert_eq!(stderr, "error: KIMBAI_LOG_LEVEL: this is not UTF-8\n  = give it as UTF-8\n");
    let almost_a_key = &MASTER_KEY[1..];
    for (name, value, secret, expect) in [
        (
            "KIMBAI_MASTER_KEY",
            almost_a_key,
            almost_a_key,
            "KIMBAI_MASTER_KEY: the master key is not 32 bytes in base64",
        ),
        ("KIMBAI_STORE_URL", "postgres://an:geheim@db/kimbai?tls=on", "geheim", "has the parameter `tls`; known are "),
        ("KIMBAI_STORE_URL", "postgres://an@db/kimbai?password=geheim&sslmode=x", "geheim", "`sslmode`"),
        ("KIMBAI_STORE_URL", "mysql://an:geheim@db/kimbai", "geheim", "is no store"),
        ("KIMBAI_LISTEN_PUBLIC", almost_a_key, almost_a_key, "is no address"),
        ("KIMBAI_LISTEN_PUBLIC", "", "no secret", "listen.public has no address"),
        ("KIMBAI_TLS_CERTIFICATE_FILE", "", "no secret", "\"\" is no path"),
    ] {
        let (code, _, stderr) = run(place.path(), &["config", "check"], &[(name, value)]);
        assert_eq!(code, 2);
        assert!(stderr.starts_with(&format!("error: {name}: ")) && stderr.contains(expect), "{stderr}");
        assert!(!stderr.contains(secret), "{stderr}");
    }
    let both = [("KIMBAI_MASTER_KEY", MASTER_KEY), ("KIMBAI_MASTER_KEY_FILE", "m.key")];
    let (code, _, stderr) = run(place.path(), &["config", "check"], &both);
    assert_eq!(
        (code, stderr.lines().next().unwrap()),
        (2, "error: KIMBAI_MASTER_KEY: KIMBAI_MASTER_KEY_FILE is given as well")
    );
}

#[test]
fn print_shows_every_value_with_its_origin_and_masks_secrets() {
    let place = place(b"[listen]\noperator = ''\n\n[log]\nlevel = 'warn'\nformat = 'text'\n");
    let words = ["config", "print", "--log", "debug", "--listen", "127.0.0.1:1", "--listen", "[::1]:1", "--data", "d"];
    let variables = [("KIMBAI_MASTER_KEY", MASTER_KEY), ("KIMBAI_LOG_FORMAT", "json"), ("KIMBAI_LOG_LEVEL", "error")];
    let (code, stdout, stderr) = run(place.path(), &words, &variables);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let expect = r#"
listen.public         ["127.0.0.1:1","[::1]:1"]  --listen
listen.operator       ""                         kimbai.toml:2
tls.certificate_file  -                          default
tls.private_key_file  -                          default
proxies.trusted       []                         default
proxies.header        -                          default
data.directory        "d"                        --data
store.url             "sqlite:d"                 --data
store.url_file        -                          default
store.statements      "batched"                  default
store.lanes           4                          default
store.pool            8                          default
master_key            "(secret)"                 KIMBAI_MASTER_KEY
master_key.file       -                          default
log.level             "debug"                    --log
log.format            "json"                     KIMBAI_LOG_FORMAT
limits.connections    10000                      default
"#;
    assert_eq!(stdout, expect.trim_start());
    let (_, stdout, _) = run(place.path(), &[words.as_slice(), &["--json"]].concat(), &variables);
    assert!(!stdout.contains(MASTER_KEY));
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["file"], "kimbai.toml");
    let rows = document["settings"].as_array().unwrap();
    assert_eq!(rows.len(), expect.trim().lines().count());
    assert_eq!(rows[1], json!({"key": "listen.operator", "value": "", "origin": "kimbai.toml:2"}));
    assert_eq!(rows[12], json!({"key": "master_key", "value": "(secret)", "origin": "KIMBAI_MASTER_KEY"}));
    assert_eq!(rows[16], json!({"key": "limits.connections", "value": 10_000, "origin": "default"}));
}

#[test]
fn paths_of_a_named_file_are_relative_to_it() {
    let place = place(b"");
    fs::create_dir(place.path().join("etc")).unwrap();
    fs::write(place.path().join("etc/k.toml"), "[master_key]\nfile = '../m.key'\n").unwrap();
    let (_, stdout, _) = run(place.path(), &["config", "print", "--config", "etc/k.toml", "--json"], &[]);
    for value in ["sqlite:etc/kimbai-data", "etc/../m.key"] {
        assert!(stdout.contains(&format!("\"value\":\"{value}\"")), "{stdout}");
    }
    assert!(stdout.contains("\"origin\":\"etc/k.toml:2\""), "{stdout}");
}

/// A directory with this `kimbai.toml`.
fn place(content: &[u8]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("kimbai.toml"), content).unwrap();
    place
}

fn run(place: &Path, words: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    texts(command(place, words).envs(variables.iter().copied()).output().unwrap())
}

fn command(place: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(place).args(words);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KIMBAI_")) {
        command.env_remove(name);
    }
    command
}

fn texts(Output { status, stdout, stderr }: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

const BROKEN: &[(&str, &str)] = &[
    (
        "[listen]\npublik = \"127.0.0.1:4500\"",
        r"
error: kimbai.toml:2:1: unknown key `listen.publik`
  |
2 | publik …
  | ^^^^^^
  = did you mean `public`?
",
    ),
    (
        "[listen]\nhost = \"hunter2\"",
        r"
error: kimbai.toml:2:1: unknown key `listen.host`
  |
2 | host …
  | ^^^^
  = known here: public, operator
",
    ),
    (
        "[listn]\npublic = \"127.0.0.1:4500\"",
        r"
error: kimbai.toml:1:2: unknown key `listn`
  |
1 | [listn …
  |  ^^^^^
  = did you mean `listen`?
",
    ),
    (
        "public = \"127.0.0.1:4500\"",
        r"
error: kimbai.toml:1:1: unknown key `public`
  |
1 | public …
  | ^^^^^^
  = `public` belongs into the table [listen]
",
    ),
    (
        "listen = 5",
        r"
error: kimbai.toml:1:10: listen: expected a table, found an integer
  |
1 | listen = 5
  |          ^
  = write [listen] on a line of its own
",
    ),
    (
        "[listen]\npublic = [\"127.0.0.1:4500\", 5]\noperator = true",
        r#"
error: kimbai.toml:2:29: listen.public: expected a list of strings, found an integer
  |
2 | public = ["127.0.0.1:4500", 5]
  |                             ^
  = write it in quotes
error: kimbai.toml:3:12: listen.operator: expected a string, found a boolean
  |
3 | operator = true
  |            ^^^^
  = write it in quotes
"#,
    ),
    (
        "[listen]\npublic = [\"127.0.0.1:4500\", \"localhost:80\", \":80\", \"1.2.3.4:70000\", \"1.2.3.4:0\"]",
        r#"
error: kimbai.toml:2:29: "localhost:80" is no address
  |
2 | public = ["127.0.0.1:4500", "localhost:80", ":80", "1.2.3.4:70000", "1.2.3.4:0"]
  |                             ^^^^^^^^^^^^^^
  = write an IP address and a port, like 127.0.0.1:4500 or [::1]:4500
error: kimbai.toml:2:45: ":80" is no address
  |
2 | public = ["127.0.0.1:4500", "localhost:80", ":80", "1.2.3.4:70000", "1.2.3.4:0"]
  |                                             ^^^^^
  = write an IP address before it, like 127.0.0.1:80 or 0.0.0.0:80
error: kimbai.toml:2:52: "70000" is no port
  |
2 | public = ["127.0.0.1:4500", "localhost:80", ":80", "1.2.3.4:70000", "1.2.3.4:0"]
  |                                                    ^^^^^^^^^^^^^^^
  = write a number from 1 to 65535 after the last colon
error: kimbai.toml:2:69: "0" is no port
  |
2 | public = ["127.0.0.1:4500", "localhost:80", ":80", "1.2.3.4:70000", "1.2.3.4:0"]
  |                                                                     ^^^^^^^^^^^
  = write a number from 1 to 65535 after the last colon
"#,
    ),
    (
        "[listen]\npublic = []",
        r"
error: kimbai.toml:2:1: listen.public has no address
  |
2 | public = []
  | ^^^^^^
  = give one at least, like 127.0.0.1:4500
",
    ),
    (
        "[listen]\npublic = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
        r#"
error: kimbai.toml:2:1: listen.public has 127.0.0.1:1 twice
  |
2 | public = ["127.0.0.1:1", "127.0.0.1:1"]
  | ^^^^^^
  = leave one of them out
"#,
    ),
    (
        "[listen]\npublic = [\"0.0.0.0:1\", \"127.0.0.1:1\"]",
        r#"
error: kimbai.toml:2:1: listen.public has 0.0.0.0:1 and 127.0.0.1:1, and one takes in the other
  |
2 | public = ["0.0.0.0:1", "127.0.0.1:1"]
  | ^^^^^^
  = leave one of them out
"#,
    ),
    (
        "[listen]\npublic = \"127.0.0.1:4500\"\noperator = \"[::]:4500\"",
        r#"
error: kimbai.toml:3:1: listen.public (kimbai.toml:2) and listen.operator (kimbai.toml:3) both take [::]:4500
  |
3 | operator = "[::]:4500"
  | ^^^^^^^^
  = give the operator a port that the public does not reach
"#,
    ),
    (
        "[listen]\npublic = \"0.0.0.0:4501\"",
        r#"
error: kimbai.toml:2:1: listen.public (kimbai.toml:2) and listen.operator (default) both take 127.0.0.1:4501
  |
2 | public = "0.0.0.0:4501"
  | ^^^^^^
  = give the operator a port that the public does not reach
"#,
    ),
    (
        "[limits]\nconnections = \"100\"",
        r#"
error: kimbai.toml:2:15: limits.connections: expected an integer, found a string
  |
2 | connections = "100"
  |               ^^^^^
  = write it without quotes
"#,
    ),
    (
        "[limits]\nconnections = 0",
        r"
error: kimbai.toml:2:15: 0 is out of range
  |
2 | connections = 0
  |               ^
  = write a number from 1 to 1000000
",
    ),
    (
        "[limits]\nconnections = 0xF4241",
        r"
error: kimbai.toml:2:15: 1000001 is out of range
  |
2 | connections = 0xF4241
  |               ^^^^^^^
  = write a number from 1 to 1000000
",
    ),
    (
        "[tls]\ncertificate_file = \"c.pem\"",
        r#"
error: kimbai.toml:2:1: tls.certificate_file needs tls.private_key_file
  |
2 | certificate_file = "c.pem"
  | ^^^^^^^^^^^^^^^^
  = give both, or neither to speak HTTP
"#,
    ),
    (
        "[tls]\nprivate_key_file = \"k.pem\"\n[proxies]\ntrusted = \"10.0.0.0/8\"",
        r#"
error: kimbai.toml:2:1: tls.private_key_file needs tls.certificate_file
  |
2 | private_key_file = "k.pem"
  | ^^^^^^^^^^^^^^^^
  = give both, or neither to speak HTTP
error: kimbai.toml:4:1: proxies.trusted needs proxies.header
  |
4 | trusted = "10.0.0.0/8"
  | ^^^^^^^
  = say which header these proxies set: forwarded or x-forwarded-for
"#,
    ),
    (
        "[proxies]\nheader = \"forwarded\"",
        r#"
error: kimbai.toml:2:1: proxies.header needs proxies.trusted
  |
2 | header = "forwarded"
  | ^^^^^^
  = say which proxies set it; from anybody else it is ignored
"#,
    ),
    (
        "[proxies]\nheader = \"via\"\ntrusted = [\"10.0.0.0/8\", \"10.0.0.1/8\", \"x\", \"10.0.0.0/33\"]",
        r#"
error: kimbai.toml:2:10: "via" is no header of a proxy
  |
2 | header = "via"
  |          ^^^^^
  = write one of forwarded, x-forwarded-for
error: kimbai.toml:3:26: "10.0.0.1/8" has bits beyond its prefix
  |
3 | trusted = ["10.0.0.0/8", "10.0.0.1/8", "x", "10.0.0.0/33"]
  |                          ^^^^^^^^^^^^
  = write 10.0.0.0/8 for the network, or the address alone
error: kimbai.toml:3:40: "x" is no network
  |
3 | trusted = ["10.0.0.0/8", "10.0.0.1/8", "x", "10.0.0.0/33"]
  |                                        ^^^
  = write an address, or one with the length of its prefix, like 10.0.0.0/8 or ::1
error: kimbai.toml:3:45: "10.0.0.0/33" is no network
  |
3 | trusted = ["10.0.0.0/8", "10.0.0.1/8", "x", "10.0.0.0/33"]
  |                                             ^^^^^^^^^^^^^
  = write an address, or one with the length of its prefix, like 10.0.0.0/8 or ::1
"#,
    ),
    (
        "[store]\nurl = \"postgres://an:geheim@db/kimbai?sslmod=x\"",
        r#"
error: kimbai.toml:2:7: the PostgreSQL URL has the parameter `sslmod`; known are user, password, host, port, dbname, sslmode, sslrootcert, connect_timeout, target_session_attrs, channel_binding
  |
2 | url = "postgres://•••••••••@db/kimbai?sslmod=•"
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = write postgres://user@host/database; docs/operate.md has the parameters
"#,
    ),
    (
        "[store]\nurl = \"sqlite://kimbai-data\"",
        r#"
error: kimbai.toml:2:7: "sqlite://kimbai-data" is no store
  |
2 | url = "sqlite://kimbai-data"
  |       ^^^^^^^^^^^^^^^^^^^^^^
  = write sqlite: and a directory, like sqlite:/var/lib/kimbai, or postgres://user@host/database
"#,
    ),
    (
        "[store]\nurl = \"kimbai-data\"",
        r#"
error: kimbai.toml:2:7: "kimbai-data" is no store
  |
2 | url = "kimbai-data"
  |       ^^^^^^^^^^^^^
  = write sqlite: and a directory, like sqlite:/var/lib/kimbai, or postgres://user@host/database
"#,
    ),
    (
        "[master_key]\nkey = \"hunter2\"",
        r#"
error: kimbai.toml:2:1: the master key must not stand in the configuration file
  |
2 | key …
  | ^^^
  = this file is copied and shown. Name a file that only this user can read ([master_key] file = "…"), or set KIMBAI_MASTER_KEY
"#,
    ),
    (
        "master_key = \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"",
        r#"
error: kimbai.toml:1:1: the master key must not stand in the configuration file
  |
1 | master_key …
  | ^^^^^^^^^^
  = this file is copied and shown. Name a file that only this user can read ([master_key] file = "…"), or set KIMBAI_MASTER_KEY
"#,
    ),
    (
        "[master_key]\nfil = \"m.key\"",
        r"
error: kimbai.toml:2:1: unknown key `master_key.fil`
  |
2 | fil …
  | ^^^
  = did you mean `file`?
",
    ),
    (
        "[master_key]\nkey = \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\n[listen]\npublic 5",
        r#"
error: kimbai.toml:2:51: invalid basic string, expected `"`
  |
2 | key = "•••••••••••••••••••••••••••••••••••••••••••
  |                                                   ^
  = write TOML: https://toml.io/en/v1.0.0
error: kimbai.toml:4:8: key with no value, expected `=`
  |
4 | public 5
  |        ^
  = write TOML: https://toml.io/en/v1.0.0
"#,
    ),
    (
        "[log]\nlevel = \"loud\"\n\tformat = \"ậ\"",
        r#"
error: kimbai.toml:2:9: "loud" is no level
  |
2 | level = "loud"
  |         ^^^^^^
  = write one of error, warn, info, debug, trace, off, or a filter like info,kimbai_store=debug
error: kimbai.toml:3:11: "ậ" is no format of the log
  |
3 |  format = "ậ"
  |           ^^^
  = write one of text, json
"#,
    ),
    (
        "[log]\nlevel = \"info,kimbai=loud\"",
        r#"
error: kimbai.toml:2:9: "info,kimbai=loud" is no level
  |
2 | level = "info,kimbai=loud"
  |         ^^^^^^^^^^^^^^^^^^
  = write one of error, warn, info, debug, trace, off, or a filter like info,kimbai_store=debug
"#,
    ),
    (
        "[log]\nlevel = \"info\"\nlevel = \"warn\"",
        r#"
error: kimbai.toml:3:1: duplicate key
  |
3 | level = "warn"
  | ^^^^^
  = write TOML: https://toml.io/en/v1.0.0
"#,
    ),
    (
        "[listen",
        r"
error: kimbai.toml:1:8: unclosed table, expected `]`
  |
1 | [listen
  |        ^
  = write TOML: https://toml.io/en/v1.0.0
",
    ),
];
