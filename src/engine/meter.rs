//! How much is too much from those whom nobody vouches for: token buckets and strikes in tables of a
//! fixed size. There are no keys to keep, so there is nothing to evict: a flood of made-up sources
//! costs no memory, and nobody gets a fresh bucket by pushing an old one out. Two sources may share
//! a cell; both rows of one source hardly ever are another's.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::transaction::Moment;

/// How often a key is filed: it is refused only where all its cells refuse it.
const ROWS: usize = 2;
/// Cells of a row.
const CELLS: usize = 1 << 15;

/// A rate: so many at once, so many a second in the long run.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// A second; at most 1,000,000.
    pub per_second: u32,
}

impl Rate {
    /// Microseconds that one takes.
    fn interval(self) -> u64 {
        1_000_000 / u64::from(self.per_second.clamp(1, 1_000_000))
    }
}

/// One token bucket: the time at which it will be full again, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket(u64);

impl Bucket {
    /// Takes one token, if there is one.
    pub fn take(&mut self, rate: Rate, now: Moment) -> bool {
        let now = now.millis().saturating_mul(1000);
        let next = self.0.max(now).saturating_add(rate.interval());
        let fits = next <= now.saturating_add(rate.interval().saturating_mul(rate.burst.into()));
        if fits {
            self.0 = next;
        }
        fits
    }
}

/// Token buckets of one rate for any number of keys.
#[derive(Debug)]
pub struct Meter {
    rate: Rate,
    grid: Grid<Bucket>,
}

impl Meter {
    /// Full buckets. Who does not know `seed` cannot choose whose bucket to share.
    pub fn new(rate: Rate, seed: u64) -> Self {
        Self { rate, grid: Grid::new(seed) }
    }

    /// Takes one token of a key, if there is one.
    pub fn take(&mut self, key: u128, now: Moment) -> bool {
        let rate = self.rate;
        // Every row is asked: what is taken is taken from all.
        self.grid.cells(key).fold(false, |taken, bucket| bucket.take(rate, now) | taken)
    }
}

/// Failures that are free in [`Strikes::WINDOW`].
const FREE_STRIKES: u32 = 5;
/// How long the first strike too many bars; it doubles with each further one.
const FIRST_BAR: Duration = Duration::from_secs(60);
/// The longest bar.
const LAST_BAR: Duration = Duration::from_secs(3600);

/// What a key has failed at, and until when it is barred.
#[derive(Debug, Clone, Copy, Default)]
struct Strike {
    count: u32,
    since: Moment,
    until: Moment,
}

/// Failures of any number of keys: a few in a minute are free, each further one bars the key for
/// twice as long. A key should hold who tries and whom it tries, never whom it tries alone: that
/// would let anyone lock anyone out.
#[derive(Debug)]
pub struct Strikes {
    grid: Grid<Strike>,
}

impl Strikes {
    /// How long failures count while the key is not barred.
    pub const WINDOW: Duration = Duration::from_secs(60);

    /// Nobody has failed yet.
    pub fn new(seed: u64) -> Self {
        Self { grid: Grid::new(seed) }
    }

    /// Whether a key is barred.
    pub fn is_barred(&mut self, key: u128, now: Moment) -> bool {
        self.grid.cells(key).all(|cell| now < cell.until)
    }

    /// A key failed.
    pub fn strike(&mut self, key: u128, now: Moment) {
        for cell in self.grid.cells(key) {
            let quiet = if cell.count > FREE_STRIKES { LAST_BAR } else { Self::WINDOW };
            if cell.count == 0 || now >= cell.since.max(cell.until) + quiet {
                *cell = Strike { count: 0, since: now, until: Moment::START };
            }
            cell.count = cell.count.saturating_add(1);
            if let Some(further) = cell.count.checked_sub(FREE_STRIKES + 1) {
                let bar = FIRST_BAR.saturating_mul(1 << further.min(10)).min(LAST_BAR);
                cell.until = now + bar;
            }
        }
    }
}

/// A source as near as it can be told: its /32, or its /64.
pub fn near(ip: IpAddr) -> u128 {
    prefix(ip, 32, 64)
}

/// The network around a source: its /24, or its /48.
pub fn around(ip: IpAddr) -> u128 {
    prefix(ip, 24, 48)
}

