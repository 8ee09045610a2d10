//! Packets of nobody: silence, or where the listener says so one short answer, without state, from a
//! budget, and never much longer than what it answers (a spoofed source must not be hit through us).
//! Who has a trunk, a PBX or a dialog never comes here, so nothing that is spoofed can take anything
//! from them.

use std::net::IpAddr;
use std::sync::Weak;

use super::context::{Context, Incoming};
use super::meter::{Bucket, Meter, Rate, around, near};
use super::refusal::Reason;
use super::{RETRY_AFTER, write};
use crate::model::UnknownSources;
use crate::routing::Source;
use crate::sip::Method;
use crate::transaction::{Chance, Flow, Link, Moment};

/// Answers to one address (IPv6: one /64).
const NEAR: Rate = Rate { burst: 20, per_second: 20 };
/// Answers to one network (/24, /48).
const AROUND: Rate = Rate { burst: 200, per_second: 200 };
/// Answers to all strangers together.
const ALL: Rate = Rate { burst: 1000, per_second: 1000 };
/// An answer is at most this many percent of what it answers.
const MAX_ANSWER_PERCENT: usize = 120;

/// What strangers get, and what they have sent.
#[derive(Debug)]
pub(super) struct Strangers {
    near: Meter,
    around: Meter,
    all: Bucket,
    pub(super) heard: Traffic,
    pub(super) said: Traffic,
}

/// Packets and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Traffic {
    fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }
}

impl Strangers {
    pub(super) fn new(chance: &mut Chance) -> Self {
        Self {
            near: Meter::new(NEAR, chance.word()),
            around: Meter::new(AROUND, chance.word()),
            all: Bucket::default(),
            heard: Traffic::default(),
            said: Traffic::default(),
        }
    }

    /// A packet of nobody came.
    pub(super) fn hear(&mut self, bytes: usize) {
        self.heard.add(bytes);
    }

    /// A stranger has an answer.
    pub(super) fn say(&mut self, bytes: usize) {
        self.said.add(bytes);
    }

    /// Whether a stranger may be asked for a proof now: from the budget of its source alone, so that
    /// who makes up sources keeps no phone from registering.
    pub(super) fn may_ask(&mut self, ip: IpAddr, now: Moment) -> bool {
        self.near.take(near(ip), now)
    }

    /// Whether a stranger may have an answer now. The nearest budget comes first: who has used his
    /// own up takes nothing from the others.
    pub(super) fn may_answer(&mut self, ip: IpAddr, now: Moment) -> bool {
        self.near.take(near(ip), now)
            && self.around.take(around(ip), now)
            && self.all.take(ALL, now)
    }
}

impl Context {
    /// What a listener says to strangers; `None` is silence.
    pub(super) fn stranger_code(&self, transport: u32) -> Option<u16> {
        let index = self.listeners.index(transport)?;
        match self.generation.table.transport(index)?.unknown_sources {
            UnknownSources::Drop => None,
            UnknownSources::Forbidden => Some(403),
            UnknownSources::NotFound => Some(404),
        }
    }

    /// A stranger's packet of so many bytes; whether it may be looked at, to be answered.
    pub(super) fn meets_stranger(&mut self, flow: Flow, bytes: usize) -> Option<u16> {
        self.count_stranger(flow);
        self.strangers.hear(bytes);
        let code = self.stranger_code(flow.transport)?;
        if self.strangers.may_answer(flow.remote.ip(), self.now) {
            return Some(code);
        }
        self.count(Reason::StrangerRate);
        None
    }

    /// A request of who is heard because of a call in progress, and is nobody any more: what a trunk
    /// or PBX that gives way to its last calls gets (G24), else what any stranger gets.
    pub(super) fn turn_away(&mut self, incoming: &Incoming) {
        let message = &incoming.message;
        if self.gives_way(incoming.flow) {
            self.count(Reason::Draining);
            let tag = self.stateless_tag(message);
            let mut writer = write::response(incoming, Reason::Draining.code(), &tag);
            writer.header_number("Retry-After", RETRY_AFTER);
            let reply = write::reply_flow(message, incoming.flow);
            self.send(reply, writer.finish(b"").into(), None);
        } else if let Some(code) = self.meets_stranger(incoming.flow, message.as_bytes().len()) {
            self.answer_stranger(incoming, code);
        }
    }

    /// Whether a source was a trunk's or a tenant's in a generation that is over, and calls of those
    /// that began with it are not.
    fn gives_way(&self, flow: Flow) -> bool {
        self.retired.iter().filter_map(Weak::upgrade).any(|generation| {
            match self.identify(&generation.table, flow) {
                Source::Trunks(trunks) => {
                    let mut trunks = trunks.iter().filter_map(|one| generation.trunk(*one));
                    trunks.any(|live| live.calls.count() > 0)
                }
                Source::Caller(tenant) => {
                    generation.tenant(tenant).is_some_and(|gauge| gauge.count() > 0)
                }
                Source::Unknown => false,
            }
        })
    }

    /// The one short answer to a stranger's request.
    pub(super) fn answer_stranger(&mut self, incoming: &Incoming, code: u16) {
        let message = &incoming.message;
        if !message.is_request() || message.method() == Method::Ack {
            return;
        }
        let tag = self.stateless_tag(message);
        let answer = write::response(incoming, code, &tag).finish(b"");
        let asked = message.as_bytes().len();
        // Who has a connection is where it says, and cannot have us hit another.
        let may_be_forged = incoming.flow.link == Link::Datagram;
        if may_be_forged && answer.len() * 100 > asked * MAX_ANSWER_PERCENT {
            self.count(Reason::AnswerTooLong);
            return;
        }
        self.strangers.say(answer.len());
        self.send(write::reply_flow(message, incoming.flow), answer.into(), None);
    }
}
