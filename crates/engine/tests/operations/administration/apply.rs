//! `plan` and `apply`: from nothing, again, half right, and what a file does not name.

use kimbai_engine::BrowserSecret;
use kimbai_engine::admin::{Action, Apply, Kind, Prune, Step};
use kimbai_store::Registry as _;
use kimbai_store::sqlite::Location;
use serde_json::{Value, json};

use super::{
    Operator, PASSWORD_OF_AN, administration, apply, from_nothing, invalid, nothing, of_marketplace, read, scope,
    scopes,
};
use crate::fixture::{Fixture, REDIRECT_URI, basic, marketplace, refresh_token, secret, secret_of, source};

fn step(action: Action, kind: Kind, name: &str, changes: &[&str]) -> Step {
    let changes = changes.iter().map(|change| (*change).to_owned()).collect();
    Step { action, kind, realm: "marketplace".to_owned(), name: name.to_owned(), changes }
}

#[tokio::test]
async fn a_file_makes_a_realm_with_all_that_is_in_it_and_a_log_in_works() {
    let (administration, store, clock, engine, master) = nothing().await;
    let applied = apply(&administration, from_nothing()).await.unwrap();
    assert_eq!(applied.steps.len(), 8, "{:?}", applied.steps);
    assert!(applied.steps.iter().all(|step| step.action == Action::Add));
    let made: Vec<_> = applied.made_secrets.iter().map(|made| made.client_id.as_str()).collect();
    assert_eq!(made, ["made"]);
    let realm = engine.realm("main").unwrap();
    let names: Vec<_> = realm.settings.scopes.iter().map(|scope| scope.name.as_str()).collect();
    assert_eq!(names, ["order", "product", "offline"], "as the file has them");
    assert_eq!((realm.settings.lifetimes.code_s, realm.settings.lifetimes.access_token_s), (30, 3_600));
    let browser = BrowserSecret::generate();
    let password = secret(PASSWORD_OF_AN);
    let an = engine.log_in(&realm, ("an", &password), &browser, source(1)).await.unwrap().user();
    let fixture = Fixture { engine, store, clock, realm, an, master };
    let answer = fixture.log_in("web").await;
    let refreshed = fixture.refresh("web", &refresh_token(&answer)).await.unwrap();
    assert_eq!(&*fixture.facts(&refreshed.access_token).await.unwrap().subject, "200000000001");
    let made_secret = applied.made_secrets[0].client_secret.expose();
    assert!(made_secret.len() >= 43);
    let by_made = fixture.ask_as(
        basic("made", made_secret),
        kimbai_core::token::TokenGrant::ClientCredentials { scope: None },
        source(1),
    );
    assert!(by_made.await.is_ok());
    let sleeping = fixture.realm.client("sleeping").unwrap();
    assert!(!sleeping.standing.active);
    assert!(fixture.engine.user_by_name(&fixture.realm, "binh").await.unwrap().is_none(), "disabled");
}

#[tokio::test]
async fn what_is_applied_again_changes_nothing() {
    let operator = Operator::of_a_new_realm().await;
    let before = operator.export().await;
    let again = operator.apply(from_nothing()).await.unwrap();
    assert!(again.steps.is_empty() && again.made_secrets.is_empty(), "{again:?}");
    assert!(operator.plan(from_nothing()).await.unwrap().is_empty());
    assert_eq!(operator.export().await, before);
    let _ = operator.fixture.audit("applied", 1).await;
}

