//! What sealing and opening a token costs: `cargo bench -p kimbai-keyring --bench seal`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark has nobody to answer to")]

use std::hint::black_box;
use std::time::Instant;

use kimbai_core::number::{ClientNumber, Generation, GrantId, RealmNumber};
use kimbai_core::realm::TokenShape;
use kimbai_core::scope::ScopeSet;
use kimbai_core::secret::Secret;
use kimbai_core::token::{Pointer, TokenKind};
use kimbai_keyring::{KeyUsage, MasterKey, RealmKeyring, StoredKey};

const ROUNDS: u32 = 300_000;

fn main() {
    let (master, realm) = (MasterKey::generate(), RealmNumber(1));
    let keys = [KeyUsage::Root, KeyUsage::Sealing].map(|usage| StoredKey {
        number: 0,
        usage: usage.name().to_owned(),
        sealed: RealmKeyring::generate(&master, realm, usage),
    });
    let keyring = RealmKeyring::open_keys(&master, realm, TokenShape::Whole, &keys).expect("the keys are right");
    let pointer = Pointer {
        grant: GrantId(1),
        generation: Generation::FIRST,
        time: 2,
        client: ClientNumber(3),
        issued_at_s: 4,
        scope: ScopeSet(5),
    };
    let token = keyring.seal(TokenKind::Refresh, &pointer, 0).expect("the key is there");
    let secret = Secret::new("demo-web-secret-0123456789abcdef".to_owned());
    measure("seal", || {
        black_box(keyring.seal(TokenKind::Refresh, black_box(&pointer), 0).is_ok());
    });
    measure("open", || {
        black_box(keyring.open(&[TokenKind::Refresh], black_box(token.expose())));
    });
    measure("client secret digest", || {
        black_box(keyring.secret_digest(black_box(&secret)));
    });
}

fn measure(what: &str, mut work: impl FnMut()) {
    for _ in 0..ROUNDS / 10 {
        work();
    }
    let started = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    let ns = started.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("{what}: {ns} ns");
}
