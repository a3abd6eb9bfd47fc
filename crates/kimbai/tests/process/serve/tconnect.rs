//! TCONNECT in production, by the tools that an operator and an integrator have: partners by file and by command, envelopes sealed by
//! `kimbai envelope` and sent by curl, a key that is rotated while it is in use.

use serde_json::Value;

use super::place::{Ended, Place};
use crate::fixture::Start;
use crate::secrets::Secrets;

const HOST: &str = "pay.example.vn";
const KEY: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
const PASSWORD: &str = "mật khẩu của Ảnh";
const SECRET: &str = "shop-secret-0123456789-abcdef";
const MANIFEST: &str = "\
[realms.tconnect]
issuer = 'https://pay.example.vn'
dialect = 'tconnect'

[realms.tconnect.partners]
failed_log_in_answer_ms = 1
failed_refresh_answer_ms = 1

[realms.tconnect.clients.shop]
client_secret = 'shop-secret-0123456789-abcdef'
partner = { partner_code = 'SHOP', key = 'file:shop.key' }

[realms.tconnect.users.an]
name = 'Đặng Thị Ngọc Ảnh'
password = 'mật khẩu của Ảnh'
";

/// A request of `SHOP` as a shell sends it: sealed under this key, and whatever comes back.
fn send(place: &Place, path: &str, payload: &str, (key, headers): (&str, &str)) -> (u16, String) {
    let line = format!(
        "kimbai envelope seal --json | curl -sS -w '\\n%{{http_code}}' --data-binary @- -H 'Host: {HOST}' \
         -H 'Content-Type: application/json' -H 'Partner-Code: SHOP' {headers} http://127.0.0.1:{}/openapi/v1{path}",
        place.port
    );
    let Ended { status, stdout, stderr } =
        place.run(&["env", &format!("KIMBAI_KEY_HEX={key}"), "sh", "-c", &line], payload);
    assert!(status.success() && stderr.is_empty(), "{path}: {stderr}");
    let (body, code) = stdout.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), body.to_owned())
}

fn log_in(client_secret: &str, password: &str) -> String {
    format!(r#"{{"username":"an","password":"{password}","client_id":"shop","client_secret":"{client_secret}"}}"#)
}

/// A log-in under this key: the pair, or nothing but 401.
fn tokens(place: &Place, key: &str) -> Option<Value> {
    match send(place, "/auth/login", &log_in(SECRET, PASSWORD), (key, "")) {
        (200, body) => Some(serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))),
        (401, _) => None,
        other => panic!("{other:?}"),
    }
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_else(|| panic!("{name}: {tokens}")).to_owned()
}

