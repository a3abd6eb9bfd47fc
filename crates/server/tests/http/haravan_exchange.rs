//! Legacy tokens of shops, exchanged as the platform's document has it, and what of them is refused.

use kimbai_core::exchange::ExchangeErrors;
use kimbai_core::realm::RateLimits;
use serde_json::{Value, json};

use crate::fixture::exchange::{EXCHANGE, SCOPES, SHOP, SHOP_APP, Shops, body, of_app};
use crate::fixture::{Answer, OTHER, POST_APP, Sandbox};

const LIFETIME: u64 = 2_147_483_647;

fn is_hex(token: &str) -> bool {
    token.len() == 64 && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[tokio::test]
async fn a_legacy_token_is_exchanged_for_a_pair_in_the_platforms_form() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    assert_eq!((shops.demo.len(), shops.other.len()), (518, 518));
    let answer = shops.exchange(&SCOPES).await.expect(200);
    let pair = answer.pair();
    assert!(is_hex(&pair.access) && is_hex(&pair.refresh) && pair.access != pair.refresh, "{pair:?}");
    let now_s = u64::from(sandbox.clock.now().as_unix_s());
    assert!(now_s - pair.created < 60 && pair.expires_in == LIFETIME, "{pair:?}");
    let expect = format!(
        "{{\"token\":{{\"access_token\":\"{}\",\"refresh_token\":\"{}\",\"created_time\":{},\"expires_in\":2147483647,\
         \"token_type\":\"Bearer\"}}}}",
        pair.access, pair.refresh, pair.created
    );
    assert_eq!((answer.body.as_str(), answer.header("cache-control")), (expect.as_str(), "no-store"));
}

#[tokio::test]
async fn a_refresh_token_comes_with_offline_access_alone() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let answer = shops.exchange(&SCOPES[..6]).await.expect(200);
    assert!(answer.json()["token"].get("refresh_token").is_none(), "{answer:?}");
    assert_eq!(answer.pair().expires_in, LIFETIME);
    shops.use_token(&answer.pair().access).await.expect(200);
}

#[tokio::test]
async fn webhooks_and_scopes_of_the_app_may_be_asked_for_within_the_registered_ones() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let more = [&SCOPES[..], &["wh_api", "com.write_products", "web.write_script_tags"]].concat();
    let pair = shops.exchange(&more).await.expect(200).pair();
    let told = shops.told(&pair.access).await;
    let mut granted: Vec<_> = told["scope"].as_str().unwrap().split(' ').collect();
    let mut asked = more.clone();
    granted.sort_unstable();
    asked.sort_unstable();
    assert_eq!(granted, asked);
}

#[tokio::test]
async fn the_shop_comes_from_the_host_and_in_the_sandbox_from_a_header_too() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    let named = async |shops: &Shops, host: &str, headers: &[&str]| {
        let mut call = shops.at.call("POST", EXCHANGE).without_host().header("host", host);
        for shop in headers {
            call = call.header("x-kimbai-shop", shop);
        }
        let call = call.header("content-type", "application/json");
        let call = call.header("authorization", &format!("Bearer {}", shops.demo));
        call.body(body(&SCOPES).to_string().as_bytes()).send().await
    };
    let (own, shop) = (shops.at.host.clone(), shops.host("demo-shop"));
    for (host, headers) in [
        (&own, &["demo-shop"][..]),
        (&own, &["Demo-Shop"]),
        (&shop, &["demo-shop"]),
        (&shop, &[]),
        (&shop.to_uppercase(), &[]),
    ] {
        assert_eq!(named(&shops, host, headers).await.expect(200).pair(), pair, "{host} {headers:?}");
    }
    named(&shops, &own, &[]).await.says(404, "Not Found");
    assert_eq!(shops.mistake().await, "a host that is no shop's");
    for (host, headers) in [(&shop, &["other-shop"][..]), (&shop, &[""]), (&own, &["demo-shop", "demo-shop"])] {
        named(&shops, host, headers).await.unauthorized();
    }
    assert_eq!(shops.mistake().await, "one shop in the host and another in X-Kimbai-Shop");
    let production = sandbox.shops_in_production("in-production", |_| {}).await;
    let own = production.at.host.clone();
    named(&production, &own, &["demo-shop"]).await.says(404, "Not Found");
    named(&production, &production.host("demo-shop"), &["other-shop"]).await.expect(200);
}

