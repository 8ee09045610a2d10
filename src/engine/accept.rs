//! Requests outside any dialog: whom we know, what we take, and the way from an INVITE to a call.

use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, CallKey, Calls, Exchange, Hunt, Marks, Phase, Progress, Seats, Side};
use super::context::{Context, Incoming, Owner, Party};
use super::core::Engine;
use super::event::{About, Event, Facts};
use super::generation::Generation;
use super::header_rules;
use super::leg::Leg;
use super::live::Seat;
use super::refer::is_of_refer;
use super::refusal::Reason;
use super::replaces::Replaced;
use super::session::Session;
use super::trail::Ending;
use super::{HUNT_BUDGET, RETRY_AFTER, attempt, write};
use crate::routing::{
    Attempt, Decision, Direction, NextHop, Outcome, Refusal, Source, TrunkIndex, called_number,
};
use crate::sip::{HeaderName, Message, Method, Scheme, Uri};
use crate::transaction::{FarEnd, Link, Moment, ServerKey, write_digits};

/// The longest number or name that is kept of a caller or called party.
const SHOWN_BYTES: usize = 128;

/// By this header of our INVITEs we know a call that comes back to us (RFC 5393: what a proxy finds
/// in Via, the B2BUAs on the way have taken out).
pub(super) const LOOP_MARK: &str = "X-Trunkline-Loop";

/// Why a request gets no further.
struct Refused {
    word: &'static str,
    code: u16,
    /// Of a 422: the least interval.
    min_se: u32,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { word: reason.word(), code: reason.code(), min_se: 0 }
    }
}

/// A call that may be: everything but the transactions.
struct Admitted {
    facts: Facts,
    party: Party,
    attempts: Vec<Attempt>,
    seats: [Option<Seat>; 3],
    session: Session,
    marks: Marks,
}

impl Engine {
    /// A request without a To tag from a source of the generation in force.
    pub(super) fn on_outside(&mut self, incoming: Incoming, server: ServerKey) {
        let refusal = match incoming.message.method() {
            Method::Invite => return self.on_invite(incoming, server),
            Method::Options => match understood(&incoming.message) {
                Ok(()) => {
                    let tag = self.ctx.stateless_tag(&incoming.message);
                    let answer = write::answer(&incoming, 200, &tag);
                    self.ctx.dismiss(server, 200, answer);
                    // Far ends ask every few seconds, and what is said again is said anew (RFC 3261
                    // section 8.2.7). Over a connection nothing is said again, but it may be lost.
                    if incoming.flow.link == Link::Datagram {
                        self.ctx.transactions.forget_server(server);
                    }
                    return;
                }
                Err(reason) => reason,
            },
            // A dialog that they speak of without naming it.
            Method::Bye | Method::Update | Method::Info | Method::Prack => Reason::NoDialog,
            // RFC 6665 section 4.1.3: of a subscription that we do not have.
            Method::Notify if is_of_refer(&incoming.message) => Reason::NoDialog,
            Method::Notify => Reason::BadEvent,
            Method::Extension(_) => Reason::UnknownMethod,
            Method::Ack | Method::Cancel => return,
            Method::Register
            | Method::Refer
            | Method::Subscribe
            | Method::Message
            | Method::Publish => Reason::Method,
        };
        self.refuse_outside(&incoming, server, &refusal.into());
    }

    fn on_invite(&mut self, incoming: Incoming, server: ServerKey) {
        let origin = Calls::origin(&incoming.message);
        let key = self.calls.next_key();
        let admitted = if self.calls.is_full() {
            Err(Reason::EngineFull.into())
        } else if self.calls.has_origin(&origin) || self.ctx.is_refused(&origin) {
            Err(Reason::Merged.into())
        } else {
            admit(&mut self.ctx, &self.calls, key, &incoming)
        };
        match admitted {
            Ok(admitted) => {
                self.track(key, admitted.facts.about.clone(), &incoming, server);
                self.begin((key, admitted), origin, incoming, server);
            }
            Err(refused) => {
                self.refuse_call(key, &incoming, server, &refused);
                self.ctx.note_refused(&origin, server);
            }
        }
    }

    /// From here on the call has a trail.
    fn track(&mut self, key: CallKey, about: Arc<About>, incoming: &Incoming, server: ServerKey) {
        let ctx = &mut self.ctx;
        ctx.transactions.own_server(server, Owner::Call(key));
        ctx.trails.begin(about, incoming.message.call_id(), ctx.now);
        ctx.heard(key, &incoming.message, incoming.flow);
    }

