//! Requests inside a dialog: whose they are, and whether they are to be believed (G12).

use super::call::{Call, Side};
use super::context::{Context, Incoming, Owner, Party};
use super::core::Engine;
use super::leg::{Bye, Leg};
use super::refer::{Consult, is_of_refer};
use super::refusal::Reason;
use super::relay::is_relayed;
use super::{header_rules, write};
use crate::routing::Source;
use crate::sip::{Message, Method};
use crate::transaction::{Flow, ServerKey};

/// Which dialog of a call a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Leg(Side),
    /// Who is called for a transfer.
    Transfer,
    /// One that was given up and hung up.
    Abandoned(usize),
}

impl Engine {
    /// A request with a To tag. Anything but the very dialog, from the very party, is 481 and
    /// changes nothing.
    pub(super) fn on_inside(&mut self, incoming: Incoming, server: ServerKey) {
        let Self { calls, ctx, .. } = self;
        let tag = incoming.message.to_tag().unwrap_or_default();
        let key = calls.by_tag(tag);
        let found = key.and_then(|key| {
            let call = calls.get_mut(key)?;
            call.face_request(&incoming.message);
            let place = call.place_of(ctx, &incoming.message, incoming.flow)?;
            Some((key, place))
        });
        let Some((key, place)) = found else {
            ctx.count(Reason::NoDialog);
            ctx.respond(server, 481, write::answer(&incoming, 481, b""));
            return;
        };
        ctx.heard(key, &incoming.message, incoming.flow);
        ctx.transactions.own_server(server, Owner::Call(key));
        let refer = incoming.message.method() == Method::Refer;
        let consult = match calls.get(key).filter(|_| refer) {
            Some(call) => Consult::find(calls, ctx, call, &incoming),
            None => Consult::None,
        };
        let Some(call) = calls.get_mut(key) else { return };
        match place {
            Place::Leg(side) => call.on_request(ctx, side, (incoming, server), consult),
            Place::Transfer => call.on_unjoined_request(ctx, &incoming, server),
            Place::Abandoned(index) => call.on_late_request(ctx, index, &incoming, server),
        }
        calls.settle(ctx, key);
    }

    /// An ACK that belongs to no failure: that of a 2xx. It is never answered.
    pub(super) fn on_ack(&mut self, incoming: &Incoming) {
        let Self { calls, ctx, .. } = self;
        let tag = incoming.message.to_tag().unwrap_or_default();
        let Some(key) = calls.by_tag(tag) else { return };
        let Some(call) = calls.get_mut(key) else { return };
        if let Some(Place::Leg(side)) = call.place_of(ctx, &incoming.message, incoming.flow) {
            ctx.heard(key, &incoming.message, incoming.flow);
            call.on_ack(ctx, side, &incoming.message);
        }
        calls.settle(ctx, key);
    }
}

impl Call {
    fn place_of(&self, ctx: &Context, request: &Message, flow: Flow) -> Option<Place> {
        let is_it = |leg: &Leg| leg.is_named_by(request) && self.speaks_for(ctx, leg, flow);
        if is_it(&self.a) {
            return Some(Place::Leg(Side::A));
        }
        if self.b.as_ref().is_some_and(is_it) {
            return Some(Place::Leg(Side::B));
        }
        let transfer = self.transfer.as_ref().and_then(|transfer| transfer.leg.as_ref());
        if transfer.is_some_and(is_it) {
            return Some(Place::Transfer);
        }
        let abandoned = self.abandoned.iter().position(|abandoned| is_it(&abandoned.leg));
        abandoned.map(Place::Abandoned)
    }

    /// Whether a packet from there may speak for the far end of a leg: its address, or another
    /// source of the same trunk or tenant in the generation that the call pins.
    pub(super) fn speaks_for(&self, ctx: &Context, leg: &Leg, flow: Flow) -> bool {
        let source = flow.remote.ip().to_canonical();
        if source == leg.peer.ip().to_canonical() || source == leg.flow.remote.ip().to_canonical() {
            return true;
        }
        match (leg.party, ctx.identify(&self.facts.generation.table, flow)) {
            (Some(Party::Trunk(trunk)), Source::Trunks(trunks)) => trunks.contains(&trunk),
            (Some(Party::Tenant(tenant)), Source::Caller(caller)) => caller == tenant,
            (Some(Party::Trunk(_)), Source::Caller(_) | Source::Unknown)
            | (Some(Party::Tenant(_)), Source::Trunks(_) | Source::Unknown)
            | (None, _) => false,
        }
    }

