//! Before the answer: early dialogs, of which a far end that forks makes several, and provisional
//! responses that are reliable (RFC 3262), with a numbering of their own on each side.

use std::collections::VecDeque;
use std::time::Duration;

use super::ask::ask;
use super::back::Said;
use super::call::{Abandoned, Call, Calls, Phase, Progress, Side};
use super::context::{Context, Incoming, Owner};
use super::end::{Parting, send_bye};
use super::leg::{Bye, Leg};
use super::refusal::Reason;
use super::relay::Extra;
use super::{MAX_EARLY, write};
use crate::sip::{Message, Method};
use crate::transaction::{ClientKey, GIVE_UP, Moment, Packet, ServerKey, Status, T1};

/// What a call has before its answer that most calls never have.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// The early dialogs of both sides beside the one that spoke last, which is in the call's legs.
    others: Vec<(Leg, Leg)>,
    /// The far ends' legs of those that the caller has ended: nothing more is heard of them.
    ended: Vec<Leg>,
    /// One of those has answered, so that only who answers at the same time still can.
    in_vain: bool,
    reliable: VecDeque<Reliable>,
    /// A 2xx that has to wait for a PRACK (RFC 3262 section 3).
    held: Option<Message>,
}

/// A reliable provisional response to the caller that it has not acknowledged.
#[derive(Debug)]
struct Reliable {
    /// Our tag: the early dialog.
    tag: Box<[u8]>,
    rseq: u32,
    /// The CSeq of the caller's INVITE.
    number: u32,
    /// What the PRACK to the far end names, its RSeq and the CSeq of our INVITE; `None` where the
    /// caller alone wants it reliable.
    theirs: Option<(u32, u32)>,
    /// Whether it describes the session.
    described: bool,
    packet: Packet,
    /// Since it was sent: the next repetition and how long until the one after.
    repeat: Option<(Moment, Duration)>,
    give_up: Moment,
}

/// The Reason of what ends the attempt.
const TOO_LONG: &[u8] =
    b"SIP ;cause=513 ;text=\"The answer is too long for the caller's transport\"";

/// Acknowledges a reliable provisional response of the far end that no PRACK of the caller will.
fn prack(ctx: &mut Context, (owner, leg): (Owner, &mut Leg), (rseq, cseq): (u32, u32)) {
    ask(ctx, owner, leg, (Method::Prack, b""), None, |_, writer, _| {
        writer.header_fmt("RAck", format_args!("{rseq} {cseq} INVITE"));
    });
}

impl Early {
    /// The far ends' legs of the other early dialogs.
    pub(super) fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.others.iter().map(|(_, leg)| leg).chain(&self.ended)
    }

    pub(super) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.others.iter_mut().map(|(_, leg)| leg).chain(&mut self.ended)
    }

    /// When a repetition or the end of patience is due; once answered nothing is repeated.
    fn deadline(&self, answered: bool) -> Option<Moment> {
        let due = |one: &Reliable| match one.repeat.filter(|_| !answered) {
            Some((at, _)) => at.min(one.give_up),
            None => one.give_up,
        };
        self.reliable.iter().map(due).min()
    }
}

impl Call {
    /// Puts the early dialog that a response of the far end belongs to into the legs; false when it
    /// is one too many, or one that the caller has ended.
    pub(super) fn face(&mut self, ctx: &mut Context, response: &Message) -> bool {
        let theirs = response.to_tag().unwrap_or_default();
        let Some(leg) = &mut self.b else { return false };
        if theirs.is_empty() || *theirs == *leg.remote_tag {
            return true;
        }
        if leg.remote_tag.is_empty() {
            leg.begin(response);
            return true;
        }
        let early = self.early.get_or_insert_default();
        if early.ended.iter().any(|leg| *leg.remote_tag == *theirs) {
            return false;
        }
        let known = early.others.iter().position(|(_, leg)| *leg.remote_tag == *theirs);
        if known.is_none() && early.others.len() + early.ended.len() >= MAX_EARLY {
            ctx.count(Reason::EarlyFull);
            return false;
        }
        let place = known.unwrap_or_else(|| {
            let mut fork = leg.fork();
            fork.begin(response);
            ctx.peers.join(&fork);
            early.others.push((self.a.twin(Calls::tag(self.key, ctx)), fork));
            early.others.len() - 1
        });
        self.bring_front(place);
        true
    }

