//! Requests inside the dialog that mean nothing to us: INFO, UPDATE, NOTIFY, MESSAGE, OPTIONS.

use super::ask::ask;
use super::attempt::shown;
use super::back::{carry, fits};
use super::call::{Call, Relay, Side};
use super::context::{Context, Incoming, Owner};
use super::header_rules::Without;
use super::refusal::Reason;
use super::{MAX_RELAYS, write};
use crate::sip::{Message, Method, Writer, reason_phrase};
use crate::transaction::{ClientKey, ServerKey};

/// Whether a request of this method goes on to the other side.
pub(super) fn is_relayed(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::Info | Method::Update | Method::Notify | Method::Message | Method::Options
    )
}

/// Whether a request belongs to the call itself, so that who knows nothing of it, or never answers,
/// does not know the call (RFC 5057 section 5). A NOTIFY, a REFER or a SUBSCRIBE is a subscription's,
/// whose end the call outlives (RFC 6665 section 4.2.2); a MESSAGE or an OPTIONS is nobody's.
fn is_of_call(method: Method<'_>) -> bool {
    matches!(method, Method::Update | Method::Info | Method::Prack)
}

/// What a request says in the other dialog that it does not say in this one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extra {
    None,
    /// What a PRACK acknowledges there: RSeq and CSeq.
    RAck((u32, u32)),
    /// The CSeq there of the REFER that a NOTIFY is about.
    ReferId(u32),
}

impl Relay {
    fn is_update(&self) -> bool {
        self.incoming.message.method() == Method::Update
    }

    /// Whether it offers a session by an UPDATE.
    pub(super) fn offers(&self) -> bool {
        self.is_update() && !self.incoming.message.body().is_empty()
    }
}

/// Whether a success answers an offer, or is one.
fn agrees(response: &Message) -> bool {
    matches!(response.method(), Method::Update | Method::Prack) && !response.body().is_empty()
}

impl Call {
    pub(super) fn on_relayed(
        &mut self,
        ctx: &mut Context,
        from: Side,
        incoming: Incoming,
        server: ServerKey,
    ) {
        if Self::is_own_refresh(&incoming.message) {
            self.answer_refresh(ctx, from, &incoming, server);
            return;
        }
        match self.crossed(from, &incoming.message) {
            Some(reason) => self.refuse_inside(ctx, from, (&incoming, server), reason),
            None => {
                let extra = self.referral_of(from, &incoming.message);
                self.relay_on(ctx, from, (incoming, server), extra);
            }
        }
    }

    /// Why an UPDATE has to wait (RFC 3311 section 5.2): an offer of the other side is on its way, or
    /// an earlier UPDATE of this one. What an INVITE under way means for it the far ends know.
    fn crossed(&self, from: Side, request: &Message) -> Option<Reason> {
        if request.method() != Method::Update {
            return None;
        }
        let offers = !request.body().is_empty();
        if offers && self.relays.iter().any(|relay| relay.to == from && relay.offers()) {
            return Some(Reason::Glare);
        }
        let earlier = |relay: &Relay| relay.to != from && relay.is_update();
        self.relays.iter().any(earlier).then_some(Reason::InvitePending)
    }

    /// Sends a request on in the other side's dialog.
    pub(super) fn relay_on(
        &mut self,
        ctx: &mut Context,
        from: Side,
        (incoming, server): (Incoming, ServerKey),
        extra: Extra,
    ) {
        let to = from.other();
        if !self.stands(to) {
            // There is no dialog yet that it could go on in.
            self.refuse_inside(ctx, from, (&incoming, server), Reason::Glare);
            return;
        }
        let (owner, answered) = (Owner::Call(self.key), self.has_answered());
        let room = self.relays.len() < MAX_RELAYS;
        let Some(leg) = self.leg_mut(to).filter(|_| room) else {
            self.refuse_inside(ctx, from, (&incoming, server), Reason::RelaysFull);
            return;
        };
        let message = &incoming.message;
        let method = message.method();
        let (session, without) = (leg.session, leg.without);
        let client =
            ask(ctx, owner, leg, (method, message.body()), Some(message), |ctx, writer, flow| {
                let event = matches!(extra, Extra::ReferId(_));
                carry(ctx, writer, flow, (message, Without { event, ..without }));
                if method == Method::Update && answered {
                    session.ask(writer);
                }
                match extra {
                    Extra::RAck((rseq, cseq)) => {
                        writer.header_fmt("RAck", format_args!("{rseq} {cseq} INVITE"));
                    }
                    Extra::ReferId(id) => {
                        writer.header_fmt("Event", format_args!("refer;id={id}"));
                    }
                    Extra::None => {}
                }
            });
        match client {
            Some(client) => self.relays.push(Relay { to, client, server, incoming }),
            None => self.refuse_inside(ctx, from, (&incoming, server), Reason::EngineFull),
        }
    }

