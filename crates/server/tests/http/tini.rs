//! Tiki Tini App: the four generations of the exchange, byte for byte, and whose signature is taken.

use kimbai_core::realm::RequestSignatures;
use kimbai_store::StoreError;
use serde_json::{Value, json};

use crate::fixture::tini::{GRAPHQL, REST, REST_V1, Served, TINI_APP, TINI_INTERNAL, query, signed_body, signed_field};
use crate::fixture::{Answer, App, At, Sandbox};

const GET: &str = "get_auth_access_token";
const REFRESH: &str = "refresh_auth_access_token";
const ALL: [&str; 2] = ["offline", "user_profile"];

fn data<'a>(json: &'a Value, field: &str) -> &'a Value {
    &json["data"][field]
}

#[tokio::test]
async fn the_request_of_the_platforms_document_works_byte_for_byte() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini_as("tini", RequestSignatures::AnyTime, Served::Sandbox).await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let signature = signed_field(&TINI_APP, 1_620_470_539_433, ("code", &code));
    let body = r#"{"query":"query {\n  get_auth_access_token(input: {\n    code: \"CODE\"\n    client_id: \"CLIENT\"\n    timestamp: 1620470539433\n    signature: \"SIGNATURE\"\n  }) {\n    access_token\n    refresh_token\n    expires_in\n    scopes\n  }\n}"}"#;
    let body = body.replace("CODE", &code).replace("CLIENT", TINI_APP.client_id).replace("SIGNATURE", &signature);
    let call = at.call("POST", GRAPHQL).header("content-type", "application/json");
    let call = call.header("accept-encoding", "deflate, gzip, br, zstd").header("accept", "*/*");
    let answer = call.body(body.as_bytes()).send().await.expect(200);
    let json = answer.json();
    let tokens = data(&json, GET);
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let expect = format!(
        r#"{{"data":{{"{GET}":{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":3600,"scopes":["offline","user_profile"]}}}}}}"#
    );
    assert_eq!(answer.body, expect);
    for token in [access, refresh] {
        assert_eq!(token.split('.').map(str::len).collect::<Vec<_>>(), [43, 43], "{token}");
    }
    assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
}

#[tokio::test]
async fn a_refresh_over_graphql_rotates_and_a_retry_gets_the_same() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let tokens = at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await.expect(200).json();
    let first = data(&tokens, GET)["refresh_token"].as_str().unwrap().to_owned();
    let second = at.exchange(&sandbox, &TINI_APP, REFRESH, ("refresh_token", &first)).await.expect(200).json();
    sandbox.clock.advance_s(100);
    let again = at.exchange(&sandbox, &TINI_APP, REFRESH, ("refresh_token", &first)).await.expect(200).json();
    let (second, again) = (data(&second, REFRESH), data(&again, REFRESH));
    assert_eq!(second["refresh_token"], again["refresh_token"]);
    assert_ne!(second["refresh_token"], first);
    // What is left, not what there was.
    assert_eq!(second["expires_in"], 3_600);
    let left_s = again["expires_in"].as_u64().unwrap();
    assert!((3_400..=3_500).contains(&left_s), "{left_s}");
}

