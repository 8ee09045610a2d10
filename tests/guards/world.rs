//! Small worlds with few names and numbers, so that what is taken away is often used.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use trunkline::model::value::Name;
use trunkline::model::{Kind, Resource, ResourceId, ResourceSet};
use trunkline::validate::check_resources;

type Dice = [u8; 6];

const TENANTS: [&str; 2] = ["c0", "c1"];

/// Every resource that a world may have: its kind, tenant and name.
fn slots() -> Vec<(&'static str, Option<&'static str>, &'static str)> {
    let mut all = vec![
        ("Transport", None, "t0"),
        ("Transport", None, "t1"),
        ("Tenant", None, "c0"),
        ("Tenant", None, "c1"),
        ("Trunk", None, "k0"),
        ("Trunk", None, "k1"),
    ];
    for (kind, names) in [
        ("Trunk", &["own"][..]),
        ("Schedule", &["s0", "s1"]),
        ("DidPool", &["p0", "p1", "p2"]),
        ("Extension", &["e0", "e1", "e2"]),
        ("InboundRule", &["r0", "r1", "r2"]),
        ("OutboundRule", &["o0"]),
        ("RouteTest", &["x0"]),
    ] {
        for tenant in TENANTS {
            all.extend(names.iter().map(|name| (kind, Some(tenant), *name)));
        }
    }
    // Tenants once more, with what they refer to.
    all.extend([("Tenant", None, "c0"), ("Tenant", None, "c1")]);
    all
}

const SLOTS: usize = 6 + 2 * (1 + 2 + 3 + 3 + 3 + 1 + 1) + 2;

fn trunk(dice: u8) -> &'static str {
    ["k0", "k1", "own", "k0", "k1"][usize::from(dice % 5)]
}

fn listener(dice: u8) -> Option<&'static str> {
    ["t0", "t1"].get(usize::from(dice % 4)).copied()
}

fn range(first: u8, length: u8) -> String {
    if length == 0 { first.to_string() } else { format!("{first}-{}", first + length) }
}

fn spec(at: usize, kind: &str, name: &str, [a, b, c, d, e, f]: Dice) -> Value {
    let caller_ids = |on: bool| match on {
        true => json!([{"trunk": trunk(d), "number": format!("{}", 10 + e % 12)}]),
        false => json!([]),
    };
    let schedule = |on: bool| on.then(|| ["s0", "s1"][usize::from(f % 2)]);
    match kind {
        "Transport" => json!({
            "protocol": if a % 4 == 0 { "tcp" } else { "udp" },
            "bind": "127.0.0.1", "port": 5060 + u16::from(name == "t1"),
        }),
        "Tenant" => {
            let full = at > 6;
            json!({
                "sipDomain": format!("{name}.example"),
                "callerIds": caller_ids(full && a % 2 == 0),
                "schedule": schedule(full && b % 2 == 0),
            })
        }
        "Trunk" if name == "own" => json!({
            "type": "register", "host": format!("own{}.example", a % 50),
            "registration": {"username": format!("u{b}"), "password": {"env": "X"}},
            "transport": listener(c),
        }),
        "Trunk" => json!({
            "type": "ip", "provider": name, "host": format!("10.0.{}.1", u8::from(name == "k1")),
            "transport": listener(a),
        }),
        "Schedule" => json!({"weekly": {"monday": "open"}}),
        "DidPool" => json!({
            "trunk": trunk(a),
            "numbers": [range(10 + b % 10, c % 5), range(10 + d % 14, e % 3)],
        }),
        "Extension" => json!({
            "numbers": range(30 + a % 6, b % 4), "contact": "sip:10.9.0.1:5060",
            "callerIds": caller_ids(c % 3 == 0),
        }),
        "InboundRule" => {
            let length = c % 3;
            let destination = match d % 4 {
                0 => json!({"reject": 486}),
                1 => json!({"voicemail": format!("{}", 30 + e % 9)}),
                2 => json!({"extension": format!("{}", 30 + e % 9)}),
                _ if b % 5 == 0 => json!({"extension": format!("{}", 30 + e % 9)}),
                _ => json!({"extension": range(30 + e % 9, length)}),
            };
            let did = if b % 5 == 0 { "*".to_owned() } else { range(10 + b % 12, length) };
            let mut spec = json!({
                "trunk": trunk(a), "did": did, "destination": destination,
                "schedule": schedule(f % 3 == 0), "enabled": f % 4 != 1,
            });
            if f % 5 == 0 {
                spec["outOfHours"] = json!({"voicemail": format!("{}", 30 + f % 9)});
            }
            spec
        }
        "OutboundRule" => {
            let mut route = json!({"trunk": trunk(a)});
            if c % 2 == 0 {
                route["callerId"] = format!("{}", 10 + d % 12).into();
            }
            json!({
                "match": {"prefixes": ["0"]}, "routes": [route, {"trunk": trunk(b)}],
                "schedule": schedule(e % 3 == 0),
            })
        }
        _ => json!({
            "outbound": {"extension": "30", "to": "0049"}, "expect": {"trunk": trunk(a)},
        }),
    }
}

