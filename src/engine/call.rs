//! One call: two legs, the INVITE under way, and what is left of attempts that were given up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use super::context::{Context, Due, Incoming};
use super::early::Early;
use super::event::{Event, Facts};
use super::header_rules::Without;
use super::leg::{Bye, Leg};
use super::live::Seat;
use super::redirect::Tried;
use super::replaces::Referral;
use super::trail::Ending;
use super::transfer::Transfer;
use super::{ENDING_LIMIT, MAX_CALLS};
use crate::model::CallState;
use crate::routing::{Attempt, TrunkIndex};
use crate::sip::{Message, Method};
use crate::transaction::{ClientKey, Moment, Packet, ServerKey, Tell, TimerKey, write_hex};

/// Names a call; of one that is over it names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallKey {
    index: u32,
    serial: u32,
}

impl CallKey {
    /// What we call the call: no other one has had it lately.
    pub(super) fn number(self) -> u32 {
        self.serial
    }
}

/// The two dialogs of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// With who called.
    A,
    /// With who is called.
    B,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How far a call is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Not answered: attempts are made, in order.
    Hunting(Hunt),
    /// Answered; session timers see to its end, and its trunks may say when that is at the latest.
    Established(Option<Moment>),
    /// Nothing but BYEs and CANCELs; its remains are dropped here at the latest.
    Ending(Moment),
}

/// The search for an attempt that answers.
#[derive(Debug)]
pub(super) struct Hunt {
    pub(super) attempts: VecDeque<Attempt>,
    /// The last attempt's final answer, and what of it stays here.
    pub(super) last: Option<Box<(Message, Without)>>,
    /// An attempt got no answer at all: silence, or nobody could be reached.
    pub(super) lost: Option<super::refusal::Reason>,
    /// An attempt was left out because its trunk is full.
    pub(super) full: Option<super::refusal::Reason>,
    /// How many redirections it has followed.
    pub(super) redirects: u8,
    /// Where they have led, or begun.
    pub(super) tried: Vec<Tried>,
    /// Until when it waits for a name that one of them brought.
    pub(super) patience: Option<Moment>,
    /// When the caller does not want an answer any more (its `Expires`).
    pub(super) until: Option<Moment>,
}

/// An INVITE on its way from one dialog to the other, and its answer on the way back.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) from: Side,
    pub(super) incoming: Incoming,
    pub(super) server: ServerKey,
    /// On the other side; `None` between two attempts.
    pub(super) client: Option<ClientKey>,
    pub(super) cseq: u32,
    pub(super) progress: Progress,
    /// Of the INVITE that begins a call: what it says beside what the caller said.
    pub(super) marks: Option<Box<Marks>>,
}

/// What the INVITE that begins a call says beside what its caller said.
#[derive(Debug)]
pub(super) struct Marks {
    /// By this we know the call again, should it come back.
    pub(super) mark: u64,
    /// The name of the dialog that it replaces, where it goes.
    pub(super) replaces: Option<Box<[u8]>>,
}

#[derive(Debug)]
pub(super) enum Progress {
    /// No final answer yet.
    Pending {
        /// 0, or the highest class of provisional seen: 100, or one above.
        provisional: u16,
        /// A CANCEL is wanted, and goes out once a provisional has come.
        cancel: bool,
        /// When patience ends.
        deadline: Moment,
    },
    /// A 2xx went back and is repeated until its ACK (RFC 3261 section 13.3.1.4).
    Answered { response: Packet, retransmit: Moment, interval: Duration, give_up: Moment },
}

/// A leg that was given up: its INVITE, if still open, is cancelled; a late 2xx is acknowledged and
/// hung up.
#[derive(Debug)]
pub(super) struct Abandoned {
    pub(super) leg: Leg,
    pub(super) client: Option<ClientKey>,
    pub(super) cseq: u32,
    pub(super) cancelled: bool,
    /// The Reason of the CANCEL that it waits for.
    pub(super) why: Option<Box<[u8]>>,
}

/// A request inside the dialog on its way to the other one.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) to: Side,
    pub(super) client: ClientKey,
    pub(super) server: ServerKey,
    pub(super) incoming: Incoming,
}

