//! Servers on one store: each in a place of its own, with the same master key, as one issuer.

use std::collections::BTreeMap;

use kimbai_postgres_fixture::Database;

use super::super::place::{Ended, Place, Server};
use super::super::visit::{App, MANIFEST, PASSWORD};
use crate::BINARY;
use crate::browser::{Browser, parameter};
use crate::fixture::{Answer, Call, Connection};
use crate::secrets::Secrets;

/// All servers come from one address and are one client.
const UNLIMITED: &str = "[realms.main.rate_limits]\nsource_per_minute = 4000000000\nclient_per_minute = 4000000000\n";
/// Of every server.
const MASTER_KEY: &str = "KIMBAI_MASTER_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Servers on one store.
pub(super) struct Cluster {
    nodes: Vec<Node>,
}

struct Node {
    place: Place,
    /// Words before the command: `NAME=value`.
    environment: Vec<String>,
    /// None while it is down.
    server: Option<Server>,
}

impl Cluster {
    /// So many servers on a database. The last one writes a statement for each verb: both ways agree, row by row.
    pub(super) async fn start(database: &Database<'_>, servers: usize) -> Self {
        let mut environments = vec![Vec::new(); servers];
        environments[servers - 1].push("KIMBAI_STORE_STATEMENTS=single".to_owned());
        Self::start_with(&database.url(), &environments).await
    }

    /// One server for each environment, on the database with this URL, which is empty.
    pub(super) async fn start_with(url: &str, environments: &[Vec<String>]) -> Self {
        let node = |environment: &Vec<String>| {
            let place = Place::new();
            place.write("kimbai.toml", &format!("[store]\nurl = '{url}'\n"));
            Node { place, environment: environment.clone(), server: None }
        };
        let mut cluster = Self { nodes: environments.iter().map(node).collect() };
        for number in 0..environments.len() {
            cluster.serve(number).await;
            if number == 0 {
                cluster.nodes[0].place.apply(&format!("{UNLIMITED}{MANIFEST}"));
            }
        }
        cluster
    }

    /// Starts one that is down.
    pub(super) async fn serve(&mut self, number: usize) {
        let Node { place, environment, server } = &mut self.nodes[number];
        let words = environment.iter().map(String::as_str);
        let words: Vec<_> =
            ["env", MASTER_KEY].into_iter().chain(words).chain([BINARY, "serve", "--log", "warn"]).collect();
        // Someone who looks for free ports may hold one of them for a moment.
        for _ in 0..20 {
            match place.try_serve(&words).await {
                Ok(running) => {
                    *server = Some(running);
                    return;
                }
                Err(ended) if ended.stderr.contains("is in use: stop what listens there") => {}
                Err(ended) => panic!("server {number} ended: {ended:?}"),
            }
        }
        panic!("port {} stays busy", place.port);
    }

    /// Where all of them answer.
    pub(super) fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.place.port).collect()
    }

    /// Where one tells how it is.
    pub(super) fn operator(&self, number: usize) -> u16 {
        self.nodes[number].place.operator()
    }

    /// The host of their one issuer: the first start has named it.
    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.nodes[0].place.port)
    }

    /// A command beside one of them.
    #[track_caller]
    pub(super) fn ok(&self, number: usize, words: &[&str]) -> String {
        self.ok_with(number, words, "")
    }

    /// The same, with something to read.
    #[track_caller]
    pub(super) fn ok_with(&self, number: usize, words: &[&str], input: &str) -> String {
        self.nodes[number].place.ok(words, input)
    }

    /// Ends one as a power cut would end its process.
    pub(super) fn kill(&mut self, number: usize) {
        self.nodes[number].server.take().expect("it runs").kill();
    }

    /// Stops one as an operator would.
    pub(super) async fn stop(&mut self, number: usize) -> Ended {
        self.nodes[number].server.take().expect("it runs").stop().await
    }

    /// One request to one of them, as to its issuer.
    pub(super) async fn send(&self, number: usize, call: Call) -> Answer {
        let call = call.header("host", &self.host());
        let sent = Connection::to(self.nodes[number].place.port).send(&call).await;
        sent.unwrap_or_else(|broken| panic!("{broken:?}: {call:?}"))
    }

    /// Whether one says that it is ready.
    pub(super) async fn is_ready(&self, number: usize) -> bool {
        let answer = Connection::to(self.operator(number)).send(&Call::get("/readyz")).await.unwrap();
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        answer.status == 200
    }

    /// A person who has logged in at one of them and allowed the app what it asks for.
    pub(super) async fn person(&self, number: usize) -> Person {
        let mut person = Person { host: self.host(), cookies: BTreeMap::new() };
        let mut browser = person.browser(self.nodes[number].place.port);
        let led = App::WEB.allowed(&mut browser, PASSWORD, &mut Secrets::default()).await;
        parameter(&led, "code");
        person.cookies = browser.cookies;
        person
    }
}

/// A browser's session and consent.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) host: String,
    cookies: BTreeMap<String, String>,
}

impl Person {
    /// Sends the person to the server at this port, which gives a code at once: nobody asks for the password again.
    pub(super) async fn code(&self, port: u16) -> String {
        let mut browser = self.browser(port);
        let led = browser.get(&App::WEB.authorization_request(), &mut Secrets::default()).await.expect(303);
        parameter(&led, "code")
    }

    fn browser(&self, port: u16) -> Browser {
        let mut browser = Browser::new(port);
        browser.headers.push(("host", self.host.clone()));
        browser.cookies.clone_from(&self.cookies);
        browser
    }
}
