//! Haravan: a person acts for one shop, which the request names, which is the only one, or which is chosen on a page.

use kimbai_core::organization::SingleRole;
use kimbai_store::Activity;
use serde_json::{Value, json};

use crate::fixture::haravan::{
    HARAVAN_APP, INSTALL_SCOPE, LOGIN_SCOPE, LOGIN_URI, Person, join, leave, minted, newcomer, redeem, text, userinfo,
};
use crate::fixture::{At, Browser, OTHER, PASSWORD, Sandbox, form};

const DEMO_SHOP: &str = "200000001001";
const OTHER_SHOP: &str = "200000001002";

async fn said(at: &At, tokens: &Value) -> Value {
    userinfo(at, text(tokens, "access_token")).await.expect(200).json()
}

#[tokio::test]
async fn who_belongs_to_one_shop_is_not_asked() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let walk = Person::new(&at, "an").walk(LOGIN_SCOPE, &[]).await;
    assert_eq!(walk.pages, "lc");
    let tokens = redeem(&at, &walk.end.parameter("code")).await.expect(200).json();
    assert_eq!(said(&at, &tokens).await["orgid"], DEMO_SHOP);
}

#[tokio::test]
async fn who_belongs_to_several_shops_chooses_one_on_a_page() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for (shop, org_id) in [("demo-shop", DEMO_SHOP), ("other-shop", OTHER_SHOP)] {
        let mut chi = Person { shop, ..Person::new(&at, "chi") };
        let walk = chi.walk(LOGIN_SCOPE, &[]).await;
        assert_eq!(walk.pages, "loc");
        let tokens = redeem(&at, &walk.end.parameter("code")).await.expect(200).json();
        let said = said(&at, &tokens).await;
        assert_eq!((&said["orgid"], &said["role"]), (&json!(org_id), &json!(["admin"])));
        assert_eq!(
            chi.walk(LOGIN_SCOPE, &[]).await.pages,
            "o",
            "the shop is asked for again, the consent is remembered"
        );
    }
}

#[tokio::test]
async fn a_consent_is_remembered_for_one_shop_alone() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    for (shop, pages) in [("demo-shop", "loc"), ("other-shop", "oc"), ("demo-shop", "o"), ("other-shop", "o")] {
        chi.shop = shop;
        assert_eq!(chi.walk(LOGIN_SCOPE, &[]).await.pages, pages, "{shop}");
    }
    // It is withdrawn for all of them.
    let (realm, chi_number) = (sandbox.realm(&at), sandbox.engine.user_by_name(&sandbox.realm(&at), "chi").await);
    let (number, _) = chi_number.unwrap().unwrap();
    assert_eq!(sandbox.engine.withdraw_consent(&realm, number, HARAVAN_APP.client_id).await.unwrap(), 4);
    for shop in ["demo-shop", "other-shop"] {
        chi.shop = shop;
        assert_eq!(chi.walk(LOGIN_SCOPE, &[]).await.pages, "oc", "{shop}");
    }
}

#[tokio::test]
async fn the_page_shows_the_shops_by_name_and_is_bound_to_its_session() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    let shown = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&shown), "chi", PASSWORD).await.expect(303);
    let page = chi.browser.get(logged_in.header("location")).await.expect(200);
    for wanted in ["Tiệm Hoa Ngọc Ảnh", "Sách Cũ Quỳnh Chi", "id=\"organization-demo-shop\"", "id=\"account-another\""]
    {
        assert!(page.body.contains(wanted), "{wanted}: {}", page.body);
    }
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{page:?}");
    assert!(page.body.contains("</html>") && !page.body.contains("<script"));
    let shown = form(&page);
    let fields = [("continuation", shown.continuation.as_str()), ("organization", "other-shop")];
    // Another browser, and another session of the same person, are led to a page of their own.
    let strangers = Browser::new(&at).post(&shown.action, &fields).await.expect(303);
    assert!(strangers.header("location").starts_with("/connect/authorize?"), "{strangers:?}");
    let mut elsewhere = Person::new(&at, "chi");
    elsewhere.walk(LOGIN_SCOPE, &[]).await;
    let answer = elsewhere.browser.post(&shown.action, &fields).await.expect(303);
    let asked = elsewhere.browser.get(answer.header("location")).await.expect(200);
    assert!(asked.body.contains("name=\"organization\""), "asked again");
    // Another step's continuation is none.
    let consent = [("continuation", shown.continuation.as_str()), ("decision", "allow")];
    let step = shown.action.replace("/organization?", "/consent?");
    let answer = chi.browser.post(&step, &consent).await.expect(303);
    assert!(answer.header("location").starts_with("/connect/authorize?"), "{answer:?}");
    // Its own session goes on.
    let next = chi.choose(&page, "other-shop").await.expect(303);
    assert!(chi.browser.get(next.header("location")).await.expect(200).body.contains("id=\"consent-allow\""));
}

