//! A transfer that we carry out (RFC 3515, RFC 5589): the one who asked for it gives way to somebody
//! who is called without an offer; what that one offers the other side answers (RFC 3725 section 4.1),
//! and the two are joined. Until then nothing changes for anybody.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::ask::{acknowledge, ask};
use super::attempt::open_listener;
use super::call::{Abandoned, Call, Calls, Side};
use super::context::{Context, Owner, Party};
use super::failover::Rules;
use super::header_rules::{ALLOW, Without};
use super::leg::{Bye, Leg};
use super::live::Seat;
use super::refusal::Reason;
use super::session::{Session, glare_wait};
use super::{HUNT_BUDGET, MAX_ABANDONED, RING_LIMIT, write};
use crate::routing::{Attempt, Target, TrunkIndex};
use crate::sip::{HeaderName, Message, Method, NameAddr, reason_phrase};
use crate::transaction::{ClientKey, GIVE_UP, Moment, T1};

/// A transfer in progress.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Who asked for it, and whose place is taken.
    pub(super) by: Side,
    /// The CSeq of the REFER; `None` where nobody wants to hear of it.
    notify: Option<u32>,
    /// The last NOTIFY about it.
    notified: Option<ClientKey>,
    attempts: VecDeque<Attempt>,
    budget: Moment,
    /// What the one who is called shall give up for it.
    replaces: Option<Box<[u8]>>,
    /// With the one who is called.
    pub(super) leg: Option<Leg>,
    pub(super) trunk: Option<TrunkIndex>,
    seats: [Option<Seat>; 2],
    pub(super) state: State,
    pub(super) last: u16,
    /// Whether it is the way back: the one who asked is called, in the dialog that there is.
    pub(super) back: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Calling {
        client: Option<ClientKey>,
        cseq: u32,
        provisional: u16,
        deadline: Moment,
    },
    /// It answered, with an offer; the other side is asked, again after a glare.
    Joining {
        cseq: u32,
        answer: Box<Message>,
        client: Option<ClientKey>,
        /// Whether the other side has said that it is thinking about it.
        rings: bool,
        retry: Moment,
        give_up: Moment,
    },
    /// It is gone while the other side was asked, whose answer is still to come.
    Undoing {
        client: ClientKey,
        cancelled: bool,
        deadline: Moment,
    },
}

impl Transfer {
    pub(super) fn deadline(&self) -> Moment {
        match &self.state {
            State::Calling { deadline, .. } => *deadline,
            State::Joining { client: Some(_), give_up, .. } => *give_up,
            State::Joining { client: None, retry, give_up, .. } => *retry.min(give_up),
            State::Undoing { deadline, .. } => *deadline,
        }
    }

    /// Whether a transaction is one of its INVITEs.
    pub(super) fn asks_by(&self, key: ClientKey) -> bool {
        match &self.state {
            State::Calling { client, .. } | State::Joining { client, .. } => *client == Some(key),
            State::Undoing { client, .. } => *client == key,
        }
    }

    /// The way back of a transfer that was asked for from there.
    pub(super) fn back(by: Side, state: State, now: Moment) -> Self {
        Self {
            by,
            notify: None,
            notified: None,
            attempts: VecDeque::new(),
            budget: now + HUNT_BUDGET,
            replaces: None,
            leg: None,
            trunk: None,
            seats: Default::default(),
            state,
            last: 503,
            back: true,
        }
    }

    /// When there is no more time for it.
    pub(super) fn budget(&self) -> Moment {
        self.budget
    }
}

