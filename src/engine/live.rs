//! What outlives a generation: counts and health by identity, shared by every generation that knows
//! the trunk or tenant.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::model::TrunkHealth;
use crate::transaction::Moment;

const SECOND: Duration = Duration::from_secs(1);

/// How many calls hold a seat, and how fast they came.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    seats: AtomicU32,
    /// When those of the last second came, where that is limited.
    lately: Mutex<VecDeque<Moment>>,
}

impl Gauge {
    pub(super) fn count(&self) -> u32 {
        self.seats.load(Ordering::Relaxed)
    }

    /// Whether one more call leaves it at so many in any one second; if so, it is counted. A bucket
    /// would let twice as many pass at a bad moment, and a provider counts what arrives.
    pub(super) fn keeps_pace(&self, per_second: Option<u32>, now: Moment) -> bool {
        let Some(limit) = per_second.and_then(|limit| usize::try_from(limit).ok()) else {
            return true;
        };
        let Ok(mut lately) = self.lately.lock() else { return true };
        while lately.front().is_some_and(|first| now.since(*first) >= SECOND) {
            lately.pop_front();
        }
        let fits = lately.len() < limit;
        if fits {
            lately.push_back(now);
        }
        fits
    }
}

/// One call's place in a gauge; dropping it gives the place back, so none is ever lost.
#[derive(Debug)]
pub(super) struct Seat(Arc<Gauge>);

impl Seat {
    /// Takes a place, unless `limit` are taken.
    pub(super) fn take(gauge: &Arc<Gauge>, limit: Option<u32>) -> Option<Self> {
        if limit.is_some_and(|limit| gauge.count() >= limit) {
            return None;
        }
        gauge.seats.fetch_add(1, Ordering::Relaxed);
        Some(Self(gauge.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A trunk as it lives, whatever generation describes it.
#[derive(Debug, Default)]
pub(super) struct TrunkLive {
    /// Calls over it.
    pub(super) calls: Arc<Gauge>,
    health: AtomicU8,
    /// Its registrar does not want us: calls would fail, too.
    refused: AtomicBool,
}

impl TrunkLive {
    pub(super) fn health(&self) -> TrunkHealth {
        match self.health.load(Ordering::Relaxed) {
            1 => TrunkHealth::Up,
            2 => TrunkHealth::Down,
            _ => TrunkHealth::Unknown,
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn set_refused(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    pub(super) fn set_health(&self, health: TrunkHealth) {
        let code = match health {
            TrunkHealth::Unknown => 0,
            TrunkHealth::Up => 1,
            TrunkHealth::Down => 2,
        };
        self.health.store(code, Ordering::Relaxed);
    }
}