    /// A call that never comes to be leaves a trail, too: its key names nothing else.
    fn refuse_call(
        &mut self,
        key: CallKey,
        incoming: &Incoming,
        server: ServerKey,
        refused: &Refused,
    ) {
        let about = Arc::new(refused_about(&self.ctx, key, incoming));
        self.track(key, about.clone(), incoming, server);
        let (reason, code) = (refused.word, refused.code);
        self.ctx.trails.ending(key.number(), Ending { reason, code });
        self.ctx.trails.end(key.number());
        self.ctx.events.push_back(Event::Refused { about, reason, code });
        self.refuse_outside(incoming, server, refused);
    }

    /// 100 at once, then the first attempt.
    fn begin(
        &mut self,
        (key, admitted): (CallKey, Admitted),
        origin: Box<[u8]>,
        incoming: Incoming,
        server: ServerKey,
    ) {
        let Self { calls, ctx, .. } = self;
        let Admitted { facts, party, attempts, seats, session, marks } = admitted;
        let tag = Calls::tag(key, ctx);
        let mut flow = incoming.flow;
        // A binding, or who has proven itself: it comes to us, from wherever it is.
        let comes = incoming.party.is_some();
        if comes {
            flow.link = flow.link.towards(FarEnd::COMER);
        }
        let mut a = Leg::answering(&incoming.message, flow, Some(party), tag, session);
        let trunk = facts.trunk.filter(|_| !comes);
        if let Some(trunk) = trunk.and_then(|trunk| facts.generation.table.trunk(trunk)) {
            a.flow = ctx.towards_trunk(a.flow, trunk);
        }
        ctx.peers.join(&a);
        let trying = write::response(&incoming, 100, &a.local_tag).finish(b"");
        ctx.respond(server, 100, trying);
        let facts = Arc::new(facts);
        ctx.events.push_back(Event::Began(facts.about.clone()));
        let progress =
            Progress::Pending { provisional: 0, cancel: false, deadline: ctx.now + HUNT_BUDGET };
        let expires = incoming.message.expires();
        let until = expires.map(|seconds| ctx.now + Duration::from_secs(seconds.into()));
        let mut call = Call {
            key,
            trunk: facts.trunk,
            facts,
            began: ctx.now,
            phase: Phase::Hunting(Hunt::new(attempts, until)),
            a,
            b: None,
            invite: Some(Box::new(Exchange {
                from: Side::A,
                incoming,
                server,
                client: None,
                cseq: 0,
                progress,
                marks: Some(Box::new(marks)),
            })),
            early: None,
            transfer: None,
            referrals: Vec::new(),
            relays: Vec::new(),
            late: None,
            abandoned: Vec::new(),
            seats: Seats { call: seats, attempt: Default::default() },
            first: server,
            origin,
            timer: None,
        };
        call.next_attempt(ctx);
        calls.insert(call);
        calls.settle(ctx, key);
    }

    fn refuse_outside(&mut self, incoming: &Incoming, server: ServerKey, refused: &Refused) {
        if let Some(count) = self.ctx.refusals.count(refused.word, self.ctx.now) {
            self.ctx.events.push_back(Event::Counted(refused.word, count));
        }
        // Without state every repetition has to get the same answer.
        let tag = self.ctx.stateless_tag(&incoming.message);
        let mut writer = write::response(incoming, refused.code, &tag);
        match refused.code {
            503 => writer.header_number("Retry-After", RETRY_AFTER),
            405 | 501 => {
                let allowed = header_rules::allowed_but(incoming.message.method());
                writer.header("Allow", &[&allowed]);
            }
            489 => writer.header("Allow-Events", &[header_rules::ALLOW_EVENTS]),
            422 => writer.header_number("Min-SE", refused.min_se),
            420 => {
                let tags = header_rules::unsupported(&incoming.message);
                writer.header("Unsupported", &[&tags]);
            }
            _ => {}
        }
        self.ctx.dismiss(server, refused.code, writer.finish(b""));
    }

    pub(super) fn fresh_tag(&mut self) -> Vec<u8> {
        let mut tag = Vec::with_capacity(16);
        self.ctx.chance.write_word(&mut tag);
        tag
    }
}