#[tokio::test]
async fn the_consent_page_says_for_which_shop() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let shown = an.browser.get(&an.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = an.browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    let page = an.browser.get(logged_in.header("location")).await.expect(200);
    assert!(page.body.contains("<dd>Tiệm Hoa Ngọc Ảnh <code>demo-shop</code></dd>"), "{}", page.body);
}

#[tokio::test]
async fn a_shop_that_is_posted_counts_only_if_the_person_belongs_to_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let realm = sandbox.realm(&at);
    let third = kimbai_engine::NewOrganization {
        label: "third-shop".to_owned(),
        org_id: "200000001003".to_owned(),
        name: "Tiệm Ba".to_owned(),
        category: String::new(),
    };
    sandbox.engine.put_organization(&realm, third).await.unwrap();
    for label in ["third-shop", "no-shop"] {
        let mut chi = Person { shop: label, ..Person::new(&at, "chi") };
        let walk = chi.walk(LOGIN_SCOPE, &[]).await;
        assert_eq!(walk.pages, "looooooo", "{label}: nobody learns which shops there are");
    }
    let mut chi = Person::new(&at, "chi");
    let shown = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&shown), "chi", PASSWORD).await.expect(303);
    let page = chi.browser.get(logged_in.header("location")).await.expect(200);
    for label in ["", "Demo-Shop", "demo shop", "a.b", "<b>"] {
        chi.choose(&page, label).await.page(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_shops_form_reads_the_choice_and_nothing_else_that_is_posted() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    let shown = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&shown), "chi", PASSWORD).await.expect(303);
    let asked = form(&chi.browser.get(logged_in.header("location")).await.expect(200));
    let continuation = ("continuation", asked.continuation.as_str());
    for twice in [
        vec![continuation, ("organization", "demo-shop"), ("organization", "other-shop")],
        vec![continuation, ("organization", "demo-shop"), ("account", "another")],
        vec![continuation, ("organization", "demo-shop"), ("decision", "deny")],
        vec![continuation, continuation, ("organization", "demo-shop")],
        vec![continuation],
    ] {
        chi.browser.post(&asked.action, &twice).await.page(400, "invalid_request");
    }
    let smuggled = [
        continuation,
        ("organization", "other-shop"),
        ("redirect_uri", "https://evil.test/"),
        ("client_id", OTHER.client_id),
        ("scope", INSTALL_SCOPE),
        ("orgid", DEMO_SHOP),
        ("state", "another"),
        ("role", "admin"),
    ];
    let next = chi.browser.post(&asked.action, &smuggled).await.expect(303);
    assert!(next.header("location").starts_with("/connect/authorize?") && !next.header("location").contains("evil"));
    let consent = chi.browser.get(next.header("location")).await.expect(200);
    assert!(consent.body.contains("Sách Cũ Quỳnh Chi") && !consent.body.contains("grant_service"), "{}", consent.body);
    let end = chi.browser.decide(&form(&consent), "allow", &[]).await.expect(303);
    assert!(end.header("location").starts_with(&format!("{LOGIN_URI}?")), "{end:?}");
    assert_eq!(end.parameter("state"), "s");
    let tokens = redeem(&at, &end.parameter("code")).await.expect(200).json();
    assert_eq!(said(&at, &tokens).await["orgid"], OTHER_SHOP);
    assert_eq!(tokens["scope"], LOGIN_SCOPE);
}

#[tokio::test]
async fn a_shops_name_and_category_are_escaped_wherever_they_are_shown() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let nasty = "\"><script>alert(1)</script>{{7*7}}'";
    let renamed = kimbai_engine::NewOrganization {
        label: "other-shop".to_owned(),
        org_id: OTHER_SHOP.to_owned(),
        name: nasty.to_owned(),
        category: nasty.to_owned(),
    };
    sandbox.engine.put_organization(&sandbox.realm(&at), renamed).await.unwrap();
    let mut chi = Person::new(&at, "chi");
    let shown = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&shown), "chi", PASSWORD).await.expect(303);
    let page = chi.browser.get(logged_in.header("location")).await.expect(200);
    let next = chi.choose(&page, "other-shop").await.expect(303);
    let consent = chi.browser.get(next.header("location")).await.expect(200);
    for shown in [&page, &consent] {
        assert!(shown.body.contains("alert(1)") && !shown.body.contains("<script"), "{}", shown.body);
    }
    let end = chi.browser.decide(&form(&consent), "allow", &[]).await.expect(303);
    let tokens = redeem(&at, &end.parameter("code")).await.expect(200).json();
    let claims = Value::Object(sandbox.id_token_claims(&at, text(&tokens, "id_token")).await);
    for told in [said(&at, &tokens).await, claims] {
        assert_eq!((&told["orgname"], &told["orgcat"]), (&json!(nasty), &json!(nasty)));
    }
}

