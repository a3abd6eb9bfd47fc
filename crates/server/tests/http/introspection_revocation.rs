//! Revocation (RFC 7009) and introspection (RFC 7662): own tokens only, and nothing for those who may not ask.

use std::collections::BTreeSet;

use crate::fixture::{App, At, OTHER, POST_APP, SPA, Sandbox, mutations};

async fn revoke(at: &At, app: &App, token: &str) -> crate::fixture::Answer {
    at.as_client(app, at.revoke, &[("token", token)]).await
}

#[tokio::test]
async fn a_client_revokes_its_own_tokens_only() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        for kind in ["access_token", "refresh_token"] {
            let token = tokens.member(kind);
            revoke(at, &OTHER, &token).await.refused(400, "unauthorized_client");
            at.post(at.revoke, &[("token", &token)]).await.refused(401, "invalid_client");
            let unproven = [("token", token.as_str()), ("client_id", at.app().client_id)];
            at.post(at.revoke, &unproven).await.refused(401, "invalid_client");
            assert!(at.works(&token).await);
        }
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_grant_and_a_spent_one_too() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        let spent = tokens.member("refresh_token");
        let next = at.refresh(at.app(), &spent).await.expect(200);
        revoke(at, at.app(), &spent).await.expect(200);
        assert!(!at.works(&next.member("access_token")).await);
        at.refresh(at.app(), &next.member("refresh_token")).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_revoked_access_token_is_dead_and_its_refresh_token_goes_on() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        revoke(at, at.app(), &tokens.member("access_token")).await.expect(200);
        assert!(!at.works(&tokens.member("access_token")).await);
        let next = at.refresh(at.app(), &tokens.member("refresh_token")).await.expect(200);
        assert!(at.works(&next.member("access_token")).await);
    }
}

#[tokio::test]
async fn a_retried_refresh_does_not_bring_back_a_revoked_access_token() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        let next = at.refresh(at.app(), &first).await.expect(200);
        revoke(at, at.app(), &next.member("access_token")).await.expect(200);
        at.refresh(at.app(), &first).await.refused(400, "invalid_grant");
        at.refresh(at.app(), &next.member("refresh_token")).await.expect(200);
    }
}

#[tokio::test]
async fn a_token_of_client_credentials_can_be_revoked() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let form = [("grant_type", "client_credentials")];
        let token = at.token(&POST_APP, &form).await.expect(200).member("access_token");
        let other = at.token(&POST_APP, &form).await.expect(200).member("access_token");
        assert!(at.works(&token).await);
        revoke(at, &OTHER, &token).await.refused(400, "unauthorized_client");
        revoke(at, &POST_APP, &token).await.expect(200);
        assert!(!at.works(&token).await && at.works(&other).await);
    }
}

#[tokio::test]
async fn an_unknown_token_is_revoked_with_200_and_a_missing_one_is_an_invalid_request() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for token in ["x", "é", "\0", &"x".repeat(10_000), "AAAA.BBBB", "../.."] {
            let answer = revoke(at, at.app(), token).await.expect(200);
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        let code = at.code(at.app(), at.scope()).await;
        revoke(at, at.app(), &code).await.expect(200);
        at.redeem(at.app(), &code).await.expect(200);
        at.as_client(at.app(), at.revoke, &[]).await.refused(400, "invalid_request");
        revoke(at, at.app(), "").await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_wrong_hint_still_finds_the_token() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for hint in ["access_token", "id_token", "é", ""] {
            let tokens = at.tokens(at.app()).await;
            let refresh_token = tokens.member("refresh_token");
            let form = [("token", refresh_token.as_str()), ("token_type_hint", hint)];
            let asked = at.as_client(at.resource_server(), at.introspect, &form).await.expect(200);
            assert_eq!(asked.json()["active"], true);
            at.as_client(at.app(), at.revoke, &form).await.expect(200);
            assert!(!at.works(&tokens.member("access_token")).await);
        }
    }
}

#[tokio::test]
async fn a_public_client_revokes_its_own_tokens() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let tokens = at.tokens(&SPA).await;
    revoke(at, &SPA, &tokens.member("refresh_token")).await.expect(200);
    assert!(!at.works(&tokens.member("access_token")).await);
}

