//! Whose files are whose, as the Policy says.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, visible};
use crate::manifest::suggest;
use crate::model::value::Name;
use crate::model::{Policy, ResourceId, ScopeOwner};
use crate::validate::context::Context;
use crate::validate::scopes::Scopes;

/// The place of a glob.
pub(super) fn pointer(glob: &str) -> String {
    format!("/spec/scopes/{}", glob.replace('~', "~0").replace('/', "~1"))
}

/// Whether the scopes of files are known.
pub(super) fn are_known(context: &Context<'_>) -> bool {
    context.rooted && !context.declared.may_have_policy()
}

/// The Policy that counts.
pub(super) fn policy<'a>(context: &Context<'a>) -> Option<(&'a ResourceId, &'a Policy)> {
    context.declared.policy(context.set)
}

/// Every tenant that the Policy gives files or names signers of, with the place.
pub(super) fn tenants<'a>(
    context: &Context<'a>,
) -> impl Iterator<Item = (&'a ResourceId, String, &'a Name)> {
    let policy = policy(context).filter(|_| are_known(context));
    policy.into_iter().flat_map(|(id, policy)| {
        let scopes = policy.scopes.iter().flatten().map(|(glob, owner)| (pointer(glob), owner));
        let signers = policy.signers.iter().enumerate();
        let signers = signers.map(|(index, signers)| {
            (format!("/spec/signers/{index}/scope/tenant"), &signers.scope)
        });
        scopes.chain(signers).filter_map(move |(field, owner)| match owner {
            ScopeOwner::Tenant(name) => Some((id, field, name)),
            ScopeOwner::System => None,
        })
    })
}

/// The scopes that the Policy writes; what is wrong with their globs is told.
pub(super) fn scopes(context: &Context<'_>, found: &mut Vec<Diagnostic>) -> Scopes {
    let policy = policy(context);
    let Some((id, written)) = policy.and_then(|(id, policy)| Some((id, policy.scopes.as_ref()?)))
    else {
        return Scopes::default();
    };
    for glob in written.keys() {
        if !is_below_root(glob) {
            let message = format!("`{glob}` matches no file: paths begin at the root, without `/`");
            let told = Diagnostic::new(Code::TL104, message).of(id);
            found.push(
                told.at(context.key_span(id, &pointer(glob)))
                    .help("write one like `customers/acme/**`"),
            );
        }
    }
    Scopes::new(written, |glob, error| {
        let message = format!("`{glob}` is not a path glob: {}", error.kind());
        let told = Diagnostic::new(Code::TL104, message).of(id);
        found.push(
            told.at(context.key_span(id, &pointer(glob)))
                .help("write one like `customers/acme/**`"),
        );
    })
}

/// Whether a glob can match a path as diagnostics name it.
fn is_below_root(glob: &str) -> bool {
    glob.split('/').all(|step| !matches!(step, "" | "." | ".."))
}

/// Globs that match no manifest, and seem to mean others: where the Policy writes scopes, nothing else
/// makes a tenant's files those of the tenant. A folder may be prepared for what is to come. `paths`
/// are those of all files.
pub(in crate::validate) fn tl108_globs<'p>(
    context: &Context<'_>,
    paths: impl Iterator<Item = &'p str> + Clone,
    found: &mut Vec<Diagnostic>,
) {
    let Some((id, policy)) = policy(context).filter(|_| are_known(context)) else { return };
    let scopes = Scopes::of(Some(policy));
    let idle = scopes.idle(paths.clone());
    let idle: Vec<_> = idle.into_iter().filter(|(glob, _)| is_below_root(glob)).collect();
    if idle.is_empty() {
        return;
    }
    let mut meant = Meant::new(paths, &scopes);
    for (glob, owner) in idle {
        let whom = match owner {
            // It is told by itself.
            ScopeOwner::Tenant(tenant) if !context.has_tenant(tenant) => continue,
            ScopeOwner::Tenant(tenant) => format!("tenant `{tenant}`"),
            ScopeOwner::System => "the system".to_owned(),
        };
        let Some(right) = meant.of(glob, owner) else { continue };
        let help = format!("did you mean `{right}`?");
        let message = format!("`{}` matches no manifest: it gives none to {whom}", visible(glob));
        let told = Diagnostic::new(Code::TL108, message).of(id);
        found.push(told.at(context.key_span(id, &pointer(glob))).help(help));
    }
}

/// What globs may mean that match nothing.
struct Meant<'p, P> {
    paths: P,
    /// The folders of manifests that are nobody's by another glob.
    folders: BTreeSet<&'p str>,
    /// How many more globs are compared with them.
    left: usize,
}

/// Globs without a match that another spelling is sought for.
const MAX_SOUGHT: usize = 20;

impl<'p, P: Iterator<Item = &'p str> + Clone> Meant<'p, P> {
    fn new(paths: P, scopes: &Scopes) -> Self {
        let free = paths.clone().filter(|path| scopes.owner(path) == ScopeOwner::System);
        let folders = |path: &'p str| path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        Self { folders: free.flat_map(folders).collect(), paths, left: MAX_SOUGHT }
    }

    /// The glob that is meant by one: without what is no part of a path, with all below a folder, with
    /// the name of a folder that is near, or of one that is named like the tenant.
    fn of(&mut self, glob: &str, owner: &ScopeOwner) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        let bare = glob.trim_matches(['"', '\'', ' ']).replace('\\', "/");
        let below = format!("{bare}/**");
        if bare != glob && self.matches(&bare) {
            return Some(bare);
        }
        if self.matches(&below) {
            return Some(below);
        }
        let (folder, rest) = match bare.find("/*") {
            Some(at) => bare.split_at(at),
            None => (bare.as_str(), "/**"),
        };
        let near = self.folders.iter().copied().filter(|other| differ_once(folder, other));
        if let Some(near) = suggest::nearest(folder, near) {
            return Some(format!("{near}{rest}"));
        }
        let ScopeOwner::Tenant(tenant) = owner else { return None };
        let is_named = |folder: &&str| folder.rsplit('/').next() == Some(tenant.as_str());
        self.folders.iter().copied().find(is_named).map(|folder| format!("{folder}/**"))
    }

    fn matches(&self, glob: &str) -> bool {
        let one = BTreeMap::from([(glob.to_owned(), ScopeOwner::System)]);
        is_below_root(glob) && Scopes::new(&one, |_, _| {}).idle(self.paths.clone()).is_empty()
    }
}

/// Whether two paths differ in one step only, and there by a slip.
fn differ_once(path: &str, other: &str) -> bool {
    if path.split('/').count() != other.split('/').count() {
        return false;
    }
    let mut steps = path.split('/').zip(other.split('/')).filter(|(a, b)| a != b);
    let is_slip = |(a, b): (&str, &str)| suggest::nearest(a, [b]).is_some();
    steps.next().is_some_and(is_slip) && steps.next().is_none()
}