#[tokio::test]
async fn a_plan_says_what_an_apply_does_and_changes_nothing() {
    let operator = Operator::new().await;
    let before = operator.export().await;
    let asked = of_marketplace(json!({
        "display_name": "Chợ",
        "lifetimes": { "access_token_s": 60 },
        "clients": {
            "web": { "client_name": "Sổ", "client_secret": "a-new-secret-0123456789", "disabled": true },
            "new": { "scope": "order" },
        },
        "users": { "an": { "email": "an@example.vn", "password": "another password" }, " BINH ": { "disabled": true } },
    }));
    let planned = operator.plan(asked.clone()).await.unwrap();
    assert_eq!(
        planned,
        [
            step(
                Action::Change,
                Kind::Realm,
                "marketplace",
                &["display_name: \"Marketplace\" -> \"Chợ\"", "lifetimes.access_token_s: 3600 -> 60"]
            ),
            step(Action::Add, Kind::Client, "new", &[]),
            step(
                Action::Change,
                Kind::Client,
                "web",
                &["client_name: \"Sổ bán hàng\" -> \"Sổ\"", "client_secret", "disabled: false -> true"]
            ),
            step(Action::Change, Kind::User, "binh", &["disabled: false -> true"]),
            step(Action::Change, Kind::User, "an", &["email: null -> \"an@example.vn\"", "password"]),
        ]
    );
    assert_eq!(operator.export().await, before);
    assert_eq!(operator.apply(asked.clone()).await.unwrap().steps, planned);
    assert!(operator.plan(asked).await.unwrap().is_empty());
    let said = format!("{planned:?}");
    assert!(!said.contains("a-new-secret") && !said.contains("another password"));
}

#[tokio::test]
async fn what_was_agreed_to_is_done_and_nothing_else() {
    let operator = Operator::new().await;
    let asked = of_marketplace(json!({ "clients": { "web": { "client_name": "Sổ" } } }));
    let agreed = operator.plan(asked.clone()).await.unwrap();
    let apply = |agreed: &[Step]| {
        operator.run(Apply { manifest: read(asked.clone()), prune: Prune::Keep, agreed: Some(agreed.to_vec()) })
    };
    let other = of_marketplace(json!({ "clients": { "web": { "client_name": "Khác" } } }));
    operator.apply(other).await.unwrap();
    let before = operator.export().await;
    for not_this in [&agreed[..], &[]] {
        let refused = invalid(apply(not_this).await);
        assert_eq!(refused, ["what stands has changed since the plan: look at it again"]);
    }
    assert_eq!(operator.export().await, before);
    let agreed = operator.plan(asked.clone()).await.unwrap();
    assert_eq!(apply(&agreed).await.unwrap().steps, agreed);
}

#[tokio::test]
async fn after_an_apply_that_stopped_half_way_what_is_served_is_what_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::Directory(directory.path().to_owned());
    let fixture = Fixture::at(location, "marketplace", &marketplace()).await;
    // The realm and its clients are stored before the users, of whom the store refuses one.
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON users WHEN NEW.username = 'dung' BEGIN SELECT RAISE(ABORT, 'no'); END";
    rusqlite::Connection::open(directory.path().join("kimbai.db")).unwrap().execute_batch(refuse).unwrap();
    let operator = Operator { administration: administration(&fixture.engine), fixture };
    let asked = of_marketplace(json!({
        "display_name": "Chợ",
        "clients": { "web": { "client_name": "Sổ" }, "new": { "client_secret": secret_of("new") } },
        "users": { "dung": {} },
    }));
    assert!(operator.apply(asked.clone()).await.is_err());
    let realm = operator.fixture.engine.realm("marketplace").unwrap();
    assert_eq!(realm.settings.display_name, "Chợ");
    assert_eq!(realm.client("web").unwrap().metadata.client_name, "Sổ");
    assert!(operator.fixture.credentials_grant("new", None).await.is_ok());
    let left: Vec<_> = operator.plan(asked).await.unwrap().into_iter().map(|step| step.name).collect();
    assert_eq!(left, ["dung"]);
}

#[tokio::test]
async fn every_mistake_of_a_file_is_named_with_its_path_and_nothing_is_applied() {
    let operator = Operator::new().await;
    let mistakes = operator.mistakes(half_right()).await;
    assert_eq!(mistakes.len(), MISTAKES.len(), "{mistakes:#?}");
    for (mistake, expect) in mistakes.iter().zip(MISTAKES) {
        assert!(mistake.starts_with(expect), "{mistake} is not {expect}");
    }
}

