//! Grants that people have given in the pages, as an operator sees and ends them.

use serde_json::{Value, json};

use super::Place;
use crate::browser::Browser;
use crate::fixture::{Call, SELLER, Start};
use crate::secrets::Secrets;
use crate::tour::{self, Tokens};

const AT: [&str; 4] = ["--data", "data", "--realm", "marketplace"];

#[tokio::test]
async fn grants_are_listed_shown_and_revoked_and_no_output_holds_a_secret() {
    look_and_revoke(Way::Alone).await;
}

#[tokio::test]
async fn grants_are_listed_shown_and_revoked_the_same_beside_a_server() {
    look_and_revoke(Way::BesideServer).await;
}

#[derive(PartialEq, Eq)]
enum Way {
    Alone,
    BesideServer,
}

async fn look_and_revoke(way: Way) {
    let mut place = Place::new();
    let mut secrets = Secrets::default();
    let start = Start::new(Some(&place.path().join("data")));
    let sandbox = start.start();
    let mut tokens = vec![tour::log_in(&sandbox, &mut Browser::new(sandbox.marketplace()), &mut secrets).await];
    for _ in 0..2 {
        let wanted = json!({"client_id": SELLER.0, "user": "an", "scopes": ["offline", "product"]});
        let code =
            sandbox.send(sandbox.marketplace(), &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
        let answer = tour::token(&sandbox, &[("grant_type", "authorization_code"), ("code", &code)]).await.expect(200);
        tokens.push(Tokens::of(&answer, &mut secrets));
    }
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    if way == Way::BesideServer {
        place.serve("data");
    }
    look(&place, &secrets);
    if way == Way::BesideServer {
        secrets.assert_absent("the log", place.stop().as_bytes());
    }
    let sandbox = start.start();
    for tokens in tokens {
        assert!(!tour::is_active(&sandbox, &tokens.access_token).await);
    }
}

fn look(place: &Place, secrets: &Secrets) {
    let run = |words: &[&str]| {
        let said = place.ok(&[words, &AT].concat());
        secrets.assert_absent(&format!("{words:?}"), said.as_bytes());
        said
    };
    let list = |words: &[&str]| -> Vec<Value> { serde_json::from_str(&run(&[words, &["--json"]].concat())).unwrap() };
    let grants = list(&["grant", "list"]);
    let ids: Vec<_> = grants.iter().map(|grant| grant["grant"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let table = run(&["grant", "list", "--user", "an", "--client", "7590139168389961"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["GRANT", "USER", "CLIENT", "STATE", "OPENED", "ENDS", "SCOPE"]);
    assert_eq!(rows[1][..4], [ids[0], "an", "7590139168389961", "active"]);
    let first = run(&["grant", "list", "--limit", "2"]);
    assert!(first.ends_with(&format!("There may be more: --after {}\n", ids[1])), "{first}");
    assert_eq!(list(&["grant", "list", "--after", ids[1]]), grants[2..]);
    assert!(list(&["grant", "list", "--user", "binh"]).is_empty());
    let shown = run(&["grant", "show", ids[0]]);
    assert!(shown.contains("state          active\nstands         yes\nrefreshed      0\n"), "{shown}");
    let revoked = run(&["grant", "revoke", ids[0]]);
    let expected = format!(
        "grant {} (an's to 7590139168389961) is over, and all of its tokens with it: revoked_by_operator\n",
        ids[0]
    );
    assert_eq!(revoked, expected);
    let shown = run(&["grant", "show", ids[0]]);
    assert!(shown.contains("state          revoked_by_operator\nstands         no: "), "{shown}");
    assert_eq!(list(&["grant", "list"]).len(), 2);
    let events = list(&["audit", "list", "--grant", ids[0]]);
    assert_eq!(events[0]["event"], "grant_revoked_by_operator");
    assert_eq!((&events[0]["username"], &events[0]["client_id"]), (&"an".into(), &"7590139168389961".into()));
    let disabled = run(&["client", "disable", "7590139168389961"]);
    assert!(disabled.contains("with it ended 2 grants and every token of its own"), "{disabled}");
    let listed = run(&["grant", "list"]);
    assert_eq!(listed.matches("active (dead)").count(), 2, "{listed}");
    run(&["user", "disable", "an"]);
    run(&["export"]);
}
