//! All names and their answers: what to ask when, and what it comes to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::answer::{Answer, Data, Known, Question};
use super::order::{Group, ordered};
use super::walk::{Lack, Look, Walk, walk};
use super::{FIRST_RETRY, GRACE, LAST_RETRY, MAX_IN_FLIGHT, MAX_QUESTIONS, MAX_STALE};
use crate::model::ServerName;
use crate::transaction::Moment;

/// Names wanted, questions under way, targets found.
#[derive(Debug, Default)]
pub struct Locator {
    pub(super) names: BTreeMap<ServerName, Located>,
    entries: BTreeMap<Question, Entry>,
    /// Questions by the time of their next try.
    due: BTreeSet<(Moment, Question)>,
    /// Questions whose time has come.
    ready: VecDeque<Question>,
    in_flight: usize,
    /// Names by the time at which an address of theirs loses its trust.
    graces: BTreeSet<(Moment, ServerName)>,
    /// The trusted ports of every address, by name.
    by_ip: HashMap<IpAddr, BTreeMap<ServerName, Vec<u16>>>,
    changed: bool,
    /// Names that are wanted for a while, by the time at which they are not any more.
    pub(super) guests: BTreeSet<(Moment, ServerName)>,
}

/// A question that some name needs.
#[derive(Debug, Default)]
struct Entry {
    used_by: BTreeSet<ServerName>,
    /// Its place in `due`; `None` while it is ready or under way.
    due: Option<Moment>,
    /// Handed out and not answered yet.
    asked: bool,
    /// The last good answer, and how long it serves at most.
    known: Option<(Vec<Data>, bool, Moment)>,
    /// Failures in a row, and what the last one was.
    failed: Option<(u32, String)>,
}

/// A name with what its answers come to.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// Whether it is wanted until further notice.
    wanted: bool,
    /// Until when it is wanted in any case.
    pub(super) guest: Option<Moment>,
    questions: BTreeSet<Question>,
    groups: Vec<Group>,
    pub(super) lack: Option<Lack>,
    /// Addresses that packets may come from; those that are no targets any more, until when.
    trusted: BTreeMap<SocketAddr, Option<Moment>>,
}

/// A name as it stands, to be shown.
#[derive(Debug)]
pub struct Servers<'l> {
    /// Its targets, by priority.
    pub targets: Vec<SocketAddr>,
    /// Those of the best priority.
    pub preferred: Vec<SocketAddr>,
    /// Why it has none, or not all.
    pub lack: Option<&'l Lack>,
    /// A question whose last good answer serves although the DNS fails now, and how.
    pub stale: Option<(&'l Question, &'l str)>,
}

impl Locator {
    /// Sets the names to look up and to keep looking up; others are forgotten, once nobody wants them
    /// for a while, either.
    pub fn want(&mut self, names: BTreeSet<ServerName>, now: Moment) {
        for (name, located) in &mut self.names {
            located.wanted = names.contains(name);
        }
        let gone = self.names.iter().filter(|(_, one)| !one.wanted && one.guest.is_none());
        let gone: Vec<ServerName> = gone.map(|(name, _)| name.clone()).collect();
        gone.iter().for_each(|name| self.forget(name));
        for name in names {
            self.begin(&name, now).wanted = true;
        }
    }

    /// A name as it is known; what is new is looked up.
    pub(super) fn begin(&mut self, name: &ServerName, now: Moment) -> &mut Located {
        if !self.names.contains_key(name) {
            self.names.insert(name.clone(), Located::default());
            self.changed = true;
            self.look_again(name, now);
        }
        self.names.entry(name.clone()).or_default()
    }

    fn forget(&mut self, name: &ServerName) {
        let Some(located) = self.names.remove(name) else { return };
        self.distrust(name, located.trusted.keys().copied());
        for until in located.trusted.values().flatten() {
            self.graces.remove(&(*until, name.clone()));
        }
        self.release(name, &located.questions);
        self.changed = true;
    }

    /// The next question to ask; each one handed out is to be answered once.
    pub fn poll_question(&mut self) -> Option<Question> {
        while self.in_flight < MAX_IN_FLIGHT {
            let question = self.ready.pop_front()?;
            let Some(entry) = self.entries.get_mut(&question) else { continue };
            if !entry.asked && entry.due.is_none() {
                entry.asked = true;
                self.in_flight += 1;
                return Some(question);
            }
        }
        None
    }

