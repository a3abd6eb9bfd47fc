//! The wall against the padding oracle (CVE-2013-5960, GHSA-pqj4-gvf7-6fq5): one answer to whatever is wrong with or behind an
//! envelope, and another one only to what is judged before it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Instant;

use kimbai_core::client::IvLayout;
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::json;

use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, QR, REFRESH};
use super::fixture::{Answer, At, Sandbox};

/// The ends of URLs where envelopes are taken.
const PATHS: [&str; 2] = [LOG_IN, REFRESH];

/// So many are sent at a time.
const LANES: usize = 16;

/// Collects answers that must be one.
#[derive(Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    #[track_caller]
    fn add(&mut self, answer: Answer) {
        self.0.insert(answer.walled().fixed());
    }

    #[track_caller]
    fn are_one(&self) {
        assert_eq!(self.0.len(), 1, "{:#?}", self.0);
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

/// What a partner sends, as bytes, that is right but for being forged.
fn captured(path: &str) -> Vec<u8> {
    let said = if path == LOG_IN { DEMO.says() } else { json!({ "refresh_token": "x".repeat(40) }) };
    unhex(&DEMO.seal(said.to_string().as_bytes()))
}

/// Sends all of these, several at a time.
async fn send_all(at: &At, path: &'static str, digits: Vec<String>) -> Seen {
    let lanes = digits.chunks(digits.len().div_ceil(LANES)).map(|lane| {
        let (at, lane) = (at.clone(), lane.to_vec());
        tokio::spawn(async move {
            let mut seen = Seen::default();
            for digits in lane {
                seen.add(at.sealed(path, DEMO.code, &digits).await);
            }
            seen
        })
    });
    let mut seen = Seen::default();
    for lane in lanes.collect::<Vec<_>>() {
        seen.0.extend(lane.await.unwrap().0);
    }
    seen
}

#[tokio::test]
async fn every_forged_last_block_gets_the_one_answer() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    // Vaudenay's attack: the block before the last is chosen, byte by byte, until the padding is right.
    for path in PATHS {
        let captured = captured(path);
        let target = &captured[captured.len() - 16..];
        let forged = (0..16).flat_map(|position| (0..=255_u8).map(move |guess| (position, guess)));
        let forged = forged.map(|(position, guess)| {
            let mut chosen = [0x40; 16];
            chosen[position] = guess;
            hex(&[&chosen[..], target].concat())
        });
        send_all(&at, path, forged.collect()).await.are_one();
    }
}

#[tokio::test]
async fn spliced_blocks_and_flipped_ivs_get_the_one_answer() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for path in PATHS {
        let (captured, foreign) = (captured(path), unhex(&OTHER.seal(OTHER.says().to_string().as_bytes())));
        let blocks: Vec<_> = captured.chunks(16).collect();
        let mut forged = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            for (other, second) in blocks.iter().enumerate().filter(|(other, _)| *other != index) {
                let mut spliced = blocks.clone();
                (spliced[index], spliced[other]) = (second, block);
                forged.push(hex(&spliced.concat()));
            }
            let mut spliced = blocks.clone();
            spliced[index] = &foreign[..16];
            forged.push(hex(&spliced.concat()));
            let mut shorter = blocks.clone();
            shorter.remove(index);
            forged.push(hex(&shorter.concat()));
        }
        for bit in 0..128 {
            let mut flipped = captured.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            forged.push(hex(&flipped));
        }
        send_all(&at, path, forged).await.are_one();
    }
}

#[tokio::test]
async fn every_truncation_gets_the_one_answer() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for path in PATHS {
        let digits = hex(&captured(path));
        let ends = (0..digits.len()).map(|length| digits[..length].to_owned());
        let starts = (1..=digits.len()).map(|start| digits[start..].to_owned());
        send_all(&at, path, ends.chain(starts).collect()).await.are_one();
    }
}

/// What is wrong with an envelope, or with what is in it.
fn wrong_envelopes(right: &str) -> Vec<String> {
    let with = |plain: &[u8]| DEMO.seal(plain);
    let says = |name: &str, value: &str| with(DEMO.says_with(name, value).to_string().as_bytes());
    let stranger = Envelope::seal(&CipherKey::generate(), IvLayout::Prepended, b"{}").to_hex();
    vec![
        "not hex".to_owned(),
        "f".to_owned(),
        "f0f".to_owned(),
        String::new(),
        "00".repeat(16),
        "00".repeat(17),
        "00".repeat(31),
        "00".repeat(32),
        "0g".repeat(32),
        right.replace('0', " "),
        format!("{right}00"),
        OTHER.seal(OTHER.says().to_string().as_bytes()),
        stranger,
        with(b""),
        with(b"\xff\xfe"),
        with(b"{"),
        with(b"[]"),
        with(b"null"),
        with(b"\"text\""),
        with(b"{}"),
        with(b"{\"username\":1}"),
        with(b"{\"refresh_token\":\"\"}"),
        with(b"{\"refresh_token\":\"x\",\"refresh_token\":\"x\"}"),
        with(format!("{{\"username\":\"{}\"}}", "x".repeat(20_000)).as_bytes()),
        says("username", "nobody@yourdomain.vn"),
        says("username", "\u{0}"),
        says("password", "wrong"),
        says("password", &"x".repeat(2_000)),
        says("client_id", OTHER.client_id),
        says("client_secret", "wrong"),
    ]
}