    fn on_request(
        &mut self,
        ctx: &mut Context,
        from: Side,
        (incoming, server): (Incoming, ServerKey),
        consult: Consult,
    ) {
        let message = &incoming.message;
        let method = message.method();
        let number = message.cseq().number;
        let Some(leg) = self.leg_mut(from) else { return };
        let refusal = if number < leg.remote_cseq {
            Some(Reason::CSeqOrder)
        } else if message.max_forwards() == Some(0) && method != Method::Bye {
            Some(Reason::TooManyHops)
        } else if !header_rules::unsupported(message).is_empty() && method != Method::Bye {
            Some(Reason::BadExtension)
        } else if header_rules::misplaces(message) && method != Method::Bye {
            Some(Reason::BadReplaces)
        } else if matches!(method, Method::Invite | Method::Update) && leg.session.is_short(message)
        {
            Some(Reason::SessionTooShort)
        } else {
            None
        };
        leg.remote_cseq = leg.remote_cseq.max(number);
        match (refusal, method) {
            (Some(reason), _) => self.refuse_inside(ctx, from, (&incoming, server), reason),
            // Section 15: who is called may not end an early dialog.
            (None, Method::Bye) if from == Side::B && !self.has_answered() => {
                self.refuse_inside(ctx, from, (&incoming, server), Reason::NoDialog);
            }
            (None, Method::Bye) => self.on_bye(ctx, from, &incoming, server),
            (None, _) if !self.stands(from) => {
                self.refuse_inside(ctx, from, (&incoming, server), Reason::NoDialog);
            }
            (None, Method::Invite) => self.on_reinvite(ctx, from, incoming, server),
            (None, Method::Refer) => self.on_refer(ctx, from, (incoming, server), consult),
            (None, Method::Prack) => self.on_prack(ctx, from, incoming, server),
            (None, method) if is_relayed(method) => self.on_relayed(ctx, from, incoming, server),
            // RFC 6665 section 4.2.1.1. That of a REFER can be neither prolonged nor ended early.
            (None, Method::Subscribe) if !is_of_refer(&incoming.message) => {
                self.refuse_inside(ctx, from, (&incoming, server), Reason::BadEvent);
            }
            (None, Method::Extension(_)) => {
                self.refuse_inside(ctx, from, (&incoming, server), Reason::UnknownMethod);
            }
            (None, _) => self.refuse_inside(ctx, from, (&incoming, server), Reason::Method),
        }
    }

    /// A request of who is called for a transfer, before that is through: a BYE ends it.
    fn on_unjoined_request(&mut self, ctx: &mut Context, incoming: &Incoming, server: ServerKey) {
        let bye = incoming.message.method() == Method::Bye;
        let code = if bye { 200 } else { 491 };
        if !bye {
            ctx.count(Reason::Glare);
        }
        ctx.respond(server, code, write::answer(incoming, code, b""));
        if bye {
            self.fail_transfer(ctx, 480);
        }
    }

    /// A request in a dialog that we have hung up: a crossing BYE is fine, the rest is too late.
    fn on_late_request(
        &mut self,
        ctx: &mut Context,
        index: usize,
        incoming: &Incoming,
        server: ServerKey,
    ) {
        let Some(abandoned) = self.abandoned.get_mut(index) else { return };
        let bye = incoming.message.method() == Method::Bye;
        let code = if bye { 200 } else { 481 };
        if !bye {
            ctx.count(Reason::NoDialog);
        }
        let answer = write::answer(incoming, code, &abandoned.leg.local_tag);
        ctx.respond(server, code, answer);
        if bye && matches!(abandoned.leg.bye, Bye::Sent(_)) {
            let abandoned = self.abandoned.remove(index);
            ctx.peers.leave(&abandoned.leg);
        }
    }
}