    /// A question is answered.
    pub fn answer(&mut self, question: &Question, answer: Answer, now: Moment) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(entry) = self.entries.get_mut(question).filter(|entry| entry.asked) else {
            return;
        };
        entry.asked = false;
        let known = answer.known(question);
        let same = entry.says(&known, now);
        let again = now + entry.take(known, now);
        entry.due = Some(again);
        self.due.insert((again, question.clone()));
        if !same {
            let users: Vec<ServerName> = entry.used_by.iter().cloned().collect();
            users.iter().for_each(|name| self.look_again(name, now));
        }
    }

    /// When [`Self::handle_timeout`] has to be called.
    pub fn next_timeout(&self) -> Option<Moment> {
        let due = self.due.first().map(|(moment, _)| *moment);
        let grace = self.graces.first().map(|(moment, _)| *moment);
        let guest = self.guests.first().map(|(moment, _)| *moment);
        due.into_iter().chain(grace).chain(guest).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some((_, question)) = self.due.pop_first_until(now) {
            if let Some(entry) = self.entries.get_mut(&question) {
                entry.due = None;
                self.ready.push_back(question);
            }
        }
        while let Some((_, name)) = self.graces.pop_first_until(now) {
            self.look_again(&name, now);
        }
        while let Some((_, name)) = self.guests.pop_first_until(now) {
            let Some(located) = self.names.get_mut(&name) else { continue };
            located.guest = None;
            if !located.wanted {
                self.forget(&name);
            }
        }
    }

    /// Whether targets, trust or reasons have changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The targets of a name in the order to try them for one request; `draw` gives a number below
    /// the bound it is given.
    pub fn targets(&self, name: &ServerName, draw: &mut dyn FnMut(u64) -> u64) -> Vec<SocketAddr> {
        self.names.get(name).map(|located| ordered(&located.groups, draw)).unwrap_or_default()
    }

    /// The names that have an address among their servers', each with the ports there.
    pub fn names_at(&self, ip: IpAddr) -> impl Iterator<Item = (&ServerName, &[u16])> {
        let names = self.by_ip.get(&ip.to_canonical()).into_iter().flatten();
        names.map(|(name, ports)| (name, &**ports))
    }

    /// A name as it stands; `None` for one that nobody wants.
    pub fn servers(&self, name: &ServerName) -> Option<Servers<'_>> {
        let located = self.names.get(name)?;
        let failing = located.questions.iter().filter_map(|question| {
            let entry = self.entries.get(question)?;
            let (_, why) = entry.failed.as_ref().filter(|_| entry.known.is_some())?;
            Some((question, why.as_str()))
        });
        Some(Servers {
            targets: targets_of(&located.groups).collect(),
            preferred: targets_of(located.groups.get(..1).unwrap_or_default()).collect(),
            lack: located.lack.as_ref(),
            stale: failing.min(),
        })
    }

    /// Walks the answers of a name anew.
    fn look_again(&mut self, name: &ServerName, now: Moment) {
        let entries = &self.entries;
        let Walk { questions, groups, lack } =
            walk(name, |question| entries.get(question).map_or(Look::Pending, |e| e.look(now)));
        let Some(located) = self.names.get_mut(name) else { return };
        let former = std::mem::replace(&mut located.questions, questions.clone());
        located.trusted.values().flatten().for_each(|until| {
            self.graces.remove(&(*until, name.clone()));
        });
        let before: Vec<SocketAddr> = located.trusted.keys().copied().collect();
        let changed = located.settle(groups, lack, now);
        let trusted: Vec<SocketAddr> = located.trusted.keys().copied().collect();
        let graces = located.trusted.values().flatten();
        self.graces.extend(graces.map(|until| (*until, name.clone())));
        if changed {
            self.changed = true;
            self.distrust(name, before.into_iter());
            self.trust(name, trusted.into_iter());
        }
        self.release(name, &former.difference(&questions).cloned().collect());
        self.need(name, questions);
    }

    /// Notes that a name needs these questions; new ones are asked at once.
    fn need(&mut self, name: &ServerName, questions: BTreeSet<Question>) {
        for question in questions {
            if self.entries.len() >= MAX_QUESTIONS && !self.entries.contains_key(&question) {
                continue;
            }
            let entry = self.entries.entry(question.clone()).or_default();
            if entry.used_by.is_empty() {
                self.ready.push_back(question);
            }
            entry.used_by.insert(name.clone());
        }
    }

    /// Notes that a name does not need these any more; what nobody needs is forgotten.
    fn release(&mut self, name: &ServerName, questions: &BTreeSet<Question>) {
        for question in questions {
            let Some(entry) = self.entries.get_mut(question) else { continue };
            entry.used_by.remove(name);
            if entry.used_by.is_empty() {
                if let Some(due) = entry.due {
                    self.due.remove(&(due, question.clone()));
                }
                self.entries.remove(question);
            }
        }
    }

    fn trust(&mut self, name: &ServerName, addresses: impl Iterator<Item = SocketAddr>) {
        for address in addresses {
            let names = self.by_ip.entry(address.ip()).or_default();
            names.entry(name.clone()).or_default().push(address.port());
        }
    }

    fn distrust(&mut self, name: &ServerName, addresses: impl Iterator<Item = SocketAddr>) {
        for address in addresses {
            let Some(names) = self.by_ip.get_mut(&address.ip()) else { continue };
            names.remove(name);
            if names.is_empty() {
                self.by_ip.remove(&address.ip());
            }
        }
    }
}