/// Who calls: a binding, who has proven it, or whose source it is; of several trunks with one source
/// the one whose pools hold the called number.
fn caller_of(ctx: &Context, incoming: &Incoming) -> Option<Party> {
    let table = &ctx.generation.table;
    incoming.party.or_else(|| match ctx.identify(table, incoming.flow) {
        Source::Trunks(trunks) => {
            let called = user_text(&incoming.message.to().uri);
            let trunk = table.trunk_by_number(&trunks, called_number(&called), &mut ());
            trunk.map(Party::Trunk)
        }
        Source::Caller(tenant) => Some(Party::Tenant(tenant)),
        Source::Unknown => None,
    })
}

/// Everything that can be said of an INVITE before any of its state is made.
fn admit(
    ctx: &mut Context,
    calls: &Calls,
    key: CallKey,
    incoming: &Incoming,
) -> Result<Admitted, Refused> {
    let message = &incoming.message;
    check(message)?;
    let generation = ctx.generation.clone();
    let from = message.from();
    let caller = user_text(&from.uri);
    let party = caller_of(ctx, incoming).ok_or(Reason::UnknownSource)?;
    let (direction, trunk, decision) = match party {
        Party::Trunk(trunk) => {
            let called = user_text(&message.to().uri);
            let decision = generation.table.route_inbound(trunk, &called, &caller, &mut ());
            (Direction::Inbound, Some(trunk), decision)
        }
        Party::Tenant(tenant) => {
            let dialled = user_text(&message.request_uri());
            let decision = generation.table.route_outbound(tenant, &dialled, &mut ());
            (Direction::Outbound, None, decision)
        }
    };
    let Decision { tenant, rule, number, outcome } = decision;
    let mark = ctx.mark(direction, (tenant, trunk), &number);
    if is_marked(message, mark) {
        return Err(Reason::Loop.into());
    }
    let replaced = replaced(ctx, calls, (party, &generation), message)?;
    let (replaces, outcome) = match replaced {
        Some(Replaced { attempt, header }) => (Some(header), Outcome::Deliver(vec![attempt])),
        None => (None, outcome),
    };
    let marks = Marks { mark, replaces };
    let attempts = match outcome {
        Outcome::Deliver(attempts) => attempts,
        Outcome::Refuse(refusal) => return Err(routed(refusal, direction)),
    };
    let away = |attempt: &Attempt| match &attempt.next_hop {
        NextHop::Binding(id) => ctx.uncallable(id),
        NextHop::Address(_) | NextHop::Name(_) => None,
    };
    if let Some(reasons) = attempts.iter().map(away).collect::<Option<Vec<Reason>>>() {
        // Who is registered, but not to be called like that, is told first.
        let other = reasons.into_iter().find(|reason| *reason != Reason::NotRegistered);
        return Err(other.unwrap_or(Reason::NotRegistered).into());
    }
    let session = Session::with(&generation.table, Some(party));
    if session.is_short(message) {
        return Err(Refused { min_se: session.least(), ..Reason::SessionTooShort.into() });
    }
    let table = &generation.table;
    let about = Arc::new(About {
        number: key.number(),
        id: String::from_utf8_lossy(message.call_id()).into(),
        direction,
        from: shown(&caller).into(),
        to: shown(&number).into(),
        tenant: tenant.and_then(|index| table.tenant(index)).map(|entry| entry.id.clone()),
        trunk: trunk.and_then(|index| table.trunk(index)).map(|entry| entry.id.clone()),
        rule: rule.and_then(|index| table.rule_id(index)).cloned(),
        generation: generation.number,
    });
    let facts = Facts { about, direction, generation, tenant, trunk };
    let seats = seats(&facts, trunk, ctx.now).map_err(|reason| Refused {
        word: reason.word(),
        code: attempt::refusal_code(reason, direction),
        min_se: 0,
    })?;
    Ok(Admitted { facts, party, attempts, seats, session, marks })
}

/// Whether a call has been here before, on the same way.
fn is_marked(message: &Message, mark: u64) -> bool {
    let ours = |name: &[u8]| name.eq_ignore_ascii_case(LOOP_MARK.as_bytes());
    let mut marks = message.headers().filter(|header| ours(header.wire_name)).peekable();
    if marks.peek().is_none() {
        return false;
    }
    let mut own = Vec::with_capacity(16);
    write_digits(&mut own, mark, 16);
    marks.any(|header| header.value == own)
}

/// Who stands behind the dialog that an INVITE is to replace; one that is not there is 481 (RFC 3891
/// section 3).
fn replaced(
    ctx: &Context,
    calls: &Calls,
    asker: (Party, &Generation),
    message: &Message,
) -> Result<Option<Replaced>, Refused> {
    let Some(value) = message.value(HeaderName::Replaces) else { return Ok(None) };
    match calls.replaced(ctx, value, asker) {
        Some(replaced) => Ok(Some(replaced)),
        None => Err(Reason::NoDialog.into()),
    }
}

