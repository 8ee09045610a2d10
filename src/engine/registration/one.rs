//! One registration of ours: what it wants, what it has, and what it does about it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Failure, granted, refresh};
use crate::engine::context::{Context, Due, Owner};
use crate::engine::event::Event;
use crate::engine::live::TrunkLive;
use crate::engine::proof::{Account, Credential};
use crate::engine::{MAX_SERVICE_ROUTE, header_rules, write};
use crate::model::value::Name;
use crate::model::{RegistrationState, ResourceId};
use crate::routing::NextHop;
use crate::sip::digest::{Challenge, next_nonce};
use crate::sip::{HeaderName, Message};
use crate::transaction::{Asked, Class, ClientKey, FarEnd, Flow, Moment, Packet, TimerKey};

/// Times in a row that a registrar may ask for a longer interval.
const MAX_BRIEF: u32 = 2;

/// Which binding it is: with another place it is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) transport: Name,
    pub(super) next_hop: NextHop,
    /// The Route towards a proxy, or empty.
    pub(super) route: String,
    /// Host, and port where the manifest names it.
    pub(super) domain: String,
    pub(super) username: String,
}

/// How it is asked for: with another manner it is the same one, asked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) expires: u32,
    /// Of everything that the account is made of.
    pub(super) account: blake3::Hash,
}

#[derive(Debug)]
pub(super) struct Wish {
    pub(super) place: Place,
    pub(super) manner: Manner,
    pub(super) account: Account,
    pub(super) live: Arc<TrunkLive>,
}

/// The nonce that is used without being asked again.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) name: &'static str,
    pub(super) challenge: Challenge,
    pub(super) count: u32,
}

#[derive(Debug)]
pub(super) struct Registration {
    pub(super) id: ResourceId,
    pub(super) wish: Wish,
    /// Where it is registered or tries to be, since when, and where it has failed in this round.
    pub(super) target: Option<SocketAddr>,
    pub(super) aimed: Moment,
    pub(super) tried: Vec<SocketAddr>,
    /// Who has to be there, where TLS can tell.
    pub(super) far_end: FarEnd,
    pub(super) call_id: Box<[u8]>,
    pub(super) tag: Box<[u8]>,
    pub(super) cseq: u32,
    pub(super) state: RegistrationState,
    pub(super) since: Moment,
    pub(super) trying: Option<ClientKey>,
    pub(super) timer: Option<(Moment, TimerKey)>,
    /// Whether the timer stands for a turn among those of one registrar.
    pub(super) has_turn: bool,
    /// Wanted once more as soon as the one under way is answered.
    pub(super) renew: bool,
    /// What to ask for, what the last REGISTER asked for, and until when how much was granted.
    pub(super) interval: u32,
    pub(super) asked: u32,
    pub(super) bound: Option<(Moment, u32)>,
    pub(super) session: Option<Session>,
    pub(super) failures: u32,
    pub(super) brief: u32,
    pub(super) last: Last,
    /// The registration at another place that this one takes the place of.
    pub(super) former: Option<u32>,
    /// Gone from the manifests: it waits for its calls until then.
    pub(super) leaving: Option<Moment>,
}

/// What the registrar said last, for people.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) code: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) warning: Option<String>,
    pub(super) retry_after: Option<u32>,
}