#[tokio::test]
async fn at_the_host_of_a_shop_there_are_the_exchange_and_the_sample_resource_alone() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let at_shop = async |method, path: &str| {
        shops.at.call(method, path).without_host().header("host", &shops.host("demo-shop")).send().await
    };
    let asset = format!("{}{}", kimbai_pages::ASSETS_PATH, kimbai_pages::asset_names().next().unwrap());
    shops.at.get(&asset).await.expect(200);
    let elsewhere = [
        "/",
        "/connect/authorize",
        "/connect/token",
        "/connect/userinfo",
        "/connect/endsession",
        "/account/logout",
        "/connect/introspect",
        "/connect/revocation",
        "/.well-known/openid-configuration",
        "/sandbox/requests",
        "/.well-known/openid-configuration/jwks",
        "/admin",
        "/admin/",
        "/admin/other.json",
        "/connect/authorize/login",
        kimbai_pages::ASSETS_PATH,
        &asset,
    ];
    for path in elsewhere {
        for method in ["GET", "POST"] {
            let answer = at_shop(method, path).await.says(404, "Not Found");
            assert!(answer.cookies().is_empty() && answer.header("location").is_empty(), "{path}: {answer:?}");
        }
    }
    at_shop("GET", EXCHANGE).await.says(405, "Method Not Allowed");
    at_shop("GET", SHOP).await.unauthorized();
    at_shop("POST", "/com/orders.json").await.says(404, "Not Found");
}

#[tokio::test]
async fn a_host_that_is_no_shops_is_misdirected() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let port = shops.at.address.port();
    for host in [
        "demo_shop.localhost",
        "demo%2dshop.localhost",
        "-demo.localhost",
        "demo-.localhost",
        "a.demo-shop.localhost",
        ".localhost",
        "demo-shop.localhost.",
        "demo-shop.myharavan.com",
        "demo-shop.localhost.evil.test",
    ] {
        let host = format!("{host}:{port}");
        let call = shops.at.call("POST", EXCHANGE).without_host().header("host", &host);
        let call = call.header("content-type", "application/json");
        let call = call.header("authorization", &format!("Bearer {}", shops.demo));
        call.body(body(&SCOPES).to_string().as_bytes()).send().await.says(421, "Misdirected Request");
    }
    let other_port = sandbox.standard.address.port();
    for host in ["demo-shop.localhost".to_owned(), format!("demo-shop.localhost:{other_port}")] {
        shops.shop_at(&host, shops.demo).await.says(421, "Misdirected Request");
    }
}

#[tokio::test]
async fn an_unknown_shop_is_not_found_whatever_is_presented() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    for legacy in [shops.demo, "unknown"] {
        shops.exchange_at("no-shop", legacy, &body(&SCOPES)).await.says(404, "Not Found");
        assert_eq!(shops.mistake().await, "a shop that is not here");
    }
    let call = shops.at.call("POST", EXCHANGE).without_host().header("host", &shops.host("no-shop"));
    call.header("content-type", "application/json").send().await.says(404, "Not Found");
}

#[tokio::test]
async fn a_legacy_token_that_does_not_work_is_401_whatever_the_body_is() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let (good, bad) = (body(&SCOPES), json!({}));
    let cut = &shops.demo[..517];
    let too_long = "a".repeat(4_097);
    for legacy in ["unknown", cut, shops.other, &too_long, &shops.demo.to_lowercase()] {
        for body in [&good, &bad] {
            let answer = shops.exchange_at("demo-shop", legacy, body).await.unauthorized();
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"IdentityServer\", error=\"invalid_token\"");
        }
    }
    shops.exchange_at("other-shop", shops.demo, &good).await.unauthorized();
    assert_eq!(shops.mistake().await, "the legacy token of another shop");
    let with = async |headers: &[(&str, &str)]| {
        let mut call = shops.at.call("POST", EXCHANGE).without_host().header("host", &shops.host("demo-shop"));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.header("content-type", "application/json").body(good.to_string().as_bytes()).send().await
    };
    let bearer = format!("Bearer {}", shops.demo);
    for headers in [
        &[][..],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", shops.demo)],
        &[("authorization", "Basic YTpi")],
        &[("authorization", &bearer), ("authorization", &bearer)],
    ] {
        with(headers).await.unauthorized();
    }
    with(&[("authorization", &bearer)]).await.expect(200);
}

