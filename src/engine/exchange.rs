//! INVITEs inside a call, and what every answered INVITE needs: the 2xx until its ACK, the ACK.

use super::ask::acknowledge;
use super::attempt::shown;
use super::back::{Said, fits};
use super::call::{Abandoned, Call, Exchange, Phase, Progress, Relay, Side};
use super::context::{Context, Incoming, Owner};
use super::end::Parting;
use super::leg::{Bye, Leg};
use super::refusal::Reason;
use super::{RING_LIMIT, write};
use crate::sip::{HeaderName, Message};
use crate::transaction::{GIVE_UP, Moment, ServerKey, Status, T1, T2};

impl Call {
    /// An INVITE inside the dialog.
    pub(super) fn on_reinvite(
        &mut self,
        ctx: &mut Context,
        from: Side,
        incoming: Incoming,
        server: ServerKey,
    ) {
        if let Some(pending) = &self.invite {
            // RFC 3261 section 14.2: the second of one side, and the crossing one.
            let reason = if pending.from == from { Reason::InvitePending } else { Reason::Glare };
            self.refuse_inside(ctx, from, (&incoming, server), reason);
            return;
        }
        if self.transfer.is_some() || !self.stands(from.other()) {
            // One side is about to change.
            self.refuse_inside(ctx, from, (&incoming, server), Reason::Glare);
            return;
        }
        if !self.is_established() {
            self.refuse_inside(ctx, from, (&incoming, server), Reason::NoDialog);
            return;
        }
        let crosses = |relay: &Relay| relay.to == from && relay.offers();
        if self.legs().any(|leg| leg.session.invites()) || self.relays.iter().any(crosses) {
            // A refresh of ours is under way, in one leg or the other, or an offer of the other side.
            self.refuse_inside(ctx, from, (&incoming, server), Reason::Glare);
            return;
        }
        let owner = Owner::Call(self.key);
        let Some(leg) = self.leg_mut(from.other()) else { return };
        let deadline = ctx.now + RING_LIMIT;
        let progress = Progress::Pending { provisional: 0, cancel: false, deadline };
        let (client, marks) = (None, None);
        let mut exchange = Exchange { from, incoming, server, client, cseq: 0, progress, marks };
        if let Err(reason) = exchange.send(ctx, owner, leg, deadline) {
            self.refuse_inside(ctx, from, (&exchange.incoming, server), reason);
            return;
        }
        let trying = write::response(&exchange.incoming, 100, b"").finish(b"");
        ctx.respond(server, 100, trying);
        self.invite = Some(Box::new(exchange));
    }

    pub(super) fn on_exchange_response(
        &mut self,
        ctx: &mut Context,
        response: &Message,
        code: u16,
    ) {
        let Some(exchange) = &mut self.invite else { return };
        let Progress::Pending { provisional, cancel, deadline } = &mut exchange.progress else {
            if code / 100 == 2 {
                self.hang_up_fork(ctx, response);
            }
            return;
        };
        match code {
            ..200 => {
                let first = *provisional == 0;
                *provisional = (*provisional).max(code);
                *deadline = ctx.now + RING_LIMIT;
                if let Some(client) = exchange.client.filter(|_| *cancel && first) {
                    super::end::cancel(ctx, client, None);
                }
                // Reliability is for the first INVITE only; who insists on it hears nothing meanwhile.
                let wanted = exchange.incoming.message.requires("100rel");
                if code > 100 && !wanted {
                    self.relay_response(ctx, response, code);
                }
            }
            200..300 => self.relay_success(ctx, response, code),
            422 if self.ask_longer(ctx, response) => {}
            300.. => {
                self.relay_response(ctx, response, shown(code));
                self.invite = None;
                // RFC 3261 section 12.2.1.2: the far end does not know the dialog any more.
                if code == 481 || code == 408 {
                    self.hang_up(ctx, None, "DialogLost");
                }
            }
        }
    }

    /// An INVITE inside the call was never answered: the far end is gone, or cannot be reached just now.
    pub(super) fn on_exchange_lost(&mut self, ctx: &mut Context, silence: bool) {
        let Some(exchange) = &self.invite else { return };
        let cancelled = matches!(exchange.progress, Progress::Pending { cancel: true, .. });
        let code = match (cancelled, silence) {
            (true, _) => 487,
            (false, true) => 408,
            // That would end the dialog of who asked.
            (false, false) => 504,
        };
        let client = exchange.client;
        self.refuse(ctx, code);
        self.invite = None;
        self.late = client.filter(|_| !silence);
        if silence {
            self.hang_up(ctx, None, "Silence");
        }
    }