impl Call {
    /// Begins a transfer that the router has found a way for; false when nothing could be sent.
    pub(super) fn begin_transfer(
        &mut self,
        ctx: &mut Context,
        (by, notify): (Side, Option<u32>),
        attempts: Vec<Attempt>,
        replaces: Option<Box<[u8]>>,
    ) {
        self.transfer = Some(Box::new(Transfer {
            by,
            notify,
            notified: None,
            attempts: attempts.into(),
            budget: ctx.now + HUNT_BUDGET,
            replaces,
            leg: None,
            trunk: None,
            seats: Default::default(),
            state: State::Calling { client: None, cseq: 0, provisional: 0, deadline: ctx.now },
            last: 503,
            back: false,
        }));
        self.notify_referrer(ctx, 100, true);
        self.call_next(ctx);
    }

    /// Calls the next one that may be called; with nobody left the transfer has failed.
    pub(super) fn call_next(&mut self, ctx: &mut Context) {
        loop {
            let room = self.abandoned.len() < MAX_ABANDONED;
            let Some(transfer) = &mut self.transfer else { return };
            transfer.seats = Default::default();
            let in_time = room && ctx.now < transfer.budget;
            let table = &self.facts.generation.table;
            let next = if in_time { ctx.next_place(table, &mut transfer.attempts) } else { None };
            let Some((attempt, address)) = next else { break };
            if self.call_one(ctx, &attempt, address).is_some() {
                return;
            }
        }
        let last = self.transfer.as_ref().map_or(503, |transfer| transfer.last);
        self.fail_transfer(ctx, last);
    }

    fn call_one(
        &mut self,
        ctx: &mut Context,
        attempt: &Attempt,
        address: SocketAddr,
    ) -> Option<()> {
        let table = &self.facts.generation.table;
        let (party, trunk) = match attempt.target {
            Target::Trunk(trunk) => (Some(Party::Trunk(trunk)), Some(trunk)),
            Target::Contact => (self.facts.tenant.map(Party::Tenant), None),
        };
        let seats = match trunk {
            Some(trunk) => self.trunk_seats(ctx, trunk).ok()?,
            None => Default::default(),
        };
        let listener = open_listener(ctx, table, attempt, address)?;
        if ctx.is_lost_at_home(listener, address) {
            ctx.count(Reason::Loop);
            return None;
        }
        let flow = ctx.way_to((table, attempt), (listener, address));
        let session = Session::with(table, party);
        let (owner, tag) = (Owner::Call(self.key), Calls::tag(self.key, ctx));
        let kept = self.leg(self.transfer.as_ref()?.by.other())?;
        let without = Without::between(table, [kept.party, party]);
        let kept = kept.remote.clone();
        let caller = NameAddr::parse(&kept)?;
        let mut leg = Leg::calling(ctx, attempt, flow, party, (&caller, tag), session);
        leg.without = without;
        let id = trunk.and_then(|trunk| table.trunk(trunk)).map(|entry| &entry.id);
        if let Some(routes) = id.and_then(|id| ctx.service_routes.get(id)) {
            leg.route_by(routes);
        }
        let transfer = self.transfer.as_mut()?;
        let replaces = transfer.replaces.as_deref();
        let client = ask(ctx, owner, &mut leg, (Method::Invite, b""), None, |ctx, writer, flow| {
            write::contact(ctx, writer, flow);
            writer.header("Allow", &[ALLOW]);
            writer.header("Supported", &[b"timer"]);
            session.ask(writer);
            if let Some(replaces) = replaces {
                writer.header("Require", &[b"replaces"]);
                writer.header("Replaces", &[replaces]);
            }
        });
        let patience = Rules::of(table, trunk).attempt_timeout();
        let (cseq, deadline) = (leg.local_cseq, ctx.now + patience);
        transfer.state = State::Calling { client: Some(client?), cseq, provisional: 0, deadline };
        (transfer.seats, transfer.trunk) = (seats, trunk);
        ctx.trails.add_leg(self.key.number(), &leg.call_id);
        ctx.peers.join(&leg);
        transfer.leg = Some(leg);
        Some(())
    }