#[tokio::test]
async fn a_legacy_token_has_any_length_up_to_4_kib() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let realm = sandbox.engine.realm("haravan").unwrap();
    let put = async |token: &str| {
        let token = kimbai_core::secret::Secret::new(token.to_owned());
        let (organization, client_id, username) =
            ("demo-shop".to_owned(), SHOP_APP.client_id.to_owned(), "an".to_owned());
        let new = kimbai_engine::NewLegacyToken { organization, client_id, username, token };
        sandbox.engine.put_legacy_token(&realm, &new, kimbai_store::Epochs::Kept).await
    };
    let longest = "x".repeat(4_096);
    let mut pairs = Vec::new();
    for legacy in ["z", "a.b~c+d/e==", &longest] {
        put(legacy).await.unwrap();
        pairs.push(shops.exchange_at("demo-shop", legacy, &body(&SCOPES)).await.expect(200).pair().access);
    }
    pairs.dedup();
    assert_eq!(pairs.len(), 3, "each has a grant of its own");
    for legacy in ["", &format!("{longest}x")] {
        put(legacy).await.unwrap_err();
        shops.exchange_at("demo-shop", legacy, &body(&SCOPES)).await.unauthorized();
    }
}

/// The object in the body, changed.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut body = body(&SCOPES);
    change(&mut body["token_exchange"]);
    body.to_string()
}

#[tokio::test]
async fn what_is_wrong_with_the_body_is_422_and_said_at_sandbox_requests() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let inner = body(&SCOPES)["token_exchange"].to_string();
    let scopes = |scopes: Value| with(|inner| inner["scopes"] = scopes);
    let plus = |more: &str| scopes(json!([&SCOPES[..], &[more]].concat()));
    let without = |name: &str| with(|inner| drop(inner.as_object_mut().unwrap().remove(name)));
    let client_secret = with(|inner| {
        let secret = inner.as_object_mut().unwrap().remove("secret_key").unwrap();
        inner["client_secret"] = secret;
    });
    let twice = format!("{{\"token_exchange\":{inner},\"token_exchange\":{inner}}}");
    let twice_inside = format!("{{\"token_exchange\":{{\"client_id\":\"x\",{}}}", &inner[1..]);
    let no_object = "a body that is not one JSON object, or has a member twice";
    let one_string = "two scopes in one string, with a space between them perhaps";
    for (body, mistake) in [
        (String::new(), no_object),
        ("null".to_owned(), no_object),
        ("[]".to_owned(), no_object),
        ("{".to_owned(), no_object),
        (format!("{} {{}}", body(&SCOPES)), no_object),
        (twice, no_object),
        (twice_inside, no_object),
        (inner.clone(), "the members without the object around them"),
        ("{\"token_exchange\":[]}".to_owned(), "the members without the object around them"),
        (without("client_id"), "a member that is missing or no string"),
        (without("secret_key"), "a member that is missing or no string"),
        (with(|inner| inner["client_id"] = json!(7)), "a member that is missing or no string"),
        (with(|inner| inner["secret_key"] = json!(null)), "a member that is missing or no string"),
        (client_secret, "client_secret for secret_key"),
        (without("scopes"), "scopes that are no array of strings"),
        (scopes(json!({})), "scopes that are no array of strings"),
        (scopes(json!(["openid", 7])), "scopes that are no array of strings"),
        (scopes(json!(SCOPES.join(" "))), "scopes as one string"),
        (scopes(json!(SCOPES.join(","))), "scopes as one string"),
        (scopes(json!([])), "no scopes"),
        (plus("openid"), "a scope named twice"),
        (plus("openid com.write_products"), one_string),
        (plus(" wh_api"), one_string),
        (plus(""), one_string),
        (plus("com.write_everything"), "a scope that the realm does not have"),
        (scopes(json!(SCOPES[1..])), "a mandatory scope is missing"),
        (scopes(json!(["offline_access"])), "a mandatory scope is missing"),
        (with(|inner| inner["client_id"] = json!("nobody")), "an unknown client, or a wrong or missing secret"),
        (with(|inner| inner["secret_key"] = json!("wrong")), "an unknown client, or a wrong or missing secret"),
        (with(|inner| inner["secret_key"] = json!("")), "an unknown client, or a wrong or missing secret"),
    ] {
        let call = shops.at.call("POST", EXCHANGE).without_host().header("host", &shops.host("demo-shop"));
        let call = call.header("content-type", "application/json; charset=utf-8");
        let call = call.header("authorization", &format!("Bearer {}", shops.demo));
        let answer = call.body(body.as_bytes()).send().await.says(422, "Unprocessable Entity");
        assert!(answer.header("www-authenticate").is_empty());
        assert_eq!(shops.mistake().await, mistake, "{body}");
    }
    shops.exchange(&SCOPES).await.expect(200);
}

