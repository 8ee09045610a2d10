//! A hierarchical timer wheel: insert, cancel and fire in constant time, millisecond ticks.

use slab::Slab;

use super::Moment;

/// Slots per level; one bit each in a word.
const SLOTS: u64 = 64;
/// Bits of a moment that one level looks at.
const BITS: u32 = 6;
/// Levels: 64^5 ms are over 12 days. A later deadline waits in the last level and is sorted again.
const LEVELS: u32 = 5;
/// The farthest a deadline is filed from now: one slot of the last level short of a full round, or
/// it would share the slot of now.
const HORIZON: u64 = (SLOTS - 1) << (BITS * (LEVELS - 1));
/// The end of a list.
const NIL: u32 = u32::MAX;

/// Names one timer; a key of a timer that has fired or was cancelled is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerKey {
    index: u32,
    serial: u32,
}

#[derive(Debug)]
struct Node<T> {
    deadline: u64,
    token: T,
    serial: u32,
    previous: u32,
    next: u32,
    level: u8,
    slot: u8,
}

#[derive(Debug, Clone)]
struct Level {
    /// Bit `n` says that slot `n` holds a timer.
    occupied: u64,
    /// The first timer of each slot.
    heads: [u32; 64],
}

/// Deadlines with a token each. Its owner bounds how many there are.
#[derive(Debug)]
pub struct Wheel<T> {
    now: u64,
    serial: u32,
    levels: Vec<Level>,
    nodes: Slab<Node<T>>,
}

impl<T: Copy> Wheel<T> {
    /// An empty wheel at the origin of time.
    pub fn new() -> Self {
        let level = Level { occupied: 0, heads: [NIL; 64] };
        Self {
            now: 0,
            serial: 0,
            levels: (0..LEVELS).map(|_| level.clone()).collect(),
            nodes: Slab::new(),
        }
    }

    /// How many timers run.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no timer runs.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Starts a timer. A deadline that is already past fires one millisecond after the last poll.
    pub fn insert(&mut self, deadline: Moment, token: T) -> TimerKey {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let node = Node {
            deadline: deadline.millis().max(self.now + 1),
            token,
            serial,
            previous: NIL,
            next: NIL,
            level: 0,
            slot: 0,
        };
        let index = u32::try_from(self.nodes.insert(node)).expect("owners bound the timers");
        self.link(index);
        TimerKey { index, serial }
    }

    /// Stops a timer, if it still runs.
    pub fn cancel(&mut self, key: TimerKey) {
        let runs = self.node(key.index).is_some_and(|node| node.serial == key.serial);
        if runs {
            self.unlink(key.index);
            self.nodes.remove(at(key.index));
        }
    }

    /// When to poll next: never later than the next deadline, possibly earlier.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.next_slot().map(|(_, _, moment)| Moment::from_millis(moment))
    }

    /// The next timer that is due at `to`, in order of the deadlines; `None` when there is no more,
    /// and the wheel stands at `to`.
    pub fn poll(&mut self, to: Moment) -> Option<T> {
        let to = to.millis();
        while let Some((level, slot, moment)) = self.next_slot() {
            if moment > to {
                break;
            }
            self.now = self.now.max(moment);
            let index = self.head(level, slot)?;
            self.unlink(index);
            if self.node(index).is_some_and(|node| node.deadline <= moment) {
                return Some(self.nodes.remove(at(index)).token);
            }
            self.link(index);
        }
        self.now = self.now.max(to);
        None
    }

    /// The slot to look at next, and the moment from which it is due.
    fn next_slot(&self) -> Option<(u32, u64, u64)> {
        let mut best: Option<(u32, u64, u64)> = None;
        for (number, level) in (0..).zip(&self.levels) {
            if level.occupied == 0 {
                continue;
            }
            let here = (self.now >> (BITS * number)) % SLOTS;
            let turn = u32::try_from(here).unwrap_or(0);
            let ahead = u64::from(level.occupied.rotate_right(turn).trailing_zeros());
            let slot = (here + ahead) % SLOTS;
            let width = 1_u64 << (BITS * number);
            let round = width * SLOTS;
            let mut moment = self.now - self.now % round + slot * width;
            if slot < here {
                moment += round;
            }
            let moment = moment.max(self.now);
            if best.is_none_or(|(_, _, least)| moment < least) {
                best = Some((number, slot, moment));
            }
        }
        best
    }

    /// Files a node under the level whose digit is the highest that differs from now.
    fn link(&mut self, index: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at(index)) else { return };
        let filed = node.deadline.clamp(now, now + HORIZON);
        let differing = (filed ^ now) | 1;
        let level = ((63 - differing.leading_zeros()) / BITS).min(LEVELS - 1);
        let slot = (filed >> (BITS * level)) % SLOTS;
        // Both are below 64.
        node.level = u8::try_from(level).unwrap_or(u8::MAX);
        node.slot = u8::try_from(slot).unwrap_or(u8::MAX);
        node.previous = NIL;
        let Some(shelf) = self.levels.get_mut(at(level)) else { return };
        shelf.occupied |= 1 << slot;
        let Some(head) = shelf.heads.get_mut(at_slot(slot)) else { return };
        let next = std::mem::replace(head, index);
        node.next = next;
        if let Some(next) = self.nodes.get_mut(at(next)) {
            next.previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(node) = self.node(index) else { return };
        let (level, slot, previous, next) = (node.level, node.slot, node.previous, node.next);
        if let Some(next) = self.nodes.get_mut(at(next)) {
            next.previous = previous;
        }
        if let Some(previous) = self.nodes.get_mut(at(previous)) {
            previous.next = next;
            return;
        }
        let Some(shelf) = self.levels.get_mut(usize::from(level)) else { return };
        if let Some(head) = shelf.heads.get_mut(usize::from(slot)) {
            *head = next;
        }
        if next == NIL {
            shelf.occupied &= !(1 << slot);
        }
    }

    fn node(&self, index: u32) -> Option<&Node<T>> {
        self.nodes.get(at(index))
    }

    fn head(&self, level: u32, slot: u64) -> Option<u32> {
        self.levels.get(at(level))?.heads.get(at_slot(slot)).copied()
    }
}

