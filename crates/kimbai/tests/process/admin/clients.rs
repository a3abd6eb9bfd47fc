//! Clients that come and go, and their secrets.

use serde_json::{Value, json};

use super::{WEB_SECRET, each_way};

#[test]
fn a_client_is_made_and_shown_and_its_secret_printed_once() {
    each_way(|place| {
        let added = place.ok(&[
            "client",
            "add",
            "shop",
            "--name",
            "Cửa hàng",
            "--redirect-uri",
            "https://shop.example.vn/cb",
            "--redirect-uri",
            "http://127.0.0.1/cb",
            "--scope",
            "orders.read",
            "--scope",
            "offline_access",
            "--method",
            "client_secret_post",
        ]);
        let (facts, secret) = added.split_once("\n\nIts secret was made. It is not shown again:\n").unwrap();
        let expected = "\
client_id      shop
client_name    Cửa hàng
status         enabled
method         client_secret_post
grant_types    authorization_code refresh_token
scope          orders.read offline_access
redirect_uris  https://shop.example.vn/cb http://127.0.0.1/cb
introspects    access tokens that name it as their audience
secrets        until it is replaced";
        assert_eq!((facts, secret.len()), (expected, 44));
        assert_eq!(place.ok(&["client", "show", "shop"]).trim_end(), expected);
    });
}

#[test]
fn what_people_see_of_a_client_is_given_by_options_and_exported() {
    each_way(|place| {
        let uri = |path: &str| format!("https://shop.example.vn/{path}");
        let (logo, policy, tos, background) = (uri("logo.png"), uri("privacy"), uri("terms"), uri("background.png"));
        let added = place.ok(&[
            "client",
            "add",
            "shop",
            "--public",
            "--redirect-uri",
            &uri("cb"),
            "--post-logout-redirect-uri",
            &uri(""),
            "--logo-uri",
            &logo,
            "--policy-uri",
            &policy,
            "--tos-uri",
            &tos,
            "--contact",
            "dev@example.vn",
            "--owner",
            "Công ty Cửa hàng",
            "--background-uri",
            &background,
            "--hotline",
            "1900 6900",
            "--support-email",
            "hotro@example.vn",
        ]);
        assert!(added.ends_with("owner          Công ty Cửa hàng\ncontacts       dev@example.vn\n"), "{added}");
        let exported = place.standing();
        let client = &exported["realms"]["main"]["clients"]["shop"];
        for (key, expect) in [
            ("post_logout_redirect_uris", json!([uri("")])),
            ("logo_uri", json!(logo)),
            ("policy_uri", json!(policy)),
            ("tos_uri", json!(tos)),
            ("contacts", json!(["dev@example.vn"])),
            ("owner", json!("Công ty Cửa hàng")),
            (
                "log_in_page",
                json!({ "background_uri": background, "hotline": "1900 6900", "support_email": "hotro@example.vn" }),
            ),
        ] {
            assert_eq!(client[key], expect, "{key}");
        }
        let wrong = place.refused(&["client", "add", "other", "--redirect-uri", &uri("cb"), "--hotline", "<b>"], 2);
        assert!(wrong.contains("log_in_page.hotline"), "{wrong}");
    });
}

#[test]
fn a_client_says_what_its_access_tokens_and_responses_are() {
    each_way(|place| {
        let of_client = ["client", "add", "signed", "--scope", "orders.read", "--access-token-format", "jwt"];
        assert!(place.ok(&of_client).contains("access_tokens  jwt"));
        let shown = place.json(&["client", "show", "signed"]);
        assert_eq!((&shown["access_token_format"], &shown["response_types"]), (&json!("jwt"), &json!(["code"])));
        let hybrid =
            ["client", "add", "hybrid", "--redirect-uri", "https://shop.example.vn/cb", "--scope", "orders.read"];
        let types = ["--response-type", "code", "--response-type", "code id_token"];
        let refused = place.refused(&[hybrid.as_slice(), &types].concat(), 2);
        assert!(refused.contains("response_types: the realm's response_types do not have one of them"), "{refused}");
    });
}

