//! What goes back to who sent an INVITE: our refusals, and the other side's responses as far as they
//! fit. What is carried from one dialog to the other says the same of us, whatever it is.

use super::call::{Call, Exchange};
use super::context::{Context, Incoming};
use super::header_rules::{Without, relay};
use super::unsent::MAX_PAYLOAD;
use super::{RETRY_AFTER, write};
use crate::sip::{HeaderName, Message, Method, Writer, reason_phrase};
use crate::transaction::{Flow, Link};

/// A response of one side as the other one is to get it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'m> {
    pub(super) response: &'m Message,
    pub(super) code: u16,
    /// Its number, if it is reliable there.
    pub(super) rseq: Option<u32>,
}

impl<'m> Said<'m> {
    pub(super) fn of(response: &'m Message, code: u16) -> Self {
        Self { response, code, rseq: None }
    }
}

impl Call {
    /// Refuses the INVITE under way with a code of ours.
    pub(super) fn refuse(&mut self, ctx: &mut Context, code: u16) {
        let Some(exchange) = &self.invite else { return };
        let Some(leg) = self.leg(exchange.from) else { return };
        let mut writer = write::response(&exchange.incoming, code, &leg.local_tag);
        if code == 503 {
            writer.header_number("Retry-After", RETRY_AFTER);
        }
        ctx.respond(exchange.server, code, writer.finish(b""));
    }

    /// Hands a provisional or a failure back to the side that sent the INVITE. Of one that is too long
    /// for a datagram a provisional is as good as lost on the way, which ends nothing; a failure has to
    /// be told all the same.
    pub(super) fn relay_response(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        let Some(exchange) = &self.invite else { return };
        match self.fitting(ctx, exchange, Said::of(response, code)) {
            Some((packet, _)) => ctx.respond(exchange.server, code, packet),
            None if code >= 300 => self.refuse(ctx, code),
            None => {}
        }
    }

    /// A response as its side's transport can hold it, and whether that is all of it: without its body
    /// if only that is too long, `None` if the rest is, too.
    pub(super) fn fitting(
        &self,
        ctx: &Context,
        exchange: &Exchange,
        said: Said<'_>,
    ) -> Option<(Vec<u8>, bool)> {
        let whole = self.whole(ctx, exchange, said)?;
        if fits(&exchange.incoming, &whole) {
            return Some((whole, true));
        }
        let rest = self.response_from(ctx, exchange, said, false)?;
        fits(&exchange.incoming, &rest).then_some((rest, false))
    }

    /// All of a response.
    pub(super) fn whole(
        &self,
        ctx: &Context,
        exchange: &Exchange,
        said: Said<'_>,
    ) -> Option<Vec<u8>> {
        self.response_from(ctx, exchange, said, true)
    }

    fn response_from(
        &self,
        ctx: &Context,
        exchange: &Exchange,
        said: Said<'_>,
        whole: bool,
    ) -> Option<Vec<u8>> {
        let Said { response, code, rseq } = said;
        let leg = self.leg(exchange.from)?;
        let without = Without { body: !whole, ..leg.without };
        let own = response.status() == Some(code);
        let phrase = if own { response.reason_phrase() } else { reason_phrase(code).as_bytes() };
        let source = exchange.incoming.flow.remote;
        let request = &exchange.incoming.message;
        let mut writer = Writer::response_to(request, source, code, phrase, Some(&leg.local_tag));
        if code < 300 {
            // RFC 3261 section 12.1.1: the caller's route set is what came back to it.
            writer.copy_where(request, |header| header.name == HeaderName::RecordRoute);
            carry(ctx, &mut writer, leg.flow, (response, without));
            if code >= 200 {
                leg.session.tell(&mut writer);
            }
            if let Some(rseq) = rseq {
                writer.header("Require", &[b"100rel"]);
                writer.header_number("RSeq", rseq);
            }
        } else {
            relay(&mut writer, response, without);
        }
        Some(writer.finish(if whole { response.body() } else { b"" }))
    }
}

/// Whether a response can go back by the transport that its request came by.
pub(super) fn fits(request: &Incoming, packet: &[u8]) -> bool {
    request.flow.link != Link::Datagram || packet.len() <= MAX_PAYLOAD
}

/// Whether a message says where its dialog is. MESSAGE must not (RFC 3428 section 4), and in a
/// failure a Contact would name another place to try (RFC 3261 section 20.10).
fn aims(message: &Message) -> bool {
    let method = message.method();
    let target = matches!(
        method,
        Method::Invite | Method::Update | Method::Notify | Method::Options | Method::Refer
    );
    target && message.status().is_none_or(|code| code < 300)
}

/// What every message that passes through a dialog says: our Contact where that has a meaning, what
/// we take, and what passes of the other side's message.
pub(super) fn carry(
    ctx: &Context,
    writer: &mut Writer,
    flow: Flow,
    (message, without): (&Message, Without),
) {
    if aims(message) {
        write::contact(ctx, writer, flow);
    }
    writer.header("Allow", &[super::header_rules::ALLOW]);
    relay(writer, message, without);
}
