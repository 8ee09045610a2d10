//! The planner against chance: whatever two valid states it is given, the way between them holds.

#[cfg(test)]
mod world {
    //! Small worlds with few numbers, ports, domains and addresses, so that swaps are likely.

    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use trunkline::diag::{Diagnostic, Severity};
    use trunkline::model::value::Name;
    use trunkline::model::{Resource, ResourceSet};
    use trunkline::validate::check_resources;

    /// One resource that a world has or has not, as dice.
    pub(crate) type Slot = Option<[u8; 5]>;

    /// How many slots a world has.
    pub(crate) const SLOTS: usize = 3 + 3 + 4 + 3 * (2 + 2 + 3 + 1) + 1;

    pub(crate) fn slots() -> impl Strategy<Value = Vec<Slot>> {
        let slot = prop::option::weighted(0.85, prop::array::uniform5(0_u8..60));
        prop::collection::vec(slot, SLOTS)
    }

    /// The valid part of a world: built kind by kind, so that what refers finds what it may refer
    /// to, and without whatever has an error.
    pub(crate) fn valid(slots: &[Slot]) -> ResourceSet {
        let mut set = ResourceSet::default();
        for (at, slot) in slots.iter().enumerate() {
            let Some(resource) = slot.and_then(|dice| resource(at, dice, &set)) else { continue };
            let id = resource.id();
            set.insert(resource);
            if !errors(&set).is_empty() {
                set.remove(&id);
            }
        }
        set
    }

    pub(crate) fn errors(set: &ResourceSet) -> Vec<Diagnostic> {
        let found = check_resources(set).into_iter();
        found.filter(|one| one.severity() == Severity::Error).collect()
    }

    fn resource(at: usize, dice: [u8; 5], set: &ResourceSet) -> Option<Arc<Resource>> {
        let (kind, tenant, name, spec) = match at {
            0..3 => ("Transport", None, format!("t{at}"), transport(dice)),
            3..6 => ("Tenant", None, format!("c{}", at - 3), tenant(dice)),
            6..10 => ("Trunk", None, format!("k{}", at - 6), trunk(dice, set)),
            _ if at == SLOTS - 1 => ("Policy", None, format!("p{}", dice[0] % 2), policy(dice)),
            _ => {
                let (tenant, slot) = ((at - 10) % 3, (at - 10) / 3);
                let tenant = format!("c{tenant}");
                let (kind, spec) = match slot {
                    0..2 => ("DidPool", pool(dice, set)?),
                    2..4 => ("Extension", extension(dice)),
                    4..7 => ("InboundRule", inbound(dice, &tenant.parse().unwrap(), set)?),
                    _ => ("OutboundRule", outbound(dice, &tenant.parse().unwrap(), set)?),
                };
                (kind, Some(tenant), format!("n{slot}"), spec)
            }
        };
        let mut metadata = json!({"name": name});
        if let Some(tenant) = tenant {
            metadata["tenant"] = tenant.into();
        }
        let whole = json!({"kind": kind, "metadata": metadata, "spec": spec});
        Some(Arc::new(serde_json::from_value(whole).unwrap()))
    }

    fn pick<T>(dice: u8, items: impl Iterator<Item = T>) -> Option<T> {
        let mut items: Vec<T> = items.collect();
        let at = usize::from(dice).checked_rem(items.len())?;
        Some(items.swap_remove(at))
    }

    fn transport([a, b, ..]: [u8; 5]) -> Value {
        let bind = ["127.0.0.1", "0.0.0.0", "127.0.0.2", "127.0.0.1"][usize::from(a % 4)];
        json!({"protocol": "udp", "bind": bind, "port": 5060 + u16::from(b % 4)})
    }

    fn tenant([a, b, ..]: [u8; 5]) -> Value {
        json!({"sipDomain": format!("d{}.example", a % 5), "enabled": b % 2 == 0})
    }

    fn policy([_, b, c, ..]: [u8; 5]) -> Value {
        let overlap = if b % 2 == 0 { "global" } else { "provider" };
        json!({"didOverlap": overlap, "deletions": {"maxPercent": c}})
    }

