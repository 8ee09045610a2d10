//! Rules about trunks: where they may stand, what they need, and who else has their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::overlap::Bounds;
use super::values::is_of_nobody;
use super::{overlap, provider};
use crate::diag::{Code, Diagnostic};
use crate::manifest::kinds;
use crate::model::value::{Cidr, Name, NumberRange};
use crate::model::{Kind, Protocol, ResourceId, Trunk, TrunkType};
use crate::validate::context::Context;

/// The port of SIP over UDP where none is written.
const SIP_PORT: u16 = 5060;

/// Which scope a type of trunk belongs to, and which ones a tenant may declare.
pub(super) fn tl401_scope(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in
        context.trunks().filter(|(id, _)| context.knows(id, &["/spec/type", "/metadata/tenant"]))
    {
        let kind = trunk.trunk_type;
        if let Some((message, help)) = kinds::out_of_scope(kind, id.tenant.is_some()) {
            let mut told = context.diagnostic(Code::TL401, id, "/spec/type", message).help(help);
            if id.tenant.is_some() {
                told = told.related(context.span(id, "/metadata/tenant"), "it has a tenant");
            }
            found.push(told);
        } else if let Some(tenant) = &id.tenant
            && let Some(feature) = forbidden(context, tenant, kind)
        {
            let message = format!(
                "tenant `{tenant}` may not declare this trunk: `features.{feature}` is false"
            );
            let id_of = ResourceId::system(Kind::Tenant, tenant.clone());
            let field = format!("/spec/features/{feature}");
            found.push(
                context
                    .diagnostic(Code::TL401, id, "/spec/type", message)
                    .related(context.span(&id_of, &field), "the tenant's feature")
                    .help("switch the feature on, or take the trunk out"),
            );
        }
    }
}

/// Whether a trunk's type is not allowed where it stands: what the type would need is not asked then.
pub(super) fn is_out_of_place(context: &Context<'_>, id: &ResourceId, trunk: &Trunk) -> bool {
    let kind = trunk.trunk_type;
    let is_forbidden = |tenant| forbidden(context, tenant, kind).is_some();
    kinds::out_of_scope(kind, id.tenant.is_some()).is_some()
        || id.tenant.as_ref().is_some_and(is_forbidden)
}

/// The feature that a tenant would need and does not have.
fn forbidden(context: &Context<'_>, tenant: &Name, kind: TrunkType) -> Option<&'static str> {
    let features = &context.set.tenant(None, tenant)?.features;
    match kind {
        _ if !features.tenant_trunks => Some("tenantTrunks"),
        TrunkType::Teams if !features.teams => Some("teams"),
        TrunkType::WhatsApp if !features.whats_app => Some("whatsApp"),
        TrunkType::Register
        | TrunkType::AcceptRegister
        | TrunkType::Ip
        | TrunkType::Teams
        | TrunkType::WhatsApp => None,
    }
}

/// A second `ip` trunk of one provider: the provider's calls could not be told apart.
pub(super) fn tl405_second_of_provider(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for group in provider::groups(context.set) {
        let by_address = |(id, trunk): &(&ResourceId, &Trunk)| {
            id.tenant.is_none() && trunk.trunk_type == TrunkType::Ip
        };
        let system: Vec<_> = group.into_iter().filter(by_address).collect();
        let mut earlier = Earlier::default();
        for (id, trunk) in system {
            let Some((other, first)) = earlier.of_provider((id, trunk)) else { continue };
            let by_key = trunk.provider.is_some() && trunk.provider == first.provider;
            let field = if by_key { "/spec/provider" } else { "/spec/host" };
            let conflict = context.conflict(Code::TL405, field, (id, other), |_, other| {
                format!("trunk `{}` is of the same provider", other.name)
            });
            found.push(conflict.help(
                "use one trunk, with `associatedIps` for further addresses; if the companies differ, give both a `provider` key",
            ));
        }
    }
}

/// Trunks that were looked at, in their order.
#[derive(Default)]
struct Earlier<'a> {
    all: Vec<(&'a ResourceId, &'a Trunk)>,
    /// The first one of each key.
    by_key: BTreeMap<&'a str, usize>,
    /// Those without a key.
    plain: Vec<usize>,
}

