//! One mistake, one error, among documents that depend on one another; and what the help says is right
//! when it is followed to the letter.

use std::sync::Arc;

use trunkline::diag::{Code, Diagnostic, Severity};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::validate;

/// Two tenants on two trunks.
const BASE: &[(&str, &str, &str)] = &[
    ("Transport", "udp", "{protocol: udp, port: 5060, bind: 192.0.2.1}"),
    ("Tenant", "acme", "{sipDomain: acme.sbc.example.net, countryCode: 44}"),
    ("Tenant", "bolt", "{sipDomain: bolt.sbc.example.net}"),
    ("Trunk", "ca", "{type: ip, host: 198.51.100.1, provider: pa}"),
    ("Trunk", "cb", "{type: ip, host: 198.51.100.2, provider: pb}"),
    ("DidPool", "acme/pa", "{trunk: ca, numbers: [1000-1999]}"),
    ("DidPool", "bolt/pb", "{trunk: cb, numbers: [3000-3999]}"),
    ("Extension", "acme/ea", "{numbers: 100-199, contact: \"sip:192.0.2.10\"}"),
    ("Extension", "bolt/eb", "{numbers: 100-199, contact: \"sip:192.0.2.11\"}"),
    ("InboundRule", "acme/ia", "{trunk: ca, did: \"*\", destination: {extension: 100}}"),
    ("InboundRule", "bolt/ib", "{trunk: cb, did: \"*\", destination: {extension: 100}}"),
];

fn document((kind, name, spec): &(&str, &str, &str)) -> String {
    let metadata = match name.split_once('/') {
        Some((tenant, name)) => format!("name: {name}, tenant: {tenant}"),
        None => format!("name: {name}"),
    };
    format!(
        "---\napiVersion: trunkline.dev/v1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {spec}\n"
    )
}

fn base() -> String {
    BASE.iter().map(document).collect()
}

/// The sound text with one part written otherwise, and more behind it.
fn with(written: &str, instead: &str, more: &[(&str, &str, &str)]) -> String {
    let text = base();
    assert!(written.is_empty() || text.matches(written).count() == 1, "{written}");
    let text = if written.is_empty() { text } else { text.replacen(written, instead, 1) };
    text + &more.iter().map(document).collect::<String>()
}

fn found(bytes: &[u8]) -> Vec<Diagnostic> {
    let content = Content::Bytes(Arc::from(bytes));
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let mut found = validate(&SourceTree { files: vec![file], rooted: false }).diagnostics;
    found.retain(|one| one.severity() == Severity::Error);
    found
}

/// The code, the message and the help of the one error of a text.
fn told(text: impl AsRef<[u8]>) -> String {
    let found = found(text.as_ref());
    let [one] = found.as_slice() else { return format!("{} errors: {found:#?}", found.len()) };
    format!("{} {} = {}", one.code, one.message, one.help.as_deref().unwrap_or_default())
}

#[test]
fn the_text_is_sound() {
    assert_eq!(found(base().as_bytes()), []);
}

#[test]
fn a_second_transport_is_one_error() {
    let second = |port: u16| ("Transport", "u2", format!("{{protocol: udp, port: {port}}}"));
    let (kind, name, spec) = second(5062);
    let text = with("", "", &[(kind, name, &spec)]);
    assert_eq!(
        told(&text),
        "TL105 `transport` is missing, and several are of protocol udp: `u2`, `udp` = say which one the trunk uses, for example `transport: u2` or `transport: udp`"
    );
    let one = found(text.as_bytes()).remove(0);
    let related: Vec<_> = one.related.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(related, ["Trunk/cb names none, either"]);
    // Of two at one address one is too many.
    let (kind, name, spec) = second(5060);
    let same = told(with("", "", &[(kind, name, &spec)]));
    assert!(same.starts_with("TL408 "), "{same}");
}

#[test]
fn of_many_transports_a_few_are_named() {
    let all: Vec<_> = (1..=50)
        .map(|at| (format!("u{at:02}"), format!("{{protocol: udp, port: {at}}}")))
        .collect();
    let all: Vec<_> = all.iter().map(|one| ("Transport", one.0.as_str(), one.1.as_str())).collect();
    let told = told(with("", "", &all));
    assert!(told.contains("udp: `u01`, `u02`, `u03`, 48 more ="), "{told}");
}

