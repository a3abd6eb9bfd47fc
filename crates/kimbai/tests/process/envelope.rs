//! `kimbai envelope`: what it seals OpenSSL opens, and the other way round; what it refuses, and how.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use kimbai_core::client::{IvLayout, KeySpelling};
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::json;

use crate::BINARY;
use crate::fixture::{Answer, Call, Sandbox, Start};
use crate::secrets::Secrets;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const IV: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const PAYLOAD: &str = r#"{"refresh_token":"eyJhbGciOiJIUzI1NiJ9.e30.x"}"#;
const SEALED: &str = "8d5a06a2087faff2c995d8695fa500d7cd2815d83d5903f55299aa17f0cdeb12d653c0e6955f5a100b1d22f24fe6735f";

/// A run with this on standard input.
struct Run<'a> {
    words: &'a [&'a str],
    input: &'a [u8],
    /// What `KIMBAI_KEY_HEX` is, if it is set.
    key: Option<&'a str>,
}

impl<'a> Run<'a> {
    const fn of(words: &'a [&'a str], input: &'a [u8]) -> Self {
        Self { words, input, key: Some(KEY) }
    }

    fn end(&self) -> Output {
        let mut command = Command::new(BINARY);
        command
            .arg("envelope")
            .args(self.words)
            .env_remove("KIMBAI_KEY_HEX")
            .envs(self.key.map(|key| ("KIMBAI_KEY_HEX", key)));
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = piped.spawn().unwrap();
        // Who refuses the command line reads nothing.
        let _ = process.stdin.take().unwrap().write_all(self.input);
        process.wait_with_output().unwrap()
    }

    fn ok(&self) -> (String, String) {
        let Output { status, stdout, stderr } = self.end();
        let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(status.success(), "{:?} {stderr}", self.words);
        (stdout, stderr)
    }

    fn refused(&self, expect: &str) {
        let Output { status, stdout, stderr } = self.end();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{:?} {stderr}", self.words);
        assert!(stderr.starts_with("error: ") && stderr.contains(expect), "{:?} {stderr}", self.words);
        assert!(!stderr.contains(&KEY[8..]) && !stderr.contains("refresh_token\":"), "{stderr}");
    }
}

#[test]
fn what_is_sealed_is_the_vector_of_the_fact_file() {
    for (words, input, expect) in [
        (&["seal", "--iv", IV][..], format!("{PAYLOAD}\n"), format!("{SEALED}\n")),
        (&["seal", "--iv", IV], PAYLOAD.to_owned(), format!("{SEALED}\n")),
        (&["seal", "--iv", IV, "--json"], format!("{PAYLOAD}\r\n"), format!("{{\"data\":\"{SEALED}\"}}\n")),
        (&["open"], format!("{IV}{SEALED}\n"), format!("{PAYLOAD}\n")),
        (&["open"], format!("{{\"data\":\"{IV}{}\"}}\n", SEALED.to_uppercase()), format!("{PAYLOAD}\n")),
        (&["open", "--iv", IV], SEALED.to_owned(), format!("{PAYLOAD}\n")),
    ] {
        assert_eq!(Run::of(words, input.as_bytes()).ok(), (expect, String::new()), "{words:?}");
    }
    let (sealed, _) = Run::of(&["seal"], PAYLOAD.as_bytes()).ok();
    assert_eq!(sealed.trim_end().len(), 2 * (16 + 48));
    assert_eq!(Run::of(&["open"], sealed.as_bytes()).ok().0, format!("{PAYLOAD}\n"));
}

#[test]
fn openssl_opens_what_is_sealed() {
    let (sealed, shown) = Run::of(&["seal", "--iv", "zero", "--explain"], PAYLOAD.as_bytes()).ok();
    assert_eq!(
        shown,
        format!(
            "iv       {}, not in the envelope\nblocks   3 of 16 bytes\npadding  2 bytes of 02\npayload  46 bytes, a JSON object\n",
            "0".repeat(32)
        )
    );
    let pairs = sealed.trim_end().as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let ciphertext: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let mut openssl = Command::new("openssl");
    openssl.args(["enc", "-d", "-aes-256-cbc", "-K", KEY, "-iv", &"0".repeat(32)]);
    let mut process = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(&ciphertext).unwrap();
    assert_eq!(String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap(), PAYLOAD);
}