#[tokio::test]
async fn introspection_tells_a_resource_server_what_a_token_is() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        for kind in ["access_token", "refresh_token"] {
            let told = at.introspected(&tokens.member(kind)).await;
            assert_eq!(told["active"], true);
            assert_eq!(told["sub"], "1");
            assert_eq!(told["client_id"], at.app().client_id);
            assert_eq!(told["iss"], at.issuer.as_str());
            assert_eq!(told["scope"], at.scope());
            assert_eq!(told.get("token_type").is_some(), kind == "access_token", "{told}");
            assert!(told["exp"].as_u64().unwrap() > told["iat"].as_u64().unwrap());
        }
    }
}

#[tokio::test]
async fn introspection_is_for_authenticated_confidential_clients() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let token = at.tokens(at.app()).await.member("access_token");
        let form = [("token", token.as_str())];
        at.post(at.introspect, &form).await.refused(401, "invalid_client");
        let unproven = [("token", token.as_str()), ("client_id", at.resource_server().client_id)];
        at.post(at.introspect, &unproven).await.refused(401, "invalid_client");
        let bearer = at.call("POST", at.introspect).header("authorization", &format!("Bearer {token}"));
        bearer.form(&form).send().await.refused(401, "invalid_client");
        at.as_client(&crate::fixture::NATIVE, at.introspect, &form).await.refused(400, "unauthorized_client");
    }
}

#[tokio::test]
async fn everything_else_is_exactly_active_false() {
    let sandbox = Sandbox::start().await;
    let tokens_elsewhere = sandbox.marketplace.tokens(&OTHER).await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        let access_token = tokens.member("access_token");
        let mut seen = BTreeSet::new();
        for caller in [at.app(), &OTHER, &POST_APP] {
            let answer = at.as_client(caller, at.introspect, &[("token", &access_token)]).await.expect(200);
            let _ = seen.insert(answer.fixed());
        }
        let mut nothing =
            vec!["x".to_owned(), "é\0".to_owned(), at.code(at.app(), at.scope()).await, "y".repeat(9_000)];
        if !at.is_marketplace() {
            nothing.extend(["access_token", "refresh_token"].map(|kind| tokens_elsewhere.member(kind)));
        }
        nothing.extend(mutations(&access_token).into_iter().step_by(7));
        for token in nothing {
            let form = [("token", token.as_str())];
            let _ = seen.insert(at.as_client(at.resource_server(), at.introspect, &form).await.expect(200).fixed());
        }
        sandbox.clock.advance_s(3_601);
        let form = [("token", access_token.as_str())];
        let expired = at.as_client(at.resource_server(), at.introspect, &form).await.expect(200);
        assert_eq!(expired.body, r#"{"active":false}"#);
        let _ = seen.insert(expired.fixed());
        assert_eq!(seen.len(), 1, "{seen:#?}");
    }
}

#[tokio::test]
async fn an_access_token_with_any_one_character_changed_opens_nothing() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let of_grant = at.tokens(at.app()).await.member("access_token");
    let form = [("grant_type", "client_credentials")];
    let rowless = at.token(&POST_APP, &form).await.expect(200).member("access_token");
    for token in [of_grant, rowless] {
        let seller = async |token: &str| {
            let call = at.call("GET", "/integration/v2/sellers/me");
            call.header("authorization", &format!("Bearer {token}")).send().await.status
        };
        assert_eq!(seller(&token).await, 200);
        for changed in mutations(&token).into_iter().filter(|changed| !changed.contains(['\n', '\0'])) {
            // White space round a header's value is not part of it.
            if changed.trim() != token {
                assert_eq!(seller(&changed).await, 401, "{changed}");
            }
            assert!(!at.works(&changed).await, "{changed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_revoke_has_answered_nothing_works_however_refreshes_interleave() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for _ in 0..25 {
            let first = at.tokens(at.app()).await;
            let refresh_token = first.member("refresh_token");
            let refreshing = tokio::spawn({
                let (at, mut newest) = (at.clone(), refresh_token.clone());
                async move {
                    let mut all = Vec::new();
                    for _ in 0..4 {
                        let answer = at.refresh(at.app(), &newest).await;
                        if answer.status == 200 {
                            newest = answer.member("refresh_token");
                            all.extend([answer.member("access_token"), newest.clone()]);
                        } else {
                            answer.refused(400, "invalid_grant");
                        }
                    }
                    all
                }
            });
            revoke(at, at.app(), &refresh_token).await.expect(200);
            at.refresh(at.app(), &refresh_token).await.refused(400, "invalid_grant");
            for token in refreshing.await.unwrap().into_iter().chain([first.member("access_token")]) {
                assert!(!at.works(&token).await);
            }
        }
    }
}
