//! Whether the time of a refusal says why: Welch's t between the classes of refusals of a path, over 10,000 calls of each path on an
//! idle machine.
//!
//! Behind `KIMBAI_TIMING=1`: another process on the machine makes it fail for no reason. At the realm's own delays it takes a quarter
//! of an hour; `KIMBAI_TIMING_CALLS` makes it another number of calls. Build it with `--release`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use kimbai_core::client::IvLayout;
use kimbai_core::realm::FailureLimits;
use kimbai_engine::{DEMO_PASSWORDS, Engine, NewUser, Realm, UserClaims};
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::{Value, json};

use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, Partner, QR, REFRESH};
use super::fixture::{Answer, At, Sandbox};

/// Calls of each path.
const CALLS: usize = 10_000;
/// Before each of so many parts of them an account is locked, which it stays for a quarter of an hour.
const PARTS: usize = 4;
/// Callers at once: no more than whose passwords are hashed within the delay, one after the other.
const LANES: usize = 4;
/// What |t| stays below.
const T_MAX: f64 = 4.5;

/// Mean, variance and number of a class.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Self {
        let mut sample = Self::default();
        for value in values {
            sample.add(*value);
        }
        sample
    }

    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }

    fn variance_of_mean(self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

fn welch(one: Sample, other: Sample) -> f64 {
    (one.mean - other.mean) / (one.variance_of_mean() + other.variance_of_mean()).sqrt()
}

/// One way to be refused: a request.
struct Class {
    name: &'static str,
    code: Option<&'static str>,
    bearer: Option<String>,
    body: String,
}

impl Class {
    fn new(name: &'static str, code: &'static str, digits: &str) -> Self {
        Self { name, code: Some(code), bearer: None, body: json!({ "data": digits }).to_string() }
    }

    /// What a partner that is known says.
    fn says(name: &'static str, said: &Value) -> Self {
        Self::new(name, DEMO.code, &DEMO.seal(said.to_string().as_bytes()))
    }

    fn with(self, token: &str) -> Self {
        Self { bearer: Some(format!("Bearer {token}")), ..self }
    }

    async fn send(&self, at: &At, path: &str, from: Ipv4Addr) -> Answer {
        let mut call = at.call("POST", path).header("content-type", "application/json").from(from);
        if let Some(code) = self.code {
            call = call.header("partner-code", code);
        }
        if let Some(bearer) = &self.bearer {
            call = call.header("authorization", bearer);
        }
        call.body(self.body.as_bytes()).send().await
    }
}

/// A pair.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        Self { access: answer.member("access_token"), refresh: answer.member("refresh_token") }
    }
}

/// What the classes are made of.
struct World {
    at: At,
    engine: Arc<Engine>,
    realm: Arc<Realm>,
    /// Of the demo's partner, and good.
    live: Tokens,
    /// Of the demo's partner; their grant has ended.
    ended: Tokens,
    /// Of another partner, and good.
    foreign: Tokens,
    turns: AtomicU32,
}

impl World {
    async fn new(sandbox: &Sandbox) -> Self {
        let at = sandbox.tconnect_as("timed", |partners| {
            *partners = kimbai_server::dialects::tconnect::settings("", "http://localhost").partners.unwrap();
            partners.failure_limits = FailureLimits::Off;
        });
        let at = at.await;
        let of = async |partner: &Partner| Tokens::of(&at.partner_log_in(partner).await.expect(200));
        let (live, foreign) = (of(&DEMO).await, of(&OTHER).await);
        let [spent, _, ended] = generations(&at, Ipv4Addr::LOCALHOST).await;
        at.partner_refresh(&DEMO, &spent.refresh).await.walled();
        let (engine, realm, turns) = (Arc::clone(&sandbox.engine), sandbox.realm(&at), AtomicU32::new(0));
        Self { at, engine, realm, live, ended, foreign, turns }
    }

    /// A person of its own, with the password of the demo's.
    async fn person(&self, username: String) -> String {
        let (_, hash) = DEMO_PASSWORDS[1];
        let user = NewUser {
            username: username.clone(),
            password_hash: hash.to_owned(),
            claims: UserClaims { sub: username.clone(), ..UserClaims::default() },
        };
        self.engine.put_user(&self.realm, user).await.unwrap();
        username
    }

