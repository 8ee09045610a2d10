//! TL802, TL803 and TL804: what may not be deleted though nobody uses it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use trunkline::diag::Code;
use trunkline::model::{Policy, Resource, ResourceId, ResourceSet, Spec};
use trunkline::plan::{Context, plan};
use trunkline::validate::check_resources;

const PREVENT_DESTROY: &str = "trunkline.dev/prevent-destroy";

/// One extension of a tenant: whether it is live, protected, desired, protected there.
type Fate = (bool, bool, bool, bool);

fn resource(kind: &str, tenant: Option<&str>, name: &str, note: bool, spec: &Value) -> Resource {
    let mut metadata = json!({"name": name});
    if let Some(tenant) = tenant {
        metadata["tenant"] = tenant.into();
    }
    if note {
        metadata["annotations"] = json!({PREVENT_DESTROY: "true"});
    }
    serde_json::from_value(json!({"kind": kind, "metadata": metadata, "spec": spec})).unwrap()
}

/// The frame that stays: a listener, two tenants, and a trunk whose brand may change.
fn frame(set: &mut ResourceSet, brand: &str, is_protected: bool) {
    let transport = json!({"protocol": "udp", "bind": "127.0.0.1", "port": 5060});
    let trunk = json!({"type": "ip", "host": "10.0.0.1", "brand": brand});
    for one in [
        resource("Transport", None, "udp", false, &transport),
        resource("Tenant", None, "c0", false, &json!({"sipDomain": "c0.example"})),
        resource("Tenant", None, "c1", false, &json!({"sipDomain": "c1.example"})),
        resource("Trunk", None, "k", is_protected, &trunk),
    ] {
        set.insert(Arc::new(one));
    }
}

fn policy() -> impl Strategy<Value = Option<Value>> {
    let count = prop::option::of(0_u32..12);
    let percent = prop::sample::select(vec![0_u32, 10, 29, 30, 31, 50, 99, 100]);
    let one = (count, percent, any::<bool>()).prop_map(|(count, percent, empty)| {
        json!({"deletions": {"maxCount": count, "maxPercent": percent}, "allowEmpty": empty})
    });
    prop::option::weighted(0.7, one)
}

/// A live and a desired state, of which the second may be empty.
fn two_states() -> impl Strategy<Value = (ResourceSet, ResourceSet)> {
    let percent = |share: f64| prop::bool::weighted(share);
    let fate = move |goes: f64| (percent(0.9), percent(0.1), percent(1.0 - goes), percent(0.1));
    let fates = (0.0_f64..0.7).prop_flat_map(move |goes| {
        let tenant = || prop::collection::vec(fate(goes), 6..16);
        (tenant(), tenant())
    });
    let trunk = (percent(0.3), percent(0.3));
    (fates, policy(), policy(), trunk, percent(0.1)).prop_map(
        |((first, second), was, is, (is_protected, is_new), is_empty)| {
            let (mut live, mut desired) = (ResourceSet::default(), ResourceSet::default());
            frame(&mut live, "generic", is_protected);
            frame(&mut desired, if is_new { "voip-ms" } else { "generic" }, false);
            for (set, spec) in [(&mut live, was), (&mut desired, is)] {
                let policy = spec.map(|spec| resource("Policy", None, "p", false, &spec));
                policy.into_iter().for_each(|policy| drop(set.insert(Arc::new(policy))));
            }
            for (tenant, host, fates) in [("c0", 1, first), ("c1", 2, second)] {
                extensions(&mut live, &mut desired, (tenant, host), &fates);
            }
            (live, if is_empty { ResourceSet::default() } else { desired })
        },
    )
}

fn extensions(
    live: &mut ResourceSet,
    desired: &mut ResourceSet,
    (tenant, host): (&str, u8),
    fates: &[Fate],
) {
    for (at, (was, was_protected, is, is_protected)) in fates.iter().enumerate() {
        let contact = format!("sip:10.1.0.{host}:5060");
        let spec = json!({"numbers": (100 + at).to_string(), "contact": contact});
        let one = |note| resource("Extension", Some(tenant), &format!("e{at}"), note, &spec);
        if *was {
            live.insert(Arc::new(one(*was_protected)));
        }
        if *is {
            desired.insert(Arc::new(one(*is_protected)));
        }
    }
}

fn policy_of(set: &ResourceSet) -> Option<&Policy> {
    set.iter().find_map(|(_, one)| if let Spec::Policy(it) = &one.spec { Some(it) } else { None })
}

fn brand(set: &ResourceSet) -> Option<String> {
    set.trunks().next().map(|(_, trunk)| trunk.brand.to_string())
}

/// The rule: refusals as code and whom they concern.
fn stated(live: &ResourceSet, desired: &ResourceSet) -> BTreeSet<(Code, Option<String>)> {
    let default: Policy = serde_json::from_value(json!({})).unwrap();
    let was = policy_of(live).unwrap_or(&default);
    let is = policy_of(desired).unwrap_or(was);
    let is_empty = desired.is_empty();
    if is_empty && !was.allow_empty {
        return BTreeSet::from([(Code::TL804, None)]);
    }
    let mut refused = BTreeSet::new();
    for (id, resource) in live.iter() {
        let is_protected = resource.metadata.annotations.contains_key(PREVENT_DESTROY);
        let replaced = id.to_string() == "Trunk/k" && brand(live) != brand(desired);
        if is_protected && (!desired.contains(id) || replaced) {
            refused.insert((Code::TL802, Some(id.to_string())));
        }
    }
    for owner in [None, Some("c0"), Some("c1")].into_iter().filter(|_| !is_empty) {
        let owns = |id: &&ResourceId| id.tenant.as_ref().map(|name| name.as_str()) == owner;
        let all: Vec<_> = live.iter().map(|(id, _)| id).filter(owns).collect();
        let total = u32::try_from(all.len()).unwrap();
        let gone = all.iter().filter(|id| !desired.contains(id)).count();
        let gone = u32::try_from(gone).unwrap();
        let exceeds = |policy: &Policy| {
            let limits = &policy.deletions;
            let count = limits.max_count.is_some_and(|most| gone > most);
            count || (total > 10 && gone * 100 > limits.max_percent * total)
        };
        if exceeds(was) || exceeds(is) {
            refused.insert((Code::TL803, owner.map(|name| format!("Tenant/{name}"))));
        }
    }
    refused
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn deletions_are_refused_exactly_where_the_rule_says((live, desired) in two_states()) {
        prop_assert!(check_resources(&live).is_empty() && check_resources(&desired).is_empty());
        let refusals = plan(&live, &desired, &Context::BARE).refusals;
        let found: BTreeSet<_> =
            refusals.iter().map(|one| (one.code, one.resource.clone())).collect();
        prop_assert_eq!(found.len(), refusals.len(), "each once: {:#?}", refusals);
        prop_assert_eq!(found, stated(&live, &desired));
        for one in refusals.iter().filter(|one| one.code == Code::TL803) {
            let help = one.help.clone().unwrap_or_default();
            prop_assert!(help.contains("first apply"), "{}", help);
        }
    }
}