    /// It rings for too long inside the call.
    pub(super) fn on_exchange_overdue(&mut self, ctx: &mut Context) {
        let Some(exchange) = &mut self.invite else { return };
        if let Some(client) = exchange.client {
            super::end::cancel(ctx, client, None);
        }
        // Without a provisional, timer B would have ended it long ago; now 64*T1 will.
        exchange.progress =
            Progress::Pending { provisional: 100, cancel: true, deadline: ctx.now + RING_LIMIT };
    }

    /// Hands a 2xx back and begins to repeat it.
    pub(super) fn relay_success(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        let Some(exchange) = &self.invite else { return };
        let (from, request) = (exchange.from, exchange.incoming.message.clone());
        self.refresh_both(ctx, (from, &request), response);
        let Some(exchange) = &self.invite else { return };
        let Some(packet) = self.whole(ctx, exchange, Said::of(response, code)) else { return };
        if !fits(&exchange.incoming, &packet) {
            self.refuse_too_long(ctx);
            return;
        }
        let Some(exchange) = &mut self.invite else { return };
        let response: crate::transaction::Packet = packet.into();
        ctx.transactions.respond(exchange.server, Status::Success, response.clone(), ctx.now);
        exchange.progress = Progress::Answered {
            response,
            retransmit: ctx.now + T1,
            interval: T1,
            give_up: ctx.now + GIVE_UP,
        };
    }

    /// The 2xx does not fit into a datagram: who asked has to hear something, and who answered hears
    /// nobody.
    fn refuse_too_long(&mut self, ctx: &mut Context) {
        self.acknowledge(ctx, None);
        self.refuse(ctx, 500);
        if self.invite.take().is_some_and(|exchange| exchange.marks.is_some()) {
            // That call never was one.
            self.a.bye = Bye::Done;
            self.begin_ending(ctx, "AnswerTooLong", 500);
        }
        self.hang_up(ctx, None, "AnswerTooLong");
    }

    /// Time for the 2xx again, or no ACK for 64*T1: both sides are hung up (section 13.3.1.4).
    pub(super) fn repeat_2xx(&mut self, ctx: &mut Context) {
        let Some(exchange) = &mut self.invite else { return };
        let Progress::Answered { response, retransmit, interval, give_up } = &mut exchange.progress
        else {
            return;
        };
        if ctx.now >= *give_up {
            self.hang_up(ctx, None, "NoAck");
        } else if ctx.now >= *retransmit {
            *interval = (*interval * 2).min(T2);
            *retransmit = ctx.now + *interval;
            let again = response.clone();
            ctx.transactions.respond(exchange.server, Status::Success, again, ctx.now);
        }
    }

    /// The ACK of a 2xx: it ends the repetitions and goes on to the other side, body and all.
    pub(super) fn on_ack(&mut self, ctx: &mut Context, from: Side, ack: &Message) {
        let answered = self.invite.as_ref().is_some_and(|exchange| {
            exchange.from == from
                && matches!(exchange.progress, Progress::Answered { .. })
                && exchange.incoming.message.cseq().number == ack.cseq().number
        });
        if answered {
            self.acknowledge(ctx, Some(ack));
            self.invite = None;
            if matches!(self.phase, Phase::Ending(_)) {
                self.say_bye(ctx, from, Parting::Silent);
            }
        }
    }

    /// Sends the ACK of an answered exchange to the side that answered, and keeps it.
    pub(super) fn acknowledge(&mut self, ctx: &mut Context, ack: Option<&Message>) {
        let Some(exchange) = &self.invite else { return };
        let (to, cseq) = (exchange.from.other(), exchange.cseq);
        let owner = Owner::Call(self.key);
        let Some(leg) = self.leg_mut(to) else { return };
        if leg.last_ack.as_ref().is_some_and(|sent| sent.cseq == cseq) {
            // The other side was hung up before this one said that it knows.
            return;
        }
        acknowledge(ctx, (owner, leg), cseq, ack);
        // The answer to a late offer.
        ack.into_iter().for_each(|ack| leg.keep_offer(ack));
    }

    /// When an ACK need not be kept any longer.
    pub(super) fn acks_deadline(&self) -> Option<Moment> {
        let legs = std::iter::once(&self.a).chain(&self.b);
        legs.filter_map(|leg| leg.last_ack.as_ref()).map(|sent| sent.until).min()
    }

    /// Forgets the ACKs that no repetition of a 2xx can ask for: calls are long, and many.
    pub(super) fn forget_acks(&mut self, now: Moment) {
        for leg in std::iter::once(&mut self.a).chain(&mut self.b) {
            leg.last_ack = leg.last_ack.take().filter(|sent| now < sent.until);
        }
    }

