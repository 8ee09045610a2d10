//! Our registrations at the providers of `register` trunks (RFC 3261 section 10.2). A reload that
//! leaves a registration alone sends nothing (G13); another place is registered at before the former
//! one is left (G14); one that is gone un-registers after its last call (G15).

mod aim;
mod one;
mod outcome;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use self::one::{Last, Manner, Place, Registration, Wish};
use self::outcome::Failure;
use super::context::{Context, Owner};
use super::proof::Account;
use super::{REGISTRATION_DRAIN, REGISTRATION_RATE, write};
use crate::model::value::Name;
use crate::model::{ObservedRegistration, RegistrationState, ResourceId};
use crate::sip::Message;
use crate::transaction::{Asked, ClientKey, FarEnd, Moment};

/// How often a registration that is gone looks whether its trunk's calls have ended.
const LEAVE_CHECK: Duration = Duration::from_secs(5);

/// All of them by a number that is never used again, so that a late answer finds nothing.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    all: BTreeMap<u32, Registration>,
    next: u32,
    /// When each registrar may be sent the next REGISTER of a queue.
    turns: BTreeMap<IpAddr, Moment>,
}

impl Registrations {
    /// After a generation came into force.
    pub(super) fn reconcile(&mut self, ctx: &mut Context) {
        let mut wanted = wanted(ctx);
        self.turns.retain(|_, turn| *turn > ctx.now);
        let mut known: BTreeMap<ResourceId, Vec<u32>> = BTreeMap::new();
        for (number, one) in self.all.iter().filter(|(_, one)| !one.is_gone()) {
            known.entry(one.id.clone()).or_default().push(*number);
        }
        let mut due = Vec::new();
        for (id, numbers) in known {
            match wanted.remove(&id) {
                Some(wish) => due.extend(self.adjust(ctx, &numbers, (id, wish))),
                // What only waits for its password stays as it is.
                None if ctx.generation.secrets.missing(&id).is_some() => {}
                None => self.dismiss(ctx, &numbers),
            }
        }
        due.extend(wanted.into_iter().map(|(id, wish)| self.begin(ctx, (id, wish), None)));
        self.spread(ctx, &due);
    }

    /// No longer wanted at all.
    fn dismiss(&mut self, ctx: &mut Context, numbers: &[u32]) {
        let until = ctx.now + REGISTRATION_DRAIN;
        for number in numbers {
            let Some(one) = self.all.get_mut(number) else { continue };
            one.wish.live.set_refused(false);
            one.leave(ctx, *number, until);
        }
    }

    /// What is known of a trunk, oldest first, as it is wanted now: the number of what is due.
    fn adjust(
        &mut self,
        ctx: &mut Context,
        numbers: &[u32],
        (id, wish): (ResourceId, Wish),
    ) -> Option<u32> {
        let newest = numbers.last().copied();
        let kept = numbers
            .iter()
            .copied()
            .find(|number| self.all.get(number).is_some_and(|one| one.wish.place == wish.place));
        let Some(kept) = kept else { return Some(self.begin(ctx, (id, wish), newest)) };
        if Some(kept) != newest {
            // Back to the place from before: what was to take over leaves.
            for number in numbers.iter().filter(|number| **number > kept) {
                let Some(other) = self.all.get_mut(number) else { continue };
                other.former = None;
                other.leave(ctx, *number, ctx.now);
            }
        }
        let one = self.all.get_mut(&kept)?;
        let same = wish.manner == one.wish.manner && one.leaving.is_none();
        (one.wish, one.leaving) = (wish, None);
        if same {
            return None;
        }
        (one.failures, one.session, one.interval) = (0, None, one.wish.manner.expires);
        one.wish.live.set_refused(false);
        Some(kept)
    }