    /// A person whose account is locked.
    async fn locked(&self, sandbox: &Sandbox, part: usize) -> String {
        let username = self.person(format!("locked{part:02}@yourdomain.vn")).await;
        let mut said = DEMO.says_with("username", username.as_str());
        said["password"] = "wrong".into();
        for _ in 0..10 {
            self.at.says(LOG_IN, &DEMO, &said).await.walled();
            // Longer than any delay before the lock.
            sandbox.clock.advance_s(20);
        }
        self.at.says(LOG_IN, &DEMO, &DEMO.says_with("username", username.as_str())).await.walled();
        assert!(self.at.last_refusal().await["reason"].as_str().unwrap().contains("locked"));
        username
    }

    /// What is refused at a path, in no order: each with its own person or grant, so that nothing is counted or spent twice.
    async fn classes(&self, path: &str, turn: u32, locked: &str) -> Vec<Class> {
        let mut classes = if path == LOG_IN {
            self.log_ins(turn, locked).await
        } else if path == REFRESH {
            self.refreshes(turn).await
        } else {
            self.samples()
        };
        classes.sort_by_cached_key(|class| {
            let mut hasher = DefaultHasher::new();
            (turn, class.name).hash(&mut hasher);
            hasher.finish()
        });
        classes
    }

    async fn log_ins(&self, turn: u32, locked: &str) -> Vec<Class> {
        let username = self.person(format!("person{turn:05}@yourdomain.vn")).await;
        let said = |name: &str, value: &str| {
            let mut said = DEMO.says_with("username", username.as_str());
            said[name] = value.into();
            said
        };
        let nobody = format!("nobody{turn:05}@yourdomain.vn");
        let mut classes = envelopes();
        classes.extend([
            Class::says("no member", &json!({})),
            Class::says("locked account", &said("username", locked)),
            // From here on a password is hashed.
            Class::says("unknown person", &said("username", &nobody)),
            Class::says("wrong password", &said("password", "Password#321")),
            Class::says("wrong client_id", &said("client_id", OTHER.client_id)),
            Class::says("wrong client_secret", &said("client_secret", OTHER.client_secret)),
        ]);
        classes
    }

    async fn refreshes(&self, turn: u32) -> Vec<Class> {
        let [spent, ..] = generations(&self.at, source(turn)).await;
        let said = |name, token: &str| Class::says(name, &json!({ "refresh_token": token }));
        let mut classes = envelopes();
        classes.extend([
            Class::says("no member", &json!({})),
            said("forged token", &self.live.refresh.replace('.', "-")),
            said("access token", &self.live.access),
            said("another partner's token", &self.foreign.refresh),
            said("spent token", &spent.refresh),
            said("token of an ended grant", &self.ended.refresh),
        ]);
        classes
    }

    /// At the sample API the token is judged first.
    fn samples(&self) -> Vec<Class> {
        let right = || Class::says("", &json!({}));
        let named = |name, class: Class| Class { name, ..class };
        let mut classes: Vec<_> = envelopes().into_iter().map(|class| class.with(&self.live.access)).collect();
        classes.extend([
            named("no token", right()),
            named("wrong token", right().with("nonsense")),
            named("forged token", right().with(&self.live.access.replace('.', "-"))),
            named("refresh token", right().with(&self.live.refresh)),
            named("another partner's token", right().with(&self.foreign.access)),
            named("token of an ended grant", right().with(&self.ended.access)),
        ]);
        classes
    }
}

/// Each turn has an address of its own, under which nothing has been counted yet.
fn source(turn: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + turn)
}

