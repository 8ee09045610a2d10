//! Requests inside the dialog that mean nothing to us: INFO, UPDATE, NOTIFY, MESSAGE, OPTIONS.

use super::attempt::{carry, shown};
use super::call::{Call, Relay, Side};
use super::context::{Context, Incoming, Owner};
use super::refusal::Reason;
use super::{MAX_RELAYS, write};
use crate::sip::{Message, Method, Writer, reason_phrase};
use crate::transaction::{Class, ClientKey, ServerKey};

/// Whether a request of this method goes on to the other side.
pub(super) fn is_relayed(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::Info | Method::Update | Method::Notify | Method::Message | Method::Options
    )
}

impl Call {
    pub(super) fn on_relayed(
        &mut self,
        ctx: &mut Context,
        from: Side,
        incoming: Incoming,
        server: ServerKey,
    ) {
        let to = from.other();
        if Self::is_own_refresh(&incoming.message) {
            self.answer_refresh(ctx, from, &incoming, server);
            return;
        }
        if !self.is_established() {
            // An early dialog of the other side may still change or never come to be.
            self.refuse_inside(ctx, from, (&incoming, server), Reason::Glare);
            return;
        }
        let (key, room) = (self.key, self.relays.len() < MAX_RELAYS);
        let Some(leg) = self.leg_mut(to).filter(|_| room) else {
            self.refuse_inside(ctx, from, (&incoming, server), Reason::RelaysFull);
            return;
        };
        let opened =
            ctx.transactions.open_client(Class::Other, leg.flow, Owner::Call(key), &mut ctx.chance);
        let Ok(client) = opened else {
            self.refuse_inside(ctx, from, (&incoming, server), Reason::EngineFull);
            return;
        };
        let (cseq, flow) = (leg.next_cseq(), leg.flow);
        let method = incoming.message.method();
        let mut writer = write::request(ctx, leg, method, cseq, Some(client));
        write::hops(&mut writer, Some(&incoming.message));
        carry(ctx, &mut writer, leg.flow, &incoming.message);
        if method == Method::Update {
            leg.session.ask(&mut writer);
        }
        let packet = writer.finish(incoming.message.body());
        ctx.start(client, flow, packet.into());
        self.relays.push(Relay { to, client, server, incoming });
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
        let (request, source) = (&relay.incoming.message, relay.incoming.flow.remote);
        let update = request.method() == Method::Update;
        if update && code < 300 {
            self.refresh_both(ctx, (from, request), response);
        }
        let raised =
            code == 422 && self.leg_mut(relay.to).is_some_and(|leg| leg.session.raise(response));
        let Some(leg) = self.leg(from) else { return };
        // The interval is between us and that far end: the same request will be taken next time.
        let seen = if raised { 491 } else { shown(code) };
        let own = response.reason_phrase();
        let phrase = if seen == code { own } else { reason_phrase(seen).as_bytes() };
        let mut writer = Writer::response_to(request, source, seen, phrase, Some(&leg.local_tag));
        carry(ctx, &mut writer, leg.flow, response);
        if update && code < 300 {
            leg.session.tell(&mut writer);
        }
        ctx.respond(relay.server, seen, writer.finish(response.body()));
        // RFC 3261 section 12.2.1.2.
        if code == 481 {
            self.hang_up(ctx, None, "DialogLost");
        }
    }

    pub(super) fn on_relay_lost(&mut self, ctx: &mut Context, key: ClientKey) {
        if let Some(relay) = self.take_relay(key) {
            // RFC 4320 forbids a 408 here.
            self.answer_relay(ctx, &relay, 504);
            self.hang_up(ctx, None, "Silence");
        }
    }

    /// The call ends: what is still on its way gets its answer (section 15.1.2).
    pub(super) fn drop_relays(&mut self, ctx: &mut Context) {
        for relay in std::mem::take(&mut self.relays) {
            self.answer_relay(ctx, &relay, 487);
        }
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
