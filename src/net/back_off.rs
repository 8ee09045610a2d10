//! Far ends that could not be reached are left alone for a while, longer each time, and not all for
//! the same time: who lost a thousand peers at once does not come back to all of them at once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::connections::End;
use crate::transaction::{Chance, Moment};

/// Far ends that are remembered as not to be reached.
const MAX_FAILING: usize = 1024;
/// How long a far end is left alone at most after its first failure; it doubles up to the longest.
const FIRST: Duration = Duration::from_millis(500);
/// How often what belongs to a dialog is tried all the same.
const INSIDE: Duration = Duration::from_secs(1);
/// The longest time that a far end is left alone.
const LAST: Duration = Duration::from_secs(30);

/// A far end that is left alone.
#[derive(Debug)]
struct Failing {
    until: Moment,
    /// For how long at most.
    span: Duration,
    /// When what belongs to a dialog may be tried again.
    inside: Moment,
}

/// Who is left alone.
#[derive(Debug)]
pub(super) struct BackOff {
    failing: BTreeMap<End, Failing>,
    chance: Chance,
}

impl BackOff {
    pub(super) fn new(chance: Chance) -> Self {
        Self { failing: BTreeMap::new(), chance }
    }

    /// Whether it is left alone.
    pub(super) fn holds(&self, end: &End, now: Moment) -> bool {
        self.failing.get(end).is_some_and(|one| now < one.until)
    }

    /// Whether what belongs to a dialog may be tried while the far end is left alone: a call that
    /// stands cannot go elsewhere, but not each of a thousand calls needs an attempt of its own.
    pub(super) fn lets_through(&mut self, end: &End, now: Moment) -> bool {
        let Some(one) = self.failing.get_mut(end) else { return true };
        let due = now >= one.inside;
        if due {
            one.inside = now + INSIDE;
        }
        due
    }

    /// It could not be reached: from half of its time to all of it, by chance. An attempt that was made
    /// while it was left alone changes nothing.
    pub(super) fn note(&mut self, end: End, now: Moment) {
        if self.holds(&end, now) {
            return;
        }
        let former = self.failing.get(&end).map(|one| (one.span * 2, one.inside));
        if former.is_none() && self.failing.len() >= MAX_FAILING {
            self.failing.retain(|_, one| now < one.until);
            if self.failing.len() >= MAX_FAILING {
                return;
            }
        }
        let (span, inside) = former.unwrap_or((FIRST, now));
        let span = span.min(LAST);
        let half = u64::try_from(span.as_millis() / 2).unwrap_or(u64::MAX);
        let wait = span - Duration::from_millis(self.chance.below(half + 1));
        self.failing.insert(end, Failing { until: now + wait, span, inside });
    }

    /// It has been reached.
    pub(super) fn forget(&mut self, end: &End) {
        self.failing.remove(end);
    }

    /// Whoever it is, somebody came from that host.
    pub(super) fn forget_host(&mut self, host: IpAddr) {
        self.failing.retain(|(_, failed, _), _| failed.ip() != host);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::transaction::FarEnd;

    fn end(number: u16) -> End {
        (0, ([127, 0, 0, 1], number).into(), FarEnd::default())
    }

    /// How long it is left alone from now.
    fn left(back_off: &BackOff, end: &End, now: Moment) -> u64 {
        (0..=60_000)
            .find(|ms| !back_off.holds(end, now + Duration::from_millis(*ms)))
            .expect("it ends")
    }

    #[test]
    fn it_doubles_up_to_the_longest_and_begins_anew_once_reached() {
        let mut back_off = BackOff::new(Chance::from_number(1));
        let mut now = Moment::START;
        for span in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            back_off.note(end(1), now);
            let waits = left(&back_off, &end(1), now);
            assert!((span / 2..=span).contains(&waits), "{waits} of {span}");
            now = now + Duration::from_millis(waits);
        }
        back_off.forget(&end(1));
        back_off.note(end(1), now);
        assert!(left(&back_off, &end(1), now) <= 500);
        back_off.forget_host(end(1).1.ip());
        assert_eq!(left(&back_off, &end(1), now), 0);
    }

    #[test]
    fn a_dialog_is_tried_once_a_second_and_does_not_prolong_the_wait() {
        let mut back_off = BackOff::new(Chance::from_number(1));
        let mut now = Moment::START;
        for _ in 0..8 {
            back_off.note(end(1), now);
            now = now + Duration::from_millis(left(&back_off, &end(1), now));
        }
        back_off.note(end(1), now);
        let waits = left(&back_off, &end(1), now);
        let tried = (0..waits).filter(|ms| {
            let then = now + Duration::from_millis(*ms);
            let tried = back_off.lets_through(&end(1), then);
            if tried {
                back_off.note(end(1), then);
            }
            tried
        });
        assert_eq!(tried.count() as u64, waits.div_ceil(1000));
        assert_eq!(left(&back_off, &end(1), now), waits);
    }

    #[test]
    fn those_lost_together_are_tried_apart_and_the_same_seed_says_when() {
        let waits = |seed| {
            let mut back_off = BackOff::new(Chance::from_number(seed));
            let ends = (1..=100).map(end);
            ends.map(|end| {
                back_off.note(end, Moment::START);
                left(&back_off, &end, Moment::START)
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
        let apart: BTreeSet<u64> = waits(1).into_iter().collect();
        assert!(apart.len() > 60, "{} of 100", apart.len());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut back_off = BackOff::new(Chance::from_number(1));
        (0..2000).for_each(|number| back_off.note(end(number), Moment::START));
        assert_eq!(back_off.failing.len(), MAX_FAILING);
        // Those whose time is over give way.
        let later = Moment::START + LAST;
        back_off.note(end(u16::MAX), later);
        assert!(back_off.holds(&end(u16::MAX), later));
        assert_eq!(back_off.failing.len(), 1);
    }
}
