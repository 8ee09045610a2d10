//! Who may use what at the same time, and what nobody uses.

use std::collections::{BTreeMap, BTreeSet};

use super::dead::told_of;
use crate::diag::{Code, Diagnostic, MAX_RELATED};
use crate::model::value::Name;
use crate::model::{
    InboundRule, Kind, OutboundRoute, ResourceId, Trunk, TrunkType, UserSlot, UserWord,
};
use crate::validate::context::{Context, Set, TrunkName};
use crate::validate::section::Section;

/// A trunk's name where a rule uses it.
struct TrunkUse<'a> {
    id: &'a ResourceId,
    /// The route of an outbound rule.
    route: Option<usize>,
    name: &'a Name,
    enabled: bool,
}

impl TrunkUse<'_> {
    fn field(&self) -> String {
        let route = self.route.map_or(String::new(), |index| format!("/routes/{index}"));
        format!("/spec{route}/trunk")
    }
}

fn uses<'a>(section: &Section<'a>) -> impl Iterator<Item = TrunkUse<'a>> + use<'a> {
    let inbound = section.sound.inbound_rules().map(|(id, rule)| {
        let InboundRule { trunk: name, enabled, .. } = rule;
        TrunkUse { id, route: None, name, enabled: *enabled }
    });
    let outbound = section.sound.outbound_rules().flat_map(|(id, rule)| {
        rule.routes.iter().enumerate().map(
            move |(index, OutboundRoute { trunk: name, enabled, .. })| TrunkUse {
                id,
                route: Some(index),
                name,
                enabled: *enabled,
            },
        )
    });
    inbound.chain(outbound)
}

/// A trunk that is switched off, and rules that count all the same.
pub(super) fn tl204_disabled_trunk(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.set.trunks().all(|(_, trunk)| trunk.enabled) {
        return;
    }
    let mut used: BTreeMap<&ResourceId, Vec<TrunkUse<'_>>> = BTreeMap::new();
    for one in context.sections().flat_map(uses).filter(|one| one.enabled) {
        if let TrunkName::Is(id, trunk) = context.trunk(one.id.tenant.as_ref(), one.name)
            && !trunk.enabled
        {
            used.entry(id).or_default().push(one);
        }
    }
    for (id, uses) in used {
        let rules = match uses.len() {
            1 => "one place in the rules uses it".to_owned(),
            count => format!("{count} places in the rules use it"),
        };
        let message = format!("trunk `{}` is disabled, and {rules}: no call runs over it", id.name);
        let mut told = context.diagnostic(Code::TL204, id, "/spec/enabled", message);
        for one in &uses {
            let span = context.span(one.id, &one.field());
            told = told.related(span, format!("{} uses it", one.id));
        }
        found.push(told.help("enable the trunk, or disable what uses it, too"));
    }
}

/// A tenant that is switched off with rules that count: none of them takes a call.
pub(super) fn tl204_disabled_tenant(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, _) in context.set.tenants().filter(|(_, tenant)| !tenant.enabled) {
        let inbound = context.set.owned(Kind::InboundRule, &id.name);
        let rules: Vec<_> =
            inbound.chain(context.set.owned(Kind::OutboundRule, &id.name)).collect();
        if rules.is_empty() {
            continue;
        }
        let message = format!("tenant `{}` is disabled: none of its rules takes a call", id.name);
        let told = context.diagnostic(Code::TL204, id, "/spec/enabled", message);
        let told = rules.iter().take(MAX_RELATED).fold(told, |told, (rule, _)| {
            told.related(context.span(rule, "/metadata/name"), "one of its rules")
        });
        found.push(told.help("enable the tenant, or leave it so until its rules are wanted again"));
    }
}

