//! The order of a plan: steps after each of which the state is valid.

use std::sync::Arc;

use crate::model::{Resource, ResourceId, ResourceSet};

use super::{Action, Change};

/// What one step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepAction {
    /// The resource comes to be.
    Create,
    /// It takes another form.
    Change,
    /// It goes.
    Delete,
}

/// One step: a resource takes a form, or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: StepAction,
    /// To whom.
    pub resource: ResourceId,
    /// The form afterwards; `None` for a deletion.
    pub state: Option<Arc<Resource>>,
    /// Why the step is not simply the change, for a step on the way.
    pub reason: Option<String>,
}

pub(super) fn steps(_live: &ResourceSet, _desired: &ResourceSet, changes: &[Change]) -> Vec<Step> {
    let mut steps = Vec::new();
    for change in changes.iter().filter(|change| change.new.is_some()) {
        let action = match change.action {
            Action::Create => StepAction::Create,
            Action::Change | Action::Replace | Action::Delete => StepAction::Change,
        };
        steps.push(Step {
            action,
            resource: change.resource.clone(),
            state: change.new.clone(),
            reason: None,
        });
    }
    for change in changes.iter().rev().filter(|change| change.new.is_none()) {
        steps.push(Step {
            action: StepAction::Delete,
            resource: change.resource.clone(),
            state: None,
            reason: None,
        });
    }
    steps
}
