//! How calls end: BYE from either side, CANCEL and its races, time.

use super::ask::{acknowledge, ask};
use super::call::{Call, Exchange, Phase, Progress, Side};
use super::context::{Context, Incoming, Owner};
use super::header_rules::{joined, relay};
use super::leg::{Bye, Leg};
use super::refusal::Reason;
use super::write;
use crate::sip::{HeaderName, Message, Method, Writer};
use crate::transaction::{ClientKey, ServerKey};

/// Sends the CANCEL of an INVITE of ours that has had a provisional response (RFC 3261 section 9.1)
/// and gives it 64*T1 to end. It says why, if that is known (RFC 3326).
pub(super) fn cancel(ctx: &mut Context, invite: ClientKey, why: Option<&[u8]>) {
    let Some(packet) =
        ctx.transactions.pending_invite(invite).and_then(|bytes| write::cancel(bytes, why))
    else {
        return;
    };
    ctx.transactions.bound_client(invite, ctx.now);
    // With a full table the CANCEL is not sent; the bound ends the INVITE all the same.
    match ctx.transactions.open_cancel(invite, &mut ctx.chance) {
        Ok(Some(key)) => ctx.transactions.start_client(key, packet, ctx.now),
        Ok(None) => {}
        Err(_) => ctx.count(Reason::EngineFull),
    }
}

/// Why somebody ends a call: every reason that it names (RFC 3326 section 2).
fn reasons(message: &Message) -> Option<Box<[u8]>> {
    message.value(HeaderName::Reason).map(|_| joined(message, HeaderName::Reason))
}