    pub(super) fn on_transfer_response(
        &mut self,
        ctx: &mut Context,
        response: &Message,
        code: u16,
    ) {
        let Some(transfer) = &mut self.transfer else { return };
        match &mut transfer.state {
            State::Calling { provisional, deadline, .. } if code < 200 => {
                let first = *provisional <= 100 && code > 100;
                *provisional = (*provisional).max(code);
                if code > 100 {
                    *deadline = ctx.now + RING_LIMIT;
                }
                if first {
                    self.notify_referrer(ctx, code, true);
                }
            }
            State::Calling { .. } if code < 300 => self.on_transfer_answered(ctx, response),
            State::Calling { .. } if transfer.back => self.on_way_back_refused(ctx, code),
            State::Calling { provisional, .. } => {
                let rang = *provisional > 100;
                let rules = Rules::of(&self.facts.generation.table, transfer.trunk);
                transfer.last = super::attempt::shown(code);
                transfer.leg.take().iter().for_each(|leg| ctx.peers.leave(leg));
                if rules.lead_on(Some(code), rang) {
                    self.call_next(ctx);
                } else {
                    self.fail_transfer(ctx, super::attempt::shown(code));
                }
            }
            State::Joining { .. } if code >= 200 => self.on_join_response(ctx, response, code),
            State::Joining { rings, .. } => *rings = true,
            State::Undoing { .. } => self.on_undo_response(ctx, response, code),
        }
    }

    /// The one who is called answers: its offer goes to the side that stays.
    fn on_transfer_answered(&mut self, ctx: &mut Context, response: &Message) {
        let Self { transfer: Some(transfer), a, b, .. } = self else { return };
        let State::Calling { cseq, .. } = &transfer.state else { return };
        let cseq = *cseq;
        let leg = match (transfer.back, transfer.by) {
            (false, _) => transfer.leg.as_mut(),
            (true, Side::A) => Some(a),
            (true, Side::B) => b.as_mut(),
        };
        let Some(leg) = leg else { return };
        if transfer.back {
            leg.refresh(response);
        } else {
            leg.establish(response);
        }
        leg.session.agree(response, ctx.now);
        leg.learn(response, false);
        let (retry, give_up) = (ctx.now, ctx.now + GIVE_UP);
        let (answer, client, rings) = (Box::new(response.clone()), None, false);
        transfer.state = State::Joining { cseq, answer, client, rings, retry, give_up };
        if response.body().is_empty() {
            // Nothing to join with.
            self.fail_transfer(ctx, 488);
        } else {
            self.join(ctx);
        }
    }

    pub(super) fn join(&mut self, ctx: &mut Context) {
        let busy = self.invite.is_some() || self.legs().any(|leg| leg.session.invites());
        let owner = Owner::Call(self.key);
        let Self { transfer: Some(transfer), a, b, .. } = self else { return };
        let State::Joining { answer, client, retry, .. } = &mut transfer.state else { return };
        let kept = match transfer.by {
            Side::A => b.as_mut(),
            Side::B => Some(a),
        };
        let Some(kept) = kept.filter(|_| !busy) else {
            *retry = ctx.now + T1;
            return;
        };
        let session = kept.session;
        let kind = answer.value(HeaderName::ContentType).unwrap_or(b"application/sdp");
        let body = (Method::Invite, answer.body());
        *client = ask(ctx, owner, kept, body, None, |ctx, writer, flow| {
            write::contact(ctx, writer, flow);
            writer.header("Allow", &[ALLOW]);
            writer.header("Supported", &[b"timer"]);
            session.ask(writer);
            writer.header("Content-Type", &[kind]);
        });
        *retry = ctx.now + T1;
    }

    fn on_join_response(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        let Some(transfer) = &mut self.transfer else { return };
        let kept = transfer.by.other();
        if let State::Joining { client, .. } = &mut transfer.state {
            *client = None;
        }
        match code {
            ..300 if transfer.back => self.back_again(ctx, response),
            ..300 => self.joined(ctx, response),
            408 | 481 => self.hang_up(ctx, None, "DialogLost"),
            491 => {
                let Some(leg) = self.leg(kept) else { return };
                let wait = glare_wait(ctx, leg);
                let Some(transfer) = &mut self.transfer else { return };
                if let State::Joining { retry, .. } = &mut transfer.state {
                    *retry = ctx.now + wait;
                }
            }
            _ => self.fail_transfer(ctx, 488),
        }
    }

