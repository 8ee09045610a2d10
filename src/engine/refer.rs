//! REFER (RFC 3515) by the policy of the call's trunk: handed on, carried out here, or refused.

use super::accept::user_text;
use super::call::{Call, Calls, Side};
use super::context::{Context, Incoming, Party};
use super::refusal::Reason;
use super::relay::Extra;
use super::replaces::{Referral, Replaced, is_replaces};
use super::{MAX_ABANDONED, write};
use crate::model::Refer;
use crate::routing::{Attempt, Outcome, Refusal};
use crate::sip::{HeaderName, Message, Method, Scheme, unescape, uri_header};
use crate::transaction::ServerKey;

/// How many REFERs of a call are remembered for their notifications.
const MAX_REFERRALS: usize = 4;

/// Whether a NOTIFY or SUBSCRIBE is about what became of a REFER, the one event package that we know.
pub(super) fn is_of_refer(message: &Message) -> bool {
    let event = message.value(HeaderName::Event).unwrap_or_default();
    let package = event.split(|byte| *byte == b';').next().unwrap_or_default();
    package.trim_ascii().eq_ignore_ascii_case(b"refer")
}

/// Whether what a REFER asks for is an INVITE, which it is unless the URI says otherwise (RFC 3261
/// section 19.1.1).
fn invites(refer: &Message) -> bool {
    let to = refer.addresses(HeaderName::ReferTo).next();
    let method = to.and_then(|to| to.uri.params.get("method"));
    method.is_none_or(|method| Method::of(method) == Method::Invite)
}

/// What a REFER says of a dialog to be replaced.
#[derive(Debug)]
pub(super) enum Consult {
    /// Nothing.
    None,
    /// One of ours: its other side.
    Ours(Replaced),
    /// One that we do not know, by its own name.
    Foreign(Box<[u8]>),
    /// It names none.
    Malformed,
}

impl Consult {
    /// Looks up what a REFER in the dialog of a call names.
    pub(super) fn find(calls: &Calls, ctx: &Context, call: &Call, incoming: &Incoming) -> Self {
        let message = &incoming.message;
        let to = message.addresses(HeaderName::ReferTo).next();
        let value = to.and_then(|to| uri_header(to.uri.headers, "Replaces"));
        let Some(value) = value else { return Self::None };
        let value = unescape(value);
        if !is_replaces(&value) {
            return Self::Malformed;
        }
        let leg = call.legs().find(|leg| leg.is_named_by(message));
        let generation = &call.facts.generation;
        let asker = leg.and_then(|leg| leg.party).or_else(|| call.facts.tenant.map(Party::Tenant));
        let found =
            asker.and_then(|asker| calls.replaced(ctx, &value, (asker, generation.as_ref())));
        found.map_or_else(|| Self::Foreign(value.as_ref().into()), Self::Ours)
    }
}

impl Call {
    fn refer_policy(&self) -> Refer {
        let trunk = self.trunk.and_then(|trunk| self.facts.generation.table.trunk(trunk));
        trunk.map(|trunk| trunk.spec.refer).unwrap_or_default()
    }

    pub(super) fn on_refer(
        &mut self,
        ctx: &mut Context,
        from: Side,
        (incoming, server): (Incoming, ServerKey),
        consult: Consult,
    ) {
        let mut targets = incoming.message.addresses(HeaderName::ReferTo);
        let one = targets.next().is_some() && targets.next().is_none();
        let refusal = if !one {
            Some(Reason::BadReferTo)
        } else if !self.is_established() || self.transfer.is_some() {
            Some(Reason::Glare)
        } else if self.abandoned.len() >= MAX_ABANDONED {
            Some(Reason::RelaysFull)
        } else {
            None
        };
        match (refusal, self.refer_policy()) {
            (Some(reason), _) => self.refuse_inside(ctx, from, (&incoming, server), reason),
            (None, Refer::Refuse) => {
                self.refuse_inside(ctx, from, (&incoming, server), Reason::ReferRefused);
            }
            (None, Refer::Relay) => self.relay_refer(ctx, from, (incoming, server)),
            (None, Refer::Terminate)
                if !invites(&incoming.message) || matches!(consult, Consult::Malformed) =>
            {
                self.refuse_inside(ctx, from, (&incoming, server), Reason::BadReferTo);
            }
            (None, Refer::Terminate) => self.carry_out(ctx, from, (&incoming, server), consult),
        }
    }