impl<'a> Earlier<'a> {
    /// The first trunk of the provider of this one, which is added. Of two keys nothing else counts: they
    /// are looked up, as a provider of many trunks may have one for each.
    fn of_provider(
        &mut self,
        (id, trunk): (&'a ResourceId, &'a Trunk),
    ) -> Option<(&'a ResourceId, &'a Trunk)> {
        let at = self.all.len();
        let is_same =
            |at: &usize| self.all.get(*at).is_some_and(|(_, one)| trunk.same_provider(one));
        let first = match trunk.provider.as_deref() {
            Some(key) => {
                let plain = self.plain.iter().copied().find(is_same);
                let keyed = *self.by_key.entry(key).or_insert(at);
                plain.into_iter().chain((keyed < at).then_some(keyed)).min()
            }
            None => {
                let first = (0..at).find(is_same);
                self.plain.push(at);
                first
            }
        };
        let found = first.and_then(|first| self.all.get(first).copied());
        self.all.push((id, trunk));
        found
    }
}

/// What a packet must look like to be a trunk's: listener, source range, source port if checked.
type Match<'a> = (Option<&'a str>, Cidr, Option<u16>);

/// Two enabled trunks that a packet would fit equally well (G28), unless the called number tells
/// them apart.
pub(super) fn tl407_same_packet(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let udp = context.set.transports().filter(|(_, one)| one.protocol == Protocol::Udp);
    let mut only = udp.map(|(id, _)| id.name.as_str());
    let only = only.next().filter(|_| only.next().is_none());
    let mut rivals: BTreeMap<Match<'_>, BTreeMap<&ResourceId, &Trunk>> = BTreeMap::new();
    for (id, trunk) in context.set.trunks().filter(|(_, trunk)| trunk.enabled) {
        let listener = trunk.transport.as_ref().map(|name| name.as_str()).or(only);
        // Who connects does so from any port: only datagrams have one to verify.
        let named = trunk.transport.as_ref().and_then(|name| context.set.transport(None, name));
        let datagrams = named.is_none_or(|one| one.protocol == Protocol::Udp);
        let port = (trunk.verify_port && datagrams).then(|| port(trunk.port()));
        for source in trunk.source_addresses().filter(|one| !is_of_nobody(*one)) {
            rivals.entry((listener, source, port)).or_default().insert(id, trunk);
        }
    }
    rivals.retain(|_, trunks| trunks.len() > 1);
    let mut numbers: Numbers<'_> = BTreeMap::new();
    for (trunk, tenant, items) in context.pools() {
        let of_trunk = numbers.entry(trunk).or_default();
        of_trunk.extend(items.iter().map(|item| (item.range, tenant)));
    }
    // Trunks that share many addresses are compared once, and each pair is told once.
    let mut compared = BTreeSet::new();
    let mut told = BTreeSet::new();
    for ((_, source, port), trunks) in &rivals {
        if !compared.insert(trunks.keys().copied().collect::<Vec<_>>()) {
            continue;
        }
        let NotSeparated { pairs, stopped } = not_separated(context, trunks, &numbers);
        for pair in pairs {
            if told.insert(pair) {
                found.push(ambiguous(context, pair, *source, *port));
            }
        }
        found.extend(stopped.map(|stopped| not_compared(context, stopped, *source, *port)));
    }
}

/// Pairs told for one address; that there may be more is told.
const MAX_PAIRS: usize = 1000;

/// Ranges of numbers compared for one address.
const MAX_STEPS: usize = 10_000_000;

