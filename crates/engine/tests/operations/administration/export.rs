//! `export`: applied where it came from it changes nothing, applied elsewhere it makes the same.

use kimbai_core::audience::{AccessTokenFormat, AudienceDefinition};
use kimbai_core::authorize::ResponseType;
use kimbai_engine::admin::{AdminError, Apply, ClientRotateSecret, Export, ExportSecrets, Manifest, Prune};
use serde_json::json;

use super::{Operator, export, from_nothing, invalid, nothing, of_marketplace};
use crate::fixture::{Fixture, REDIRECT_URI, marketplace, scope_definition};

/// Realms that differ from the defaults in all ways that can be asked for.
async fn rich() -> Operator {
    let operator = Operator::new().await;
    let mut settings = marketplace();
    "https://second.example.vn".clone_into(&mut settings.issuer);
    settings.lifetimes.refresh_idle_s = None;
    settings.scopes.swap(0, 3);
    settings.scopes[1].retired = true;
    settings.scopes.push(scope_definition("openid"));
    settings.paths.jwks = Some("/jwks".to_owned());
    settings.response_types.push(ResponseType::CodeIdToken);
    let (audience, scopes) = ("https://stock.example.vn".to_owned(), vec!["inventory".to_owned()]);
    settings.audiences = vec![AudienceDefinition { audience, scopes, access_token_format: AccessTokenFormat::Jwt }];
    operator.fixture.beside("second", &settings).await;
    operator.apply(from_nothing()).await.unwrap();
    let asked = of_marketplace(json!({ "clients": {
        "web": { "consent": "always", "pkce": "required", "lifetimes": { "retry_s": 0 }, "disabled": true,
                 "allowed_origins": ["https://app.example.vn"], "secret_repetition": "tolerated" },
        "grantless": { "grant_types": [], "resource_server": true, "client_name": "" },
        "resource": { "resource_server": false },
        "twice": { "redirect_uris": [REDIRECT_URI, "https://example.com/other"], "scope": "order",
                   "policy_uri": "https://example.com/privacy", "tos_uri": "https://example.com/terms",
                   "contacts": ["dev@example.com"], "owner": "Công ty Hai",
                   "log_in_page": { "hotline": "1900 6900", "background_uri": "https://example.com/a.png" } },
    }, "users": {
        "an": { "identity": { "nationality": "VN", "documents": [{ "type": "CCCD", "number": "079000000001" }],
                              "addresses": [{ "city": "Huế", "type": 2 }] } },
    } }));
    operator.apply(asked).await.unwrap();
    let asked = json!({ "realms": { "second": { "clients": { "hybrid": {
        "redirect_uris": [REDIRECT_URI], "scope": "openid", "response_types": ["code", "code id_token"],
        "access_token_format": "jwt",
    } } } } });
    operator.apply(asked).await.unwrap();
    let asked = of_marketplace(json!({
        "organizations": { "shop-a": { "org_id": "1001", "name": "Tiệm A", "category": "hoa" }, "shop-b": {} },
        "users": { "an": { "memberships": { "shop-a": ["admin", "staff"], "shop-b": [] } } },
    }));
    operator.apply(asked).await.unwrap();
    operator
}

async fn apply(operator: &Operator, manifest: Manifest, prune: Prune) -> usize {
    operator.run(Apply { manifest, prune, agreed: None }).await.unwrap().steps.len()
}

#[tokio::test]
async fn an_export_applied_to_where_it_came_from_changes_nothing() {
    let operator = rich().await;
    for secrets in [ExportSecrets::Hashes, ExportSecrets::LeftOut] {
        let exported = export(&operator.administration, secrets).await;
        for prune in [Prune::Keep, Prune::Remove] {
            assert_eq!(apply(&operator, exported.clone(), prune).await, 0, "{secrets:?} {prune:?}");
        }
        assert_eq!(export(&operator.administration, secrets).await, exported);
    }
}

#[tokio::test]
async fn an_export_applied_to_an_empty_store_makes_the_same_realms() {
    let operator = rich().await;
    let mut exported = operator.export().await;
    assert_eq!(exported.realms.len(), 3);
    let (elsewhere, ..) = nothing().await;
    without_client_secrets(&mut exported);
    elsewhere.run(Apply { manifest: exported.clone(), prune: Prune::Remove, agreed: None }).await.unwrap();
    let mut made = export(&elsewhere, ExportSecrets::Hashes).await;
    without_client_secrets(&mut made);
    assert_eq!(made, exported, "with the passwords of its users");
    let travelled: Manifest = serde_json::from_str(&serde_json::to_string(&exported).unwrap()).unwrap();
    assert_eq!(travelled, exported);
}

fn without_client_secrets(manifest: &mut Manifest) {
    for client in manifest.realms.values_mut().flat_map(|realm| realm.clients.iter_mut().flatten()) {
        client.1.client_secret = None;
    }
}

