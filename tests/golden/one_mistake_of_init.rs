//! One mistake, one error, in the repository that `trunkline init` writes: as people make it there, in
//! files of several owners.

use std::path::Path;
use std::sync::Arc;

use trunkline::diag::Diagnostic;
use trunkline::manifest::tree::{Content, SourceTree};
use trunkline::source::directory;
use trunkline::validate::validate;

const POLICY: &str = "system/policy.yaml";
const TENANTS: &str = "system/tenants.yaml";
const INBOUND: &str = "tenants/acme/inbound.yaml";
const OUTBOUND: &str = "tenants/acme/outbound.yaml";

/// What is written in a file, what stands there instead, and how often at most.
type Change = (&'static str, &'static str, &'static str, usize);

/// What `init` writes, changed.
fn tree(changes: &[Change]) -> SourceTree {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/init/template");
    let mut tree = directory::read(&template).unwrap();
    tree.files.retain(|file| file.path.starts_with("system/") || file.path.starts_with("tenants/"));
    for (path, written, mistaken, times) in changes {
        let file = tree.files.iter_mut().find(|file| file.path == *path).unwrap();
        let bytes = match &file.content {
            Content::Text(text) => text.to_string(),
            Content::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Content::TooLarge(_)
            | Content::Unreadable(_)
            | Content::NotAFile(_)
            | Content::Symlink
            | Content::Outside(_) => panic!("{path}: {:?}", file.content),
        };
        assert!(bytes.contains(written), "{path}: {written}");
        file.content = Content::Text(Arc::from(bytes.replacen(written, mistaken, *times)));
    }
    tree
}

fn check(changes: &[Change]) -> Vec<Diagnostic> {
    validate(&tree(changes)).diagnostics
}

/// What is told of some changes: the code and the message, and then the help of each.
fn told(changes: &[Change]) -> String {
    let all = check(changes).into_iter();
    let lines = all.map(|one| {
        format!("{} {}: {}\n", one.code, one.message, one.help.as_deref().unwrap_or_default())
    });
    lines.collect()
}

#[test]
fn what_init_writes_is_sound() {
    assert_eq!(told(&[]), "");
}

#[test]
fn a_tenant_that_is_renamed_is_told_with_every_place() {
    let found = check(&[(TENANTS, "name: acme", "name: zebra", 1)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].related.len(), 10, "{found:#?}");
}

#[test]
fn a_misspelt_tenant_owns_no_files() {
    let all = told(&[(INBOUND, "tenant: acme", "tenant: acne", 9)]);
    let help = "was it deleted or renamed? declare the Tenant `acne`, or did you mean `acme`?";
    assert_eq!(all, format!("TL201 there is no Tenant `acne`: {help}\n"));

    let scopes = "spec:\n  scopes:\n    tenants/acme/**: {tenant: amce}\n    tenants/bolt/**: {tenant: bolt}\n";
    let all = told(&[(POLICY, "spec:\n", scopes, 1)]);
    assert_eq!(all, "TL201 there is no Tenant `amce`: did you mean `acme`?\n");

    // A glob is one more place that names a tenant which has another name now.
    let scopes = "spec:\n  scopes: {tenants/acme/**: {tenant: acme}}\n";
    let changes = [(POLICY, "spec:\n", scopes, 1), (TENANTS, "name: acme", "name: zebra", 1)];
    let found = check(&changes);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].related.len(), 11, "{found:#?}");
}

#[test]
fn a_name_that_is_wrong_in_several_places_is_near_to_another_one_all_the_same() {
    let help =
        "was it deleted or renamed? declare the Trunk `carier-a`, or did you mean `carrier-a`?";
    for (times, help) in [(1, "did you mean `carrier-a`?"), (2, help)] {
        let all = told(&[(OUTBOUND, "trunk: carrier-a", "trunk: carier-a", times)]);
        assert_eq!(all, format!("TL201 there is no Trunk `carier-a`: {help}\n"));
    }
}

#[test]
fn what_is_a_renamed_tenants_is_not_missed_at_the_new_name() {
    let spec = "  sipDomain: acme.voice.example.net\n  callerIds:\n    - {trunk: carrier-a, number: 442079460000}\n    - {trunk: carrier-b, number: 14155550100}\n  emergencyNumbers: [\"0112\"]\n  schedule: office\n";
    let office = "---\napiVersion: trunkline.dev/v1\nkind: Schedule\nmetadata: {name: office, tenant: acme}\nspec: {weekly: {monday: open}}\n---\n";
    let sound = [
        (TENANTS, "  sipDomain: acme.voice.example.net\n", spec, 1),
        (OUTBOUND, "---\n", office, 1),
    ];
    assert_eq!(told(&sound), "");
    let mut renamed = sound.to_vec();
    renamed.push((TENANTS, "name: acme", "name: zebra", 1));
    let help = "was it deleted or renamed? declare the Tenant `acme`, or correct the name";
    assert_eq!(told(&renamed), format!("TL201 there is no Tenant `acme`: {help}\n"));
}