/// The tokens of a new grant and of two refreshes of it.
async fn generations(at: &At, from: Ipv4Addr) -> [Tokens; 3] {
    let says = async |path, said: &Value| {
        let digits = DEMO.seal(said.to_string().as_bytes());
        Tokens::of(&at.sealed_from(from, path, (DEMO.code, &digits)).await.expect(200))
    };
    let first = says(LOG_IN, &DEMO.says()).await;
    let second = says(REFRESH, &json!({ "refresh_token": first.refresh })).await;
    let third = says(REFRESH, &json!({ "refresh_token": second.refresh })).await;
    [first, second, third]
}

/// What is wrong before anything is known of the request.
fn envelopes() -> Vec<Class> {
    let stranger = Envelope::seal(&CipherKey::generate(), IvLayout::Prepended, b"{}").to_hex();
    let right = DEMO.seal(b"{}");
    vec![
        Class { code: None, ..Class::new("no Partner-Code", DEMO.code, &right) },
        Class { body: format!("data={right}"), ..Class::new("no JSON around it", DEMO.code, "") },
        Class::new("bad hex", DEMO.code, "zz"),
        Class::new("bad length", DEMO.code, &"00".repeat(17)),
        Class::new("bad padding", DEMO.code, &"00".repeat(64)),
        Class::new("unknown partner", "NOBODY", &stranger),
        Class::new("foreign envelope", DEMO.code, &OTHER.seal(b"{}")),
        Class::new("no JSON in it", DEMO.code, &DEMO.seal(b"[]")),
    ]
}

/// So many calls of each path; none: it is not asked for.
#[expect(clippy::disallowed_methods, reason = "flags of this one test")]
fn calls_asked_for() -> Option<usize> {
    std::env::var("KIMBAI_TIMING").ok()?;
    Some(std::env::var("KIMBAI_TIMING_CALLS").map_or(CALLS, |calls| calls.parse().unwrap()))
}

#[tokio::test]
async fn the_time_of_a_refusal_does_not_say_why() {
    let Some(calls) = calls_asked_for() else { return };
    let sandbox = Sandbox::start().await;
    let world = Arc::new(World::new(&sandbox).await);
    let mut worst: f64 = 0.0;
    for path in [LOG_IN, REFRESH, QR] {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for part in 0..PARTS {
            let locked = if path == LOG_IN { world.locked(&sandbox, part).await } else { String::new() };
            let lanes = (0..LANES).map(|_| {
                let (world, locked) = (Arc::clone(&world), locked.clone());
                tokio::spawn(async move { measured(&world, path, &locked, calls.div_ceil(PARTS * LANES)).await })
            });
            for lane in lanes.collect::<Vec<_>>() {
                for (name, time) in lane.await.unwrap() {
                    all.entry(name).or_default().push(time);
                }
            }
        }
        worst = worst.max(report(path, &all.into_iter().map(|(name, times)| (name, Sample::of(&times))).collect()));
    }
    assert!(worst < T_MAX, "|t| = {worst:.2}");
}

/// The times of one lane's calls, at least so many, in microseconds, each with its class.
async fn measured(world: &World, path: &'static str, locked: &str, calls: usize) -> Vec<(&'static str, f64)> {
    let mut times = Vec::new();
    while times.len() < calls {
        let turn = world.turns.fetch_add(1, Ordering::Relaxed);
        for class in world.classes(path, turn, locked).await {
            let begun = Instant::now();
            class.send(&world.at, path, source(turn)).await.walled();
            times.push((class.name, begun.elapsed().as_secs_f64() * 1e6));
        }
    }
    times
}

/// Prints what was measured; the greatest |t| of two classes.
#[expect(clippy::print_stdout, reason = "it is run to be read")]
fn report(path: &str, samples: &BTreeMap<&str, Sample>) -> f64 {
    let mut worst = 0.0_f64;
    for (name, sample) in samples {
        println!("{path} {name}: {} calls, mean {:.0} us", sample.count, sample.mean);
    }
    for (one, first) in samples {
        for (other, second) in samples.range::<str, _>((std::ops::Bound::Excluded(*one), std::ops::Bound::Unbounded)) {
            let t = welch(*first, *second).abs();
            println!("{path} |t| {t:.2}  {one} / {other}");
            worst = worst.max(t);
        }
    }
    println!("{path} the greatest |t| is {worst:.2}");
    worst
}