fn resource(at: usize, dice: Dice) -> Arc<Resource> {
    let (kind, tenant, name) = slots()[at];
    let mut metadata = json!({"name": name});
    if let Some(tenant) = tenant {
        metadata["tenant"] = tenant.into();
    }
    let whole = json!({"kind": kind, "metadata": metadata, "spec": spec(at, kind, name, dice)});
    Arc::new(serde_json::from_value(whole).unwrap())
}

fn pool_of(tenant: &Name, dice: u8) -> Arc<Resource> {
    let whole = json!({
        "kind": "DidPool", "metadata": {"name": "own", "tenant": tenant},
        "spec": {"trunk": "own", "numbers": [range(10 + dice % 10, 4)]},
    });
    Arc::new(serde_json::from_value(whole).unwrap())
}

/// The valid part of what the dice say.
fn valid(dice: &[Option<Dice>]) -> ResourceSet {
    let mut set = ResourceSet::default();
    for (at, dice) in dice.iter().enumerate() {
        let Some(dice) = dice else { continue };
        let before = set.clone();
        let one = resource(at, *dice);
        if one.id().kind == Kind::Trunk {
            // A tenant's own trunk needs a pool (TL305).
            let tenant = one.metadata.tenant.as_ref();
            tenant.into_iter().for_each(|tenant| drop(set.insert(pool_of(tenant, dice[3]))));
        }
        set.insert(one);
        if !check_resources(&set).is_empty() {
            set = before;
        }
    }
    set
}

/// A live state, and what is wanted: much of it as it is, some of it gone, some otherwise.
pub(crate) fn two_states() -> impl Strategy<Value = (ResourceSet, ResourceSet)> {
    let slot = || prop::option::weighted(0.9, prop::array::uniform6(0_u8..240));
    let dice = || prop::collection::vec(slot(), SLOTS);
    let fates = prop::collection::vec(0_u8..20, SLOTS);
    (dice(), dice(), fates, 1_u8..8, 0_u8..5).prop_map(|(live, other, fates, gone, new)| {
        let live = valid(&live);
        let mut desired = live.clone();
        // Own trunks stay without their pools.
        if fates.first() == fates.last() {
            let own = TENANTS.map(|tenant| {
                ResourceId::owned(Kind::DidPool, tenant.parse().unwrap(), "own".parse().unwrap())
            });
            own.iter().for_each(|id| drop(desired.remove(id)));
        }
        for (at, fate) in fates.iter().enumerate() {
            let (kind, tenant, name) = slots()[at];
            let id = ResourceId {
                kind: kind.parse().unwrap(),
                tenant: tenant.map(|tenant| tenant.parse().unwrap()),
                name: name.parse().unwrap(),
            };
            if *fate < gone {
                desired.remove(&id);
            } else if let Some(dice) = other[at].filter(|_| *fate < gone + new) {
                desired.insert(resource(at, dice));
            }
        }
        (live, desired)
    })
}