/// The numbers of every trunk, each with its tenant.
type Numbers<'a> = BTreeMap<&'a ResourceId, Vec<(NumberRange, &'a Name)>>;

/// Trunks of one address that the called number does not tell apart.
struct NotSeparated<'a> {
    pairs: Vec<(&'a ResourceId, &'a ResourceId)>,
    /// The trunk from which on nothing was compared, and its numbers there, if the comparison came so far;
    /// `None`: these are all.
    stopped: Option<(&'a ResourceId, Option<NumberRange>)>,
}

/// The pairs of trunks that the called number does not tell apart: they share numbers, or one has
/// none. Of one provider, two `ip` trunks are TL405's business, numbers of two tenants TL301's, and
/// a trunk without any is told as that.
fn not_separated<'a>(
    context: &Context<'_>,
    trunks: &BTreeMap<&'a ResourceId, &'a Trunk>,
    numbers: &Numbers<'a>,
) -> NotSeparated<'a> {
    let differ = |a: &ResourceId, b: &ResourceId| match (trunks.get(a), trunks.get(b)) {
        (Some(a), Some(b)) => !a.same_provider(b),
        _ => false,
    };
    let by_address = |id: &ResourceId| {
        let ip = trunks.get(id).is_some_and(|trunk| trunk.trunk_type == TrunkType::Ip);
        ip && id.tenant.is_none()
    };
    let related = |(a, of): (&ResourceId, &Name), (b, of_other): (&ResourceId, &Name)| {
        a != b && (differ(a, b) || (of == of_other && !(by_address(a) && by_address(b))))
    };
    let others = Others::new(trunks);
    let mut items = Vec::new();
    let mut pairs = Vec::new();
    for id in trunks.keys().copied() {
        if let Some(ranges) = numbers.get(id) {
            items
                .extend(ranges.iter().map(|(range, tenant)| (*range, (id, *tenant), (id, *range))));
        } else if !context.may_have_any_pool() {
            // A refused pool might hold the numbers that separate them.
            let other = others.of(trunks.get(id).copied());
            pairs.extend(other.map(|other| (id.min(other), id.max(other))));
        }
    }
    let bounds = Bounds { pairs: MAX_PAIRS, steps: MAX_STEPS };
    let shared = overlap::between_owners(&mut items, related, bounds);
    pairs.extend(shared.pairs.into_keys().map(|((a, _), (b, _))| (a.min(b), a.max(b))));
    let stopped = shared.stopped.map(|(id, range)| (id, Some(range)));
    let cut = pairs.get(MAX_PAIRS).map(|(_, second)| (*second, None));
    pairs.truncate(MAX_PAIRS);
    NotSeparated { pairs, stopped: stopped.or(cut) }
}

/// Of trunks of one address, the first one, and the first one of another provider than that. Of one
/// provider are all but those whose `provider` keys differ, so that one of these two is the first that
/// any trunk differs from.
struct Others<'a>([Option<(&'a ResourceId, &'a Trunk)>; 2]);

impl<'a> Others<'a> {
    fn new(trunks: &BTreeMap<&'a ResourceId, &'a Trunk>) -> Self {
        let mut keyed = trunks.iter().filter(|(_, trunk)| trunk.provider.is_some());
        let first = keyed.next();
        let second =
            keyed.find(|(_, one)| first.is_some_and(|(_, it)| it.provider != one.provider));
        Self([first, second].map(|one| one.map(|(id, trunk)| (*id, *trunk))))
    }

    /// The first trunk of another provider than a trunk's.
    fn of(&self, trunk: Option<&Trunk>) -> Option<&'a ResourceId> {
        let provider = trunk?.provider.as_ref()?;
        let differs = |(_, other): &&(_, &Trunk)| other.provider.as_ref() != Some(provider);
        self.0.iter().flatten().find(differs).map(|(id, _)| *id)
    }
}

/// Says where a comparison ended before it was complete.
fn not_compared(
    context: &Context<'_>,
    (trunk, from): (&ResourceId, Option<NumberRange>),
    source: Cidr,
    port: Option<u16>,
) -> Diagnostic {
    let sample = SocketAddr::new(source.network(), port.unwrap_or(SIP_PORT));
    let from = from.map_or(String::new(), |range| format!(", from `{range}` on"));
    let message = format!(
        "not all trunks that a packet from {sample} can match are compared{from}: too many have the same numbers, or none"
    );
    let told = context.diagnostic(Code::TL407, trunk, "/spec/host", message);
    told.help("mend those that are told, let fewer trunks share the address, and look again")
}

fn ambiguous(
    context: &Context<'_>,
    pair: (&ResourceId, &ResourceId),
    source: Cidr,
    port: Option<u16>,
) -> Diagnostic {
    let sample = SocketAddr::new(source.network(), port.unwrap_or(SIP_PORT));
    let conflict = context.conflict(Code::TL407, "/spec/host", pair, |_, other| {
        format!("trunk `{}` can match the same packet, for example one from {sample}", other.name)
    });
    conflict.help("give them different addresses, `verifyPort` with different ports, or pools that share no number")
}

pub(super) fn port(port: u16) -> u16 {
    if port == 0 { SIP_PORT } else { port }
}