#[tokio::test]
async fn an_app_that_does_not_own_the_legacy_token_is_422() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    for app in [&OTHER, &POST_APP] {
        let refused = shops.exchange_at("demo-shop", shops.demo, &of_app(app, &SCOPES)).await;
        refused.says(422, "Unprocessable Entity");
        assert_eq!(shops.mistake().await, "a legacy token that was given to another app");
    }
    // App B's secret with app A's token.
    let mut crossed = body(&SCOPES);
    crossed["token_exchange"]["secret_key"] = OTHER.client_secret.into();
    shops.exchange_at("demo-shop", shops.demo, &crossed).await.says(422, "Unprocessable Entity");
}

#[tokio::test]
async fn a_scope_that_was_taken_from_the_app_is_422() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let realm = sandbox.engine.realm("haravan").unwrap();
    let client = realm.client(SHOP_APP.client_id).unwrap();
    let mut metadata = client.metadata.clone();
    metadata.scope = SCOPES.join(" ");
    let new = kimbai_engine::NewClient { client_id: client.client_id.clone(), client_secret: None, metadata };
    sandbox.engine.put_client(&realm, new).await.unwrap();
    let more = [&SCOPES[..], &["wh_api"]].concat();
    shops.exchange(&more).await.says(422, "Unprocessable Entity");
    assert_eq!(shops.mistake().await, "a scope that the app is not registered for");
    shops.exchange(&SCOPES).await.expect(200);
}

#[tokio::test]
async fn methods_content_types_and_sizes_are_refused_in_the_platforms_form() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let send = async |method, content_type: &str, body: &[u8]| -> Answer {
        let call = shops.at.call(method, EXCHANGE).without_host().header("host", &shops.host("demo-shop"));
        let call = call.header("authorization", &format!("Bearer {}", shops.demo));
        call.header("content-type", content_type).body(body).send().await
    };
    let json = "application/json";
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = send(method, json, b"").await.says(405, "Method Not Allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "", "application/jsonx"] {
        send("POST", content_type, b"{}").await.says(415, "Unsupported Media Type");
    }
    let large = vec![b' '; 64 * 1024 + 1];
    send("POST", json, &large).await.says(413, "The body is too large, too slow or incomplete");
    let answer = shops.at.call("POST", SHOP).send().await.says(405, "Method Not Allowed");
    assert_eq!(answer.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn too_many_requests_are_429_with_retry_after_where_the_realm_has_a_limit() {
    let sandbox = Sandbox::start().await;
    let settings = kimbai_server::dialects::haravan::settings("Haravan", "https://accounts.example.vn", Vec::new());
    assert_eq!(settings.rate_limits.unwrap().source_per_minute.get(), 600, "by default");
    let limits = |count| {
        let per_minute = std::num::NonZeroU32::new(count).unwrap();
        Some(RateLimits { source_per_minute: per_minute, client_per_minute: std::num::NonZeroU32::MAX })
    };
    let limited = sandbox.shops_as("limited", |settings| settings.rate_limits = limits(2)).await;
    for _ in 0..2 {
        limited.exchange(&SCOPES).await.expect(200);
    }
    let answer = limited.exchange(&SCOPES).await.says(429, "Too many requests");
    assert!((1..=30).contains(&answer.header("retry-after").parse::<u32>().unwrap()), "{answer:?}");
    let free = sandbox.shops().await;
    for _ in 0..50 {
        free.exchange(&SCOPES).await.expect(200);
    }
}

#[tokio::test]
async fn errors_are_bare_words_where_the_realm_wants_it() {
    let sandbox = Sandbox::start().await;
    let shops =
        sandbox.shops_as("bare", |settings| settings.exchange.as_mut().unwrap().errors = ExchangeErrors::Text).await;
    let unauthorized = shops.exchange_at("demo-shop", "unknown", &body(&SCOPES)).await;
    let entity = shops.exchange(&["openid"]).await;
    let method = shops.at.call("GET", EXCHANGE).send().await;
    let misdirected = shops.shop_at("demo-shop.localhost.", "x").await;
    for (answer, status, words) in [
        (unauthorized, 401, "Unauthorized"),
        (entity, 422, "Unprocessable Entity"),
        (method, 405, "Method Not Allowed"),
        (misdirected, 421, "Misdirected Request"),
    ] {
        assert_eq!((answer.status, answer.body.as_str()), (status, words));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    shops.exchange(&SCOPES).await.expect(200);
}