#[tokio::test]
async fn a_partner_logs_in_by_the_command_line_and_its_key_is_rotated_while_it_is_used() {
    let place = Place::new();
    let server = place.serve(&["--log", "trace"]).await;
    place.write("shop.key", &format!("{KEY}\n"));
    place.apply(MANIFEST);
    let mut secrets = Secrets::default();
    for (what, secret) in [("key", KEY), ("password", PASSWORD), ("client_secret", SECRET)] {
        secrets.add(what, secret);
    }
    let first = tokens(&place, KEY).unwrap();
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    assert_eq!((&first["expires_in"], &first["token_type"]), (&36_000.into(), &"Bearer".into()), "{first}");
    let bearer = format!("-H 'Authorization: Bearer {access}'");
    let (status, body) = send(&place, "/qr", "{}", (KEY, &bearer));
    assert_eq!((status, body.as_str()), (200, r#"{"partner_code":"SHOP","username":"an"}"#));
    let refreshing = format!(r#"{{"refresh_token":"{refresh}"}}"#);
    let (status, body) = send(&place, "/auth/refresh", &refreshing, (KEY, ""));
    let (again, retried) = send(&place, "/auth/refresh", &refreshing, (KEY, ""));
    assert_eq!((status, again), (200, 200));
    let [second, third] = [body, retried].map(|body| serde_json::from_str::<Value>(&body).unwrap());
    assert_eq!(second["refresh_token"], third["refresh_token"]);

    // Two keys for a while.
    let rotated = place.json(&["partner", "rotate-key", "SHOP", "--realm", "tconnect"], "");
    let new = text(&rotated, "key");
    secrets.add("key", &new);
    assert!(tokens(&place, KEY).is_some() && tokens(&place, &new).is_some());
    let listed = place.ok(&["partner", "list", "--realm", "tconnect"], "");
    assert!(listed.contains(&format!("until it is replaced, until {}", text(&rotated, "previous_ends"))), "{listed}");
    let ended = place.run(&[crate::BINARY, "partner", "rotate-key", "SHOP", "--realm", "tconnect"], "");
    assert!(ended.status.code() == Some(2) && ended.stderr.contains("--overlap 0s"), "{ended:?}");
    place.write("third.key", &"ab".repeat(32));
    let given = place.json(
        &["partner", "rotate-key", "SHOP", "--realm", "tconnect", "--overlap", "0s", "--key", "file:third.key"],
        "",
    );
    assert_eq!(given["key"], Value::Null, "who gave it knows it");
    assert!(tokens(&place, KEY).is_none() && tokens(&place, &new).is_none());
    let last = tokens(&place, &"ab".repeat(32)).unwrap();

    // Nothing but 401 for all that is wrong, and nothing secret in the log.
    let wrong = send(&place, "/auth/login", &log_in(SECRET, "a wrong password"), (&"ab".repeat(32), ""));
    let stranger = send(&place, "/auth/login", &log_in(SECRET, PASSWORD), (&"cd".repeat(32), ""));
    assert_eq!((wrong.0, &wrong), (401, &stranger));
    let disabled = place.ok(&["partner", "disable", "SHOP", "--realm", "tconnect"], "");
    assert!(disabled.starts_with("partner SHOP is disabled; with it ended "), "{disabled}");
    assert!(tokens(&place, &"ab".repeat(32)).is_none());
    let bearer = format!("-H 'Authorization: Bearer {}'", text(&last, "access_token"));
    assert_eq!(send(&place, "/qr", "{}", (&"ab".repeat(32), &bearer)).0, 401);
    place.ok(&["partner", "enable", "SHOP", "--realm", "tconnect"], "");
    assert_eq!(send(&place, "/qr", "{}", (&"ab".repeat(32), &bearer)).0, 401, "what ended stays ended");
    let anew = tokens(&place, &"ab".repeat(32)).unwrap();
    for tokens in [&first, &second, &third, &last, &anew] {
        for name in ["access_token", "refresh_token"] {
            secrets.add(name, &text(tokens, name));
        }
    }
    let said = server.log();
    assert!(said.contains("padding"), "the reason is in the log: {said}");
    secrets.assert_absent("the log", said.as_bytes());
}

/// What the page for operators says of partners.
const PAGE: &str = include_str!("../../../../../docs/operate.md");

#[tokio::test]
async fn the_commands_of_the_operators_page_work_as_they_stand_beside_the_realm_main() {
    let place = Place::new();
    let _server = place.serve(&[]).await;
    let (_, after) = PAGE.split_once("\n## Partners\n").unwrap();
    let (section, _) = after.split_once("\n## ").unwrap();
    let blocks: Vec<_> = section.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    let run = |block: &str| {
        let port = format!("localhost:{}", place.port);
        let ended = place.run(&["sh", "-euc", &block.replace("localhost:4500", &port)], "");
        assert!(ended.status.success() && ended.stderr.is_empty(), "{block}: {ended:?}");
        ended.stdout
    };
    let [apply, log_in, commands] = blocks[..] else { panic!("{section}") };
    run(apply);
    let tokens: Value = serde_json::from_str(&run(log_in)).unwrap();
    assert_eq!(tokens["token_type"], "Bearer", "{tokens}");
    let said = run(commands);
    for expect in ["partner_code  KIOSK", "SHOP", "partner KIOSK has a new key", "partner KIOSK is enabled"] {
        assert!(said.contains(expect), "{expect}: {said}");
    }
    assert!(place.ok(&["apply", "--yes", "partners.toml"], "").starts_with("Nothing to do"));
}

/// What integrators read.
const INTEGRATORS_PAGE: &str = include_str!("../../../../../docs/integrate-tconnect.md");

#[tokio::test]
async fn the_commands_of_the_integrators_page_work_as_they_stand_and_leave_no_key_in_the_shell() {
    let place = Place::new();
    let sandbox = Start::new(None).start();
    let run = |script: &str| {
        let port = format!("localhost:{}", sandbox.port_base + 3);
        let ended = place.run(&["sh", "-euc", &script.replace("localhost:4603", &port)], "");
        assert!(ended.status.success(), "{script}: {ended:?}");
        ended
    };
    let blocks: Vec<_> =
        INTEGRATORS_PAGE.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap()).collect();
    let [(seal, after), (log_in, _)] = blocks[..] else { panic!("{blocks:?}") };
    let sealed = run(seal);
    let shown = after.split("```").nth(1).unwrap();
    assert_eq!(sealed.stderr + &sealed.stdout, shown.trim_start(), "the page shows what it prints");
    place.write("shop.key", &format!("{KEY}\n"));
    let said = run(&format!("{log_in}echo; echo '{{}}' | kimbai envelope seal --key-file shop.key --iv zero"));
    let (tokens, digits) = said.stdout.split_once('\n').unwrap();
    let tokens: Value = serde_json::from_str(tokens).unwrap();
    assert_eq!((&tokens["token_type"], digits.trim_end().len()), (&"Bearer".into(), 32), "{said:?}");
    let (_, clock) = INTEGRATORS_PAGE.split_once("access token lives, `").unwrap();
    let (clock, _) = clock.split_once('`').unwrap();
    assert!(run(clock).stdout.starts_with("{\"now\":"), "{clock}");
}

#[tokio::test]
async fn a_partner_that_is_made_by_command_logs_in_with_what_was_printed() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(
        &MANIFEST
            .replace("[realms.tconnect.clients.shop]", "#")
            .replace("client_secret =", "#")
            .replace("partner =", "#"),
    );
    place.write("shop.secret", &format!("{SECRET}\n"));
    let words =
        ["partner", "add", "SHOP", "--client-id", "shop", "--realm", "tconnect", "--secret", "file:shop.secret"];
    let printed = place.ok(&words, "");
    assert!(printed.starts_with("partner_code  SHOP\nclient_id     shop\n"), "{printed}");
    let key = printed.lines().last().unwrap();
    assert_eq!(printed.matches("It is not shown again").count(), 1, "the secret was given: {printed}");
    assert!(tokens(&place, key).is_some());
    for shown in [
        place.ok(&["partner", "list", "--realm", "tconnect", "--json"], ""),
        place.ok(&["export"], ""),
        place.ok(&["export", "--hashes"], ""),
        place.ok(&["client", "show", "shop", "--realm", "tconnect"], ""),
        server.log(),
    ] {
        assert!(!shown.contains(key), "{shown}");
    }
    // What was exported is what stands.
    let exported = place.ok(&["export", "--realm", "tconnect", "--hashes"], "");
    assert!(
        exported.contains("[realms.tconnect.clients.shop.partner]") && exported.contains("key = \"sealed:"),
        "{exported}"
    );
    assert!(place.ok(&["apply", "--plan", "-"], &exported).contains("Nothing"), "{exported}");
}
