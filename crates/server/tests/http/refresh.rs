//! Refresh tokens over HTTP: one successor whatever happens, reuse noticed, ends kept.

use kimbai_core::realm::RealmSettings;
use kimbai_store::Activity;
use tokio::task::JoinSet;

use crate::fixture::{At, NATIVE, OTHER, SPA, Sandbox, VERIFIER, mutations};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_refreshes_at_once_all_get_the_same_successor() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let (at, first) = (at.clone(), first.clone());
            tasks.spawn(async move { at.refresh(at.app(), &first).await.expect(200) });
        }
        let mut successors = Vec::new();
        while let Some(answer) = tasks.join_next().await {
            let answer = answer.unwrap();
            successors.push((answer.member("refresh_token"), answer.member("access_token")));
        }
        successors.dedup();
        assert_eq!(successors.len(), 1);
        assert_ne!(successors[0].0, first);
        assert!(at.works(&successors[0].1).await);
        at.refresh(at.app(), &successors[0].0).await.expect(200);
    }
}

#[tokio::test]
async fn a_refresh_that_is_asked_again_is_answered_with_the_same_bytes() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        let answer = at.refresh(at.app(), &first).await.expect(200);
        let again = at.refresh(at.app(), &first).await.expect(200);
        let without_lifetime = |answer: &crate::fixture::Answer| {
            let mut json = answer.json();
            let _ = json.as_object_mut().unwrap().remove("expires_in");
            json
        };
        assert_eq!(without_lifetime(&answer), without_lifetime(&again));
        sandbox.clock.advance_s(119);
        let later = at.refresh(at.app(), &first).await.expect(200);
        assert_eq!(without_lifetime(&answer), without_lifetime(&later));
    }
}

#[tokio::test]
async fn a_refresh_token_of_two_generations_ago_ends_its_grant_however_young() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        let second = at.refresh(at.app(), &first).await.expect(200).member("refresh_token");
        let third = at.refresh(at.app(), &second).await.expect(200);
        at.refresh(at.app(), &first).await.refused(400, "invalid_grant");
        at.refresh(at.app(), &third.member("refresh_token")).await.refused(400, "invalid_grant");
        assert!(!at.works(&third.member("access_token")).await);
    }
}

#[tokio::test]
async fn after_five_rotations_in_one_second_a_replay_of_each_old_token_is_noticed() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for replayed in 0..4 {
            let mut tokens = vec![at.tokens(at.app()).await.member("refresh_token")];
            for _ in 0..5 {
                let newest = tokens.last().unwrap();
                tokens.push(at.refresh(at.app(), newest).await.expect(200).member("refresh_token"));
            }
            at.refresh(at.app(), &tokens[replayed]).await.refused(400, "invalid_grant");
            at.refresh(at.app(), &tokens[5]).await.refused(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_stranger_that_presents_a_spent_refresh_token_does_not_revoke_its_owners_grant() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        let second = at.refresh(at.app(), &first).await.expect(200).member("refresh_token");
        let third = at.refresh(at.app(), &second).await.expect(200).member("refresh_token");
        at.refresh(&OTHER, &first).await.refused(400, "invalid_grant");
        let unproven = [("grant_type", "refresh_token"), ("refresh_token", &first), ("client_id", at.app().client_id)];
        at.post(at.token, &unproven).await.refused(401, "invalid_client");
        at.refresh(at.app(), &third).await.expect(200);
    }
}

#[tokio::test]
async fn a_public_client_may_retry_for_30_seconds_and_then_it_is_reuse() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let first = at.tokens(&SPA).await.member("refresh_token");
    let second = at.refresh(&SPA, &first).await.expect(200).member("refresh_token");
    sandbox.clock.advance_s(25);
    assert_eq!(at.refresh(&SPA, &first).await.expect(200).member("refresh_token"), second);
    sandbox.clock.advance_s(6);
    at.refresh(&SPA, &first).await.refused(400, "invalid_grant");
    at.refresh(&SPA, &second).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_public_client_is_refused_when_it_sends_a_secret_or_is_another() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let first = at.tokens(&SPA).await.member("refresh_token");
    at.refresh(&NATIVE, &first).await.refused(400, "invalid_grant");
    let with_secret = [("grant_type", "refresh_token"), ("refresh_token", &first), ("client_secret", "guess")];
    at.token(&SPA, &with_secret).await.refused(401, "invalid_client");
    at.refresh(&SPA, &first).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_ends_when_it_is_idle_and_when_its_grant_is_old() {
    const DAY_S: i64 = 86_400;
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (idle, mut kept) = (at.tokens(at.app()).await, at.tokens(at.app()).await);
        for _ in 0..12 {
            sandbox.clock.advance_s(30 * DAY_S - 60);
            kept = at.refresh(at.app(), &kept.member("refresh_token")).await.expect(200);
        }
        at.refresh(at.app(), &idle.member("refresh_token")).await.refused(400, "invalid_grant");
        sandbox.clock.advance_s(5 * DAY_S + 12 * 60);
        at.refresh(at.app(), &kept.member("refresh_token")).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_disabled_user_is_refused_at_the_next_refresh_and_inactive_at_the_next_introspection() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        assert!(
            sandbox.engine.set_user_activity(&sandbox.realm(at), "an", Activity::Disabled).await.unwrap().is_some()
        );
        assert_dead(at, &tokens.member("access_token"), &tokens.member("refresh_token")).await;
        let _ = sandbox.engine.set_user_activity(&sandbox.realm(at), "an", Activity::Enabled).await.unwrap();
        assert_dead(at, &tokens.member("access_token"), &tokens.member("refresh_token")).await;
    }
}

