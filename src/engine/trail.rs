//! What passed between the far ends of each call and us, for people: the last messages of every call
//! in progress and of those that ended lately. Packets are shared, not copied, and everything is
//! bounded: the oldest gives way.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use super::event::About;
use crate::transaction::{Moment, Packet};

/// Messages kept of one call.
pub const TRAIL_MESSAGES: usize = 64;
/// Bytes kept of one call.
pub const TRAIL_BYTES: usize = 64 * 1024;
/// Bytes kept of all calls in progress: beyond it the one that began first loses its messages.
pub const LIVE_TRAIL_BYTES: usize = 12 << 20;
/// Bytes kept of all calls that are over.
pub const ENDED_TRAIL_BYTES: usize = 24 << 20;
/// Calls that are over and still known.
pub const ENDED_TRAILS: usize = 16 * 1024;
/// Legs of one call that are told apart; a hunt has at most six routes, and forks are rare.
const LEGS: usize = 16;
/// Far ends of one call that are told apart.
const ENDS: usize = 16;
/// What a packet costs beside its bytes: its counts, and its place in the ring.
const OVERHEAD: usize = 16 + size_of::<Passed>();

/// Where a message came from or went to: the listener's number and the far end.
type End = (u32, SocketAddr);

/// One message as it passed.
#[derive(Debug, Clone)]
struct Passed {
    packet: Packet,
    /// Milliseconds since the trail began.
    after: u32,
    /// Which of the trail's ends; 255 is one too many.
    end: u8,
    inward: bool,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// One CamelCase word.
    pub reason: &'static str,
    /// The final SIP code towards the caller, 200 for an answered call.
    pub code: u16,
}

/// The messages of one call.
#[derive(Debug)]
struct Trail {
    about: Arc<About>,
    began: Moment,
    /// The Call-IDs, the A-leg's first.
    legs: Vec<Box<[u8]>>,
    ends: Vec<End>,
    ring: VecDeque<Passed>,
    bytes: usize,
    dropped: u32,
    ending: Option<Ending>,
    /// Nothing but retransmissions can come any more.
    is_over: bool,
}

/// A copy of one trail.
#[derive(Debug, Clone)]
pub struct Record {
    /// The call.
    pub about: Arc<About>,
    /// How it ended, if it has.
    pub ending: Option<Ending>,
    /// The Call-IDs of its legs, the A-leg's first.
    pub legs: Vec<Box<[u8]>>,
    /// Messages that are not there any more.
    pub dropped: u32,
    /// The messages, oldest first.
    pub messages: Vec<Recorded>,
}

/// One message of a record.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it passed.
    pub at: Moment,
    /// Whether it came to us.
    pub inward: bool,
    /// The listener's number and the far end, as far as they were kept.
    pub end: Option<(u32, SocketAddr)>,
    /// The bytes, with whatever secrets they hold.
    pub packet: Packet,
}

/// All trails, by the numbers of their calls.
#[derive(Debug, Default)]
pub(super) struct Trails {
    trails: HashMap<u32, Trail, FixedState>,
    /// Calls in progress that hold messages, by number: the first began first.
    holding: BTreeSet<u32>,
    live_bytes: usize,
    ended: VecDeque<u32>,
    ended_bytes: usize,
}

impl Trails {
    /// An INVITE begins what may become a call.
    pub(super) fn begin(&mut self, about: Arc<About>, call_id: &[u8], now: Moment) {
        let number = about.number;
        let trail = Trail {
            about,
            began: now,
            legs: vec![call_id.into()],
            ends: Vec::new(),
            ring: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            ending: None,
            is_over: false,
        };
        self.trails.insert(number, trail);
    }

    /// A further leg of a call.
    pub(super) fn add_leg(&mut self, number: u32, call_id: &[u8]) {
        if let Some(trail) = self.trails.get_mut(&number).filter(|trail| trail.legs.len() < LEGS) {
            trail.legs.push(call_id.into());
        }
    }

    /// A message of a call passes.
    pub(super) fn pass(
        &mut self,
        number: u32,
        (inward, end): (bool, End),
        packet: Packet,
        now: Moment,
    ) {
        let Some(trail) = self.trails.get_mut(&number) else { return };
        let before = trail.bytes;
        let empty = trail.ring.is_empty();
        trail.push((inward, end), packet, now);
        let sum = if trail.is_over { &mut self.ended_bytes } else { &mut self.live_bytes };
        *sum = *sum + trail.bytes - before;
        if empty && !trail.is_over {
            self.holding.insert(number);
        }
        self.bound();
    }

    /// How a call ended is known; its last messages may still be under way.
    pub(super) fn ending(&mut self, number: u32, ending: Ending) {
        if let Some(trail) = self.trails.get_mut(&number) {
            trail.ending = Some(ending);
        }
    }

    /// A call is over.
    pub(super) fn end(&mut self, number: u32) {
        let Some(trail) = self.trails.get_mut(&number).filter(|trail| !trail.is_over) else {
            return;
        };
        trail.is_over = true;
        if trail.ring.capacity() > 2 * trail.ring.len() {
            trail.ring.shrink_to_fit();
        }
        self.holding.remove(&number);
        self.live_bytes -= trail.bytes;
        self.ended_bytes += trail.bytes;
        self.ended.push_back(number);
        self.bound();
    }

    fn bound(&mut self) {
        while self.live_bytes > LIVE_TRAIL_BYTES {
            let Some(number) = self.holding.pop_first() else { break };
            let Some(trail) = self.trails.get_mut(&number) else { continue };
            self.live_bytes -= trail.forget();
        }
        while self.ended_bytes > ENDED_TRAIL_BYTES || self.ended.len() > ENDED_TRAILS {
            let Some(number) = self.ended.pop_front() else { break };
            let Some(trail) = self.trails.remove(&number) else { continue };
            self.ended_bytes -= trail.bytes;
        }
    }