const WRONG_BODIES: [&str; 14] = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    "{\"data\":null}",
    "{\"data\":1}",
    "{\"data\":[]}",
    "{\"data\":{}}",
    "data=x",
    "{\"data\":\"00\",\"data\":\"00\"}",
    "{\"data\": ENCRYPTED_PAYLOAD}",
    "\u{feff}{}",
    "{\"data\":\"\\ud800\"}",
];

#[tokio::test]
async fn whatever_is_wrong_is_one_answer_on_every_path() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let mut seen = Seen::default();
    let right = DEMO.seal(DEMO.says().to_string().as_bytes());
    let body = json!({ "data": right }).to_string();
    for path in [LOG_IN, REFRESH, QR] {
        for digits in wrong_envelopes(&right) {
            seen.add(at.sealed(path, DEMO.code, &digits).await);
        }
        for code in ["OTHER", "demo", "NOBODY", "", "x", " ", &"x".repeat(64), &"x".repeat(65), &"x".repeat(5_000)] {
            seen.add(at.sealed(path, code, &right).await);
        }
        let post = || at.call("POST", path).header("content-type", "application/json");
        for wrong in WRONG_BODIES {
            seen.add(post().header("partner-code", DEMO.code).body(wrong.as_bytes()).send().await);
        }
        for second in ["DEMO", "OTHER"] {
            let doubled = post().header("partner-code", "DEMO").header("partner-code", second);
            seen.add(doubled.body(body.as_bytes()).send().await);
        }
        seen.add(post().body(body.as_bytes()).send().await);
        for odd in [&b"DEMO\xff"[..], b"D EMO", b"DEMO\t\t1"] {
            seen.add(post().header_bytes("partner-code", odd).body(body.as_bytes()).send().await);
        }
    }
    seen.are_one();
}

/// They are no HTTP (RFC 9110 section 5.5): who reads the head of a request answers, before there is a request that could be the
/// realm's, counted or named. That says something of a header that the caller wrote, and nothing of an envelope.
#[tokio::test]
async fn control_characters_in_the_partner_code_never_reach_the_realm() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for odd in ["DE\0MO", "DE\rMO", "DE\x01MO"] {
        let request = format!(
            "POST {LOG_IN} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\npartner-code: {odd}\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\n{{}}",
            at.host
        );
        let answer = at.raw(request.as_bytes()).await;
        let answer = answer.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 400") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!answer.contains("x-request-id"), "{answer}");
    }
    // A space is none of them.
    let body = json!({ "data": DEMO.seal(b"{}") }).to_string();
    for odd in ["DE MO", ""] {
        let call = at.call("POST", LOG_IN).header("content-type", "application/json").header("partner-code", odd);
        call.body(body.as_bytes()).send().await.walled();
    }
}

#[tokio::test]
async fn what_is_judged_before_the_envelope_is_answered_each_in_its_way() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let body = json!({ "data": DEMO.seal(b"{}") }).to_string();
    for path in [LOG_IN, REFRESH, QR] {
        let post = || at.call("POST", path).header("partner-code", "DEMO");
        at.call("GET", path).header("partner-code", "DEMO").send().await.expect(405);
        for media in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            post().header("content-type", media).body(body.as_bytes()).send().await.expect(415);
        }
        post().body(body.as_bytes()).send().await.expect(415);
        let large = json!({ "data": "0".repeat(10 << 20) }).to_string();
        let announced = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\npartner-code: DEMO\r\ncontent-length: \
             {}\r\nconnection: close\r\n\r\n",
            at.host,
            large.len()
        );
        assert!(at.raw(announced.as_bytes()).await.starts_with("HTTP/1.1 413"));
        let just = json!({ "data": "0".repeat(65_536 - 11) }).to_string();
        assert_eq!(just.len(), 65_536);
        post().header("content-type", "application/json").body(just.as_bytes()).send().await.walled();
        post().header("content-type", "application/json").body((just + " ").as_bytes()).send().await.expect(413);
    }
}

