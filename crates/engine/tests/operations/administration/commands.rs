//! Commands as they travel: by name and as JSON, in whichever version, with secrets that nobody sees.

use kimbai_engine::admin::{
    AdminError, Apply, Backup, BackupLook, BackupState, ClientAdded, ClientList, ClientRotateSecret, ClientView,
    Command as _, Enabled, Prune, UserPasswd,
};
use kimbai_store::sqlite::Location;
use kimbai_store::{AuditFilter, Registry as _};
use serde_json::json;

use super::{Operator, administration, from_nothing, invalid, nothing, of_marketplace, read};
use crate::fixture::{Fixture, marketplace, standard};

#[tokio::test]
async fn a_command_travels_as_json_and_so_does_its_reply() {
    let operator = Operator::new().await;
    let answer = async |name: &str, command: serde_json::Value| {
        operator.administration.answer(name, &serde_json::to_vec(&command).unwrap()).await
    };
    let added = json!({ "client_id": "new", "client": { "scope": "order" } });
    let added: ClientAdded = serde_json::from_slice(&answer("client_add", added).await.unwrap()).unwrap();
    let listed: Vec<ClientView> = serde_json::from_slice(&answer(ClientList::NAME, json!({})).await.unwrap()).unwrap();
    assert!(listed.contains(&added.client));
    let refused = answer("client_show", json!({ "client_id": "nobody" })).await.unwrap_err();
    let travelled: AdminError = serde_json::from_slice(&serde_json::to_vec(&refused).unwrap()).unwrap();
    assert_eq!(travelled, refused);
    let mistakes = AdminError::Invalid(vec!["one".to_owned(), "two".to_owned()]);
    assert_eq!(mistakes.to_string(), "one\ntwo");
    let travelled: AdminError = serde_json::from_slice(&serde_json::to_vec(&mistakes).unwrap()).unwrap();
    assert_eq!(travelled, mistakes);
}