#[tokio::test]
async fn a_disabled_client_is_refused_and_what_it_had_stays_dead() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (tokens, client_id) = (at.tokens(at.app()).await, at.app().client_id);
        let (access_token, refresh_token) = (tokens.member("access_token"), tokens.member("refresh_token"));
        assert!(sandbox.engine.set_client_activity(&sandbox.realm(at), client_id, Activity::Disabled).await.unwrap());
        at.refresh(at.app(), &refresh_token).await.refused(401, "invalid_client");
        assert!(!at.works(&access_token).await);
        assert!(sandbox.engine.set_client_activity(&sandbox.realm(at), client_id, Activity::Enabled).await.unwrap());
        assert_dead(at, &access_token, &refresh_token).await;
        at.tokens(at.app()).await;
    }
}

#[tokio::test]
async fn a_withdrawn_consent_ends_what_stood_on_it() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (mine, others) = (at.tokens(at.app()).await, at.tokens(&OTHER).await);
        let realm = sandbox.realm(at);
        let (an, _) = sandbox.engine.user_by_name(&realm, "an").await.unwrap().unwrap();
        assert_eq!(sandbox.engine.withdraw_consent(&realm, an, at.app().client_id).await.unwrap(), 1);
        assert_dead(at, &mine.member("access_token"), &mine.member("refresh_token")).await;
        at.refresh(&OTHER, &others.member("refresh_token")).await.expect(200);
    }
}

#[tokio::test]
async fn a_retired_scope_is_refused_at_the_next_refresh_and_inactive_at_the_next_introspection() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        let retired = at.scope().rsplit(' ').next().unwrap();
        let mut settings: RealmSettings = sandbox.realm(at).settings.clone();
        settings.scopes.iter_mut().find(|scope| scope.name == retired).unwrap().retired = true;
        let _ = sandbox.engine.put_realm(at.name, &settings).await.unwrap();
        assert_dead(at, &tokens.member("access_token"), &tokens.member("refresh_token")).await;
    }
}

#[tokio::test]
async fn a_refresh_may_narrow_the_access_token_and_never_widen_it() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (narrow, beyond) = if at.is_marketplace() { ("order", "inventory") } else { ("orders.read", "email") };
        let first = at.tokens(at.app()).await.member("refresh_token");
        let refresh = async |token: &str, scope: &str| {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
            at.token(at.app(), &form).await
        };
        refresh(&first, beyond).await.refused(400, "invalid_scope");
        refresh(&first, &format!("{narrow} {beyond}")).await.refused(400, "invalid_scope");
        refresh(&first, "unheard-of").await.refused(400, "invalid_scope");
        let narrowed = refresh(&first, narrow).await.expect(200);
        assert_eq!(narrowed.member("scope"), narrow);
        assert_eq!(at.introspected(&narrowed.member("access_token")).await["scope"], narrow);
        let full = at.refresh(at.app(), &narrowed.member("refresh_token")).await.expect(200);
        assert_eq!(
            full.member("scope"),
            at.scope().split(' ').collect::<Vec<_>>().join(" "),
            "the grant keeps its scope"
        );
    }
}

#[tokio::test]
async fn a_refresh_token_with_any_one_character_changed_is_refused_and_revokes_nothing() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        for changed in mutations(&first) {
            at.refresh(at.app(), &changed).await.refused(400, "invalid_grant");
        }
        at.refresh(at.app(), &first).await.expect(200);
    }
}

#[tokio::test]
async fn a_token_of_one_realm_is_nothing_in_the_other_even_for_the_same_client() {
    let sandbox = Sandbox::start().await;
    for (here, there) in [(&sandbox.standard, &sandbox.marketplace), (&sandbox.marketplace, &sandbox.standard)] {
        let tokens = here.tokens(&OTHER).await;
        there.refresh(&OTHER, &tokens.member("refresh_token")).await.refused(400, "invalid_grant");
        there.as_client(&OTHER, there.revoke, &[("token", &tokens.member("refresh_token"))]).await.expect(200);
        assert!(!there.works(&tokens.member("access_token")).await);
        assert!(here.works(&tokens.member("access_token")).await);
        here.refresh(&OTHER, &tokens.member("refresh_token")).await.expect(200);
    }
}

#[tokio::test]
async fn without_the_offline_scope_there_is_no_refresh_token() {
    let sandbox = Sandbox::start().await;
    for (at, scope) in [(&sandbox.standard, "orders.read"), (&sandbox.marketplace, "order product")] {
        let code = at.code(at.app(), scope).await;
        let tokens = at.redeem(at.app(), &code).await.expect(200).json();
        assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    }
}

#[tokio::test]
async fn a_public_clients_code_needs_its_verifier_and_no_secret() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let wanted = json!({"client_id": "demo-spa", "user": "an", "scopes": ["offline_access"],
        "redirect_uri": crate::fixture::CALLBACK, "code_challenge": crate::fixture::CHALLENGE});
    let code = at.mint(&wanted).await.expect(200).member("code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", crate::fixture::CALLBACK),
        ("client_id", "demo-spa"),
        ("code_verifier", VERIFIER),
    ];
    at.post("/token", &form[..4]).await.refused(400, "invalid_grant");
    at.post("/token", &form).await.expect(200);
}

async fn assert_dead(at: &At, access_token: &str, refresh_token: &str) {
    assert!(!at.works(access_token).await && !at.works(refresh_token).await);
    at.refresh(at.app(), refresh_token).await.refused(400, "invalid_grant");
}
