//! No secret that somebody wrote into a repository reaches any output.

use std::process::Command;

use trunkline::diag::SECRET_FIELDS;
use trunkline::manifest::schema;

/// What must not be seen.
const CANARY: &str = "Xk9cAnArYq7";

const HEAD: &str = "apiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {name: udp}\nspec: {protocol: udp, port: 5060}\n---\n";

/// A trunk with the lines of a registration.
fn trunk(lines: &str) -> String {
    format!(
        "{HEAD}apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {{name: a}}\nspec:\n  type: register\n  host: sip.example.net\n  registration:\n{lines}"
    )
}

/// Plain secrets in the forms that people write, beside faults that make the printer show them.
fn repositories() -> Vec<String> {
    let block = format!("    username: a\n    password: {CANARY}\n");
    let mut all = vec![
        trunk(&block),
        trunk(&format!("    username: a\n    password: \"{CANARY}\"\n    password: {CANARY}\n")),
        trunk(&format!(
            "    username: a\n    password: |\n      {CANARY}\n      {CANARY}2\n    expires: x\n"
        )),
        trunk(&format!("    username: a\n    password: {{plain: {CANARY}}}\n")),
        trunk(&format!("    username: a\n    password: [{CANARY}]\n")),
        trunk(&format!("    username: a\n    pasword: {CANARY}\n")),
        trunk(&format!("    username: a\n    Password: {CANARY}\n")),
        trunk(&format!("    username: a\n    password: {{env: {CANARY} x}}\n")),
        trunk(&format!("    username: a\n    password: {{age: {CANARY}}}\n")),
        trunk(&format!("    username: a\n    password: {CANARY}\n   broken\n")),
        trunk(&format!("    username: a\n    password: \"{CANARY}\n")),
        trunk(&format!("    username: a\n    password: {CANARY}: x\n")),
        trunk(&format!("    username: a\n    password: &x {CANARY}\n    realm: *y\n")),
        trunk(&format!("    {{username: a, password: {CANARY}, expires: x}}\n")),
    ];
    all.extend(
        SECRET_FIELDS.iter().map(|field| trunk(&format!("    {field}: {CANARY}\n    z: 1\n"))),
    );
    all.extend(odd());
    all.extend(strange());
    all.extend(for_names());
    all.extend(in_addresses());
    all
}

/// Plain secrets that are read as part of a name: the blank is lost, a comma is none of YAML's.
fn for_names() -> Vec<String> {
    let long = CANARY.repeat(12);
    let escaped = CANARY.replacen('k', "\\u006b", 1);
    let forms = [
        format!("username: a, password:{CANARY}"),
        format!("username: a, password={CANARY}"),
        format!("username: a, password {CANARY}"),
        format!("username: a, password: b,{CANARY}"),
        format!("username: a, password: b,{CANARY}, expires: 1h"),
        format!("username: a, \"password:{CANARY}\""),
        format!("username: a, \"password:{escaped}\": b"),
        format!("username: a, password:{CANARY}: b"),
        format!("username: a, password:{long}"),
        format!("username: a, b:{CANARY}"),
        format!("username: a, {{password:{CANARY}}}"),
        format!("username: a, password:{CANARY}, password:{CANARY}"),
        format!("a:{CANARY}"),
    ];
    let mut all = Vec::new();
    for form in forms {
        all.push(format!("{HEAD}apiVersion: trunkline.dev/v1\nkind: Extension\nmetadata: {{name: a, tenant: b}}\nspec:\n  numbers: 100\n  register: {{{form}}}\n"));
        all.push(format!("{HEAD}apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {{name: a}}\nspec: {{type: register, host: a.example.net, registration: {{{form}}}}}\n"));
    }
    all
}

/// Passwords that were pasted with the address that they are for.
fn in_addresses() -> Vec<String> {
    let tenant = |lines: String| {
        format!(
            "{HEAD}apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {{name: b}}\nspec:\n  sipDomain: b.example.net\n{lines}"
        )
    };
    let head = |kind| {
        format!(
            "apiVersion: trunkline.dev/v1\nkind: {kind}\nmetadata: {{name: a, tenant: b}}\nspec:\n"
        )
    };
    let mut all = Vec::new();
    for address in [
        format!("sip:u:{CANARY}@h"),
        format!("sips:u:{CANARY}@h"),
        format!("SIP:u:{CANARY}@h:5060"),
        format!("u:{CANARY}@192.0.2.1"),
        format!("sip:u:a@{CANARY}@h"),
        format!("sip:u:a {CANARY}@h"),
    ] {
        all.push(tenant(format!("  voicemail: \"{address}\"\n")));
        let rule =
            tenant(String::new()) + "---\n" + &head("InboundRule") + "  trunk: t\n  did: \"*\"\n";
        all.push(format!("{rule}  destination: {{sip: \"{address}\"}}\n"));
        all.push(format!("{rule}  destination: {{SIP: \"{address}\"}}\n"));
        all.push(format!("{rule}  destination: {{sip: {address}}}\n"));
        all.push(format!("{rule}  destination:\n    sip: '{address}'\n"));
        let phone = tenant(String::new()) + "---\n" + &head("Extension") + "  numbers: 100\n";
        all.push(format!("{phone}  contact: \"{address}\"\n"));
        all.push(format!("{phone}  contact: {address}\n"));
        all.push(format!("{HEAD}apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {{name: a}}\nspec: {{type: ip, host: \"{address}\"}}\n"));
        all.push(format!("{HEAD}apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {{name: a}}\nspec: {{host: \"{address}\", type: register, registration: {{username: a, password: {{env: A}}}}}}\n"));
    }
    all
}