#[test]
fn an_end_of_a_did_is_one_error() {
    let rule = |did: &str, extension: &str| {
        let rule = format!("{{trunk: ca, did: {did}, destination: {{extension: {extension}}}}}");
        told(with("{trunk: ca, did: \"*\", destination: {extension: 100}}", &rule, &[]))
    };
    let last = rule("1000-2009", "100-109");
    assert!(last.starts_with("TL501 "), "{last}");
    let rule_of_bolt = "{trunk: cb, did: 2000-3009, destination: {extension: 100-109}}";
    let first =
        told(with("{trunk: cb, did: \"*\", destination: {extension: 100}}", rule_of_bolt, &[]));
    assert!(first.starts_with("TL501 "), "{first}");
    // Neither end alone would do.
    let two = rule("2000-2009", "100-101");
    assert!(two.starts_with("2 errors"), "{two}");
}

#[test]
fn a_byte_that_is_none_is_one_error() {
    for (written, with_byte) in [
        ("kind: DidPool\nmetadata: {name: pb,", "kind: DidPool\u{1}\nmetadata: {name: pb,"),
        ("3000-3999", "3000\u{1}-3999"),
        ("name: eb", "name: eb\u{1}"),
        ("sip:192.0.2.11", "sip:192.0.\u{1}2.11"),
        ("provider: pb", "prov\u{1}ider: pb"),
    ] {
        let mut bytes = with(written, with_byte, &[]).into_bytes();
        bytes.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xe9);
        let told = told(bytes);
        assert!(told.starts_with("TL004 "), "{with_byte:?}: {told}");
    }
}

#[test]
fn a_misspelt_annotation_of_ours_is_named() {
    let of = |field: &str, key: &str| {
        let named = format!("name: ca, {field}: {{{key}: \"true\"}}");
        let told = told(with("name: ca", &named, &[]));
        told.split_once(" = ").map(|(_, help)| help.to_owned()).unwrap_or(told)
    };
    let near = of("annotations", "trunkline.dev/prevent-destory");
    assert_eq!(near, "did you mean `trunkline.dev/prevent-destroy`?");
    assert_eq!(
        of("labels", "trunkline.dev/prevent-destroy"),
        "write it as an annotation: `annotations: {trunkline.dev/prevent-destroy: …}`"
    );
    assert_eq!(of("annotations", "trunkline.dev/x"), "remove it, or give it another prefix");
}

#[test]
fn a_reference_to_a_secret_without_its_blank_is_none() {
    let of = |password: &str| {
        let spec = format!(
            "\n  type: register\n  host: r.example.com\n  provider: pr\n  registration:\n    username: a\n    password:{password}"
        );
        let pool = ("DidPool", "acme/pr", "{trunk: rg, numbers: [7000]}");
        let rule =
            ("InboundRule", "acme/ir", "{trunk: rg, did: \"*\", destination: {extension: 100}}");
        told(with("", "", &[("Trunk", "acme/rg", &spec), pool, rule]))
    };
    for (password, form) in [
        ("\n      env:PW_1", "env"),
        (" env:PW", "env"),
        (" {env:PW}", "env"),
        (" file:a/b", "file"),
    ] {
        let told = of(password);
        let begins = format!(
            "TL702 `password` is no reference to a secret: the blank behind `{form}:` is missing"
        );
        assert!(told.starts_with(&begins), "{password}: {told}");
    }
    // What cannot be one is a secret.
    for password in [" env:hunter2", " env", " hunter2"] {
        let told = of(password);
        assert!(told.starts_with("TL701 ") && !told.contains("hunter2"), "{password}: {told}");
    }
}

#[test]
fn an_empty_condition_beside_another_is_told_as_that() {
    let rule = |condition: &str| {
        let spec = format!("{{match: {{{condition}}}, routes: [{{trunk: ca}}]}}");
        told(with("", "", &[("OutboundRule", "acme/oa", &spec)]))
    };
    assert_eq!(
        rule("prefixes: [\"0\"], groups: []"),
        "TL504 `spec.match.groups` is an empty list, which no call meets = name one, or remove the field"
    );
    assert!(rule("groups: []").starts_with("TL504 an outbound rule needs a condition"));
}

