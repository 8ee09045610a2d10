//! The first INVITE of a call: attempts in order, provisional responses, the answer, failover.

use std::net::SocketAddr;
use std::time::Duration;

use super::accept::LOOP_MARK;
use super::back::carry;
use super::call::{Abandoned, Call, Calls, Exchange, Hunt, Phase, Progress, Side};
use super::context::{Context, Owner, Party};
use super::event::{Event, Facts};
use super::failover::Rules;
use super::header_rules::Without;
use super::leg::{Bye, Leg};
use super::live::Seat;
use super::refusal::Reason;
use super::session::Session;
use super::{RING_LIMIT, write};
use crate::model::TrunkHealth;
use crate::model::value::Seconds;
use crate::routing::{Attempt, Direction, Table, Target, TransportEntry, TrunkIndex};
use crate::sip::{Message, Method};
use crate::transaction::{Class, FarEnd, Moment, write_digits};

/// A failure as the other side may see it: redirections are not followed and name addresses behind
/// us; challenges are for us, and we have no credentials.
pub(super) fn shown(code: u16) -> u16 {
    match code {
        300..=399 => 480,
        401 | 407 => 403,
        code => code,
    }
}

impl Call {
    /// Tries what is left to try; with nothing left the call is refused.
    pub(super) fn next_attempt(&mut self, ctx: &mut Context) {
        loop {
            if self.waits_for_name(ctx) {
                return;
            }
            let Phase::Hunting(hunt) = &mut self.phase else { return };
            let table = &self.facts.generation.table;
            let next = ctx.next_place(table, &mut hunt.attempts);
            let Some((attempt, address)) = next else { break };
            if ctx.now >= self.began + Rules::of(table, attempt.trunk()).total_timeout() {
                continue;
            }
            match self.begin_attempt(ctx, &attempt, address) {
                Ok(()) => return,
                Err(Reason::NoTrunkUp) => {}
                Err(reason) => {
                    // A limit that is hit is told, also where the next route takes the call.
                    ctx.count(reason);
                    if let Phase::Hunting(hunt) = &mut self.phase {
                        hunt.full = Some(reason);
                    }
                }
            }
        }
        self.exhausted(ctx);
    }

    fn begin_attempt(
        &mut self,
        ctx: &mut Context,
        attempt: &Attempt,
        address: SocketAddr,
    ) -> Result<(), Reason> {
        self.seats.attempt = Default::default();
        let table = &self.facts.generation.table;
        let party = match attempt.target {
            Target::Trunk(trunk) => {
                self.seats.attempt = self.trunk_seats(ctx, trunk)?;
                Some(Party::Trunk(trunk))
            }
            Target::Contact => self.facts.tenant.map(Party::Tenant),
        };
        let listener = open_listener(ctx, table, attempt, address).ok_or(Reason::NoTrunkUp)?;
        if ctx.is_lost_at_home(listener, address) {
            return Err(Reason::Loop);
        }
        let flow = ctx.way_to((table, attempt), (listener, address));
        let rules = Rules::of(table, attempt.trunk());
        let deadline = (self.began + rules.total_timeout()).min(ctx.now + rules.attempt_timeout());
        let Some(exchange) = &mut self.invite else { return Err(Reason::NoTrunkUp) };
        let session = Session::with(table, party);
        let tag = Calls::tag(self.key, ctx);
        let from = exchange.incoming.message.from();
        let mut leg = Leg::calling(ctx, attempt, flow, party, (&from, tag), session);
        leg.without = Without::between(table, [self.a.party, party]);
        self.a.without = leg.without;
        let id = attempt.trunk().and_then(|trunk| table.trunk(trunk)).map(|entry| &entry.id);
        if let Some(routes) = id.and_then(|id| ctx.service_routes.get(id)) {
            leg.route_by(routes);
        }
        exchange.send(ctx, Owner::Call(self.key), &mut leg, deadline)?;
        ctx.trails.add_leg(self.key.number(), &leg.call_id);
        ctx.peers.join(&leg);
        if let Target::Trunk(trunk) = attempt.target {
            self.trunk = Some(trunk);
        }
        self.b = Some(leg);
        Ok(())
    }