/// A tenant's own trunk without numbers.
pub(super) fn tl305_without_pool(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Trunks that others use: their tenant is wrong.
    let shared = told_of(found, Code::TL402);
    for (id, trunk) in context.set.trunks() {
        let Some(tenant) = &id.tenant else { continue };
        let has = context.pool_items(id, tenant).is_some();
        if has || !context.has_tenant(tenant) || context.may_have_pool(tenant) {
            continue;
        }
        let follows =
            context.has_lost_pool(tenant) || super::trunks::is_out_of_place(context, id, trunk);
        let follows = follows || !shared.is_empty() && shared.contains(&id.to_string());
        let message = format!("tenant `{tenant}` has no pool on its trunk `{}`", id.name);
        found.push(
            context
                .diagnostic(Code::TL305, id, "/metadata/name", message)
                .follows(follows)
                .help("declare a DidPool with the numbers that come over it"),
        );
    }
}

/// A system trunk that is assigned to nobody.
pub(super) fn tl415_unassigned(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.may_have_any_pool() {
        return;
    }
    let mut assigned: BTreeSet<&ResourceId> = context.pools().map(|(trunk, _, _)| trunk).collect();
    // Rules that use it without a pool are told: TL506.
    assigned.extend(context.uses().trunks.iter().copied());
    for (id, trunk) in context.set.trunks() {
        // The pools of a trunk that a tenant's trunk hides are that one's: TL202.
        let is_hidden = context.trunk_of_tenant(&id.name).is_some();
        if id.tenant.is_some()
            || assigned.contains(id)
            || is_hidden
            || super::trunks::is_out_of_place(context, id, trunk)
        {
            continue;
        }
        let message = format!("no tenant has a pool on the trunk `{}`: nobody can use it", id.name);
        found.push(
            context
                .diagnostic(Code::TL415, id, "/metadata/name", message)
                .help("a DidPool of a tenant on this trunk assigns it"),
        );
    }
}

/// Pools that promise more calls than their trunk carries.
pub(super) fn tl417_shares(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut shares: BTreeMap<&ResourceId, (u64, Vec<&ResourceId>)> = BTreeMap::new();
    for (id, pool) in context.set.did_pools() {
        let TrunkName::Is(trunk, _) = context.trunk(id.tenant.as_ref(), &pool.trunk) else {
            continue;
        };
        let Some(share) = pool.concurrent_calls else { continue };
        let entry = shares.entry(trunk).or_default();
        entry.0 = entry.0.saturating_add(share.into());
        entry.1.push(id);
    }
    for (id, (sum, pools)) in shares {
        let trunk = context.trunk_of(id);
        let Some(limit) = trunk.and_then(|trunk| trunk.limits.concurrent_calls) else { continue };
        if sum <= limit.into() {
            continue;
        }
        let message = format!(
            "the shares of {} on trunk `{}` come to {sum} calls, its limit is {limit}",
            if pools.len() == 1 { "one pool".to_owned() } else { format!("{} pools", pools.len()) },
            id.name
        );
        let mut told = context.diagnostic(Code::TL417, id, "/spec/limits/concurrentCalls", message);
        for pool in pools.iter().take(MAX_RELATED) {
            told = told.related(
                context.span(pool, "/spec/concurrentCalls"),
                format!("the share of {pool}"),
            );
        }
        found.push(
            told.help("raise the trunk's limit, or lower the shares, if nobody may be turned away"),
        );
    }
}

/// What the rules of a set use.
#[derive(Debug, Default)]
pub(in crate::validate) struct Uses<'a> {
    /// The trunks over which rules send or answer calls.
    pub(super) trunks: Set<&'a ResourceId>,
    /// The tenants with rules whose trunk does not exist or is not theirs: such a rule may be meant
    /// for any trunk of its tenant.
    pub(super) astray: Set<&'a Name>,
}

