//! Whose files are whose: what a tenant's administrators may declare.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::diag::{Code, Diagnostic};
use crate::model::value::Name;
use crate::model::{Kind, ResourceId, ScopeOwner};
use crate::validate::context::{Context, TrunkName};

/// The scopes of a repository: globs, the longest of which decides.
struct Scopes {
    globs: GlobSet,
    owners: Vec<(usize, ScopeOwner)>,
    by_default: bool,
}

impl Scopes {
    fn new(context: &Context<'_>, found: &mut Vec<Diagnostic>) -> Self {
        let policy = context.set.policies().next();
        let written = policy.and_then(|(id, policy)| Some((id, policy.scopes.as_ref()?)));
        let mut builder = GlobSetBuilder::new();
        let mut owners = Vec::new();
        for (id, (glob, owner)) in
            written.iter().flat_map(|(id, all)| all.iter().map(move |one| (id, one)))
        {
            let field = format!("/spec/scopes/{}", glob.replace('~', "~0").replace('/', "~1"));
            match Glob::new(glob) {
                Ok(parsed) => {
                    builder.add(parsed);
                    owners.push((glob.len(), owner.clone()));
                }
                Err(error) => {
                    let message = format!("`{glob}` is not a path glob: {}", error.kind());
                    let told = Diagnostic::new(Code::TL104, message).of(id);
                    found.push(
                        told.at(context.key_span(id, &field))
                            .help("write one like `customers/acme/**`"),
                    );
                }
            }
            if let ScopeOwner::Tenant(name) = owner
                && !context.has_tenant(name)
            {
                let message = format!("there is no Tenant `{name}`");
                let told = context.diagnostic(Code::TL201, id, &field, message);
                found.push(told.help("declare the Tenant, or correct the name"));
            }
        }
        let globs = builder.build().unwrap_or_else(|_| GlobSet::empty());
        Self { globs, owners, by_default: written.is_none() }
    }

    /// Whose a file is.
    fn owner(&self, path: &str) -> ScopeOwner {
        if self.by_default {
            let mut parts = path.split('/');
            let tenant = match (parts.next(), parts.next(), parts.next()) {
                (Some("tenants"), Some(name), Some(_)) => name.parse::<Name>().ok(),
                _ => None,
            };
            return tenant.map_or(ScopeOwner::System, ScopeOwner::Tenant);
        }
        let matches = self.globs.matches(path);
        let owners = matches.iter().filter_map(|index| self.owners.get(*index));
        owners
            .max_by_key(|(length, _)| *length)
            .map_or(ScopeOwner::System, |(_, owner)| owner.clone())
    }
}

/// A tenant's file that declares what is not the tenant's (TL601), or assigns numbers of a system
/// trunk (TL604). Checked only where files have a root.
pub(super) fn tl601_scopes(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if !context.rooted || context.declared.may_have(Kind::Policy, None) {
        return;
    }
    let scopes = Scopes::new(context, found);
    let mut last: Option<(&str, ScopeOwner)> = None;
    for (id, _) in context.set.iter() {
        let Some(path) = context.path(id) else { continue };
        let owner = match &last {
            Some((same, owner)) if *same == path => owner.clone(),
            _ => scopes.owner(path),
        };
        if let ScopeOwner::Tenant(tenant) = &owner {
            found.extend(outside(context, id, tenant, path));
        }
        last = Some((path, owner));
    }
}

fn outside(
    context: &Context<'_>,
    id: &ResourceId,
    tenant: &Name,
    path: &str,
) -> Option<Diagnostic> {
    if id.tenant.as_ref() != Some(tenant) {
        let whose = match &id.tenant {
            Some(other) => format!("tenant `{other}`"),
            None => "the system".to_owned(),
        };
        let field = if id.tenant.is_some() { "/metadata/tenant" } else { "/metadata/name" };
        let message =
            format!("{id} belongs to {whose}, and `{path}` is a file of tenant `{tenant}`");
        let told = context.diagnostic(Code::TL601, id, field, message);
        return Some(
            told.help("move it to a file of its owner's scope; the Policy's `scopes` say which"),
        );
    }
    if id.kind != Kind::DidPool {
        return None;
    }
    let pool = context.set.did_pool(Some(tenant), &id.name)?;
    let TrunkName::Is(trunk, _) = context.trunk(Some(tenant), &pool.trunk) else { return None };
    trunk.tenant.is_none().then(|| {
        let message = format!("a pool on the system trunk `{}` lies in a file of tenant `{tenant}`", trunk.name);
        context
            .diagnostic(Code::TL604, id, "/spec/trunk", message)
            .related(context.span(trunk, "/metadata/name"), "the system's trunk")
            .help("only the System Admin assigns numbers: move the pool to a file of the system's scope")
    })
}