#[tokio::test]
async fn without_the_scope_offline_the_refresh_token_is_null() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &["user_profile"]).await;
    let tokens = at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await.expect(200).json();
    assert_eq!(data(&tokens, GET)["refresh_token"], Value::Null);
    assert_eq!(data(&tokens, GET)["scopes"], json!(["user_profile"]));
    let code = at.tini_code(&TINI_APP, &[]).await;
    let body = json!({ "code": code }).to_string();
    let tokens = at.with_headers(&format!("{REST}/auth/token"), &TINI_APP, sandbox.now_ms(), &body).await.expect(200);
    assert_eq!((&tokens.json()["data"]["refresh_token"], &tokens.json()["data"]["scopes"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn graphql_is_spoken_and_not_matched() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let input = |code: &str| {
        let timestamp = sandbox.now_ms();
        let signature = signed_field(&TINI_APP, timestamp, ("code", code));
        (
            json!({"code": code, "client_id": TINI_APP.client_id, "timestamp": timestamp, "signature": signature}),
            timestamp,
        )
    };
    let ask = async |body: Value| at.json(GRAPHQL, &body.to_string()).await.expect(200);
    // Variables, a named operation among others, an alias, a fragment, __typename; the order of keys is that of the selection.
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let answer = ask(json!({
        "query": "query Other { __typename }\n query Get($input: GetAuthAccessTokenInput!) { t: get_auth_access_token(input: $input) \
                  { ...all __typename } __typename }\n fragment all on AuthAccessToken { scopes expires_in access_token }",
        "operationName": "Get",
        "variables": { "input": input(&code).0 },
    }))
    .await;
    assert!(
        answer
            .body
            .starts_with(r#"{"data":{"t":{"scopes":["offline","user_profile"],"expires_in":3600,"access_token":""#),
        "{answer:?}"
    );
    assert!(answer.body.ends_with(r#","__typename":"AuthAccessToken"},"__typename":"Query"}}"#), "{answer:?}");
    // Each value as a variable of its own, the timestamp beyond 32 bits among them; commas, comments, a block string.
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let (values, timestamp) = input(&code);
    let answer = ask(json!({
        "query": format!(
            "# exchanges\nquery ($code: String!, $signature: String!, $at: Timestamp!) {{ get_auth_access_token(input: {{ code: $code, \
             signature: $signature, client_id: \"\"\"{}\"\"\", timestamp: $at }}) {{ expires_in }} }}",
            TINI_APP.client_id
        ),
        "variables": { "code": code, "signature": values["signature"], "at": timestamp },
    }))
    .await;
    assert_eq!(answer.body, r#"{"data":{"get_auth_access_token":{"expires_in":3600}}}"#);
    // Escapes in a string are what they stand for.
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let (values, timestamp) = input(&code);
    let escaped: Vec<_> = code.chars().map(|character| format!("\\u{:04x}", u32::from(character))).collect();
    let escaped = escaped.concat();
    let signature = values["signature"].as_str().unwrap();
    let query = query(GET, ("code", &escaped), (TINI_APP.client_id, &timestamp.to_string(), signature));
    ask(json!({ "query": query, "variables": null, "operationName": null })).await;
    assert_eq!(ask(json!({ "query": "{ __typename }" })).await.body, r#"{"data":{"__typename":"Query"}}"#);
}

#[tokio::test]
async fn an_answer_without_fields_has_data_and_a_refused_query_has_none() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    assert_eq!(at.graphql("{ __typename @skip(if: true) }").await.expect(200).body, r#"{"data":{}}"#);
    let refused = at.graphql("{ nothing }").await.graphql_error();
    assert!(refused.json().get("data").is_none(), "{refused:?}");
}

#[tokio::test]
async fn the_third_and_fourth_generation_sign_the_bytes_of_the_body() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    for base in [REST_V1, REST] {
        let code = at.tini_code(&TINI_APP, &ALL).await;
        // However it is written, it is the bytes that count.
        let body = format!("{{ \"code\" : \"{code}\", \"more\": [1.50] }}\n");
        let answer =
            at.with_headers(&format!("{base}/auth/token"), &TINI_APP, sandbox.now_ms(), &body).await.expect(200);
        let json = answer.json();
        let (access, refresh) =
            (json["data"]["access_token"].as_str().unwrap(), json["data"]["refresh_token"].as_str().unwrap());
        let expect = format!(
            r#"{{"data":{{"access_token":"{access}","expires_in":3600,"refresh_token":"{refresh}","scopes":["offline","user_profile"],"token_type":"bearer","customer":{{"id":1,"name":"Đặng Thị Ngọc Ảnh"}}}},"error":null}}"#
        );
        assert_eq!(answer.body, expect);
        let body = json!({ "refresh_token": refresh }).to_string();
        let path = format!("{base}/auth/token/refresh");
        let refreshed = at.with_headers(&path, &TINI_APP, sandbox.now_ms(), &body).await.expect(200).json();
        assert_eq!(
            (&refreshed["data"]["customer"], &refreshed["data"]["token_type"]),
            (&Value::Null, &json!("bearer"))
        );
        let body = json!({ "access_token": refreshed["data"]["access_token"] }).to_string();
        let me = at.with_headers(&format!("{base}/me"), &TINI_APP, sandbox.now_ms(), &body).await.expect(200);
        let expect = r#"{"data":{"customer_id":1,"customer_name":"Đặng Thị Ngọc Ảnh","scopes":["offline","user_profile"]},"error":null}"#;
        assert_eq!(me.body, expect);
    }
}

/// A request of generation 2.
async fn in_body(at: &At, app: &App, path: &str, timestamp: i64, (name, value): (&str, &str)) -> Answer {
    let signature = signed_field(app, timestamp, (name, value));
    let body = json!({name: value, "client_id": app.client_id, "timestamp": timestamp, "signature": signature});
    at.json(&format!("{REST_V1}{path}"), &body.to_string()).await
}

#[tokio::test]
async fn the_second_generation_signs_the_fields_of_the_body() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let now = sandbox.now_ms();
    let tokens = in_body(&at, &TINI_APP, "/auth/token", now, ("code", &code)).await.expect(200).json();
    assert_eq!(tokens["data"]["customer"], json!({"id": 1, "name": "Đặng Thị Ngọc Ảnh"}));
    let refresh = tokens["data"]["refresh_token"].as_str().unwrap();
    let refreshed = in_body(&at, &TINI_APP, "/auth/token/refresh", now, ("refresh_token", refresh)).await.expect(200);
    let access = refreshed.json()["data"]["access_token"].as_str().unwrap().to_owned();
    let me = in_body(&at, &TINI_APP, "/me", now, ("access_token", &access)).await.expect(200).json();
    assert_eq!(me["data"]["customer_id"], 1);
    // The fourth generation has it in headers alone.
    let signature = signed_field(&TINI_APP, now, ("access_token", &access));
    let body =
        json!({"access_token": access, "client_id": TINI_APP.client_id, "timestamp": now, "signature": signature});
    at.json(&format!("{REST}/me"), &body.to_string()).await.enveloped(400, "invalid_signature");
}

#[tokio::test]
async fn each_refusal_has_its_pair_of_reason_and_message() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let body = |reason, message| {
        format!(r#"{{"data":null,"error":{{"code":400,"reason":"{reason}","message":"{message}"}}}}"#)
    };
    for base in [REST_V1, REST] {
        for (path, brought, reason, message) in [
            ("/auth/token", r#"{"code":"no code"}"#, "invalid_code", "invalid auth code"),
            ("/auth/token", "{}", "invalid_code", "invalid auth code"),
            ("/auth/token", r#"{"code":1}"#, "invalid_code", "invalid auth code"),
            ("/auth/token", "not json", "invalid_code", "invalid auth code"),
            ("/auth/token/refresh", r#"{"refresh_token":"no token"}"#, "invalid_token", "invalid refresh token"),
            ("/auth/token/refresh", "[]", "invalid_token", "invalid refresh token"),
            ("/me", r#"{"access_token":"no token"}"#, "invalid_token", "invalid access token"),
            ("/me", "", "invalid_token", "invalid access token"),
        ] {
            let path = format!("{base}{path}");
            let refused = at.with_headers(&path, &TINI_APP, sandbox.now_ms(), brought).await.expect(400);
            assert_eq!(refused.body, body(reason, message), "{path} {brought}");
            let unsigned = at.json(&path, brought).await.expect(400);
            assert_eq!(unsigned.body, body("invalid_signature", "invalid signature"), "{path} {brought}");
        }
    }
    at.exchange(&sandbox, &TINI_APP, GET, ("code", "x")).await.graphql_refused(GET, "invalid_code");
    at.exchange(&sandbox, &TINI_APP, REFRESH, ("refresh_token", "x")).await.graphql_refused(REFRESH, "invalid_token");
}

const NOBODY: App = App { client_id: "nobody", ..TINI_APP };
const GUESSER: App = App { client_secret: "a-guess-0123456789abcdefghij", ..TINI_APP };

#[tokio::test]
async fn an_unknown_client_and_a_wrong_signature_get_the_same_bytes() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let (mut answers, mut over_graphql) = (Vec::new(), Vec::new());
    for app in [&NOBODY, &GUESSER] {
        for code in [code.as_str(), "no code"] {
            let body = json!({ "code": code }).to_string();
            let path = format!("{REST}/auth/token");
            answers.push(
                at.with_headers(&path, app, sandbox.now_ms(), &body).await.enveloped(400, "invalid_signature").fixed(),
            );
            let late = at.with_headers(&path, &TINI_APP, sandbox.now_ms() - 360_000, &body).await;
            answers.push(late.enveloped(400, "invalid_signature").fixed());
            let refused = in_body(&at, app, "/auth/token", sandbox.now_ms(), ("code", code)).await;
            answers.push(refused.enveloped(400, "invalid_signature").fixed());
            let refused = at.exchange(&sandbox, app, GET, ("code", code)).await;
            over_graphql.push(refused.graphql_refused(GET, "invalid_signature").fixed());
        }
    }
    for mut answers in [answers, over_graphql] {
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    // Nothing of it has touched the code.
    at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await.expect(200).json()["data"][GET]["access_token"]
        .as_str()
        .unwrap();
}

#[tokio::test]
async fn a_disabled_client_is_an_unknown_one() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let realm = sandbox.realm(&at);
    let activity = kimbai_store::Activity::Disabled;
    sandbox.engine.set_client_activity(&realm, TINI_APP.client_id, activity).await.unwrap();
    at.exchange(&sandbox, &TINI_APP, GET, ("code", "x")).await.graphql_refused(GET, "invalid_signature");
}

#[tokio::test]
async fn a_timestamp_is_milliseconds_of_now_and_an_integer() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let (now, path) = (sandbox.now_ms(), format!("{REST}/auth/token"));
    let body = r#"{"code":"x"}"#;
    // Signed as they are sent, and too far from now: no more is said.
    for timestamp in [now / 1_000, now - 360_000, now + 360_000, 0, i64::MAX] {
        at.with_headers(&path, &TINI_APP, timestamp, body).await.enveloped(400, "invalid_signature");
        in_body(&at, &TINI_APP, "/auth/token", timestamp, ("code", "x")).await.enveloped(400, "invalid_signature");
        let signature = signed_field(&TINI_APP, timestamp, ("code", "x"));
        let query = query(GET, ("code", "x"), (TINI_APP.client_id, &timestamp.to_string(), &signature));
        at.graphql(&query).await.graphql_refused(GET, "invalid_signature");
    }
    for timestamp in [now - 290_000, now + 290_000] {
        at.with_headers(&path, &TINI_APP, timestamp, body).await.enveloped(400, "invalid_code");
    }
    // No such integer, whatever is signed.
    let signature = signed_body(&TINI_APP, now, body);
    for timestamp in [
        format!("\"{now}\""),
        format!("{now}.0"),
        format!("-{now}"),
        format!("+{now}"),
        format!("0{now}"),
        "9223372036854775808".to_owned(),
        "1.6e12".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        String::new(),
        " ".to_owned(),
    ] {
        let call = at
            .call("POST", &path)
            .header("content-type", "application/json")
            .header("x-tiniapp-client-id", TINI_APP.client_id);
        let call = call.header("x-tiniapp-timestamp", &timestamp).header("x-tiniapp-signature", &signature);
        call.body(body.as_bytes()).send().await.enveloped(400, "invalid_signature");
        let fields = signed_field(&TINI_APP, now, ("code", "x"));
        let in_body = format!(
            r#"{{"code":"x","client_id":"{}","timestamp":{timestamp},"signature":"{fields}"}}"#,
            TINI_APP.client_id
        );
        at.json(&format!("{REST_V1}/auth/token"), &in_body).await.enveloped(400, "invalid_signature");
        at.graphql(&query(GET, ("code", "x"), (TINI_APP.client_id, &timestamp, &fields))).await.graphql_error();
    }
}

#[tokio::test]
async fn a_code_of_another_app_is_refused_and_its_owner_can_use_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let body = json!({ "code": code }).to_string();
    at.exchange(&sandbox, &TINI_INTERNAL, GET, ("code", &code)).await.graphql_refused(GET, "invalid_code");
    let path = format!("{REST}/auth/token");
    at.with_headers(&path, &TINI_INTERNAL, sandbox.now_ms(), &body).await.enveloped(400, "invalid_code");
    let tokens = at.with_headers(&path, &TINI_APP, sandbox.now_ms(), &body).await.expect(200).json();
    let refresh = json!({ "refresh_token": tokens["data"]["refresh_token"] }).to_string();
    let path = format!("{REST}/auth/token/refresh");
    at.with_headers(&path, &TINI_INTERNAL, sandbox.now_ms(), &refresh).await.enveloped(400, "invalid_token");
    let access = json!({ "access_token": tokens["data"]["access_token"] }).to_string();
    let me = format!("{REST}/me");
    at.with_headers(&me, &TINI_INTERNAL, sandbox.now_ms(), &access).await.enveloped(400, "invalid_token");
    at.with_headers(&me, &TINI_APP, sandbox.now_ms(), &access).await.expect(200);
}

#[tokio::test]
async fn signatures_of_two_versions_in_one_request_are_refused() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let now = sandbox.now_ms();
    let signature = signed_field(&TINI_APP, now, ("code", "x"));
    let body =
        json!({"code": "x", "client_id": TINI_APP.client_id, "timestamp": now, "signature": signature}).to_string();
    let path = format!("{REST_V1}/auth/token");
    at.json(&path, &body).await.enveloped(400, "invalid_code");
    at.with_headers(&path, &TINI_APP, now, &body).await.enveloped(400, "invalid_signature");
    let one = at.call("POST", &path).header("content-type", "application/json").header("x-tiniapp-timestamp", "1");
    one.body(body.as_bytes()).send().await.enveloped(400, "invalid_signature");
}

#[tokio::test]
async fn an_app_that_signs_cannot_show_its_secret_instead() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    at.call("POST", at.token).basic(&TINI_APP).form(&form).send().await.refused(401, "invalid_client");
    at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await.expect(200);
}

#[tokio::test]
async fn a_token_of_another_generation_or_endpoint_is_one_token() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let tokens = at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await.expect(200).json();
    let body = json!({ "refresh_token": data(&tokens, GET)["refresh_token"] }).to_string();
    let path = format!("{REST_V1}/auth/token/refresh");
    at.with_headers(&path, &TINI_APP, sandbox.now_ms(), &body).await.expect(200);
}

#[tokio::test]
async fn when_the_store_is_away_the_caller_may_ask_again() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &ALL).await;
    sandbox.store.fail(Some(StoreError::NotDone));
    let graphql = at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await.expect(503);
    assert_eq!(
        (graphql.header("retry-after"), &graphql.json()["errors"][0]["extensions"]["reason"]),
        ("1", &json!("unavailable"))
    );
    let body = json!({ "code": code }).to_string();
    let rest = at.with_headers(&format!("{REST}/auth/token"), &TINI_APP, sandbox.now_ms(), &body).await;
    assert_eq!(rest.enveloped(503, "unavailable").header("retry-after"), "1");
    // What signs wrongly does not come so far.
    at.exchange(&sandbox, &GUESSER, GET, ("code", &code)).await.graphql_refused(GET, "invalid_signature");
}

#[tokio::test]
async fn a_wrong_signature_or_an_unknown_client_touches_no_store() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    sandbox.store.fail(Some(StoreError::NotDone));
    for app in [&NOBODY, &GUESSER] {
        for (path, name) in [("/auth/token", "code"), ("/auth/token/refresh", "refresh_token"), ("/me", "access_token")]
        {
            let body = json!({ name: "x" }).to_string();
            for base in [REST, REST_V1] {
                let refused = at.with_headers(&format!("{base}{path}"), app, sandbox.now_ms(), &body).await;
                refused.enveloped(400, "invalid_signature");
            }
            in_body(&at, app, path, sandbox.now_ms(), (name, "x")).await.enveloped(400, "invalid_signature");
        }
        at.exchange(&sandbox, app, GET, ("code", "x")).await.graphql_refused(GET, "invalid_signature");
    }
    // The right one asks it.
    at.with_headers(&format!("{REST}/me"), &TINI_APP, sandbox.now_ms(), r#"{"access_token":"x"}"#)
        .await
        .enveloped(400, "invalid_token");
}

#[tokio::test]
async fn a_code_is_used_once_whatever_the_generation_and_its_second_use_ends_the_tokens() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let exchange = async |generation: usize, code: &str| {
        let body = json!({ "code": code }).to_string();
        match generation {
            1 => at.exchange(&sandbox, &TINI_APP, GET, ("code", code)).await,
            2 => in_body(&at, &TINI_APP, "/auth/token", sandbox.now_ms(), ("code", code)).await,
            3 => at.with_headers(&format!("{REST_V1}/auth/token"), &TINI_APP, sandbox.now_ms(), &body).await,
            _ => at.with_headers(&format!("{REST}/auth/token"), &TINI_APP, sandbox.now_ms(), &body).await,
        }
    };
    for (first, second) in [(1, 4), (4, 1), (2, 3), (3, 2), (1, 1), (4, 4)] {
        let code = at.tini_code(&TINI_APP, &ALL).await;
        let tokens = exchange(first, &code).await.expect(200).json();
        let data = if first == 1 { &tokens["data"][GET] } else { &tokens["data"] };
        // Sooner it is a race, in which the first one keeps its tokens.
        sandbox.clock.advance_s(11);
        let again = exchange(second, &code).await;
        if second == 1 {
            again.graphql_refused(GET, "invalid_code")
        } else {
            again.enveloped(400, "invalid_code")
        };
        let body = json!({ "refresh_token": data["refresh_token"] }).to_string();
        let path = format!("{REST}/auth/token/refresh");
        at.with_headers(&path, &TINI_APP, sandbox.now_ms(), &body).await.enveloped(400, "invalid_token");
    }
}

