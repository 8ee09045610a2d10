//! Passwords that were wrong, by source and user: who guesses has to wait, ever longer. Nobody is
//! locked out anywhere else, so that guessing is no way to lock out (S-06).

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::MAX_GUESSERS;
use crate::transaction::Moment;

/// Wrong ones without a wait: people mistype, and phones repeat.
const FREE: u32 = 5;
/// The longest wait for the next try.
const LONGEST: Duration = Duration::from_secs(300);
/// How long a source is remembered after its last wrong one.
const MEMORY: Duration = Duration::from_secs(900);
/// How long it is remembered that somebody was asked for a proof.
const PATIENCE: Duration = Duration::from_secs(300);

/// A source, of IPv6 its /64, and a hash of the user.
type Key = (IpAddr, u64);

/// What is remembered of one.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Moment,
    /// When the next try is looked at.
    until: Moment,
}

#[derive(Debug, Default)]
pub(super) struct Guesses {
    wrong: HashMap<Key, Wrong>,
    /// Every key once, with when to look whether it may be forgotten.
    order: VecDeque<(Moment, Key)>,
    /// Who was asked for a proof, and the order in which that is forgotten.
    asked: HashSet<Key>,
    asked_order: VecDeque<(Moment, Key)>,
}

impl Guesses {
    /// Whether somebody was asked lately; from now on they were.
    pub(super) fn ask(&mut self, now: Moment, source: IpAddr, user: &[u8]) -> bool {
        let full = self.asked.len() >= MAX_GUESSERS;
        let oldest = self.asked_order.pop_front_if(|_| full);
        oldest.into_iter().for_each(|(_, key)| {
            self.asked.remove(&key);
        });
        while let Some((_, key)) = self.asked_order.pop_front_if(|(until, _)| *until <= now) {
            self.asked.remove(&key);
        }
        let key = key(source, user);
        let fresh = self.asked.insert(key);
        if fresh {
            self.asked_order.push_back((now + PATIENCE, key));
        }
        !fresh
    }

    /// Whether a try is looked at.
    pub(super) fn may_try(&mut self, now: Moment, source: IpAddr, user: &[u8]) -> bool {
        self.forget(now);
        self.wrong.get(&key(source, user)).is_none_or(|one| one.until <= now)
    }

    /// A password was wrong, and who sent it is really there.
    pub(super) fn failed(&mut self, now: Moment, source: IpAddr, user: &[u8]) {
        let key = key(source, user);
        if !self.wrong.contains_key(&key) {
            if self.wrong.len() >= MAX_GUESSERS
                && let Some((_, oldest)) = self.order.pop_front()
            {
                self.wrong.remove(&oldest);
            }
            self.order.push_back((now + MEMORY, key));
        }
        let one = self.wrong.entry(key).or_insert(Wrong { count: 0, last: now, until: now });
        one.count = one.count.saturating_add(1);
        let doublings = one.count.saturating_sub(FREE).min(9);
        let wait = Duration::from_secs((1_u64 << doublings) - 1).min(LONGEST);
        (one.last, one.until) = (now, now + wait);
    }

    /// It was right after all; its key in the order forgets itself.
    pub(super) fn succeeded(&mut self, now: Moment, source: IpAddr, user: &[u8]) {
        if let Some(one) = self.wrong.get_mut(&key(source, user)) {
            *one = Wrong { count: 0, last: one.last, until: now };
        }
    }

    fn forget(&mut self, now: Moment) {
        while let Some((_, key)) = self.order.pop_front_if(|(look, _)| *look <= now) {
            match self.wrong.get(&key).map(|one| one.last + MEMORY) {
                Some(later) if later > now => self.order.push_back((later, key)),
                Some(_) | None => {
                    self.wrong.remove(&key);
                }
            }
        }
    }
}

fn key(source: IpAddr, user: &[u8]) -> Key {
    let network = match source.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
    };
    let hash = blake3::hash(user);
    let (first, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    (network, u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_has_fewer_than_a_hundred_tries_an_hour_and_others_have_theirs() {
        let mut guesses = Guesses::default();
        let (guesser, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut tries = 0;
        for second in 0..3600 {
            let now = Moment::START + Duration::from_secs(second);
            if guesses.may_try(now, guesser, b"1000") {
                tries += 1;
                guesses.failed(now, guesser, b"1000");
            }
            assert!(guesses.may_try(now, other, b"1000"));
            assert!(guesses.may_try(now, guesser, b"1001"));
        }
        assert!(tries < 30, "{tries}");
    }

    #[test]
    fn a_mistyped_password_is_forgiven_and_forgotten() {
        let mut guesses = Guesses::default();
        let source = "2001:db8::1".parse().unwrap();
        let neighbour = "2001:db8::2".parse().unwrap();
        let now = Moment::START;
        for _ in 0..8 {
            guesses.failed(now, source, b"u");
        }
        assert!(!guesses.may_try(now, neighbour, b"u"));
        guesses.succeeded(now, neighbour, b"u");
        assert!(guesses.may_try(now, source, b"u"));
        guesses.failed(now, source, b"u");
        assert!(guesses.may_try(now, source, b"u"));
        assert!(guesses.may_try(now + MEMORY, source, b"u"));
        assert!(guesses.wrong.is_empty() && guesses.order.is_empty());
    }
}
