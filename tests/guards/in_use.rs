//! TL801: what is taken away and still used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use trunkline::diag::Code;
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::model::{Resource, ResourceId, ResourceSet};
use trunkline::plan::{Guarded, deletions_in_use};
use trunkline::validate::validate;

use crate::needs::stated;
use crate::world::two_states;

fn guarded(live: &ResourceSet, desired: &ResourceSet) -> Guarded {
    let file = |(id, resource): (&ResourceId, &Arc<Resource>)| {
        let mut json = serde_json::to_value(&**resource).unwrap();
        json["apiVersion"] = "trunkline.dev/v1".into();
        let text = json.to_string();
        SourceFile { path: format!("{id}.yaml"), content: Content::Bytes(text.as_bytes().into()) }
    };
    let tree = SourceTree { files: desired.iter().map(file).collect(), rooted: false };
    let checked = validate(&tree);
    assert_eq!(&*checked.resources, desired, "{:#?}", checked.diagnostics);
    deletions_in_use(&checked, live)
}

fn id_of(text: &str) -> ResourceId {
    text.parse().unwrap()
}

fn found(guarded: &Guarded) -> BTreeMap<ResourceId, BTreeSet<ResourceId>> {
    let refusals = guarded.refusals.iter().filter(|one| one.code == Code::TL801);
    let users = |message: &str| {
        let (_, users) = message.rsplit_once(" by ").unwrap();
        users.split(", ").map(id_of).collect()
    };
    refusals.map(|one| (id_of(one.resource.as_ref().unwrap()), users(&one.message))).collect()
}

/// Errors of something missing that stay errors; the sort of transport is another matter.
fn left(guarded: &Guarded) -> BTreeSet<ResourceId> {
    let codes = [
        Code::TL201,
        Code::TL203,
        Code::TL305,
        Code::TL402,
        Code::TL406,
        Code::TL409,
        Code::TL501,
        Code::TL506,
        Code::TL507,
    ];
    let all = guarded.diagnostics.iter().filter(|one| codes.contains(&one.code));
    all.map(|one| id_of(one.resource.as_ref().unwrap())).collect()
}

#[test]
fn chance_meets_every_sort_of_thing_and_user() {
    let mut runner = TestRunner::deterministic();
    let mut pairs = BTreeSet::new();
    let mut refused = 0;
    for _ in 0..400 {
        let (live, desired) = two_states().new_tree(&mut runner).unwrap().current();
        let guarded = guarded(&live, &desired);
        refused += usize::from(guarded.only_refuses());
        for (thing, users) in found(&guarded) {
            pairs.extend(users.iter().map(|user| format!("{} {}", thing.kind, user.kind)));
        }
    }
    for pair in [
        "Transport Trunk",
        "Transport Extension",
        "Tenant Extension",
        "Tenant Trunk",
        "Trunk DidPool",
        "Trunk InboundRule",
        "Trunk OutboundRule",
        "Trunk RouteTest",
        "Trunk Extension",
        "DidPool InboundRule",
        "DidPool OutboundRule",
        "DidPool Extension",
        "DidPool Trunk",
        "Schedule InboundRule",
        "Schedule OutboundRule",
        "Extension InboundRule",
        "Extension RouteTest",
    ] {
        assert!(pairs.contains(pair), "{pair}: {pairs:#?}");
    }
    assert!(refused > 20, "{refused} are refused and nothing else");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_guard_names_exactly_what_is_taken_and_who_uses_it((live, desired) in two_states()) {
        let guarded = guarded(&live, &desired);
        let (used, dangling) = stated(&live, &desired);
        prop_assert_eq!(found(&guarded), used);
        let told: Vec<_> = guarded.diagnostics.iter().chain(&guarded.refusals).map(|one| format!("{:?} {:?} {}", one.code, one.resource, one.message)).collect();
        // What follows from another mistake is not told beside it.
        let left = left(&guarded);
        prop_assert!(left.is_subset(&dangling), "{:?} {:?} {:#?}", left, dangling, told);
        prop_assert!(dangling.is_empty() || !told.is_empty());
    }
}