#[tokio::test]
async fn an_unknown_and_a_disabled_partner_are_as_a_wrong_envelope() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let mut seen = Seen::default();
    seen.add(at.sealed(LOG_IN, DEMO.code, "00").await);
    let realm = sandbox.realm(&at);
    sandbox.engine.set_client_activity(&realm, DEMO.client_id, kimbai_store::Activity::Disabled).await.unwrap();
    seen.add(at.partner_log_in(&DEMO).await);
    seen.add(at.sealed(LOG_IN, "NOBODY", &DEMO.seal(DEMO.says().to_string().as_bytes())).await);
    seen.are_one();
}

#[tokio::test]
async fn a_locked_account_is_as_a_wrong_password() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let mut seen = Seen::default();
    for _ in 0..12 {
        seen.add(at.says(LOG_IN, &DEMO, &DEMO.says_with("password", "wrong")).await);
    }
    seen.add(at.partner_log_in(&DEMO).await);
    let refusal = at.last_refusal().await;
    assert!(
        refusal["reason"].as_str().unwrap().contains("wait") || refusal["reason"].as_str().unwrap().contains("locked")
    );
    seen.are_one();
    sandbox.clock.advance_s(901);
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn a_store_that_fails_behind_the_envelope_says_nothing_of_it_and_one_that_is_away_says_so_to_all() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let tokens = at.partner_log_in(&DEMO).await.expect(200);
    let (access, refresh) = (tokens.member("access_token"), tokens.member("refresh_token"));
    let mut seen = Seen::default();
    for verb in ["user_by_name", "count_log_in", "clear_log_in", "grants", "open"] {
        sandbox.store.fail_verb(Some(verb));
        seen.add(at.partner_log_in(&DEMO).await);
        assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("failed"), "{verb}");
    }
    sandbox.store.fail_verb(Some("rotate"));
    seen.add(at.partner_refresh(&DEMO, &refresh).await);
    sandbox.store.fail_verb(Some("lookup"));
    seen.add(at.qr(&DEMO, &access).await);
    seen.are_one();
    sandbox.store.fail_verb(None);
    at.partner_refresh(&DEMO, &refresh).await.expect(200);
    sandbox.store.fail(Some(kimbai_store::StoreError::NotDone));
    for path in [LOG_IN, REFRESH, QR] {
        at.sealed(path, "NOBODY", "00").await.expect(503);
    }
    at.partner_log_in(&DEMO).await.expect(503);
}

#[tokio::test]
async fn a_full_password_pool_says_nothing_of_an_envelope() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let realm = sandbox.realm(&at);
    let places: Vec<_> = std::iter::from_fn(|| realm.password_place()).collect();
    assert!(places.len() >= 64);
    let right = DEMO.seal(DEMO.says().to_string().as_bytes());
    for (code, digits) in [(DEMO.code, right.as_str()), (DEMO.code, "00"), ("NOBODY", "00")] {
        let answer = at.sealed(LOG_IN, code, digits).await.expect(503);
        assert_eq!(answer.header("retry-after"), "1");
    }
    // What hashes nothing is answered all the while.
    at.partner_refresh(&DEMO, "x").await.walled();
    drop(places);
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn failures_are_answered_at_the_realms_delay_or_a_multiple_of_it_and_success_at_once() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("slow", |partners| {
        (partners.failed_log_in_answer_ms, partners.failed_refresh_answer_ms) = (400, 200);
    });
    let at = at.await;
    for (path, delay_ms) in [(LOG_IN, 400), (REFRESH, 200), (QR, 200)] {
        let begun = Instant::now();
        at.sealed(path, DEMO.code, "00").await.walled();
        assert!(begun.elapsed().as_millis() >= delay_ms, "{path}");
    }
    let at = sandbox.tconnect_as("slowest", |partners| {
        (partners.failed_log_in_answer_ms, partners.failed_refresh_answer_ms) = (10_000, 10_000);
    });
    let at = at.await;
    let begun = Instant::now();
    let tokens = at.partner_log_in(&DEMO).await.expect(200);
    at.partner_refresh(&DEMO, &tokens.member("refresh_token")).await.expect(200);
    assert!(begun.elapsed().as_secs() < 10, "success does not wait");
}

#[tokio::test]
async fn who_waits_behind_the_wall_takes_no_room_from_others() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("waiting", |partners| partners.failed_log_in_answer_ms = 5_000).await;
    let mut waiting = Vec::new();
    for index in 0..600_u32 {
        let at = at.clone();
        let from = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + 1 + index % 100);
        waiting.push(tokio::spawn(async move { at.sealed_from(from, LOG_IN, ("DEMO", "00")).await.walled() }));
    }
    // More than a realm has in hand at once: were they in hand, this would be 503 before the first of them is answered.
    while !waiting[0].is_finished() {
        at.partner_refresh(&DEMO, "x").await.walled();
    }
    at.partner_log_in(&DEMO).await.expect(200);
    for answer in waiting {
        answer.await.unwrap();
    }
}
