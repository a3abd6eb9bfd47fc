//! The open loop: requests come on schedule, whether or not the ones before were answered.
//! Each connection has its own share of the schedule and does one exchange at a time: one that is late sends at once
//! when it is free, and what it can no longer catch up with is counted as unsent, never as served.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use super::cases::{Case, Shed, Worker};
use super::histogram::Histogram;
use super::report::progress;

/// Someone who asks the server and checks the answer; [`Shed`] is an answer of its own.
pub(super) trait Asker: Send + 'static {
    fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// A worker that does the same case again and again.
#[derive(Debug)]
pub(super) struct Steady {
    pub(super) worker: Worker,
    pub(super) case: Case,
}

impl Asker for Steady {
    fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send {
        self.worker.iterate(self.case)
    }
}

/// When requests come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) begin: Instant,
    pub(super) length: Duration,
    /// Of all connections together.
    pub(super) per_s: f64,
}

/// What came of a schedule.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    /// Right answers, by the time since they were due.
    pub(super) good: Histogram,
    /// Refusals for want of room, by the time since they were sent.
    pub(super) shed: Histogram,
    /// Wrong answers.
    pub(super) errors: u64,
    /// Due, but given up because no connection was free in time.
    pub(super) unsent: u64,
}

/// Beyond it a connection does not try to catch up.
const BEHIND_MAX: Duration = Duration::from_millis(500);
const ERRORS_SHOWN: u64 = 3;

impl Offered {
    pub(super) fn new() -> Self {
        Self { good: Histogram::new(), shed: Histogram::new(), errors: 0, unsent: 0 }
    }

    pub(super) fn sent(&self) -> u64 {
        self.good.count() + self.shed.count() + self.errors
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.good.add(&other.good);
        self.shed.add(&other.shed);
        self.errors += other.errors;
        self.unsent += other.unsent;
    }

    fn count(&mut self, answer: anyhow::Result<()>, due: Instant, sent: Instant) {
        match answer {
            Ok(()) => self.good.record(due.elapsed()),
            Err(error) if error.downcast_ref::<Shed>().is_some() => self.shed.record(sent.elapsed()),
            Err(error) => {
                self.errors += 1;
                if self.errors <= ERRORS_SHOWN {
                    progress(&format!("wrong answer: {error:#}"));
                }
            }
        }
    }
}

/// Keeps a schedule with these askers, and gives them back.
pub(super) async fn offer<A: Asker>(askers: Vec<A>, schedule: Schedule) -> anyhow::Result<(Vec<A>, Offered)> {
    #[expect(clippy::cast_precision_loss, reason = "connections are few")]
    let connections = askers.len() as f64;
    let period = Duration::from_secs_f64(connections / schedule.per_s);
    let mut running = JoinSet::new();
    for (number, asker) in (0_u32..).zip(askers) {
        let first = schedule.begin + period.mul_f64(f64::from(number) / connections);
        running.spawn(keep(asker, first, period, schedule.begin + schedule.length));
    }
    let (mut askers, mut offered) = (Vec::new(), Offered::new());
    while let Some(kept) = running.join_next().await {
        let (asker, part) = kept.context("a connection's task")?;
        askers.push(asker);
        offered.add(&part);
    }
    Ok((askers, offered))
}

async fn keep<A: Asker>(mut asker: A, first: Instant, period: Duration, end: Instant) -> (A, Offered) {
    let (mut offered, mut due) = (Offered::new(), first);
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        let sent = Instant::now();
        if sent.duration_since(due) > BEHIND_MAX {
            offered.unsent += 1;
        } else {
            let answer = asker.ask().await;
            offered.count(answer, due, sent);
        }
        due += period;
    }
    (asker, offered)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use anyhow::bail;

    use super::*;

    /// Answers in turn: right, shed, wrong.
    struct Scripted(u64);

    impl Asker for Scripted {
        fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send {
            self.0 += 1;
            ready(match self.0 % 3 {
                1 => Ok(()),
                2 => Err(Shed.into()),
                _ => Err(anyhow::anyhow!("no")),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_schedule_is_kept_to_the_request_and_answers_are_told_apart() {
        let schedule = Schedule { begin: Instant::now(), length: Duration::from_secs(3), per_s: 100.0 };
        let (askers, offered) = offer((0..10).map(|_| Scripted(0)).collect(), schedule).await.unwrap();
        assert_eq!(askers.len(), 10);
        let counts = (offered.good.count(), offered.shed.count(), offered.errors, offered.unsent);
        assert_eq!(counts, (100, 100, 100, 0));
        assert_eq!(offered.sent(), 300);
    }

    /// Takes the connection away for good after the first answer.
    struct Stuck(Instant);

    impl Asker for Stuck {
        async fn ask(&mut self) -> anyhow::Result<()> {
            while self.0.elapsed() < BEHIND_MAX * 2 {
                tokio::task::yield_now().await;
            }
            bail!("late")
        }
    }

    #[tokio::test]
    async fn what_cannot_be_caught_up_with_is_unsent() {
        let begin = Instant::now();
        let schedule = Schedule { begin, length: BEHIND_MAX, per_s: 10.0 };
        let (_, offered) = offer(vec![Stuck(begin)], schedule).await.unwrap();
        assert_eq!((offered.sent(), offered.unsent), (1, 4));
    }
}