#[test]
fn the_key_is_in_one_of_three_places_and_spelt_in_one_of_two_ways() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (hex, ascii) = (path("hex", &format!("{KEY}\n")), path("ascii", "0123456789ABCDEFGHIJKLMNOPQRSTUV\n"));
    let run = |words: &[&str], key: Option<&str>| Run { words, input: SEALED.as_bytes(), key }.ok().0;
    let expect = format!("{PAYLOAD}\n");
    assert_eq!(run(&["open", "--iv", IV], Some(KEY)), expect);
    assert_eq!(run(&["open", "--iv", IV, "--key-hex", KEY], None), expect);
    assert_eq!(run(&["open", "--iv", IV, "--key-hex", KEY], Some(&KEY.to_uppercase())), expect, "it is the same key");
    assert_eq!(run(&["open", "--iv", IV, "--key-file", &hex], None), expect);
    let of_ascii = b"23b00e20863bf512c29d699a9668be072c65f2687b82853a8cca5d8a66c0161e16c21e1f06eb658a05da71b7e2747bae";
    let words = ["open", "--iv", "zero", "--key-spelling", "ascii", "--key-file", &ascii];
    assert_eq!(Run { words: &words, input: of_ascii, key: None }.ok().0, expect);
    for (words, key, expect) in [
        (&["open"][..], None, "KIMBAI_KEY_HEX: the variable KIMBAI_KEY_HEX is not set\n  = give --key-file PATH"),
        (&["open"], Some("0001"), "KIMBAI_KEY_HEX: a key is 64 hexadecimal digits"),
        (&["open", "--key-hex", "00"], None, "--key-hex: a key is 64 hexadecimal digits"),
        (&["open", "--key-hex", KEY], Some(&"ab".repeat(32)), "--key-hex: KIMBAI_KEY_HEX is set too"),
        (&["open", "--key-file", &hex], Some(KEY), "--key-file: KIMBAI_KEY_HEX is set too"),
        (&["open", "--key-file", &ascii], None, "--key-file: a key is 64 hexadecimal digits"),
        (&["open", "--key-file", "/nowhere"], None, "--key-file: /nowhere cannot be read"),
        (&["open", "--key-file", &hex, "--key-spelling", "ascii"], None, "32 printable ASCII characters"),
        (&["open", "--key-file", &hex, "--key-hex", KEY], None, "cannot be used with"),
        (&["open", "--key-hex", KEY, "--key-spelling", "ascii"], None, "cannot be used with"),
        (&["open", "--iv", "0f"], Some(KEY), "write prepended, zero, or 32 hex digits"),
    ] {
        Run { words, input: b"", key }.refused(expect);
    }
}