#[test]
fn a_country_code_is_not_written_twice() {
    let help = |number: &str| {
        let pool = format!("numbers: [\"{number}\"]");
        let told = told(with("numbers: [1000-1999]", &pool, &[]));
        told.split_once(" = ").map(|(_, help)| help.to_owned()).unwrap_or(told)
    };
    assert_eq!(
        help("0442079460200"),
        "write `442079460200`, or `44442079460200` if its `44` is an area code: a number begins with its country code"
    );
    assert_eq!(help("02079460200"), "write `442079460200`: a number begins with its country code");
}

#[test]
fn a_number_of_the_tenant_gets_no_country_code() {
    let told = told(with("trunk: ca, did: \"*\"", "trunk: ca, did: 01000-01999", &[]));
    assert!(told.contains(" = write `1000-1999`: a number"), "{told}");
}

/// What is told of one more document with a spec of several lines.
fn told_of(kind: &str, name: &str, spec: &str) -> String {
    told(with("", "", &[(kind, name, spec)]))
}

#[test]
fn a_dash_that_is_gone_is_one_error() {
    let conditions = |lines: &str| {
        let spec = format!("\n  match:\n    prefixes:{lines}  routes: [{{trunk: ca}}]");
        told_of("OutboundRule", "acme/oa", &spec)
    };
    for lines in [
        "\n      \"00\"\n      - \"11\"\n",
        "\n      - \"00\"\n        \"11\"\n",
        "\n      - \"00\"\n      \"11\"\n      - \"12\"\n",
    ] {
        let told = conditions(lines);
        assert!(told.starts_with("TL001 `- ` is missing before this line = "), "{lines}{told}");
    }
    for (value, help) in
        [("{}", "remove what"), ("[]", "remove what"), ("// list", "a comment begins")]
    {
        let told = conditions(&format!(" {value}\n      - \"00\"\n      - \"11\"\n"));
        let words = "`prefixes:` has lines below it and something beside it = ";
        assert!(told.contains(words) && told.contains(help), "{value}: {told}");
    }
    let rule = "\n  trunk: ca\n  did: 1000\n  destination: // note\n    extension: 100";
    let told = told_of("InboundRule", "acme/ix", rule);
    assert!(told.starts_with("TL001 `destination:` has lines below it"), "{told}");
}

#[test]
fn an_item_whose_dash_became_blanks_is_one_error() {
    let routes = "\n  match: {prefixes: [\"0\"]}\n  routes:\n    - trunk: ca\n      strip: 1\n      prepend: \"2\"\n";
    for second in ["      trunk: ca\n", "    trunk: ca\n"] {
        let spec = format!("{routes}{second}      strip: 2\n      prepend: \"3\"");
        let told = told_of("OutboundRule", "acme/oa", &spec);
        assert!(told.contains("`- ` is missing before `trunk:` = "), "{second}{told}");
    }
    // What only stands twice is that.
    let spec = format!("{routes}      strip: 1");
    let told = told_of("OutboundRule", "acme/oa", &spec);
    assert!(told.starts_with("TL002 the key `strip` stands twice"), "{told}");
}

#[test]
fn a_dash_before_a_field_is_one_error() {
    let trunk = "\n  type: ip\n  host: 198.51.100.3\n  associatedIps:\n    - 198.51.100.7\n";
    for (field, name) in
        [("  - transport: udp", "transport"), ("  - limits:\n      concurrentCalls: 10", "limits")]
    {
        let text = base();
        let (before, after) =
            text.split_once("{type: ip, host: 198.51.100.1, provider: pa}").unwrap();
        let told = told(format!("{before}{trunk}{field}{after}"));
        let begins = format!("TL001 `- ` stands before `{name}:`, which is a field and no item = ");
        assert!(told.starts_with(&begins), "{told}");
    }
}