/// The places that a call holds in the limits.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// For the whole call: its tenant, and the trunk it came from.
    pub(super) call: [Option<Seat>; 3],
    /// For the attempt: the trunk it goes to, and the tenant's share of that.
    pub(super) attempt: [Option<Seat>; 2],
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) key: CallKey,
    pub(super) facts: Arc<Facts>,
    pub(super) began: Moment,
    pub(super) phase: Phase,
    pub(super) a: Leg,
    pub(super) b: Option<Leg>,
    /// The trunk that it runs over now.
    pub(super) trunk: Option<TrunkIndex>,
    /// Boxed: most of the time there is none.
    pub(super) invite: Option<Box<Exchange>>,
    pub(super) early: Option<Box<Early>>,
    pub(super) transfer: Option<Box<Transfer>>,
    /// REFERs that went on to the other side.
    pub(super) referrals: Vec<Referral>,
    pub(super) relays: Vec<Relay>,
    /// The last INVITE inside the call that could not be sent: who asked heard so, but it may have
    /// arrived.
    pub(super) late: Option<ClientKey>,
    pub(super) abandoned: Vec<Abandoned>,
    pub(super) seats: Seats,
    /// The INVITE that began it.
    pub(super) first: ServerKey,
    /// Its Call-ID, From tag and CSeq.
    pub(super) origin: Box<[u8]>,
    pub(super) timer: Option<(Moment, TimerKey)>,
}

