//! The first look at every message: whose transaction it is, and who has to hear of it.

use super::RETRY_AFTER;
use super::context::{Incoming, Owner};
use super::core::Engine;
use super::refusal::Reason;
use super::registrar::Introduced;
use super::write;
use crate::sip::{HeaderName, Message, Method, ParseError};
use crate::transaction::{
    Class, Flow, MAGIC_COOKIE, Request, Response, ServerId, ServerKey, Status,
};

impl Engine {
    pub(super) fn on_message(&mut self, flow: Flow, message: Result<Message, ParseError>) {
        match message {
            Ok(message) if message.is_request() => {
                self.on_request(Incoming { message, flow, party: None });
            }
            Ok(message) => {
                self.ctx.silent.heard(flow.remote);
                self.on_response(flow, &message);
            }
            Err(error) => self.on_garbage(flow, &error),
        }
    }

    fn on_garbage(&mut self, flow: Flow, error: &ParseError) {
        if error.reason() == crate::sip::Reason::KeepAlive {
            return;
        }
        self.ctx.count(Reason::Malformed);
        if let Some((remote, answer)) = error.answer(flow.remote) {
            self.ctx.send(Flow { remote, ..flow }, answer.into(), None);
        }
    }

    fn on_response(&mut self, flow: Flow, response: &Message) {
        let status = Status::of(response.status().unwrap_or_default());
        let class = class_of(response.method());
        let branch = response.branch().unwrap_or_default();
        let ack = |invite: &[u8]| write::ack_of_failure(invite, response);
        let ctx = &mut self.ctx;
        // Before the response ends the transaction; only where we asked may we be challenged.
        let challenged = matches!(response.status(), Some(401 | 407));
        let asked = challenged.then(|| ctx.transactions.asked(branch, class)).flatten();
        let asked = asked.filter(|asked| asked.flow.remote.ip() == flow.remote.ip());
        match ctx.transactions.receive_response((branch, class), status, &ack, ctx.now) {
            Response::Deliver(key, Owner::Call(call)) => {
                ctx.heard(call, response, flow);
                // An ACK each time, and one BYE for each who answers in vain.
                let success = class == Class::Invite && status == Status::Success;
                let again = success && !ctx.is_new_answer(key, response);
                let found = self.calls.get_mut(call);
                let stands = found.is_some_and(|found| {
                    if again {
                        return found.acknowledge_again(ctx, response);
                    }
                    let answered = asked
                        .is_some_and(|asked| found.answer_challenge(ctx, key, response, &asked));
                    answered || found.on_response(ctx, key, response)
                });
                if success && !stands {
                    write::acknowledge_late(ctx, Owner::Call(call), (response, flow), !again);
                }
                self.calls.settle(ctx, call);
            }
            Response::Deliver(key, Owner::Registration(number)) => {
                self.registrations.on_response(ctx, (number, key), response, asked);
            }
            Response::Deliver(_, Owner::Probe(number)) => {
                self.keepalive.on_result(ctx, number, response.status());
            }
            Response::Absorbed(Owner::Call(call)) => ctx.heard(call, response, flow),
            Response::Absorbed(Owner::Probe(_) | Owner::Registration(_)) => {}
            Response::Stray => ctx.count(Reason::StrayResponse),
        }
    }

    pub(super) fn on_request(&mut self, mut incoming: Incoming) {
        let method = incoming.message.method();
        let class = class_of(method);
        set_id(&mut self.id, &incoming.message, class);
        if method == Method::Ack {
            match self.ctx.transactions.receive_ack(&self.id, self.ctx.now) {
                Some(owner) => self.heard_again(owner, &incoming),
                None => self.on_ack(&incoming),
            }
            return;
        }
        let inside = incoming.message.to_tag().is_some();
        let mut registering = None;
        if !inside && method != Method::Cancel {
            let again = self.ctx.transactions.find_server(&self.id).is_some();
            match self.ctx.introduce(&incoming, again) {
                Introduced::Known(party) => incoming.party = party,
                Introduced::Registering(account) => registering = Some(account),
                Introduced::Done => return,
            }
        }
        let method = incoming.message.method();
        let reply = write::reply_flow(&incoming.message, incoming.flow);
        if method == Method::Cancel && self.is_foreign_cancel(incoming.flow) {
            // Without state: a transaction of its own would take the place of the caller's CANCEL.
            self.ctx.count(Reason::NoDialog);
            self.ctx.send(reply, write::answer(&incoming, 481, b"foreign").into(), None);
            return;
        }
        match self.ctx.transactions.receive_request(&self.id, class, reply, self.ctx.now) {
            Request::New(server) if method == Method::Cancel => self.on_cancel(&incoming, server),
            Request::New(server) if inside => self.on_inside(incoming, server),
            Request::New(server) => match registering {
                Some(account) => self.on_register(&incoming, server, &account),
                None => self.on_outside(incoming, server),
            },
            Request::Absorbed(owner) => self.heard_again(owner, &incoming),
            Request::Full => {
                self.ctx.count(Reason::EngineFull);
                // Without state; the tag has to be the same for every repetition.
                let mut writer = write::response(&incoming, 503, b"full");
                writer.header_number("Retry-After", RETRY_AFTER);
                self.ctx.send(reply, writer.finish(b"").into(), None);
            }
        }
    }

