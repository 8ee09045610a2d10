//! What outlives a generation: counts and health by identity, shared by every generation that knows
//! the trunk or tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use crate::model::TrunkHealth;

/// How many calls hold a seat.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU32);

impl Gauge {
    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
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
        gauge.0.fetch_add(1, Ordering::Relaxed);
        Some(Self(gauge.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
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
