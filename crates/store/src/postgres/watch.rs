//! What this process knows of the server: how far its clock is from ours, which it is, and since when its commits end.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kimbai_core::time::Micros;
use tokio_postgres::{Client, Error};

use crate::Clock;

/// Kept up to date by the lanes.
#[derive(Debug)]
pub(super) struct Watch {
    clock: Clock,
    started: Instant,
    offset_us: AtomicI64,
    /// The latest that was met.
    server: Mutex<Option<Server>>,
    lanes: AtomicUsize,
    outages: AtomicU64,
    available_since: AtomicI64,
    /// When a commit ended last, in microseconds after the start; 0: none has.
    committed_us: AtomicU64,
    /// Whether a lane tries a commit for its own sake.
    trying: AtomicBool,
}

/// Which server it is: those of one system have the same data, and those of a higher timeline have overtaken the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    /// The number that the cluster got when it was made, and that its standbys and their successors have too.
    pub(super) system: i64,
    pub(super) timeline: u32,
}

/// Whether a server may be trusted with verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeline {
    /// It is the latest that this process has seen, which is this one.
    Latest(Server),
    /// It is an old primary that was woken up: what it says was overtaken. Or it is of another cluster than the one that
    /// is in use.
    Overtaken,
}

/// How a server stands to the latest that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meeting {
    Known,
    Later,
    Overtaken,
}

/// A lane's right to try a commit for its own sake; dropped when it has ended.
pub(super) struct Trial<'w>(&'w Watch);

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.0.trying.store(false, Ordering::Release);
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            started: Instant::now(),
            offset_us: AtomicI64::default(),
            server: Mutex::default(),
            lanes: AtomicUsize::default(),
            outages: AtomicU64::default(),
            available_since: AtomicI64::default(),
            committed_us: AtomicU64::default(),
            trying: AtomicBool::default(),
        }
    }
}

impl Watch {
    /// The store's time, as far as this process knows.
    pub(super) fn now(&self) -> Micros {
        Micros(self.clock.now().0.saturating_add(self.offset_us.load(Ordering::Relaxed)))
    }

    /// The end of the last outage, of the last time that commits took long, or of the last change of server; now, while no
    /// commit ends.
    pub(super) fn available_since(&self) -> Micros {
        if self.committed_within(STALL) == Some(false) {
            return self.now();
        }
        Micros(self.available_since.load(Ordering::Acquire))
    }

    /// Whether a lane is connected and commits end.
    pub(super) fn is_ready(&self) -> bool {
        self.lanes.load(Ordering::Acquire) > 0 && self.committed_within(READY) == Some(true)
    }

