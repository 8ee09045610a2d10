//! References: what a name means, and where it means nothing.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::scopes;
use crate::diag::{Code, Diagnostic};
use crate::model::value::{Coverage, DidSet, Name, NumberRange};
use crate::model::{CallerId, Destination, DestinationField, Kind, ResourceId, TrunkType};
use crate::validate::context::{Context, Field, TrunkName, listed};
use crate::validate::gaps::{self, Gap};
use crate::validate::missing::{Absences, NO_TENANT, NO_TRUNK};
use crate::validate::section::{Section, owner};

/// The field that names a resource's tenant.
const TENANT: &str = "/metadata/tenant";

/// Tenants that resources belong to.
pub(super) fn tl201_tenants(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // The tenant of a refused document can be read, whatever else is wrong with it.
    let refused = || {
        let refused = context.declared.refused().filter(|id| !context.set.contains(id));
        refused.filter(|id| context.span(id, TENANT).is_some())
    };
    let all = || context.set.iter().map(|(id, _)| id).chain(refused());
    let of_resources = all().filter_map(|id| Some((id, id.tenant.as_ref()?)));
    let of_resources = of_resources.map(|(id, name)| (id, Cow::Borrowed(TENANT), name));
    let of_files = scopes::tenants(context).map(|(id, field, name)| (id, Cow::Owned(field), name));
    let mut absent = Absences::new();
    for (id, field, tenant) in of_resources.chain(of_files) {
        if context.has_tenant(tenant) {
            continue;
        }
        let message = format!("{NO_TENANT} `{tenant}`");
        let told = context.diagnostic(Code::TL201, id, &field, message);
        // It should have none.
        let told = told.follows(id.kind == Kind::Trunk && is_ip_of_tenant(context, id));
        absent.add((), tenant, told, &format!("declare the Tenant `{tenant}`"));
    }
    let used = OnceCell::new();
    let is_used = |name: &Name| {
        let named = || all().filter_map(|id| id.tenant.as_ref());
        used.get_or_init(|| named().collect::<BTreeSet<_>>()).contains(name)
    };
    let known = |(), unused: bool| {
        let all = context.set.tenants().map(|(id, _)| &id.name);
        all.filter(move |name| !unused || !is_used(name)).map(Name::as_str)
    };
    absent.tell(true, known, (&context.compared, found));
}

/// Trunks that pools, rules and routes name: nothing (TL201), or another tenant's own (TL402).
pub(super) fn tl201_trunks<'a>(context: &Context<'a>, found: &mut Vec<Diagnostic>) {
    let (mut absent, mut foreign) = (Absences::new(), BTreeMap::<_, Vec<_>>::new());
    for (id, field, name) in all_trunk_names(context) {
        match context.trunk(owner(id), name) {
            TrunkName::Is(..) | TrunkName::Refused => {}
            TrunkName::OfTenant => foreign.entry(name).or_default().push((id, field)),
            TrunkName::Nothing => {
                let message = format!("{NO_TRUNK} `{name}`");
                // What nobody declares is a mistake of its own, whosever trunk is meant.
                let follows =
                    is_lost(context, id) && context.declared.may_be_anybodys(Kind::Trunk, name);
                let told = Diagnostic::new(Code::TL201, message).of(id).follows(follows);
                let told = told.at(context.span(id, &field.to_string()));
                absent.add(owner(id), name, told, &format!("declare the Trunk `{name}`"));
            }
        }
    }
    let used = OnceCell::new();
    let is_used = |id: &ResourceId| {
        let named =
            |(by, _, name): (&ResourceId, Field, &Name)| match context.trunk(owner(by), name) {
                TrunkName::Is(id, _) => Some(id),
                TrunkName::Refused | TrunkName::OfTenant | TrunkName::Nothing => None,
            };
        used.get_or_init(|| all_trunk_names(context).filter_map(named).collect::<BTreeSet<_>>())
            .contains(id)
    };
    let known = |owner: Option<&'a Name>, unused: bool| {
        let system = context.set.trunks().map(|(id, _)| id).take_while(|id| id.tenant.is_none());
        let own = owner.into_iter().flat_map(|one| context.set.owned(Kind::Trunk, one));
        let all = system.chain(own.map(|(id, _)| id));
        all.filter(move |id| !unused || !is_used(id)).map(|id| id.name.as_str())
    };
    absent.tell(true, known, (&context.compared, found));
    let mut absent = Absences::new();
    for (name, uses) in &foreign {
        match context.only_trunk_of_tenant(name) {
            Some(trunk) if is_of_system(context, trunk, uses) => {
                of_another(context, trunk, uses, found);
            }
            only => uses.iter().for_each(|place| {
                let told = not_own(context, *place, name, only);
                absent.add(
                    owner(place.0),
                    name,
                    told,
                    &format!("declare the Trunk `{name}` of this tenant"),
                );
            }),
        }
    }
    absent.tell(false, known, (&context.compared, found));
}