#[tokio::test]
async fn an_orgid_chooses_without_a_page_and_nobody_elses_shop() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    let walk = chi.walk(LOGIN_SCOPE, &[("orgid", OTHER_SHOP)]).await;
    assert_eq!(walk.pages, "lc");
    let tokens = redeem(&at, &walk.end.parameter("code")).await.expect(200).json();
    assert_eq!(said(&at, &tokens).await["orgid"], OTHER_SHOP);
    for (username, orgid) in [("an", OTHER_SHOP), ("an", "1"), ("chi", "nowhere"), ("binh", OTHER_SHOP)] {
        let walk = Person::new(&at, username).walk(LOGIN_SCOPE, &[("orgid", orgid)]).await;
        let end = walk.end.expect(303);
        assert_eq!(
            (end.parameter("error").as_str(), end.parameter("code").as_str()),
            ("access_denied", ""),
            "{username}"
        );
        assert_eq!((walk.pages.as_str(), end.parameter("state").as_str()), ("l", "s"));
    }
    // Twice is none; of a request that does not ask for a shop it is nothing.
    let twice = format!("{}&orgid=2", chi.request(LOGIN_SCOPE, &[("orgid", "1")]));
    assert_eq!(chi.browser.get(&twice).await.expect(303).parameter("error"), "invalid_request");
    let end = chi.walk("openid profile", &[("orgid", "nowhere")]).await.end.expect(303);
    assert!(!end.parameter("code").is_empty(), "{end:?}");
}

#[tokio::test]
async fn without_pages_a_choice_is_refused_and_a_named_or_only_shop_is_taken() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let (mut an, mut chi) = (Person::new(&at, "an"), Person::new(&at, "chi"));
    an.code(LOGIN_SCOPE).await;
    chi.code(LOGIN_SCOPE).await;
    let silent = ("prompt", "none");
    assert!(!an.walk(LOGIN_SCOPE, &[silent]).await.end.expect(303).parameter("code").is_empty());
    let refused = chi.walk(LOGIN_SCOPE, &[silent]).await.end.expect(303);
    assert_eq!(refused.parameter("error"), "interaction_required");
    let named = chi.walk(LOGIN_SCOPE, &[silent, ("orgid", DEMO_SHOP)]).await.end.expect(303);
    assert!(!named.parameter("code").is_empty(), "{named:?}");
}

#[tokio::test]
async fn who_has_no_shop_and_no_mail_address_goes_on_without() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    newcomer(&sandbox, &at, "dung", None).await;
    let mut dung = Person::new(&at, "dung");
    let tokens = dung.tokens(LOGIN_SCOPE).await;
    let claims = Value::Object(sandbox.id_token_claims(&at, text(&tokens, "id_token")).await);
    for said in [said(&at, &tokens).await, claims] {
        assert_eq!((&said["sub"], &said["name"]), (&json!("3000dung"), &json!("dung")));
        for missing in ["email", "orgid", "orgname", "orgcat", "role", "middle_name"] {
            assert!(said.get(missing).is_none(), "{missing}: {said}");
        }
    }
    // A shop of which somebody else is an admin is none of hers.
    let end = dung.walk(INSTALL_SCOPE, &[]).await.end.expect(303);
    assert_eq!(end.parameter("error"), "access_denied");
}

#[tokio::test]
async fn a_member_without_a_role_has_a_shop_and_no_role() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let said = said(&at, &Person::new(&at, "binh").tokens(LOGIN_SCOPE).await).await;
    assert_eq!((&said["orgid"], said.get("role")), (&json!(DEMO_SHOP), None));
}