    /// Both have what they need: the new leg takes the place of the one who asked.
    fn joined(&mut self, ctx: &mut Context, response: &Message) {
        let owner = Owner::Call(self.key);
        self.notify_referrer(ctx, 200, false);
        let Some(transfer) = self.transfer.take() else { return };
        let Transfer { by, leg: Some(mut leg), trunk, seats, state, .. } = *transfer else {
            return;
        };
        let State::Joining { cseq, answer, .. } = state else { return };
        acknowledge(ctx, (owner, &mut leg), cseq, Some(response));
        leg.keep_offer(response);
        let without = leg.without;
        let Some(kept) = self.leg_mut(by.other()) else { return };
        kept.without = without;
        kept.refresh(response);
        kept.session.agree(response, ctx.now);
        kept.learn(response, false);
        kept.keep_offer(&answer);
        acknowledge(ctx, (owner, kept), response.cseq().number, None);
        self.say_bye(ctx, by, super::end::Parting::Silent);
        let former = match by {
            Side::A => Some(std::mem::replace(&mut self.a, leg)),
            Side::B => self.b.replace(leg),
        };
        self.take_seats(by, seats);
        if trunk.is_some() {
            self.trunk = trunk;
        }
        if let Some(leg) = former {
            match leg.bye {
                Bye::Sent(key) => {
                    let client = Some(key);
                    self.abandoned.push(Abandoned {
                        leg,
                        client,
                        cseq: 0,
                        cancelled: true,
                        why: None,
                    });
                }
                Bye::No | Bye::Done => ctx.peers.leave(&leg),
            }
        }
    }

    /// The places on the trunk of the one who gave way are given back for those of the new one.
    fn take_seats(&mut self, by: Side, new: [Option<Seat>; 2]) {
        match by {
            Side::B => self.seats.attempt = new,
            Side::A => {
                let [trunk, share, _] = &mut self.seats.call;
                [*trunk, *share] = new;
            }
        }
    }

    /// Tells who asked how it goes (RFC 3515 section 2.4.5).
    pub(super) fn notify_referrer(&mut self, ctx: &mut Context, code: u16, goes_on: bool) {
        let owner = Owner::Call(self.key);
        let Some(transfer) = &self.transfer else { return };
        let (Some(id), by) = (transfer.notify, transfer.by) else { return };
        let state: &[u8] =
            if goes_on { b"active;expires=60" } else { b"terminated;reason=noresource" };
        let body = format!("SIP/2.0 {code} {}\r\n", reason_phrase(code));
        let Some(leg) = self.leg_mut(by).filter(|leg| leg.bye == Bye::No) else { return };
        let what = (Method::Notify, body.as_bytes());
        let key = ask(ctx, owner, leg, what, None, |ctx, writer, flow| {
            write::contact(ctx, writer, flow);
            writer.header_fmt("Event", format_args!("refer;id={id}"));
            writer.header("Subscription-State", &[state]);
            writer.header("Content-Type", &[b"message/sipfrag;version=2.0"]);
        });
        self.transfer.iter_mut().for_each(|transfer| transfer.notified = key);
    }

    /// Who asked does not know of its subscription any more, or says nothing: it hears no more, and
    /// the transfer goes on (RFC 6665 section 4.2.2).
    pub(super) fn on_notified(&mut self, key: ClientKey, code: u16) {
        let transfer = self.transfer.iter_mut().filter(|one| one.notified == Some(key));
        let gone = matches!(code, 408 | 481);
        transfer.filter(|_| gone).for_each(|transfer| transfer.notify = None);
    }
}
