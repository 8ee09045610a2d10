//! INVITEs that were refused and wait for their ACK. One that comes once more by another way is still the
//! same request (RFC 3261 section 8.2.2.2), though no call is left of it. Once acknowledged it is
//! forgotten: who then asks by another way hunts, and may be answered otherwise.

use std::collections::{HashMap, VecDeque};

use super::context::Context;
use crate::transaction::{GIVE_UP, Moment, ServerKey};

/// Refused INVITEs that are remembered; with more the oldest are forgotten.
const MAX_REFUSED: usize = 65_536;

/// Those that wait, by a print of their origin.
#[derive(Debug, Default)]
pub(super) struct Refused {
    by_origin: HashMap<u64, ServerKey>,
    order: VecDeque<(Moment, u64, ServerKey)>,
}

impl Refused {
    fn note(&mut self, origin: u64, server: ServerKey, now: Moment) {
        while self.order.len() >= MAX_REFUSED
            || self.order.front().is_some_and(|(until, ..)| now >= *until)
        {
            let Some((_, old, former)) = self.order.pop_front() else { break };
            if self.by_origin.get(&old) == Some(&former) {
                self.by_origin.remove(&old);
            }
        }
        self.by_origin.insert(origin, server);
        self.order.push_back((now + GIVE_UP, origin, server));
    }
}

impl Context {
    /// An INVITE is over, with no call; it is remembered if it waits for the ACK of its failure.
    pub(super) fn note_refused(&mut self, origin: &[u8], server: ServerKey) {
        if self.transactions.unacknowledged(server).is_some() && !self.is_refused(origin) {
            let origin = self.print_of(origin);
            self.refused.note(origin, server, self.now);
        }
    }

    /// Whether an INVITE with this origin was refused and waits for its ACK.
    pub(super) fn is_refused(&self, origin: &[u8]) -> bool {
        let server = self.refused.by_origin.get(&self.print_of(origin));
        server.is_some_and(|server| self.transactions.unacknowledged(*server).is_some())
    }
}