    /// Puts another early dialog into the legs.
    fn bring_front(&mut self, place: usize) {
        let Some(other) = self.early.as_mut().and_then(|early| early.others.get_mut(place)) else {
            return;
        };
        let Some(b) = &mut self.b else { return };
        // The caller is one far end, counted once.
        other.0.hop = self.a.hop;
        std::mem::swap(&mut other.0, &mut self.a);
        std::mem::swap(&mut other.1, b);
    }

    /// Puts the early dialog that one of these tags names, ours towards the caller or the far end's
    /// own, into the legs.
    pub(super) fn face_tag(&mut self, tag: &[u8]) {
        let Some(early) = &self.early else { return };
        let named = |(a, b): &(Leg, Leg)| *a.local_tag == *tag || *b.remote_tag == *tag;
        if let Some(place) = early.others.iter().position(named) {
            self.bring_front(place);
        }
    }

    /// Puts the early dialog that a request names into the legs.
    pub(super) fn face_request(&mut self, request: &Message) {
        let Some(early) = &self.early else { return };
        let named = |(a, b): &(Leg, Leg)| a.is_named_by(request) || b.is_named_by(request);
        if let Some(place) = early.others.iter().position(named) {
            self.bring_front(place);
        }
    }

    /// Forgets every early dialog but the one in the legs. A PRACK may still come to what was sent
    /// in that.
    pub(super) fn leave_early(&mut self, ctx: &mut Context) {
        let Some(early) = &mut self.early else { return };
        early.others.drain(..).for_each(|(_, leg)| ctx.peers.leave(&leg));
        early.reliable.retain(|one| *one.tag == *self.a.local_tag && one.repeat.is_some());
        let ended = std::mem::take(&mut early.ended);
        if early.reliable.is_empty() {
            self.early = None;
        }
        self.leave_ended(ctx, ended);
    }

    /// A BYE of the caller in the early dialog of the legs: with another one that stands it ends that
    /// one alone (RFC 3261 section 15). False if there is none.
    pub(super) fn end_early(&mut self, ctx: &mut Context, bye: &Message) -> bool {
        let Some(early) = &self.early else { return false };
        let Some(place) = early.others.len().checked_sub(1) else { return false };
        self.drop_relays_here(ctx);
        self.bring_front(place);
        let Some(early) = &mut self.early else { return false };
        let (here, mut leg) = early.others.remove(place);
        early.reliable.retain(|one| one.tag != here.local_tag);
        let holds = |held: &Message| held.to_tag() == Some(&*leg.remote_tag);
        match early.held.take_if(|held| holds(held)) {
            Some(answer) => self.hang_up_ended(ctx, leg, &answer),
            None => {
                leg.bye = send_bye(ctx, &mut leg, Owner::Call(self.key), Parting::Carried(bye));
                early.ended.push(leg);
            }
        }
        true
    }

    /// An answer in an early dialog that the caller has ended: it is acknowledged and hung up. False
    /// if it is none.
    pub(super) fn is_ended(&mut self, ctx: &mut Context, answer: &Message) -> bool {
        let theirs = answer.to_tag();
        let Some(early) = &mut self.early else { return false };
        let found = early.ended.iter().position(|leg| theirs == Some(&*leg.remote_tag));
        let Some(leg) = found.map(|place| early.ended.remove(place)) else { return false };
        self.hang_up_ended(ctx, leg, answer);
        true
    }

    /// Who forked the INVITE ends the other forks with the first 2xx: what has not answered 64*T1
    /// later never will (section 13.2.2.4).
    fn hang_up_ended(&mut self, ctx: &mut Context, leg: Leg, answer: &Message) {
        let Some(exchange) = &mut self.invite else { return };
        if let Progress::Pending { deadline, .. } = &mut exchange.progress {
            *deadline = ctx.now + GIVE_UP;
        }
        let (cseq, client) = (exchange.cseq, None);
        self.early.get_or_insert_default().in_vain = true;
        self.abandoned.push(Abandoned { leg, client, cseq, cancelled: true, why: None });
        self.hang_up_abandoned(ctx, self.abandoned.len() - 1, answer);
    }

    /// Whether patience ends with a call that only an early dialog has answered that the caller had
    /// ended.
    pub(super) fn is_in_vain(&self) -> bool {
        !self.has_answered() && self.early.as_ref().is_some_and(|early| early.in_vain)
    }

