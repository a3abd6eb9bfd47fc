//! Kill -9 under load, again and again on the same store: every acknowledged rotation is there afterwards, none was
//! made twice.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod driver;

use std::process::Command;

use driver::{CHAINS, Driver, driver};

#[tokio::test]
async fn every_acknowledged_rotation_survives_a_kill() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("store");
    for round in 0..10 {
        let mut command = Command::new(driver());
        command.arg(&directory).arg(CHAINS.to_string());
        let mut driver = Driver::start(command);
        driver.until(|told| told.acknowledgements > 1_000 + round * 137);
        let told = driver.kill();
        assert_eq!(told.acknowledged.len() as u64, CHAINS);
        told.check(&directory).await;
    }
}
