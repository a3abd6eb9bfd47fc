//! From SQLite to PostgreSQL: what was in the one is in the other, or nothing is.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod grants;

use std::path::PathBuf;

use grants::{CLIENT, REALM, TERMS, activate, opening, rotate, rotation};
use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{EndReason, Opening, Revocation, ShortDigest, Start, Verdict};
use kimbai_core::number::{AttemptId, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use kimbai_postgres_fixture::{Database, Server, Version};
use kimbai_store::postgres::{self, PostgresStore, StoreUrl};
use kimbai_store::sqlite::{self, Location, SqliteStore};
use kimbai_store::suite::{put_client, put_realm, put_user};
use kimbai_store::{
    Activity, AuditEvent, AuditFilter, Change, Clock, ConsentAnswer, ConsentOf, CopyError, CopyProgress, CopyStep,
    Epochs, GrantsOf, Ledger, LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, LogInKey, LogInLimits, Registry,
    SessionId, copy,
};

const LIMITS: LogInLimits = LogInLimits {
    free_failures: 5,
    first_delay_s: 1,
    lock_failures: 10,
    lock_s: 900,
    source_failures: 100,
    source_window_s: 900,
    keys_max: 1_000,
};

/// As many grants have ended, each for another reason.
const END_REASONS: u64 = EndReason::ALL.len() as u64;

fn databases() -> impl Iterator<Item = Database<'static>> {
    Version::under_test().iter().map(|version| Server::shared(*version).fresh_database())
}

fn url(database: &Database<'_>) -> StoreUrl {
    database.url().parse().unwrap()
}

struct Source {
    directory: tempfile::TempDir,
}

impl Source {
    fn path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(Location::Directory(self.path()), Clock::default(), sqlite::Options::default()).unwrap()
    }

    fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.path().join("kimbai.db")).unwrap().execute_batch(sql).unwrap();
    }
}

/// A store with something in each table.
async fn filled() -> Source {
    let source = Source { directory: tempfile::tempdir().unwrap() };
    let store = source.open();
    let realm = put_realm(&store, "realm").await;
    assert_eq!(realm, REALM);
    assert_eq!(put_client(&store, realm, "client").await, CLIENT);
    let other = put_client(&store, realm, "off").await;
    let gone = put_client(&store, realm, "gone").await;
    let user = put_user(&store, realm, "ảnh").await;
    let key = Change::AddKey { realm, usage: "seal".to_owned(), sealed: vec![0, 255, 7] };
    let off = Change::SetClientActivity { realm, client: other, activity: Activity::Disabled };
    let check = Change::SetMeta { key: "check".to_owned(), value: vec![1, 2, 3] };
    store.change(vec![key.clone(), key, off, check, Change::RemoveClient { realm, client: gone }]).await.unwrap();
    let of = ConsentOf { user, client: CLIENT, organization: OrganizationNumber(u32::MAX) };
    store.put_consent(realm, of, ConsentAnswer::yes(ScopeSet(u64::MAX))).await.unwrap();
    let text = |text: &str| text.to_owned();
    let (label, org_id, name, category) = (text("shop"), text("1001"), text("Tiệm"), text("hoa"));
    let shop = Change::PutOrganization { realm, label: label.clone(), org_id, name, category };
    let member = Change::PutMembership { realm, username: text("ảnh"), label, roles: text("[\"admin\"]") };
    let owner = LegacyTokenOwner { organization: OrganizationNumber(u32::MAX), client: CLIENT, user };
    let legacy = Change::PutLegacyToken { realm, token: ShortDigest([255; 16]), owner, epochs: Epochs::Kept };
    store.change(vec![shop, member, legacy]).await.unwrap();
    let origin = |number| ExchangeOrigin { token: ShortDigest([255; 16]), number };
    for step in [LegacyTokenStep::Next(origin(1)), LegacyTokenStep::NextAndEnd(origin(2))] {
        store.step_legacy_token(realm, step).await.unwrap();
    }
    let exchanged = Opening { start: Start::Exchanged(TERMS, origin(3)), ..opening(3 + END_REASONS) };
    store.open(realm, exchanged, AttemptId(1)).await.unwrap();
    store.put_session(realm, SessionId([255; 16]), user, u32::MAX).await.unwrap();
    store.remember_browser(realm, user, [0; 16]).await.unwrap();
    store.count_log_in(realm, LogInKey([1; 16]), LogInKey([2; 16]), LIMITS).await.unwrap();
    let expiry_s = store.now().as_unix_s() + 1_000;
    store.deny_rowless(realm, CLIENT, [9; 16], expiry_s, 10).await.unwrap();
    let event = |event: &'static str, grant| AuditEvent {
        realm,
        event: event.into(),
        grant,
        client: Some(u32::MAX),
        user: None,
        source: Some("2001:db8::1".to_owned()),
    };
    store.record(event("first", Some(u64::MAX)));
    store.record(event("second", None));

    store.open(realm, opening(1), AttemptId(u64::MAX)).await.unwrap();
    let rotated = activate(&store, 2).await;
    let rotated = rotate(&store, &rotate(&store, &rotated).await).await;
    let through = Revocation::AccessThrough(kimbai_core::number::Generation::FIRST);
    store.revoke(realm, rotated.id, through, AttemptId(77)).await.unwrap();
    for (number, reason) in (3..).zip(EndReason::ALL) {
        let grant = activate(&store, number).await;
        store.revoke(realm, grant.id, Revocation::Grant(reason), AttemptId(number)).await.unwrap();
    }
    for id in [GrantId(0), GrantId(u64::MAX)] {
        let opening = Opening { id, user: UserNumber(u32::MAX), ..opening(99) };
        store.open(RealmNumber(u32::MAX), opening, AttemptId(1 << 63)).await.unwrap();
    }
    drop(store);
    source
}