    /// The latest server that this process has met.
    pub(super) fn latest(&self) -> Option<Server> {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server for its time and which it is. A server in recovery has no timeline, which is an error.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub(super) async fn measure(&self, client: &Client) -> Result<Timeline, Error> {
        let before = self.clock.now();
        let row = client.query_one(MEASURE, &[]).await?;
        let after = self.clock.now();
        let (now, timeline) = (Micros(row.try_get(0)?), row.try_get::<_, i32>(1)?.cast_unsigned());
        Ok(self.learn(Server { system: row.try_get(2)?, timeline }, (before, now, after)))
    }

    /// Learns the time from a server that has not been overtaken: it was `now` there between two instants of ours.
    fn learn(&self, server: Server, (before, now, after): (Micros, Micros, Micros)) -> Timeline {
        let meeting = self.meet(server);
        if meeting == Meeting::Overtaken {
            return Timeline::Overtaken;
        }
        if (0..=ROUND_TRIP_MAX_US).contains(&after.0.saturating_sub(before.0)) {
            // Read halfway there and back.
            self.offset_us.store(now.0.saturating_sub(before.0.midpoint(after.0)), Ordering::Relaxed);
        } else {
            self.correct(before, now, after);
        }
        if meeting == Meeting::Later {
            self.available_since.store(self.now().0, Ordering::Release);
        }
        Timeline::Latest(server)
    }

    /// Our own time, for [`Watch::correct`].
    pub(super) fn own_time(&self) -> Micros {
        self.clock.now()
    }

    /// Moves the offset, no further than it must, so that the store's time `now` lies between two instants of ours: a
    /// clock that was set is noticed with the next answer.
    pub(super) fn correct(&self, before: Micros, now: Micros, after: Micros) {
        let (least, most) = (now.0.saturating_sub(after.0), now.0.saturating_sub(before.0));
        let offset_us = self.offset_us.load(Ordering::Relaxed);
        // Our own clock may have been set back meanwhile.
        if least <= most && !(least..=most).contains(&offset_us) {
            self.offset_us.store(offset_us.clamp(least, most), Ordering::Relaxed);
        }
    }

    /// Whether a server is the latest; if so, the others were overtaken. Timelines of two clusters say nothing about each
    /// other: one takes the other's place (a restored or upgraded one) once no lane is connected to that.
    fn meet(&self, server: Server) -> Meeting {
        let mut latest = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let meeting = match *latest {
            None => Meeting::Later,
            Some(known) if known.system != server.system => {
                let (from, to) = (known.system.cast_unsigned(), server.system.cast_unsigned());
                if self.lanes.load(Ordering::Acquire) > 0 {
                    tracing::error!(from, to, "the store's URL leads to two clusters; only the first one is asked");
                    Meeting::Overtaken
                } else {
                    tracing::error!(from, to, "the database is another cluster now; its grants are what counts");
                    Meeting::Later
                }
            }
            Some(known) if server.timeline < known.timeline => Meeting::Overtaken,
            Some(known) if server.timeline > known.timeline => Meeting::Later,
            Some(_) => Meeting::Known,
        };
        if meeting == Meeting::Later {
            *latest = Some(server);
        }
        meeting
    }

    /// A successor of the latest server was met.
    #[cfg(test)]
    pub(super) fn overtake(&self) {
        let latest = self.server.lock().unwrap().unwrap();
        assert_eq!(self.meet(Server { timeline: latest.timeline + 1, ..latest }), Meeting::Later);
    }

    /// A lane is connected.
    pub(super) fn lane_opened(&self) {
        if self.lanes.fetch_add(1, Ordering::AcqRel) == 0 {
            self.available_since.store(self.now().0, Ordering::Release);
        }
    }

    /// A lane is not connected any more.
    pub(super) fn lane_closed(&self) {
        if self.lanes.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.outages.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often no lane was connected any more.
    pub(super) fn outages(&self) -> u64 {
        self.outages.load(Ordering::Relaxed)
    }

    /// A commit that was sent then has ended and is durable. Callers gave up waiting if it took long, or if none had ended
    /// for long: they count from now.
    pub(super) fn committed(&self, sent: Instant) {
        if sent.elapsed() > STALL || self.committed_within(STALL) == Some(false) {
            self.available_since.store(self.now().0, Ordering::Release);
        }
        // The start itself is no commit.
        self.committed_us.fetch_max(self.elapsed_us().max(1), Ordering::AcqRel);
    }

    /// The right to try a commit, if none has ended lately and no other lane tries one: commits may wait for a standby or a
    /// disk while look-ups are answered.
    pub(super) fn trial(&self) -> Option<Trial<'_>> {
        let is_due = self.committed_within(TRIAL_EVERY) != Some(true);
        (is_due && !self.trying.swap(true, Ordering::AcqRel)).then(|| Trial(self))
    }

    /// Whether a commit ended within the last so long; `None`: none ever has.
    fn committed_within(&self, time: Duration) -> Option<bool> {
        let committed_us = self.committed_us.load(Ordering::Acquire);
        let past = Duration::from_micros(self.elapsed_us().saturating_sub(committed_us));
        (committed_us > 0).then_some(past <= time)
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The timeline is in the first eight hexadecimal digits of the name of the log's file.
const MEASURE: &str = "SELECT kimbai.now_us(), ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int, \
     (SELECT system_identifier FROM pg_control_system())";
/// Halfway there and back says little about a longer one.
const ROUND_TRIP_MAX_US: i64 = 100_000;
/// So long callers wait for a commit; those who then wait for the next one must not be late by that.
const STALL: Duration = Duration::from_secs(5);
/// Where no commit has ended for so long, verbs had better go to another server.
const READY: Duration = Duration::from_secs(3);
/// A little less than the lanes' tick.
const TRIAL_EVERY: Duration = Duration::from_millis(900);

#[cfg(test)]
mod tests {
    use super::*;

    fn server(system: i64, timeline: u32) -> Server {
        Server { system, timeline }
    }

    /// Learned from this server: our clock has gone from 0 to `trip_us` meanwhile, and it was `now` there.
    fn learn(watch: &Watch, server: Server, trip_us: i64, now_us: i64) -> (Timeline, i64) {
        let timeline = watch.learn(server, (Micros(0), Micros(now_us), Micros(trip_us)));
        (timeline, watch.offset_us.load(Ordering::Relaxed))
    }

    #[test]
    fn a_short_round_trip_sets_the_clock_and_a_long_one_corrects_it() {
        let (watch, latest) = (Watch::default(), server(7, 1));
        for (trip_us, now_us, offset_us) in [
            (100_000, 1_050_000, 1_000_000),
            // Within what is possible: nothing is known better.
            (8_000_000, 1_100_000, 1_000_000),
            (100_001, 1_200_000, 1_099_999),
            (8_000_000, 500_000, 500_000),
            // Our clock was set back meanwhile.
            (-1, 9_000_000, 500_000),
            (0, -3, -3),
        ] {
            assert_eq!(learn(&watch, latest, trip_us, now_us), (Timeline::Latest(latest), offset_us));
        }
    }

    #[test]
    fn a_server_that_was_overtaken_sets_no_clock() {
        let (watch, latest) = (Watch::default(), server(7, 2));
        assert_eq!(learn(&watch, latest, 0, 5), (Timeline::Latest(latest), 5));
        assert_eq!(learn(&watch, server(7, 1), 0, 9), (Timeline::Overtaken, 5));
        assert_eq!(watch.latest(), Some(latest));
        assert_eq!(learn(&watch, server(7, 3), 0, 9), (Timeline::Latest(server(7, 3)), 9));
        assert_eq!(watch.latest(), Some(server(7, 3)));
    }

    #[test]
    fn another_cluster_takes_the_place_once_no_lane_is_connected() {
        let (watch, first, other) = (Watch::default(), server(7, 5), server(8, 1));
        learn(&watch, first, 0, 5);
        watch.lane_opened();
        assert_eq!(learn(&watch, other, 0, 9), (Timeline::Overtaken, 5));
        watch.lane_closed();
        assert_eq!(learn(&watch, other, 0, 9), (Timeline::Latest(other), 9));
        watch.lane_opened();
        assert_eq!(learn(&watch, first, 0, 5), (Timeline::Overtaken, 9));
        assert_eq!(watch.latest(), Some(other));
    }

    #[test]
    fn one_lane_tries_a_commit_while_none_ends() {
        let watch = Watch::default();
        watch.lane_opened();
        assert!(!watch.is_ready(), "nobody knows whether a commit ends");
        let trial = watch.trial();
        assert!(trial.is_some() && watch.trial().is_none());
        drop(trial);
        drop(watch.trial().unwrap());
        watch.committed(Instant::now());
        assert!(watch.is_ready() && watch.trial().is_none());
    }
}