/// Whether the tenant that a resource belongs to does not exist: that is told by itself, and its own
/// trunks may be meant.
fn is_lost(context: &Context<'_>, id: &ResourceId) -> bool {
    owner(id).is_some_and(|one| !context.has_tenant(one))
}

/// Whether a tenant's trunk seems to be the system's: several others use it, or numbers on it are
/// another's alone.
fn is_of_system(context: &Context<'_>, trunk: &ResourceId, uses: &[(&ResourceId, Field)]) -> bool {
    let mut owners = uses.iter().map(|(id, _)| owner(id));
    let first = owners.next();
    let has_pool = |one| context.pool_items(trunk, one).is_some();
    owners.any(|one| Some(one) != first)
        || uses.iter().any(|(id, _)| id.kind == Kind::DidPool)
            && !trunk.tenant.as_ref().is_some_and(has_pool)
}

/// A name that its tenant gives no trunk: another one's trunk has it, and which one, if one alone.
fn not_own(
    context: &Context<'_>,
    (id, field): (&ResourceId, Field),
    name: &Name,
    only: Option<&ResourceId>,
) -> Diagnostic {
    let follows = is_lost(context, id);
    let message = match only {
        Some(other) => format!("trunk `{name}` is another tenant's own: {other}"),
        // Where every tenant has one of that name, nobody means another's.
        None => {
            format!("trunk `{name}` is only other tenants' own: this one has none of that name")
        }
    };
    let told = context.diagnostic(Code::TL402, id, &field.to_string(), message).follows(follows);
    let Some(other) = only else {
        let is_lost = |tenant| context.has_lost(Kind::Trunk, tenant);
        return told.follows(owner(id).is_some_and(is_lost));
    };
    told.follows(is_lost(context, other) || is_ip_of_tenant(context, other))
        .related(context.span(other, "/metadata/name"), "the trunk is declared here")
}

/// Whether a trunk is a tenant's and may be the system's only, which is told (TL401).
fn is_ip_of_tenant(context: &Context<'_>, id: &ResourceId) -> bool {
    let kind = context.trunk_of(id).map(|trunk| trunk.trunk_type);
    id.tenant.is_some() && kind == Some(TrunkType::Ip)
}

/// A tenant's trunk that others use: it is its tenant that is wrong.
fn of_another(
    context: &Context<'_>,
    trunk: &ResourceId,
    uses: &[(&ResourceId, Field)],
    found: &mut Vec<Diagnostic>,
) {
    let others: BTreeSet<_> = uses.iter().map(|(id, _)| owner(id)).collect();
    let users = match others.len() {
        1 => "another tenant uses it".to_owned(),
        count => format!("{count} other tenants use it"),
    };
    let message = format!("trunk `{}` is a tenant's own, and {users}", trunk.name);
    let kind = context.trunk_of(trunk).map(|one| one.trunk_type);
    let help = match kind {
        Some(kind @ (TrunkType::Teams | TrunkType::WhatsApp)) => format!(
            "a trunk of type `{}` is one tenant's: let the others use their own",
            kind.as_str()
        ),
        _ => "take `metadata.tenant` away, and DidPools assign the trunk to its tenants; or let the others use other trunks".to_owned(),
    };
    let mut told = context
        .diagnostic(Code::TL402, trunk, "/metadata/tenant", message)
        .follows(is_lost(context, trunk) || is_ip_of_tenant(context, trunk))
        .help(help);
    // They are kept: a deletion may be to blame (TL801).
    for (id, field) in uses {
        let of = not_own(context, (id, *field), &trunk.name, Some(trunk));
        if !of.follows {
            told = told.related(of.span, format!("{id} uses it"));
        }
        found.push(of.follows(true));
    }
    // Of users without a tenant, that is told.
    let follows = told.related.is_empty();
    found.push(told.follows(follows));
}