fn prefix(ip: IpAddr, v4: u32, v6: u32) -> u128 {
    match ip.to_canonical() {
        // Where no IPv6 address of the internet is.
        IpAddr::V4(ip) => u128::from(ip.to_bits() >> (32 - v4)) | 0xffff << 32,
        IpAddr::V6(ip) => ip.to_bits() >> (128 - v6) << (128 - v6),
    }
}

#[derive(Debug)]
struct Grid<T> {
    hashers: [FixedState; ROWS],
    rows: [Box<[T]>; ROWS],
}

impl<T: Copy + Default> Grid<T> {
    fn new(seed: u64) -> Self {
        let row = || vec![T::default(); CELLS].into_boxed_slice();
        let hashers = [FixedState::with_seed(seed), FixedState::with_seed(!seed)];
        Self { hashers, rows: [row(), row()] }
    }

    /// The cells of a key, one of each row.
    fn cells(&mut self, key: u128) -> impl Iterator<Item = &mut T> {
        let rows = self.rows.iter_mut().zip(&self.hashers);
        rows.filter_map(move |(row, hasher)| {
            let place = usize::try_from(hasher.hash_one(key) % CELLS as u64).unwrap_or(0);
            row.get_mut(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 20, per_second: 20 };

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::default();
        let mut taken = |millis| (0..100).filter(|_| bucket.take(RATE, at(millis))).count();
        assert_eq!(taken(0), 20);
        assert_eq!(taken(49), 0);
        assert_eq!(taken(50), 1);
        assert_eq!(taken(550), 10);
        assert_eq!(taken(60_000), 20);
    }

    #[test]
    fn a_source_has_its_rate_whatever_a_million_others_do_and_never_more() {
        let mut meter = Meter::new(RATE, 7);
        let mut taken = 0;
        for other in 0..1_000_000_u128 {
            meter.take(other << 64, at(0));
            taken += u32::from(meter.take(1, at(0)));
        }
        // Nothing was evicted: the million did not give it a fresh bucket.
        assert!(taken <= 20, "{taken}");
        // A few loud ones hardly ever share both cells of a quiet one.
        let mut meter = Meter::new(RATE, 7);
        for loud in (0..100_000_u128).map(|packet| packet % 1000) {
            meter.take(loud << 64, at(0));
        }
        let refused = (1..1000_u128).filter(|quiet| !meter.take(*quiet, at(0))).count();
        assert!(refused <= 5, "{refused}");
    }

    #[test]
    fn strikes_bar_for_longer_and_longer_and_are_forgotten() {
        let mut strikes = Strikes::new(7);
        let minute = 60_000;
        for failure in 0..5 {
            strikes.strike(1, at(failure));
            assert!(!strikes.is_barred(1, at(failure)));
        }
        strikes.strike(1, at(10));
        assert!(strikes.is_barred(1, at(minute)) && !strikes.is_barred(2, at(minute)));
        assert!(!strikes.is_barred(1, at(minute + 10)));
        strikes.strike(1, at(2 * minute));
        assert!(strikes.is_barred(1, at(4 * minute - 1)) && !strikes.is_barred(1, at(4 * minute)));
        (0..40).for_each(|_| strikes.strike(1, at(5 * minute)));
        assert!(strikes.is_barred(1, at(65 * minute - 1)));
        assert!(!strikes.is_barred(1, at(65 * minute)));
        // An hour of peace later it begins anew.
        strikes.strike(1, at(125 * minute));
        assert!(!strikes.is_barred(1, at(125 * minute)));
        // Five a minute are always free.
        let mut strikes = Strikes::new(7);
        for failure in 0..50 {
            strikes.strike(3, at(failure * 13_000));
            assert!(failure >= 4 || !strikes.is_barred(3, at(failure * 13_000)));
        }
    }

    #[test]
    fn prefixes_are_those_of_networks_and_families_do_not_mix() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(around(ip("192.0.2.1")), around(ip("::ffff:192.0.2.9")));
        assert_ne!(near(ip("192.0.2.1")), near(ip("192.0.2.9")));
        assert_eq!(near(ip("2001:db8::1")), near(ip("2001:db8::2")));
        assert_ne!(near(ip("2001:db8::1")), near(ip("2001:db8:0:1::1")));
        assert_eq!(around(ip("2001:db8:0:1::1")), around(ip("2001:db8::1")));
        assert_ne!(near(ip("0.0.0.1")), near(ip("::1")));
    }
}