    /// The BYE of one that the caller has ended was answered, or never will be.
    pub(super) fn on_early_bye_done(&mut self, key: ClientKey) {
        let ended = self.early.iter_mut().flat_map(|early| &mut early.ended);
        ended.filter(|leg| leg.bye == Bye::Sent(key)).for_each(|leg| leg.bye = Bye::Done);
    }

    /// What is left of those that the caller has ended is their BYE.
    fn leave_ended(&mut self, ctx: &mut Context, ended: Vec<Leg>) {
        for leg in ended {
            if let Bye::Sent(key) = leg.bye {
                let (client, cseq) = (Some(key), leg.local_cseq);
                self.abandoned.push(Abandoned { leg, client, cseq, cancelled: true, why: None });
            } else {
                ctx.peers.leave(&leg);
            }
        }
    }

    /// Forgets all of them; a 2xx that waited is acknowledged and hung up.
    pub(super) fn drop_early(&mut self, ctx: &mut Context) {
        let Some(mut early) = self.early.take() else { return };
        early.others.drain(..).for_each(|(_, leg)| ctx.peers.leave(&leg));
        self.leave_ended(ctx, early.ended);
        if let (Some(response), Some(exchange)) = (early.held, &self.invite)
            && let Some(leg) = self.b.take()
        {
            let cseq = exchange.cseq;
            let client = None;
            self.abandoned.push(Abandoned { leg, client, cseq, cancelled: true, why: None });
            self.hang_up_abandoned(ctx, self.abandoned.len() - 1, &response);
        }
    }

    /// A provisional response in the early dialog of the legs.
    pub(super) fn on_progress(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        let owner = Owner::Call(self.key);
        let (Some(exchange), Some(leg)) = (&self.invite, &mut self.b) else { return };
        let theirs = response.rseq().filter(|_| response.requires("100rel"));
        if let Some(rseq) = theirs {
            // A repetition, or one before it was lost (section 4).
            if leg.rseq != 0 && rseq != leg.rseq.wrapping_add(1) {
                return;
            }
            leg.rseq = rseq;
        }
        let request = &exchange.incoming.message;
        let theirs = theirs.map(|rseq| (rseq, exchange.cseq));
        if request.requires("100rel") || (theirs.is_some() && request.supports("100rel")) {
            self.send_reliably(ctx, (response, code), theirs);
            return;
        }
        if let Some(rack) = theirs {
            // Nobody asked for it: the caller cannot acknowledge it, so we do.
            prack(ctx, (owner, leg), rack);
        }
        self.relay_response(ctx, response, code);
    }

    /// A provisional response that cannot be told reliably. One that the far end has sent reliably it
    /// sends until it is acknowledged, and then it counts as told (RFC 3262 section 3): if it describes
    /// a session, that is agreed (section 5), and no later answer repeats it. So that one ends the
    /// call, and is not acknowledged; one that describes nothing we acknowledge, and nothing is lost.
    fn on_progress_too_long(
        &mut self,
        ctx: &mut Context,
        response: &Message,
        theirs: Option<(u32, u32)>,
    ) {
        let (Some(rack), Some(leg)) = (theirs, &mut self.b) else { return };
        if response.body().is_empty() {
            prack(ctx, (Owner::Call(self.key), leg), rack);
            return;
        }
        self.give_up_too_long(ctx);
    }

    /// The call cannot be answered, because what it would need to be told is too long.
    pub(super) fn give_up_too_long(&mut self, ctx: &mut Context) {
        self.refuse(ctx, 500);
        self.abandon(ctx, Some(TOO_LONG));
        self.over_before_answer(ctx, "AnswerTooLong", 500);
    }

    fn send_reliably(
        &mut self,
        ctx: &mut Context,
        (response, code): (&Message, u16),
        theirs: Option<(u32, u32)>,
    ) {
        // Section 3: it begins anywhere below 2^31 and rises by one.
        let first = u32::try_from(ctx.chance.below(1 << 30)).unwrap_or_default();
        let rseq = if self.a.rseq == 0 { first } else { self.a.rseq }.wrapping_add(1);
        let Some(exchange) = &self.invite else { return };
        let said = Said { response, code, rseq: Some(rseq) };
        let fitting = self.fitting(ctx, exchange, said);
        let Some((packet, whole)) = fitting.filter(|(_, whole)| *whole || theirs.is_none()) else {
            self.on_progress_too_long(ctx, response, theirs);
            return;
        };
        let number = exchange.incoming.message.cseq().number;
        let early = self.early.get_or_insert_default();
        if early.reliable.len() >= MAX_EARLY {
            ctx.count(Reason::EarlyFull);
            return;
        }
        self.a.rseq = rseq;
        early.reliable.push_back(Reliable {
            tag: self.a.local_tag.clone(),
            rseq,
            number,
            theirs,
            described: whole && !response.body().is_empty(),
            packet: packet.into(),
            repeat: None,
            give_up: ctx.now + GIVE_UP,
        });
        self.send_next(ctx);
    }

