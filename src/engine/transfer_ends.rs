//! How a transfer ends that does not succeed: refused, silent, out of time or given up, and nobody is
//! left hanging.

use super::call::{Abandoned, Call};
use super::context::Context;
use super::failover::Rules;
use super::leg::Leg;
use super::transfer::{State, Transfer};
use crate::transaction::{ClientKey, T1};

impl Call {
    /// It came to nothing: who asked hears so, and nothing else has changed, unless that one is gone.
    pub(super) fn fail_transfer(&mut self, ctx: &mut Context, code: u16) {
        self.notify_referrer(ctx, code, false);
        let Some(transfer) = &self.transfer else { return };
        let (by, back) = (transfer.by, transfer.back);
        let asked = match &transfer.state {
            State::Joining { client: Some(client), rings, .. } => Some((*client, *rings)),
            State::Joining { .. } | State::Calling { .. } | State::Undoing { .. } => None,
        };
        self.drop_transfer(ctx);
        if self.is_established() && (back || !self.stands(by)) {
            self.hang_up(ctx, None, "TransferFailed");
        } else if let Some(asked) = asked.filter(|_| self.is_established()) {
            self.undo(ctx, by, asked);
        }
    }

    /// Gives up the one who is called: CANCEL, or ACK and BYE.
    pub(super) fn drop_transfer(&mut self, ctx: &mut Context) {
        let Some(transfer) = self.transfer.take() else { return };
        let Transfer { leg: Some(leg), state, .. } = *transfer else {
            self.drop_way_back(ctx, transfer.by, &transfer.state);
            return;
        };
        match state {
            State::Calling { client, cseq, provisional, .. } => {
                self.give_up_called(ctx, leg, (client, cseq, provisional));
            }
            State::Joining { cseq, answer, client, .. } => {
                client.into_iter().for_each(|key| ctx.transactions.bound_client(key, ctx.now));
                let cancelled = true;
                self.abandoned.push(Abandoned { leg, client: None, cseq, cancelled, why: None });
                self.hang_up_abandoned(ctx, self.abandoned.len() - 1, &answer);
            }
            State::Undoing { .. } => {}
        }
    }

    fn give_up_called(
        &mut self,
        ctx: &mut Context,
        leg: Leg,
        (client, cseq, provisional): (Option<ClientKey>, u32, u16),
    ) {
        let open = client.filter(|key| ctx.transactions.pending_invite(*key).is_some());
        let Some(key) = open else {
            ctx.peers.leave(&leg);
            return;
        };
        let cancelled = provisional >= 100;
        if cancelled {
            super::end::cancel(ctx, key, None);
        }
        let client = Some(key);
        self.abandoned.push(Abandoned { leg, client, cseq, cancelled, why: None });
    }

    /// One of its INVITEs was never answered, or could not be sent.
    pub(super) fn on_transfer_lost(&mut self, ctx: &mut Context, silence: bool) {
        let Some(transfer) = &mut self.transfer else { return };
        match transfer.state {
            State::Calling { .. } if !transfer.back => {
                transfer.last = if silence { 408 } else { 503 };
                transfer.leg.take().iter().for_each(|leg| ctx.peers.leave(leg));
                self.call_next(ctx);
            }
            // Asked again, as long as there is time.
            State::Joining { ref mut client, .. } if !silence => *client = None,
            State::Calling { ref mut client, ref mut deadline, .. } if !silence => {
                (*client, *deadline) = (None, ctx.now + T1);
            }
            State::Undoing { .. } if !silence => self.transfer = None,
            State::Calling { .. } | State::Joining { .. } | State::Undoing { .. } => {
                self.hang_up(ctx, None, "Silence");
            }
        }
    }

    /// A deadline of the transfer may have passed.
    pub(super) fn on_transfer_time(&mut self, ctx: &mut Context) {
        let now = ctx.now;
        let Some(transfer) = self.transfer.as_ref().filter(|one| now >= one.deadline()) else {
            return;
        };
        match &transfer.state {
            State::Joining { client: None, give_up, .. } if now < *give_up => self.join(ctx),
            State::Joining { .. } => self.fail_transfer(ctx, 408),
            State::Calling { client: None, .. } if transfer.back => self.go_back(ctx),
            State::Calling { .. } if transfer.back => self.hang_up(ctx, None, "Silence"),
            State::Calling { .. } => self.on_called_silent(ctx),
            State::Undoing { .. } => self.hang_up(ctx, None, "Silence"),
        }
    }

    /// Patience with the one who is called is over: it is given up, and the next one may be called.
    fn on_called_silent(&mut self, ctx: &mut Context) {
        let Some(transfer) = &mut self.transfer else { return };
        let State::Calling { client, cseq, provisional, .. } = transfer.state else { return };
        let rules = Rules::of(&self.facts.generation.table, transfer.trunk);
        let leads_on = rules.lead_on(None, provisional > 100);
        transfer.last = 408;
        if let Some(leg) = transfer.leg.take() {
            self.give_up_called(ctx, leg, (client, cseq, provisional));
        }
        if leads_on {
            self.call_next(ctx);
        } else {
            self.fail_transfer(ctx, 408);
        }
    }
}