    /// The newest call with this number of ours (`c2f`), or with this Call-ID on any of its legs.
    pub(super) fn find(&self, name: &str) -> Option<Record> {
        let number = name.strip_prefix('c').and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let own = number.and_then(|number| self.trails.get(&number));
        let named = || {
            let is_it = |trail: &&Trail| trail.legs.iter().any(|leg| **leg == *name.as_bytes());
            #[expect(clippy::disallowed_methods, reason = "the newest is the same in any order")]
            let all = self.trails.values();
            all.filter(is_it).max_by_key(|trail| trail.about.number)
        };
        own.or_else(named).map(Trail::copy)
    }

    /// Bytes kept, of calls in progress and of those that are over.
    #[cfg(test)]
    fn bytes(&self) -> [usize; 2] {
        [self.live_bytes, self.ended_bytes]
    }
}

impl Trail {
    fn push(&mut self, (inward, end): (bool, End), packet: Packet, now: Moment) {
        let place = self.ends.iter().position(|known| *known == end);
        let place = place.unwrap_or_else(|| {
            if self.ends.len() < ENDS {
                self.ends.push(end);
                self.ends.len() - 1
            } else {
                usize::MAX
            }
        });
        let after = u32::try_from(now.since(self.began).as_millis()).unwrap_or(u32::MAX);
        self.bytes += packet.len() + OVERHEAD;
        let end = u8::try_from(place).unwrap_or(u8::MAX);
        self.ring.push_back(Passed { packet, after, end, inward });
        while self.ring.len() > TRAIL_MESSAGES || self.bytes > TRAIL_BYTES {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.bytes -= oldest.packet.len() + OVERHEAD;
            self.dropped += 1;
        }
    }

    /// Gives all messages up; how many bytes that were.
    fn forget(&mut self) -> usize {
        let count = u32::try_from(self.ring.len()).unwrap_or(u32::MAX);
        self.dropped = self.dropped.saturating_add(count);
        self.ring = VecDeque::new();
        std::mem::take(&mut self.bytes)
    }

    fn copy(&self) -> Record {
        let recorded = |passed: &Passed| Recorded {
            at: self.began + Duration::from_millis(passed.after.into()),
            inward: passed.inward,
            end: self.ends.get(usize::from(passed.end)).copied(),
            packet: passed.packet.clone(),
        };
        Record {
            about: self.about.clone(),
            ending: self.ending,
            legs: self.legs.clone(),
            dropped: self.dropped,
            messages: self.ring.iter().map(recorded).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Direction;

    fn about(number: u32) -> Arc<About> {
        Arc::new(About {
            number,
            id: format!("id-{number}").into(),
            direction: Direction::Inbound,
            from: "".into(),
            to: "".into(),
            tenant: None,
            trunk: None,
            rule: None,
            generation: 1,
        })
    }

    fn end() -> End {
        (0, "192.0.2.1:5060".parse().unwrap())
    }

    fn begun(trails: &mut Trails, number: u32) {
        let about = about(number);
        let id = about.id.clone();
        trails.begin(about, id.as_bytes(), Moment::START);
    }

    fn pass(trails: &mut Trails, number: u32, length: usize) {
        trails.pass(number, (true, end()), vec![0; length].into(), Moment::START);
    }

    #[test]
    fn a_call_keeps_its_last_messages_and_says_how_many_went() {
        let mut trails = Trails::default();
        begun(&mut trails, 0x2f);
        (0..100).for_each(|_| pass(&mut trails, 0x2f, 10));
        let record = trails.find("c2f").unwrap();
        assert_eq!((record.messages.len(), record.dropped), (TRAIL_MESSAGES, 36));
        (0..3).for_each(|_| pass(&mut trails, 0x2f, 30_000));
        let record = trails.find("id-47").unwrap();
        assert!(record.messages.iter().map(|one| one.packet.len()).sum::<usize>() <= TRAIL_BYTES);
        assert!(trails.find("id-48").is_none() && trails.find("c30").is_none());
    }

    #[test]
    fn the_oldest_gives_way_and_no_sum_is_ever_exceeded() {
        let mut trails = Trails::default();
        for number in 0..5_000 {
            begun(&mut trails, number);
            (0..9).for_each(|_| pass(&mut trails, number, 1_000));
            assert!(trails.bytes()[0] <= LIVE_TRAIL_BYTES);
        }
        assert_eq!(trails.find("c0").unwrap().dropped, 9);
        assert_eq!(trails.find("c1387").unwrap().messages.len(), 9);
        // A call in progress that gave its messages up goes on being recorded.
        pass(&mut trails, 0, 10);
        assert_eq!(trails.find("c0").unwrap().messages.len(), 1);
        for number in 0..5_000 {
            trails.end(number);
            let [live, ended] = trails.bytes();
            assert!(live <= LIVE_TRAIL_BYTES && ended <= ENDED_TRAIL_BYTES);
        }
        assert_eq!(trails.bytes()[0], 0);
        assert!(trails.holding.is_empty());
        for number in 5_000..30_000 {
            begun(&mut trails, number);
            trails.end(number);
        }
        assert_eq!(trails.trails.len(), ENDED_TRAILS);
    }

    #[test]
    fn a_late_message_of_an_ended_call_counts_among_those() {
        let mut trails = Trails::default();
        begun(&mut trails, 1);
        pass(&mut trails, 1, 100);
        trails.end(1);
        pass(&mut trails, 1, 100);
        assert_eq!(trails.bytes(), [0, 2 * (100 + OVERHEAD)]);
        assert_eq!(trails.find("id-1").unwrap().messages.len(), 2);
    }
}