    /// A request that a transaction has dealt with.
    fn heard_again(&mut self, owner: Option<Owner>, incoming: &Incoming) {
        if let Some(Owner::Call(call)) = owner {
            self.ctx.heard(call, &incoming.message, incoming.flow);
        }
    }

    /// Whether the CANCEL that `self.id` names is of an INVITE that somebody else sent: who knows its
    /// branch is not yet who may end the call (G12).
    fn is_foreign_cancel(&mut self, flow: Flow) -> bool {
        self.id.set_class(Class::Invite);
        let found = self.ctx.transactions.find_server(&self.id);
        self.id.set_class(Class::Cancel);
        let Some((server, Some(Owner::Call(key)))) = found else { return false };
        let Some(call) = self.calls.get_mut(key) else { return false };
        let invite = call.invite.as_ref().filter(|invite| invite.server == server);
        let leg = invite.and_then(|invite| call.leg(invite.from));
        leg.is_some_and(|leg| !call.speaks_for(&self.ctx, leg, flow))
    }

    /// RFC 3261 section 9.2: 200 when there is such an INVITE, else 481; the INVITE has its own end.
    fn on_cancel(&mut self, incoming: &Incoming, server: ServerKey) {
        self.id.set_class(Class::Invite);
        let found = self.ctx.transactions.find_server(&self.id);
        let Some((invite, Some(Owner::Call(key)))) = found else {
            let tag = self.fresh_tag();
            let code = if found.is_some() { 200 } else { 481 };
            if found.is_none() {
                self.ctx.count(Reason::NoDialog);
            }
            self.ctx.respond(server, code, write::answer(incoming, code, &tag));
            return;
        };
        self.ctx.heard(key, &incoming.message, incoming.flow);
        self.ctx.transactions.own_server(server, Owner::Call(key));
        // The INVITE's transaction may outlive its call; the tag is that of its answer (section 9.2).
        let refusal = self.ctx.transactions.unacknowledged(invite);
        let tag = refusal.and_then(|packet| write::own_tag(packet)).map(<[u8]>::to_vec);
        let tag = tag.or_else(|| Some(self.calls.get(key)?.a.local_tag.to_vec()));
        let tag = tag.unwrap_or_else(|| self.ctx.stateless_tag(&incoming.message));
        let answer = write::response(incoming, 200, &tag).finish(b"");
        self.ctx.respond(server, 200, answer);
        if let Some(call) = self.calls.get_mut(key) {
            call.on_cancel(&mut self.ctx, invite, &incoming.message);
            self.calls.settle(&mut self.ctx, key);
        }
    }
}

fn class_of(method: Method<'_>) -> Class {
    match method {
        Method::Invite | Method::Ack => Class::Invite,
        Method::Cancel => Class::Cancel,
        Method::Bye
        | Method::Options
        | Method::Register
        | Method::Prack
        | Method::Update
        | Method::Info
        | Method::Refer
        | Method::Notify
        | Method::Subscribe
        | Method::Message
        | Method::Publish
        | Method::Extension(_) => Class::Other,
    }
}

/// The matching key of a request's transaction (RFC 3261 section 17.2.3).
fn set_id(id: &mut ServerId, request: &Message, class: Class) {
    let via = request.via();
    let branch = request.branch().unwrap_or_default();
    if branch.starts_with(MAGIC_COOKIE) {
        let port = via.port.unwrap_or(crate::sip::DEFAULT_PORT);
        id.set_rfc3261(branch, (via.host, port), class);
    } else {
        let number = request.cseq().number.to_be_bytes();
        let from = request.from_tag().unwrap_or_default();
        let top = request.value(HeaderName::Via).unwrap_or_default();
        id.set_rfc2543([request.call_id(), from, &number, top], class);
    }
    if class == Class::Other {
        id.add_method(request.method().as_bytes());
    }
}
