//! Deletions of what is live and in use (TL801), each sort of user.

use std::sync::Arc;

use trunkline::diag::{Code, Diagnostic};
use trunkline::model::ResourceSet;
use trunkline::plan::{Guarded, deletions_in_use};
use trunkline::validate::validate;

use crate::world::Files;

const OUTBOUND: &str = "\
apiVersion: trunkline.dev/v1
kind: OutboundRule
metadata: {name: world, tenant: acme}
spec: {match: {prefixes: ['00']}, routes: [{trunk: carrier, strip: 2}]}
";

const SECOND: &str = "\
apiVersion: trunkline.dev/v1
kind: Transport
metadata: {name: second}
spec: {protocol: udp, bind: 127.0.0.1, port: 5070}
";

fn live() -> Files {
    let mut files = Files::small();
    files.set("outbound.yaml", OUTBOUND);
    files
}

fn set(files: &Files) -> Arc<ResourceSet> {
    let checked = validate(&files.tree());
    assert!(checked.desired.is_some(), "{:?}", checked.diagnostics);
    checked.resources
}

fn guarded(live: &Files, desired: &Files) -> Guarded {
    deletions_in_use(&validate(&desired.tree()), &set(live))
}

/// The one refusal, as code, resource and words.
fn refusal(guarded: &Guarded) -> &Diagnostic {
    assert!(guarded.only_refuses(), "{guarded:#?}");
    assert_eq!(guarded.refusals.len(), 1, "{guarded:#?}");
    assert_eq!(guarded.refusals[0].code, Code::TL801);
    &guarded.refusals[0]
}

#[test]
fn a_trunk_is_in_use_by_its_pools_and_rules_of_both_directions() {
    let guarded = guarded(&live(), live().remove("trunk.yaml"));
    let refusal = refusal(&guarded);
    assert_eq!(refusal.resource.as_deref(), Some("Trunk/carrier"));
    for user in ["DidPool/acme/main", "InboundRule/acme/desk", "OutboundRule/acme/world"] {
        assert!(refusal.message.contains(user), "{}", refusal.message);
    }
    assert!(refusal.span.is_some() && refusal.related.len() == 2, "{refusal:#?}");
}

#[test]
fn an_extension_is_in_use_by_the_rules_that_lead_to_it() {
    let guarded = guarded(&live(), live().remove("extension.yaml"));
    let refusal = refusal(&guarded);
    assert_eq!(refusal.resource.as_deref(), Some("Extension/acme/desk"));
    assert!(refusal.message.contains("InboundRule/acme/desk"), "{}", refusal.message);
}

#[test]
fn a_tenant_is_in_use_by_everything_that_it_owns() {
    let guarded = guarded(&live(), live().remove("tenant.yaml"));
    let refusal = refusal(&guarded);
    assert_eq!(refusal.resource.as_deref(), Some("Tenant/acme"));
    assert!(refusal.message.contains("Extension/acme/desk"), "{}", refusal.message);
}

#[test]
fn a_transport_is_in_use_by_its_trunks() {
    let trunk = "apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {name: carrier}\n\
                 spec: {type: ip, host: 127.0.0.2, transport: second}\n";
    let mut before = live();
    before.set("second.yaml", SECOND).set("trunk.yaml", trunk);
    let guarded = guarded(&before, before.clone().remove("second.yaml"));
    let refusal = refusal(&guarded);
    assert_eq!(refusal.resource.as_deref(), Some("Transport/second"));
    assert!(refusal.message.contains("Trunk/carrier"), "{}", refusal.message);
}

#[test]
fn a_pool_may_not_go_or_shrink_below_a_rule() {
    let mut shrunk = live();
    shrunk.set(
        "pool.yaml",
        "apiVersion: trunkline.dev/v1\nkind: DidPool\nmetadata: {name: main, tenant: acme}\n\
         spec: {trunk: carrier, numbers: 14155550150-14155550199}\n",
    );
    for desired in [&shrunk, live().remove("pool.yaml")] {
        let guarded = guarded(&live(), desired);
        let refusal = refusal(&guarded);
        assert_eq!(refusal.resource.as_deref(), Some("DidPool/acme/main"));
        assert!(refusal.message.contains("InboundRule/acme/desk"), "{}", refusal.message);
    }
}

#[test]
fn a_deletion_together_with_its_users_is_none_of_the_guards_business() {
    let mut desired = live();
    for file in ["trunk.yaml", "pool.yaml", "rule.yaml", "outbound.yaml"] {
        desired.remove(file);
    }
    let checked = validate(&desired.tree());
    assert!(checked.desired.is_some(), "{:#?}", checked.diagnostics);
    let guarded = deletions_in_use(&checked, &set(&live()));
    assert!(guarded.refusals.is_empty() && !guarded.only_refuses());
}

#[test]
fn what_was_never_live_stays_a_dangling_reference() {
    let mut desired = live();
    desired.set("outbound.yaml", &OUTBOUND.replace("trunk: carrier", "trunk: other"));
    let found = guarded(&live(), &desired);
    assert!(found.refusals.is_empty());
    assert_eq!(found.diagnostics[0].code, Code::TL201);
    // Beside a refused deletion both are told, and the whole is invalid.
    desired.remove("extension.yaml");
    let found = guarded(&live(), &desired);
    assert_eq!(found.refusals.len(), 1);
    assert!(found.diagnostics.iter().any(|one| one.code == Code::TL201), "{found:#?}");
    assert!(!found.only_refuses());
}

#[test]
fn nothing_live_means_nothing_to_guard() {
    let checked = validate(&live().remove("trunk.yaml").tree());
    let found = deletions_in_use(&checked, &ResourceSet::default());
    assert!(found.refusals.is_empty());
    assert_eq!(found.diagnostics, checked.diagnostics);
}