    pub(super) fn on_relay_response(
        &mut self,
        ctx: &mut Context,
        key: ClientKey,
        response: &Message,
        code: u16,
    ) {
        // Provisional responses of these say nothing (RFC 4320).
        if code < 200 {
            return;
        }
        let Some(relay) = self.take_relay(key) else { return };
        let from = relay.to.other();
        let ours = if relay.to == Side::A { response.from() } else { response.to() };
        self.face_tag(ours.tag().unwrap_or_default());
        let request = &relay.incoming.message;
        if request.method() == Method::Update && code < 300 {
            self.refresh_both(ctx, (from, request), response);
        }
        let raised =
            code == 422 && self.leg_mut(relay.to).is_some_and(|leg| leg.session.raise(response));
        // The interval is between us and that far end: the same request will be taken next time.
        let seen = if raised { 491 } else { shown(code) };
        let printed = |whole| self.carried_back(ctx, &relay, (response, seen), whole);
        let fit = |packet: &Vec<u8>| fits(&relay.incoming, packet);
        let whole = printed(true).filter(fit);
        if whole.is_none() && code < 300 && agrees(response) {
            self.on_agreed_in_vain(ctx, &relay);
            return;
        }
        match whole.or_else(|| printed(false).filter(fit)) {
            Some(packet) => ctx.respond(relay.server, seen, packet),
            None => self.answer_relay(ctx, &relay, seen),
        }
        // RFC 3261 section 12.2.1.2.
        let lost = matches!(code, 408 | 481) && is_of_call(request.method());
        if lost && self.is_established() {
            self.hang_up(ctx, None, "DialogLost");
        }
    }

    /// A response in the dialog that the request came in, with its body or without.
    fn carried_back(
        &self,
        ctx: &Context,
        relay: &Relay,
        (response, seen): (&Message, u16),
        whole: bool,
    ) -> Option<Vec<u8>> {
        let leg = self.leg(relay.to.other())?;
        let (request, source) = (&relay.incoming.message, relay.incoming.flow.remote);
        let own = response.status() == Some(seen);
        let phrase = if own { response.reason_phrase() } else { reason_phrase(seen).as_bytes() };
        let mut writer = Writer::response_to(request, source, seen, phrase, Some(&leg.local_tag));
        let without = Without { body: !whole, ..leg.without };
        carry(ctx, &mut writer, leg.flow, (response, without));
        if request.method() == Method::Update && seen < 300 && self.has_answered() {
            leg.session.tell(&mut writer);
        }
        Some(writer.finish(if whole { response.body() } else { b"" }))
    }

    /// What one side has agreed to is too long to be told to the other one: they would take the session
    /// for two different ones.
    fn on_agreed_in_vain(&mut self, ctx: &mut Context, relay: &Relay) {
        self.answer_relay(ctx, relay, 500);
        if self.is_established() {
            self.hang_up(ctx, None, "AnswerTooLong");
        } else if !self.has_answered() {
            self.give_up_too_long(ctx);
        }
    }

    pub(super) fn on_relay_lost(&mut self, ctx: &mut Context, key: ClientKey, silence: bool) {
        if let Some(relay) = self.take_relay(key) {
            // RFC 4320 forbids a 408 here, and a 503 would be about us.
            self.answer_relay(ctx, &relay, 504);
            // Before the answer the INVITE has its own patience.
            let of_call = is_of_call(relay.incoming.message.method());
            if silence && of_call && self.is_established() {
                self.hang_up(ctx, None, "Silence");
            }
        }
    }

    /// The call ends: what is still on its way gets its answer (section 15.1.2).
    pub(super) fn drop_relays(&mut self, ctx: &mut Context) {
        for relay in std::mem::take(&mut self.relays) {
            self.answer_relay(ctx, &relay, 487);
        }
    }

    /// The same for what passes in the early dialog of the legs alone.
    pub(super) fn drop_relays_here(&mut self, ctx: &mut Context) {
        let here = |relay: &Relay| {
            let message = &relay.incoming.message;
            match relay.to {
                Side::A => self.b.as_ref().is_some_and(|leg| leg.is_named_by(message)),
                Side::B => self.a.is_named_by(message),
            }
        };
        let (ends, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.relays).into_iter().partition(here);
        self.relays = rest;
        ends.iter().for_each(|relay| self.answer_relay(ctx, relay, 487));
    }

    fn answer_relay(&self, ctx: &mut Context, relay: &Relay, code: u16) {
        let Some(leg) = self.leg(relay.to.other()) else { return };
        let packet = write::response(&relay.incoming, code, &leg.local_tag).finish(b"");
        ctx.respond(relay.server, code, packet);
    }

    fn take_relay(&mut self, key: ClientKey) -> Option<Relay> {
        let place = self.relays.iter().position(|relay| relay.client == key)?;
        Some(self.relays.remove(place))
    }
}
