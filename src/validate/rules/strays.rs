//! What stands in a file of another one's: told once for each file, or folder, that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::scopes::{are_known, pointer, policy, scopes};
use crate::diag::{Code, Diagnostic};
use crate::model::value::Name;
use crate::model::{Kind, ResourceId, ResourceSet, ScopeOwner, TrunkType};
use crate::validate::context::{Context, TrunkName};
use crate::validate::policies;
use crate::validate::scopes::Scopes;

/// A resource in a file of a tenant that is not its own.
struct Stray<'a> {
    id: &'a ResourceId,
    path: &'a str,
    /// The tenant whose file it is.
    tenant: Name,
    /// What is told of it alone.
    told: Diagnostic,
}

/// A tenant's file that declares what is not the tenant's (TL601), or assigns numbers of a system
/// trunk (TL604). Checked only where files have a root.
pub(super) fn tl601_scopes(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if !are_known(context) {
        return;
    }
    let scopes = scopes(context, found);
    let void = context.declared.void_policies();
    let (mut strays, mut assigned) = (Vec::new(), Vec::new());
    for (id, path, owner) in scopes.owners(context.paths()) {
        if let Some(tenant) = void.get(id) {
            let first = policy(context).and_then(|(id, _)| context.span(id, "/metadata/name"));
            let told = outside(context, id, tenant, path);
            found.extend(told.map(|told| policies::nothing_counts(told, first)));
            continue;
        }
        let ScopeOwner::Tenant(tenant) = owner else { continue };
        // A glob of a tenant that does not exist says nothing of whose its files are.
        if scopes.are_written() && !context.has_tenant(&tenant) {
            continue;
        }
        if id.tenant.as_ref() == Some(&tenant) {
            if id.kind == Kind::DidPool {
                assigned.extend(assigning(context, id, &tenant));
            }
            continue;
        }
        let told = outside(context, id, &tenant, path);
        strays.extend(told.map(|told| Stray { id, path, tenant, told }));
    }
    let trunks = strays.iter().map(|one| one.id);
    let trunks: BTreeSet<_> =
        trunks.filter(|id| id.kind == Kind::Trunk && id.tenant.is_none()).collect();
    // The trunk may be the tenant's, which is told.
    found.extend(assigned.into_iter().map(|(trunk, told)| told.follows(trunks.contains(trunk))));
    follow(&trunks, found);
    by_files(context, &scopes, strays, found);
}

/// What follows from a tenant's trunk that seems to be the system's.
fn follow(trunks: &BTreeSet<&ResourceId>, found: &mut [Diagnostic]) {
    let may_follow = |one: &&mut Diagnostic| matches!(one.code, Code::TL202 | Code::TL401);
    let found = found.iter_mut().filter(|_| !trunks.is_empty()).filter(may_follow);
    for one in found {
        let id = one.resource.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
        let Some(id) = id.filter(|id| id.kind == Kind::Trunk) else { continue };
        one.follows |= if one.code == Code::TL401 {
            trunks.contains(&id)
        } else {
            // A tenant's trunk has its name.
            id.tenant.is_some() && trunks.contains(&ResourceId::system(id.kind, id.name))
        };
    }
}

/// Whose a resource is.
fn whose(id: &ResourceId) -> String {
    id.tenant.as_ref().map_or_else(|| "the system".to_owned(), |one| format!("tenant `{one}`"))
}

/// Tells strays once for each file, and once for all files that are one tenant's by one glob or folder,
/// if everything in them is one other's.
fn by_files(
    context: &Context<'_>,
    scopes: &Scopes,
    strays: Vec<Stray<'_>>,
    found: &mut Vec<Diagnostic>,
) {
    if strays.is_empty() {
        return;
    }
    let mut owners: BTreeMap<&str, BTreeSet<Option<&Name>>> = BTreeMap::new();
    for (id, path) in context.paths() {
        if let Some(part) = scopes.part(path) {
            owners.entry(part).or_default().insert(id.tenant.as_ref());
        }
    }
    // What a tenant that does not exist would have is in a wrong folder as a whole, whosever it is.
    let is_anothers = |part: &str, tenant: &Name| {
        let all = owners.get(part);
        all.is_some_and(|all| {
            all.len() == 1 || !context.has_tenant(tenant) && !all.contains(&Some(tenant))
        })
    };
    let mut groups: BTreeMap<(&str, bool), Vec<Stray<'_>>> = BTreeMap::new();
    for one in strays {
        let key = match scopes.part(one.path).filter(|part| is_anothers(part, &one.tenant)) {
            // What names a tenant and may have none is told of each.
            _ if one.id.tenant.is_some() && one.id.kind.is_system_only() => {
                found.push(one.told);
                continue;
            }
            Some(part) => (part, true),
            None => (one.path, false),
        };
        groups.entry(key).or_default().push(one);
    }
    for ((part, is_whole), mut group) in groups {
        group.sort_by_key(|one| one.told.span);
        found.extend(together(context, scopes, (part, is_whole), group));
    }
}

