//! Tini's endpoints under bad input: each is refused in the form of its own generation, and costs nothing that stays.

use kimbai_core::realm::RequestSignatures;
use serde_json::{Value, json};

use crate::fixture::tini::{GRAPHQL, REST, REST_V1, Served, TINI_APP, query, signed_body, signed_field};
use crate::fixture::{At, Sandbox};

const GET: &str = "get_auth_access_token";

fn rest_paths() -> Vec<String> {
    let paths = ["/auth/token", "/auth/token/refresh", "/me"];
    [REST, REST_V1].into_iter().flat_map(|base| paths.map(|path| format!("{base}{path}"))).collect()
}

/// The token field with a right signature over this code, as it stands in a query.
fn field(sandbox: &Sandbox, code: &str) -> String {
    let timestamp = sandbox.now_ms();
    let signature = signed_field(&TINI_APP, timestamp, ("code", code));
    let whole = query(GET, ("code", code), (TINI_APP.client_id, &timestamp.to_string(), &signature));
    whole.strip_prefix("query {").unwrap().strip_suffix('}').unwrap().to_owned()
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow_in_the_form_of_the_endpoint() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let refused = at.call(method, GRAPHQL).send().await.expect(405);
        assert_eq!(
            (refused.header("allow"), &refused.json()["errors"][0]["extensions"]["code"]),
            ("POST", &json!(405))
        );
        for path in rest_paths().into_iter().chain(["/tiniapp/api/auth-code".to_owned()]) {
            let refused = at.call(method, &path).send().await.enveloped(405, "method_not_allowed");
            assert_eq!(refused.header("allow"), "POST", "{path}");
        }
    }
    let refused = at.call("POST", "/ecom/v1/customers/profile").send().await.enveloped(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_wrong_content_type_is_415_in_the_form_of_the_endpoint() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let types = ["application/x-www-form-urlencoded", "text/plain", "application/graphql", "application/jsonx", ""];
    for content_type in types {
        let call = |path: &str| at.call("POST", path).header("content-type", content_type).body(b"{}");
        let refused = call(GRAPHQL).send().await.expect(415);
        assert_eq!(refused.json()["errors"][0]["extensions"]["reason"], "unsupported_media_type");
        for path in rest_paths() {
            call(&path).send().await.enveloped(415, "unsupported_media_type");
        }
    }
    at.call("POST", GRAPHQL).body(b"{}").send().await.expect(415);
    let twice =
        at.call("POST", GRAPHQL).header("content-type", "application/json").header("content-type", "application/json");
    twice.body(b"{}").send().await.expect(415);
    let spelt = at.call("POST", GRAPHQL).header("content-type", "Application/JSON; charset=utf-8");
    spelt.body(br#"{"query":"{ __typename }"}"#).send().await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_in_the_form_of_the_endpoint() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let query = r#"{"query":"{ __typename }","query":"{ __typename }"}"#;
    for body in [
        "",
        "{",
        "null",
        "1",
        "[]",
        r#"[{"query":"{ __typename }"}]"#,
        r#"{"query":1}"#,
        "\u{feff}{}",
        "query { a }",
        query,
    ] {
        let refused = at.json(GRAPHQL, body).await.expect(400);
        assert!(refused.json()["errors"].is_array(), "{body}");
        for path in rest_paths() {
            at.json(&path, body).await.enveloped(400, "invalid_signature");
        }
    }
    let repeated = r#"{"code":"a","code":"b","client_id":"c","timestamp":1,"signature":"d"}"#;
    at.json(&format!("{REST_V1}/auth/token"), repeated).await.enveloped(400, "invalid_signature");
}

#[tokio::test]
async fn graphql_that_does_not_parse_gets_an_error_of_graphql() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    for query in [
        "",
        " ",
        "{",
        "}",
        "query",
        "{ a",
        "query { get_auth_access_token(",
        "\0",
        "{ \"a\" }",
        "{ a: }",
        "subscription",
    ] {
        at.graphql(query).await.graphql_error();
    }
    // What does not parse is not repeated: it may hold a code.
    let refused = at.graphql("{ get_auth_access_token(input: {code: \"a secret code\" ").await.graphql_error();
    assert!(!refused.body.contains("a secret code"), "{refused:?}");
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_get_an_error_of_graphql() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let right = field(&sandbox, "x");
    at.graphql(&format!("{{{right}}}")).await.graphql_refused(GET, "invalid_code");
    for (part, wrong) in [
        ("code: \"x\"", "code: 1"),
        ("code: \"x\"", "code: null"),
        ("code: \"x\"", "code: [\"x\", \"y\"]"),
        ("code: \"x\"", "code: {a: \"x\"}"),
        ("code: \"x\"", ""),
        ("code: \"x\"", "code: \"x\" more: 1"),
        ("code: \"x\"", "code: \"x\" code: \"x\""),
        ("input: {", "inputs: {"),
        ("scopes", "scopes { a }"),
        ("scopes", "secrets"),
        (GET, "get_auth_access_tokens"),
    ] {
        let wrong = right.replacen(part, wrong, 1);
        assert_ne!(wrong, right);
        at.graphql(&format!("{{{wrong}}}")).await.graphql_error();
    }
    at.graphql("{ get_auth_access_token }").await.graphql_error();
    at.graphql("{ get_auth_access_token(input: {}) { scopes } }").await.graphql_error();
    let variable = "query ($i: GetAuthAccessTokenInput!) { get_auth_access_token(input: $i) { scopes } }";
    let twice = r#"{"i":{"code":"x","code":"y","client_id":"a","timestamp":1,"signature":"b"}}"#;
    at.json(GRAPHQL, &format!(r#"{{"query":"{variable}","variables":{twice}}}"#)).await.expect(400);
    for variables in
        [json!({}), json!({"i": 1}), json!({"i": {"code": "x"}}), json!({"i": {"code": {}}}), json!({"i": null})]
    {
        at.json(GRAPHQL, &json!({"query": variable, "variables": variables}).to_string()).await.graphql_error();
    }
}

#[tokio::test]
async fn two_operations_without_a_name_are_refused() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    at.graphql("query A { __typename } query B { __typename }").await.graphql_error();
    at.graphql("{ __typename } { __typename }").await.graphql_error();
    let unknown = json!({"query": "query A { __typename } query B { __typename }", "operationName": "C"});
    at.json(GRAPHQL, &unknown.to_string()).await.graphql_error();
}

#[tokio::test]
async fn a_mutation_is_refused() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    at.graphql(&format!("mutation {{{}}}", field(&sandbox, "x"))).await.graphql_error();
    at.graphql(&format!("subscription {{{}}}", field(&sandbox, "x"))).await.graphql_error();
}

