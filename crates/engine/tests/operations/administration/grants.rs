//! Grants and audit events by command.

use kimbai_core::token::Refusal;
use kimbai_engine::Giver;
use kimbai_engine::admin::{AdminError, AuditLine, AuditList, GrantList, GrantRevoke, GrantShow, GrantView, UserAdd};

use super::{Operator, invalid};
use crate::fixture::{Answered as _, refresh_token};

fn all() -> GrantList {
    GrantList { realm: None, user: None, client: None, organization: None, after: None, limit: 100 }
}

fn of(user: Option<&str>, client: Option<&str>) -> GrantList {
    GrantList { user: user.map(str::to_owned), client: client.map(str::to_owned), ..all() }
}

fn show(grant: &str) -> GrantShow {
    GrantShow { realm: None, grant: grant.to_owned() }
}

fn revoke(grant: &str) -> GrantRevoke {
    GrantRevoke { realm: None, grant: grant.to_owned() }
}

fn events() -> AuditList {
    AuditList { realm: None, grant: None, user: None, client: None, since_s: None, limit: 100 }
}

fn ids(views: &[GrantView]) -> Vec<&str> {
    views.iter().map(|view| view.grant.as_str()).collect()
}

#[tokio::test]
async fn a_revoked_grant_is_dead_and_says_why() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let (answer, unharmed) = (fixture.log_in("web").await, fixture.log_in("other").await);
    let listed = operator.run(of(None, Some("web"))).await.unwrap();
    let [grant] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((grant.client_id.as_str(), grant.username.as_str(), grant.state.as_str()), ("web", "an", "active"));
    assert_eq!((grant.scope.as_str(), grant.stands, grant.generation), ("offline order product", true, 1));
    assert_eq!(operator.run(show(&grant.grant)).await.unwrap(), *grant);
    let revoked = operator.run(revoke(&grant.grant)).await.unwrap();
    assert_eq!((revoked.state.as_str(), revoked.stands), ("revoked_by_operator", false));
    for dead in [&answer.access_token, &refresh_token(&answer)] {
        assert!(!fixture.works(dead).await);
    }
    assert_eq!(fixture.refresh("web", &refresh_token(&answer)).await.refusal(), Refusal::Revoked);
    assert!(fixture.works(&unharmed.access_token).await);
    assert_eq!(operator.run(show(&grant.grant)).await.unwrap(), revoked);
    assert_eq!(operator.run(revoke(&grant.grant)).await.unwrap(), revoked, "again, it changes nothing");
    assert!(operator.run(of(None, Some("web"))).await.unwrap().is_empty());
    let event = &fixture.audit("grant_revoked_by_operator", 1).await[0];
    assert_eq!(event.grant.map(|grant| format!("{grant:016x}")), Some(grant.grant.clone()));
}

#[tokio::test]
async fn what_is_no_grant_is_refused_or_not_found() {
    let operator = Operator::new().await;
    for wrong in ["", "1", "00000000000000000", "+000000000000001", "000000000000000g", "ậậậậậ0"] {
        assert_eq!(invalid(operator.run(show(wrong)).await).len(), 1, "{wrong}");
        assert_eq!(invalid(operator.run(revoke(wrong)).await).len(), 1, "{wrong}");
        assert_eq!(invalid(operator.run(GrantList { after: Some(wrong.to_owned()), ..all() }).await).len(), 1);
    }
    let nowhere = "0123456789abcdef";
    assert!(matches!(operator.run(show(nowhere)).await, Err(AdminError::NotFound(_))));
    assert!(matches!(operator.run(revoke(nowhere)).await, Err(AdminError::NotFound(_))));
    for missing in [of(Some("nobody"), None), of(None, Some("nobody"))] {
        assert!(matches!(operator.run(missing).await, Err(AdminError::NotFound(_))));
    }
}

#[tokio::test]
async fn grants_are_listed_by_user_and_client_in_slices() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    for client_id in ["web", "other", "web", "other", "web"] {
        fixture.log_in(client_id).await;
    }
    let client = fixture.realm.client("web").unwrap();
    let (binh, epoch) = fixture.engine.user_by_name(&fixture.realm, "binh").await.unwrap().unwrap();
    let what = (fixture.scope("order"), crate::fixture::binding(None, None));
    fixture.engine.mint_code(&fixture.realm, &client, Giver::alone((binh, epoch)), what).await.unwrap();
    for (user, client, expect) in [
        (None, None, 6),
        (Some(" AN "), None, 5),
        (Some("binh"), None, 1),
        (Some("chi"), None, 0),
        (None, Some("web"), 4),
        (Some("an"), Some("web"), 3),
        (Some("binh"), Some("other"), 0),
    ] {
        let whole = operator.run(of(user, client)).await.unwrap();
        assert_eq!(whole.len(), expect, "{user:?} {client:?}");
        assert!(whole.is_sorted_by(|one, next| one.grant < next.grant));
        for limit in [1, 2, 3] {
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let slice = operator.run(GrantList { after, limit, ..of(user, client) }).await.unwrap();
                assert!(slice.len() <= usize::try_from(limit).unwrap());
                let Some(last) = slice.last() else { break };
                after = Some(last.grant.clone());
                walked.extend(slice);
            }
            assert_eq!(ids(&walked), ids(&whole), "{user:?} {client:?} by {limit}");
        }
    }
    let code = &operator.run(of(Some("binh"), None)).await.unwrap()[0];
    assert_eq!((code.state.as_str(), code.generation), ("code", 0));
    operator.fixture.engine.set_user_activity(&fixture.realm, "an", kimbai_store::Activity::Disabled).await.unwrap();
    let views = operator.run(of(Some("an"), None)).await.unwrap();
    assert!(views.iter().all(|view| !view.stands), "they have not ended, and do not stand");
}

