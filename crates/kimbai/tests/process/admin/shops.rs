//! Shops: made by a file, listed, and what is installed in each.

use serde_json::{Value, json};

use super::{Place, each_way};
use crate::fixture::{Call, Start};

const SHOPS: &str = r#"
[realms.main]
issuer = "http://localhost:4500"
dialect = "haravan"

[realms.main.organizations.demo-shop]
org_id = "200000001001"
name = "Tiệm Hoa Ngọc Ảnh"
category = "florist"

[realms.main.organizations.other-shop]
org_id = "200000001002"

[realms.main.users.chi]
password = "file:an.password"
memberships = { demo-shop = ["admin"], other-shop = [] }
"#;

#[test]
fn shops_and_who_works_there_are_made_by_a_file_and_listed() {
    each_way(|place| {
        place.write("shops.toml", &SHOPS.replace("realms.main", "realms.shops").replace(":4500", ":4599"));
        let said = place.ok(&["apply", "--yes", "shops.toml"]);
        assert!(said.contains("organization demo-shop in shops"), "{said}");
        let at = ["--realm", "shops"];
        let table = place.ok(&[&["shop", "list"][..], &at].concat());
        let rows: Vec<&str> = table.lines().collect();
        assert!(rows[0].starts_with("SHOP") && rows[0].contains("ORG_ID"), "{table}");
        assert!(rows[1].starts_with("demo-shop") && rows[1].ends_with("Tiệm Hoa Ngọc Ảnh"), "{table}");
        assert!(rows[2].starts_with("other-shop") && rows[2].contains("200000001002"), "{table}");
        let listed = place.json(&[&["shop", "list", "--after", "demo-shop"][..], &at].concat());
        assert_eq!(listed.as_array().unwrap().len(), 1);
        let exported = place.json(&[&["export"][..], &at].concat());
        let memberships = &exported["realms"]["shops"]["users"]["chi"]["memberships"];
        assert_eq!(*memberships, json!({ "demo-shop": ["admin"], "other-shop": [] }));
        let again = place.ok(&["apply", "--yes", "shops.toml"]);
        assert!(!again.contains("organization"), "{again}");
    });
}

#[tokio::test]
async fn the_list_of_a_shop_shows_what_is_installed_there_and_nobody_who_only_logged_in() {
    let place = Place::new();
    let sandbox = Start::new(Some(&place.path().join("data"))).start();
    let port = sandbox.port_base + 4;
    let client =
        ("00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    for (shop, scopes) in [("demo-shop", json!(["openid", "org"])), ("other-shop", json!(["org", "grant_service"]))] {
        let wanted = json!({"client_id": client.0, "user": "chi", "scopes": scopes, "shop": shop});
        let code = sandbox.send(port, &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("client_id", client.0),
            ("client_secret", client.1),
        ];
        sandbox.send(port, &Call::post("/connect/token", &form)).await.expect(200);
    }
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    let at = ["--data", "data", "--realm", "haravan"];
    let list = |words: &[&str]| -> Value { place.json(&[&["grant", "list"], words, &at].concat()) };
    assert_eq!(list(&[]).as_array().unwrap().len(), 2);
    assert_eq!(list(&["--shop", "demo-shop"]), json!([]));
    let installed = list(&["--shop", "other-shop"]);
    assert_eq!(installed.as_array().unwrap().len(), 1);
    assert_eq!((&installed[0]["client_id"], &installed[0]["organization"]), (&json!(client.0), &json!("other-shop")));
    let missing = place.refused(&["grant", "list", "--shop", "nowhere", "--data", "data", "--realm", "haravan"], 1);
    assert!(missing.contains("no organization nowhere"), "{missing}");
}