#[test]
fn a_tab_before_the_first_line_is_one_error() {
    let text = base();
    for written in [
        "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: bolt}",
        "apiVersion: trunkline.dev/v1\nkind: Transport",
    ] {
        let told = told(text.replacen(written, &format!("\t{written}"), 1));
        let begins = "TL001 a tab stands before the first line of the document = remove the tab";
        assert!(told.starts_with(begins), "{told}");
    }
    let first = told(format!("\t{}", text.trim_start_matches("---\n")));
    assert!(first.starts_with("TL001 a tab stands before"), "{first}");
}

#[test]
fn signs_of_yaml_are_told_as_what_they_are() {
    let policy = |lines: &str| told_of("Policy", "p", &format!("\n  scopes:\n{lines}"));
    for glob in ["**", "**/acme/**"] {
        let told = policy(&format!("    {glob}: system\n"));
        assert!(told.contains(&format!(" = write `\"{glob}\":`: without")), "{told}");
    }
    for metadata in ["metadata:{name: ix, ", "metadata {name: ix, ", "metadata{name: ix, "] {
        let told = told(with("metadata: {name: ia, ", metadata, &[]));
        assert!(told.contains(" = write `metadata: {…}`, with a blank"), "{metadata}: {told}");
    }
    let commas = told(with("{name: ia, ", "{name: ia,, ", &[]));
    assert!(commas.ends_with(" = remove one of the two commas"), "{commas}");
    let bullet = told_of("DidPool", "acme/px", "\n  trunk: ca\n  numbers:\n    * 2000\n");
    assert!(bullet.contains(" = write `- `: "), "{bullet}");
}

#[test]
fn a_key_that_is_glued_to_its_value_is_one_error() {
    for glued in ["timezone:Europe/London", "timezone=Europe/London", "timezone Europe/London"] {
        let told =
            told(with("bolt.sbc.example.net}", &format!("bolt.sbc.example.net, {glued}}}"), &[]));
        assert_eq!(
            told,
            "TL103 `spec.timezone` has no value: no `: ` stands behind it = write `timezone: …`, with a blank behind the `:`"
        );
    }
    for glued in ["tenant acme", "tenant=acme", "tenant:acme"] {
        let told = told_of("Policy", "p", &format!("\n  scopes:\n    \"t/**\": {{{glued}}}"));
        assert!(told.contains(".tenant` has no value: no `: ` stands"), "{glued}: {told}");
    }
    let secret = told_of(
        "Trunk",
        "rg",
        "{type: register, host: r.example.com, registration: {username: u, password:hunter2x}}",
    );
    assert!(!secret.contains("hunter2x"), "{secret}");
}

#[test]
fn scopes_swallow_no_field_of_spec() {
    let policy = |lines: &str| {
        told_of("Policy", "p", &format!("\n  scopes:\n    \"t/**\": system\n{lines}"))
    };
    for lines in [
        "    prune: true\n",
        "    deletions:\n      maxCount: 10\n",
        "    deletions:\n    maxCount: 10\n    maxPercent: 20\n",
        "    deletions:\n    maxCount: 10\n    prune: true\n  didOverlap: provider\n",
    ] {
        let told = policy(lines);
        let ends = "it is a field of `spec`: write it as far left as `scopes:`";
        assert!(told.starts_with("TL103 unknown field ") && told.ends_with(ends), "{lines}{told}");
    }
    // A glob may have such a name, and what is no glob belongs to no scopes.
    let named = policy("    prune: system\n    drain: {tenant: acme}\n");
    assert!(!named.contains("TL103"), "{named}");
    let strange = policy("    \"x/**\": {tenant: acme, x: y}\n");
    assert!(strange.contains("unknown field `spec.scopes.x/**.x`"), "{strange}");
    assert!(!strange.contains("as far left"), "{strange}");
}

#[test]
fn a_line_that_stands_twice_is_one_error() {
    let headers = "\n  sipDomain: x.sbc.example.net\n  customHeaders:\n    - name: X-Customer\n";
    for lines in
        ["    - name: X-Customer\n      value: x\n", "      value: x\n    - name: X-Customer\n"]
    {
        let told = told_of("Tenant", "x", &format!("{headers}{lines}"));
        assert!(told.starts_with("TL105 "), "{told}");
    }
    let rule = "\n  trunk: ca\n  did: 1000\n  destination: {extension: 100}\n  advanced:\n    - when:\n    - when:\n        months: [12]\n      extension: 101";
    let told = told_of("InboundRule", "acme/ix", rule);
    assert!(told.starts_with("TL104 `spec.advanced[0].when` has no value"), "{told}");
}