    fn trunk([a, b, c, d, e]: [u8; 5], set: &ResourceSet) -> Value {
        let mut spec = json!({
            "type": "ip",
            "host": format!("10.0.0.{}", a % 6 + 1),
            "port": 5060 + u16::from(d % 2),
            "verifyPort": e % 3 == 0,
            "enabled": e % 5 != 0,
        });
        if c % 3 != 0 {
            spec["provider"] = format!("p{}", c % 5).into();
        }
        if set.transports().count() > 1 || b % 3 != 0 {
            spec["transport"] = pick(b, set.transports()).map(|(id, _)| id.name.to_string()).into();
        }
        if d % 4 == 0 {
            spec["associatedIps"] = json!([format!("10.0.1.{}", e % 3)]);
        }
        spec
    }

    fn range(from: u8, first: u8, length: u8) -> String {
        let last = first + length;
        if length == 0 {
            format!("{}", from + first)
        } else {
            format!("{}-{}", from + first, from + last)
        }
    }

    fn pool([a, b, c, d, e]: [u8; 5], set: &ResourceSet) -> Option<Value> {
        let trunk = pick(a, set.trunks())?.0.name.clone();
        let mut numbers = vec![range(10, b % 8, c % 4)];
        if e % 3 == 0 {
            numbers.push(range(10, d % 10, 0));
        }
        Some(json!({"trunk": trunk, "numbers": numbers}))
    }

    fn extension([a, b, c, ..]: [u8; 5]) -> Value {
        let contact = format!("sip:10.1.0.{}:{}", c % 4, 5060 + u16::from(c % 2));
        json!({"numbers": range(30, a % 5, b % 3), "contact": contact})
    }

    fn inbound([a, b, c, d, e]: [u8; 5], tenant: &Name, set: &ResourceSet) -> Option<Value> {
        let own = || set.did_pools().filter(|(id, _)| id.tenant.as_ref() == Some(tenant));
        let (_, pool) = pick(a, own())?;
        let item = pick(a / 8, pool.numbers.items().iter())?;
        let first = item.first().offset(u64::from(b) % item.size())?;
        let last = if c % 4 == 0 { item.last() } else { first };
        let mut extensions = set.extensions().filter(|(id, _)| id.tenant.as_ref() == Some(tenant));
        let destination = match (d % 3, extensions.next()) {
            (0, Some((_, extension))) => json!({"extension": extension.numbers.last().to_string()}),
            (1, _) => json!({"sip": "sip:{did}@10.1.0.9"}),
            _ => json!({"reject": 486}),
        };
        let did = if b % 5 == 0 { "*".to_owned() } else { format!("{first}-{last}") };
        let enabled = e % 6 != 0;
        Some(json!({
            "trunk": pool.trunk, "did": did, "enabled": enabled, "destination": destination,
        }))
    }

    fn outbound([a, b, c, ..]: [u8; 5], tenant: &Name, set: &ResourceSet) -> Option<Value> {
        let own = || set.did_pools().filter(|(id, _)| id.tenant.as_ref() == Some(tenant));
        let mut routes = vec![json!({"trunk": pick(a, own())?.1.trunk})];
        if c % 2 == 0 {
            routes.push(json!({"trunk": pick(b, own())?.1.trunk, "strip": 1}));
        }
        Some(json!({"match": {"prefixes": ["0"]}, "routes": routes}))
    }
}

#[cfg(test)]
mod properties {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use trunkline::model::value::DidSet;
    use trunkline::model::{DidPool, Resource, ResourceSet, Spec};
    use trunkline::plan::{Context, Plan, plan, set_digest};

    use super::world::{SLOTS, Slot, errors, slots, valid};

    /// Two worlds, of which the second keeps some slots and swaps the dice of others.
    fn two_worlds() -> impl Strategy<Value = (ResourceSet, ResourceSet)> {
        let keep = prop::collection::vec(any::<bool>(), SLOTS);
        let swaps = prop::collection::vec((0..SLOTS, 0..SLOTS), 0..6);
        (slots(), slots(), keep, swaps).prop_map(|(a, other, keep, swaps)| {
            let kept = |at: usize| if keep[at] { a[at] } else { other[at] };
            let mut b: Vec<Slot> = (0..SLOTS).map(kept).collect();
            swaps.into_iter().for_each(|(one, two)| b.swap(one, two));
            (valid(&a), valid(&b))
        })
    }

