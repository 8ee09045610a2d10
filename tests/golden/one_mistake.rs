//! One mistake, one error: every value of a manifest with every field, refused one after the other,
//! and mistakes that other rules could take for further ones.

use std::path::Path;
use std::sync::Arc;

use trunkline::diag::{Code, Diagnostic, FileId};
use trunkline::manifest::node::{Field, Meaning, Node, Scalar, Value};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::manifest::yaml::{self, parse};
use trunkline::validate::validate;

fn check(text: &str) -> Vec<Diagnostic> {
    let content = Content::Bytes(Arc::from(text.as_bytes()));
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    validate(&SourceTree { files: vec![file], rooted: false }).diagnostics
}

fn trees(text: &str) -> Vec<Node> {
    let content = parse(FileId(0), text).documents.into_iter().map(|document| document.content);
    let tree = content.map(|content| match content {
        yaml::Content::Tree(node) => node,
        yaml::Content::Damaged(_) | yaml::Content::Broken(_) => panic!("{text}"),
    });
    tree.collect()
}

/// A tree as YAML on one line.
fn written(node: &Node) -> String {
    match &node.value {
        Value::Scalar(Scalar { text, meaning: Meaning::Text }) => format!("{:?}", &**text),
        Value::Scalar(scalar) => scalar.text.to_string(),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(fields) => {
            let field = |one: &Field| format!("{:?}: {}", &*one.key, written(&one.value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A document with the fields at its top on lines of their own.
fn document(node: &Node) -> String {
    let Value::Mapping(fields) = &node.value else { panic!("a document is a mapping") };
    let lines = fields.iter().map(|one| format!("{}: {}\n", one.key, written(&one.value)));
    "---\n".to_owned() + &lines.collect::<String>()
}

/// Calls `visit` with a copy of the tree for each of its nodes, in which that node is another one, and
/// for each key, in which it is another one.
fn each_change(node: &Node, instead: &Node, visit: &mut dyn FnMut(Node)) {
    visit(instead.clone());
    match &node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                each_change(item, instead, &mut |changed| {
                    let mut items = items.clone();
                    items[index] = changed;
                    visit(Node { span: node.span, value: Value::Sequence(items) });
                });
            }
        }
        Value::Mapping(fields) => {
            for (index, field) in fields.iter().enumerate() {
                each_change(&field.value, instead, &mut |changed| {
                    let mut fields = fields.clone();
                    fields[index].value = changed;
                    visit(Node { span: node.span, value: Value::Mapping(fields) });
                });
            }
        }
    }
}

fn each_key(node: &Node, visit: &mut dyn FnMut(Node)) {
    let Value::Mapping(fields) = &node.value else { return };
    for (index, field) in fields.iter().enumerate() {
        let mut renamed = fields.clone();
        renamed[index].key = format!("{}x", field.key).into();
        visit(Node { span: node.span, value: Value::Mapping(renamed) });
        each_key(&field.value, &mut |changed| {
            let mut fields = fields.clone();
            fields[index].value = changed;
            visit(Node { span: node.span, value: Value::Mapping(fields) });
        });
    }
}

/// Runs a check for every change of every `spec` of the manifest with every field.
fn changed(change: impl Fn(&Node, &mut dyn FnMut(Node))) -> Vec<String> {
    let path = "tests/cases/validate/TL104__ok-every-kind.yaml";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let all = trees(&text);
    let before: Vec<String> = check(&text).into_iter().map(|one| one.message).collect();
    let mut wrong = Vec::new();
    for (index, tree) in all.iter().enumerate() {
        let Value::Mapping(fields) = &tree.value else { panic!("a document is a mapping") };
        let at = fields.iter().position(|field| &*field.key == "spec").unwrap();
        change(&fields[at].value, &mut |spec| {
            let mut fields = fields.clone();
            fields[at].value = spec;
            let changed = Node { span: tree.span, value: Value::Mapping(fields) };
            let documents = all.iter().enumerate();
            let documents = documents.map(|(at, one)| if at == index { &changed } else { one });
            let text: String = documents.map(document).collect();
            let found = check(&text).into_iter();
            let found: Vec<_> = found
                .filter(|one| !before.contains(&one.message))
                .map(|one| (one.code, one.message))
                .collect();
            // A value that is taken means something else: that may be several mistakes.
            let refused = found.iter().any(|(code, _)| code.as_str() < "TL200");
            if refused && found.len() > 1 {
                wrong.push(format!("{}\n{found:#?}", document(&changed)));
            }
        });
    }
    wrong
}

#[test]
fn one_refused_value_is_one_error() {
    let values = ["null", "'Not A Value!'", "-1"];
    for value in values {
        let instead = &trees(&format!("a: {value}\n"))[0];
        let instead = instead.get("a").unwrap();
        let wrong = changed(|spec, visit| each_change(spec, instead, visit));
        assert!(wrong.is_empty(), "{value}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn one_misspelt_key_is_one_error() {
    let wrong = changed(|spec, visit| each_key(spec, visit));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const BASE: &str = "---
apiVersion: trunkline.dev/v1
kind: Transport
metadata: {name: udp}
spec: {protocol: udp, port: 5060}
---
apiVersion: trunkline.dev/v1
kind: Tenant
metadata: {name: acme}
spec: {sipDomain: acme.voice.example.net, emergencyNumbers: [112, 999]}
---
apiVersion: trunkline.dev/v1
kind: Trunk
metadata: {name: carrier-a}
spec: {type: ip, host: 203.0.113.10}
---
apiVersion: trunkline.dev/v1
kind: DidPool
metadata: {name: numbers, tenant: acme}
spec: {trunk: carrier-a, numbers: 442079460000-442079460099}
---
apiVersion: trunkline.dev/v1
kind: Extension
metadata: {name: phones, tenant: acme}
spec: {numbers: 1000-1099, contact: \"sip:192.0.2.20\", group: sales}
---
apiVersion: trunkline.dev/v1
kind: InboundRule
metadata: {name: sales, tenant: acme}
spec: {trunk: carrier-a, did: \"*\", destination: {extension: 1000}}
---
apiVersion: trunkline.dev/v1
kind: OutboundRule
metadata: {name: out, tenant: acme}
spec: {match: {prefixes: [\"0\", \"1\", \"9\"], groups: [sales]}, routes: [{trunk: carrier-a}]}
---
apiVersion: trunkline.dev/v1
kind: OutboundRule
metadata: {name: urgent, tenant: acme}
spec: {emergency: true, match: {prefixes: [112, 999]}, routes: [{trunk: carrier-a}]}
---
apiVersion: trunkline.dev/v1
kind: RouteTest
metadata: {name: sales, tenant: acme}
spec: {inbound: {trunk: carrier-a, to: \"442079460000\", from: \"49\"}, expect: {rule: sales}}
";

fn codes(text: &str) -> Vec<Code> {
    check(text).into_iter().map(|one| one.code).collect()
}

#[test]
fn what_follows_from_a_mistake_is_not_told() {
    assert_eq!(codes(BASE), []);
    for (written, mistaken, code) in [
        // A kind that is none may have been any.
        ("kind: Transport\n", "kind: Listener\n", Code::TL102),
        ("kind: Tenant\n", "kind: Customer\n", Code::TL102),
        ("kind: DidPool\n", "kind: Numbers\n", Code::TL102),
        // A name that is near to a tenant's is meant to be that.
        ("name: numbers, tenant: acme", "name: numbers, tenant: acm", Code::TL201),
        ("name: phones, tenant: acme", "name: phones, tenant: acm", Code::TL201),
        (
            "kind: InboundRule\nmetadata: {name: sales, tenant: acme}",
            "kind: InboundRule\nmetadata: {name: sales, tenant: amce}",
            Code::TL201,
        ),
        ("name: urgent, tenant: acme", "name: urgent, tenant: acm", Code::TL201),
        // A pool or rule of no trunk may be of any trunk.
        ("{trunk: carrier-a, numbers", "{trunk: carier-a, numbers", Code::TL201),
        ("{trunk: carrier-a, did", "{trunk: carier-a, did", Code::TL201),
        // A trunk where it may not be needs nothing yet.
        (
            "{type: ip, host: 203.0.113.10}\n---",
            "{type: ip, host: 203.0.113.10}\n---\napiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {name: own, tenant: acme}\nspec: {type: ip, host: 203.0.113.20}\n---",
            Code::TL401,
        ),
        (
            "{type: ip, host: 203.0.113.10}\n---",
            "{type: ip, host: 203.0.113.10}\n---\napiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {name: teams}\nspec: {type: teams, teams: {fqdn: sbc.example.net}}\n---",
            Code::TL401,
        ),
        // One name for two.
        (
            "{type: ip, host: 203.0.113.10}\n---",
            "{type: ip, host: 203.0.113.10}\n---\napiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {name: carrier-a, tenant: acme}\nspec: {type: register, host: sip.example.net, registration: {username: a, password: {env: A}}}\n---",
            Code::TL202,
        ),
        (
            "{type: ip, host: 203.0.113.10}\n---",
            "{type: ip, host: 203.0.113.10}\n---\napiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {name: carrier-b}\nspec: {type: ip, host: 203.0.113.20}\n---\napiVersion: trunkline.dev/v1\nkind: InboundRule\nmetadata: {name: more, tenant: acme}\nspec: {trunk: carrier-b, did: 4930100, destination: {extension: 1000}}\n---\napiVersion: trunkline.dev/v1\nkind: DidPool\nmetadata: {name: numbers, tenant: acme}\nspec: {trunk: carrier-b, numbers: 4930100}\n---",
            Code::TL202,
        ),
        // One missing rule leaves several numbers.
        (
            "match: {prefixes: [112, 999]}, routes: [{trunk: carrier-a}]",
            "match: {prefixes: [112, 999]}, routes: [{trunk: carrier-a, strip: 3}]",
            Code::TL512,
        ),
    ] {
        assert!(BASE.contains(written), "{written}");
        let text = BASE.replacen(written, mistaken, 1);
        assert_eq!(codes(&text), [code], "{mistaken}");
    }
}
