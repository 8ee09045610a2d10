//! What a tree comes to against the live state: checked, guarded, planned.

use std::sync::Arc;

use super::state::Verdict;
use crate::diag::{Code, Diagnostic, Severity, SourceMap};
use crate::manifest::tree::SourceTree;
use crate::model::{Observed, ResourceId, ResourceSet, Revision};
use crate::plan::{self, Context, Plan, Summary};
use crate::port::Target;
use crate::validate::{Checked, Desired, validate};

/// A revision, weighed.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// The revision.
    pub revision: Revision,
    /// What it comes to.
    pub verdict: Verdict,
    /// Everything that was found wrong, refusals included, sorted as `validate` sorts.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: Arc<SourceMap>,
    /// What is wanted; `None` when the revision has errors.
    pub desired: Option<Desired>,
    /// The way there; `None` when the revision has errors.
    pub plan: Option<Plan>,
}

impl Weighed {
    /// What is told beside the plan.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let all = self.diagnostics.iter();
        all.filter(|one| one.severity() == Severity::Warning).cloned().collect()
    }

    /// What guards refuse, where they do.
    pub fn refusals(&self) -> Vec<Diagnostic> {
        match (&self.plan, self.verdict) {
            (Some(plan), _) => plan.refusals.clone(),
            // Without a plan, refusals are all that is wrong.
            (None, Verdict::Refused) => {
                let errors = self.diagnostics.iter();
                errors.filter(|one| one.severity() == Severity::Error).cloned().collect()
            }
            (None, _) => Vec::new(),
        }
    }
}

/// Checks a tree and plans it against the live state.
pub fn weigh(
    tree: &SourceTree,
    revision: Revision,
    live: &ResourceSet,
    observed: Option<&Observed>,
) -> Weighed {
    let mut checked = validate(tree);
    // Whether a tree without manifests may be wanted depends on what is live: the plan says it.
    let wanted = match checked.nothing_declared() {
        Some(nothing) => {
            checked.diagnostics.clear();
            Some(nothing)
        }
        None => checked.desired.take(),
    };
    let Some(desired) = wanted else {
        return rejected(&checked, revision, live);
    };
    let plan = plan_of(&desired, live, observed);
    let mut diagnostics = checked.diagnostics;
    diagnostics.extend(plan.refusals.iter().cloned());
    Weighed {
        revision,
        verdict: verdict(&plan),
        diagnostics,
        sources: checked.sources,
        desired: Some(desired),
        plan: Some(plan),
    }
}

/// Refuses a plan that brings certificates and keys which the target cannot use. Those of a resource
/// that stays as it is hold nothing up.
pub(super) fn refuse_unusable(weighed: &mut Weighed, target: &dyn Target) {
    let (Some(desired), Some(plan)) = (&weighed.desired, &mut weighed.plan) else { return };
    if weighed.verdict != Verdict::Change {
        return;
    }
    let changed = |id: &ResourceId| plan.changes.iter().any(|change| change.resource == *id);
    let faults = target.check(desired.resources()).into_iter();
    let refusals = faults.filter(|fault| changed(&fault.resource)).map(|fault| {
        Diagnostic::new(Code::TL704, format!("{}: {}", fault.resource, fault.why))
            .of(&fault.resource)
            .at(desired.span(&fault.resource, fault.field))
            .help("put the certificate and the key that belongs to it where the fields say")
    });
    let refusals: Vec<Diagnostic> = refusals.collect();
    if !refusals.is_empty() {
        weighed.verdict = Verdict::Refused;
        plan.summary.refusals += refusals.len();
        plan.refusals.extend(refusals.iter().cloned());
        weighed.diagnostics.extend(refusals);
    }
}

/// A tree with errors. Where all of them are deletions of what is live and in use, it is not
/// invalid but refused.
fn rejected(checked: &Checked, revision: Revision, live: &ResourceSet) -> Weighed {
    let guarded = plan::deletions_in_use(checked, live);
    let verdict = if guarded.only_refuses() { Verdict::Refused } else { Verdict::Invalid };
    let mut diagnostics = guarded.refusals;
    diagnostics.extend(guarded.diagnostics);
    Weighed {
        revision,
        verdict,
        diagnostics,
        sources: Arc::clone(&checked.sources),
        desired: None,
        plan: None,
    }
}

/// The plan from the live state to what is wanted.
pub fn plan_of(desired: &Desired, live: &ResourceSet, observed: Option<&Observed>) -> Plan {
    let span = |id: &_, field: &_| desired.span(id, field);
    let context = Context { span: &span, observed };
    plan::plan(live, desired.resources(), &context)
}

/// What a plan comes to.
pub fn verdict(plan: &Plan) -> Verdict {
    if plan.is_refused() {
        Verdict::Refused
    } else if plan.is_empty() {
        Verdict::Same
    } else {
        Verdict::Change
    }
}

/// The counts in one line, `1 created, 2 changed`.
pub fn summary_line(summary: &Summary) -> String {
    let counts = [
        (summary.create, "created"),
        (summary.change, "changed"),
        (summary.replace, "replaced"),
        (summary.delete, "deleted"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() { "nothing changed".to_owned() } else { parts.join(", ") }
}