impl Entry {
    /// Whether an answer leaves all as it is: the same records, or a failure while old ones serve.
    fn says(&self, answer: &Result<Known, String>, now: Moment) -> bool {
        let Look::Good(records, exists) = self.look(now) else { return false };
        answer.as_ref().map_or(true, |new| new.records == records && new.exists == exists)
    }

    /// Takes an answer; how long until the question is asked again.
    fn take(&mut self, known: Result<Known, String>, now: Moment) -> Duration {
        match known {
            Ok(known) => {
                self.known = Some((known.records, known.exists, now + known.ttl + MAX_STALE));
                self.failed = None;
                known.ttl
            }
            Err(why) => {
                let times = self.failed.take().map_or(0, |(times, _)| times);
                self.failed = Some((times.saturating_add(1), why));
                let wait = FIRST_RETRY.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX));
                wait.min(LAST_RETRY)
            }
        }
    }

    fn look(&self, now: Moment) -> Look<'_> {
        match (&self.known, &self.failed) {
            (Some((records, exists, until)), _) if now < *until => Look::Good(records, *exists),
            (_, Some((_, why))) => Look::Failing(why),
            (_, None) => Look::Pending,
        }
    }
}

impl Located {
    /// Takes what a walk found; whether that is anything new. An answer that takes every target away
    /// counts only when their grace is over.
    fn settle(&mut self, groups: Vec<Group>, lack: Option<Lack>, now: Moment) -> bool {
        let found: BTreeSet<SocketAddr> = targets_of(&groups).collect();
        let before = self.trusted.clone();
        for (address, until) in &mut self.trusted {
            *until = if found.contains(address) { None } else { until.or(Some(now + GRACE)) };
        }
        self.trusted.retain(|_, until| until.is_none_or(|until| now < until));
        self.trusted.extend(found.iter().map(|address| (*address, None)));
        let keep = groups.is_empty() && !self.trusted.is_empty();
        let same = (keep || self.groups == groups) && self.lack == lack && self.trusted == before;
        if !keep {
            self.groups = groups;
        }
        self.lack = lack;
        !same
    }
}

/// Every address, by priority.
fn targets_of(groups: &[Group]) -> impl Iterator<Item = SocketAddr> {
    groups.iter().flatten().flat_map(|host| host.addresses.iter().copied())
}

/// Sets that are read from the front as time passes.
trait Timed<T> {
    fn pop_first_until(&mut self, now: Moment) -> Option<(Moment, T)>;
}

impl<T: Ord> Timed<T> for BTreeSet<(Moment, T)> {
    fn pop_first_until(&mut self, now: Moment) -> Option<(Moment, T)> {
        if self.first().is_some_and(|(moment, _)| *moment <= now) { self.pop_first() } else { None }
    }
}