#[tokio::test]
async fn an_operation_has_one_token_field() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let codes = [at.tini_code(&TINI_APP, &["offline"]).await, at.tini_code(&TINI_APP, &["offline"]).await];
    let [one, other] = codes.clone().map(|code| field(&sandbox, &code));
    for query in [
        format!("{{ a: {one} b: {other} }}"),
        format!("{{ {one} {one} }}"),
        format!("{{ ...on Query {{ a: {one} }} ... {{ b: {other} }} }}"),
        format!("{{ a: {one} ...f }} fragment f on Query {{ b: {other} }}"),
        format!("{{ ...f ...g }} fragment f on Query {{ a: {one} }} fragment g on Query {{ b: {other} }}"),
        format!("{{ ...f ...f }} fragment f on Query {{ {one} }}"),
    ] {
        at.graphql(&query).await.graphql_error();
    }
    // Batches are no requests at all.
    let batch = json!([{"query": format!("{{ {one} }}")}, {"query": format!("{{ {other} }}")}]);
    at.json(GRAPHQL, &batch.to_string()).await.expect(400);
    // None of it has touched the codes.
    for field in [one, other] {
        assert!(at.graphql(&format!("{{ {field} }}")).await.expect(200).json()["errors"].is_null());
    }
    // Of several operations the one that is asked for counts.
    let code = at.tini_code(&TINI_APP, &["offline"]).await;
    let (one, other) = (field(&sandbox, &code), field(&sandbox, "x"));
    let named = json!({"query": format!("query A {{ {one} }} query B {{ {other} }}"), "operationName": "A"});
    assert!(at.json(GRAPHQL, &named.to_string()).await.expect(200).json()["errors"].is_null());
}

fn repeated(times: usize, text: impl Fn(usize) -> String) -> String {
    (0..times).map(text).collect::<Vec<_>>().concat()
}

