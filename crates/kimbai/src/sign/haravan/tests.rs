//! The signatures that the platform's SDKs verify, through the command line. Those that no document has were made by another
//! implementation, Python's `hmac`.

use std::fs;

use clap::Parser as _;

use super::super::{SignArgs, What};
use super::{BODY_BYTES_MAX, PARAMETERS_MAX, signed_callback, signed_launch, signed_webhook};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: SignArgs,
}

const CODE: &str = "code=a94a110d86d2452eb3e2af4cfb8a3828";
const SHOP: &str = "shop=some-shop.myharavan.com";
const TIME: &str = "timestamp=1337178173";
const HMAC: &str = "b0a5dd62e8a070491b40d5f5b6f8c82263604442293fc7a8ee21445f4263def4";

fn signed(words: &[&str]) -> anyhow::Result<String> {
    let line = Line::try_parse_from([&["sign"], words, &["--secret", "hush"]].concat()).unwrap();
    match &line.args.what {
        What::Tini(_) => unreachable!(),
        What::HaravanCallback(args) => signed_callback(args),
        What::HaravanLaunch(args) => signed_launch(args),
        What::HaravanWebhook(args) => signed_webhook(args),
    }
}

#[test]
fn the_vector_of_the_sdk_for_python_is_printed_whatever_the_order() {
    for order in [[CODE, SHOP, TIME], [TIME, SHOP, CODE], [SHOP, CODE, TIME]] {
        let query = order.join("&");
        let text = signed(&["haravan-callback", "--query", &query]).unwrap();
        let expect = format!("message    {CODE}&{SHOP}&{TIME}\nsignature  {HMAC}\n\n{query}&hmac={HMAC}\n");
        assert_eq!(text, expect);
    }
}

#[test]
fn the_older_sdk_for_node_signs_three_parameters_with_nothing_between() {
    let query = format!("{TIME}&{SHOP}&{CODE}&locale=vi");
    let text = signed(&["haravan-callback", "--generation", "1", "--query", &query]).unwrap();
    let signature = "3fe58024cfa28353f80b59083fea6ad99d3641aff531ced95292b4d5422d2a05";
    let expect = format!("message    {CODE}{SHOP}{TIME}\nsignature  {signature}\n\n{query}&signature={signature}\n");
    assert_eq!(text, expect);
}

#[test]
fn a_launch_is_signed_as_it_came() {
    let query = format!("{SHOP}&orgid=200000000011&{TIME}");
    let text = signed(&["haravan-launch", "--query", &query]).unwrap();
    let signature = "2d13710a6c77339e5501ffa662a8aa009b39d4954f9538ff353ed44a480221a9";
    assert_eq!(text, format!("message    {query}\nsignature  {signature}\n\n{query}&hmac={signature}\n"));
    let url = format!("https://app.example/launch?hmac=x&{query}#top");
    assert_eq!(signed(&["haravan-launch", "--query", &url]).unwrap(), text, "a whole URL");
    let with_signature = signed(&["haravan-launch", "--query", &format!("{query}&signature=y")]).unwrap();
    assert!(with_signature.starts_with(&format!("message    {query}&signature=y\n")), "{with_signature}");
}

#[test]
fn values_are_signed_decoded_and_sent_as_they_were_written() {
    let query = "code=a%2Bb+c&shop=s&timestamp=1&locale=%C4%90";
    let text = signed(&["haravan-callback", "--query", query]).unwrap();
    let signature = "409def1cce220f6166a8e141bcae9997e25c5e0b2bae2142e656126e47876f4f";
    let message = "code=a+b c&locale=Đ&shop=s&timestamp=1";
    assert_eq!(text, format!("message    {message}\nsignature  {signature}\n\n{query}&hmac={signature}\n"));
}

#[test]
fn old_signatures_are_dropped_and_a_whole_url_is_taken_for_its_query() {
    let query = format!("{CODE}&{SHOP}&{TIME}");
    for written in [
        format!("?{query}"),
        format!("hmac=x&{query}&signature=y"),
        format!("https://app.example/callback?{query}&hmac="),
        format!("{query}&"),
    ] {
        let text = signed(&["haravan-callback", "--query", &written]).unwrap();
        assert!(text.ends_with(&format!("\n\n{query}&hmac={HMAC}\n")), "{written}: {text}");
    }
}

#[test]
fn a_webhook_is_signed_byte_for_byte_in_base64() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("order.json");
    fs::write(&file, "{\"id\":1}\n").unwrap();
    let file = format!("file:{}", file.display());
    for (body, shown, bytes, signature) in [
        (r#"{"id":1}"#, r#"{"id":1}"#, 8, "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="),
        (&file, r#"{"id":1}\n"#, 9, "4+sOjNY5aaShzFVi+vO4BjoUeKhbWLjYOMDlQHxR7VI="),
    ] {
        let expect = format!(
            "message    {shown}\nbytes      {bytes}\nsignature  {signature}\n\nX-Haravan-HmacSha256: {signature}\n"
        );
        assert_eq!(signed(&["haravan-webhook", "--body", body]).unwrap(), expect);
    }
}

#[test]
fn what_cannot_be_signed_is_refused_with_what_to_do() {
    let many = |count: usize| (0..count).map(|number| format!("p{number}=x")).collect::<Vec<_>>().join("&");
    for (words, expect) in [
        (["haravan-launch", "--query", ""], "nothing in it is signed"),
        (["haravan-callback", "--query", "hmac=x&signature=y"], "nothing in it is signed"),
        (["haravan-launch", "--query", "hmac=x#orgid=1"], "nothing in it is signed"),
        (["haravan-launch", "--query", "https://app.example/"], "nothing in it is signed"),
        (["haravan-launch", "--query", "a=1&b=2&%61=3"], "a stands in it twice"),
        (["haravan-callback", "--query", &many(PARAMETERS_MAX + 1)], "more than 100 parameters"),
        (["haravan-webhook", "--body", "file:/nowhere/order.json"], "it cannot be read"),
    ] {
        let refused = signed(&words).unwrap_err().to_string();
        assert!(refused.contains(expect), "{words:?}: {refused}");
    }
    assert!(signed(&["haravan-callback", "--query", &many(PARAMETERS_MAX)]).is_ok());
    let first = ["haravan-callback", "--generation", "1", "--query", "code=a&timestamp=1"];
    assert!(signed(&first).unwrap_err().to_string().contains("shop is missing"));
}

#[test]
fn a_body_has_a_limit() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("body");
    let word = format!("file:{}", file.display());
    for (more, is_taken) in [(0, true), (1, false)] {
        fs::File::create(&file).unwrap().set_len(BODY_BYTES_MAX + more).unwrap();
        assert_eq!(super::body(&word).is_ok(), is_taken);
    }
}

#[test]
fn neither_secret_nor_query_nor_body_is_in_a_debug_line() {
    for words in [
        ["haravan-callback", "--query", "code=hidden"],
        ["haravan-launch", "--query", "code=hidden"],
        ["haravan-webhook", "--body", "hidden"],
    ] {
        let line = Line::try_parse_from([&["sign"], &words[..], &["--secret", "hush"]].concat()).unwrap();
        let shown = format!("{:?}", line.args);
        assert!(!shown.contains("hush") && !shown.contains("hidden"), "{shown}");
    }
}