/// Every place that names a trunk, owner by owner.
fn all_trunk_names<'c, 'a>(
    context: &'c Context<'a>,
) -> impl Iterator<Item = (&'a ResourceId, Field, &'a Name)> + use<'c, 'a> {
    context.sections().flat_map(|section| trunk_names(context, section))
}

/// Every place of an owner's that names a trunk.
fn trunk_names<'c, 'a>(
    context: &'c Context<'a>,
    section: &Section<'a>,
) -> impl Iterator<Item = (&'a ResourceId, Field, &'a Name)> + use<'c, 'a> {
    let field = Field("/spec/trunk", None);
    let pools = section.did_pools().map(move |(id, pool)| (id, field, &pool.trunk));
    let rules = section.inbound_rules().map(move |(id, rule)| (id, field, &rule.trunk));
    let routes = section.outbound_rules().flat_map(|(id, rule)| {
        let routes = rule.routes.iter().enumerate();
        let field = |index| Field("/spec/routes", Some((index, "/trunk")));
        routes.map(move |(index, route)| (id, field(index), &route.trunk))
    });
    let tenants = section.tenants().flat_map(|(id, one)| caller_ids(id, &one.caller_ids));
    let extensions = section.extensions().flat_map(|(id, one)| caller_ids(id, &one.caller_ids));
    let tests = section.route_tests().flat_map(|(id, test)| {
        let inbound = test.inbound.as_ref().and_then(|call| call.trunk.as_ref());
        let expected = test.expect.trunk.as_ref();
        let inbound = inbound.map(|name| (id, Field("/spec/inbound/trunk", None), name));
        let expected = expected.map(|name| (id, Field("/spec/expect/trunk", None), name));
        let list = test.expect.trunks.iter().flatten().enumerate();
        let field = |at| Field("/spec/expect/trunks", Some((at, "")));
        let list = list.map(move |(at, name)| (id, field(at), name));
        inbound.into_iter().chain(expected).chain(list)
    });
    let all = pools.chain(rules).chain(routes).chain(tenants).chain(extensions).chain(tests);
    all.filter(|(id, field, _)| context.is_whole(id) || context.knows(id, &[&field.to_string()]))
}

fn caller_ids<'a>(
    id: &'a ResourceId,
    all: &'a [CallerId],
) -> impl Iterator<Item = (&'a ResourceId, Field, &'a Name)> {
    let field = |at| Field("/spec/callerIds", Some((at, "/trunk")));
    all.iter().enumerate().map(move |(at, one)| (id, field(at), &one.trunk))
}

/// A field that names an extension. It is spelled out where somebody asks: most are in order.
enum ExtensionField {
    /// The field of a destination.
    Of(DestinationField, &'static str),
    /// Who calls in a test.
    Caller,
}

impl std::fmt::Display for ExtensionField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Of(destination, field) => write!(f, "{destination}/{field}"),
            Self::Caller => f.write_str("/spec/outbound/extension"),
        }
    }
}

/// Numbers of extensions that resources name: what inbound rules send calls to, and who calls in a
/// test.
fn extension_numbers<'a>(
    section: &Section<'a>,
) -> impl Iterator<Item = (&'a ResourceId, ExtensionField, NumberRange)> + use<'a> {
    let rules = section.inbound_rules().flat_map(|(id, rule)| {
        rule.destinations().filter_map(move |(field, destination)| match &*destination {
            Destination::Extension(range) => {
                Some((id, ExtensionField::Of(field, "extension"), *range))
            }
            Destination::Voicemail(number) => {
                let field = ExtensionField::Of(field, "voicemail");
                Some((id, field, NumberRange::single(*number)))
            }
            Destination::Number(_)
            | Destination::Sip(_)
            | Destination::Keep(_)
            | Destination::Reject(_) => None,
        })
    });
    let tests = section.route_tests().filter_map(|(id, test)| {
        let call = test.outbound.as_ref()?;
        Some((id, ExtensionField::Caller, call.extension))
    });
    rules.chain(tests)
}

/// The numbers of a tenant's extensions.
pub(super) fn own_numbers(section: &Section<'_>) -> Coverage {
    DidSet::new(section.sound.extensions().map(|(_, one)| one.numbers).collect()).coverage()
}

/// Every place of a tenant's that names numbers of extensions that do not exist, with those numbers.
fn missing_extensions<'c, 'a>(
    context: &'c Context<'a>,
    section: &Section<'a>,
) -> impl Iterator<Item = (&'a ResourceId, String, Vec<NumberRange>)> + use<'c, 'a> {
    // A tenant that does not exist is told by itself.
    let is_known = section.tenant.is_some_and(|tenant| {
        context.has_tenant(tenant) && !context.declared.may_have(Kind::Extension, Some(tenant))
    });
    let numbers = own_numbers(section);
    let named = is_known.then(|| extension_numbers(section)).into_iter().flatten();
    named.filter_map(move |(id, field, range)| {
        let missing = numbers.uncovered(range);
        if missing.is_empty() {
            return None;
        }
        let field = field.to_string();
        context.knows(id, &[field.as_str()]).then_some((id, field, missing))
    })
}

/// Whether something of a tenant names an extension that does not exist, which is told.
pub(in crate::validate) fn misses_extension<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
) -> bool {
    missing_extensions(context, section).next().is_some()
}

