//! What is asked of several servers at once is decided once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kimbai_postgres_fixture::{Server as Postgres, Version};
use serde_json::Value;
use tokio::task::JoinSet;

use super::super::visit::{App, client_credentials, introspection};
use super::client::redemption;
use super::servers::{Cluster, Person};
use crate::fixture::{Answer, Call, Connection};

const SERVERS: usize = 3;
const FOLLOWED_MAX: Duration = Duration::from_secs(5);

/// Sends a request so many times at once, to one server after the other.
async fn spread(cluster: &Cluster, call: &Call, times: usize, ports: &[u16]) -> Vec<Answer> {
    let call = call.clone().header("host", &cluster.host());
    let mut sent = JoinSet::new();
    for number in 0..times {
        let (call, port) = (call.clone(), ports[number % ports.len()]);
        sent.spawn(async move { Connection::to(port).send(&call).await.unwrap() });
    }
    sent.join_all().await
}

async fn tokens(cluster: &Cluster, person: &Person) -> (String, String) {
    let code = person.code(cluster.ports()[0]).await;
    let answer = cluster.send(0, redemption(&code)).await.expect(200);
    (answer.member("refresh_token"), answer.member("access_token"))
}

#[track_caller]
fn assert_refused(answer: Answer) {
    assert_eq!(answer.expect(400).member("error"), "invalid_grant");
}

async fn is_active(cluster: &Cluster, number: usize, access_token: &str) -> bool {
    let answer = cluster.send(number, introspection(access_token)).await.expect(200);
    serde_json::from_str::<Value>(&answer.body).unwrap()["active"].as_bool().unwrap()
}

#[tokio::test]
async fn one_of_64_redemptions_of_a_code_spread_over_three_servers_succeeds() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let cluster = Cluster::start(&database, SERVERS).await;
        let person = cluster.person(0).await;
        for from in 0..SERVERS {
            let code = person.code(cluster.ports()[from]).await;
            let answers = spread(&cluster, &redemption(&code), 64, &cluster.ports()).await;
            let (redeemed, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
            assert_eq!((redeemed.len(), refused.len()), (1, 63));
            refused.into_iter().for_each(assert_refused);
            // The losers of the race have not ended the winner's grant.
            let refresh_token = redeemed[0].member("refresh_token");
            cluster.send((from + 1) % SERVERS, App::WEB.refresh(&refresh_token)).await.expect(200);
        }
    }
}

#[tokio::test]
async fn all_of_64_refreshes_of_a_token_spread_over_three_servers_get_one_successor() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let cluster = Cluster::start(&database, SERVERS).await;
        let (mut refresh_token, _) = tokens(&cluster, &cluster.person(0).await).await;
        for _ in 0..5 {
            let answers = spread(&cluster, &App::WEB.refresh(&refresh_token), 64, &cluster.ports()).await;
            let successors = answers.into_iter().map(|answer| {
                let answer = answer.expect(200);
                (answer.member("refresh_token"), answer.member("access_token"))
            });
            let successors: BTreeSet<_> = successors.collect();
            assert_eq!(successors.len(), 1, "{successors:?}");
            refresh_token = successors.into_iter().next().unwrap().0;
        }
    }
}

#[tokio::test]
async fn a_revocation_ends_what_other_servers_are_refreshing() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let cluster = Cluster::start(&database, SERVERS).await;
        let person = cluster.person(0).await;
        let ports = cluster.ports();
        for _ in 0..10 {
            let (refresh_token, access_token) = tokens(&cluster, &person).await;
            let refresh = App::WEB.refresh(&refresh_token);
            let revocation = Call::post("/revoke", &[("token", &refresh_token)]).by(App::WEB.client);
            let refreshes = spread(&cluster, &refresh, 16, &ports[1..]);
            let (answers, revoked) = tokio::join!(refreshes, cluster.send(0, revocation));
            revoked.expect(200);
            let mut access_tokens = vec![access_token];
            for answer in answers {
                if answer.status != 200 {
                    assert_refused(answer);
                    continue;
                }
                access_tokens.push(answer.member("access_token"));
                let next = App::WEB.refresh(&answer.member("refresh_token"));
                spread(&cluster, &next, 3, &ports).await.into_iter().for_each(assert_refused);
            }
            spread(&cluster, &refresh, 3, &ports).await.into_iter().for_each(assert_refused);
            for (number, token) in access_tokens.iter().enumerate() {
                assert!(!is_active(&cluster, number % SERVERS, token).await);
            }
        }
    }
}

#[tokio::test]
async fn who_is_disabled_at_one_server_is_dead_at_the_others_at_once() {
    for &version in Version::under_test() {
        for [kind, name] in [["user", "an"], ["client", "web"]] {
            let database = Postgres::shared(version).fresh_database();
            let cluster = Cluster::start(&database, SERVERS).await;
            let person = cluster.person(0).await;
            let mut before = Vec::new();
            for _ in 0..SERVERS {
                before.push(tokens(&cluster, &person).await);
            }
            cluster.ok(0, &[kind, "disable", name]);
            assert_dead(&cluster, &before).await;
            // What was issued before has ended for good.
            cluster.ok(1, &[kind, "enable", name]);
            assert_dead(&cluster, &before).await;
        }
    }
}

/// Each of these tokens at another server, beginning with the last.
async fn assert_dead(cluster: &Cluster, tokens: &[(String, String)]) {
    for (number, (refresh_token, access_token)) in tokens.iter().enumerate().rev() {
        let refused = cluster.send(number, App::WEB.refresh(refresh_token)).await;
        // Of a client that is disabled not even the secret counts.
        assert!([400, 401].contains(&refused.status), "{refused:?}");
        assert!(!is_active(cluster, number, access_token).await, "at server {number}");
    }
}

#[tokio::test]
async fn what_is_applied_at_one_server_is_known_to_the_others_within_five_seconds() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let cluster = Cluster::start(&database, SERVERS).await;
        let client = ("late", "late-secret-0123456789-abcdef");
        let call = || client_credentials(client);
        for number in 0..SERVERS {
            cluster.send(number, call()).await.expect(401);
        }
        let added = ["client", "add", client.0, "--scope", "orders.read", "--secret", "-"];
        cluster.ok_with(0, &added, client.1);
        cluster.send(0, call()).await.expect(200);
        let begun = Instant::now();
        for number in 1..SERVERS {
            while cluster.send(number, call()).await.status != 200 {
                assert!(begun.elapsed() < FOLLOWED_MAX, "server {number} does not know it after {:?}", begun.elapsed());
            }
        }
    }
}