/// Plain secrets under names that are ours nowhere, but may be meant to be one of ours.
fn strange() -> Vec<String> {
    let keys = ["key", "kennwort", "пароль", "md5", "ha1", "code", "bearer", "zq"];
    let mut all: Vec<String> = keys
        .iter()
        .flat_map(|key| {
            let short = format!("    {{username: acme1, {key}: {CANARY}}}\n");
            [trunk(&short), trunk(&format!("    username: acme1\n    {key}: {CANARY}\n"))]
        })
        .collect();
    all.push(trunk(&format!("    username: a\n    realm: &x {CANARY}\n    password: *x\n")));
    for key in ["key", "pem", "tlsKey", "keyfile", "zq"] {
        let value =
            format!("|\n      -----BEGIN KEY-----\n      {CANARY}\n      -----END KEY-----");
        all.push(format!("apiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: tls}}\nspec:\n  protocol: tls\n  port: 5061\n  tls:\n    certificate: a.pem\n    {key}: {value}\n"));
    }
    for block in ["registrar", "register", "whatsApp", "auth"] {
        all.push(trunk(&format!("    username: a\n  {block}:\n    zq: {CANARY}\n")));
    }
    all
}

/// Plain secrets where nobody may look for them.
fn odd() -> Vec<String> {
    let lines = [
        format!("    password:\n    {CANARY}\n"),
        format!("    password:\n  {CANARY}\n"),
        format!("    password:\n{CANARY}\n"),
        format!("    password: |\n  {CANARY}\n"),
        format!("    password: |\n{CANARY}\n"),
        format!("    password: ab\n    {CANARY}\n"),
        format!("    password:\n    - {CANARY}\n"),
        format!("    password {CANARY}\n"),
        format!("    password = {CANARY}\n"),
        format!("    username: a\n    password {CANARY}\n"),
        format!("    username: a\n    password = {CANARY}\n"),
        format!("    - u\n    - {CANARY}\n"),
        format!("    u:{CANARY}\n"),
    ];
    let keys = [
        "accessTokn",
        "verifyTokn",
        "appSekret",
        "privateKye",
        "psw",
        "pw",
        "apiKey",
        "credentials",
    ];
    let mut all: Vec<String> = lines.iter().map(|lines| trunk(lines)).collect();
    all.extend(keys.iter().map(|key| trunk(&format!("    {key}: {CANARY}\n"))));
    for block in ["registration", "registrar", "register", "tls", "whatsApp"] {
        for value in [format!("\"u:{CANARY}\""), format!("[u, {CANARY}]")] {
            all.push(format!("{HEAD}apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {{name: a}}\nspec:\n  type: register\n  {block}: {value}\n"));
        }
    }
    all
}

fn run(directory: &std::path::Path, arguments: &[&str]) -> (String, i32) {
    let run = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .current_dir(directory)
        .env_remove("TRUNKLINE_SERVER")
        .args(arguments)
        .output()
        .unwrap();
    let text = [run.stdout, run.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), run.status.code().unwrap())
}

#[test]
fn no_output_shows_a_secret() {
    for repository in repositories() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        std::fs::write(path.join("a.yaml"), &repository).unwrap();
        std::fs::create_dir(path.join("empty")).unwrap();
        let forms = ["human", "json", "sarif", "junit", "github"];
        for form in forms {
            let (text, code) = run(path, &["validate", "a.yaml", "-o", form]);
            assert_eq!(code, 3, "{repository}{text}");
            assert!(!text.contains(CANARY), "{form}: {text}\n{repository}");
        }
        for form in ["human", "json"] {
            let (text, _) = run(path, &["fmt", "--check", "--diff", ".", "-o", form]);
            assert!(!text.contains(CANARY), "fmt {form}: {text}\n{repository}");
        }
        for arguments in [
            &["plan", "a.yaml", "--against", "empty"][..],
            &["plan", "a.yaml", "--against", "empty", "-o", "json"],
            &["plan", "a.yaml", "--against", "empty", "-o", "markdown"],
            &["simulate", "inbound", "--trunk", "a", "--to", "1", "--from", "2", "a.yaml"],
            &[
                "simulate", "inbound", "--trunk", "a", "--to", "1", "--from", "2", "a.yaml", "-o",
                "json",
            ],
        ] {
            let (text, code) = run(path, arguments);
            assert_ne!(code, 0, "{arguments:?}");
            assert!(!text.contains(CANARY), "{arguments:?}: {text}\n{repository}");
        }
    }
}

#[test]
fn every_secret_field_of_the_language_is_known() {
    let mut fields = std::collections::BTreeSet::new();
    for (_, schema) in schema::published() {
        collect(&schema, &mut fields);
    }
    assert_eq!(fields.into_iter().collect::<Vec<_>>(), SECRET_FIELDS);
}

/// The names of all properties that refer to a secret.
fn collect(schema: &serde_json::Value, fields: &mut std::collections::BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(|it| it.as_object()) {
        let secret =
            |one: &serde_json::Value| one.get("$ref").is_some_and(|it| it == "#/$defs/SecretRef");
        fields
            .extend(properties.iter().filter(|(_, one)| secret(one)).map(|(name, _)| name.clone()));
    }
    match schema {
        serde_json::Value::Array(items) => items.iter().for_each(|one| collect(one, fields)),
        serde_json::Value::Object(object) => object.values().for_each(|one| collect(one, fields)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
