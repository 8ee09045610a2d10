//! The router from the outside: identification, inbound and outbound decisions, and the behaviour
//! diff against trying every number.
#![cfg(test)]

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use trunkline::model::{Resource, ResourceSet};
use trunkline::routing::{Outcome, Refusal, Source, Steps, Table, Target, diff};

fn set(documents: &[Value]) -> ResourceSet {
    let read = |value: &Value| Arc::new(serde_json::from_value::<Resource>(value.clone()).unwrap());
    documents.iter().map(read).collect()
}

fn doc(kind: &str, tenant: Option<&str>, name: &str, spec: Value) -> Value {
    let mut metadata = json!({"name": name});
    if let Some(tenant) = tenant {
        metadata["tenant"] = json!(tenant);
    }
    json!({"kind": kind, "metadata": metadata, "spec": spec})
}

fn base() -> Vec<Value> {
    let mut documents = vec![
        doc(
            "Transport",
            None,
            "udp",
            json!({"protocol": "udp", "bind": "127.0.0.1", "port": 5060}),
        ),
        doc("Tenant", None, "acme", json!({"sipDomain": "acme.example"})),
        doc("Tenant", None, "bolt", json!({"sipDomain": "bolt.example"})),
        doc("Trunk", None, "one", json!({"type": "ip", "host": "127.0.0.2", "port": 5061})),
        doc(
            "Trunk",
            None,
            "two",
            json!({"type": "ip", "host": "127.0.0.3", "associatedIps": ["127.9.0.0/16"], "verifyPort": true, "port": 5070}),
        ),
        doc("DidPool", Some("acme"), "p", json!({"trunk": "one", "numbers": ["100-149"]})),
        doc("DidPool", Some("bolt"), "p", json!({"trunk": "one", "numbers": "150-179; 190"})),
        doc(
            "Extension",
            Some("acme"),
            "a",
            json!({"numbers": "10-14", "contact": "sip:127.0.1.1:5060"}),
        ),
        doc(
            "Extension",
            Some("acme"),
            "b",
            json!({"numbers": "15-19", "contact": "sip:127.0.1.1:5062"}),
        ),
        doc(
            "Extension",
            Some("bolt"),
            "c",
            json!({"numbers": "20", "contact": "sip:pbx@127.0.1.2"}),
        ),
    ];
    documents.extend(rules());
    documents
}

fn rules() -> Vec<Value> {
    vec![
        doc(
            "InboundRule",
            Some("acme"),
            "map",
            json!({"trunk": "one", "did": "100-109", "destination": {"extension": "10-19"}}),
        ),
        doc(
            "InboundRule",
            Some("acme"),
            "rest",
            json!({"trunk": "one", "did": "*", "destination": {"sip": "sip:{did}-{caller}@127.0.1.9"}}),
        ),
        doc(
            "InboundRule",
            Some("bolt"),
            "no",
            json!({"trunk": "one", "did": "150", "destination": {"reject": 486}}),
        ),
        doc(
            "InboundRule",
            Some("bolt"),
            "one",
            json!({"trunk": "one", "did": "151-160", "destination": {"extension": "20"}}),
        ),
        doc(
            "OutboundRule",
            Some("acme"),
            "world",
            json!({"priority": 10, "match": {"prefixes": ["00", "+"]}, "routes": [
                {"trunk": "two", "strip": 2, "prepend": "+"}, {"trunk": "one", "enabled": false}, {"trunk": "one"}]}),
        ),
        doc(
            "OutboundRule",
            Some("acme"),
            "all",
            json!({"match": {"prefixes": ["0", "1"]}, "routes": [{"trunk": "one", "strip": 1}]}),
        ),
    ]
}

fn inbound(table: &Table, called: &str) -> String {
    let trunk = table.trunks().find(|(_, t)| t.id.name.as_str() == "one").unwrap().0;
    match table.route_inbound(trunk, called, "+49 30", &mut ()).outcome {
        Outcome::Deliver(attempts) => attempts[0].request_uri(),
        Outcome::Refuse(refusal) => format!("{} {}", refusal.code_to_trunk(), refusal.reason()),
    }
}

#[test]
fn an_inbound_call_follows_pool_tenant_rule_destination() {
    let table = Table::compile(&set(&base()));
    assert_eq!(inbound(&table, "100"), "sip:10@127.0.1.1:5060");
    assert_eq!(inbound(&table, "+107"), "sip:17@127.0.1.1:5062");
    assert_eq!(inbound(&table, "00149"), "sip:149-+49%2030@127.0.1.9");
    assert_eq!(inbound(&table, "150"), "486 RejectedByRule");
    assert_eq!(inbound(&table, "155"), "sip:pbx@127.0.1.2");
    assert_eq!(inbound(&table, "170"), "404 NoRule");
    assert_eq!(inbound(&table, "180"), "404 NoPool");
    assert_eq!(inbound(&table, "sales"), "404 NotANumber");
}