#[tokio::test]
async fn events_are_found_by_what_they_are_about() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    fixture.log_in("web").await;
    let grant = operator.run(all()).await.unwrap()[0].grant.clone();
    fixture.engine.set_client_activity(&fixture.realm, "other", kimbai_store::Activity::Disabled).await.unwrap();
    let _ = fixture.audit("client_disabled", 1).await;
    fixture.clock.advance_s(100);
    operator.run(revoke(&grant)).await.unwrap();
    fixture.engine.set_user_activity(&fixture.realm, "binh", kimbai_store::Activity::Disabled).await.unwrap();
    let _ = fixture.audit("user_disabled", 1).await;
    let found = |lines: &[AuditLine]| lines.iter().map(|line| line.event.clone()).collect::<Vec<_>>();
    let some = |text: &str| Some(text.to_owned());
    for (asked, expect) in [
        (events(), vec!["user_disabled", "grant_revoked_by_operator", "client_disabled"]),
        (AuditList { limit: 1, ..events() }, vec!["user_disabled"]),
        (AuditList { limit: 0, ..events() }, vec!["user_disabled"]),
        (AuditList { since_s: Some(50), ..events() }, vec!["user_disabled", "grant_revoked_by_operator"]),
        (AuditList { grant: Some(grant.clone()), ..events() }, vec!["grant_revoked_by_operator"]),
        (AuditList { client: some("web"), ..events() }, vec!["grant_revoked_by_operator"]),
        (AuditList { client: some("other"), ..events() }, vec!["client_disabled"]),
        (AuditList { user: some("Binh"), ..events() }, vec!["user_disabled"]),
        (AuditList { user: some("an"), client: some("other"), ..events() }, vec![]),
        (AuditList { client: some("other"), since_s: Some(50), ..events() }, vec![]),
    ] {
        assert_eq!(found(&operator.run(asked.clone()).await.unwrap()), expect, "{asked:?}");
    }
    let line = &operator.run(AuditList { grant: Some(grant.clone()), ..events() }).await.unwrap()[0];
    assert_eq!((line.grant.as_ref(), line.client_id.as_deref()), (Some(&grant), Some("web")));
    assert_eq!(line.username.as_deref(), Some("an"));
    for missing in [
        AuditList { user: some("nobody"), ..events() },
        AuditList { client: some("nobody"), ..events() },
        AuditList { realm: some("nowhere"), ..events() },
    ] {
        assert!(matches!(operator.run(missing).await, Err(AdminError::NotFound(_))));
    }
    assert_eq!(invalid(operator.run(AuditList { grant: some("x"), ..events() }).await).len(), 1);
}

#[tokio::test]
async fn what_concerned_a_removed_client_is_listed_by_its_number() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    fixture.log_in("web").await;
    let number = fixture.realm.client("web").unwrap().number.0;
    let remove = kimbai_engine::admin::ClientRemove { realm: None, client_id: "web".to_owned() };
    operator.run(remove).await.unwrap();
    let _ = fixture.audit("client_removed", 1).await;
    let expect = format!("#{number}");
    assert_eq!(operator.run(events()).await.unwrap()[0].client_id.as_ref(), Some(&expect));
    let asked = AuditList { client: Some(expect.clone()), ..events() };
    assert_eq!(operator.run(asked).await.unwrap()[0].event, "client_removed");
    for missing in ["#", "#x", "#-1", "web"] {
        let asked = AuditList { client: Some(missing.to_owned()), ..events() };
        assert!(matches!(operator.run(asked).await, Err(AdminError::NotFound(_))), "{missing}");
    }
    let grants = operator.run(all()).await.unwrap();
    assert!(grants.iter().all(|grant| grant.client_id == expect && !grant.stands), "{grants:?}");
}

#[tokio::test]
async fn events_are_found_by_the_number_of_a_user_and_by_a_name_that_looks_like_one() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let user = serde_json::from_value(serde_json::json!({})).unwrap();
    operator.run(UserAdd { realm: None, username: "#1".to_owned(), user }).await.unwrap();
    for username in ["an", "binh", "#1"] {
        fixture.engine.set_user_activity(&fixture.realm, username, kimbai_store::Activity::Disabled).await.unwrap();
    }
    let _ = fixture.audit("user_disabled", 3).await;
    for (asked, expect) in [("#2", "binh"), ("#1", "#1")] {
        let lines = operator.run(AuditList { user: Some(asked.to_owned()), ..events() }).await.unwrap();
        assert_eq!(lines[0].username.as_deref(), Some(expect));
        assert!(lines.iter().all(|line| line.username.as_deref() == Some(expect)), "{lines:?}");
    }
}
