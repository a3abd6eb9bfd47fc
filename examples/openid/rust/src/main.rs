//! Log-in, refresh, userinfo and log-out with the crate `openidconnect`, against a running sandbox.
//! `KIMBAI_STANDARD_URL` is the realm's address.
//!
//!     cargo run                a walk through all of it, step by step
//!     cargo run -- rotate [S]  verifies ID tokens for S seconds (60) while the sandbox's keys follow each other

mod app;
mod person;

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use openidconnect::core::CoreJwsSigningAlgorithm;

use app::{App, Login};
use person::Person;

/// One and the same app thrice: its ID tokens are signed with different algorithms.
const CLIENTS: [(&str, &str, CoreJwsSigningAlgorithm); 3] = [
    ("demo-web", "demo-web-secret-0123456789abcdef", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256),
    ("demo-web-es256", "demo-web-es256-secret-0123456789", CoreJwsSigningAlgorithm::EcdsaP256Sha256),
    ("demo-web-eddsa", "demo-web-eddsa-secret-0123456789", CoreJwsSigningAlgorithm::EdDsa),
];
/// What a minute with new keys every five seconds must show, five for each of three algorithms.
const KEYS_MIN: usize = 15;

fn main() -> ExitCode {
    let issuer = env::var("KIMBAI_STANDARD_URL").unwrap_or_else(|_| "http://localhost:4600".to_owned());
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => walk(&issuer),
        ["rotate"] => rotate(&issuer, 60),
        ["rotate", seconds] => seconds.parse().map_err(Into::into).and_then(|seconds| rotate(&issuer, seconds)),
        _ => Err("usage: [rotate [SECONDS]]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn walk(issuer: &str) -> Result<(), Box<dyn Error>> {
    let browser = Person::new("an", "kimbai-demo");
    let mut steps = Steps(0);
    let mut last = None;
    for (client_id, client_secret, algorithm) in CLIENTS {
        steps.next(&format!("{client_id} discovers the issuer"));
        let mut app = App::discover(issuer, client_id, client_secret)?;
        let login = visit(&mut app, &browser, algorithm, &mut steps)?;
        last = Some((app, login));
    }
    let (mut app, login) = last.ok_or("there is no client")?;

    steps.next("Log-out, and back to the app");
    expect("logged in before", app.is_logged_in(&browser)?, true)?;
    app.log_out(&browser, &login)?;
    expect("logged in after", app.is_logged_in(&browser)?, false)?;

    steps.next("What was allowed with offline_access lives on");
    app.refresh(&login)?;

    println!("All as expected.");
    Ok(())
}

/// From the log-in of a person to the app's first refresh.
fn visit(
    app: &mut App,
    browser: &Person,
    algorithm: CoreJwsSigningAlgorithm,
    steps: &mut Steps,
) -> Result<Login, Box<dyn Error>> {
    steps.next(&format!("It logs a person in and verifies the ID token ({algorithm:?})"));
    let first = app.log_in(browser)?;
    expect("alg", &first.algorithm, &algorithm)?;
    expect("sub", first.claims.subject().as_str(), "1")?;
    println!("    auth_time {:?}, amr {:?}", first.claims.auth_time(), first.claims.auth_method_refs());

    steps.next("The userinfo endpoint knows more");
    let person = app.userinfo(&first)?;
    let name = person.name().and_then(|name| name.get(None)).ok_or("no name")?;
    println!("    {} <{}>", name.as_str(), person.email().ok_or("no mail address")?.as_str());

    steps.next("Refresh: the new ID token is of the same log-in");
    let second = app.refresh(&first)?;
    expect("iss", second.claims.issuer(), first.claims.issuer())?;
    expect("sub", second.claims.subject(), first.claims.subject())?;
    expect("aud", second.claims.audiences(), first.claims.audiences())?;
    expect("auth_time", second.claims.auth_time(), first.claims.auth_time())?;
    expect("alg", &second.algorithm, &algorithm)?;
    Ok(second)
}

fn rotate(issuer: &str, seconds: u64) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let browser = Person::new("an", "kimbai-demo");
    let mut visits = Vec::new();
    for (client_id, client_secret, _) in CLIENTS {
        let mut app = App::discover(issuer, client_id, client_secret)?;
        let login = app.log_in(&browser)?;
        visits.push((app, login));
    }
    let (mut verified, mut keys) = (0, HashSet::new());
    while Instant::now() < end {
        for (app, login) in &mut visits {
            *login = if verified % 2 == 0 { app.log_in(&browser)? } else { app.refresh(login)? };
            keys.insert(login.kid.clone());
            verified += 1;
        }
        sleep(Duration::from_millis(300));
    }
    println!("openidconnect: {verified} ID tokens verified, signed by {} keys", keys.len());
    expect("enough keys", keys.len() >= KEYS_MIN, true)
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), Box<dyn Error>> {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found:?}, not {wanted:?}").into()) }
}

struct Steps(u32);

impl Steps {
    fn next(&mut self, text: &str) {
        self.0 += 1;
        println!("{:2}. {text}", self.0);
    }
}