#[test]
fn a_disabled_tenant_answers_503_to_a_trunk_and_403_to_itself() {
    let mut documents = base();
    documents[1]["spec"]["enabled"] = json!(false);
    let table = Table::compile(&set(&documents));
    assert_eq!(inbound(&table, "100"), "503 TenantDisabled");
    let acme = table.tenant_named(&"acme".parse().unwrap()).unwrap();
    let decision = table.route_outbound(acme, "0123", &mut ());
    assert_eq!(decision.outcome, Outcome::Refuse(Refusal::TenantDisabled));
    assert_eq!(Refusal::TenantDisabled.code_to_tenant(), 403);
}

fn outbound(table: &Table, dialled: &str) -> String {
    let acme = table.tenant_named(&"acme".parse().unwrap()).unwrap();
    match table.route_outbound(acme, dialled, &mut ()).outcome {
        Outcome::Deliver(attempts) => {
            let text = attempts.iter().map(|attempt| match attempt.target {
                Target::Trunk(trunk) => {
                    format!("{} {}", table.trunk(trunk).unwrap().id.name, attempt.request_uri())
                }
                Target::Contact => "contact".to_owned(),
            });
            text.collect::<Vec<_>>().join(", ")
        }
        Outcome::Refuse(refusal) => format!("{} {}", refusal.code_to_tenant(), refusal.reason()),
    }
}

#[test]
fn an_outbound_call_follows_priority_then_routes_in_order() {
    let table = Table::compile(&set(&base()));
    assert_eq!(
        outbound(&table, "004930"),
        "two sip:+4930@127.0.0.3:5070, one sip:004930@127.0.0.2:5061"
    );
    assert_eq!(outbound(&table, "0301"), "one sip:301@127.0.0.2:5061");
    assert_eq!(outbound(&table, "9"), "404 NoRule");
    assert_eq!(outbound(&table, "0"), "404 NoRoute");
    assert_eq!(outbound(&table, "0#1"), "one sip:%231@127.0.0.2:5061");
    assert_eq!(outbound(&table, "bob"), "404 NotANumber");
}

#[test]
fn sources_are_identified_in_the_printed_order_and_fail_closed() {
    let table = Table::compile(&set(&base()));
    let udp = table.transports().next().unwrap().0;
    let who = |source: &str| match table.identify(udp, source.parse().unwrap()) {
        Source::Trunks(trunks) => table.trunk(trunks[0]).unwrap().id.name.to_string(),
        Source::Caller(tenant) => table.tenant(tenant).unwrap().id.to_string(),
        Source::Unknown => "unknown".to_owned(),
    };
    assert_eq!(who("127.0.0.2:1"), "one");
    assert_eq!(who("[::ffff:127.0.0.2]:1"), "one");
    assert_eq!(who("127.0.0.3:5070"), "two");
    assert_eq!(who("127.0.0.3:5060"), "unknown");
    assert_eq!(who("127.9.44.1:5070"), "two");
    assert_eq!(who("127.9.44.1:1"), "unknown");
    assert_eq!(who("127.0.1.1:5062"), "Tenant/acme");
    assert_eq!(who("127.0.1.1:40000"), "Tenant/acme");
    assert_eq!(who("127.0.1.3:5060"), "unknown");
}

#[test]
fn two_tenants_behind_one_address_are_told_apart_by_port_only() {
    let mut documents = base();
    documents.push(doc(
        "Extension",
        Some("bolt"),
        "d",
        json!({"numbers": "21", "contact": "sip:127.0.1.1:5099"}),
    ));
    let table = Table::compile(&set(&documents));
    let udp = table.transports().next().unwrap().0;
    assert!(matches!(table.identify(udp, "127.0.1.1:5099".parse().unwrap()), Source::Caller(_)));
    assert_eq!(table.identify(udp, "127.0.1.1:1".parse().unwrap()), Source::Unknown);
}

#[test]
fn the_trace_names_every_candidate() {
    let table = Table::compile(&set(&base()));
    let trunk = table.trunks().next().unwrap().0;
    let mut steps = Steps::default();
    table.route_inbound(trunk, "155", "", &mut steps);
    let text: Vec<_> = steps
        .0
        .iter()
        .map(|s| format!("{} {} {}", s.station, s.outcome.as_str(), s.detail))
        .collect();
    assert_eq!(
        text,
        [
            "number match `155` is looked up as 155",
            "pool match 155 is in 150-179 of DidPool/bolt/p",
            "tenant match the call is Tenant/bolt's",
            "rule lost InboundRule/bolt/no takes 150, not 155",
            "rule match InboundRule/bolt/one takes 151-160",
            "destination match to sip:pbx@127.0.1.2 at 127.0.1.2:5060",
        ]
    );
}