#[tokio::test]
async fn one_role_is_a_list_or_by_a_setting_a_string() {
    let sandbox = Sandbox::start().await;
    let list = sandbox.haravan().await;
    let text_of_one = sandbox
        .haravan_as("haravan-text", |settings| {
            settings.membership.as_mut().unwrap().single_role = SingleRole::Text;
        })
        .await;
    for (at, expect) in [(&list, json!(["admin"])), (&text_of_one, json!("admin"))] {
        let tokens = minted(at, "an", LOGIN_SCOPE).await;
        let claims = sandbox.id_token_claims(at, text(&tokens, "id_token")).await;
        assert_eq!((&claims["role"], &said(at, &tokens).await["role"]), (&expect, &expect));
        join(&sandbox, at, "an", "demo-shop", &["staff", "admin"]).await;
        assert_eq!(said(at, &tokens).await["role"], json!(["staff", "admin"]), "several are a list");
    }
}

#[tokio::test]
async fn a_services_roles_are_read_at_each_issue_and_it_goes_on_without_who_installed_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let tokens = minted(&at, "an", INSTALL_SCOPE).await;
    join(&sandbox, &at, "an", "demo-shop", &["staff"]).await;
    let refreshed = at.refresh(&HARAVAN_APP, text(&tokens, "refresh_token")).await.expect(200).json();
    let claims = sandbox.id_token_claims(&at, text(&refreshed, "id_token")).await;
    assert_eq!((&claims["role"], &claims["orgid"]), (&json!(["staff"]), &json!(DEMO_SHOP)));
    leave(&sandbox, &at, "an", "demo-shop").await;
    let said = said(&at, &refreshed).await;
    assert!(said.get("orgid").is_none() && said.get("role").is_none(), "{said}");
    let refreshed = at.refresh(&HARAVAN_APP, text(&refreshed, "refresh_token")).await.expect(200).json();
    let claims = sandbox.id_token_claims(&at, text(&refreshed, "id_token")).await;
    assert_eq!((claims.get("orgid"), claims.get("role")), (None, None));
    let shop = at.call("GET", "/com/shop.json");
    let shop = shop.header("authorization", &format!("Bearer {}", text(&refreshed, "access_token")));
    assert!(shop.send().await.expect(200).body.contains(DEMO_SHOP));
    // It ends with who installed it all the same, when that one is disabled.
    sandbox.engine.set_user_activity(&sandbox.realm(&at), "an", Activity::Disabled).await.unwrap();
    userinfo(&at, text(&refreshed, "access_token")).await.expect(401);
    at.refresh(&HARAVAN_APP, text(&refreshed, "refresh_token")).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_of_somebody_who_left_meanwhile_is_refused() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for scope in [LOGIN_SCOPE, "org"] {
        join(&sandbox, &at, "binh", "demo-shop", &[]).await;
        let code = Person::new(&at, "binh").code(scope).await;
        leave(&sandbox, &at, "binh", "demo-shop").await;
        redeem(&at, &code).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_yes_to_one_shop_never_comes_to_mean_another() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let shown = an.browser.get(&an.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = an.browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    let consent = form(&an.browser.get(logged_in.header("location")).await.expect(200));
    // While the page is open, the only shop becomes another one.
    join(&sandbox, &at, "an", "other-shop", &["admin"]).await;
    leave(&sandbox, &at, "an", "demo-shop").await;
    let end = an.browser.decide(&consent, "allow", &[]).await.expect(303);
    assert_eq!((end.parameter("error").as_str(), end.parameter("code").as_str()), ("access_denied", ""));
}

#[tokio::test]
async fn another_account_chooses_for_itself() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    let shown = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&shown), "chi", PASSWORD).await.expect(303);
    let page = form(&chi.browser.get(logged_in.header("location")).await.expect(200));
    let fields = [("continuation", page.continuation.as_str()), ("account", "another")];
    let answer = chi.browser.post(&page.action, &fields).await.expect(303);
    let log_in = chi.browser.get(answer.header("location")).await.expect(200);
    assert!(log_in.body.contains("id=\"login\""), "{}", log_in.body);
    let answer = chi.browser.post_log_in(&form(&log_in), "an", PASSWORD).await.expect(303);
    let consent = chi.browser.get(answer.header("location")).await.expect(200);
    assert!(consent.body.contains("id=\"consent-allow\"") && consent.body.contains("Tiệm Hoa Ngọc Ảnh"));
}

#[tokio::test]
async fn the_store_that_is_away_says_so_on_a_page() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    chi.code(LOGIN_SCOPE).await;
    sandbox.store.fail_verb(Some("memberships"));
    let answer = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(503);
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    sandbox.store.fail_verb(None);
    assert_eq!(chi.walk(LOGIN_SCOPE, &[]).await.pages, "o");
}