/// What a BYE says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parting<'m> {
    /// The BYE of the other side goes on.
    Carried(&'m Message),
    /// We end the call, for this reason.
    Ours(&'static str),
    /// Nothing.
    Silent,
}

impl Call {
    /// A CANCEL of the INVITE that `server` answers; it has its own 200 already.
    pub(super) fn on_cancel(&mut self, ctx: &mut Context, server: ServerKey, cancelling: &Message) {
        let why = reasons(cancelling);
        let why = why.as_deref();
        let Some(exchange) = self.invite.as_mut().filter(|exchange| exchange.server == server)
        else {
            return;
        };
        let Progress::Pending { provisional, cancel: wanted, .. } = &mut exchange.progress else {
            // The 2xx was faster: the CANCEL has no effect (section 9.2).
            return;
        };
        if matches!(self.phase, Phase::Hunting(_)) {
            self.refuse(ctx, 487);
            self.abandon(ctx, why);
            self.over_before_answer(ctx, "Cancelled", 487);
        } else if !std::mem::replace(wanted, true)
            && *provisional > 0
            && let Some(client) = exchange.client
        {
            cancel(ctx, client, why);
        }
    }

    /// The time that the caller gave its INVITE is over (RFC 3261 section 13.3.1).
    pub(super) fn on_expired(&mut self, ctx: &mut Context) {
        self.refuse(ctx, 487);
        self.abandon(ctx, Some(b"SIP ;cause=487 ;text=\"The INVITE has expired\""));
        self.over_before_answer(ctx, "Expired", 487);
    }

    /// A BYE from one side: that side has its 200, the other gets a BYE.
    pub(super) fn on_bye(
        &mut self,
        ctx: &mut Context,
        from: Side,
        incoming: &Incoming,
        server: ServerKey,
    ) {
        let Some(leg) = self.leg_mut(from) else { return };
        let answer = write::answer(incoming, 200, &leg.local_tag);
        ctx.respond(server, 200, answer);
        leg.bye = Bye::Done;
        let reason = match from {
            Side::A => "CallerHungUp",
            Side::B => "CalleeHungUp",
        };
        if matches!(self.phase, Phase::Hunting(_)) {
            // The caller may end an early dialog by BYE instead of CANCEL (section 15).
            if self.end_early(ctx, &incoming.message) {
                return;
            }
            self.refuse(ctx, 487);
            self.abandon(ctx, reasons(&incoming.message).as_deref());
            self.over_before_answer(ctx, reason, 487);
        } else if self.transfer.as_ref().is_some_and(|one| one.by == from && !one.back) {
            // Who asked for a transfer need not wait for its end; the other side does.
        } else {
            self.hang_up(ctx, Some(&incoming.message), reason);
        }
    }

    /// Ends every dialog that still stands; `bye` is the BYE that this carries on.
    pub(super) fn hang_up(
        &mut self,
        ctx: &mut Context,
        bye: Option<&Message>,
        reason: &'static str,
    ) {
        let waiting = self.end_exchange(ctx);
        self.drop_transfer(ctx);
        self.drop_relays(ctx);
        let parting = bye.map_or(Parting::Ours(reason), Parting::Carried);
        for side in [Side::A, Side::B] {
            if waiting != Some(side) {
                self.say_bye(ctx, side, parting);
            }
        }
        self.begin_ending(ctx, reason, 200);
    }

    /// Ends the INVITE under way. A side that has not acknowledged its 2xx must not get a BYE yet
    /// (section 15): it is given back, and the 2xx goes on being repeated.
    fn end_exchange(&mut self, ctx: &mut Context) -> Option<Side> {
        let Exchange { progress, client, from, .. } = self.invite.as_deref()?;
        let (client, from) = (*client, *from);
        match progress {
            // What is not answered now never will be (section 15.1.2).
            Progress::Pending { .. } => {
                self.refuse(ctx, 487);
                client.into_iter().for_each(|key| ctx.transactions.bound_client(key, ctx.now));
            }
            // The side that answered has to have its ACK before a BYE.
            Progress::Answered { give_up, .. } => {
                let patient = ctx.now < *give_up;
                self.acknowledge(ctx, None);
                if patient && self.leg(from).is_some_and(|leg| leg.bye == Bye::No) {
                    return Some(from);
                }
            }
        }
        self.invite = None;
        None
    }

    /// Sends a BYE to a side whose dialog stands.
    pub(super) fn say_bye(&mut self, ctx: &mut Context, side: Side, parting: Parting<'_>) {
        let key = self.key;
        if let Some(leg) = self.leg_mut(side).filter(|leg| leg.bye == Bye::No) {
            leg.bye = send_bye(ctx, leg, Owner::Call(key), parting);
        }
    }

    /// Our BYE was answered, or will never be.
    pub(super) fn on_bye_done(&mut self, key: ClientKey) {
        for side in [Side::A, Side::B] {
            if let Some(leg) = self.leg_mut(side).filter(|leg| leg.bye == Bye::Sent(key)) {
                leg.bye = Bye::Done;
            }
        }
        self.on_early_bye_done(key);
    }

    /// News of an INVITE that was given up, or of the BYE that followed its late answer.
    pub(super) fn on_abandoned_response(
        &mut self,
        ctx: &mut Context,
        key: ClientKey,
        response: Option<&Message>,
    ) {
        let found = self.abandoned.iter().position(|abandoned| abandoned.client == Some(key));
        let Some(place) = found else { return };
        let Some(abandoned) = self.abandoned.get_mut(place) else { return };
        let code = response.and_then(Message::status).unwrap_or(408);
        let hung_up = matches!(abandoned.leg.bye, Bye::Sent(_));
        match (code, response) {
            (..200, _) if hung_up => {}
            (..200, _) => {
                if !std::mem::replace(&mut abandoned.cancelled, true) {
                    let why = abandoned.why.take();
                    cancel(ctx, key, why.as_deref());
                }
            }
            (200..300, Some(response)) if !hung_up => {
                self.hang_up_abandoned(ctx, place, response);
            }
            (200.., _) => {
                let abandoned = self.abandoned.remove(place);
                ctx.peers.leave(&abandoned.leg);
            }
        }
    }

    /// A late or second answer: ACK, then BYE.
    pub(super) fn hang_up_abandoned(
        &mut self,
        ctx: &mut Context,
        place: usize,
        response: &Message,
    ) {
        let owner = Owner::Call(self.key);
        let Some(abandoned) = self.abandoned.get_mut(place) else { return };
        let leg = &mut abandoned.leg;
        leg.establish(response);
        acknowledge(ctx, (owner, leg), abandoned.cseq, None);
        leg.bye = send_bye(ctx, leg, owner, Parting::Silent);
        match leg.bye {
            Bye::Sent(key) => abandoned.client = Some(key),
            Bye::No | Bye::Done => {
                let abandoned = self.abandoned.remove(place);
                ctx.peers.leave(&abandoned.leg);
            }
        }
    }
}

/// Sends a BYE; with a full table the far end is left to its own timers.
pub(super) fn send_bye(
    ctx: &mut Context,
    leg: &mut Leg,
    owner: Owner,
    parting: Parting<'_>,
) -> Bye {
    let carried = match parting {
        Parting::Carried(bye) => Some(bye),
        Parting::Ours(_) | Parting::Silent => None,
    };
    let body = carried.map(Message::body).unwrap_or_default();
    let without = leg.without;
    let key = ask(ctx, owner, leg, (Method::Bye, body), carried, |_, writer, _| match parting {
        Parting::Carried(bye) => relay(writer, bye, without),
        Parting::Ours(word) => say_why(writer, word),
        Parting::Silent => {}
    });
    if key.is_none() {
        ctx.count(Reason::EngineFull);
    }
    key.map_or(Bye::Done, Bye::Sent)
}

/// The Reason (RFC 3326) of an end of our own.
fn say_why(writer: &mut Writer, word: &str) {
    let (code, text) = match word {
        "SessionExpired" => (408, "Session expired"),
        "Silence" => (408, "The far end does not answer"),
        "CallerUnreachable" => (503, "The caller cannot be reached"),
        "AnswerTooLong" => (513, "The answer is too long for the caller's transport"),
        "AnswerTooLate" => (408, "The answer came too late"),
        "NoAck" => (408, "No ACK"),
        "TransferFailed" => (480, "Transfer failed"),
        "DialogLost" => (481, "The far end does not know the call"),
        _ => return,
    };
    writer.header_fmt("Reason", format_args!("SIP ;cause={code} ;text=\"{text}\""));
}
