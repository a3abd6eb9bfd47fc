//! What is kept in `--data`, by whom it can be read, and what it yields without its key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::browser::{Browser, parameter};
use crate::fixture::{Call, Start};
use crate::secrets::Secrets;
use crate::tour::{self, Tokens};

#[tokio::test]
async fn tokens_sessions_and_consents_work_after_a_stop_and_after_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let start = Start::new(Some(&place.path().join("data")));
    let mut sandbox = start.start();
    let mut secrets = Secrets::default();
    let mut browser = Browser::new(sandbox.marketplace());
    let mut tokens = tour::log_in(&sandbox, &mut browser, &mut secrets).await;
    let cookies = browser.cookies;
    for is_killed in [false, true] {
        if is_killed {
            sandbox.kill();
        } else {
            sandbox.terminate();
            let ended = sandbox.wait();
            assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
        }
        sandbox = start.start();
        assert!(tour::is_active(&sandbox, &tokens.access_token).await);
        let mut browser = Browser::new(sandbox.marketplace());
        browser.cookies.clone_from(&cookies);
        let led = browser.get(&tour::authorization_request(), &mut secrets).await.expect(303);
        assert!(!parameter(&led, "code").is_empty(), "the session and the consent are still there");
        let next = tour::refresh(&sandbox, &tokens.refresh_token).await.expect(200);
        tokens = Tokens::of(&next, &mut secrets);
    }
}

#[tokio::test]
async fn a_master_key_that_is_wrong_lost_or_no_key_is_refused_and_nothing_is_changed() {
    let place = tempfile::tempdir().unwrap();
    let (data, other) = (place.path().join("data"), place.path().join("other"));
    let start = Start::new(Some(&data));
    stop(&start);
    stop(&Start::new(Some(&other)));
    let key = data.join("master.key");
    let right = fs::read(&key).unwrap();
    let wrong = fs::read(other.join("master.key")).unwrap();
    for (content, expect) in [
        (Some(wrong), "master.key is not the master key of this store"),
        (Some(b"no key".to_vec()), "the master key is not 32 bytes in base64"),
        (Some(Vec::new()), "the master key is not 32 bytes in base64"),
        (None, "master.key is missing"),
    ] {
        match &content {
            Some(content) => fs::write(&key, content).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        let ended = start.try_start().err().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(expect), "{ended:?}");
        assert_eq!(fs::read(&key).ok(), content, "the key is as it was found");
    }
    fs::write(&key, right).unwrap();
    stop(&start);
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let sandbox = Start::new(Some(&data)).start();
    let ended = Start::new(Some(&data)).try_start().err().unwrap();
    let expected = format!(
        "error: {} is in use by another kimbai process; stop that one, or use another directory\n",
        data.display()
    );
    assert_eq!((ended.status.code(), ended.stderr), (Some(1), expected));
    sandbox.send(sandbox.operator(), &Call::get("/readyz")).await.expect(200);
    let _ = tour::everything(&sandbox).await;
}

#[tokio::test]
async fn only_its_owner_can_read_the_data_whatever_the_umask() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let under = ["sh", "-c", "umask 0; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    let sandbox = Start { under, ..Start::new(Some(&data)) }.start();
    let _ = tour::everything(&sandbox).await;
    assert_eq!(mode(&data), 0o700);
    let files = files(&data);
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_copy_of_the_data_without_the_master_key_holds_no_secret() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let start = Start::new(Some(&data));
    let sandbox = start.start();
    let secrets = tour::everything(&sandbox).await;
    assert!(secrets.count() > 30, "{}", secrets.count());
    let look = |when: &str| {
        let mut bytes = 0;
        for file in files(&data).into_iter().filter(|file| !file.ends_with("master.key")) {
            let content = fs::read(&file).unwrap();
            secrets.assert_absent(&format!("{when}, {}", file.display()), &content);
            bytes += content.len();
        }
        assert!(bytes > 100_000, "there was nothing to search: {bytes} bytes");
    };
    look("running");
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    look("stopped");
}

fn stop(start: &Start) {
    let sandbox = start.start();
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
