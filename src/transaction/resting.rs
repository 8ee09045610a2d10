//! What is left of transactions that have ended and only absorb repetitions. At any time these are
//! nearly all there are, so that each is kept as small as it can be: found by a number that nobody
//! outside can choose, and forgotten in the order of its end, without a timer of its own.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::time::Duration;

use foldhash::quality::FixedState;

use super::{GIVE_UP, Moment, T4};

/// Removed ones that may still stand in a queue, beyond as many as there are others.
const MAX_STALE: usize = 64;

/// Maps by a number that is as good as random already.
pub(super) type ByNumber<T> = HashMap<u64, T, BuildHasherDefault<Plain>>;

/// Gives a number back as its own hash.
#[derive(Debug, Default)]
pub(super) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// The matching key of a server transaction in 128 bits: the key itself is four times as long, and
/// differs by chance once in 2^128. What finds it is keyed, so that nobody can aim at another one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    /// What it is found by.
    pub(super) id: u64,
    /// What has to be the same as well.
    pub(super) check: u64,
}

/// The keys of [`Print`].
#[derive(Debug)]
pub(super) struct Prints {
    id: RandomState,
    check: FixedState,
}

impl Default for Prints {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self { id: RandomState::new(), check: FixedState::with_seed(seed) }
    }
}

impl Prints {
    pub(super) fn of(&self, key: &[u8]) -> Print {
        Print { id: self.id.hash_one(key), check: self.check.hash_one(key) }
    }
}

/// Finished transactions by their numbers, each until its moment.
#[derive(Debug)]
pub(super) struct Resting<T> {
    found: ByNumber<(Moment, T)>,
    /// By how long they rest, so that each queue is in order: 64*T1, T4, and none over a connection.
    queues: [VecDeque<(Moment, u64)>; 3],
    stale: usize,
}

impl<T> Default for Resting<T> {
    fn default() -> Self {
        let (found, queues) = (ByNumber::default(), Default::default());
        Self { found, queues, stale: 0 }
    }
}

impl<T> Resting<T> {
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Keeps one until a moment, but at least until the next millisecond.
    pub(super) fn insert(&mut self, number: u64, (until, one): (Moment, T), now: Moment) {
        let [long, middle, short] = &mut self.queues;
        let span = until.since(now);
        let queue = if span >= GIVE_UP {
            long
        } else if span >= T4 {
            middle
        } else {
            short
        };
        let until = until.max(now + Duration::from_millis(1));
        queue.push_back((until, number));
        self.found.insert(number, (until, one));
    }

    pub(super) fn get(&self, number: u64) -> Option<&(Moment, T)> {
        self.found.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut (Moment, T)> {
        self.found.get_mut(&number)
    }

    /// Forgets one before its time; its place in the queue goes at its time, or when there are too
    /// many such places.
    pub(super) fn remove(&mut self, number: u64) {
        let Self { found, queues, stale } = self;
        *stale += usize::from(found.remove(&number).is_some());
        if *stale > found.len() + MAX_STALE {
            let lives = |(at, number): &(Moment, u64)| {
                found.get(number).is_some_and(|(until, _)| until == at)
            };
            queues.iter_mut().for_each(|queue| queue.retain(lives));
            *stale = 0;
        }
    }

    /// Forgets all whose time has come.
    pub(super) fn expire(&mut self, now: Moment) {
        let Self { found, queues, stale } = self;
        for queue in queues {
            while let Some((at, number)) = queue.pop_front_if(|(at, _)| *at <= now) {
                if found.get(&number).is_some_and(|(until, _)| *until == at) {
                    found.remove(&number);
                } else {
                    *stale = stale.saturating_sub(1);
                }
            }
        }
    }

    /// When [`Self::expire`] has something to do.
    pub(super) fn next_end(&self) -> Option<Moment> {
        self.queues.iter().filter_map(|queue| queue.front()).map(|(at, _)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn each_goes_at_its_time_whatever_was_put_in_between() {
        let mut resting = Resting::default();
        resting.insert(1, (at(0) + GIVE_UP, "J"), at(0));
        resting.insert(2, (at(10) + T4, "K"), at(10));
        resting.insert(3, (at(20), "none"), at(20));
        assert_eq!(resting.next_end(), Some(at(21)));
        resting.expire(at(20));
        assert_eq!(resting.len(), 3);
        resting.expire(at(21));
        assert_eq!((resting.len(), resting.next_end()), (2, Some(at(5_010))));
        resting.expire(at(5_010));
        assert_eq!((resting.get(1).is_some(), resting.next_end()), (true, Some(at(32_000))));
        resting.expire(at(32_000));
        assert_eq!((resting.len(), resting.next_end()), (0, None));
    }

    #[test]
    fn what_is_forgotten_early_and_comes_again_has_its_whole_time() {
        let mut resting = Resting::default();
        resting.insert(1, (at(0) + GIVE_UP, ()), at(0));
        resting.remove(1);
        resting.insert(1, (at(9) + GIVE_UP, ()), at(9));
        resting.expire(at(32_008));
        assert_eq!(resting.len(), 1);
        resting.expire(at(32_009));
        assert_eq!(resting.len(), 0);
        // A million of those leave no million places behind.
        for now in 0..1_000_000 {
            resting.insert(7, (at(now) + GIVE_UP, ()), at(now));
            resting.remove(7);
        }
        assert!(resting.queues.iter().map(VecDeque::len).sum::<usize>() <= MAX_STALE + 1);
    }
}