/// Extensions that do not exist.
pub(super) fn tl201_extensions<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let mut all = Vec::new();
    for (id, field, missing) in missing_extensions(context, section) {
        let message = format!("no Extension of this tenant has {}", listed(&missing));
        let help = if id.kind == Kind::RouteTest {
            "declare the Extension, or let another one call"
        } else {
            "declare the Extension, or send the calls elsewhere"
        };
        let is_lost = |tenant| context.has_lost(Kind::Extension, tenant);
        let follows = section.tenant.is_some_and(is_lost);
        let told = context.diagnostic(Code::TL201, id, &field, message).help(help).follows(follows);
        all.extend(Gap::new((), (found.len(), &told), missing));
        found.push(told);
    }
    if all.len() < 2 {
        return;
    }
    let numbers = own_numbers(section);
    gaps::once(found, all, |()| Some(&numbers));
}

/// The rules that tests expect to decide: of the tenant, and of the direction of the call.
pub(super) fn tl201_rules(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    const FIELD: &str = "/spec/expect/rule";
    let mut absent = Absences::new();
    for (id, test) in context.route_tests() {
        let (Some(tenant), Some(name)) = (&id.tenant, &test.expect.rule) else { continue };
        let kind = match (&test.inbound, &test.outbound) {
            (Some(_), None) => Kind::InboundRule,
            (None, Some(_)) => Kind::OutboundRule,
            // Which direction is meant is told.
            (Some(_), Some(_)) | (None, None) => continue,
        };
        let rule = ResourceId::owned(kind, tenant.clone(), name.clone());
        if !context.knows(id, &[FIELD, "/spec/inbound", "/spec/outbound"])
            || !context.has_tenant(tenant)
            || context.set.contains(&rule)
            || context.declared.may_be(&rule)
        {
            continue;
        }
        let message = format!("tenant `{tenant}` has no {kind} `{name}`");
        let told = context.diagnostic(Code::TL201, id, FIELD, message);
        let told = told.follows(context.has_lost(kind, tenant));
        absent.add((tenant, kind), name, told, &format!("declare the {kind} `{name}`"));
    }
    // Most rules are named by no test.
    let known = |(tenant, kind), _| context.set.owned(kind, tenant).map(|(id, _)| id.name.as_str());
    absent.tell(false, known, (&context.compared, found));
}

/// A second policy: a repository has one.
pub(super) fn tl202_policies(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let void = context.declared.void_policies();
    let policies = || context.policies().map(|(id, _)| id).filter(|id| !void.contains_key(id));
    let counts = context.declared.policy(context.set).map(|(id, _)| id);
    let Some(first) = counts.or_else(|| policies().next()) else { return };
    for id in policies().filter(|id| *id != first) {
        let conflict = context.conflict(Code::TL202, "/metadata/name", (id, first), |_, other| {
            format!("there is a policy already: {other}")
        });
        found.push(conflict.help("a repository has one Policy: put all of it into one document"));
    }
}

/// A tenant's trunk that hides a trunk of the system scope.
pub(super) fn tl202_trunk_names(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, _) in context.trunks().filter(|(id, _)| id.tenant.is_some()) {
        let system = ResourceId::system(Kind::Trunk, id.name.clone());
        if !context.set.contains(&system) {
            continue;
        }
        let message = format!("a trunk of the system scope has the name `{}` too", id.name);
        let diagnostic = context.diagnostic(Code::TL202, id, "/metadata/name", message);
        let other = context.span(&system, "/metadata/name");
        found.push(
            diagnostic.related(other, "the system's trunk").help("give one of them another name"),
        );
    }
}