    /// Sends the first of the dialog in the legs that waits, unless one before it is unacknowledged
    /// (section 3).
    fn send_next(&mut self, ctx: &mut Context) {
        let (Some(early), Some(exchange)) = (&mut self.early, &self.invite) else { return };
        let tag = &self.a.local_tag;
        let next = early.reliable.iter_mut().find(|one| one.tag == *tag);
        if let Some(next) = next.filter(|next| next.repeat.is_none()) {
            next.repeat = Some((ctx.now + T1, T1));
            next.give_up = ctx.now + GIVE_UP;
            let packet = next.packet.clone();
            ctx.transactions.respond(exchange.server, Status::Provisional, packet, ctx.now);
        }
    }

    /// A PRACK: it ends the repetitions, and goes on where the far end waits for it.
    pub(super) fn on_prack(
        &mut self,
        ctx: &mut Context,
        from: Side,
        incoming: Incoming,
        server: ServerKey,
    ) {
        let tag = &self.a.local_tag;
        let place = self.early.as_ref().zip(incoming.message.rack()).and_then(|(early, rack)| {
            let acknowledged = |one: &Reliable| {
                one.tag == *tag
                    && (one.rseq, one.number, Method::Invite)
                        == (rack.response, rack.number, rack.method)
                    && one.repeat.is_some()
            };
            early.reliable.iter().position(acknowledged)
        });
        let taken = self.early.as_mut().zip(place.filter(|_| from == Side::A));
        let Some(one) = taken.and_then(|(early, place)| early.reliable.remove(place)) else {
            self.refuse_inside(ctx, from, (&incoming, server), Reason::NoDialog);
            return;
        };
        match one.theirs {
            Some(rack) => self.relay_on(ctx, from, (incoming, server), Extra::RAck(rack)),
            // The far end waits for no PRACK, so nobody can answer what it offers.
            None => {
                if incoming.message.body().is_empty() {
                    ctx.respond(server, 200, write::answer(&incoming, 200, b""));
                } else {
                    self.refuse_inside(ctx, from, (&incoming, server), Reason::OfferInVain);
                }
            }
        }
        self.send_next(ctx);
        self.release(ctx);
    }

    /// Whether a 2xx has to wait until the caller has acknowledged what described the session
    /// before (section 3).
    pub(super) fn holds(&mut self, response: &Message) -> bool {
        let Some(early) = &mut self.early else { return false };
        let tag = &self.a.local_tag;
        let open = early.reliable.iter().any(|one| one.tag == *tag && one.described);
        early.held = open.then(|| response.clone());
        open
    }

    fn release(&mut self, ctx: &mut Context) {
        let held = self.early.as_mut().and_then(|early| early.held.take());
        if let Some(response) = held {
            let code = response.status().unwrap_or(200);
            self.on_attempt_answered(ctx, &response, code);
        }
    }

    pub(super) fn early_deadline(&self) -> Option<Moment> {
        self.early.as_ref()?.deadline(self.has_answered())
    }

    /// Time for a repetition; without a PRACK for 64*T1 the INVITE is refused (section 3).
    pub(super) fn on_early_time(&mut self, ctx: &mut Context) {
        let hunting = matches!(self.phase, Phase::Hunting(_));
        let (Some(early), now) = (&mut self.early, ctx.now) else { return };
        if early.reliable.iter().any(|one| now >= one.give_up) {
            if hunting {
                self.refuse(ctx, 504);
                self.abandon(ctx, None);
                self.over_before_answer(ctx, "NoPrack", 504);
            } else {
                self.early = None;
            }
            return;
        }
        let Some(exchange) = self.invite.as_ref().filter(|_| hunting) else { return };
        for one in &mut early.reliable {
            let Some((at, interval)) = &mut one.repeat else { continue };
            if now >= *at {
                *interval *= 2;
                *at = now + *interval;
                let again = one.packet.clone();
                ctx.transactions.respond(exchange.server, Status::Provisional, again, now);
            }
        }
    }
}