    /// A place on the trunk and in the tenant's share of it, if the trunk may be tried at all: a
    /// trunk removed or disabled since the call began is not (G11).
    pub(super) fn trunk_seats(
        &self,
        ctx: &Context,
        trunk: TrunkIndex,
    ) -> Result<[Option<Seat>; 2], Reason> {
        let generation = &self.facts.generation;
        let entry = generation.table.trunk(trunk).ok_or(Reason::NoTrunkUp)?;
        let live = generation.trunk(trunk).ok_or(Reason::NoTrunkUp)?;
        if !std::sync::Arc::ptr_eq(generation, &ctx.generation) {
            let table = &ctx.generation.table;
            let now = table.trunk_of(&entry.id).and_then(|index| table.trunk(index));
            if !now.is_some_and(|now| now.spec.enabled) {
                return Err(Reason::NoTrunkUp);
            }
        }
        if live.health() == TrunkHealth::Down || live.is_refused() {
            return Err(Reason::NoTrunkUp);
        }
        let seat = Seat::take(&live.calls, entry.spec.limits.concurrent_calls);
        let seat = seat.ok_or(Reason::TrunkFull)?;
        if !live.calls.keeps_pace(entry.spec.limits.calls_per_second, ctx.now) {
            return Err(Reason::TrunkRate);
        }
        let share = self.facts.tenant.and_then(|tenant| generation.share(tenant, trunk));
        let share = match share {
            Some((limit, gauge)) => Some(Seat::take(gauge, limit).ok_or(Reason::ShareFull)?),
            None => None,
        };
        Ok([Some(seat), share])
    }

    pub(super) fn on_attempt_response(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        match code {
            ..200 => self.on_attempt_provisional(ctx, response, code),
            200..300 => self.on_attempt_answered(ctx, response, code),
            300.. => self.on_attempt_failed(ctx, response, code),
        }
    }

    fn on_attempt_provisional(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        let Some(exchange) = &mut self.invite else { return };
        let Progress::Pending { provisional, deadline, .. } = &mut exchange.progress else {
            return;
        };
        *provisional = (*provisional).max(code);
        if code > 100 {
            *deadline = ctx.now + RING_LIMIT;
            if self.face(ctx, response) {
                self.on_progress(ctx, response, code);
            }
        }
    }

    pub(super) fn on_attempt_answered(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        if self.is_ended(ctx, response) {
            return;
        }
        // The answer counts, also that of one fork more than there is room for.
        self.face(ctx, response);
        if self.holds(response) {
            return;
        }
        let Some(leg) = &mut self.b else { return };
        leg.establish(response);
        self.leave_early(ctx);
        let longest = longest(&self.facts, [self.facts.trunk, self.trunk]);
        self.phase = Phase::Established(longest.map(|longest| ctx.now + longest));
        self.relay_success(ctx, response, code);
        if self.is_established() {
            ctx.events.push_back(Event::Answered(self.facts.about.clone()));
        }
    }

    fn on_attempt_failed(&mut self, ctx: &mut Context, response: &Message, code: u16) {
        if code == 422 && self.ask_longer(ctx, response) {
            return;
        }
        let trunk = self.b.as_ref().and_then(|leg| leg.party);
        let leads_on = self.leads_on(Some(code));
        if leads_on {
            self.note_busy(ctx, response);
        }
        self.attempt_over(ctx);
        if code / 100 == 3 && self.follow(ctx, trunk, response) {
            self.next_attempt(ctx);
            return;
        }
        if let Phase::Hunting(hunt) = &mut self.phase {
            hunt.last = Some(Box::new((response.clone(), self.a.without)));
        }
        if leads_on {
            self.tell_failover(ctx, "Refused", code);
            self.next_attempt(ctx);
        } else {
            self.exhausted(ctx);
        }
    }

    /// The far end takes only longer sessions than we asked for: the INVITE once more, in the same
    /// leg (RFC 4028 section 7.4).
    pub(super) fn ask_longer(&mut self, ctx: &mut Context, response: &Message) -> bool {
        let owner = Owner::Call(self.key);
        let Self { invite: Some(exchange), a, b, .. } = self else { return false };
        let Progress::Pending { cancel: false, deadline, .. } = exchange.progress else {
            return false;
        };
        let leg = match exchange.from {
            Side::A => b.as_mut(),
            Side::B => Some(a),
        };
        leg.is_some_and(|leg| {
            leg.session.raise(response) && exchange.send(ctx, owner, leg, deadline).is_ok()
        })
    }