    /// Hands it on. What it names stays as it is: who follows it comes to us with it.
    fn relay_refer(
        &mut self,
        ctx: &mut Context,
        from: Side,
        (incoming, server): (Incoming, ServerKey),
    ) {
        let theirs = incoming.message.cseq().number;
        self.relay_on(ctx, from, (incoming, server), Extra::None);
        let Some(leg) = self.leg(from.other()) else { return };
        let referral = Referral { from, theirs, ours: leg.local_cseq };
        let kept = &mut self.referrals;
        if kept.len() >= MAX_REFERRALS {
            kept.remove(0);
        }
        kept.push(referral);
    }

    /// A NOTIFY of the other side about a REFER that went on: the id that it has where it came from.
    pub(super) fn referral_of(&self, from: Side, notify: &Message) -> Extra {
        if notify.method() != Method::Notify {
            return Extra::None;
        }
        let event = notify.value(HeaderName::Event).unwrap_or_default();
        let id = event.strip_prefix(b"refer").and_then(|rest| {
            let at = memchr::memmem::find(rest, b"id=")?;
            std::str::from_utf8(rest.get(at + 3..)?.trim_ascii()).ok()?.parse::<u32>().ok()
        });
        let known = |referral: &&Referral| referral.from != from && Some(referral.ours) == id;
        let referral = self.referrals.iter().find(known);
        referral.map_or(Extra::None, |referral| Extra::ReferId(referral.theirs))
    }

    /// Carries it out: where it leads the router says.
    fn carry_out(
        &mut self,
        ctx: &mut Context,
        from: Side,
        (incoming, server): (&Incoming, ServerKey),
        consult: Consult,
    ) {
        let message = &incoming.message;
        let (attempts, replaces) = match consult {
            Consult::Ours(Replaced { attempt, header }) => (Ok(vec![attempt]), Some(header)),
            Consult::Foreign(header) => (self.refer_attempts(from, message), Some(header)),
            Consult::None | Consult::Malformed => (self.refer_attempts(from, message), None),
        };
        let Some(leg) = self.leg(from) else { return };
        let attempts = match attempts {
            Ok(attempts) => attempts,
            Err(code) => {
                ctx.count(Reason::ReferRefused);
                ctx.respond(server, code, write::answer(incoming, code, &leg.local_tag));
                return;
            }
        };
        let quiet = message
            .value_of("Refer-Sub")
            .is_some_and(|value| value.trim_ascii().to_ascii_lowercase().starts_with(b"false"));
        let mut writer = write::response(incoming, 202, &leg.local_tag);
        write::contact(ctx, &mut writer, leg.flow);
        if quiet {
            writer.header("Refer-Sub", &[b"false"]);
        }
        ctx.respond(server, 202, writer.finish(b""));
        let notify = Some(message.cseq().number).filter(|_| !quiet);
        self.begin_transfer(ctx, (from, notify), attempts, replaces);
    }

    /// Where a REFER leads: for a trunk only to numbers that it could call itself.
    fn refer_attempts(&self, from: Side, message: &Message) -> Result<Vec<Attempt>, u16> {
        let target = message.addresses(HeaderName::ReferTo).next();
        let uri = target.map(|target| target.uri).filter(|uri| uri.scheme != Scheme::Other);
        let dialled = uri.map(|uri| user_text(&uri)).ok_or(416_u16)?;
        let table = &self.facts.generation.table;
        let party = self.leg(from).and_then(|leg| leg.party);
        let outcome = match (party, self.facts.tenant) {
            (Some(Party::Trunk(trunk)), _) => {
                let caller = user_text(&message.from().uri);
                table.route_inbound(trunk, &dialled, &caller, &mut ()).outcome
            }
            (Some(Party::Tenant(tenant)), _) | (None, Some(tenant)) => {
                table.route_transfer(tenant, &dialled)
            }
            (None, None) => return Err(403),
        };
        match outcome {
            Outcome::Deliver(attempts) => Ok(attempts),
            Outcome::Refuse(refusal) => Err(refusal_code(refusal, party)),
        }
    }
}

/// The code that refuses a REFER, as it would refuse a call of that side.
fn refusal_code(refusal: Refusal, party: Option<Party>) -> u16 {
    match party {
        Some(Party::Trunk(_)) => refusal.code_to_trunk(),
        Some(Party::Tenant(_)) | None => refusal.code_to_tenant(),
    }
}
