//! Many honest clients at once, at all servers, for as long as something is done to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Client, Route};
use super::servers::{Cluster, Person};
use crate::fixture::say;

const CLIENTS: usize = 24;
const WAIT_MAX: Duration = Duration::from_mins(2);

/// What a client does when it gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It asks again.
    Endless,
    /// That is a failure.
    None,
}

/// Clients that refresh again and again.
pub(super) struct Load {
    running: JoinSet<Client>,
    is_over: Arc<AtomicBool>,
    rotations: Arc<AtomicU64>,
}

/// What clients do until it is over.
#[derive(Clone)]
struct Task {
    ports: Vec<u16>,
    patience: Patience,
    is_over: Arc<AtomicBool>,
    rotations: Arc<AtomicU64>,
}

impl Load {
    /// Clients of this person, at these ports.
    pub(super) async fn begin(person: &Person, ports: &[u16], patience: Patience) -> Self {
        let mut load = Self { running: JoinSet::new(), is_over: Arc::default(), rotations: Arc::default() };
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            clients.push(Client::begin(person, number, ports[number % ports.len()]).await);
        }
        let (is_over, rotations) = (Arc::clone(&load.is_over), Arc::clone(&load.rotations));
        let task = Task { ports: ports.to_vec(), patience, is_over, rotations };
        for (number, client) in clients.into_iter().enumerate() {
            load.running.spawn(task.clone().run(client, number));
        }
        load
    }

    /// Waits until so many more refreshes were acknowledged.
    pub(super) async fn more(&mut self, rotations: u64) {
        let enough = self.rotations.load(Ordering::Relaxed) + rotations;
        let begun = Instant::now();
        while self.rotations.load(Ordering::Relaxed) < enough {
            assert!(begun.elapsed() < WAIT_MAX, "hardly a refresh succeeds");
            self.pass(Duration::from_millis(5)).await;
        }
    }

    /// Lets them go on for a while; a client that was refused ends the test.
    #[expect(clippy::disallowed_methods, reason = "what is done to the servers takes its time")]
    pub(super) async fn pass(&mut self, time: Duration) {
        let ended = tokio::select! {
            ended = self.running.join_next() => ended,
            () = tokio::time::sleep(time) => return,
        };
        panic!("a client gave up: {:?}", ended.map(Result::unwrap));
    }

    /// Stops all of them, each after an answer, and checks what they know at all servers of the cluster.
    pub(super) async fn end(self, cluster: &Cluster) {
        self.is_over.store(true, Ordering::Relaxed);
        let ports = cluster.ports();
        let (mut rotations, mut repetitions) = (0, 0);
        for mut client in self.running.join_all().await {
            (rotations, repetitions) = (rotations + client.rotations, repetitions + client.repetitions);
            client.check(&ports).await;
        }
        say(&format!("{rotations} refreshes acknowledged, {repetitions} requests made again"));
    }
}

impl Task {
    async fn run(self, mut client: Client, number: usize) -> Client {
        let mut route = Route::over(&self.ports, number);
        while !self.is_over.load(Ordering::Relaxed) {
            match self.patience {
                Patience::Endless => client.refresh(&mut route).await,
                Patience::None => client.refresh_at_once(&mut route).await,
            }
            self.rotations.fetch_add(1, Ordering::Relaxed);
        }
        client
    }
}
