//! What signing and verifying a JWT costs, and a key's parsing: `cargo bench -p kimbai-keyring --bench sign`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark has nobody to answer to")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use kimbai_core::number::RealmNumber;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_core::time::Micros;
use kimbai_keyring::{JwtKind, KeyTimes, MasterKey, SigningKey, SigningKeySet};

const ROUNDS: u32 = 3_000;
const CLAIMS: &[u8] = br#"{"iss":"https://id.example.vn","sub":"200000000001","aud":"demo-web","iat":1795253640,"exp":1795257240,"auth_time":1795253600,"nonce":"n-0S6_WzA2Mj","at_hash":"MTIzNDU2Nzg5MDEyMzQ1Ng"}"#;

fn main() {
    let (master, realm, now) = (MasterKey::generate(), RealmNumber(1), Micros::from_unix_s(1_795_253_640));
    for algorithm in SigningAlgorithm::ALL {
        let name = algorithm.name();
        let started = Instant::now();
        let key = Arc::new(SigningKey::generate(algorithm).expect("the library makes keys"));
        println!("{name} make: {} us", started.elapsed().as_micros());
        let mut set = SigningKeySet::default();
        set.add(&key, KeyTimes { made: now, signs_from: now, tokens_s: 3_600 }).expect("it is the first one");
        let sealed = set.seal(&master, realm);
        measure(name, "open the set of one key", ROUNDS / 10, || {
            black_box(SigningKeySet::open(&master, realm, black_box(&sealed), &SigningKeySet::default()).is_ok());
        });
        measure(name, "find the signer", ROUNDS, || {
            black_box(set.signer(algorithm, black_box(now)));
        });
        measure(name, "sign", ROUNDS, || {
            black_box(key.sign(JwtKind::Id, black_box(CLAIMS)).is_ok());
        });
        let token = key.sign(JwtKind::Id, CLAIMS).expect("the library signs");
        measure(name, "verify", ROUNDS, || {
            black_box(set.verify(JwtKind::Id, "https://id.example.vn", black_box(token.expose())).is_ok());
        });
    }
}

fn measure(name: &str, what: &str, rounds: u32, mut work: impl FnMut()) {
    for _ in 0..rounds / 10 {
        work();
    }
    let started = Instant::now();
    for _ in 0..rounds {
        work();
    }
    let ns = started.elapsed().as_nanos() / u128::from(rounds);
    println!("{name} {what}: {ns} ns");
}
