//! What may not be deleted: things that are live, that this change would take away, and that what
//! stays still uses (TL801). `validate` knows only the tree and calls it a dangling reference.

use std::collections::{BTreeMap, BTreeSet};

use super::gone::{Gone, Missed};
use super::uses::{self, Use, owner};
use super::{change, deletions};
use crate::diag::{Code, Diagnostic, Severity, Span};
use crate::model::{Kind, ResourceId, ResourceSet};
use crate::validate::Checked;

/// Users of one thing that are named with their places; further ones are counted.
const MAX_USERS: usize = 10_000;

/// Users of one thing that its message names; all of them stand beside it.
const MAX_NAMED: usize = 20;

/// A check of a tree, seen against the live state.
#[derive(Debug, Clone, Default)]
pub struct Guarded {
    /// What is refused: deletions of what is in use (TL801), by what they would delete. Where that
    /// is all that is wrong, what else may not be deleted.
    pub refusals: Vec<Diagnostic>,
    /// What else was found; without the errors that a refused deletion explains.
    pub diagnostics: Vec<Diagnostic>,
}

impl Guarded {
    /// Whether refused deletions are all that is wrong.
    pub fn only_refuses(&self) -> bool {
        let is_error = |one: &Diagnostic| one.severity() == Severity::Error;
        !self.refusals.is_empty() && !self.diagnostics.iter().any(is_error)
    }
}

/// Finds the errors of a tree that are deletions of something live and in use: each error names a
/// need, and the need says what would have met it. What they cost follows the errors.
pub fn deletions_in_use(checked: &Checked, live: &ResourceSet) -> Guarded {
    let mut guarded = Guarded { refusals: Vec::new(), diagnostics: checked.diagnostics.clone() };
    // Who uses a thing is named also where that follows from another mistake.
    let all: Vec<_> = checked.diagnostics.iter().chain(&checked.followers).collect();
    let told = told(&all);
    if told.is_empty() || live.is_empty() {
        return guarded;
    }
    let mut blame = Blame::new(checked, &all, live);
    for (id, indices) in &told {
        blame.resource(id, indices);
    }
    blame.listeners();
    blame.former_system_trunks();
    let Blame { users, explained, .. } = blame;
    let stays = |id: &ResourceId| checked.resources.contains(id);
    guarded.refusals = users.iter().map(|(id, users)| refusal(id, stays(id), users)).collect();
    let mut index = 0..;
    guarded.diagnostics.retain(|_| index.next().is_none_or(|index| !explained.contains(&index)));
    if guarded.only_refuses() {
        // Every document could be read: what goes is known.
        let span = |id: &ResourceId, field: &str| checked.span(id, field);
        let changes = change::changes(live, &checked.resources, &span);
        guarded.refusals.extend(deletions::refusals(live, &checked.resources, &changes, &span));
    }
    guarded
}

/// The errors that may come of something missing, as indices, by the resource that misses it.
fn told(all: &[&Diagnostic]) -> BTreeMap<ResourceId, Vec<usize>> {
    let mut told: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    for (index, one) in all.iter().enumerate() {
        if !uses::CODES.contains(&one.code) {
            continue;
        }
        let id = one.resource.as_deref().and_then(|id| id.parse().ok());
        id.into_iter().for_each(|id| told.entry(id).or_default().push(index));
    }
    told
}

/// Who uses a thing, and where.
#[derive(Debug, Default)]
struct Users {
    places: Vec<(ResourceId, Option<Span>)>,
    more: usize,
}

impl Users {
    fn add(&mut self, id: &ResourceId, span: Option<Span>) {
        if self.places.last().is_some_and(|last| last.0 == *id && last.1 == span) {
            return;
        }
        match self.places.len() < MAX_USERS {
            true => self.places.push((id.clone(), span)),
            false => self.more += 1,
        }
    }
}

/// Which errors are whose fault.
struct Blame<'a> {
    checked: &'a Checked,
    /// Everything that is wrong.
    all: &'a [&'a Diagnostic],
    gone: Gone<'a>,
    users: BTreeMap<ResourceId, Users>,
    explained: BTreeSet<usize>,
}

impl<'a> Blame<'a> {
    fn new(checked: &'a Checked, all: &'a [&'a Diagnostic], live: &'a ResourceSet) -> Self {
        let gone = Gone::new(live, &checked.resources);
        Self { checked, all, gone, users: BTreeMap::new(), explained: BTreeSet::new() }
    }

    fn resource(&mut self, id: &ResourceId, indices: &[usize]) {
        let checked = self.checked;
        let uses = match checked.resources.get(id) {
            Some(resource) => uses::uses(id, resource),
            // A document that is refused for itself.
            None => uses::tenant_of(id),
        };
        for one in uses {
            let spans = checked.spans(id, &one.field);
            for index in indices {
                let Some(found) = self.all.get(*index) else { continue };
                if !one.is_told_by(found) || !spans.contains(&found.span) {
                    continue;
                }
                if self.note(id, &one, found.span) {
                    self.explained.insert(*index);
                }
            }
        }
    }

    /// Notes whose fault it is that a need is not met; returns whether that is all of the fault.
    fn note(&mut self, id: &ResourceId, one: &Use<'_>, span: Option<Span>) -> bool {
        let Missed { things, is_all } = self.gone.of(owner(id), one.need);
        for thing in things {
            self.users.entry(thing).or_default().add(id, span);
        }
        is_all
    }

    /// A system's trunk that became a tenant's: that others use it is told once, at the trunk (TL402).
    fn former_system_trunks(&mut self) {
        for (index, one) in self.all.iter().enumerate().filter(|(_, one)| one.code == Code::TL402) {
            let id = one.resource.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
            let former = id.filter(|id| id.kind == Kind::Trunk);
            let former = former.map(|id| ResourceId::system(Kind::Trunk, id.name));
            if former.is_some_and(|id| self.users.contains_key(&id)) {
                self.explained.insert(index);
            }
        }
    }

    /// That nothing listens is told once (TL409), and concerns all who name no transport.
    fn listeners(&mut self) {
        let checked = self.checked;
        let told = self.all.iter().position(|one| one.code == Code::TL409);
        let gone = self.gone.of(None, uses::Need::Listener(None));
        let Some(index) = told.filter(|_| gone.is_all) else { return };
        self.explained.insert(index);
        let trunks = checked.resources.of_kind(Kind::Trunk);
        for (id, resource) in trunks.chain(checked.resources.of_kind(Kind::Extension)) {
            let uses = uses::uses(id, resource);
            let unnamed = uses.iter().find(|one| matches!(one.need, uses::Need::Listener(_)));
            if let Some(one) = unnamed {
                self.note(id, one, checked.span(id, "/kind"));
            }
        }
    }
}

fn refusal(id: &ResourceId, stays: bool, users: &Users) -> Diagnostic {
    let names: BTreeSet<&ResourceId> = users.places.iter().map(|(id, _)| id).collect();
    let more = names.len().saturating_sub(MAX_NAMED) + users.more;
    let mut listed: Vec<_> = names.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    let listed = listed.join(", ");
    let message = if stays {
        format!("{id} cannot be cut down: what it loses is in use by {listed}")
    } else {
        format!("{id} cannot be deleted: it is in use by {listed}")
    };
    let mut places = users.places.iter();
    let first = places.next().and_then(|(_, span)| *span);
    let refusal = Diagnostic::new(Code::TL801, message)
        .at(first)
        .of(id)
        .help(format!("change or delete what uses it in the same revision, or keep {id} as it is"));
    places.fold(refusal, |refusal, (user, span)| {
        refusal.related(*span, format!("{user} uses it here"))
    })
}
