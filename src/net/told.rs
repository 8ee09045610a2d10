//! What happened lately, and the messages of calls, in words for people.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::{About, Engine, Event, Record, Recorded};
use crate::model::{CallRecord, EventLine, Protocol, RecordedMessage, ResourceId};
use crate::sip::{Message, redacted, redacted_start};
use crate::transaction::Moment;

/// Events that are remembered.
const MAX_EVENTS: usize = 4096;

/// One event with its number and time.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    number: u64,
    at: Moment,
    event: Event,
}

/// Events, and the clock to tell their times by.
pub(super) type News = (Vec<Happened>, Clock);

/// The last events.
#[derive(Debug, Default)]
pub(super) struct Told {
    events: VecDeque<Happened>,
    count: u64,
}

impl Told {
    pub(super) fn push(&mut self, event: Event, now: Moment) {
        self.count += 1;
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Happened { number: self.count, at: now, event });
    }

    /// The events after a number, oldest first.
    pub(super) fn after(&self, number: u64) -> Vec<Happened> {
        let known = self.events.partition_point(|one| one.number <= number);
        self.events.iter().skip(known).cloned().collect()
    }
}

/// The wall clock as it reads at a moment, if it has not been set since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    now: Moment,
    unix_ms: u64,
}

impl Clock {
    pub(super) fn new(now: Moment) -> Self {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { now, unix_ms: u64::try_from(unix_ms).unwrap_or(u64::MAX) }
    }

    fn at(self, moment: Moment) -> u64 {
        self.unix_ms.saturating_sub(self.now.millis().saturating_sub(moment.millis()))
    }
}

/// One event as a value.
pub(super) fn line(happened: &Happened, clock: Clock) -> EventLine {
    let Happened { number, at, event } = happened;
    let base = EventLine { number: *number, unix_ms: clock.at(*at), ..EventLine::default() };
    let of = |word: &str, about: &Arc<About>| EventLine {
        event: word.to_owned(),
        call: Some(about.name()),
        call_id: Some(about.id.to_string()),
        direction: Some(about.direction.as_str().to_owned()),
        tenant: about.tenant.as_ref().map(|id| id.name.to_string()),
        trunk: about.trunk.as_ref().map(ResourceId::to_string),
        rule: about.rule.as_ref().map(ResourceId::to_string),
        from: Some(about.from.to_string()),
        to: Some(about.to.to_string()),
        ..base.clone()
    };
    match event {
        Event::Began(about) => of("began", about),
        Event::Answered(about) => of("answered", about),
        Event::Failover { about, trunk, reason, code } => EventLine {
            trunk: trunk.as_ref().map(ResourceId::to_string),
            reason: Some((*reason).to_owned()),
            code: Some(*code),
            ..of("failover", about)
        },
        Event::Ended { about, reason, code, seconds } => EventLine {
            reason: Some((*reason).to_owned()),
            code: Some(*code),
            count: Some(*seconds),
            ..of("ended", about)
        },
        Event::Refused { about, reason, code } => EventLine {
            reason: Some((*reason).to_owned()),
            code: Some(*code),
            ..of("refused", about)
        },
        Event::Health(trunk, health) => EventLine {
            event: "health".to_owned(),
            trunk: Some(trunk.to_string()),
            reason: Some(format!("{health:?}")),
            ..base
        },
        Event::Registration(trunk, state, code) => EventLine {
            event: "registration".to_owned(),
            trunk: Some(trunk.to_string()),
            reason: Some(format!("{state:?}")),
            code: *code,
            ..base
        },
        Event::Stranger { source, transport, near } => EventLine {
            event: "stranger".to_owned(),
            from: Some(source.to_string()),
            to: transport.as_ref().map(|name| format!("Transport/{name}")),
            trunk: near.as_ref().map(|(id, _)| id.to_string()),
            reason: Some(near.as_ref().map_or("UnknownSource", |(_, why)| *why).to_owned()),
            ..base
        },
        Event::Counted(reason, count) => EventLine {
            event: "counted".to_owned(),
            reason: Some((*reason).to_owned()),
            count: Some(*count),
            ..base
        },
    }
}

/// A record with the names of the listeners it speaks of, taken on the engine's thread; the words
/// are made elsewhere.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) listeners: Vec<(u32, String, Protocol)>,
    pub(super) clock: Clock,
}

/// The record of a call, if it is still there.
pub(super) fn find(engine: &Engine, call: &str, now: Moment) -> Option<Found> {
    let record = engine.record(call)?;
    let mut listeners: Vec<(u32, String, Protocol)> = Vec::new();
    for (number, _) in record.messages.iter().filter_map(|message| message.end) {
        if !listeners.iter().any(|(known, ..)| *known == number)
            && let Some((name, protocol)) = engine.listener(number)
        {
            listeners.push((number, name.to_string(), protocol));
        }
    }
    Some(Found { record, listeners, clock: Clock::new(now) })
}

/// A record in words, its secrets masked.
pub(super) fn words(found: &Found) -> CallRecord {
    let Record { about, ending, legs, dropped, messages } = &found.record;
    let name = |id: Option<&ResourceId>| id.map(ResourceId::to_string).unwrap_or_default();
    CallRecord {
        call: about.name(),
        call_ids: legs.iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect(),
        direction: about.direction.as_str().to_owned(),
        tenant: about.tenant.as_ref().map(|id| id.name.to_string()).unwrap_or_default(),
        trunk: name(about.trunk.as_ref()),
        rule: name(about.rule.as_ref()),
        from: about.from.to_string(),
        to: about.to.to_string(),
        generation: about.generation,
        reason: ending.map(|ending| ending.reason.to_owned()),
        code: ending.map(|ending| ending.code),
        dropped: *dropped,
        messages: messages.iter().map(|message| message_words(found, message)).collect(),
    }
}

fn message_words(found: &Found, message: &Recorded) -> RecordedMessage {
    let parsed = Message::parse_datagram(&message.packet).ok();
    let call_id = parsed.as_ref().map(Message::call_id).unwrap_or_default();
    let listener = message
        .end
        .and_then(|(number, _)| found.listeners.iter().find(|(known, ..)| *known == number));
    let protocol = listener.map(|(_, _, protocol)| protocol.as_str()).unwrap_or_default();
    let far_end = message.end.map(|(_, remote)| format!("{protocol} {remote}"));
    let method = parsed.as_ref().map(|parsed| parsed.method().as_bytes().to_vec());
    RecordedMessage {
        unix_ms: found.clock.at(message.at),
        leg: leg(&found.record.legs, call_id),
        direction: if message.inward { "in" } else { "out" }.to_owned(),
        transport: listener.map(|(_, name, _)| name.clone()).unwrap_or_default(),
        far_end: far_end.unwrap_or_default().trim().to_owned(),
        first_line: redacted_start(&message.packet),
        method: String::from_utf8_lossy(&method.unwrap_or_default()).into_owned(),
        text: redacted(&message.packet),
    }
}

/// Which leg a Call-ID names. One that is not known is a further attempt's.
fn leg(legs: &[Box<[u8]>], call_id: &[u8]) -> String {
    match legs.iter().position(|leg| **leg == *call_id) {
        Some(0) => "A".to_owned(),
        Some(_) if legs.len() == 2 => "B".to_owned(),
        Some(attempt) => format!("B{attempt}"),
        None => "B".to_owned(),
    }
}
