//! One mistake, one error, where what is wrong is whose a thing is: names that every tenant has, tenants
//! that are lost, and files in another's folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline::diag::{Code, Diagnostic, Severity};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::{Checked, validate};

/// What every tenant has, without its number.
const OF_TENANT: &[(&str, &str, &str)] = &[
    ("Schedule", "office", "{weekly: {monday: open}}"),
    (
        "Trunk",
        "own",
        "{type: register, host: t#.example.net, registration: {username: u, password: {env: X}}}",
    ),
    ("DidPool", "own", "{trunk: own, numbers: [1#00-1#99]}"),
    ("InboundRule", "in", "{trunk: own, did: \"*\", schedule: office, destination: {reject: 486}}"),
    ("InboundRule", "in-2", "{trunk: shared, did: \"*\", destination: {reject: 486}}"),
    (
        "OutboundRule",
        "out",
        "{match: {prefixes: [0]}, schedule: office, routes: [{trunk: own}, {trunk: shared}]}",
    ),
];

fn document(kind: &str, name: &str, tenant: Option<&str>, spec: &str) -> String {
    let tenant = tenant.map_or(String::new(), |tenant| format!("  tenant: {tenant}\n"));
    format!(
        "---\napiVersion: trunkline.dev/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{tenant}spec: {spec}\n"
    )
}

/// A sound repository of a system and three tenants, a file for each kind.
fn base() -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let shared =
        "{type: register, host: c.example.net, registration: {username: u, password: {env: X}}}";
    let mut system = document("Transport", "udp", None, "{protocol: udp, port: 5060}");
    system += &document("Trunk", "shared", None, shared);
    for (at, tenant) in ["acme", "bolt", "cord"].into_iter().enumerate() {
        let spec = format!("{{sipDomain: {tenant}.sbc.example.net}}");
        system += &document("Tenant", tenant, None, &spec);
        let spec = format!("{{trunk: shared, numbers: [2{at}00-2{at}99]}}");
        system += &document("DidPool", "shared", Some(tenant), &spec);
        for (kind, name, spec) in OF_TENANT {
            let path = format!("tenants/{tenant}/{}.yaml", kind.to_lowercase());
            let spec = spec.replace('#', &at.to_string());
            *files.entry(path).or_default() += &document(kind, name, Some(tenant), &spec);
        }
    }
    files.insert("system.yaml".to_owned(), system);
    files
}

fn check(files: BTreeMap<String, String>) -> Checked {
    let file = |(path, text): (String, String)| SourceFile {
        path,
        content: Content::Text(Arc::from(text)),
    };
    validate(&SourceTree { files: files.into_iter().map(file).collect(), rooted: true })
}

/// The sound repository with parts of files written otherwise.
fn with(edits: &[(&str, &str, &str)]) -> Checked {
    let mut files = base();
    for (path, written, instead) in edits {
        let text = files.get_mut(*path).unwrap();
        assert_eq!(text.matches(written).count(), 1, "{path}: {written}");
        *text = text.replacen(written, instead, 1);
    }
    check(files)
}

/// The errors, each as a line, with the number of its other places.
fn told(checked: &Checked) -> String {
    let errors = checked.diagnostics.iter().filter(|one| one.severity() == Severity::Error);
    let line = |one: &Diagnostic| {
        format!(
            "{} {} +{} = {}\n",
            one.code,
            one.message,
            one.related.len(),
            one.help.as_deref().unwrap_or_default()
        )
    };
    errors.map(line).collect()
}

#[test]
fn the_repository_is_sound() {
    assert_eq!(check(base()).diagnostics, []);
}

#[test]
fn a_name_that_all_have_and_one_has_not() {
    let schedule = "tenants/bolt/schedule.yaml";
    assert_eq!(
        told(&with(&[(schedule, "name: office", "name: offce")])),
        "TL203 schedule `office` is only other tenants': this one has none of that name +1 = did you mean `offce`?\n"
    );
    let mut files = base();
    files.remove(schedule);
    let gone = check(files);
    assert_eq!(
        told(&gone),
        "TL203 schedule `office` is only other tenants': this one has none of that name +1 = was it deleted or renamed? declare the Schedule `office` of this tenant, or correct the name\n"
    );
    // Nothing of other customers is named.
    assert!(
        gone.diagnostics
            .iter()
            .flat_map(|one| &one.related)
            .all(|one| one.message.contains("/bolt/"))
    );
    let renamed = with(&[("tenants/bolt/trunk.yaml", "name: own", "name: ownn")]);
    assert_eq!(
        told(&renamed),
        "TL402 trunk `own` is only other tenants' own: this one has none of that name +2 = did you mean `ownn`?\n"
    );
}

#[test]
fn each_tenant_is_told_of_its_own_lack() {
    let two = with(&[
        ("tenants/bolt/schedule.yaml", "name: office", "name: offce"),
        ("tenants/cord/schedule.yaml", "name: office", "name: night"),
    ]);
    let told = told(&two);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(
        told.contains("TL203 schedule `office` is another tenant's: Schedule/acme/office"),
        "{told}"
    );
}

#[test]
fn a_tenant_of_a_trunk_that_all_use() {
    let shared = |tenant: &str| {
        let named = format!("name: shared\n  tenant: {tenant}\nspec: {{type");
        with(&[("system.yaml", "name: shared\nspec: {type", &named)])
    };
    let own = shared("bolt");
    assert_eq!(
        told(&own),
        "TL402 trunk `shared` is a tenant's own, and 2 other tenants use it +6 = take `metadata.tenant` away, and DidPools assign the trunk to its tenants; or let the others use other trunks\n"
    );
    // A deletion may be to blame of each of them (TL801).
    assert_eq!(own.followers.iter().filter(|one| one.code == Code::TL402).count(), 6);
    let typo = told(&shared("boltt"));
    assert!(typo.starts_with("TL201 there is no Tenant `boltt`"), "{typo}");
    assert_eq!(typo.lines().count(), 1, "{typo}");
}

#[test]
fn a_tenant_of_a_trunk_that_has_none() {
    for tenant in ["bolt", "boltt"] {
        let named =
            format!("name: shared\n  tenant: {tenant}\nspec: {{type: ip, host: 192.0.2.1}}");
        let mut files = base();
        let text = files.get_mut("system.yaml").unwrap();
        let start = text.find("name: shared\nspec: {type").unwrap();
        let end = start + text[start..].find("\n---").unwrap();
        text.replace_range(start..end, &named);
        let told = told(&check(files));
        assert!(told.starts_with("TL401 a trunk of type `ip` is the system's"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