/// All that both traits can say of what [`filled`] has put in.
async fn all_of(store: &(impl Ledger + Registry)) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |text: String| said.push(text);
    say(format!("{:?}", store.meta("check").await));
    let realms = store.realms().await.unwrap();
    say(format!("{realms:?}"));
    let user = store.user_by_name(REALM, "ảnh".to_owned()).await.unwrap().unwrap();
    say(format!("{:?} {:?}", user, store.users(REALM, None, 10).await));
    say(format!("{:?}", store.clients(REALM).await));
    say(format!("{:?}", store.keys(REALM).await));
    let of = ConsentOf { user: user.number, client: CLIENT, organization: OrganizationNumber(u32::MAX) };
    say(format!("{:?}", store.consent(REALM, of).await));
    say(format!("{:?} {:?}", store.organizations(REALM, None, 10).await, store.memberships(REALM, user.number).await));
    let legacy = store.legacy_token(REALM, ShortDigest([255; 16])).await.unwrap().unwrap();
    assert!(legacy.exchange == 3 && legacy.opened && legacy.ends < Micros::NEVER, "{legacy:?}");
    say(format!("{:?}", LegacyTokenRow { now: Micros(0), ..legacy }));
    let session = store.session(REALM, SessionId([255; 16])).await.unwrap().unwrap();
    say(format!("{:?} {:?} {:?}", session.user_epoch, session.authenticated, session.standing));
    say(format!("{:?}", store.knows_browser(REALM, user.number, [0; 16]).await));
    say(format!("{:?}", store.log_in_count(REALM, LogInKey([2; 16])).await));
    say(format!("{:?}", store.lookup_rowless(REALM, CLIENT, [9; 16]).await.unwrap().denied));
    say(format!("{:?}", store.audit(REALM, AuditFilter::default(), 10).await));
    for realm in [REALM, RealmNumber(u32::MAX)] {
        say(format!("{:?}", store.grants(realm, GrantsOf::Realm, None, 100).await));
    }
    for id in 1..=3 + END_REASONS {
        let seen = store.lookup(REALM, GrantId(id)).await.unwrap().seen.unwrap();
        say(format!("{seen:?}"));
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_reads_the_same_in_the_copy() {
    let source = filled().await;
    let store = source.open();
    let expected = all_of(&store).await;
    let grant = store.lookup(REALM, GrantId(2)).await.unwrap().seen.unwrap().grant;
    drop(store);
    for database in databases() {
        let mut progress = Vec::new();
        let copied = copy(&source.path(), &url(&database), |step| progress.push(step)).await.unwrap();
        assert_eq!(copied.tables.iter().find(|(table, _)| *table == "grants").unwrap().1, 5 + END_REASONS);
        assert!(copied.tables.iter().all(|(_, rows)| *rows > 0), "each table is tried: {copied:?}");
        for (table, all) in copied.tables {
            for step in [CopyStep::Copying, CopyStep::Comparing] {
                assert!(progress.contains(&CopyProgress { step, table, rows: all, all }), "{step:?} {table}");
            }
        }
        let store = PostgresStore::open(&url(&database), postgres::Options::default()).await.unwrap();
        let found = all_of(&store).await;
        assert_eq!(found, expected);
        // A grant goes on where it was, numbers are new, and events come behind the old ones.
        let rotated = store.rotate(REALM, grant.id, rotation(&grant), AttemptId(5)).await.unwrap();
        assert!(matches!(rotated.verdict, Verdict::Done(_)), "{rotated:?}");
        assert_eq!(put_client(&store, REALM, "new").await.0, 4);
        assert_eq!(store.draw_realm_number().await.unwrap(), RealmNumber(2));
        let event =
            AuditEvent { realm: REALM, event: "new".into(), grant: None, client: None, user: None, source: None };
        store.record(event.clone());
        assert_eq!(store.audit(REALM, AuditFilter::default(), 1).await.unwrap()[0].1, event);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_anything_is_refused() {
    let source = filled().await;
    for database in databases() {
        let store = PostgresStore::open(&url(&database), postgres::Options::default()).await.unwrap();
        put_realm(&store, "other").await;
        store.close().await;
        let error = copy(&source.path(), &url(&database), |_| {}).await.unwrap_err();
        assert!(matches!(error, CopyError::NotEmpty(_)), "{error:?}");
        assert_eq!(database.sql("SELECT name FROM kimbai.realms"), "other");
        assert_eq!(database.sql("SELECT count(*) FROM kimbai.grants"), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_copy_that_fails() {
    let source = filled().await;
    for database in databases() {
        // What PostgreSQL does not keep.
        source.sql("INSERT INTO users VALUES (1, 99, 'a' || char(0), '', '{}')");
        let error = copy(&source.path(), &url(&database), |_| {}).await.unwrap_err();
        assert!(matches!(error, CopyError::Write { table: "users", .. }), "{error:?}");
        assert!(error.to_string().contains("NUL"), "{error}");
        source.sql("UPDATE users SET username = 'b', number = 1 << 40 WHERE number = 99");
        let error = copy(&source.path(), &url(&database), |_| {}).await.unwrap_err();
        assert!(matches!(error, CopyError::Read { table: "users", .. }), "{error:?}");
        assert!(error.to_string().contains("its column number"), "{error}");
        let rows = "SELECT (SELECT count(*) FROM kimbai.realms), (SELECT count(*) FROM kimbai.meta)";
        assert_eq!(database.sql(rows), "0|0");
        source.sql("DELETE FROM users WHERE username = 'b'");
        copy(&source.path(), &url(&database), |_| {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_store_that_nobody_uses_is_copied() {
    let database = databases().next().unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let path = nowhere.path().join("store");
    let error = copy(&path, &url(&database), |_| {}).await.unwrap_err();
    assert!(matches!(error, CopyError::NoStore(_)), "{error:?}");
    assert!(!path.exists(), "nothing is made there");
    let source = filled().await;
    let store = source.open();
    let error = copy(&source.path(), &url(&database), |_| {}).await.unwrap_err();
    assert!(matches!(error, CopyError::From(sqlite::OpenError::Locked { .. })), "{error:?}");
    drop(store);
}
