//! What would change, and in which order: live and desired state in, [`Plan`] out.
//!
//! A plan is a function: equal input, equal bytes. It leaves no choices to whoever applies it.
#![deny(clippy::disallowed_methods)]

mod aside;
mod change;
mod contest;
mod deletions;
mod detours;
mod digest;
mod fields;
mod gone;
mod guard;
mod impact;
mod release;
mod render_json;
mod render_markdown;
mod render_text;
mod steps;
mod unbuilt;
mod uses;

pub use change::{Action, Change, FieldChange};
pub use digest::set_digest;
pub use guard::{Guarded, deletions_in_use};
pub use render_json::{render_json, summary_json};
pub use render_markdown::{MAX_CHARACTERS, render_markdown};
pub use render_text::{render_text, summary_line};
pub use steps::{Step, StepAction};
pub use unbuilt::unbuilt;

use crate::diag::{Diagnostic, Span};
use crate::model::{Observed, ResourceId, ResourceSet};
use crate::routing::Table;
use crate::routing::diff::{RouteChange, behaviour};

/// What a plan needs to know beyond the two states.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where a field of a desired resource stands: `""` the document, `/spec/did` the field.
    pub span: &'a dyn Fn(&ResourceId, &str) -> Option<Span>,
    /// What the engine tells of itself, for the impact on calls; `None`: unknown.
    pub observed: Option<&'a Observed>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { span: _, observed } = self;
        f.debug_struct("Context").field("observed", observed).finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// Without spans and without an engine.
    pub const BARE: Context<'static> = Context { span: &|_, _| None, observed: None };
}

/// How many changes of each sort, and refusals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Resources created.
    pub create: usize,
    /// Resources changed in place.
    pub change: usize,
    /// Resources deleted and created again.
    pub replace: usize,
    /// Resources deleted.
    pub delete: usize,
    /// Guards that refuse the plan.
    pub refusals: usize,
}

/// What would change. It may be applied only when `refusals` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a plan that nobody reads or applies changes nothing"]
pub struct Plan {
    /// One per resource that differs, ordered by identity.
    pub changes: Vec<Change>,
    /// The way there: after each step the state is valid, after the last it is the desired one.
    pub steps: Vec<Step>,
    /// The numbers whose route changes.
    pub behaviour: Vec<RouteChange>,
    /// The guards that refuse it.
    pub refusals: Vec<Diagnostic>,
    /// `blake3:…` over live state, desired state and changes.
    pub digest: String,
    /// The counts.
    pub summary: Summary,
}

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether a guard refuses it.
    pub fn is_refused(&self) -> bool {
        !self.refusals.is_empty()
    }
}

/// The plan that leads from `live` to `desired`. Both are valid.
pub fn plan(live: &ResourceSet, desired: &ResourceSet, context: &Context<'_>) -> Plan {
    let mut changes = change::changes(live, desired, context.span);
    for change in &mut changes {
        change.impact = impact::impact(change, context.observed);
    }
    let unbuilt = unbuilt(desired, context.span);
    let idle = changes.is_empty() || !unbuilt.is_empty();
    // What this build does not carry out has no way there and no routes.
    let steps = if idle { Vec::new() } else { steps::steps(live, desired, &changes) };
    let behaviour =
        if idle { Vec::new() } else { behaviour(&Table::compile(live), &Table::compile(desired)) };
    let mut refusals = deletions::refusals(live, desired, &changes, context.span);
    refusals.extend(unbuilt);
    let digest = digest::plan_digest(live, desired, &changes);
    let summary = summarise(&changes, &refusals);
    Plan { changes, steps, behaviour, refusals, digest, summary }
}

fn summarise(changes: &[Change], refusals: &[Diagnostic]) -> Summary {
    let mut summary = Summary { refusals: refusals.len(), ..Summary::default() };
    for change in changes {
        match change.action {
            Action::Create => summary.create += 1,
            Action::Change => summary.change += 1,
            Action::Replace => summary.replace += 1,
            Action::Delete => summary.delete += 1,
        }
    }
    summary
}
