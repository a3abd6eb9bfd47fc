//! What this process knows of the server: how far its clock is from ours, its timeline, and since when it answers.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use kimbai_core::time::Micros;
use tokio_postgres::{Client, Error};

use crate::Clock;

/// Kept up to date by the lanes.
#[derive(Debug, Default)]
pub(super) struct Watch {
    clock: Clock,
    offset_us: AtomicI64,
    timeline: AtomicU32,
    lanes: AtomicUsize,
    outages: AtomicU64,
    available_since: AtomicI64,
}

/// Whether a server may be trusted with verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeline {
    /// It is on the latest timeline that this process has seen, which is this one.
    Latest(u32),
    /// It is an old primary that was woken up: what it says was overtaken.
    Overtaken,
}

impl Watch {
    /// The store's time, as far as this process knows.
    pub(super) fn now(&self) -> Micros {
        Micros(self.clock.now().0.saturating_add(self.offset_us.load(Ordering::Relaxed)))
    }

    /// The end of the last outage, or of the last change of timeline.
    pub(super) fn available_since(&self) -> Micros {
        Micros(self.available_since.load(Ordering::Acquire))
    }

    /// Whether a lane is connected.
    pub(super) fn is_ready(&self) -> bool {
        self.lanes.load(Ordering::Acquire) > 0
    }

    /// The latest timeline that this process has seen.
    pub(super) fn timeline(&self) -> u32 {
        self.timeline.load(Ordering::Acquire)
    }

    /// Asks the server for its time and its timeline. A server in recovery has none, which is an error.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub(super) async fn measure(&self, client: &Client) -> Result<Timeline, Error> {
        let before = self.clock.now().0;
        let row = client.query_one(MEASURE, &[]).await?;
        let after = self.clock.now().0;
        let (now, timeline): (i64, i32) = (row.try_get(0)?, row.try_get(1)?);
        // Read halfway there and back.
        self.offset_us.store(now.saturating_sub(before.midpoint(after)), Ordering::Relaxed);
        Ok(self.meet(timeline.cast_unsigned()))
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

    /// Whether a server of this timeline is the latest; if so, the others were overtaken.
    pub(super) fn meet(&self, timeline: u32) -> Timeline {
        let highest = self.timeline.fetch_max(timeline, Ordering::AcqRel);
        if timeline < highest {
            return Timeline::Overtaken;
        }
        if timeline > highest {
            self.available_since.store(self.now().0, Ordering::Release);
        }
        Timeline::Latest(timeline)
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
}

/// The timeline is in the first eight hexadecimal digits of the name of the log's file.
const MEASURE: &str = "SELECT kimbai.now_us(), ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int";
