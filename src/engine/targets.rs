//! From names to the places to send to, with what the DNS has answered so far: nothing here waits.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use super::TARGETS_PAUSE;
use super::bindings::Binding;
use super::call::Call;
use super::context::{Context, Due};
use super::refusal::Reason;
use crate::model::{ResourceId, ServerName};
use crate::routing::{Attempt, NextHop, Table, TrunkEntry, TrunkIndex};
use crate::sip::{Message, Scheme, Uri};

impl Call {
    /// The attempt under way gets no answer: if it has not even rung, its target comes last for a
    /// while.
    pub(super) fn note_silence(&self, ctx: &mut Context) {
        let rang = self.invite.as_ref().is_some_and(|invite| invite.rang());
        if let Some(leg) = self.b.as_ref().filter(|_| !rang) {
            ctx.silent.note(leg.peer, ctx.now);
        }
    }

    /// The attempt under way was refused for now, and gives way to others: so do those of the next
    /// calls for as long as its target asks.
    pub(super) fn note_busy(&self, ctx: &mut Context, response: &Message) {
        let after = response.retry_after().filter(|_| response.status() == Some(503));
        if let (Some(leg), Some(after)) = (&self.b, after) {
            ctx.silent.ask(leg.peer, Duration::from_secs(after.into()), ctx.now);
        }
    }
}

impl Context {
    /// Has every name looked up that the generation in force or a call uses.
    pub(super) fn want_names(&mut self) {
        let retired = self.retired.iter().filter_map(Weak::upgrade);
        let mut names = self.generation.table.names();
        retired.for_each(|generation| names.extend(generation.table.names()));
        self.locator.want(names, self.now);
        self.heed_names();
    }

    /// If names have other targets than before, those are probed shortly: many answers come at once.
    /// Whether they have.
    pub(super) fn heed_names(&mut self) -> bool {
        let changed = self.locator.take_changed();
        if changed && !self.targets_due {
            self.targets_due = true;
            self.timers.insert(self.now + TARGETS_PAUSE, Due::Targets);
        }
        changed
    }

    /// Where calls to a trunk may go now: its address, or those that its name has.
    pub(super) fn targets(&self, index: TrunkIndex, entry: &TrunkEntry) -> Vec<SocketAddr> {
        let table = &self.generation.table;
        let name = match &entry.next_hop {
            None => return Vec::new(),
            Some(NextHop::Address(address)) => return vec![*address],
            // Nothing is probed there: a binding that is not refreshed is gone.
            Some(NextHop::Binding(_)) => return Vec::new(),
            Some(NextHop::Name(name)) => name,
        };
        let targets = self.locator.servers(name).map(|servers| servers.targets);
        let targets = targets.unwrap_or_default().into_iter();
        targets.filter(|address| table.may_send(index, address.ip())).collect()
    }

    /// Whether an extension or the far end of a trunk is registered.
    pub(super) fn is_registered(&self, id: &ResourceId) -> bool {
        self.registrar.bindings.of(id, self.now).next().is_some()
    }

    /// Why nobody can be called at the bindings of an extension or trunk, if that is so.
    pub(super) fn uncallable(&self, id: &ResourceId) -> Option<Reason> {
        let mut bindings = self.registrar.bindings.of(id, self.now).peekable();
        match bindings.peek() {
            None => Some(Reason::NotRegistered),
            Some(_) => (!bindings.any(Binding::is_callable)).then_some(Reason::NotSecure),
        }
    }

    /// The next place to try of what is left: a name gives way to its targets, each once, and who is
    /// registered to the bindings. Who has asked for time comes when nobody else is left.
    pub(super) fn next_place(
        &mut self,
        table: &Table,
        left: &mut VecDeque<Attempt>,
    ) -> Option<(Attempt, SocketAddr)> {
        loop {
            let first = match self.silent.nobody_asked() {
                true => 0,
                false => left.iter().position(|one| !self.has_asked(one)).unwrap_or(0),
            };
            let attempt = left.remove(first)?;
            match &attempt.next_hop {
                NextHop::Address(address) => return Some((attempt.clone(), *address)),
                NextHop::Name(name) => {
                    let found = self.at_targets(table, &attempt, name);
                    found.into_iter().rev().for_each(|attempt| left.push_front(attempt));
                }
                NextHop::Binding(id) => {
                    let found = self.at_bindings(table, &attempt, id);
                    found.into_iter().rev().for_each(|attempt| left.push_front(attempt));
                }
            }
        }
    }

    /// Whether wherever an attempt leads has asked for time.
    fn has_asked(&self, attempt: &Attempt) -> bool {
        let asked = |address: &SocketAddr| self.silent.has_asked(*address, self.now);
        match &attempt.next_hop {
            NextHop::Address(address) => asked(address),
            NextHop::Name(name) => self.locator.servers(name).is_some_and(|servers| {
                !servers.targets.is_empty() && servers.targets.iter().all(asked)
            }),
            NextHop::Binding(_) => false,
        }
    }

    /// An attempt at each binding, the one refreshed last first.
    fn at_bindings(&mut self, table: &Table, attempt: &Attempt, id: &ResourceId) -> Vec<Attempt> {
        let one_number = self.generation.accounts.of(id).is_some_and(|one| one.has_one_number());
        let bindings = self.registrar.bindings.of(id, self.now);
        let found = bindings.filter(|one| one.is_callable()).filter_map(|binding| {
            let name = self.listeners.name(binding.flow.transport)?;
            let connection = binding.flow.link.connection().map(|one| one.0);
            let way = (table.transport_named(name)?, binding.flow.remote, connection);
            let uri = Uri::parse(&binding.contact)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (user, host) = uri.user_and_rest();
            let user = if one_number { text(user) } else { attempt.user.clone() };
            let named = (uri.scheme == Scheme::Sips, user, text(host));
            Some(attempt.at_binding(way, named, text(&binding.path)))
        });
        let found: Vec<Attempt> = found.collect();
        if found.is_empty() {
            self.count(self.uncallable(id).unwrap_or(Reason::NotRegistered));
        }
        found
    }

    /// An attempt at each target of its name that is not down, in the order drawn for this call. A
    /// name without any is passed over.
    fn at_targets(&mut self, table: &Table, attempt: &Attempt, name: &ServerName) -> Vec<Attempt> {
        let Self { locator, chance, down, silent, now, .. } = self;
        let trunk = attempt.trunk().and_then(|trunk| table.trunk(trunk)).map(|entry| &entry.id);
        let is_down = |address: SocketAddr| {
            trunk.is_some_and(|trunk| down.contains(&(trunk.clone(), address)))
        };
        let mut targets = locator.targets(name, &mut |bound| chance.below(bound));
        // Stable: apart from that the order stays.
        targets.sort_by_key(|address| silent.holds(*address, *now));
        let up = targets.into_iter().filter(|address| !is_down(*address));
        let found: Vec<Attempt> =
            up.filter_map(|address| table.resolved(attempt, address)).collect();
        if found.is_empty() {
            self.count(Reason::NoTarget);
        }
        found
    }
}