#[test]
fn what_does_not_open_is_refused_with_what_may_have_been_done_wrong() {
    let prepended = format!("{IV}{SEALED}");
    let too_long = "0".repeat(1024 * 1024 + 2);
    for (input, expect) in [
        (PAYLOAD, "no string \"data\"\n  = is this the payload"),
        (r#"{"data": ENCRYPTED_PAYLOAD}"#, "quotation marks"),
        ("8PHy8/T19vf4+fr7/P3+/41aBqIIf6/yyZXYaV+lANc=", "base64"),
        (&format!("0x{prepended}"), "0x is no digit of an envelope"),
        (&prepended[1..], "odd number"),
        (&prepended[2..], "was it cut?"),
        ("", "its length in bytes is 0"),
        (&too_long, "more than 1048576 bytes"),
    ] {
        Run::of(&["open"], input.as_bytes()).refused(expect);
    }
    // Its first block is taken for the initialisation vector: the rest opens, and is no payload.
    let (opened, warning) = Run::of(&["open"], SEALED.as_bytes()).ok();
    assert!(PAYLOAD.ends_with(opened.trim_end()) && warning.contains("no JSON object"), "{opened} {warning}");
}

const PASSWORD: &str = "Password#123";
const CLIENT_SECRET: &str = "hUFhGJIqz746zcxsYVtrwhkveDuEfcYd";

async fn post(sandbox: &Sandbox, path: &str, body: String, access_token: Option<&str>) -> Answer {
    let call = Call::typed(&format!("/openapi/v1{path}"), "application/json", body).header("partner-code", "DEMO");
    let bearer = access_token.map(|token| format!("Bearer {token}"));
    let call = bearer.iter().fold(call, |call, bearer| call.header("authorization", bearer));
    sandbox.send(sandbox.port_base + 3, &call).await
}

fn sealed(key: &CipherKey, payload: &serde_json::Value) -> String {
    let digits = Envelope::seal(key, IvLayout::Prepended, payload.to_string().as_bytes()).to_hex();
    json!({ "data": digits }).to_string()
}

#[tokio::test]
async fn no_secret_of_an_envelope_is_in_a_trace_a_list_or_the_data() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Start { log: "trace", ..Start::new(Some(&data.path().join("data"))) }.start();
    let mut secrets = Secrets::default();
    for (what, secret) in [("password", PASSWORD), ("client_secret", CLIENT_SECRET), ("key", KEY)] {
        secrets.add(what, secret);
    }
    let key = CipherKey::new(KeySpelling::Hex.read(KEY).unwrap());
    let misread = CipherKey::new(KeySpelling::Ascii.read(&KEY[..32]).unwrap());
    let log_in = json!({ "username": "demo@yourdomain.vn", "password": PASSWORD,
                         "client_id": "fMLgZltRRtetnsOHXgxsHQ", "client_secret": CLIENT_SECRET });
    let first = post(&sandbox, "/auth/login", sealed(&key, &log_in), None).await.expect(200);
    let (access, refresh) = (first.member("access_token"), first.member("refresh_token"));
    let refreshing = json!({ "refresh_token": refresh });
    let second = post(&sandbox, "/auth/refresh", sealed(&key, &refreshing), None).await.expect(200);
    for answer in [&first, &second] {
        for name in ["access_token", "refresh_token"] {
            secrets.add(name, &answer.member(name));
        }
    }
    post(&sandbox, "/qr", sealed(&key, &refreshing), Some(&access)).await.expect(200);
    // What is secret, in all the wrong places.
    let renamed = json!({ "user": "demo@yourdomain.vn", "password": PASSWORD, "client_secret": CLIENT_SECRET });
    for body in [
        sealed(&misread, &log_in),
        sealed(&CipherKey::generate(), &log_in),
        sealed(&key, &renamed),
        sealed(&key, &json!([log_in])),
        sealed(&key, &json!({ "refresh_token": access })),
        log_in.to_string(),
        json!({ "data": log_in }).to_string(),
        json!({ "data": PASSWORD }).to_string(),
        format!("{{\"data\": {CLIENT_SECRET}}}"),
        refreshing.to_string(),
    ] {
        post(&sandbox, "/auth/login", body.clone(), None).await.expect(401);
        post(&sandbox, "/auth/refresh", body.clone(), None).await.expect(401);
        post(&sandbox, "/qr", body, Some(&refresh)).await.expect(401);
    }
    let list = sandbox.send(sandbox.port_base + 3, &Call::get("/sandbox/requests")).await.expect(200);
    assert!(list.body.contains("plain JSON instead of an envelope"), "{list:?}");
    secrets.assert_absent("/sandbox/requests", list.body.as_bytes());
    let metrics = sandbox.send(sandbox.operator(), &Call::get("/metrics")).await.expect(200);
    secrets.assert_absent("/metrics", metrics.body.as_bytes());
    sandbox.terminate();
    let ended = sandbox.wait();
    assert!(ended.status.success() && ended.stderr.contains("the padding is wrong"), "{ended:?}");
    secrets.assert_absent("stderr", ended.stderr.as_bytes());
    for file in std::fs::read_dir(data.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            secrets.assert_absent(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}