fn changes(before: &[Value], after: &[Value]) -> Vec<String> {
    let (before, after) = (Table::compile(&set(before)), Table::compile(&set(after)));
    let line = |c: &diff::RouteChange| {
        format!("{} {}-{}: {} => {}", c.direction.as_str(), c.from, c.to, c.before, c.after)
    };
    diff::behaviour(&before, &after).iter().map(line).collect()
}

#[test]
fn the_behaviour_diff_says_which_numbers_change_their_route() {
    let before = base();
    let mut after = base();
    after[10]["spec"]["did"] = json!("105-109");
    after[10]["spec"]["destination"] = json!({"extension": "15-19"});
    after[15]["spec"]["match"]["prefixes"] = json!(["0"]);
    assert_eq!(
        changes(&before, &after),
        [
            "inbound 100-104: sip:10@127.0.1.1:5060 … sip:14@127.0.1.1:5060 => sip:100-@127.0.1.9 … sip:104-@127.0.1.9",
            "outbound 1*-1*: Trunk/one as 05550100 at 127.0.0.2:5061 => refused 404 NoRule",
        ]
    );
    assert_eq!(changes(&before, &before), Vec::<String>::new());
}

/// A random inbound plan over the numbers 100 to 199, valid enough for the router.
fn plan() -> impl Strategy<Value = Vec<Value>> {
    let cuts = prop::collection::btree_set(100_u64..200, 2..6);
    let rules = prop::collection::vec((100_u64..200, 1_u64..30, 0_u8..4, 10_u64..30), 0..5);
    (cuts, rules, 10_u64..30).prop_map(|(cuts, rules, split)| {
        let mut documents = base();
        documents.truncate(5);
        let ends: Vec<_> = cuts.into_iter().collect();
        for (at, pair) in ends.windows(2).enumerate() {
            let owner = if at % 2 == 0 { "acme" } else { "bolt" };
            let numbers = format!("{}-{}", pair[0], pair[1] - 1);
            documents.push(doc("DidPool", Some(owner), &format!("p{at}"), json!({"trunk": "one", "numbers": [numbers]})));
        }
        for owner in ["acme", "bolt"] {
            for (name, from, to, port) in [("x", 10, split, 5060), ("y", split + 1, 60, 5062)] {
                let spec = json!({"numbers": format!("{from}-{to}"), "contact": format!("sip:127.0.1.1:{port}")});
                documents.push(doc("Extension", Some(owner), name, spec));
            }
            let mut free = 100;
            for (at, (first, size, kind, target)) in rules.iter().enumerate() {
                let first = (*first).max(free);
                let last = (first + size - 1).min(199);
                if first > last {
                    continue;
                }
                free = last + 1;
                let destination = match kind {
                    0 => json!({"reject": 486}),
                    1 => json!({"extension": target.to_string()}),
                    2 => json!({"sip": format!("sip:{target}@127.0.1.1:5060")}),
                    _ => json!({"extension": format!("{target}-{}", target + last - first)}),
                };
                let spec = json!({"trunk": "one", "did": format!("{first}-{last}"), "destination": destination});
                documents.push(doc("InboundRule", Some(owner), &format!("r{at}"), spec));
            }
        }
        documents
    })
}

proptest! {
    #[test]
    fn the_behaviour_diff_equals_trying_every_number(before in plan(), after in plan()) {
        let (old, new) = (Table::compile(&set(&before)), Table::compile(&set(&after)));
        let listed = diff::behaviour(&old, &new);
        let answer = |table: &Table, number: u64| {
            let trunk = table.trunks().next().unwrap().0;
            let decision = table.route_inbound(trunk, &number.to_string(), "", &mut ());
            let tenant = decision.tenant.and_then(|t| table.tenant(t)).map(|t| t.id.to_string());
            let outcome = match decision.outcome {
                Outcome::Deliver(attempts) => attempts[0].request_uri(),
                Outcome::Refuse(refusal) => format!("{refusal:?}"),
            };
            (tenant, outcome)
        };
        for number in 100_u64..200 {
            let covered = listed.iter().any(|change| {
                change.from.parse::<u64>().unwrap() <= number && number <= change.to.parse().unwrap()
            });
            prop_assert_eq!(covered, answer(&old, number) != answer(&new, number), "{}", number);
        }
    }
}
