//! Haravan in production on PostgreSQL: a log-in, the choice of a shop, an installation, a legacy token, and a server that is killed.

use serde_json::{Value, json};

use super::{Place, databases, place_on};
use crate::browser::{Browser, parameter};
use crate::fixture::{Answer, Call};
use crate::secrets::Secrets;
use crate::serve::place::Server;
use crate::serve::visit::{CALLBACK, PASSWORD};

const HOST: &str = "accounts.example.vn";
const APP: (&str, &str) = ("app", "app-secret-0123456789-abcdef");
const LEGACY_TOKEN: &str = "a-legacy-token-of-demo-shop";
/// What the platform demands of an exchange, and a refresh token.
const SCOPES: [&str; 7] = ["openid", "profile", "email", "org", "userinfo", "grant_service", "offline_access"];
const FOR_EVER_S: u64 = 2_147_483_647;
const MANIFEST: &str = "\
[realms.haravan]
issuer = 'https://accounts.example.vn'
dialect = 'haravan'

[realms.haravan.organizations.demo-shop]
org_id = '200000001001'
name = 'Tiệm Hoa Ngọc Ảnh'

[realms.haravan.organizations.other-shop]
org_id = '200000001002'
name = 'Sách Cũ Quỳnh Chi'

[realms.haravan.clients.app]
redirect_uris = ['http://localhost:8080/callback']
scope = 'openid profile email org userinfo grant_service offline_access'
client_secret = 'app-secret-0123456789-abcdef'

[realms.haravan.users.an]
name = 'Đặng Thị Ngọc Ảnh'
password = 'mật khẩu của Ảnh'
memberships = { demo-shop = ['admin'], other-shop = ['admin'] }
";

fn shop_host(shop: &str) -> String {
    format!("{shop}.myharavan.com")
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// Log-in, the choice of this shop, and a yes: the code.
async fn installed(browser: &mut Browser, shop: &str, secrets: &mut Secrets) -> String {
    let form = [
        ("response_type", "code"),
        ("client_id", APP.0),
        ("redirect_uri", CALLBACK),
        ("scope", &SCOPES.join(" ")),
        ("state", "AbCdEfGh"),
    ];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let log_in = browser.get(&format!("/connect/authorize?{query}"), secrets).await.expect(200);
    let next = browser.submit(&log_in, &[("username", "an"), ("password", PASSWORD)], secrets).await.expect(303);
    let shops = browser.get(next.header("location"), secrets).await.expect(200);
    assert!(shops.body.contains("Tiệm Hoa Ngọc Ảnh") && shops.body.contains("Sách Cũ Quỳnh Chi"), "{shops:?}");
    let next = browser.submit(&shops, &[("organization", shop)], secrets).await.expect(303);
    let consent = browser.get(next.header("location"), secrets).await.expect(200);
    let led = browser.submit(&consent, &[("decision", "allow")], secrets).await.expect(303);
    parameter(&led, "code")
}

async fn token(server: &Server, form: &[(&str, &str)]) -> Answer {
    server.send(&Call::post("/connect/token", form).header("host", HOST).by(APP)).await
}

async fn refreshed(server: &Server, refresh_token: &str) -> Answer {
    token(server, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

async fn exchanged(server: &Server) -> Value {
    let body = json!({"token_exchange": {"client_id": APP.0, "secret_key": APP.1, "scopes": SCOPES}});
    let call = Call::json("/admin/token_exchange.json", &body).header("host", &shop_host("demo-shop"));
    let answer = server.send(&call.header("authorization", &format!("Bearer {LEGACY_TOKEN}"))).await;
    json_of(&answer.expect(200))["token"].clone()
}

/// What a token opens at the host of a shop.
async fn opened(server: &Server, shop: &str, access_token: &str) -> Answer {
    let call = Call::get("/com/shop.json").header("host", &shop_host(shop));
    server.send(&call.header("authorization", &format!("Bearer {access_token}"))).await
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

fn apps_in(place: &Place, shop: &str) -> usize {
    place.json(&["grant", "list", "--shop", shop, "--realm", "haravan"], "").as_array().unwrap().len()
}

#[tokio::test]
async fn an_app_is_installed_in_a_chosen_shop_and_moves_another_by_exchange_and_a_killed_server_forgets_nothing() {
    for database in databases() {
        let place = place_on(&database.url());
        let server = place.serve(&[]).await;
        place.apply(MANIFEST);
        let add = ["legacy-token", "add", "--shop", "demo-shop", "--client", "app", "--user", "an", "--token", "-"];
        place.ok(&[&add[..], &["--realm", "haravan"]].concat(), &format!("{LEGACY_TOKEN}\n"));

        let (mut browser, mut secrets) = (Browser::new(place.port), Secrets::default());
        browser.headers.push(("host", HOST.to_owned()));
        let code = installed(&mut browser, "other-shop", &mut secrets).await;
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        let tokens = json_of(&token(&server, &form).await.expect(200));
        // The grant began with its code.
        let expires_in = tokens["expires_in"].as_u64().unwrap();
        assert!((FOR_EVER_S - 60..=FOR_EVER_S).contains(&expires_in), "{expires_in}");
        let bearer = format!("Bearer {}", text(&tokens, "access_token"));
        let userinfo = Call::get("/connect/userinfo").header("host", HOST).header("authorization", &bearer);
        assert_eq!(json_of(&server.send(&userinfo).await.expect(200))["orgid"], "200000001002");
        opened(&server, "other-shop", text(&tokens, "access_token")).await.expect(200);
        opened(&server, "demo-shop", text(&tokens, "access_token")).await.expect(401);

        let pair = exchanged(&server).await;
        assert_eq!(pair["expires_in"], FOR_EVER_S, "{pair}");
        let second = json_of(&refreshed(&server, text(&tokens, "refresh_token")).await.expect(200));
        // What was answered is there after a power cut, and asked for again it is the same.
        server.kill();
        let server = place.serve(&[]).await;
        assert_eq!(exchanged(&server).await, pair);
        let again = json_of(&refreshed(&server, text(&tokens, "refresh_token")).await.expect(200));
        for name in ["access_token", "refresh_token"] {
            assert_eq!(again[name], second[name], "{name}");
        }

        opened(&server, "demo-shop", text(&pair, "access_token")).await.expect(200);
        let moved = json_of(&refreshed(&server, text(&pair, "refresh_token")).await.expect(200));
        opened(&server, "demo-shop", text(&moved, "access_token")).await.expect(200);
        let further = exchanged(&server).await;
        assert_ne!(further["access_token"], pair["access_token"], "after its first use a pair is not given again");
        assert_eq!((apps_in(&place, "demo-shop"), apps_in(&place, "other-shop")), (2, 1));

        // A refresh token that was replaced twice ends its grant, and no other.
        refreshed(&server, text(&second, "refresh_token")).await.expect(200);
        refreshed(&server, text(&tokens, "refresh_token")).await.expect(400);
        opened(&server, "other-shop", text(&second, "access_token")).await.expect(401);
        opened(&server, "demo-shop", text(&moved, "access_token")).await.expect(200);
        assert_eq!((apps_in(&place, "demo-shop"), apps_in(&place, "other-shop")), (2, 0));
        server.stop().await;
    }
}
