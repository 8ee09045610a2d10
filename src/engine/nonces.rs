//! The nonces that we hand out: without state, signed, bound to realm and source address, good for
//! [`NONCE_LIFE`]. Only one that has proven a password takes a place in a table, so that a request
//! cannot be played again; strangers cannot fill it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use subtle::ConstantTimeEq;

use super::{MAX_NONCES, NONCE_LIFE};
use crate::transaction::{Chance, Moment};

/// The time and the salt, each byte as two digits.
const STAMP_DIGITS: usize = 20;
/// The signature: 80 bits, each try of which is a request to us.
const SIGNATURE_DIGITS: usize = 20;

/// Where a nonce is good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Whose passwords are asked for.
    pub(super) realm: &'a [u8],
    /// Who was asked; not from which port, which a NAT may change.
    pub(super) source: IpAddr,
}

/// What is wrong with a nonce whose password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not ours, or given to somebody else, or for another realm.
    Foreign,
    /// Older than its life.
    Expired,
    /// Its count did not grow: this request, or a later one, has been here.
    Replayed,
    /// There is no room to remember it: fails closed.
    Full,
}

/// What names a nonce: its time in milliseconds, then 32 bits of salt.
type Stamp = u128;

/// The key, and what has been used.
pub(super) struct Nonces {
    key: [u8; blake3::KEY_LEN],
    limit: usize,
    /// The highest count of each nonce in use, by its stamp.
    used: HashMap<Stamp, u32>,
    /// The same stamps in the order in which they came, with the time to forget them.
    order: VecDeque<(Moment, Stamp)>,
}