#[tokio::test]
async fn a_command_of_another_version_is_said_to_be_one() {
    let operator = Operator::new().await;
    for (name, command) in [
        ("client_paint", "{}"),
        ("", "{}"),
        ("client_list", r#"{"realm":null,"colour":"red"}"#),
        ("client_show", "{}"),
        ("client_list", "[1]"),
        ("client_list", ""),
        ("client_set_activity", r#"{"client_id":"web","enabled":"perhaps"}"#),
        ("apply", r#"{"manifest":{},"prune":"some"}"#),
    ] {
        let refused = operator.administration.answer(name, command.as_bytes()).await;
        assert_eq!(refused, Err(AdminError::Version(name.to_owned())), "{name} {command}");
    }
}

#[tokio::test]
async fn one_realm_needs_no_name_and_several_do() {
    let list = |realm: Option<&str>| ClientList { realm: realm.map(str::to_owned) };
    let (empty, ..) = nothing().await;
    assert!(matches!(empty.run(list(None)).await, Err(AdminError::NotFound(text)) if text.contains("kimbai apply")));
    let operator = Operator::new().await;
    assert!(operator.run(list(None)).await.is_ok());
    operator.fixture.beside("twin", &standard()).await;
    let refused = invalid(operator.run(list(None)).await);
    assert!(refused[0].contains("marketplace, twin"), "{refused:?}");
    assert!(operator.run(list(Some("twin"))).await.is_ok());
}

#[tokio::test]
async fn what_has_begun_is_finished_when_nobody_waits_any_more() {
    let operator = Operator::new().await;
    let command = serde_json::to_vec(&json!({ "client_id": "web", "enabled": "disabled" })).unwrap();
    let answer = operator.administration.answer("client_set_activity", &command);
    tokio::select! {
        biased;
        answered = answer => panic!("{answered:?}"),
        () = std::future::ready(()) => {} // The first look has begun it; now nobody waits.
    }
    let _ = operator.fixture.audit("client_disabled", 1).await;
    assert!(!operator.fixture.realm.client("web").unwrap().standing.active);
}

#[tokio::test]
async fn no_secret_is_in_a_debug_text_an_error_or_an_audit_event() {
    let secret = "a-very-secret-text-0123456789";
    let (administration, store, _, engine, _) = nothing().await;
    let mut manifest = from_nothing();
    manifest["realms"]["main"]["clients"]["web"]["client_secret"] = json!(secret);
    manifest["realms"]["main"]["users"]["an"]["password"] = json!(secret);
    let apply = Apply { manifest: read(manifest.clone()), prune: Prune::Keep, agreed: None };
    let mut said = vec![format!("{apply:?}")];
    let applied = administration.run(apply).await.unwrap();
    let made = applied.made_secrets[0].client_secret.expose().to_owned();
    said.push(format!("{applied:?}"));
    manifest["realms"]["main"]["users"]["an"]["password_hash"] = json!(secret);
    manifest["realms"]["main"]["clients"]["spa"]["client_secret"] = json!(secret);
    manifest["realms"]["main"]["clients"]["web"]["client_secret"] = json!(format!("hash:{secret}"));
    let refused = administration.run(Apply { manifest: read(manifest), prune: Prune::Keep, agreed: None }).await;
    said.push(invalid(refused).join("\n"));
    let plain = || kimbai_engine::admin::PlainSecret::new(secret.to_owned());
    let (realm, client_id) = (None, "web".to_owned());
    let rotate = ClientRotateSecret { realm, client_id, overlap_s: 9, client_secret: Some(plain()) };
    said.push(format!("{rotate:?}"));
    said.push(format!("{:?}", administration.run(rotate).await));
    let passwd = UserPasswd { realm: None, username: "an".to_owned(), password: plain() };
    said.push(format!("{passwd:?}"));
    administration.run(passwd).await.unwrap();
    let command = format!(r#"{{"username":"an","password":"{secret}","extra":"{secret}"}}"#);
    said.push(format!("{:?}", administration.answer("user_passwd", command.as_bytes()).await));
    let realm = engine.realm("main").unwrap();
    let fixture = Fixture {
        an: kimbai_core::number::UserNumber(1),
        master: String::new(),
        clock: kimbai_store::Clock::default(),
        realm,
        store,
        engine,
    };
    let _ = fixture.audit("password_changed", 1).await;
    let events = fixture.store.audit(fixture.realm.number, AuditFilter::default(), 1_000).await.unwrap();
    assert!(events.len() >= 4, "{events:?}");
    said.push(format!("{events:?} {:?} {:?}", fixture.engine, administration));
    for said in said {
        assert!(!said.contains(secret) && !said.contains(&made), "{said}");
    }
}

#[tokio::test]
async fn a_backup_is_written_and_says_how_far_it_has_come() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::Directory(directory.path().join("data"));
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let fixture = Fixture::at(location, "marketplace", &marketplace()).await;
    let administration = administration(&fixture.engine);
    let file = directory.path().join("copy.db");
    let written = administration.run(Backup { file: file.clone() }).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), written.bytes);
    let state = administration.run(BackupLook {}).await.unwrap();
    assert_eq!(state, BackupState { done_bytes: written.bytes, all_bytes: written.bytes });
    assert!(
        matches!(administration.run(Backup { file }).await, Err(AdminError::Failed(text)) if text.contains("exists"))
    );
    assert_eq!(invalid(administration.run(Backup { file: "copy.db".into() }).await).len(), 1, "a relative path");
}

#[tokio::test]
async fn an_apply_to_one_realm_leaves_the_others_alone() {
    let operator = Operator::new().await;
    operator.fixture.beside("twin", &standard()).await;
    let before = operator.fixture.engine.realm("twin").unwrap();
    let asked = of_marketplace(json!({ "clients": { "web": { "disabled": true } } }));
    let steps = operator.apply(asked).await.unwrap().steps;
    assert!(steps.iter().all(|step| step.realm == "marketplace"));
    assert!(std::sync::Arc::ptr_eq(&before, &operator.fixture.engine.realm("twin").unwrap()));
    assert_eq!(
        operator
            .run(kimbai_engine::admin::ClientShow { realm: Some("twin".to_owned()), client_id: "web".to_owned() })
            .await
            .unwrap()
            .status,
        Enabled::Enabled
    );
}
