//! A transfer whose target went while the side that stays was being asked. That side may have taken
//! what the target offered, and then hears nobody: the one who asked for the transfer is asked for an
//! offer once more (RFC 3725 section 4.1 again), and the two are joined as they were.

use super::ask::{acknowledge, ask};
use super::call::{Call, Side};
use super::context::{Context, Owner};
use super::header_rules::ALLOW;
use super::session::glare_wait;
use super::transfer::{State, Transfer};
use super::{RING_LIMIT, write};
use crate::sip::{Message, Method};
use crate::transaction::{ClientKey, GIVE_UP, T1};

impl Call {
    /// The target is gone: what the side that stays was asked is taken back, if it still can be.
    pub(super) fn undo(&mut self, ctx: &mut Context, by: Side, (client, rings): (ClientKey, bool)) {
        if rings {
            super::end::cancel(ctx, client, None);
        }
        // Its transaction ends by 64*T1 from now; this is for one that is not there any more.
        let deadline = ctx.now + GIVE_UP + T1;
        let state = State::Undoing { client, cancelled: rings, deadline };
        self.transfer = Some(Box::new(Transfer::back(by, state, ctx.now)));
    }

    /// What the side that stays says to what it was asked in vain.
    pub(super) fn on_undo_response(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        let owner = Owner::Call(self.key);
        let Some(transfer) = &mut self.transfer else { return };
        let kept = transfer.by.other();
        match (code, &mut transfer.state) {
            (..200, State::Undoing { client, cancelled, .. }) => {
                if !std::mem::replace(cancelled, true) {
                    super::end::cancel(ctx, *client, None);
                }
            }
            (200..300, _) => {
                let Some(leg) = self.leg_mut(kept) else { return };
                leg.refresh(response);
                leg.session.agree(response, ctx.now);
                leg.learn(response, false);
                acknowledge(ctx, (owner, leg), response.cseq().number, None);
                self.go_back(ctx);
            }
            (408 | 481, _) => self.hang_up(ctx, None, "DialogLost"),
            // Nothing has changed there.
            _ => self.transfer = None,
        }
    }

    /// Asks the one who asked for the transfer for an offer.
    pub(super) fn go_back(&mut self, ctx: &mut Context) {
        let busy = self.invite.is_some() || self.legs().any(|leg| leg.session.invites());
        let owner = Owner::Call(self.key);
        let Self { transfer: Some(transfer), a, b, .. } = self else { return };
        if ctx.now >= transfer.budget() {
            self.hang_up(ctx, None, "TransferFailed");
            return;
        }
        let leg = match transfer.by {
            Side::A => Some(a),
            Side::B => b.as_mut(),
        };
        let (provisional, later) = (0, ctx.now + T1);
        let Some(leg) = leg.filter(|_| !busy) else {
            transfer.state = State::Calling { client: None, cseq: 0, provisional, deadline: later };
            return;
        };
        let session = leg.session;
        let client = ask(ctx, owner, leg, (Method::Invite, b""), None, |ctx, writer, flow| {
            write::contact(ctx, writer, flow);
            writer.header("Allow", &[ALLOW]);
            writer.header("Supported", &[b"timer"]);
            session.ask(writer);
        });
        let deadline = if client.is_some() { ctx.now + RING_LIMIT } else { later };
        transfer.state = State::Calling { client, cseq: leg.local_cseq, provisional, deadline };
    }

    /// The one who asked for the transfer does not want it back like that.
    pub(super) fn on_way_back_refused(&mut self, ctx: &mut Context, code: u16) {
        let Some(transfer) = &self.transfer else { return };
        match (code, self.leg(transfer.by)) {
            (491, Some(leg)) => {
                let deadline = ctx.now + glare_wait(ctx, leg);
                let Some(transfer) = &mut self.transfer else { return };
                let (client, cseq, provisional) = (None, 0, 0);
                transfer.state = State::Calling { client, cseq, provisional, deadline };
            }
            (408 | 481, _) => self.hang_up(ctx, None, "DialogLost"),
            _ => self.hang_up(ctx, None, "TransferFailed"),
        }
    }

    /// Both have again what they had.
    pub(super) fn back_again(&mut self, ctx: &mut Context, response: &Message) {
        let owner = Owner::Call(self.key);
        let Some(transfer) = self.transfer.take() else { return };
        let State::Joining { cseq, answer, .. } = transfer.state else { return };
        if let Some(leg) = self.leg_mut(transfer.by) {
            acknowledge(ctx, (owner, leg), cseq, Some(response));
            leg.keep_offer(response);
        }
        if let Some(leg) = self.leg_mut(transfer.by.other()) {
            leg.refresh(response);
            leg.session.agree(response, ctx.now);
            leg.learn(response, false);
            leg.keep_offer(&answer);
            acknowledge(ctx, (owner, leg), response.cseq().number, None);
        }
    }

    /// The call ends on the way back: what is answered is acknowledged, what is not never will be.
    pub(super) fn drop_way_back(&mut self, ctx: &mut Context, by: Side, state: &State) {
        let owner = Owner::Call(self.key);
        match state {
            State::Calling { client, .. } => {
                client.iter().for_each(|key| ctx.transactions.bound_client(*key, ctx.now));
            }
            State::Undoing { client, .. } => ctx.transactions.bound_client(*client, ctx.now),
            State::Joining { client, cseq, .. } => {
                client.iter().for_each(|key| ctx.transactions.bound_client(*key, ctx.now));
                if let Some(leg) = self.leg_mut(by) {
                    acknowledge(ctx, (owner, leg), *cseq, None);
                }
            }
        }
    }
}