/// What the rules use; see [`Context::uses`].
pub(in crate::validate) fn of_rules<'a>(context: &Context<'a>) -> Uses<'a> {
    let mut all = Uses::default();
    for one in context.sections().flat_map(uses) {
        let tenant = one.id.tenant.as_ref();
        match context.trunk(tenant, one.name) {
            TrunkName::Is(trunk, _) => {
                all.trunks.insert(trunk);
                // Nor is a trunk of the system's where the tenant has no pool: TL506.
                let foreign = tenant.filter(|tenant| {
                    trunk.tenant.is_none() && context.pool_items(trunk, tenant).is_none()
                });
                all.astray.extend(foreign);
            }
            TrunkName::OfTenant | TrunkName::Nothing => all.astray.extend(tenant),
            TrunkName::Refused => {}
        }
    }
    all
}

/// A trunk over which no rule sends or answers a call.
pub(super) fn tl418_in_no_rule(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let declared = context.declared;
    if declared.may_have_any(Kind::InboundRule) || declared.may_have_any(Kind::OutboundRule) {
        return;
    }
    let Uses { trunks: used, astray } = context.uses();
    let mut assigned: BTreeMap<&ResourceId, bool> = BTreeMap::new();
    for (trunk, tenant, _) in context.pools() {
        *assigned.entry(trunk).or_default() |= astray.contains(tenant);
    }
    // A trunk without any pool is told as such (TL305, TL415).
    let told = |id: &ResourceId| !used.contains(id) && assigned.get(id) == Some(&false);
    for (id, _) in context.set.trunks().filter(|(id, _)| told(id)) {
        let message = format!("no rule uses the trunk `{}`: no call runs over it", id.name);
        found.push(
            context
                .diagnostic(Code::TL418, id, "/metadata/name", message)
                .help("add an InboundRule for its numbers, or a route of an OutboundRule"),
        );
    }
}

/// `AUTH_ID` on a trunk that has no registration: it would say nothing.
pub(super) fn tl416_auth_id(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.set.trunks().filter(|(_, one)| one.trunk_type == TrunkType::Ip) {
        for (field, slot) in user_slots(trunk) {
            if *slot != UserSlot::Word(UserWord::AuthId) {
                continue;
            }
            let field = format!("/spec/outboundParameters/{field}");
            let message = "`AUTH_ID` is empty on a trunk of type `ip`: it has no registration";
            found.push(
                context
                    .diagnostic(Code::TL416, id, &field, message)
                    .help("write `OUTBOUND_CALLER_ID`, or `{custom: TEXT}`"),
            );
        }
    }
}

/// Every display name and user part that a trunk's headers say, with its place.
fn user_slots(trunk: &Trunk) -> Vec<(String, &UserSlot)> {
    let all = &trunk.outbound_parameters;
    let plain = [("requestUri", &all.request_uri), ("contact", &all.contact)];
    let plain =
        plain.into_iter().filter_map(|(at, one)| Some((at, None, one.as_ref()?.user.as_ref())));
    let named = [
        ("to", &all.to),
        ("from", &all.from),
        ("remotePartyIdCalled", &all.remote_party_id_called),
        ("remotePartyIdCalling", &all.remote_party_id_calling),
    ];
    let named = named.into_iter().filter_map(|(at, one)| {
        let one = one.as_ref()?;
        Some((at, one.display_name.as_ref(), one.user.as_ref()))
    });
    let removable = [
        ("pAssertedIdentity", &all.p_asserted_identity),
        ("pPreferredIdentity", &all.p_preferred_identity),
        ("pCalledPartyId", &all.p_called_party_id),
    ];
    let removable = removable.into_iter().filter_map(|(at, one)| {
        let one = one.as_ref()?;
        Some((at, one.display_name.as_ref(), one.user.as_ref()))
    });
    let blocks = plain.chain(named).chain(removable);
    let slots = blocks.flat_map(|(at, name, user)| {
        [(format!("{at}/displayName"), name), (format!("{at}/user"), user)]
    });
    slots.filter_map(|(field, slot)| Some((field, slot?))).collect()
}