/// One diagnostic for strays of one file, or of all files of a part.
fn together(
    context: &Context<'_>,
    scopes: &Scopes,
    (part, is_whole): (&str, bool),
    group: Vec<Stray<'_>>,
) -> Option<Diagnostic> {
    let count = group.len();
    let all: BTreeSet<_> = group.iter().map(|one| one.id.tenant.as_ref()).collect();
    let mut group = group.into_iter();
    let Stray { id, path, tenant, told } = group.next()?;
    let owner = if all.len() == 1 { whose(id) } else { "others".to_owned() };
    let mut told = told;
    if count > 1 {
        told = told.help("move it to a file of its owner's scope; the Policy's `scopes` say which");
    }
    let more = count - 1;
    if count > 1 && is_whole {
        told.message = format!(
            "{id} and {more} more, all that `{part}` holds, belong to {owner}, and these are files of tenant `{tenant}`"
        );
    } else if count > 1 {
        told.message = format!(
            "{id} and {more} more in `{path}` belong to {owner}, and it is a file of tenant `{tenant}`"
        );
    }
    for one in group {
        told = told.related(one.told.span, format!("{} belongs to {}", one.id, whose(one.id)));
    }
    // A file alone may as well be in the wrong place.
    let means = id
        .tenant
        .as_ref()
        .filter(|_| is_whole && all.len() == 1 && (count > 1 || !context.has_tenant(&tenant)));
    let Some(other) = means else { return Some(told) };
    if !scopes.are_written() {
        return Some(told.help(format!("did you mean `tenants/{other}`?")));
    }
    let scope = policy(context).and_then(|(id, _)| context.key_span(id, &pointer(part)));
    Some(told.related(scope, format!("it gives them to tenant `{tenant}`")).help(format!(
        "did you mean `tenant: {other}` in the Policy's `scopes`? Else move them to files of their owner's scope"
    )))
}

/// What is told of a resource that is not the tenant's whose file it stands in.
fn outside(
    context: &Context<'_>,
    id: &ResourceId,
    tenant: &Name,
    path: &str,
) -> Option<Diagnostic> {
    // A tenant that does not exist is told by itself, and owns no file to move it to.
    if id.tenant.as_ref().is_some_and(|other| !context.has_tenant(other)) {
        return None;
    }
    let told = policies::outside(id, path, &whose(id), tenant);
    let knows_tenant = context.knows(id, &["/metadata/tenant"]);
    // What belongs to the system and names a tenant is one mistake.
    if id.kind.is_system_only() && !knows_tenant {
        let help = "remove `metadata.tenant`, and move it to a file of the system's scope; the Policy's `scopes` say which";
        return Some(told.at(context.key_span(id, "/metadata/tenant")).help(help));
    }
    // Which tenant it names cannot be read, and that is told.
    if id.tenant.is_none() && !knows_tenant {
        return None;
    }
    let field = if id.tenant.is_some() { "/metadata/tenant" } else { "/metadata/name" };
    let told = told.at(context.span(id, field));
    let elsewhere = "move it to a file of its owner's scope; the Policy's `scopes` say which";
    if id.tenant.is_some() && !id.kind.is_system_only() {
        return Some(told.help(format!("correct its `tenant`, or {elsewhere}")));
    }
    let kind = context.trunk_of(id).map(|one| one.trunk_type);
    Some(match kind {
        Some(TrunkType::Teams | TrunkType::WhatsApp) => {
            told.help(format!("add `tenant: {tenant}` to its metadata"))
        }
        Some(TrunkType::Register | TrunkType::AcceptRegister) => told.help(format!(
            "add `tenant: {tenant}` to its metadata if it is the tenant's own; else {elsewhere}"
        )),
        Some(TrunkType::Ip) | None => told.help(elsewhere),
    })
}

/// A tenant's pool in the tenant's file, if it is on a system trunk, which is named.
fn assigning<'a>(
    context: &Context<'a>,
    id: &ResourceId,
    tenant: &Name,
) -> Option<(&'a ResourceId, Diagnostic)> {
    let pool = |set: &'a ResourceSet| set.did_pool(Some(tenant), &id.name);
    let pool = pool(context.set).or_else(|| pool(context.declared.rests()))?;
    if !context.knows(id, &["/spec/trunk"]) {
        return None;
    }
    let TrunkName::Is(trunk, _) = context.trunk(Some(tenant), &pool.trunk) else { return None };
    trunk.tenant.is_none().then(|| {
        let message = format!("a pool on the system trunk `{}` lies in a file of tenant `{tenant}`", trunk.name);
        let told = context
            .diagnostic(Code::TL604, id, "/spec/trunk", message)
            .related(context.span(trunk, "/metadata/name"), "the system's trunk")
            .help("only the System Admin assigns numbers: move the pool to a file of the system's scope");
        (trunk, told)
    })
}