/// Queries that would run away with a server that lets them.
fn runaways() -> Vec<(&'static str, String)> {
    let doubling = repeated(30, |n| format!("fragment f{n} on Query {{ ...f{} ...f{} }} ", n + 1, n + 1));
    let letters = || 'a'..='z';
    let names = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}:a "))));
    let token_aliases = repeated(400, |n| format!("a{n}: get_auth_access_token(input: {{}}) {{ scopes }} "));
    vec![
        ("recursive fragments", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned()),
        ("a fragment of itself", "{ ...a } fragment a on Query { ...a }".to_owned()),
        (
            "a fragment of itself, fourteen times",
            format!("{{ ...a }} fragment a on Query {{ {} }}", "...a ".repeat(14)),
        ),
        ("a fragment of itself, fifteen times", format!("{{ ...a }} fragment a on Query {{ {} }}", "...a ".repeat(15))),
        ("a fragment of itself, sixteen times", format!("{{ ...a }} fragment a on Query {{ {} }}", "...a ".repeat(16))),
        ("an unused fragment of itself", format!("{{ a }} fragment a on Query {{ {} }}", "...a ".repeat(16))),
        ("fragments that double", format!("{{ ...f0 }} {doubling} fragment f30 on Query {{ __typename }}")),
        ("ten thousand aliases", format!("{{{}}}", names.take(10_000).collect::<String>())),
        ("aliases of the token field", format!("{{ {token_aliases} }}")),
        ("unknown fields", format!("{{ {} }}", "a ".repeat(20_000))),
        ("deep lists", format!("{{ get_auth_access_token(input: {}) }}", "[".repeat(50_000))),
        ("deep objects", format!("{{ get_auth_access_token(input: {}) }}", "{a:".repeat(15_000))),
        ("deep selections", "{a".repeat(20_000)),
        ("deep selections that end", format!("{}{}", "{a".repeat(200), "}".repeat(200))),
        ("directives", format!("{{ __typename {} }}", "@a".repeat(20_000))),
        ("directives with arguments", format!("{{ __typename {} }}", "@include(if: true) ".repeat(200))),
        ("many variables", format!("query ({}) {{ __typename }}", "$a: Int ".repeat(7_000))),
        ("many operations", "query A { __typename } ".repeat(2_000)),
        ("many fragments", "fragment a on Query { __typename } ".repeat(1_500)),
        ("many definitions of one name", "fragment a on Query { a } ".repeat(240)),
        ("a long name", format!("{{ {} }}", "a".repeat(60_000))),
        ("a long string", format!("{{ a(b: \"{}\") }}", "\\u0041".repeat(9_000))),
        ("comments", "#\n".repeat(30_000)),
        ("commas", format!("{{ __typename {} a }}", ",".repeat(60_000))),
    ]
}

fn resident_pages() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn no_query_runs_away_with_the_server() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let hostile = async |at: &At| {
        for (name, query) in runaways() {
            let started = std::time::Instant::now();
            let answer = at.graphql(&query).await;
            assert!(answer.status == 200 || answer.status == 413, "{name}: {answer:?}");
            assert!(
                answer.body.contains("\"errors\"") && answer.body.len() < 300_000,
                "{name}: {} bytes",
                answer.body.len()
            );
            assert!(started.elapsed().as_secs() < 5, "{name} took {:?}", started.elapsed());
        }
    };
    hostile(&at).await;
    let before = resident_pages();
    for _ in 0..3 {
        hostile(&at).await;
    }
    let grown = resident_pages().saturating_sub(before) * 4_096;
    assert!(grown < 64 * 1_024 * 1_024, "{grown} bytes more are resident");
    assert_eq!(at.graphql("{ __typename }").await.expect(200).json()["data"]["__typename"], "Query");
}

#[tokio::test]
async fn a_megabyte_of_fragments_is_413_in_the_form_of_the_endpoint() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let fragments = "fragment a on Query { __typename } ".repeat(30_000);
    let refused = at.json(GRAPHQL, &json!({"query": fragments}).to_string()).await.expect(413);
    assert!(refused.json()["errors"][0]["message"].is_string());
    let body = "a".repeat(64 * 1_024 + 1);
    for path in rest_paths() {
        at.json(&path, &body).await.enveloped(413, "invalid_request");
    }
}

