//! More requests at once than there is room for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use kimbai_server::http::listener::{Peer, Service};
use kimbai_server::metrics::Metrics;
use kimbai_server::{Audience, Site};
use serde_json::Value;

use crate::fixture::{At, CALLBACK, Sandbox, VERIFIER, basic, encode};

const IN_HAND_MAX: usize = 512;
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// What a realm of a sandbox answers, asked without a connection: so many at once would need a thousand descriptors.
struct Directly {
    site: Arc<Site>,
    metrics: Metrics,
    at: At,
}

struct Answered {
    status: u16,
    retry_after: bool,
    has_request_id: bool,
    body: Value,
}

impl Directly {
    fn new(sandbox: &Sandbox, at: &At) -> Arc<Self> {
        let (realm, metrics) = (sandbox.realm(at), Metrics::default());
        let counters = metrics.realm(&realm.name);
        let site = Site::new(Arc::clone(&sandbox.engine), &realm, counters, Audience::Production).unwrap();
        Arc::new(Self { site, metrics, at: at.clone() })
    }

    async fn token(&self, form: &[(&str, &str)]) -> Answered {
        let app = self.at.app();
        let request = Request::post(self.at.token)
            .header("host", &self.at.host)
            .header("authorization", basic(app.client_id, app.client_secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(encode(form)));
        let response = self.site.answer(Peer::Address(PEER), request.unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answered {
            status: parts.status.as_u16(),
            retry_after: parts.headers.get("retry-after").is_some_and(|seconds| seconds == "1"),
            has_request_id: parts.headers.contains_key("x-request-id"),
            body: serde_json::from_slice(&body).unwrap(),
        }
    }

    async fn refresh(&self, refresh_token: &str) -> Answered {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    async fn redeem(&self, code: &str) -> Answered {
        let code = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        let verifier = (!self.at.is_marketplace()).then_some(("code_verifier", VERIFIER));
        self.token(&code.into_iter().chain(verifier).collect::<Vec<_>>()).await
    }
}

#[tokio::test]
async fn one_request_more_than_there_is_room_for_is_turned_away_and_nothing_of_it_is_done() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let refresh_token = at.tokens(at.app()).await.member("refresh_token");
        let code = at.code(at.app(), at.scope()).await;
        let directly = Directly::new(&sandbox, at);
        sandbox.store.hold(true);
        let in_hand: Vec<_> = (0..IN_HAND_MAX)
            .map(|_| {
                let (directly, refresh_token) = (Arc::clone(&directly), refresh_token.clone());
                tokio::spawn(async move { directly.refresh(&refresh_token).await })
            })
            .collect();
        let begin = Instant::now();
        while sandbox.store.waiting() < IN_HAND_MAX {
            assert!(begin.elapsed() < Duration::from_secs(30), "{} are in hand", sandbox.store.waiting());
            tokio::task::yield_now().await;
        }
        for _ in 0..2 {
            let turned_away = directly.redeem(&code).await;
            assert_eq!((turned_away.status, turned_away.retry_after, turned_away.has_request_id), (503, true, true));
            assert_eq!(turned_away.body["error"], "temporarily_unavailable");
            assert_eq!(turned_away.body.get("status_code").is_some(), at.is_marketplace(), "{}", turned_away.body);
        }
        sandbox.operator.get("/healthz").await.expect(200);
        sandbox.store.hold(false);
        for answer in in_hand {
            assert_eq!(answer.await.unwrap().status, 200);
        }
        assert_eq!(directly.redeem(&code).await.status, 200);
        let metrics = directly.metrics.render();
        assert!(metrics.lines().any(|line| line.contains("\"overloaded\"") && line.ends_with(" 2")), "{metrics}");
    }
}