    /// Whether the attempt under way gives way to the next one.
    fn leads_on(&self, code: Option<u16>) -> bool {
        let party = self.b.as_ref().and_then(|leg| leg.party);
        let rang = self.invite.as_ref().is_some_and(|invite| invite.rang());
        Rules::of_party(&self.facts.generation.table, party).lead_on(code, rang)
    }

    /// Timer B, or patience with an attempt that only said 100 or only rang; or no way to send, which
    /// counts as a 503 that nobody said (RFC 3261 section 8.1.3.1).
    pub(super) fn on_attempt_lost(&mut self, ctx: &mut Context, silence: bool) {
        let rang = self.invite.as_ref().is_some_and(|invite| invite.rang());
        let leads_on = self.leads_on(None);
        let end = self.b.as_ref().map(|leg| leg.flow.link.far_end());
        let comes = end == Some(FarEnd::COMER);
        self.abandon(ctx, Some(b"SIP ;cause=408 ;text=\"No answer\""));
        let (reason, code) = match (silence, comes) {
            (true, _) => (Reason::Silence, 408),
            // It is not registered any more, though its time is not up.
            (false, true) => (Reason::NotRegistered, 480),
            (false, false) => (Reason::Unreachable, 503),
        };
        if let Phase::Hunting(hunt) = &mut self.phase {
            // Who is silent may have heard it.
            let before = hunt.lost.filter(|before| *before == Reason::Silence);
            hunt.lost = before.or(Some(reason));
            if rang {
                hunt.last = None;
            }
        }
        if leads_on {
            self.tell_failover(ctx, reason.word(), code);
            self.next_attempt(ctx);
        } else {
            self.exhausted(ctx);
        }
    }

    fn tell_failover(&self, ctx: &mut Context, reason: &'static str, code: u16) {
        let (about, trunk) = (self.facts.about.clone(), self.facts.trunk_id(self.trunk).cloned());
        ctx.events.push_back(Event::Failover { about, trunk, reason, code });
    }

    /// The attempt has its final answer.
    fn attempt_over(&mut self, ctx: &mut Context) {
        self.drop_early(ctx);
        if let Some(exchange) = &mut self.invite {
            exchange.client = None;
        }
        if let Some(leg) = self.b.take() {
            ctx.peers.leave(&leg);
        }
        self.seats.attempt = Default::default();
    }

    /// Gives the attempt up: CANCEL as soon as that is allowed, and a late answer is hung up.
    pub(super) fn abandon(&mut self, ctx: &mut Context, why: Option<&[u8]>) {
        self.drop_early(ctx);
        let Some(exchange) = &mut self.invite else { return };
        let (client, cseq) = (exchange.client.take(), exchange.cseq);
        let provisional = matches!(exchange.progress, Progress::Pending { provisional: 100.., .. });
        self.seats.attempt = Default::default();
        let Some(leg) = self.b.take() else { return };
        let Some(client) =
            client.filter(|client| ctx.transactions.pending_invite(*client).is_some())
        else {
            ctx.peers.leave(&leg);
            return;
        };
        if provisional {
            super::end::cancel(ctx, client, why);
        }
        let client = Some(client);
        let why = why.filter(|_| !provisional).map(Into::into);
        self.abandoned.push(Abandoned { leg, client, cseq, cancelled: provisional, why });
    }

    /// Nothing is left to try: the last answer, else why nothing could be tried.
    fn exhausted(&mut self, ctx: &mut Context) {
        let Phase::Hunting(hunt) = &mut self.phase else { return };
        let (last, lost, full) = (hunt.last.take(), hunt.lost, hunt.full);
        if let Some((response, without)) = last.map(|last| *last) {
            self.a.without = without;
            let code = shown(response.status().unwrap_or(500));
            self.relay_response(ctx, &response, code);
            self.over_before_answer(ctx, "Refused", code);
            return;
        }
        let reason = lost.or(full).unwrap_or(Reason::NoTrunkUp);
        let code = refusal_code(reason, self.facts.direction);
        if lost.is_some() || full.is_none() {
            ctx.count(reason);
        }
        self.refuse(ctx, code);
        self.over_before_answer(ctx, reason.word(), code);
    }

    /// The caller has its final answer; attempts that were given up may linger.
    pub(super) fn over_before_answer(
        &mut self,
        ctx: &mut Context,
        reason: &'static str,
        code: u16,
    ) {
        self.drop_relays(ctx);
        self.invite = None;
        self.a.bye = Bye::Done;
        self.begin_ending(ctx, reason, code);
    }
}