    fn begin(
        &mut self,
        ctx: &mut Context,
        (id, wish): (ResourceId, Wish),
        former: Option<u32>,
    ) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        wish.live.set_refused(false);
        let interval = wish.manner.expires;
        let registration = Registration {
            id,
            wish,
            target: None,
            aimed: ctx.now,
            tried: Vec::new(),
            far_end: FarEnd::default(),
            call_id: write::call_id(ctx),
            tag: format!("{:016x}", ctx.chance.word()).into_bytes().into(),
            cseq: 0,
            state: RegistrationState::Registering,
            since: ctx.now,
            trying: None,
            timer: None,
            has_turn: false,
            renew: false,
            interval,
            asked: 0,
            bound: None,
            session: None,
            failures: 0,
            brief: 0,
            last: Last::default(),
            former,
            leaving: None,
        };
        self.all.insert(number, registration);
        number
    }

    /// Begins many at once without a burst: each at its own moment of the time that they need at one
    /// registrar's rate (G16).
    fn spread(&mut self, ctx: &mut Context, numbers: &[u32]) {
        let mut crowds: BTreeMap<Option<IpAddr>, u64> = BTreeMap::new();
        for number in numbers {
            let Some(one) = self.all.get_mut(number) else { continue };
            one.aim(ctx);
            *crowds.entry(one.ip()).or_default() += 1;
        }
        for number in numbers {
            let Some(one) = self.all.get_mut(number) else { continue };
            let crowd = crowds.get(&one.ip()).copied().unwrap_or(1);
            let span = if crowd > 1 { (crowd * 1000 / REGISTRATION_RATE).max(1000) } else { 0 };
            let begin = ctx.now + Duration::from_millis(ctx.chance.below(span));
            one.has_turn = false;
            one.set_timer(ctx, *number, Some(begin));
        }
    }

    /// Names have other targets than before: who waited for the first one waits no longer.
    pub(super) fn heed_targets(&mut self, ctx: &mut Context) {
        let waits = |one: &Registration| {
            one.target.is_none() && one.trying.is_none() && one.leaving.is_none()
        };
        let waiting = self.all.iter_mut().filter(|(_, one)| waits(one));
        let found: Vec<u32> =
            waiting.filter_map(|(number, one)| one.aim(ctx).map(|_| *number)).collect();
        self.spread(ctx, &found);
    }

    /// Time for a REGISTER, or to look whether it may leave.
    pub(super) fn on_time(&mut self, ctx: &mut Context, number: u32) {
        let Some(one) = self.all.get_mut(&number) else { return };
        one.timer = None;
        if one.trying.is_some() {
            // One at a time (RFC 3261 section 10.2).
            one.renew = true;
            return;
        }
        if let Some(until) = one.leaving {
            if one.wish.live.calls.count() > 0 && ctx.now < until {
                one.set_timer(ctx, number, Some(ctx.now + LEAVE_CHECK));
            } else if !one.is_bound(ctx.now) || !one.send(ctx, number, 0) {
                self.forget(ctx, number);
            }
            return;
        }
        let registrar = one.aim(ctx).map(|target| target.ip());
        if let Some(registrar) = registrar.filter(|_| !std::mem::take(&mut one.has_turn)) {
            let turn = self.turns.entry(registrar).or_insert(ctx.now);
            let mine = (*turn).max(ctx.now);
            // Without a nonce it takes two.
            let each = if one.session.is_some() { 1 } else { 2 };
            *turn = mine + Duration::from_millis(each * 1000 / REGISTRATION_RATE);
            // A binding in force is refreshed in time, whoever else waits for a first one.
            if mine > ctx.now && !one.is_bound(ctx.now) {
                one.has_turn = true;
                one.set_timer(ctx, number, Some(mine));
                return;
            }
        }
        if !one.send(ctx, number, one.interval) {
            one.last = Last::default();
            one.fail(ctx, number, Failure::Transient);
        }
    }

    /// Silence, or no way to send.
    pub(super) fn on_lost(&mut self, ctx: &mut Context, (number, key): (u32, ClientKey)) {
        let Some(one) = self.all.get_mut(&number).filter(|one| one.trying == Some(key)) else {
            return;
        };
        one.trying = None;
        one.last = Last::default();
        if !self.goes(ctx, number)
            && let Some(one) = self.all.get_mut(&number)
            && !one.goes_on(ctx, number)
        {
            one.fail(ctx, number, Failure::Transient);
        }
    }

    /// The registrar's answer. `asked` is there when it is a challenge from where we asked.
    pub(super) fn on_response(
        &mut self,
        ctx: &mut Context,
        (number, key): (u32, ClientKey),
        response: &Message,
        asked: Option<Asked<Owner>>,
    ) {
        let Some(one) = self.all.get_mut(&number).filter(|one| one.trying == Some(key)) else {
            return;
        };
        let code = response.status().unwrap_or_default();
        if code < 200 {
            return;
        }
        one.trying = None;
        one.last = Last::of(response, code);
        if asked.as_ref().is_some_and(|asked| one.prove(ctx, number, response, asked)) {
            return;
        }
        let unproven = asked.is_some_and(|asked| asked.proofs == 0);
        match code {
            200..300 if one.asked > 0 => one.succeed(ctx, number, response),
            423 if one.lengthen(ctx, number, response) => return,
            _ => {}
        }
        if self.goes(ctx, number) {
            return;
        }
        let Some(one) = self.all.get_mut(&number) else { return };
        match code {
            200..300 => {
                if let Some(former) = one.former.take_if(|_| one.bound.is_some()) {
                    let left = self.all.get_mut(&former);
                    left.into_iter().for_each(|left| left.leave(ctx, former, ctx.now));
                }
            }
            // Of what was asked for nothing is ours: not the realm, or not the function.
            401 | 407 if unproven => {
                one.fail(ctx, number, Failure::Misconfigured);
            }
            code => {
                let failure = Failure::of(Some(code));
                if failure != Failure::Transient || !one.goes_on(ctx, number) {
                    one.fail(ctx, number, failure);
                }
            }
        }
    }

    /// Whether it is leaving, and has no other wish to be fulfilled.
    fn goes(&mut self, ctx: &mut Context, number: u32) -> bool {
        let Some(one) = self.all.get_mut(&number) else { return true };
        if one.is_gone() {
            self.forget(ctx, number);
            return true;
        }
        if one.leaving.is_some() {
            one.set_timer(ctx, number, Some(ctx.now));
        }
        one.leaving.is_some()
    }

    /// How many have a binding that they refresh, or will leave, by a listener of this name.
    pub(super) fn uses(&self, transport: &Name, now: Moment) -> usize {
        let uses = |one: &&Registration| {
            one.wish.place.transport == *transport && (one.is_bound(now) || one.trying.is_some())
        };
        self.all.values().filter(uses).count()
    }

    /// How the registration of a trunk is doing; the newest, where one takes another's place.
    pub(super) fn observe(&self, id: &ResourceId, now: Moment) -> Option<ObservedRegistration> {
        let one = self.all.values().rev().find(|one| one.id == *id)?;
        Some(ObservedRegistration {
            state: one.state,
            since_seconds: now.since(one.since).as_secs(),
            code: one.last.code,
            reason: one.last.reason.clone(),
            warning: one.last.warning.clone(),
            retry_after: one.last.retry_after,
            next_seconds: one.timer.as_ref().map(|(at, _)| at.since(now).as_secs()),
            expires: one.bound.filter(|(until, _)| *until > now).map(|(_, granted)| granted),
            degraded: one.former.is_some(),
        })
    }

    fn forget(&mut self, ctx: &mut Context, number: u32) {
        let Some(mut one) = self.all.remove(&number) else { return };
        one.set_timer(ctx, number, None);
        one.move_to(ctx, None);
        let last = self.all.values().all(|other| other.id != one.id);
        if last {
            one.wish.live.set_refused(false);
            ctx.service_routes.remove(&one.id);
        }
        // What it was to take the place of goes with it.
        if let Some(former) = one.former {
            let left = self.all.get_mut(&former);
            left.into_iter().for_each(|left| left.leave(ctx, former, ctx.now));
        }
    }
}

/// The registrations that the generation in force asks for.
fn wanted(ctx: &Context) -> BTreeMap<ResourceId, Wish> {
    let generation = &ctx.generation;
    let wishes = generation.table.trunks().filter_map(|(index, entry)| {
        let spec = entry.spec.registration.as_ref()?;
        if !entry.spec.enabled || !spec.enabled {
            return None;
        }
        let account = Account::of(generation, index)?;
        let place = Place {
            transport: generation.table.transport(entry.transport?)?.id.name.clone(),
            next_hop: entry.next_hop.clone()?,
            route: entry.proxy.as_ref().map(|proxy| format!("<{}>", proxy.uri)).unwrap_or_default(),
            domain: entry.spec.host_port(),
            username: spec.username.clone(),
        };
        let mut hash = blake3::Hasher::new();
        for part in [&account.username, account.realm.as_deref().unwrap_or(b"\n")] {
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
        hash.update(account.secret.expose());
        let manner = Manner { expires: spec.expires.0.max(1), account: hash.finalize() };
        let live = generation.trunk(index)?.clone();
        Some((entry.id.clone(), Wish { place, manner, account, live }))
    });
    wishes.collect()
}