#[tokio::test]
async fn too_many_headers_and_another_host_are_refused_in_the_form_of_the_endpoint() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    for (path, is_graphql) in [(GRAPHQL, true), (&*format!("{REST}/me"), false), ("/tiniapp-open-api/nothing", false)] {
        let mut many = at.call("POST", path);
        for number in 0..101 {
            many = many.header(&format!("x-{number}"), "a");
        }
        let other = at.call("POST", path).without_host().header("host", "evil.test");
        for (call, status) in [(many, 431), (other, 421)] {
            let refused = call.send().await;
            if is_graphql {
                assert!(refused.expect(status).json()["errors"].is_array(), "{path}");
            } else {
                refused.enveloped(status, "invalid_request");
            }
        }
    }
    at.get("/nothing").await.enveloped(404, "not_found");
    at.get("/oauth2/token").await.refused(405, "invalid_request");
}

#[tokio::test]
async fn a_header_given_twice_is_refused() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let (now, body) = (sandbox.now_ms().to_string(), r#"{"code":"x"}"#);
    let signature = signed_body(&TINI_APP, sandbox.now_ms(), body);
    let headers = [
        ("x-tiniapp-client-id", TINI_APP.client_id),
        ("x-tiniapp-timestamp", &now),
        ("x-tiniapp-signature", &signature),
    ];
    let ask = async |headers: &[(&str, &str)]| {
        let mut call = at.call("POST", &format!("{REST}/auth/token")).header("content-type", "application/json");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.body(body.as_bytes()).send().await
    };
    for (place, twice) in headers.into_iter().enumerate() {
        ask(&[headers.as_slice(), &[twice]].concat()).await.enveloped(400, "invalid_signature");
        ask(&[headers.as_slice(), &[(twice.0, "")]].concat()).await.enveloped(400, "invalid_signature");
        let without: Vec<_> =
            headers.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, header)| *header).collect();
        ask(&without).await.enveloped(400, "invalid_signature");
    }
}

#[tokio::test]
async fn the_schema_can_be_asked_for_in_the_sandbox_alone() {
    const ASK: &str = "{ __schema { queryType { name fields { name args { name type { kind ofType { name inputFields { name } } } } } } } }";
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let schema = at.graphql(ASK).await.expect(200).json();
    assert_eq!(schema["data"]["__schema"]["queryType"]["name"], "Query", "{schema}");
    assert!(schema.to_string().contains("RefreshAuthAccessTokenInput"), "{schema}");
    // What tools send is within the limits.
    let whole = at.graphql(include_str!("introspection.graphql")).await.expect(200).json();
    assert!(whole["errors"].is_null() && whole["data"]["__schema"]["types"].is_array(), "{whole}");

    let signatures = RequestSignatures::Within(300);
    let production = sandbox.tini_as("production", signatures, Served::Production).await;
    for query in [ASK, "{ __type(name: \"Query\") { name } }"] {
        let answer = production.graphql(query).await.expect(200);
        assert!(!answer.body.contains("Query") && !answer.body.contains("get_auth"), "{answer:?}");
        answer.graphql_error();
    }
    assert_eq!(production.graphql("{ __typename }").await.json()["data"]["__typename"], Value::from("Query"));
    production.get("/sandbox/tini/consent?client_id=x").await.enveloped(404, "not_found");
}

#[tokio::test]
async fn hostile_headers_and_bodies_make_no_fault_of_ours() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let long = "9".repeat(5_000);
    for value in ["\u{e9}", "'\"<>", "%00", "..", &long, "{}", "null"] {
        for path in rest_paths() {
            let mut call = at.call("POST", &path).header("content-type", "application/json");
            for name in ["x-tiniapp-client-id", "x-tiniapp-timestamp", "x-tiniapp-signature"] {
                call = call.header_bytes(name, value.as_bytes());
            }
            call.body(b"{\"code\":\"\xff\"}").send().await.enveloped(400, "invalid_signature");
        }
        let escaped = serde_json::to_string(value).unwrap();
        let body = format!(r#"{{"code":{escaped},"client_id":{escaped},"timestamp":1,"signature":{escaped}}}"#);
        at.json(&format!("{REST_V1}/auth/token"), &body).await.enveloped(400, "invalid_signature");
    }
}