#[test]
fn a_rule_on_another_tenants_trunk_is_one_mistake() {
    let written = "{trunk: ca, did: \"*\", destination: {extension: 100}}";
    let text = with(written, &written.replace("ca", "cb"), &[]);
    let content = Content::Text(Arc::from(text.as_str()));
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let found = validate(&SourceTree { files: vec![file], rooted: false }).diagnostics;
    let codes: Vec<_> = found.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["TL506"]);
}

#[test]
fn a_dash_before_the_first_field_of_a_block_is_no_list() {
    let rule = "{trunk: ca, did: \"*\", destination: {extension: 100}}";
    let block = "\n-   trunk: ca\n  did: \"*\"\n  destination: {extension: 100}";
    let text = with(rule, block, &[]);
    let told = told(&text);
    assert!(told.starts_with("TL001 ") && !told.contains("is missing before"), "{told}");
}

#[test]
fn a_network_of_a_trunk_that_holds_pbxs_is_one_error() {
    let trunk = |more: &str| {
        let spec = format!("host: 198.51.100.1, associatedIps: [{more}], provider: pa");
        found(with("host: 198.51.100.1, provider: pa", &spec, &[]).as_bytes())
    };
    let one = trunk("192.0.2.0/24");
    assert_eq!(one.len(), 1, "{one:#?}");
    let related: Vec<_> = one[0].related.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        related,
        ["the trunk's address", "Extension/bolt/eb is at an address of the trunk, too"]
    );
    assert_eq!(
        one[0].help.as_deref(),
        Some(
            "2 PBXs have addresses of trunk `ca`: correct those of the trunk, or give the PBXs others"
        )
    );
    // What holds every address is told as that.
    let all: Vec<_> = trunk("0.0.0.0/0").iter().map(|one| one.code).collect();
    assert_eq!(all, [Code::TL106]);
}

#[test]
fn an_end_of_a_range_of_extensions_is_one_error() {
    let rule = |did: &str, extension: &str, more: &[(&str, &str, &str)]| {
        let rule = format!("{{trunk: ca, did: {did}, destination: {{extension: {extension}}}}}");
        told(with("{trunk: ca, did: \"*\", destination: {extension: 100}}", &rule, more))
    };
    let last = rule("1000-1009", "190-200", &[]);
    assert!(last.starts_with("TL503 the destination has 11 numbers, the DID 10 numbers"), "{last}");
    let first = rule("1000-1009", "099-109", &[]);
    assert!(first.starts_with("TL503 "), "{first}");
    // No end would do.
    let both = rule("1000-1009", "300-310", &[]);
    assert!(both.starts_with("2 errors"), "{both}");
}

#[test]
fn a_did_that_is_anothers_and_outside_the_pool_is_one_error() {
    let other =
        ("InboundRule", "acme/i2", "{trunk: ca, did: 2000-2009, destination: {reject: 486}}");
    let third =
        ("InboundRule", "acme/i3", "{trunk: ca, did: 2000-2004, destination: {reject: 486}}");
    let all = told(with("", "", &[other, third]));
    assert!(all.starts_with("TL501 "), "{all}");
    // What both have of the pool is another matter than what one has outside of it.
    let other =
        ("InboundRule", "acme/i2", "{trunk: ca, did: 1995-2004, destination: {reject: 486}}");
    let third =
        ("InboundRule", "acme/i3", "{trunk: ca, did: 1990-1999, destination: {reject: 486}}");
    let all = told(with("", "", &[other, third]));
    assert!(all.starts_with("2 errors"), "{all}");
    // Inside of the pool both may be right.
    let inside =
        ("InboundRule", "acme/i2", "{trunk: ca, did: 1980-1994, destination: {reject: 486}}");
    let all = told(with("", "", &[inside, third]));
    assert!(all.starts_with("TL502 "), "{all}");
}
