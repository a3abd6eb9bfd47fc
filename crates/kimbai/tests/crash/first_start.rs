//! A first start that ends in the middle: whatever it had made, the next one goes on from there.

use std::path::Path;
use std::process::Command;

use crate::chain::Chain;
use crate::fixture::{Connection, Start, say};

#[tokio::test]
#[ignore = "run by ./test crash"]
async fn a_first_start_that_was_killed_at_any_flush_can_be_made_again() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("base");
    // Flushes are counted for each thread. One makes the schema and the master key,
    let mut flushes = 0;
    while !base.join("master.key").exists() {
        flushes += 1;
        let data = place.path().join(format!("schema-{flushes}"));
        assert!(is_killed_at(flushes, &data), "a start has more flushes than {flushes}");
        copy(&data, &base);
        check(&data).await;
    }
    // and another all that is in the store.
    let mut changes = 0;
    loop {
        changes += 1;
        let data = place.path().join(format!("realms-{changes}"));
        copy(&base, &data);
        if !is_killed_at(changes, &data) {
            break;
        }
        check(&data).await;
    }
    say(&format!("a first start was killed at each of {flushes} + {changes} flushes"));
    assert!(flushes > 3 && changes > 10, "hardly anything was flushed");
}

/// Whether a start ends at this flush, which is not made.
fn is_killed_at(flush: u32, data: &Path) -> bool {
    let inject = format!("inject=fsync,fdatasync:signal=KILL:when={flush}");
    let words = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject];
    let start = Start { under: words.map(str::to_owned).to_vec(), ..Start::new(Some(data)) };
    match start.try_start() {
        Ok(_) => false,
        Err(ended) => {
            assert_eq!(ended.status.code(), None, "it was not killed: {ended:?}");
            true
        }
    }
}

async fn check(data: &Path) {
    let sandbox = Start::new(Some(data)).start();
    let _ = Chain::begin(0, &mut Connection::to(sandbox.marketplace())).await;
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}
