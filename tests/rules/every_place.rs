//! Who is shown some of the files (`--only`) has to see what is wrong there: a diagnostic knows every
//! place that has to do with it, whatever a person is shown of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use trunkline::diag::{Code, render_json, render_text};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::validate;

/// More than a person is shown.
const COUNT: usize = 12;

const BASE: &str = "\
apiVersion: trunkline.dev/v1
kind: Transport
metadata: {name: udp}
spec: {protocol: udp, port: 5060}
---
apiVersion: trunkline.dev/v1
kind: Trunk
metadata: {name: t}
spec: {type: ip, host: 203.0.113.10, limits: {concurrentCalls: 10}}
---
apiVersion: trunkline.dev/v1
kind: Extension
metadata: {name: desk, tenant: a}
spec: {numbers: 1000, contact: \"sip:192.0.2.1\"}
";

const TENANT: &str = "\
apiVersion: trunkline.dev/v1
kind: Tenant
metadata: {name: a}
spec: {sipDomain: a.example.net}
";

const POOL: &str = "\
apiVersion: trunkline.dev/v1
kind: DidPool
metadata: {name: p, tenant: a}
spec: {trunk: t, numbers: 200-299}
";

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: trunkline.dev/v1\nkind: {kind}\nmetadata: {{name: {name}, tenant: a}}\nspec: {{{spec}}}\n"
    )
}

/// A file for each number, with what stands in all of them.
fn each(kind: &str, spec: impl Fn(usize) -> String) -> Vec<(String, String)> {
    let one = |at| (format!("{at:02}.yaml"), document(kind, &format!("r{at:02}"), &spec(at)));
    (0..COUNT).map(one).collect()
}

/// That the only diagnostic of a code names all these files, to people ten of them.
fn assert_names_all(code: Code, others: &[&str], files: Vec<(String, String)>) {
    let names: BTreeSet<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let others =
        others.iter().enumerate().map(|(at, text)| (format!("b{at}.yaml"), text.to_string()));
    let files = files
        .into_iter()
        .chain(others)
        .map(|(path, text)| SourceFile { path, content: Content::Text(Arc::from(text)) });
    let checked = validate(&SourceTree { files: files.collect(), rooted: false });
    let mut told = checked.diagnostics;
    told.retain(|one| one.code == code);
    assert_eq!(told.len(), 1, "{told:#?}");
    let json = render_json(&told, &checked.sources);
    let related = json[0]["related"].as_array().unwrap().iter();
    let own = json[0]["file"].as_str();
    let found: BTreeSet<_> = related.filter_map(|one| one["file"].as_str()).chain(own).collect();
    let missing: Vec<_> = names.iter().filter(|name| !found.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{code} knows nothing of {missing:?}");
    let text = render_text(&told, &checked.sources, false);
    assert!(text.contains(" more place"), "{text}");
}

#[test]
fn rules_that_answer_some_calls_are_all_named() {
    let rules = each("InboundRule", |at| {
        format!("trunk: t, did: \"*\", caller: [\"{at:02}*\"], destination: {{extension: 1000}}")
    });
    assert_names_all(Code::TL510, &[BASE, TENANT, POOL], rules);
}

#[test]
fn a_circle_names_every_rule_and_route_on_it() {
    let inbound = each("InboundRule", |at| {
        let next = 200 + (at + 1) % COUNT;
        format!("trunk: t, did: {}, destination: {{number: {next}}}", 200 + at)
    });
    let out = document("OutboundRule", "out", "match: {prefixes: [2]}, routes: [{trunk: t}]");
    let files = inbound.into_iter().chain([("out.yaml".to_owned(), out)]);
    assert_names_all(Code::TL511, &[BASE, TENANT, POOL], files.collect());
}

#[test]
fn rules_that_come_first_are_all_named() {
    let mut rules = each("OutboundRule", |at| {
        format!("priority: 1, match: {{prefixes: [1{at:02}]}}, routes: [{{trunk: t}}]")
    });
    let prefixes: Vec<_> = (0..COUNT).map(|at| format!("1{at:02}")).collect();
    let spec = format!("match: {{prefixes: [{}]}}, routes: [{{trunk: t}}]", prefixes.join(", "));
    rules.push(("last.yaml".to_owned(), document("OutboundRule", "last", &spec)));
    assert_names_all(Code::TL508, &[BASE, TENANT, POOL], rules);
}

#[test]
fn the_shares_of_a_trunk_are_all_named() {
    let pools =
        each("DidPool", |at| format!("trunk: t, numbers: {}, concurrentCalls: 2", 200 + at));
    assert_names_all(Code::TL417, &[BASE, TENANT], pools);
}

#[test]
fn the_pools_that_lack_a_number_are_all_named() {
    let pools = each("DidPool", |at| format!("trunk: t, numbers: {}", 200 + at));
    let rule = document("InboundRule", "r", "trunk: t, did: 300, destination: {extension: 1000}");
    assert_names_all(Code::TL501, &[BASE, TENANT, &rule], pools.clone());
    let tenant = TENANT.replace("net}", "net, callerIds: [{trunk: t, number: 300}]}");
    assert_names_all(Code::TL507, &[BASE, &tenant], pools);
}

#[test]
fn the_rules_of_a_disabled_tenant_are_all_named() {
    let rules = each("InboundRule", |at| {
        format!("trunk: t, did: {}, destination: {{extension: 1000}}", 200 + at)
    });
    let tenant = TENANT.replace("spec: {", "spec: {enabled: false, ");
    assert_names_all(Code::TL204, &[BASE, &tenant, POOL], rules);
}

#[test]
fn the_rules_over_a_disabled_trunk_are_all_named() {
    let rules = each("InboundRule", |at| {
        format!("trunk: t, did: {}, destination: {{extension: 1000}}", 200 + at)
    });
    let base = BASE.replace("spec: {type: ip, ", "spec: {type: ip, enabled: false, ");
    assert_names_all(Code::TL204, &[&base, TENANT, POOL], rules);
}