    fn walk(live: &ResourceSet, plan: &Plan) -> Result<ResourceSet, TestCaseError> {
        let mut now = live.clone();
        for (at, step) in plan.steps.iter().enumerate() {
            match &step.state {
                Some(state) => drop(now.insert(state.clone())),
                None => drop(now.remove(&step.resource)),
            }
            let faults = errors(&now);
            let told: Vec<_> = plan
                .steps
                .iter()
                .map(|step| format!("{:?} {} {:?}", step.action, step.resource, step.reason))
                .collect();
            prop_assert!(faults.is_empty(), "after step {at}: {faults:#?}\nsteps: {told:#?}");
        }
        Ok(now)
    }

    #[test]
    fn chance_meets_every_way_around() {
        let mut runner = TestRunner::deterministic();
        let mut reasons = BTreeSet::new();
        for _ in 0..300 {
            let (live, desired) = two_worlds().new_tree(&mut runner).unwrap().current();
            let steps = plan(&live, &desired, &Context::BARE).steps;
            reasons.extend(
                steps
                    .into_iter()
                    .filter_map(|step| Some(format!("{} {}", step.resource.kind, step.reason?))),
            );
        }
        for way in [
            "Transport stands aside",
            "Tenant stands aside",
            "Trunk stands aside",
            "Trunk names Transport/t0 before",
            "Trunk names Transport/t0 until",
            "Trunk is off while",
            "Trunk is off until",
            "DidPool its numbers go",
            "DidPool keeps numbers",
            "Extension its numbers or its PBX go",
            "InboundRule what it uses",
            "OutboundRule what it uses",
        ] {
            assert!(reasons.iter().any(|reason| reason.starts_with(way)), "{way}: {reasons:#?}");
        }
    }

    /// The items of pools in one order: which one they are written in is no difference.
    fn sorted(set: &ResourceSet) -> ResourceSet {
        let sort = |resource: &Arc<Resource>| match &resource.spec {
            Spec::DidPool(pool) => {
                let mut items = pool.numbers.items().to_vec();
                items.sort();
                items.dedup();
                resource
                    .with(Spec::DidPool(DidPool { numbers: DidSet::new(items), ..pool.clone() }))
            }
            Spec::Transport(_)
            | Spec::Tenant(_)
            | Spec::Trunk(_)
            | Spec::Extension(_)
            | Spec::InboundRule(_)
            | Spec::OutboundRule(_)
            | Spec::Schedule(_)
            | Spec::RouteTest(_)
            | Spec::Policy(_) => resource.clone(),
        };
        set.iter().map(|(_, resource)| sort(resource)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn every_state_on_the_way_is_valid_and_the_last_is_the_desired_one(
            (live, desired) in two_worlds()
        ) {
            let plan = plan(&live, &desired, &Context::BARE);
            let reached = walk(&live, &plan)?;
            prop_assert_eq!(sorted(&reached), sorted(&desired));
        }

        #[test]
        fn a_second_plan_is_empty((live, desired) in two_worlds()) {
            let first = plan(&live, &desired, &Context::BARE);
            let reached = walk(&live, &first)?;
            let second = plan(&reached, &desired, &Context::BARE);
            prop_assert!(second.is_empty());
            prop_assert!(second.steps.is_empty());
            prop_assert_eq!(first.is_empty(), sorted(&live) == sorted(&desired));
        }

        #[test]
        fn a_plan_is_a_function_and_its_digest_tells_states_apart(
            (live, desired) in two_worlds()
        ) {
            let one = plan(&live, &desired, &Context::BARE);
            let two = plan(&live, &desired, &Context::BARE);
            prop_assert_eq!(&one, &two);
            let same = plan(&desired, &desired, &Context::BARE);
            prop_assert_eq!(one.digest == same.digest, live == desired);
            prop_assert_eq!(set_digest(&live) == set_digest(&desired), live == desired);
        }
    }
}