impl Nonces {
    /// A key of its own for every process: what an earlier one gave out is not ours.
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut key = [0; blake3::KEY_LEN];
        for (to, from) in key.chunks_mut(8).zip(std::iter::repeat_with(|| chance.word())) {
            to.iter_mut().zip(from.to_le_bytes()).for_each(|(to, from)| *to = from);
        }
        Self { key, limit: MAX_NONCES, used: HashMap::new(), order: VecDeque::new() }
    }

    /// A fresh nonce: time in milliseconds, salt, signature.
    pub(super) fn issue(&self, now: Moment, place: Place<'_>, chance: &mut Chance) -> String {
        let salt = chance.word() & 0xffff_ffff;
        let mut text = format!("{:012x}{salt:08x}", now.millis() & 0xffff_ffff_ffff);
        let signature = self.signature(&text, place);
        text.push_str(&signature);
        text
    }

    /// Takes a nonce whose password has been proven; `count` has to be above any before.
    pub(super) fn spend(
        &mut self,
        now: Moment,
        place: Place<'_>,
        nonce: &[u8],
        count: u32,
    ) -> Result<(), Unfit> {
        self.forget(now);
        let stamp = self.stamp(nonce, place).ok_or(Unfit::Foreign)?;
        let began = Moment::from_millis(u64::try_from(stamp >> 32).unwrap_or_default());
        if now.since(began) >= NONCE_LIFE {
            return Err(Unfit::Expired);
        }
        let full = self.used.len() >= self.limit;
        match self.used.get_mut(&stamp) {
            Some(highest) if count <= *highest => Err(Unfit::Replayed),
            Some(highest) => {
                *highest = count;
                Ok(())
            }
            None if full => Err(Unfit::Full),
            None => {
                self.used.insert(stamp, count);
                self.order.push_back((now + NONCE_LIFE, stamp));
                Ok(())
            }
        }
    }

    /// Whether we gave a nonce to somebody at this place, however long ago.
    pub(super) fn is_ours(&self, nonce: &[u8], place: Place<'_>) -> bool {
        self.stamp(nonce, place).is_some()
    }

    /// The stamp of a nonce of ours for this place.
    fn stamp(&self, nonce: &[u8], place: Place<'_>) -> Option<Stamp> {
        let (stamp, signature) = std::str::from_utf8(nonce).ok()?.split_at_checked(STAMP_DIGITS)?;
        let own = self.signature(stamp, place);
        let same: bool = own.as_bytes().ct_eq(signature.as_bytes()).into();
        same.then(|| Stamp::from_str_radix(stamp, 16).ok()).flatten()
    }

    fn signature(&self, stamp: &str, place: Place<'_>) -> String {
        let mut hash = blake3::Hasher::new_keyed(&self.key);
        hash.update(stamp.as_bytes());
        match place.source.to_canonical() {
            IpAddr::V4(ip) => hash.update(&ip.octets()),
            IpAddr::V6(ip) => hash.update(&ip.octets()),
        };
        // Last: it alone has no length that is known.
        hash.update(&place.realm.to_ascii_lowercase());
        let mut text = hash.finalize().to_hex().to_string();
        text.truncate(SIGNATURE_DIGITS);
        text
    }

    /// Forgets what would be refused by its age.
    fn forget(&mut self, now: Moment) {
        while let Some((_, stamp)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            self.used.remove(&stamp);
        }
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key would sign nonces.
        write!(f, "Nonces({} used)", self.used.len())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    const HERE: Place<'_> =
        Place { realm: b"acme.example", source: IpAddr::V4(Ipv4Addr::LOCALHOST) };

    fn nonces() -> (Nonces, Chance) {
        let mut chance = Chance::from_number(1);
        (Nonces::new(&mut chance), chance)
    }

    #[test]
    fn a_nonce_is_good_here_and_now_and_its_count_grows() {
        let (mut nonces, mut chance) = nonces();
        let now = Moment::from_millis(5_000_000_000);
        let nonce = nonces.issue(now, HERE, &mut chance);
        let mut spend = |now, place, count| nonces.spend(now, place, nonce.as_bytes(), count);
        let upper = Place { realm: b"ACME.example", ..HERE };
        assert_eq!(spend(now, HERE, 1), Ok(()));
        assert_eq!(spend(now, HERE, 1), Err(Unfit::Replayed));
        assert_eq!(spend(now, upper, 7), Ok(()));
        assert_eq!(spend(now, HERE, 6), Err(Unfit::Replayed));
        assert_eq!(spend(now, HERE, 8), Ok(()));
        let elsewhere = Place { source: "127.0.0.2".parse().unwrap(), ..HERE };
        assert_eq!(spend(now, elsewhere, 9), Err(Unfit::Foreign));
        let mapped = Place { source: "::ffff:127.0.0.1".parse().unwrap(), ..HERE };
        assert_eq!(spend(now, mapped, 9), Ok(()));
        assert_eq!(spend(now, Place { realm: b"other", ..HERE }, 10), Err(Unfit::Foreign));
        let last = now + NONCE_LIFE.saturating_sub(Duration::from_millis(1));
        assert_eq!(spend(last, HERE, 10), Ok(()));
        // Not even with the memory of its use is it good any longer.
        assert_eq!(spend(now + NONCE_LIFE, HERE, 11), Err(Unfit::Expired));
    }

    #[test]
    fn what_is_changed_or_of_another_process_is_foreign() {
        let (mut own, mut chance) = nonces();
        let nonce = own.issue(Moment::START, HERE, &mut chance);
        assert_eq!(nonce.len(), STAMP_DIGITS + SIGNATURE_DIGITS);
        for place in 0..nonce.len() {
            let mut bytes = nonce.clone().into_bytes();
            bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(own.spend(Moment::START, HERE, &bytes, 1), Err(Unfit::Foreign));
        }
        for other in ["", "0", &nonce[..39], &format!("{nonce}0"), &nonce.to_uppercase()] {
            let unfit = own.spend(Moment::START, HERE, other.as_bytes(), 1);
            assert_eq!(unfit, Err(Unfit::Foreign), "{other}");
        }
        let mut next = Nonces::new(&mut chance);
        assert_eq!(next.spend(Moment::START, HERE, nonce.as_bytes(), 1), Err(Unfit::Foreign));
    }

    #[test]
    fn a_full_table_fails_closed_until_the_oldest_expire() {
        let (mut nonces, mut chance) = nonces();
        nonces.limit = 2;
        let late = Moment::START + Duration::from_secs(1);
        for now in [Moment::START, late] {
            let nonce = nonces.issue(now, HERE, &mut chance);
            assert_eq!(nonces.spend(now, HERE, nonce.as_bytes(), 1), Ok(()));
        }
        let now = Moment::START + NONCE_LIFE;
        let third = nonces.issue(now, HERE, &mut chance);
        let before = Moment::from_millis(now.millis() - 1);
        assert_eq!(nonces.spend(before, HERE, third.as_bytes(), 1), Err(Unfit::Full));
        assert_eq!(nonces.spend(now, HERE, third.as_bytes(), 1), Ok(()));
    }
}