    /// A 2xx that nobody waits for: to an INVITE that the end of a call or of a transfer overtook, or
    /// that of another fork.
    pub(super) fn on_stray_success(&mut self, ctx: &mut Context, response: &Message) -> bool {
        let owner = Owner::Call(self.key);
        let ours = response.from_tag().unwrap_or_default();
        let theirs = response.to_tag().unwrap_or_default();
        let number = response.cseq().number;
        let overtaken = |leg: &&mut Leg| {
            *leg.local_tag == *ours
                && *leg.remote_tag == *theirs
                && leg.last_ack.as_ref().is_none_or(|sent| sent.cseq < number)
        };
        if let Some(leg) = self.legs_mut().find(overtaken) {
            acknowledge(ctx, (owner, leg), number, None);
            return true;
        }
        self.hang_up_fork(ctx, response)
    }

    /// A 2xx to an INVITE inside the call that was thought not to have arrived. Who answers takes the
    /// session for changed, and who asked was told that it is not: neither hears the other any more,
    /// unless they have agreed on another one since.
    pub(super) fn on_late_success(&mut self, ctx: &mut Context, response: &Message) -> bool {
        let (owner, number) = (Owner::Call(self.key), response.cseq().number);
        let theirs = response.to_tag().unwrap_or_default();
        let newer = |leg: &&Leg| {
            *leg.remote_tag == *theirs
                && leg.last_ack.as_ref().is_some_and(|sent| sent.cseq > number)
        };
        if let Some(way) = self.legs().find(newer).map(|leg| leg.flow) {
            write::acknowledge_late(ctx, owner, (response, way), false);
            return true;
        }
        let stands = self.on_stray_success(ctx, response);
        if self.is_established() {
            self.hang_up(ctx, None, "AnswerTooLate");
        }
        stands
    }

    /// A 2xx again: the ACK was lost, or still waits for that of the other side. False if there is no
    /// such dialog any more.
    pub(super) fn acknowledge_again(&self, ctx: &mut Context, response: &Message) -> bool {
        let ours = response.from_tag().unwrap_or_default();
        let theirs = response.to_tag().unwrap_or_default();
        let number = response.cseq().number;
        let known = |leg: &&Leg| &*leg.local_tag == ours && &*leg.remote_tag == theirs;
        let owner = Some(Owner::Call(self.key));
        if let Some(leg) = self.legs().find(known) {
            let again = leg.last_ack.as_ref().filter(|sent| sent.cseq == number);
            if let Some(packet) = again.map(|sent| sent.packet.clone()) {
                ctx.send(leg.flow, packet, owner);
            }
            return true;
        }
        false
    }

    /// The 2xx of another fork, which nobody needs. False if nothing is left of the leg that it is a
    /// fork of.
    fn hang_up_fork(&mut self, ctx: &mut Context, response: &Message) -> bool {
        let (owner, number) = (Owner::Call(self.key), response.cseq().number);
        let ours = response.from_tag().unwrap_or_default();
        let Some(leg) = self.legs().find(|leg| &*leg.local_tag == ours) else { return false };
        if self.abandoned.len() >= super::MAX_RELAYS {
            let way = leg.flow;
            write::acknowledge_late(ctx, owner, (response, way), true);
        } else {
            let leg = leg.fork();
            ctx.peers.join(&leg);
            let (client, cseq) = (None, number);
            self.abandoned.push(Abandoned { leg, client, cseq, cancelled: false, why: None });
            self.hang_up_abandoned(ctx, self.abandoned.len() - 1, response);
        }
        true
    }

    /// Refuses a request inside the dialog.
    pub(super) fn refuse_inside(
        &mut self,
        ctx: &mut Context,
        from: Side,
        (incoming, server): (&Incoming, ServerKey),
        reason: Reason,
    ) {
        let Some(leg) = self.leg(from) else { return };
        ctx.count(reason);
        let code = reason.code();
        let mut writer = write::response(incoming, code, &leg.local_tag);
        if matches!(code, 500 | 503) {
            // Section 14.2 asks for a random wait of 0 to 10 s.
            let wait = u32::try_from(ctx.chance.below(11)).unwrap_or_default();
            writer.header_number("Retry-After", wait);
        }
        if matches!(code, 405 | 501) {
            let allowed = super::header_rules::allowed_but(incoming.message.method());
            writer.header("Allow", &[&allowed]);
        }
        if code == 489 {
            writer.header("Allow-Events", &[super::header_rules::ALLOW_EVENTS]);
        }
        if code == 422 {
            writer.header_number("Min-SE", leg.session.least());
        }
        if reason == Reason::BadExtension {
            let tags = super::header_rules::unsupported(&incoming.message);
            writer.header(HeaderName::Unsupported.as_str(), &[&tags]);
        }
        ctx.respond(server, code, writer.finish(b""));
    }

    /// Whether the dialog of a side stands; of one that is called it may be an early one.
    pub(super) fn stands(&self, side: Side) -> bool {
        self.leg(side).is_some_and(|leg| match self.phase {
            Phase::Hunting(_) => !leg.remote_tag.is_empty(),
            Phase::Established(_) => leg.bye == Bye::No,
            Phase::Ending(_) => false,
        })
    }
}
