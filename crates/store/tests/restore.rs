//! Restoring: all of a backup and nothing that was revoked, from whole files alone, into directories without a store.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod grants;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use grants::{CLIENT, REALM, TERMS, activate, opening, rotate};
use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{EndReason, Opening, Revocation, ShortDigest, Start, State};
use kimbai_core::number::{AttemptId, OrganizationNumber};
use kimbai_store::sqlite::{Location, OpenError, Options, RestoreError, SqliteStore, restore};
use kimbai_store::suite::{put_client, put_user};
use kimbai_store::{
    BackupProgress, Change, Clock, Epochs, Ledger, LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, Registry,
    SessionId, Upkeep,
};
use rusqlite::Connection;

struct Home {
    temporary: tempfile::TempDir,
    store: SqliteStore,
}

impl Home {
    /// A store with a client, a user and a session.
    async fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let store = open(&temporary.path().join("store"), Clock::default());
        assert_eq!(put_client(&store, REALM, "client").await, CLIENT);
        let user = put_user(&store, REALM, "user").await;
        store.put_session(REALM, SessionId([1; 16]), user, 0).await.unwrap();
        Self { temporary, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    async fn backup(&self) -> PathBuf {
        let to = self.path("copy.db");
        self.store.backup(to.clone(), Arc::default()).await.unwrap().unwrap();
        to
    }

    /// What comes of a restore into a new directory, which must not be left behind if it is refused.
    fn refused(&self, backup: &Path) -> RestoreError {
        let directory = self.path("refused");
        let error = restore(backup, &directory, &BackupProgress::default()).unwrap_err();
        assert!(!directory.join("kimbai.db").exists());
        assert!(!directory.join("kimbai.db.part").exists());
        error
    }
}

fn open(directory: &Path, clock: Clock) -> SqliteStore {
    SqliteStore::open(Location::Directory(directory.to_path_buf()), clock, Options::default()).unwrap()
}

async fn put_organization(store: &SqliteStore, label: &str) -> OrganizationNumber {
    let [label, text] = [label, ""].map(str::to_owned);
    let put = Change::PutOrganization {
        realm: REALM,
        label: label.clone(),
        org_id: label.clone(),
        name: text.clone(),
        category: text,
    };
    store.change(vec![put]).await.unwrap();
    store.organization_by_label(REALM, label).await.unwrap().unwrap().number
}

#[tokio::test]
async fn legacy_tokens_are_restored_dead_and_live_again_where_they_are_revived() {
    let home = Home::new().await;
    let user = home.store.user_by_name(REALM, "user".into()).await.unwrap().unwrap().number;
    let token = ShortDigest([7; 16]);
    let owner = LegacyTokenOwner { organization: OrganizationNumber(1), client: CLIENT, user };
    let put = |epochs| vec![Change::PutLegacyToken { realm: REALM, token, owner, epochs }];
    home.store.change(put(Epochs::Kept)).await.unwrap();
    let step = async |store: &SqliteStore, step| store.step_legacy_token(REALM, step).await.unwrap();
    let start = Start::Exchanged(TERMS, ExchangeOrigin { token, number: 1 });
    home.store.open(REALM, Opening { start, ..opening(1) }, AttemptId(1)).await.unwrap();
    let before = home.store.legacy_token(REALM, token).await.unwrap().unwrap();
    let backup = home.backup().await;
    step(&home.store, LegacyTokenStep::NextAndEnd(ExchangeOrigin { token, number: 1 })).await;
    restore(&backup, &home.path("restored"), &BackupProgress::default()).unwrap();
    let store = open(&home.path("restored"), Clock::default());
    let row = async || store.legacy_token(REALM, token).await.unwrap().unwrap();
    for _ in 0..2 {
        let dead = row().await;
        assert!(!dead.standing.client.supports(dead.client_epoch) && !dead.standing.user.supports(dead.user_epoch));
        assert_eq!(LegacyTokenRow { now: before.now, standing: before.standing, ..dead }, before, "as it was");
        store.change(put(Epochs::Kept)).await.unwrap();
    }
    store.change(put(Epochs::Renewed)).await.unwrap();
    let alive = row().await;
    assert!(alive.standing.client.supports(alive.client_epoch) && alive.standing.user.supports(alive.user_epoch));
    assert!(alive.client_epoch > before.client_epoch && alive.user_epoch > before.user_epoch);
    let of_before =
        LegacyTokenRow { client_epoch: 0, user_epoch: 0, now: before.now, standing: before.standing, ..alive };
    assert_eq!(of_before, before, "what ended it after the backup is forgotten");
}

#[tokio::test]
async fn what_was_issued_before_a_restore_is_there_and_dead() {
    let home = Home::new().await;
    let live = rotate(&home.store, &activate(&home.store, 1).await).await;
    let revoked = activate(&home.store, 2).await;
    let backup = home.backup().await;
    let revocation = Revocation::Grant(EndReason::RevokedByClient);
    home.store.revoke(REALM, revoked.id, revocation, AttemptId(9)).await.unwrap();
    let later = activate(&home.store, 3).await;
    // A step of the epoch after the backup: its row-less tokens must not revive either.
    for token in 0..3 {
        home.store.deny_rowless(REALM, CLIENT, [token; 16], u32::MAX, 1).await.unwrap();
    }
    let lost = home.store.lookup_rowless(REALM, CLIENT, [9; 16]).await.unwrap().client;
    assert_eq!(lost.epoch, 1);

    let progress = BackupProgress::default();
    let restored = restore(&backup, &home.path("restored"), &progress).unwrap();
    assert_eq!(restored.bytes, std::fs::metadata(&backup).unwrap().len());
    for bytes in [&progress.done_bytes, &progress.all_bytes] {
        assert_eq!(bytes.load(Ordering::Relaxed), restored.bytes);
    }
    let store = open(&home.path("restored"), Clock::default());
    for grant in [live, revoked] {
        let seen = store.lookup(REALM, grant.id).await.unwrap().seen.unwrap();
        assert_eq!(seen.grant, grant, "as it was at the backup");
        assert!(matches!(seen.grant.state, State::Active(_)));
        assert!(!seen.standing.client.supports(grant.client_epoch), "{:?}", seen.standing);
        assert!(!seen.standing.user.supports(grant.user_epoch), "{:?}", seen.standing);
    }
    assert_eq!(store.lookup(REALM, later.id).await.unwrap().seen, None);
    let client = store.lookup_rowless(REALM, CLIENT, [9; 16]).await.unwrap().client;
    assert!(client.active && client.epoch > lost.epoch, "{client:?} after {lost:?}");
    let session = store.session(REALM, SessionId([1; 16])).await.unwrap().unwrap();
    assert!(!session.standing.supports(session.user_epoch));
    assert_eq!(store.meta("backup").await.unwrap(), None, "a store is no backup");
    assert!(restored.moment < store.now());

    // What is issued from now on works.
    let user = store.user_by_name(REALM, "user".into()).await.unwrap().unwrap();
    let opening = Opening { client_epoch: client.epoch, user_epoch: user.standing.epoch, ..opening(4) };
    store.open(REALM, opening, AttemptId(1)).await.unwrap();
    let seen = store.lookup(REALM, opening.id).await.unwrap().seen.unwrap();
    assert!(seen.standing.supports(&seen.grant));
}

#[tokio::test]
async fn the_numbers_of_clients_users_and_organizations_that_are_lost_are_not_used_again() {
    let home = Home::new().await;
    let backup = home.backup().await;
    let mut lost = Vec::new();
    for number in 0..20 {
        let name = number.to_string();
        let shop = put_organization(&home.store, &name).await;
        lost.push((put_client(&home.store, REALM, &name).await, put_user(&home.store, REALM, &name).await, shop));
    }
    restore(&backup, &home.path("restored"), &BackupProgress::default()).unwrap();
    let store = open(&home.path("restored"), Clock::default());
    let next = (put_client(&store, REALM, "next").await, put_user(&store, REALM, "next").await);
    let shop = put_organization(&store, "next").await;
    for (client, user, organization) in &lost {
        assert!(*client < next.0 && *user < next.1 && *organization < shop, "{next:?} or {shop:?} is among {lost:?}");
    }
    // The numbers of keys are few, and a key that is lost opens nothing.
    store.change(vec![Change::AddKey { realm: REALM, usage: "seal".into(), sealed: vec![] }]).await.unwrap();
    assert_eq!(store.keys(REALM).await.unwrap()[0].number, 0);
}

#[tokio::test]
async fn keys_that_sign_do_not_come_back_and_those_that_open_do() {
    let home = Home::new().await;
    let add = |usage: &str| Change::AddKey { realm: REALM, usage: usage.into(), sealed: vec![1] };
    home.store.change(["root", "sealing", "signing"].map(add).into()).await.unwrap();
    let backup = home.backup().await;
    restore(&backup, &home.path("restored"), &BackupProgress::default()).unwrap();
    let store = open(&home.path("restored"), Clock::default());
    let usages = async || store.keys(REALM).await.unwrap().into_iter().map(|key| key.usage).collect::<Vec<_>>();
    assert_eq!(usages().await, ["root", "sealing"]);
    store.change(vec![add("signing")]).await.unwrap();
    assert_eq!(usages().await, ["root", "sealing", "signing"], "others are made");
}

#[tokio::test]
async fn one_backup_that_is_restored_twice_brings_other_epochs() {
    let temporary = tempfile::tempdir().unwrap();
    let clock = Clock::default();
    // Its moment is of yesterday, so that the second restore need not wait for a second to pass.
    clock.advance_s(-86_400);
    let store = open(&temporary.path().join("store"), clock);
    put_client(&store, REALM, "client").await;
    let backup = temporary.path().join("copy.db");
    store.backup(backup.clone(), Arc::default()).await.unwrap().unwrap();
    let restored = temporary.path().join("restored");
    restore(&backup, &restored, &BackupProgress::default()).unwrap();
    let client = open(&restored, Clock::default()).clients(REALM).await.unwrap().remove(0);
    assert!((87_400..87_500).contains(&client.standing.epoch), "one for each second: {client:?}");
}

#[tokio::test]
async fn a_file_that_is_no_whole_backup_is_refused_with_what_to_do() {
    let home = Home::new().await;
    let backup = home.backup().await;
    let whole = std::fs::read(&backup).unwrap();
    let write = |bytes: &[u8]| std::fs::write(&backup, bytes).unwrap();
    let change = |sql: &str| Connection::open(&backup).unwrap().execute_batch(sql).unwrap();

    for bytes in [&[][..], &whole[..99], &[b'x'; 9_000]] {
        write(bytes);
        let error = home.refused(&backup);
        assert!(matches!(error, RestoreError::Foreign(_)), "{error:?}");
    }
    for bytes in [100, 4_096, whole.len() - 1] {
        write(&whole[..bytes]);
        let error = home.refused(&backup);
        let (is, should_be) = (bytes as u64, whole.len() as u64);
        assert!(
            matches!(error, RestoreError::Cut { found, expected, .. } if (found, expected) == (is, should_be)),
            "{error:?}"
        );
    }
    // In the second page, and in a later one that only the whole check reads.
    for at in [4_096 + 3, whole.len() - 4_096 + 2] {
        let mut bytes = whole.clone();
        bytes[at..at + 40].fill(0xA5);
        write(&bytes);
        let error = home.refused(&backup);
        assert!(matches!(error, RestoreError::Damaged { .. }), "{error:?} with damage at {at}");
    }

    write(&whole);
    change("INSERT INTO migrations VALUES (1000000, 'x', x'00', 0)");
    let error = home.refused(&backup);
    assert!(matches!(error, RestoreError::NewerSchema { found: 1_000_000, .. }), "{error:?}");
    write(&whole);
    change("UPDATE migrations SET digest = zeroblob(16) WHERE number = 2");
    let error = home.refused(&backup);
    assert!(matches!(error, RestoreError::OtherSchema { number: 2 }), "{error:?}");
    write(&whole);
    change("PRAGMA application_id = 7");
    let error = home.refused(&backup);
    assert!(matches!(error, RestoreError::Foreign(_)), "{error:?}");

    home.store.close();
    let error = home.refused(&home.path("store/kimbai.db"));
    assert!(matches!(error, RestoreError::NoBackup(_)), "{error:?}");
    let error = home.refused(&home.path("missing.db"));
    assert!(matches!(error, RestoreError::Read { .. }), "{error:?}");
    assert!(error.to_string().contains("missing.db"), "{error}");
    write(&whole);
    restore(&backup, &home.path("refused"), &BackupProgress::default()).unwrap();
}

#[tokio::test]
async fn a_store_is_restored_only_where_there_is_none() {
    let home = Home::new().await;
    let backup = home.backup().await;
    let into = |directory: &Path| restore(&backup, directory, &BackupProgress::default());
    let error = into(&home.path("store")).unwrap_err();
    assert!(matches!(error, RestoreError::NotEmpty { .. }), "{error:?}");

    let directory = home.path("new");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("notes"), "mine").unwrap();
    let error = into(&directory).unwrap_err();
    assert!(matches!(&error, RestoreError::NotEmpty { found, .. } if found == "notes"), "{error:?}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing was put beside it");
    std::fs::remove_file(directory.join("notes")).unwrap();

    // A key, and the rest of a restore that was killed: in the middle of the copy it has no other name than this.
    std::fs::write(directory.join("master.key"), "key").unwrap();
    std::fs::write(directory.join("kimbai.db.part"), "rest").unwrap();
    std::fs::write(directory.join("kimbai.db.part-journal"), "rest").unwrap();
    let lock = std::fs::File::create(directory.join("kimbai.lock")).unwrap();
    lock.lock().unwrap();
    let error = into(&directory).unwrap_err();
    assert!(matches!(error, RestoreError::Directory(OpenError::Locked { .. })), "{error:?}");
    drop(lock);
    into(&directory).unwrap();
    let mut names: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["kimbai.db", "kimbai.lock", "master.key"]);
    assert_eq!(std::fs::metadata(directory.join("kimbai.db")).unwrap().permissions().mode() & 0o777, 0o600);
    open(&directory, Clock::default());

    let error = into(Path::new("/proc/kimbai")).unwrap_err();
    assert!(matches!(error, RestoreError::Directory(OpenError::Files { .. })), "{error:?}");
}
