//! What cannot be sent, or reaches nobody: who waits for it learns of it at once.

use std::net::SocketAddr;

use super::call::{Call, Phase, Progress};
use super::context::{Context, Owner};
use super::core::Engine;
use super::write;
use crate::sip::Via;
use crate::transaction::{ClientKey, Link, Origin, ServerKey, Tell, Transmit};

/// The most that a datagram can hold (over IPv4; over IPv6 it is a little more).
pub(super) const MAX_PAYLOAD: usize = 65_507;

/// The Reason of what ends the other leg.
const WHY: &[u8] = b"SIP ;cause=503 ;text=\"The caller cannot be reached\"";

impl Engine {
    /// A packet of ours could not be sent.
    pub(super) fn on_unsent(&mut self, transmit: Transmit) {
        let now = self.ctx.now;
        let Transmit { flow, packet, origin, fallback } = transmit;
        match (origin, fallback) {
            (Some(Origin::Client(key)), Some(fallback)) => {
                self.ctx.transactions.fall_back(key, *fallback, now);
            }
            (Some(Origin::Client(key)), None) => {
                if let Some(owner) = self.ctx.transactions.client_unreachable(key, now) {
                    self.on_lost(key, owner, Tell::Unreachable);
                }
            }
            (Some(Origin::Server(key)), _) => {
                // What the system refuses for the moment is lost as in the network: it is sent again.
                if flow.link == Link::Datagram && packet.len() <= MAX_PAYLOAD {
                    return;
                }
                let owner = self.ctx.transactions.server_unreachable(key, (flow, packet), now);
                if let Some(Owner::Call(call)) = owner
                    && let Some(found) = self.calls.get_mut(call)
                {
                    found.on_unsent_answer(&mut self.ctx, key);
                    self.calls.settle(&mut self.ctx, call);
                }
            }
            // An ACK is sent again when the 2xx is.
            (None, _) => {}
        }
    }

    /// Nobody is there to take a datagram that begins like this. RFC 3261 section 18.4 has its user
    /// told; but only of the very request, which is known by a branch that nobody can guess, and never
    /// inside a dialog: what was agreed does not end because a message of ICMP says so.
    pub(super) fn on_unreachable(&mut self, end: (u32, SocketAddr), quoted: &[u8]) {
        if quoted.starts_with(b"ACK ") || quoted.starts_with(b"CANCEL ") {
            return;
        }
        let via = write::own_value(quoted, "Via").and_then(Via::parse_first);
        let Some(branch) = via.and_then(|(via, _)| via.branch()) else { return };
        let transactions = &mut self.ctx.transactions;
        let Some((key, request)) = transactions.in_vain(branch, end) else { return };
        if write::names_dialog(request) {
            return;
        }
        if let Some(owner) = transactions.client_unreachable(key, self.ctx.now) {
            self.on_lost(key, owner, Tell::Unreachable);
        }
    }

    /// A request of ours ended without an answer: nobody gave one, or it could not be sent.
    pub(super) fn on_lost(&mut self, key: ClientKey, owner: Owner, why: Tell) {
        match owner {
            Owner::Probe(number) => self.keepalive.on_result(&mut self.ctx, number, None),
            Owner::Registration(number) => {
                self.registrations.on_lost(&mut self.ctx, (number, key));
            }
            Owner::Call(call) => {
                if let Some(found) = self.calls.get_mut(call) {
                    found.on_lost(&mut self.ctx, key, why);
                    self.calls.settle(&mut self.ctx, call);
                }
            }
        }
    }
}

impl Call {
    /// An answer to the INVITE that began the call cannot be sent: who called is gone, and whoever is
    /// called need not ring or listen any longer. Inside the call nothing ends so soon: a 2xx is sent
    /// again until its ACK, and who asked may ask again.
    fn on_unsent_answer(&mut self, ctx: &mut Context, server: ServerKey) {
        let first = self.invite.as_ref().filter(|one| one.server == server && one.marks.is_some());
        let Some(exchange) = first else { return };
        let answered = matches!(exchange.progress, Progress::Answered { .. });
        match self.phase {
            Phase::Hunting(_) => {
                self.abandon(ctx, Some(WHY));
                self.over_before_answer(ctx, "CallerUnreachable", 408);
            }
            Phase::Established(_) if answered => {
                self.acknowledge(ctx, None);
                self.invite = None;
                self.hang_up(ctx, None, "CallerUnreachable");
            }
            Phase::Established(_) | Phase::Ending(_) => {}
        }
    }
}
