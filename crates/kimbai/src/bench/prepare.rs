//! What must exist before a case begins: grants, and browser sessions. Nothing of it is measured.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::apps::App;
use super::cases::{LOG_INS_AT_ONCE, Worker};
use super::forms;
use super::report::progress;

/// Well below what a server takes at once: preparing must not be turned away.
const GRANTS_AT_ONCE: usize = 256;

/// Gives the workers grants of an app, as evenly as it goes.
pub(super) async fn mint(workers: Vec<Worker>, app: App, grants: u32) -> anyhow::Result<Vec<Worker>> {
    let connections = u32::try_from(workers.len()).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(GRANTS_AT_ONCE));
    let minted = Arc::new(AtomicU32::new(0));
    let step = |mut worker: Worker| {
        let (places, minted) = (Arc::clone(&places), Arc::clone(&minted));
        async move {
            let share = grants / connections + u32::from(worker.number() < grants % connections);
            for _ in 0..share {
                let _place = places.acquire().await.context("places")?;
                worker.mint(app).await?;
                minted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(worker)
        }
    };
    let shown = Arc::clone(&minted);
    for_each(workers, step, || format!("minted {} of {grants} grants", shown.load(Ordering::Relaxed))).await
}

/// Gives each worker a new browser session, and the app a consent that is remembered.
pub(super) async fn log_in(workers: Vec<Worker>, app: App) -> anyhow::Result<Vec<Worker>> {
    let connections = workers.len();
    let places = Arc::new(Semaphore::new(LOG_INS_AT_ONCE));
    let logged_in = Arc::new(AtomicU32::new(0));
    let step = |mut worker: Worker| {
        let (places, logged_in) = (Arc::clone(&places), Arc::clone(&logged_in));
        async move {
            let _place = places.acquire().await.context("log-in places")?;
            forms::log_in(&mut worker, app).await?;
            logged_in.fetch_add(1, Ordering::Relaxed);
            Ok(worker)
        }
    };
    let shown = Arc::clone(&logged_in);
    for_each(workers, step, || format!("{} of {connections} logged in", shown.load(Ordering::Relaxed))).await
}

/// Gives each worker its share of the legacy tokens.
pub(super) fn share_legacy_tokens(workers: &mut [Worker], total: u32) {
    let connections = u32::try_from(workers.len()).unwrap_or(u32::MAX);
    for worker in workers {
        worker.share_legacy_tokens(connections, total);
    }
}

/// Has each worker exchange some of its legacy tokens.
pub(super) async fn exchange(workers: Vec<Worker>) -> anyhow::Result<Vec<Worker>> {
    let connections = workers.len();
    let places = Arc::new(Semaphore::new(GRANTS_AT_ONCE));
    let done = Arc::new(AtomicU32::new(0));
    let step = |mut worker: Worker| {
        let (places, done) = (Arc::clone(&places), Arc::clone(&done));
        async move {
            let _place = places.acquire().await.context("places")?;
            worker.exchange_some().await?;
            done.fetch_add(1, Ordering::Relaxed);
            Ok(worker)
        }
    };
    let shown = Arc::clone(&done);
    for_each(workers, step, || {
        format!("legacy tokens of {} of {connections} connections exchanged", shown.load(Ordering::Relaxed))
    })
    .await
}

/// Gives each worker a log-in form that is filled in.
pub(super) async fn fill_in(mut workers: Vec<Worker>) -> anyhow::Result<Vec<Worker>> {
    for worker in &mut workers {
        worker.take_form().await?;
    }
    Ok(workers)
}

/// Runs a step on all workers at once and says every second how far it is.
async fn for_each<F, Fut, S>(workers: Vec<Worker>, step: F, so_far: S) -> anyhow::Result<Vec<Worker>>
where
    F: Fn(Worker) -> Fut,
    Fut: Future<Output = anyhow::Result<Worker>> + Send + 'static,
    S: Fn() -> String,
{
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(step(worker));
    }
    let mut done = Vec::new();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        tokio::select! {
            finished = running.join_next() => match finished {
                Some(worker) => done.push(worker.context("a connection's task")??),
                None => break,
            },
            _ = second.tick() => progress(&so_far()),
        }
    }
    progress(&so_far());
    Ok(done)
}