impl Call {
    pub(super) fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::A => Some(&self.a),
            Side::B => self.b.as_ref(),
        }
    }

    pub(super) fn leg_mut(&mut self, side: Side) -> Option<&mut Leg> {
        match side {
            Side::A => Some(&mut self.a),
            Side::B => self.b.as_mut(),
        }
    }

    /// Both legs, those of other early dialogs and those given up.
    pub(super) fn legs(&self) -> impl Iterator<Item = &Leg> {
        let abandoned = self.abandoned.iter().map(|abandoned| &abandoned.leg);
        let early = self.early.iter().flat_map(|early| early.legs());
        let transfer = self.transfer.iter().filter_map(|transfer| transfer.leg.as_ref());
        std::iter::once(&self.a).chain(&self.b).chain(early).chain(transfer).chain(abandoned)
    }

    pub(super) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        let abandoned = self.abandoned.iter_mut().map(|abandoned| &mut abandoned.leg);
        let early = self.early.iter_mut().flat_map(|early| early.legs_mut());
        let transfer = self.transfer.iter_mut().filter_map(|transfer| transfer.leg.as_mut());
        let both = std::iter::once(&mut self.a).chain(&mut self.b);
        both.chain(early).chain(transfer).chain(abandoned)
    }

    pub(super) fn has_answered(&self) -> bool {
        !matches!(self.phase, Phase::Hunting(_))
    }

    pub(super) fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established(_))
    }

    pub(super) fn state(&self) -> CallState {
        match self.phase {
            Phase::Hunting(_) => CallState::Ringing,
            Phase::Established(_) => CallState::Established,
            Phase::Ending(_) => CallState::Ending,
        }
    }

    /// A response to one of its requests. False if it is a 2xx to an INVITE of which nothing is left.
    pub(super) fn on_response(
        &mut self,
        ctx: &mut Context,
        key: ClientKey,
        response: &Message,
    ) -> bool {
        let code = response.status().unwrap_or_default();
        if self.invite.as_ref().is_some_and(|invite| invite.client == Some(key)) {
            if matches!(self.phase, Phase::Hunting(_)) {
                self.on_attempt_response(ctx, response, code);
            } else {
                self.on_exchange_response(ctx, response, code);
            }
        } else if self.abandoned.iter().any(|abandoned| abandoned.client == Some(key)) {
            self.on_abandoned_response(ctx, key, Some(response));
        } else if self.relays.iter().any(|relay| relay.client == key) {
            self.on_relay_response(ctx, key, response, code);
        } else if self.transfer.as_ref().is_some_and(|transfer| transfer.asks_by(key)) {
            self.on_transfer_response(ctx, response, code);
        } else if let Some(side) = self.refreshed_by(key) {
            self.on_refresh_response(ctx, side, response, code);
        } else if self.late == Some(key) && code / 100 == 2 {
            return self.on_late_success(ctx, response);
        } else if response.method() == Method::Invite && code / 100 == 2 {
            return self.on_stray_success(ctx, response);
        } else if code >= 200 {
            self.on_notified(key, code);
            self.on_bye_done(key);
        }
        true
    }

    /// One of its requests ended without an answer: time-out, or no way to send it. Only silence ends a
    /// dialog (RFC 3261 section 12.2.1.2); what could not be sent is as good as a 503 (8.1.3.1).
    pub(super) fn on_lost(&mut self, ctx: &mut Context, key: ClientKey, why: Tell) {
        let silence = why != Tell::Unreachable;
        if self.invite.as_ref().is_some_and(|invite| invite.client == Some(key)) {
            if matches!(self.phase, Phase::Hunting(_)) {
                self.note_silence(ctx);
                self.on_attempt_lost(ctx, silence);
            } else {
                self.on_exchange_lost(ctx, silence);
            }
        } else if self.abandoned.iter().any(|abandoned| abandoned.client == Some(key)) {
            self.on_abandoned_response(ctx, key, None);
        } else if self.relays.iter().any(|relay| relay.client == key) {
            self.on_relay_lost(ctx, key, silence);
        } else if self.transfer.as_ref().is_some_and(|transfer| transfer.asks_by(key)) {
            self.on_transfer_lost(ctx, silence);
        } else if let Some(side) = self.refreshed_by(key) {
            self.on_refresh_lost(ctx, side, silence);
        } else {
            if silence {
                self.on_notified(key, 408);
            }
            self.on_bye_done(key);
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let phase = match self.phase {
            Phase::Hunting(ref hunt) => hunt.until,
            Phase::Established(until) => {
                let acks = self.acks_deadline();
                self.session_deadline().into_iter().chain(until).chain(acks).min()
            }
            Phase::Ending(until) => Some(until),
        };
        let exchange = self.invite.as_ref().map(|invite| match &invite.progress {
            Progress::Pending { deadline, .. } => *deadline,
            Progress::Answered { retransmit, give_up, .. } => *retransmit.min(give_up),
        });
        let transfer = self.transfer.as_ref().map(|transfer| transfer.deadline());
        phase.into_iter().chain(exchange).chain(self.early_deadline()).chain(transfer).min()
    }

    /// A deadline may have passed.
    pub(super) fn on_time(&mut self, ctx: &mut Context) {
        if let Phase::Hunting(Hunt { until: Some(until), .. }) = self.phase
            && ctx.now >= until
        {
            self.on_expired(ctx);
        }
        match self.invite.as_deref() {
            Some(Exchange { progress: Progress::Pending { deadline, .. }, .. })
                if ctx.now >= *deadline =>
            {
                if self.is_between_attempts() {
                    self.next_attempt(ctx);
                } else if self.is_in_vain() {
                    self.refuse(ctx, 487);
                    self.abandon(ctx, None);
                    self.over_before_answer(ctx, "CallerHungUp", 487);
                } else if matches!(self.phase, Phase::Hunting(_)) {
                    self.note_silence(ctx);
                    self.on_attempt_lost(ctx, true);
                } else {
                    self.on_exchange_overdue(ctx);
                }
            }
            Some(Exchange { progress: Progress::Answered { .. }, .. }) => self.repeat_2xx(ctx),
            Some(_) | None => {}
        }
        self.on_early_time(ctx);
        self.on_transfer_time(ctx);
        match self.phase {
            Phase::Established(Some(until)) if ctx.now >= until => {
                self.hang_up(ctx, None, "DurationLimit");
            }
            Phase::Established(_) => {
                self.forget_acks(ctx.now);
                self.on_session_time(ctx);
            }
            Phase::Ending(until) if ctx.now >= until => {
                self.a.bye = Bye::Done;
                self.b.iter_mut().for_each(|leg| leg.bye = Bye::Done);
                self.abandoned.iter().for_each(|abandoned| ctx.peers.leave(&abandoned.leg));
                self.abandoned.clear();
            }
            Phase::Hunting(_) | Phase::Ending(_) => {}
        }
    }

    /// Whether nothing of it is left to do.
    pub(super) fn is_over(&self) -> bool {
        let leg_over = |leg: &Leg| leg.bye == Bye::Done;
        matches!(self.phase, Phase::Ending(_))
            && leg_over(&self.a)
            && self.b.as_ref().is_none_or(leg_over)
            && self.abandoned.is_empty()
    }

    /// The end of the call as its users see it: seats are given back, the log is told.
    pub(super) fn begin_ending(&mut self, ctx: &mut Context, reason: &'static str, code: u16) {
        if matches!(self.phase, Phase::Ending(_)) {
            return;
        }
        self.phase = Phase::Ending(ctx.now + ENDING_LIMIT);
        self.seats = Seats::default();
        let seconds = ctx.now.since(self.began).as_secs();
        let about = self.facts.about.clone();
        ctx.refusals.count_ending(reason);
        ctx.trails.ending(self.key.number(), Ending { reason, code });
        ctx.events.push_back(Event::Ended { about, reason, code, seconds });
    }
}