fn half_right() -> Value {
    json!({ "realms": {
            "Bad Name": { "issuer": "https://bad.example.vn" },
            "dialectless": { "issuer": "https://d.example.vn", "dialect": "nowhere" },
            "marketplace": {
                "clients": {
                    "web": { "redirect_uris": ["javascript:alert(1)"] },
                    "post": { "client_secret": "too short" },
                    "other": { "client_secret": "hash:00" },
                    "spa": { "client_secret": secret_of("spa") },
                    "in-house": { "scope": "nothing" },
                    "resource": { "colour": "red" },
                    "a\tb": {},
                    "place": { "client_secret": "env:SECRET_OF_THE_PLACE" },
                    "secrets": { "secrets": [] },
                    "right": { "scope": "order" },
                },
                "users": {
                    "an": { "sub": "2" },
                    "binh": { "password": "short" },
                    "chi": { "password": "long enough", "password_hash": "$argon2id$" },
                    "dung": { "password_hash": "plain" },
                    "giang": { "sub": "" },
                    "hoa": { "password": "file:/run/secrets/hoa" },
                    "\u{7}": {},
                    "right": { "password": "long enough" },
                },
            },
            "noissuer": { "users": { "an": { "password": "short" } } },
            "twice": { "issuer": "https://t.example.vn", "scopes": [scope("offline"), scope("order"), scope("offline")] },
            "types": { "issuer": "https://y.example.vn", "lifetimes": { "code_s": "a minute" } },
            "long": { "issuer": "https://l.example.vn", "lifetimes": { "code_s": 601 } },
        } })
}

/// In the order of the file's names.
const MISTAKES: &[&str] = &[
    "realms.Bad Name: a realm's name has 1 to 32",
    "realms.dialectless: dialect: there is no dialect \"nowhere\"",
    "realms.long: lifetimes.code_s: ",
    "realms.marketplace.clients.a\tb: client \"a\\tb\": a client_id has",
    "realms.marketplace.clients.in-house: scope: ",
    "realms.marketplace.clients.other: client_secret: hash: takes 8 hex digits, : and 64 hex digits",
    "realms.marketplace.clients.place: client_secret: env: says where a secret is",
    "realms.marketplace.clients.post: client_secret: a secret has at least 22 characters",
    "realms.marketplace.clients.resource: unknown field `colour`",
    "realms.marketplace.clients.secrets: unknown field `secrets`",
    "realms.marketplace.clients.spa: client_secret: a client without authentication has no secret",
    "realms.marketplace.clients.web: redirect_uris: javascript:alert(1)",
    "realms.marketplace.users.\u{7}: user \"\\u{7}\": a user name has",
    "realms.marketplace.users.an: sub: it is \"1\" and never reassigned",
    "realms.marketplace.users.binh: password: it has 8 characters at least",
    "realms.marketplace.users.chi: password and password_hash: give one of them",
    "realms.marketplace.users.dung: password_hash: it is no argon2 hash",
    "realms.marketplace.users.giang: sub: it has 1 to 255",
    "realms.marketplace.users.hoa: password: file: says where a secret is",
    "realms.noissuer: issuer is missing",
    "realms.noissuer.users.an: password: it has 8 characters at least",
    "realms.twice: scopes: offline is named twice",
    "realms.types: invalid type: string \"a minute\"",
];

#[tokio::test]
async fn realms_that_could_not_be_served_beside_each_other_are_refused() {
    let operator = Operator::new().await;
    let issuer = operator.fixture.realm.settings.issuer.clone();
    let mistakes = operator.mistakes(json!({ "realms": { "second": { "issuer": issuer } } })).await;
    assert_eq!(mistakes, ["realms.second: issuer: realm marketplace has it"]);
}

#[tokio::test]
async fn scopes_keep_their_numbers_whatever_order_a_file_has() {
    let operator = Operator::new().await;
    let answer = operator.fixture.log_in("web").await;
    let asked = of_marketplace(json!({ "scopes": scopes(&["inventory", "new", "order", "offline"]) }));
    let applied = operator.apply(asked).await.unwrap();
    assert_eq!(applied.steps.len(), 1);
    let realm = operator.fixture.engine.realm("marketplace").unwrap();
    let names: Vec<_> = realm.settings.scopes.iter().map(|scope| (scope.name.as_str(), scope.retired)).collect();
    let expect = ["offline", "order", "product", "inventory", "new"].map(|name| (name, false));
    assert_eq!(names, expect, "what a file does not name stays");
    assert!(operator.fixture.works(&answer.access_token).await);
}