#[tokio::test]
async fn the_hash_of_a_client_secret_is_refused_by_every_realm_but_its_own() {
    let operator = rich().await;
    let exported = operator.export().await;
    let hash = exported.realms["marketplace"].clients.as_ref().unwrap()["web"].client_secret.clone().unwrap();
    let client = json!({ "web": { "client_secret": hash } });
    let of = |realm: &str| json!({ "realms": { realm: { "issuer": "https://new.example.vn", "clients": client } } });
    let is_refused = |mistakes: &[String]| {
        !mistakes.is_empty() && mistakes.iter().all(|m| m.contains("was made under the key of another realm"))
    };
    for realm in ["second", "new"] {
        let mistakes = operator.mistakes(of(realm)).await;
        assert!(mistakes.len() == 1 && is_refused(&mistakes), "{mistakes:?}");
    }
    let rotate = ClientRotateSecret {
        realm: Some("second".to_owned()),
        client_id: "web".to_owned(),
        overlap_s: 0,
        client_secret: Some(hash.clone()),
    };
    assert!(is_refused(&invalid(operator.run(rotate).await)));
    // Another installation, whose realms are called the same.
    let elsewhere = Operator::new().await;
    assert!(is_refused(&elsewhere.mistakes(of_marketplace(json!({ "clients": client }))).await));
    let (empty, ..) = nothing().await;
    let mistakes = invalid(empty.run(Apply { manifest: exported, prune: Prune::Keep, agreed: None }).await);
    assert!(is_refused(&mistakes), "{mistakes:?}");
    assert!(operator.apply(of_marketplace(json!({ "clients": client }))).await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn an_export_without_hashes_makes_new_secrets_and_no_passwords() {
    let operator = rich().await;
    let exported = export(&operator.administration, ExportSecrets::LeftOut).await;
    let said = serde_json::to_string(&exported).unwrap();
    assert!(!said.contains("argon2") && !said.contains("hash"), "{said}");
    let (elsewhere, ..) = nothing().await;
    let made = elsewhere
        .run(Apply { manifest: exported.clone(), prune: Prune::Keep, agreed: None })
        .await
        .unwrap()
        .made_secrets;
    let confidential = exported.realms.values().flat_map(|realm| realm.clients.iter().flatten());
    let confidential =
        confidential.filter(|(_, client)| client.metadata["token_endpoint_auth_method"] != json!("none"));
    assert_eq!(made.len(), confidential.count());
    assert_eq!(export(&elsewhere, ExportSecrets::LeftOut).await, exported);
}

#[tokio::test]
async fn only_the_realms_that_are_named_are_exported() {
    let operator = rich().await;
    let of = |realm: &str| Export { realms: vec![realm.to_owned()], secrets: ExportSecrets::LeftOut };
    let exported = operator.run(of("second")).await.unwrap();
    assert_eq!(exported.realms.keys().collect::<Vec<_>>(), ["second"]);
    assert!(matches!(operator.run(of("nowhere")).await, Err(AdminError::NotFound(_))));
}

#[tokio::test]
async fn an_export_with_hashes_leaves_an_event_in_each_of_its_realms_and_no_other() {
    let operator = rich().await;
    let of = |secrets| Export { realms: vec!["marketplace".to_owned()], secrets };
    operator.run(of(ExportSecrets::LeftOut)).await.unwrap();
    operator.fixture.assert_not_audited("exported_with_hashes").await;
    operator.run(of(ExportSecrets::Hashes)).await.unwrap();
    let _ = operator.fixture.audit("exported_with_hashes", 1).await;
    let realm = operator.fixture.engine.realm("second").unwrap();
    let second = Fixture { realm, ..operator.fixture };
    second.assert_not_audited("exported_with_hashes").await;
}

#[tokio::test]
async fn an_export_has_all_users_of_a_large_realm() {
    let operator = Operator::new().await;
    let users: serde_json::Map<String, serde_json::Value> =
        (0..1_100).map(|n| (format!("user-{n}"), json!({}))).collect();
    operator.apply(of_marketplace(json!({ "users": users }))).await.unwrap();
    assert_eq!(operator.export().await.realms["marketplace"].users.len(), 1_103);
}

#[tokio::test]
async fn a_realm_cannot_be_taken_what_a_client_of_it_needs() {
    let operator = rich().await;
    let jwt = "access_token_format: JWTs need the realm's paths.jwks and signing.algorithms, and a token_shape other than hex";
    let hybrid = "response_types: the realm's response_types do not have one of them";
    for (change, expect) in [
        (json!({ "response_types": ["code"] }), hybrid),
        (json!({ "response_types": ["code"], "audiences": [], "paths": { "jwks": null } }), jwt),
    ] {
        let mistakes = operator.mistakes(json!({ "realms": { "second": change } })).await;
        assert_eq!(mistakes, [format!("realms.second: the client hybrid does not fit these settings: {expect}")]);
    }
    // Together with the client it goes.
    let plain = json!({ "response_types": ["code"], "clients": { "hybrid": { "response_types": ["code"] } } });
    operator.apply(json!({ "realms": { "second": plain } })).await.unwrap();
}
