//! What is not there is told once, whoever names it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Related};
use crate::manifest::suggest::Suggestions;
use crate::model::value::Name;
use crate::model::{Kind, ResourceId};

/// How it is told that a tenant does not exist.
pub(super) const NO_TENANT: &str = "there is no Tenant";

/// How it is told that a trunk does not exist.
pub(super) const NO_TRUNK: &str = "there is no Trunk";

/// How it is told that a transport does not exist.
pub(super) const NO_TRANSPORT: &str = "there is no Transport";

/// How it is told that there is no transport of a trunk's protocol.
pub(super) const NO_LISTENER: &str = "`transport` is missing, and there is no Transport";

/// How it is told that several transports may be a trunk's.
pub(super) const SEVERAL_LISTENERS: &str = "`transport` is missing, and several are";

/// Tells what is not there at the first place that names it, with the others.
pub(super) fn once(found: &mut [Diagnostic]) {
    let mut groups: BTreeMap<(String, Option<Name>), Vec<usize>> = BTreeMap::new();
    for (at, one) in found.iter().enumerate() {
        let says = |code: Code, words: &str| one.code == code && one.message.starts_with(words);
        // A name of the system's is the same to everybody.
        let shared = says(Code::TL201, NO_TENANT)
            || says(Code::TL201, NO_TRUNK)
            || says(Code::TL406, NO_TRANSPORT)
            || says(Code::TL105, NO_LISTENER)
            || says(Code::TL105, SEVERAL_LISTENERS);
        // Of a schedule or trunk, that others have one of its name says no more than that this tenant has none.
        if !shared && !matches!(one.code, Code::TL201 | Code::TL203 | Code::TL402 | Code::TL506) {
            continue;
        }
        if one.follows || one.span.is_none() {
            continue;
        }
        // Two tenants may lack what has one name.
        let id = one.resource.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
        let tenant =
            id.and_then(|id| if id.kind == Kind::Tenant { Some(id.name) } else { id.tenant });
        groups.entry((one.message.clone(), tenant.filter(|_| !shared))).or_default().push(at);
    }
    for group in groups.into_values() {
        let of_listeners =
            group.iter().all(|at| found.get(*at).is_some_and(|one| one.code == Code::TL105));
        let says = if of_listeners { "names none, either" } else { "names it, too" };
        fold(found, group, |_| says.to_owned());
    }
}

/// Tells several diagnostics as one, at the first place of the first code; `says` is what each of the others
/// does there. All of them are kept: who is shown a part of the files has to see what is wrong there.
pub(super) fn fold(
    found: &mut [Diagnostic],
    mut group: Vec<usize>,
    says: impl Fn(usize) -> String,
) {
    if group.len() < 2 {
        return;
    }
    group.sort_by_key(|at| found.get(*at).map(|one| (one.code, one.span, one.resource.clone())));
    let Some((first, others)) = group.split_first() else { return };
    let mut related = Vec::new();
    for at in others {
        let Some(one) = found.get_mut(*at) else { continue };
        one.follows = true;
        let id = one.resource.as_deref().unwrap_or("another one");
        let message = format!("{id} {}", says(*at));
        related.push(Related { span: one.span, message });
        related.append(&mut one.related);
    }
    let Some(told) = found.get_mut(*first) else { return };
    told.related.extend(related);
    // What several point to is shown once.
    let mut seen = BTreeSet::new();
    told.related.retain(|one| one.span.is_none_or(|span| seen.insert(span)));
}

/// A name that means nothing, with its place.
struct Absent<'a, S> {
    /// Within what the name is sought.
    scope: S,
    name: &'a Name,
    /// What is told of it, without help.
    told: Diagnostic,
    /// What to do if no name is near.
    declare: String,
}

/// The names of one rule that mean nothing.
pub(super) struct Absences<'a, S>(Vec<Absent<'a, S>>);

impl<'a, S: Copy + Ord> Absences<'a, S> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one place.
    pub(super) fn add(&mut self, scope: S, name: &'a Name, told: Diagnostic, declare: &str) {
        self.0.push(Absent { scope, name, told, declare: declare.to_owned() });
    }

    /// Whether several places name one of a scope, or of any.
    fn several(&self, any_scope: bool) -> BTreeSet<(Option<S>, &'a Name)> {
        let (mut once, mut several) = (BTreeSet::new(), BTreeSet::new());
        for one in self.0.iter().filter(|one| !one.told.follows) {
            let key = (Some(one.scope).filter(|_| !any_scope), one.name);
            if !once.insert(key) {
                several.insert(key);
            }
        }
        several
    }

    /// Tells them, with the name that may be meant instead: where one place alone has it, that is any
    /// near one. What several places name was there, and its new name is one that nobody uses; a near
    /// one that is used may be meant all the same. `known` are the names of a scope: all of them, or
    /// those that nobody uses. `left` is how many of them may be compared.
    pub(super) fn tell<I: Iterator<Item = &'a str>>(
        self,
        any_scope: bool,
        known: impl Fn(S, bool) -> I,
        (left, found): (&Cell<usize>, &mut Vec<Diagnostic>),
    ) {
        let several = self.several(any_scope);
        let mut suggestions = Suggestions::of_at_most(left.get());
        for Absent { scope, name, told, declare } in self.0 {
            let several = several.contains(&(Some(scope).filter(|_| !any_scope), name));
            let mut near =
                |unused| suggestions.nearest((scope, unused), name.as_str(), known(scope, unused));
            found.push(told.help(match near(several) {
                Some(word) => format!("did you mean `{word}`?"),
                None if !several => format!("{declare}, or correct the name"),
                None => {
                    let correct = near(false).map_or_else(
                        || "correct the name".to_owned(),
                        |word| format!("did you mean `{word}`?"),
                    );
                    format!("was it deleted or renamed? {declare}, or {correct}")
                }
            }));
        }
        left.set(suggestions.left());
    }
}
