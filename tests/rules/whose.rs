//! One mistake, one error, where what is wrong is whose a thing is: names that every tenant has, tenants
//! that are lost, and files in another's folder.

use std::collections::{BTreeMap, BTreeSet};
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

/// The sound repository with files elsewhere.
fn moved(from: &str, to: &str) -> BTreeMap<String, String> {
    let all = base().into_iter();
    all.map(|(path, text)| (path.replacen(from, to, 1), text)).collect()
}

#[test]
fn a_folder_of_another_name() {
    let renamed = check(moved("tenants/acme/", "tenants/acne/"));
    assert_eq!(
        told(&renamed),
        "TL601 DidPool/acme/own and 5 more, all that `tenants/acne` holds, belong to tenant `acme`, and these are files of tenant `acne` +5 = did you mean `tenants/acme`?\n"
    );
    // Who is shown a part of the files sees what is wrong there.
    let one = &renamed.diagnostics[0];
    let spans = one.related.iter().map(|one| one.span).chain([one.span]);
    assert_eq!(spans.flatten().map(|span| span.file).collect::<BTreeSet<_>>().len(), 5);
    // One of the tenant's own files is in the right place.
    let mut files = moved("tenants/acme/", "tenants/bolt/moved-");
    let some = told(&check(files.clone()));
    assert_eq!(some.lines().count(), 5, "{some}");
    assert!(
        some.contains("TL601 InboundRule/acme/in and 1 more in `tenants/bolt/moved-inboundrule.yaml` belong to tenant `acme`, and it is a file of tenant `bolt` +1 = move it"),
        "{some}"
    );
    files.retain(|path, _| !path.starts_with("tenants/bolt/") || path.contains("moved-i"));
    let others = told(&check(files));
    assert!(others.contains("did you mean `tenants/acme`?"), "{others}");
}

#[test]
fn a_scope_of_another_tenant() {
    let policy = document(
        "Policy",
        "policy",
        None,
        "{scopes: {\"tenants/acme/**\": {tenant: bolt}, \"tenants/bolt/**\": {tenant: bolt}, \"tenants/cord/**\": {tenant: cord}}}",
    );
    let mut files = base();
    files.get_mut("system.yaml").unwrap().push_str(&policy);
    assert_eq!(
        told(&check(files)),
        "TL601 DidPool/acme/own and 5 more, all that `tenants/acme/**` holds, belong to tenant `acme`, and these are files of tenant `bolt` +6 = did you mean `tenant: acme` in the Policy's `scopes`? Else move them to files of their owner's scope\n"
    );
}

#[test]
fn a_file_of_the_system_among_a_tenants() {
    let mut files = base();
    let text = files.remove("system.yaml").unwrap();
    files.insert("tenants/acme/system.yaml".to_owned(), text);
    let told = told(&check(files));
    assert!(told.starts_with("TL601 Transport/udp and 6 more in `tenants/acme/system.yaml` belong to others, and it is a file of tenant `acme` +6 = move it"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_document_of_another_tenant_takes_no_name() {
    let path = "tenants/acme/schedule.yaml";
    let told = told(&with(&[(path, "tenant: acme", "tenant: bolt")]));
    assert!(told.starts_with("TL601 Schedule/bolt/office belongs to tenant `bolt`"), "{told}");
    assert!(told.contains("= correct its `tenant`, or move it"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_tenant_that_a_trunk_lost() {
    let path = "tenants/bolt/trunk.yaml";
    let lost = told(&with(&[(path, "  tenant: bolt\n", "")]));
    assert!(lost.starts_with("TL601 Trunk/own belongs to the system"), "{lost}");
    assert!(
        lost.contains("add `tenant: bolt` to its metadata if it is the tenant's own"),
        "{lost}"
    );
    assert_eq!(lost.lines().count(), 1, "{lost}");
    let misspelt = told(&with(&[(path, "  tenant: bolt\n", "  tennt: bolt\n")]));
    assert_eq!(misspelt, "TL103 unknown field `metadata.tennt` +0 = did you mean `tenant`?\n");
}

#[test]
fn a_tenant_that_a_teams_trunk_lost() {
    let teams = |tenant: &str| {
        let spec = "{type: teams, transport: tls, teams: {fqdn: bolt.sbc.example.net}}";
        let text = document("Trunk", "teams", Some("bolt"), spec);
        let pool = document("DidPool", "teams", Some("bolt"), "{trunk: teams, numbers: [3000]}");
        let mut files = base();
        let text = text.replace("  tenant: bolt\n", tenant);
        files.insert("tenants/bolt/teams.yaml".to_owned(), text + &pool);
        let tls =
            "{protocol: tls, port: 5061, tls: {certificate: a.pem, privateKey: {file: a.key}}}";
        let tls = document("Transport", "tls", None, tls);
        files.get_mut("system.yaml").unwrap().push_str(&tls);
        told(&check(files))
    };
    assert_eq!(teams("  tenant: bolt\n"), "");
    let lost = teams("");
    assert_eq!(
        lost,
        "TL601 Trunk/teams belongs to the system, and `tenants/bolt/teams.yaml` is a file of tenant `bolt` +0 = add `tenant: bolt` to its metadata\n"
    );
    let misspelt = teams("  tennt: bolt\n");
    assert_eq!(misspelt, "TL103 unknown field `metadata.tennt` +0 = did you mean `tenant`?\n");
    let other = teams("  tenant: acme\n");
    assert!(other.starts_with("TL601 Trunk/acme/teams belongs to tenant `acme`"), "{other}");
    assert_eq!(other.lines().count(), 1, "{other}");
}

#[test]
fn all_folders_below_one_that_is_too_much() {
    let told = told(&check(moved("tenants/", "tenants/all/")));
    assert!(
        told.starts_with(
            "TL601 DidPool/acme/own and 17 more, all that `tenants/all` holds, belong to others"
        ),
        "{told}"
    );
    assert!(told.contains(" +17 = move it"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}