#[tokio::test]
async fn keys_and_things_that_a_file_does_not_name_stay_as_they_are() {
    let operator = Operator::new().await;
    let full = of_marketplace(json!({
        "clients": { "web": { "client_uri": "https://example.com/", "lifetimes": { "access_token_s": 60, "retry_s": 5 } } },
        "users": { "an": { "email": "an@example.vn" } },
    }));
    operator.apply(full).await.unwrap();
    let before = serde_json::to_value(operator.export().await).unwrap();
    let asked = of_marketplace(json!({
        "clients": { "web": { "lifetimes": { "access_token_s": 30 } } },
        "users": { "an": { "name": "Ảnh" } },
    }));
    operator.apply(asked).await.unwrap();
    let mut expect = before;
    let realm = &mut expect["realms"]["marketplace"];
    realm["clients"]["web"]["lifetimes"]["access_token_s"] = json!(30);
    realm["users"]["an"]["name"] = json!("Ảnh");
    assert_eq!(serde_json::to_value(operator.export().await).unwrap(), expect);
    assert!(operator.fixture.credentials_grant("web", None).await.is_ok(), "its secret stays, too");
}

#[tokio::test]
async fn the_offline_scope_of_a_new_realm_need_not_be_named() {
    let (administration, _, _, engine, _) = nothing().await;
    let manifest = json!({ "realms": { "main": { "issuer": "https://id.example.vn", "scopes": [scope("order")] } } });
    apply(&administration, manifest).await.unwrap();
    let names: Vec<_> = engine.realm("main").unwrap().settings.scopes.iter().map(|scope| scope.name.clone()).collect();
    assert_eq!(names, ["order", "offline"]);
}

#[tokio::test]
async fn a_client_becomes_public_and_confidential_again() {
    let operator = Operator::new().await;
    let of_web = |asked: Value| of_marketplace(json!({ "clients": { "web": asked } }));
    let public =
        json!({ "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"] });
    let applied = operator.apply(of_web(public.clone())).await.unwrap();
    assert!(applied.steps[0].changes.contains(&"client_secret".to_owned()), "{:?}", applied.steps);
    let client = operator.fixture.realm.client("web").unwrap();
    assert!(client.is_public() && client.metadata.secrets.is_empty());
    assert!(operator.apply(of_web(public)).await.unwrap().steps.is_empty());
    let credentials = of_web(json!({ "grant_types": ["client_credentials"], "redirect_uris": [] }));
    let mistakes = operator.mistakes(credentials).await;
    assert!(mistakes[0].contains("client_credentials needs a secret"), "{mistakes:?}");
    let confidential = json!({
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
    });
    let applied = operator.apply(of_web(confidential)).await.unwrap();
    let made = applied.made_secrets[0].client_secret.expose();
    let credentials = kimbai_core::client::ClientCredentials {
        client_id: Some("web".to_owned()),
        client_secret: Some(secret(made)),
        ..kimbai_core::client::ClientCredentials::default()
    };
    let grant = kimbai_core::token::TokenGrant::ClientCredentials { scope: None };
    assert!(operator.fixture.ask_as(credentials, grant, source(1)).await.is_ok());
}

#[tokio::test]
async fn more_users_than_one_slice_has_are_all_made() {
    let operator = Operator::new().await;
    let users: serde_json::Map<String, Value> =
        (0..250).map(|n| (format!("user-{n}"), json!({ "sub": format!("s{n}") }))).collect();
    let applied = operator.apply(of_marketplace(json!({ "users": users }))).await.unwrap();
    assert_eq!(applied.steps.len(), 250);
    let rows = operator.fixture.store.users(operator.fixture.realm.number, None, 1_000).await.unwrap();
    assert_eq!(rows.len(), 253);
}

#[tokio::test]
async fn a_file_that_asks_for_nothing_changes_nothing() {
    let operator = Operator::new().await;
    for asked in
        [json!({}), json!({ "realms": {} }), of_marketplace(json!({})), of_marketplace(json!({ "clients": {} }))]
    {
        assert!(operator.apply(asked.clone()).await.unwrap().steps.is_empty(), "{asked}");
    }
    let redirects = of_marketplace(json!({ "clients": { "web": { "redirect_uris": [REDIRECT_URI] } } }));
    assert!(operator.apply(redirects).await.unwrap().steps.is_empty());
}