/// An app has credentials of its sandbox and of its production, and the realm tells which are meant.
#[tokio::test]
async fn credentials_codes_and_tokens_of_one_realm_are_nothing_in_another() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let production = sandbox.tini_as("production", RequestSignatures::Within(300), Served::Production).await;
    let realm = sandbox.realm(&production);
    let id = TINI_APP.client_id;
    let known = realm.client(id).unwrap();
    let client = kimbai_engine::NewClient {
        client_id: id.to_owned(),
        client_secret: Some(kimbai_core::secret::Secret::new("another-secret-of-production-01".to_owned())),
        metadata: kimbai_core::client::ClientMetadata { secrets: Vec::new(), ..known.metadata.clone() },
    };
    sandbox.engine.put_client(&realm, client).await.unwrap();
    let code = at.tini_code(&TINI_APP, &ALL).await;
    let (path, body) = (format!("{REST}/auth/token"), json!({ "code": code }).to_string());
    production.with_headers(&path, &TINI_APP, sandbox.now_ms(), &body).await.enveloped(400, "invalid_signature");
    let of_production = App { client_secret: "another-secret-of-production-01", ..TINI_APP };
    production.with_headers(&path, &of_production, sandbox.now_ms(), &body).await.enveloped(400, "invalid_code");
    at.with_headers(&path, &of_production, sandbox.now_ms(), &body).await.enveloped(400, "invalid_signature");
    let tokens = at.with_headers(&path, &TINI_APP, sandbox.now_ms(), &body).await.expect(200).json();
    let refresh = json!({ "refresh_token": tokens["data"]["refresh_token"] }).to_string();
    let path = format!("{REST}/auth/token/refresh");
    production.with_headers(&path, &of_production, sandbox.now_ms(), &refresh).await.enveloped(400, "invalid_token");
    at.with_headers(&path, &TINI_APP, sandbox.now_ms(), &refresh).await.expect(200);
}