impl<T: Copy> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn at(index: u32) -> usize {
    // `usize` has at least 32 bits on every platform with an operating system.
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn at_slot(slot: u64) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use super::super::Chance;
    use super::*;

    /// Lets time pass as a driver does: never beyond what the wheel asks for.
    fn run(wheel: &mut Wheel<u64>, to: u64) -> Vec<(u64, u64)> {
        let mut fired = Vec::new();
        while let Some(next) = wheel.next_deadline().filter(|next| next.millis() <= to) {
            while let Some(token) = wheel.poll(next) {
                fired.push((next.millis(), token));
            }
        }
        assert!(wheel.poll(Moment::from_millis(to)).is_none());
        fired
    }

    #[test]
    fn a_timer_fires_at_its_deadline_on_every_level() {
        for delay in [1, 63, 64, 65, 4095, 4096, 300_000, 20_000_000, 2_000_000_000] {
            for start in [0, 1, 63, 64, 4095, 123_456_789] {
                let mut wheel = Wheel::new();
                assert!(wheel.poll(Moment::from_millis(start)).is_none());
                wheel.insert(Moment::from_millis(start + delay), 9);
                assert_eq!(run(&mut wheel, start + delay - 1), []);
                assert_eq!(run(&mut wheel, start + delay), [(start + delay, 9)]);
                assert!(wheel.is_empty() && wheel.next_deadline().is_none());
            }
        }
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_tick() {
        let mut wheel = Wheel::new();
        assert!(wheel.poll(Moment::from_millis(1000)).is_none());
        wheel.insert(Moment::from_millis(10), 1);
        assert_eq!(run(&mut wheel, 1001), [(1001, 1)]);
    }

    #[test]
    fn a_cancelled_timer_never_fires_and_its_key_does_no_harm() {
        let mut wheel = Wheel::new();
        let first = wheel.insert(Moment::from_millis(5), 1);
        wheel.cancel(first);
        wheel.insert(Moment::from_millis(5), 2);
        wheel.cancel(first);
        assert_eq!(run(&mut wheel, 10), [(5, 2)]);
    }

    /// A wheel beside the obvious thing: a sorted set of (deadline, token).
    #[derive(Default)]
    struct Pair {
        wheel: Wheel<u64>,
        list: BTreeSet<(u64, u64)>,
        keys: BTreeMap<u64, (u64, TimerKey)>,
        now: Moment,
    }

    impl Pair {
        fn insert(&mut self, token: u64, delay: u64) {
            let deadline = self.now.millis() + delay;
            let key = self.wheel.insert(Moment::from_millis(deadline), token);
            self.keys.insert(token, (deadline, key));
            self.list.insert((deadline, token));
        }

        fn cancel(&mut self, token: u64) {
            if let Some((deadline, key)) = self.keys.get(&token) {
                self.wheel.cancel(*key);
                self.list.remove(&(*deadline, token));
            }
        }

        fn pass(&mut self, span: u64) {
            self.now = self.now + Duration::from_millis(span);
            let due = self.list.extract_if(..=(self.now.millis(), u64::MAX), |_| true);
            let due: Vec<u64> = due.map(|(deadline, _)| deadline).collect();
            let fired = std::iter::from_fn(|| self.wheel.poll(self.now));
            let fired: Vec<u64> = fired.map(|token| self.keys[&token].0).collect();
            assert_eq!(fired, due);
        }
    }

    #[test]
    fn it_agrees_with_a_sorted_list_over_random_schedules() {
        for seed in 0..200 {
            println!("seed {seed}");
            let mut chance = Chance::from_number(seed);
            let mut pair = Pair::default();
            for token in 0..300 {
                let scale = chance.below(33);
                let span = 1 + chance.below(1 << scale);
                match chance.below(4) {
                    0 => pair.pass(span),
                    1 => pair.cancel(chance.below(token)),
                    _ => pair.insert(token, span),
                }
                assert_eq!(pair.wheel.len(), pair.list.len());
            }
        }
    }
}
