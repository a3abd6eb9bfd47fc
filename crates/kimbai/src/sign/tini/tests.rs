//! The platform's published examples, through the command line.

use clap::Parser as _;

use super::super::{SignArgs, What};
use super::{secret, steps};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: SignArgs,
}

const CLIENT: &str = "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W";
const SECRET: &str = "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf";
const CODE: &str = r#"{"code":"Y24CwtKFz7aPXv8wmghwZpnqHhpHaeA0THJ0qIY3BXjwm744zZ0JY6SkhRiNFVJT"}"#;
const REFRESH: &str =
    r#"{"refresh_token":"ouCuOd72UUpc-Rpvu5HaZ88MgAJSHKXlKD71QDutQXo.8jFMWYcdZ1mW9vvDmoXjlg31rbaxAF6ZuLnaRocIbhk"}"#;

fn signed(generation: &str, timestamp: &str, what: [&str; 2]) -> anyhow::Result<String> {
    let words = ["sign", "tini", "--generation", generation, "--client-id", CLIENT, "--secret", SECRET];
    let line = Line::try_parse_from(words.into_iter().chain(["--timestamp", timestamp]).chain(what)).unwrap();
    let What::Tini(args) = &line.args.what else { unreachable!() };
    steps(args, secret(&args.secret)?.expose(), args.timestamp.unwrap())
}

#[test]
fn the_vectors_of_the_platforms_documents_are_printed() {
    let get = "/order?location=H%C3%A0%20N%E1%BB%99i&order_id=88062110977884170";
    for (generations, timestamp, what, signature) in [
        (
            ["graphql", "2"],
            "1620621619569",
            ["--body", CODE],
            "a68fefe3075e24204949eafa78567261498f4f805a3ed9278396b593bed75576",
        ),
        (
            ["graphql", "2"],
            "1620901354516",
            ["--body", CODE],
            "f94fbc88a110c565b85904e963f5b82c7e9c1423480cb6dd0b0387d7d956533d",
        ),
        (
            ["graphql", "2"],
            "1620470539433",
            ["--body", REFRESH],
            "d4ce359992f970fe074af88c9178daa3fd45d7583a003826f2b381751897422b",
        ),
        (
            ["3", "4"],
            "1620621619569",
            ["--body", r#"{"id":123}"#],
            "8ebd092b9df2cf90e8ccbcab2ba87ee14f2abb25eb8f18b4d7286d42adcd45c2",
        ),
        (
            ["3", "4"],
            "1620621619569",
            ["--path", get],
            "e1e0d63f7f8296dd31b2c082e611351a6c41a3bc0309a9299832f70b693722c8",
        ),
    ] {
        for generation in generations {
            let text = signed(generation, timestamp, what).unwrap();
            assert!(text.contains(&format!("\nsignature  {signature}\n")), "{generation} {text}");
        }
    }
}

#[test]
fn the_steps_are_the_canonical_string_the_payload_the_signature_and_a_line_of_curl() {
    let text = signed("3", "1620621619569", ["--body", r#"{"id":123}"#]).unwrap();
    let expect = format!(
        "canonical  1620621619569.{CLIENT}.{{\"id\":123}}\n\
         payload    MTYyMDYyMTYxOTU2OS5STENLYjdBZTlreDREWHRYc0NXam5EWHRnZ0ZuTTQzVy57ImlkIjoxMjN9\n\
         signature  8ebd092b9df2cf90e8ccbcab2ba87ee14f2abb25eb8f18b4d7286d42adcd45c2\n\n\
         curl -s 'http://localhost:4601/tiniapp-open-api' -H 'Content-Type: application/json' \
         -H 'X-Tiniapp-Client-Id: {CLIENT}' -H 'X-Tiniapp-Timestamp: 1620621619569' \
         -H 'X-Tiniapp-Signature: 8ebd092b9df2cf90e8ccbcab2ba87ee14f2abb25eb8f18b4d7286d42adcd45c2' \
         --data-raw '{{\"id\":123}}'\n"
    );
    assert_eq!(text, expect);
}

#[test]
fn the_line_of_curl_goes_where_the_generation_has_it() {
    let quote = r#"{"code":"it's"}"#;
    let token = r#"{"access_token":"x"}"#;
    for (generation, what, expect) in [
        ("graphql", ["--body", CODE], "4601/tiniapp/api/graphql/query' "),
        (
            "graphql",
            ["--body", REFRESH],
            r#"--data-raw '{"query":"query {\n  refresh_auth_access_token(input: {\n    refresh_token: \"ouC"#,
        ),
        ("2", ["--body", REFRESH], "4601/tiniapp-open-api/api/v1/oauth/auth/token/refresh' "),
        ("2", ["--body", CODE], r#","timestamp":1}'"#),
        ("3", ["--body", token], "/tiniapp-open-api/api/v1/oauth/me' "),
        ("4", ["--body", token], "/tiniapp-open-api/oauth/me' "),
        ("4", ["--body", quote], r#"--data-raw '{"code":"it'\''s"}'"#),
        ("4", ["--path", "/a?b=c"], "curl -sg 'http://localhost:4601/tiniapp-open-api/a?b=c' -H 'X-Tiniapp"),
    ] {
        let text = signed(generation, "1", what).unwrap();
        let line = text.lines().last().unwrap();
        assert!(line.starts_with("curl -s") && line.contains(expect), "{line}");
    }
}

#[test]
fn what_cannot_be_signed_is_refused_with_what_to_do() {
    for (generation, what, expect) in [
        ("graphql", ["--body", "code=x"], "no JSON object"),
        ("graphql", ["--body", "[]"], "no JSON object"),
        ("2", ["--body", r#"{"code":"x","timestamp":1}"#], "timestamp is added"),
        ("2", ["--body", r#"{"signature":"x"}"#], "signature is added"),
        ("graphql", ["--body", r#"{"access_token":"x"}"#], "a code or a refresh_token"),
        ("graphql", ["--body", r#"{"code":"x","more":"y"}"#], "one code or refresh_token"),
        ("graphql", ["--path", "/order"], "only generations 3 and 4"),
        ("2", ["--path", "/order"], "only generations 3 and 4"),
        ("3", ["--path", "order"], "slash"),
    ] {
        let refused = signed(generation, "1", what).unwrap_err().to_string();
        assert!(refused.contains(expect), "{generation} {what:?}: {refused}");
    }
}

#[test]
fn neither_secret_nor_body_is_in_a_debug_line() {
    let words = ["sign", "tini", "--generation", "4", "--client-id", CLIENT, "--secret", SECRET, "--body", CODE];
    let shown = format!("{:?}", Line::try_parse_from(words).unwrap().args);
    assert!(!shown.contains(SECRET) && !shown.contains("Y24C"), "{shown}");
}