/// All calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    slots: Slab<Box<Call>>,
    /// By the origin, to know an INVITE that comes twice by different ways.
    origins: HashMap<Box<[u8]>, CallKey>,
    serial: u32,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= MAX_CALLS
    }

    /// The key of the next call to [`Self::insert`].
    pub(super) fn next_key(&mut self) -> CallKey {
        self.serial = self.serial.wrapping_add(1);
        let index = u32::try_from(self.slots.vacant_key()).unwrap_or(u32::MAX);
        CallKey { index, serial: self.serial }
    }

    pub(super) fn insert(&mut self, call: Call) {
        self.origins.insert(call.origin.clone(), call.key);
        self.slots.insert(Box::new(call));
    }

    pub(super) fn get(&self, key: CallKey) -> Option<&Call> {
        self.slots.get(at(key.index)).map(|call| &**call).filter(|call| call.key == key)
    }

    pub(super) fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        let call = self.slots.get_mut(at(key.index))?;
        (call.key == key).then_some(&mut **call)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.slots.iter().map(|(_, call)| &**call)
    }

    /// Whether an INVITE with this origin began a call that is still there: the same request by
    /// another way (RFC 3261 section 8.2.2.2).
    pub(super) fn has_origin(&self, origin: &[u8]) -> bool {
        self.origins.contains_key(origin)
    }

    /// Call-ID, From tag and CSeq number of an INVITE.
    pub(super) fn origin(invite: &Message) -> Box<[u8]> {
        let tag = invite.from_tag().unwrap_or_default();
        let number = invite.cseq().number.to_be_bytes();
        // Neither Call-ID nor tag holds a line end.
        [invite.call_id(), b"\n", tag, b"\n", &number].concat().into()
    }

    /// A tag of ours: the place of its call, and what nobody can guess.
    pub(super) fn tag(key: CallKey, ctx: &mut Context) -> Box<[u8]> {
        let mut tag = Vec::with_capacity(25);
        write_hex(&mut tag, key.index.into());
        tag.push(b'-');
        ctx.chance.write_word(&mut tag);
        tag.into()
    }

    /// The call that may have given a tag out; whether it did is for its legs to say.
    pub(super) fn by_tag(&self, tag: &[u8]) -> Option<CallKey> {
        let dash = tag.iter().position(|byte| *byte == b'-')?;
        let text = std::str::from_utf8(tag.get(..dash)?).ok()?;
        let index = u32::from_str_radix(text, 16).ok()?;
        self.slots.get(at(index)).map(|call| call.key)
    }

    /// After every change of a call: its timer, and its removal once it is over.
    pub(super) fn settle(&mut self, ctx: &mut Context, key: CallKey) {
        let Some(call) = self.get_mut(key) else { return };
        call.legs_mut().for_each(|leg| ctx.peers.follow(leg));
        let deadline = if call.is_over() { None } else { call.deadline() };
        if call.timer.map(|(moment, _)| moment) != deadline {
            if let Some((_, timer)) = call.timer.take() {
                ctx.timers.cancel(timer);
            }
            call.timer = deadline.map(|at| (at, ctx.timers.insert(at, Due::Call(key))));
        }
        if call.is_over() {
            call.legs().for_each(|leg| ctx.peers.leave(leg));
            ctx.trails.end(key.number());
            let call = self.slots.remove(at(key.index));
            self.origins.remove(&call.origin);
            ctx.note_refused(&call.origin, call.first);
        }
    }
}

fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
