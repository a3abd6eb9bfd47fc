//! Manifests from files: what is merged, what is refused and how, and that no value is ever shown.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;

const REALM: &str = "[realms.main]\nissuer = 'https://id.example.vn'\n";

fn read_texts(place: &Path, files: &[(&str, &str)]) -> Result<Manifest, String> {
    let paths: Vec<_> = files.iter().map(|(name, _)| place.join(name)).collect();
    for (path, (_, text)) in paths.iter().zip(files) {
        fs::write(path, text).unwrap();
    }
    read(&paths).map_err(|error| {
        assert!(error.is::<Problems>(), "{error:#}");
        error.to_string().replace(&format!("{}/", place.display()), "")
    })
}

#[test]
fn toml_and_json_say_the_same_and_files_are_laid_together() {
    let place = tempfile::tempdir().unwrap();
    let one = "[realms.main]\nissuer = 'https://id.example.vn'\nlifetimes = { code_s = 30 }\n[realms.main.clients.web]\nscope = 'a'\n\
               [realms.main.users.an]\nname = 'An'\n";
    let json = json!({"realms": {"main": {"issuer": "https://id.example.vn", "lifetimes": {"code_s": 30},
        "clients": {"web": {"scope": "a"}}, "users": {"an": {"name": "An"}}}}})
    .to_string();
    let whole = read_texts(place.path(), &[("whole.toml", one)]).unwrap();
    for files in [
        vec![("whole.json", json.as_str())],
        vec![("no-extension", json.as_str())],
        vec![("no-extension", one)],
        vec![
            ("a.toml", "[realms.main]\nissuer = 'https://id.example.vn'\n[realms.main.clients.web]\n"),
            ("b.toml", "[realms.main.lifetimes]\ncode_s = 30\n[realms.main.users.an]\nname = 'An'\n"),
            ("c.json", "{\"realms\": {\"main\": {\"clients\": {\"web\": {\"scope\": \"a\"}}}}}"),
        ],
    ] {
        assert_eq!(read_texts(place.path(), &files).unwrap(), whole, "{files:?}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_without_its_value() {
    let place = tempfile::tempdir().unwrap();
    for (name, text, expect) in [
        (
            "a.toml",
            "[realms.main]\nissuer = https",
            "a.toml:2:10: string values must be quoted, expected literal string\n  |\n2 | issuer = •••••\n  |          ^^^^^\n  = write TOML: https://toml.io/en/v1.0.0",
        ),
        ("a.toml", "[realms.main.users.an]\npassword = \"hunter22\n", "a.toml:2:"),
        ("a.toml", "[realms.main]\n[realms.main]\n", "a.toml:2:"),
        ("a.json", "{\n  \"realms\": {]", "a.json:2:14: "),
        ("a.json", "{\"realms\": {\"a\": {},\n \"a\": {}}}", "a.json:2:4: the key `a` is there twice"),
        ("a.json", "", "a.json:1:1: EOF while parsing a value"),
        ("a.toml", "[realm.main]\n", "a.toml:1:2: realm: unknown key\n  |\n1 | [realm.main]\n  |  ^^^^^\n"),
        ("a.json", "{\"realm\": {}}", "a.json: realm: unknown key\n"),
        ("a.json", "[]", "a.json: expected a table\n"),
        ("a.toml", "realms = 7\n", "a.toml:1:1: realms: expected a table\n"),
        ("a.toml", "[realms]\nmain = 'x'\n", "a.toml:2:1: realms.main: expected a table\n"),
        ("a.toml", "[realms.main]\nclients = []\n", "a.toml:2:1: realms.main.clients: expected a table\n"),
        (
            "a.toml",
            "[realms.main.users.an]\nnam = 'An'\n",
            "a.toml:1:20: realms.main.users.an: unknown field `nam`, expected one of `name`, `email`, `claims`, \
             `identity`, `sub`, `password`, `password_hash`, `disabled`, `memberships`\n",
        ),
        (
            "a.toml",
            "[realms.main.users.an]\npassword = 22334455\n",
            "a.toml:1:20: realms.main.users.an: expected a string, found integer\n",
        ),
        (
            "a.toml",
            "[realms.main.clients.web]\nclient_secret = ['hunter22']\n",
            "a.toml:1:22: realms.main.clients.web: expected a string, found sequence\n",
        ),
        (
            "a.toml",
            "[realms.main.clients.web]\nclient_secret = 'env:KIMBAI_TEST_NOT_SET'\n",
            "a.toml:2:1: realms.main.clients.web.client_secret: the variable KIMBAI_TEST_NOT_SET is not set\n",
        ),
    ] {
        let error = read_texts(place.path(), &[(name, text)]).unwrap_err();
        assert!(error.starts_with(expect), "{text}\n{error}");
        assert!(!error.contains("hunter22") && !error.contains("22334455"), "{error}");
    }
    let missing = read(&[place.path().join("nowhere")]).unwrap_err().to_string();
    assert!(missing.contains("nowhere cannot be read: No such file"), "{missing}");
}

#[test]
fn toml_names_the_keys_that_have_no_value() {
    let place = tempfile::tempdir().unwrap();
    let json = json!({"realms": {"main": {
        "lifetimes": {"code_s": 30, "refresh_idle_s": null},
        "rate_limits": null,
        "clients": {"web": {"logo_uri": null, "scope": "a"}},
        "users": {"an": {"name": "An"}},
    }}});
    let text = "[realms.main]\nunset = ['rate_limits', 'lifetimes.refresh_idle_s']\nlifetimes = { code_s = 30 }\n\
                [realms.main.clients.web]\nscope = 'a'\nunset = ['logo_uri']\n[realms.main.users.an]\nname = 'An'\n";
    let whole = read_texts(place.path(), &[("a.json", &json.to_string())]).unwrap();
    assert_eq!(read_texts(place.path(), &[("a.toml", text)]).unwrap(), whole);
    let mut named = json.clone();
    name_nulls(&mut named);
    let written = toml::to_string(&named).unwrap();
    assert_eq!(read_texts(place.path(), &[("a.toml", &written)]).unwrap(), whole, "{written}");
    for wrong in ["unset = 'a'", "unset = [1]", "unset = ['a', 'a']", "unset = ['a']\na = 1", "unset = ['a.b']\na = 1"]
    {
        let error = read_texts(place.path(), &[("a.toml", &format!("[realms.main]\n{wrong}\n"))]).unwrap_err();
        assert!(error.starts_with("a.toml:2:1: realms.main.unset: expected a list of keys"), "{error}");
    }
}

#[test]
fn all_files_are_checked_before_anything_is_said() {
    let place = tempfile::tempdir().unwrap();
    let error = read_texts(place.path(), &[("a.toml", "x"), ("b.json", "{"), ("c.toml", "[x]")]).unwrap_err();
    assert!(
        ["a.toml:1:2: ", "\nerror: b.json:1:", "\nerror: c.toml:1:"].iter().all(|part| error.contains(part)),
        "{error}"
    );
}

#[test]
fn the_same_key_in_two_files_is_an_error_that_names_both_even_if_it_is_the_same() {
    let place = tempfile::tempdir().unwrap();
    let error = read_texts(place.path(), &[("a.toml", REALM), ("b.toml", REALM)]).unwrap_err();
    let expected = "b.toml:2:1: realms.main.issuer: a.toml gives it too\n  |\n2 | issuer = •••••••••••••••••••••••\n  | ^^^^^^\n  \
                    = leave it out of one of the files";
    assert_eq!(
        error.replace(&format!("{}/", place.path().display()), ""),
        expected.replace("•••••••••••••••••••••••", "'•••••••••••••••••••••'")
    );
    let user = |name: &str| format!("[realms.main.users.an]\nname = '{name}'\n");
    let files = [("a.toml", user("An")), ("b.toml", user("Anh"))];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let error = read_texts(place.path(), &files).unwrap_err();
    assert!(error.starts_with("b.toml:2:1: realms.main.users.an.name: a.toml gives it too\n"), "{error}");
    let error = read_texts(
        place.path(),
        &[("a.toml", "[realms.main]\nlifetimes = 1"), ("b.toml", "[realms.main.lifetimes]\n")],
    );
    assert!(error.unwrap_err().contains("realms.main.lifetimes: a.toml gives it too"));
}

#[test]
fn secrets_come_from_files_beside_the_manifest() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("one"), "a-secret-of-22-characters\n").unwrap();
    let text = format!(
        "{REALM}[realms.main.clients.web]\nclient_secret = 'file:one'\n[realms.main.users.an]\npassword = 'file:one'\n[realms.main.users.binh]\n\
         password_hash = 'file:one'\n\
         [realms.main.clients.web.partner]\nkey = 'file:one'\n"
    );
    let manifest = read_texts(place.path(), &[("a.toml", &text)]).unwrap();
    let main = &manifest.realms["main"];
    let web = &main.clients.as_ref().unwrap()["web"];
    let secrets = [
        web.client_secret.as_ref(),
        web.partner.given().unwrap().key.as_ref(),
        main.users["an"].password.as_ref(),
        main.users["binh"].password_hash.as_ref(),
    ];
    assert_eq!(secrets.map(|secret| secret.unwrap().expose()), ["a-secret-of-22-characters"; 4]);
}