#[test]
fn clients_are_public_or_have_a_secret_that_was_given_and_are_listed_by_name() {
    each_way(|place| {
        place.ok(&[
            "client",
            "add",
            "shop",
            "--name",
            "Cửa hàng",
            "--scope",
            "orders.read",
            "--method",
            "client_secret_post",
        ]);
        let spa = ["client", "add", "spa", "--public", "--redirect-uri", "https://spa.example.vn/cb"];
        assert_eq!(place.json(&spa)["client_secret"], Value::Null);
        let given = place
            .json_with(&["client", "add", "given", "--grant-type", "client_credentials", "--secret", "-"], WEB_SECRET);
        assert_eq!(given["client_secret"], Value::Null, "it is known already");
        assert_eq!(given["client"]["grant_types"], json!(["client_credentials"]));
        let list = "\
CLIENT  STATUS   METHOD               NAME               SCOPE
given   enabled  client_secret_basic  given              -
jobs    enabled  client_secret_basic  jobs               orders.read
shop    enabled  client_secret_post   Cửa hàng           orders.read
spa     enabled  none                 spa                -
web     enabled  client_secret_basic  Chợ Quê trên mạng  offline_access orders.read
";
        assert_eq!(place.ok(&["client", "list"]), list);
        let listed: Vec<Value> = serde_json::from_value(place.json(&["client", "list"])).unwrap();
        assert_eq!(
            listed.iter().map(|client| client["client_id"].as_str().unwrap()).collect::<Vec<_>>(),
            ["given", "jobs", "shop", "spa", "web"]
        );
        assert_eq!(listed[2], place.json(&["client", "show", "shop"]));
    });
}

#[test]
fn clients_are_disabled_enabled_and_removed() {
    each_way(|place| {
        for client_id in ["shop", "spa"] {
            place.ok(&["client", "add", client_id, "--scope", "orders.read"]);
        }
        let disabled = place.ok(&["client", "disable", "shop"]);
        assert_eq!(disabled, "client shop is disabled; with it ended 0 grants and every token of its own\n");
        assert_eq!(place.json(&["client", "show", "shop"])["status"], "disabled");
        assert_eq!(place.ok(&["client", "enable", "shop"]), "client shop is enabled\n");
        assert_eq!(place.json(&["client", "disable", "spa"])["status"], "disabled");
        assert_eq!(place.json(&["client", "enable", "spa"])["status"], "enabled");
        let removed = place.ok(&["client", "remove", "shop"]);
        assert_eq!(removed, "client shop is removed; with it ended 0 grants and every token of its own\n");
        assert_eq!(place.json(&["client", "remove", "spa"]), Value::Null);
        assert_eq!(place.refused(&["client", "show", "shop"], 1), "error: realm main has no client shop\n");
    });
}

#[test]
fn a_rotated_secret_leaves_the_one_before_live_for_the_overlap() {
    each_way(|place| {
        let rotated = place.ok(&["client", "rotate-secret", "jobs", "--overlap", "7d"]);
        let (head, secret) = rotated.split_once("\n\nIts secret was made. It is not shown again:\n").unwrap();
        let end = head.strip_prefix("client jobs has a new secret; the one before ends ").unwrap();
        assert_eq!(secret.len(), 44);
        let secrets = place.json(&["client", "show", "jobs"])["secrets_end"].clone();
        assert_eq!(secrets, json!([end, null]));
        assert!(place.ok(&["client", "show", "jobs"]).contains(&format!("until {end}, until it is replaced")));
        place.write("new.secret", "another-secret-of-22-characters\n");
        let given = ["client", "rotate-secret", "jobs", "--overlap", "0s", "--secret", "file:new.secret"];
        assert_eq!(place.json(&given)["client_secret"], Value::Null);
        assert_eq!(place.json(&["client", "show", "jobs"])["secrets_end"], json!([null]));
        let day = place.json(&["client", "rotate-secret", "jobs"]);
        assert!(day["client_secret"].is_string() && day["previous_ends"].is_string());
        assert_eq!(place.json(&["client", "show", "jobs"])["secrets_end"].as_array().unwrap().len(), 2);
    });
}