impl Registration {
    /// The address that it shares a rate with others at.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.target.map(|target| target.ip())
    }

    pub(super) fn is_bound(&self, now: Moment) -> bool {
        self.bound.is_some_and(|(until, _)| until > now)
    }

    /// Whether it has already said that it leaves.
    pub(super) fn is_gone(&self) -> bool {
        self.leaving.is_some() && self.cseq > 0 && self.asked == 0
    }

    /// Un-registers after the last call, at the latest then.
    pub(super) fn leave(&mut self, ctx: &mut Context, number: u32, until: Moment) {
        if self.is_gone() || self.leaving.is_some_and(|before| before <= until) {
            return;
        }
        self.leaving = Some(until);
        self.enter(ctx, RegistrationState::Leaving);
        if self.trying.is_none() {
            self.set_timer(ctx, number, Some(ctx.now));
        }
    }

    pub(super) fn set_timer(&mut self, ctx: &mut Context, number: u32, at: Option<Moment>) {
        if let Some((_, timer)) = self.timer.take() {
            ctx.timers.cancel(timer);
        }
        self.timer = at.map(|at| (at, ctx.timers.insert(at, Due::Registration(number))));
    }

    pub(super) fn enter(&mut self, ctx: &mut Context, state: RegistrationState) {
        let stays = self.leaving.is_some() && state != RegistrationState::Leaving;
        if self.state != state && !stays {
            (self.state, self.since) = (state, ctx.now);
            ctx.events.push_back(Event::Registration(self.id.clone(), state, self.last.code));
        }
    }

    /// Sends a REGISTER, if there is a way.
    pub(super) fn send(&mut self, ctx: &mut Context, number: u32, expires: u32) -> bool {
        let transport = ctx.listeners.number(&self.wish.place.transport);
        let Some((transport, target)) = transport.zip(self.aim(ctx)) else { return false };
        let flow = ctx.listeners.flow(transport, target);
        // The trunk of one that leaves is gone, or is another one now.
        let flow = if self.leaving.is_some() {
            Flow { link: flow.link.towards(self.far_end), ..flow }
        } else {
            ctx.towards_trunk_named(flow, &self.id)
        };
        self.far_end = flow.link.far_end();
        let owner = Owner::Registration(number);
        let opened = ctx.transactions.open_client(Class::Other, flow, owner, &mut ctx.chance);
        let Ok(key) = opened else { return false };
        self.asked = expires;
        self.cseq += 1;
        let request = write::Register {
            domain: &self.wish.place.domain,
            route: &self.wish.place.route,
            user: &self.wish.place.username,
            tag: &self.tag,
            call_id: &self.call_id,
            cseq: self.cseq,
            expires,
        };
        let packet = write::register(ctx, flow, &request, key);
        let packet = match self.unasked(ctx, &packet) {
            Some(proof) => write::again(&packet, key, self.cseq, &[proof]),
            None => packet,
        };
        self.trying = Some(key);
        ctx.start(key, flow, packet);
        true
    }

    /// The proof with the nonce from before, so that a refresh is one round trip.
    pub(super) fn unasked(&mut self, ctx: &mut Context, packet: &Packet) -> Option<Credential> {
        let Session { name, challenge, count } = self.session.as_mut()?;
        *count += 1;
        let value = self.wish.account.answer(&mut ctx.chance, packet, challenge, *count);
        Some(Credential { name, value })
    }

    /// Answers a challenge; whether it could be.
    pub(super) fn prove(
        &mut self,
        ctx: &mut Context,
        number: u32,
        response: &Message,
        asked: &Asked<Owner>,
    ) -> bool {
        let answers = self.wish.account.answers(&mut ctx.chance, asked, response);
        if answers.is_empty() {
            return false;
        }
        let Ok(key) = ctx.transactions.open_again(asked, &mut ctx.chance) else { return false };
        self.cseq += 1;
        let mut proofs = Vec::new();
        for answer in answers {
            let name = answer.credential.name;
            self.session = Some(Session { name, challenge: answer.challenge, count: 1 });
            proofs.push(answer.credential);
        }
        let packet = write::again(&asked.packet, key, self.cseq, &proofs);
        self.trying = Some(key);
        self.set_timer(ctx, number, None);
        ctx.start(key, asked.flow, packet);
        true
    }

    pub(super) fn succeed(&mut self, ctx: &mut Context, number: u32, response: &Message) {
        let own = {
            let transport = ctx.listeners.number(&self.wish.place.transport);
            let way = transport.zip(self.target);
            let flow = way.map(|(transport, target)| ctx.listeners.flow(transport, target));
            flow.map(|flow| write::own_uri(ctx, flow, &self.wish.place.username))
        };
        // Nothing granted is as good as refused; the least there is keeps asking.
        let granted = granted(response, &own.unwrap_or_default(), self.asked).max(1);
        let info = response.value(HeaderName::AuthenticationInfo).and_then(next_nonce);
        if let Some((session, nonce)) = self.session.as_mut().zip(info) {
            (session.challenge.nonce, session.count) = (nonce, 0);
        }
        (self.failures, self.brief) = (0, 0);
        self.tried.clear();
        self.bound = Some((ctx.now + Duration::from_secs(granted.into()), granted));
        self.wish.live.set_refused(false);
        self.learn_routes(ctx, response);
        self.enter(ctx, RegistrationState::Registered);
        let pause = refresh(granted, &mut ctx.chance);
        self.rest(ctx, number, pause);
    }

    /// The routes that requests of the trunk take from now on (RFC 3608); none, if none is said.
    pub(super) fn learn_routes(&self, ctx: &mut Context, response: &Message) {
        let routes = header_rules::joined(response, HeaderName::ServiceRoute);
        if routes.is_empty() || routes.len() > MAX_SERVICE_ROUTE {
            ctx.service_routes.remove(&self.id);
        } else {
            ctx.service_routes.insert(self.id.clone(), routes);
        }
    }

    /// 423: asks once more for what the registrar takes at least (RFC 3261 section 10.2.8).
    pub(super) fn lengthen(&mut self, ctx: &mut Context, number: u32, response: &Message) -> bool {
        let least = response.value(HeaderName::MinExpires);
        let least = least.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
        let more = |least: &u32| *least > self.asked && self.brief < MAX_BRIEF;
        let Some(least) = least.filter(more).filter(|_| self.leaving.is_none()) else {
            return false;
        };
        (self.interval, self.brief) = (least, self.brief + 1);
        self.send(ctx, number, least)
    }

    pub(super) fn fail(&mut self, ctx: &mut Context, number: u32, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        (self.brief, self.interval) = (0, self.wish.manner.expires);
        if failure != Failure::Transient {
            // A nonce that did not help is not tried again, and calls would fail the same way.
            self.session = None;
            self.wish.live.set_refused(true);
        }
        self.enter(ctx, failure.state());
        let pause = failure.pause(self.failures, self.last.retry_after, &mut ctx.chance);
        self.rest(ctx, number, pause);
    }

    /// Nothing to do for so long, unless something has changed meanwhile.
    pub(super) fn rest(&mut self, ctx: &mut Context, number: u32, pause: Duration) {
        let pause = if std::mem::take(&mut self.renew) { Duration::ZERO } else { pause };
        self.set_timer(ctx, number, Some(ctx.now + pause));
    }
}

impl Last {
    pub(super) fn of(response: &Message, code: u16) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.chars().filter(|letter| !letter.is_control()).take(128).collect::<String>()
        };
        Self {
            code: Some(code),
            reason: Some(text(response.reason_phrase())),
            warning: response.value(HeaderName::Warning).map(text),
            retry_after: response.retry_after(),
        }
    }
}