/// What can be said of a call that is refused: its source, if that is somebody's.
fn refused_about(ctx: &Context, key: CallKey, incoming: &Incoming) -> About {
    let (message, table) = (&incoming.message, &ctx.generation.table);
    let called = user_text(&message.to().uri);
    let (direction, tenant, trunk) = match caller_of(ctx, incoming) {
        Some(Party::Trunk(trunk)) => (Direction::Inbound, None, table.trunk(trunk)),
        Some(Party::Tenant(tenant)) => (Direction::Outbound, table.tenant(tenant), None),
        None => (Direction::Inbound, None, None),
    };
    About {
        number: key.number(),
        id: String::from_utf8_lossy(message.call_id()).into(),
        direction,
        from: shown(&user_text(&message.from().uri)).into(),
        to: shown(&called).into(),
        tenant: tenant.map(|entry| entry.id.clone()),
        trunk: trunk.map(|entry| entry.id.clone()),
        rule: None,
        generation: ctx.generation.number,
    }
}

/// What RFC 3261 section 8.2 asks of any INVITE.
fn check(message: &Message) -> Result<(), Reason> {
    if message.max_forwards() == Some(0) {
        return Err(Reason::TooManyHops);
    }
    understood(message)?;
    if !message.contact().is_some_and(|contact| contact.uri.is_sip()) {
        return Err(Reason::NoContact);
    }
    Ok(())
}

/// What RFC 3261 sections 8.2.2.1 and 8.2.2.3 ask of any request that is answered with 2xx.
fn understood(message: &Message) -> Result<(), Reason> {
    if message.request_uri().scheme == Scheme::Other {
        return Err(Reason::UriScheme);
    }
    if !header_rules::unsupported(message).is_empty() {
        return Err(Reason::BadExtension);
    }
    if header_rules::misplaces(message) {
        return Err(Reason::BadReplaces);
    }
    Ok(())
}

fn routed(refusal: Refusal, direction: Direction) -> Refused {
    let code = match direction {
        Direction::Inbound => refusal.code_to_trunk(),
        Direction::Outbound => refusal.code_to_tenant(),
    };
    Refused { word: refusal.reason(), code, min_se: 0 }
}

/// The places that the call takes for its whole life: on the trunk it came from, in the tenant's
/// share of that, and with its tenant.
fn seats(
    facts: &Facts,
    trunk: Option<TrunkIndex>,
    now: Moment,
) -> Result<[Option<Seat>; 3], Reason> {
    let generation = &facts.generation;
    let mut seats = [None, None, None];
    let [on_trunk, in_share, of_tenant] = &mut seats;
    if let Some(trunk) = trunk
        && let (Some(entry), Some(live)) = (generation.table.trunk(trunk), generation.trunk(trunk))
    {
        let seat = Seat::take(&live.calls, entry.spec.limits.concurrent_calls);
        *on_trunk = Some(seat.ok_or(Reason::TrunkFull)?);
        if !live.calls.keeps_pace(entry.spec.limits.calls_per_second, now) {
            return Err(Reason::TrunkRate);
        }
    }
    let share = trunk.zip(facts.tenant).and_then(|(trunk, tenant)| generation.share(tenant, trunk));
    if let Some((limit, gauge)) = share {
        *in_share = Some(Seat::take(gauge, limit).ok_or(Reason::ShareFull)?);
    }
    if let Some(tenant) = facts.tenant
        && let (Some(entry), Some(gauge)) =
            (generation.table.tenant(tenant), generation.tenant(tenant))
    {
        let seat = Seat::take(gauge, Some(entry.spec.limits.concurrent_calls));
        *of_tenant = Some(seat.ok_or(Reason::TenantFull)?);
        if !gauge.keeps_pace(entry.spec.limits.calls_per_second, now) {
            return Err(Reason::TenantRate);
        }
    }
    Ok(seats)
}

/// The user part as a number is read from it: without its escapes, its `;` parameters and, of a
/// `tel:` URI, its visual separators (RFC 3966 section 5.1.1).
pub(super) fn user_text(uri: &Uri<'_>) -> String {
    let user = uri.user_decoded().unwrap_or_default();
    let user = user.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut text = String::from_utf8_lossy(user).into_owned();
    if uri.scheme == Scheme::Tel {
        text.retain(|letter| !matches!(letter, '-' | '.' | '(' | ')'));
    }
    text
}

fn shown(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or(text)
}