#[test]
fn what_else_is_wrong_with_a_document_of_a_misspelt_tenant_is_told() {
    let tenant = (INBOUND, "tenant: acme", "tenant: acne", 1);
    let acne = "TL201 there is no Tenant `acne`: did you mean `acme`?\n";
    assert_eq!(told(&[tenant]), acne);

    // The document is refused, and nobody misses it at `acme`.
    let all =
        told(&[tenant, (INBOUND, "did: 442079460000-442079460049", "did: \"+442079460000\"", 1)]);
    let (first, rest) = all.split_at(acne.len());
    assert_eq!((first, rest.lines().count()), (acne, 1), "{all}");
    assert!(rest.starts_with("TL30"), "{all}");

    let all = told(&[tenant, (INBOUND, "trunk: carrier-a", "trunk: carier-a", 1)]);
    let trunk = "TL201 there is no Trunk `carier-a`: did you mean `carrier-a`?\n";
    assert_eq!(all, format!("{acne}{trunk}"));
}

#[test]
fn another_tenants_name_in_a_file_is_told_as_that() {
    let files = [
        (INBOUND, "InboundRule"),
        (OUTBOUND, "OutboundRule"),
        ("tenants/acme/extensions.yaml", "Extension"),
        ("tenants/acme/tests.yaml", "RouteTest"),
    ];
    for (file, kind) in files {
        for times in [1, 9] {
            let found = check(&[(file, "tenant: acme", "tenant: bolt", times)]);
            assert_eq!(found.len(), 1, "{found:#?}");
            for one in found {
                assert_eq!(one.code.as_str(), "TL601", "{one:#?}");
                assert!(one.message.starts_with(kind), "{one:#?}");
            }
        }
    }
    // Nor is a PBX that would be two tenants'.
    let pbx = "apiVersion: trunkline.dev/v1\nkind: Extension\nmetadata: {name: b, tenant: bolt}\nspec: {numbers: 1100-1199, contact: \"sip:127.0.0.10:5060\"}\n---\napiVersion: trunkline.dev/v1";
    let found = check(&[("tenants/acme/extensions.yaml", "apiVersion: trunkline.dev/v1", pbx, 1)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    // What has nothing to do with the tenant is one more mistake.
    let tenant = (INBOUND, "tenant: acme", "tenant: bolt", 1);
    let all = told(&[tenant, (INBOUND, "trunk: carrier-a", "trunk: carier-a", 1)]);
    assert!(all.contains("TL201 there is no Trunk `carier-a`"), "{all}");
    assert_eq!(all.lines().count(), 2, "{all}");
}

#[test]
fn an_item_of_a_pool_that_is_gone_is_one_error() {
    let ids = "  sipDomain: acme.voice.example.net\n  callerIds:\n    - {trunk: carrier-a, number: 442079460000}\n";
    let shown = "\n  contact: sip:127.0.0.10:5060\n  callerIds:\n    - {trunk: carrier-a, number: 442079460049}\n";
    let route = "    - trunk: carrier-a\n      callerId: 442079460001\n";
    let mut changes = vec![
        (TENANTS, "  sipDomain: acme.voice.example.net\n", ids, 1),
        ("tenants/acme/extensions.yaml", "\n  contact: sip:127.0.0.10:5060\n", shown, 1),
        (OUTBOUND, "    - trunk: carrier-a\n", route, 1),
    ];
    assert_eq!(told(&changes), "");
    let whole = "    - 442079460000-442079460099\n";
    changes.push(("system/pools.yaml", whole, "    - 442079460050-442079460099\n", 1));
    let found = check(&changes);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code.as_str(), "TL501");
    // The pool, once, and the three that show numbers of it.
    assert_eq!(found[0].related.len(), 4, "{found:#?}");

    // A number that is far from those is another mistake.
    changes.push((OUTBOUND, "callerId: 442079460001", "callerId: 442079540001", 1));
    assert_eq!(check(&changes).len(), 2);
}