/// How long a call may last once it is answered, as the trunks that it runs over say.
fn longest(facts: &Facts, trunks: [Option<TrunkIndex>; 2]) -> Option<Duration> {
    let trunks = trunks.into_iter().flatten();
    let entries = trunks.filter_map(|trunk| facts.generation.table.trunk(trunk));
    entries.filter_map(|entry| entry.spec.limits.max_call_duration).map(Seconds::duration).min()
}

/// The listener that an attempt leaves by. A trunk has its own and no other; a contact has none, so
/// where the one that was chosen cannot listen, any other that may send there will do.
pub(super) fn open_listener(
    ctx: &Context,
    table: &Table,
    attempt: &Attempt,
    address: SocketAddr,
) -> Option<u32> {
    let open = |transport: &TransportEntry| ctx.listeners.number(&transport.id.name);
    let chosen = table.transport(attempt.transport).and_then(open);
    match attempt.target {
        Target::Trunk(_) => chosen,
        Target::Contact => chosen.or_else(|| {
            let mut others = table.transports_towards(address.ip());
            let protocol = table.transport(attempt.transport).map(|chosen| chosen.protocol);
            let same = |transport: &TransportEntry| Some(transport.protocol) == protocol;
            others.find_map(|(_, transport)| open(transport).filter(|_| same(transport)))
        }),
    }
}

impl Exchange {
    /// Sends the INVITE on in the other leg, which waits for its answer until `deadline`.
    pub(super) fn send(
        &mut self,
        ctx: &mut Context,
        owner: Owner,
        leg: &mut Leg,
        deadline: Moment,
    ) -> Result<(), Reason> {
        let opened = ctx.transactions.open_client(Class::Invite, leg.flow, owner, &mut ctx.chance);
        let key = opened.map_err(|_| Reason::EngineFull)?;
        let cseq = leg.next_cseq();
        let request = &self.incoming.message;
        let mut writer = write::request(ctx, leg, Method::Invite, cseq, Some(key));
        write::hops(&mut writer, Some(request));
        carry(ctx, &mut writer, leg.flow, (request, leg.without));
        // Reliable provisional responses go from end to end, so they need a caller that takes them.
        let reliable = leg.remote_tag.is_empty() && request.supports("100rel");
        let own: &[u8] = if reliable { b"timer, 100rel" } else { b"timer" };
        writer.header("Supported", &[own]);
        leg.session.ask(&mut writer);
        if let Some(marks) = &self.marks {
            let mut mark = Vec::with_capacity(16);
            write_digits(&mut mark, marks.mark, 16);
            writer.header(LOOP_MARK, &[&mark]);
            if let Some(replaces) = &marks.replaces {
                writer.header("Require", &[b"replaces"]);
                writer.header("Replaces", &[replaces]);
            }
        }
        ctx.start(key, leg.flow, writer.finish(request.body()).into());
        self.progress = Progress::Pending { provisional: 0, cancel: false, deadline };
        (self.client, self.cseq) = (Some(key), cseq);
        Ok(())
    }

    /// Whether a provisional response above 100 has come.
    pub(super) fn rang(&self) -> bool {
        matches!(self.progress, Progress::Pending { provisional: 101.., .. })
    }
}

impl Hunt {
    /// A hunt over these attempts, at the longest until then.
    pub(super) fn new(attempts: Vec<Attempt>, until: Option<Moment>) -> Self {
        Self {
            attempts: attempts.into(),
            last: None,
            lost: None,
            full: None,
            redirects: 0,
            tried: Vec::new(),
            patience: None,
            until,
        }
    }
}

/// The code of a refusal of ours: a tenant learns of limits by 403 (domain.md section 4.3), a trunk
/// by 503; what a trunk calls that cannot be reached is unavailable.
pub(super) fn refusal_code(reason: Reason, direction: Direction) -> u16 {
    match (reason, direction) {
        (Reason::TrunkFull | Reason::ShareFull | Reason::TenantFull, Direction::Outbound)
        | (Reason::TrunkRate | Reason::TenantRate, Direction::Outbound) => 403,
        (Reason::NoTrunkUp, Direction::Inbound) => 503,
        (reason, _) => reason.code(),
    }
}
