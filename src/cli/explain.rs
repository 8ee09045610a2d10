//! `trunkline explain`: what a code, a kind, a field or a brand means, offline.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::brand::brand_topic;
use super::{Exit, FORMAT_VERSION, Failure, Format, Output};
use crate::diag::{Code, Severity, explanation};
use crate::manifest::{schema, suggest};
use crate::model::Kind;

/// Say what a code, a kind or a field means.
///
/// Without an argument: the list of codes and kinds.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline explain TL301\n  trunkline explain Trunk\n  \
                        trunkline explain Trunk.limits.concurrentCalls\n  \
                        trunkline explain trunk --brand twilio")]
pub(super) struct Args {
    /// A code (`TL301`), a kind (`Trunk`), or a field of a kind (`Trunk.keepAlive.interval`).
    topic: Option<String>,
    /// With `trunk`: what a brand fills in.
    #[arg(long, value_name = "NAME")]
    brand: Option<String>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let topic = args.topic.as_deref().unwrap_or_default().trim();
    if let Some(brand) = &args.brand {
        if !topic.is_empty() && !topic.eq_ignore_ascii_case("trunk") {
            let failure = Failure::usage("a brand is of a trunk");
            return Err(failure.help("write `trunkline explain trunk --brand NAME`"));
        }
        return told(output, &brand_topic(brand)?);
    }
    if topic.is_empty() {
        return told(output, &contents());
    }
    if let Some(code) = Code::find(topic) {
        return told(output, &code_topic(code));
    }
    let looks_like_code = topic.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("TL"))
        && topic.chars().skip(2).all(|c| c.is_ascii_digit());
    if looks_like_code {
        let failure = Failure::usage(format!("there is no code `{topic}`"));
        let near: Vec<_> = Code::near(topic).iter().map(ToString::to_string).collect();
        return Err(failure.help(match near.as_slice() {
            [] => "`trunkline explain` lists all codes".to_owned(),
            near => format!("the nearest are {}", near.join(", ")),
        }));
    }
    told(output, &field_topic(topic)?)
}

/// What is told, for people and for programs.
pub(super) struct Topic {
    pub(super) text: String,
    pub(super) json: Value,
}

fn told(output: Output, topic: &Topic) -> Result<Exit, Failure> {
    match output.format {
        Format::Human | Format::Markdown => output.data(&topic.text)?,
        Format::Json => {
            let mut report = json!({
                "formatVersion": FORMAT_VERSION,
                "command": "explain",
                "result": Exit::Ok.word(),
            });
            if let (Some(report), Some(own)) = (report.as_object_mut(), topic.json.as_object()) {
                report.extend(own.clone());
            }
            output.json(&report)?;
        }
    }
    Ok(Exit::Ok)
}

fn severity(code: Code) -> &'static str {
    match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn contents() -> Topic {
    let mut text = String::from("Codes\n");
    for code in Code::ALL {
        writeln!(text, "  {code}  {:7}  {}", severity(*code), code.summary()).ok();
    }
    text.push_str("\nKinds\n");
    for kind in Kind::ALL {
        writeln!(text, "  {kind}").ok();
    }
    text.push_str("\n`trunkline explain TL301`, `explain Trunk`, `explain Trunk.limits` and `explain trunk --brand NAME` say more.\n");
    let codes = Code::ALL.iter().map(|code| {
        json!({"code": code.as_str(), "severity": severity(*code), "summary": code.summary()})
    });
    let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
    let json = json!({"codes": codes.collect::<Vec<_>>(), "kinds": kinds.collect::<Vec<_>>()});
    Topic { text, json }
}

fn code_topic(code: Code) -> Topic {
    let indented = |text: &str| {
        let lines = text.lines().map(|line| format!("    {line}\n"));
        lines.collect::<String>()
    };
    let mut text = format!("{} ({}): {}\n", code, severity(code), code.summary());
    let mut json = json!({
        "code": code.as_str(), "severity": severity(code), "summary": code.summary(),
    });
    if let Some(found) = explanation(code) {
        let (wrong, right) = (indented(&found.wrong), indented(&found.right));
        writeln!(text, "\n{}\n\nWrong:\n\n{wrong}\nRight:\n\n{right}", wrapped(found.why)).ok();
        json = json!({
            "code": code.as_str(), "severity": severity(code), "summary": code.summary(),
            "why": found.why, "wrong": found.wrong, "right": found.right,
        });
    }
    Topic { text: text.trim_end().to_owned() + "\n", json }
}

/// A paragraph in lines of a terminal.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 96;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| line.len() + word.len() >= WIDTH);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The fields of a document itself; `spec` may be left out, since most questions are about it.
const ENVELOPE: &[&str] = &["apiVersion", "kind", "metadata"];

fn field_topic(topic: &str) -> Result<Topic, Failure> {
    let (wanted, rest) = topic.split_once('.').unwrap_or((topic, ""));
    // What every kind has alike may be asked for without one.
    if matches!(wanted, "apiVersion" | "metadata") {
        return field_of(Kind::Trunk, None, topic);
    }
    let kind = Kind::ALL.iter().find(|kind| kind.as_str().eq_ignore_ascii_case(wanted));
    let kind = kind.copied().ok_or_else(|| unknown_kind(wanted))?;
    field_of(kind, Some(kind.as_str()), rest)
}

/// A field of a kind by its path below the document or its `spec`, shown behind a name.
fn field_of(kind: Kind, name: Option<&str>, below: &str) -> Result<Topic, Failure> {
    let whole = schema_of(kind);
    let mut parts = below.split('.').filter(|part| !part.is_empty()).peekable();
    let first = parts.next_if(|part| *part == "spec");
    let is_envelope = parts.peek().is_some_and(|part| ENVELOPE.contains(part));
    let start = if first.is_none() && is_envelope { "" } else { "/properties/spec" };
    let mut at = whole.pointer(start).cloned().unwrap_or_default();
    let mut path = name.unwrap_or_default().to_owned();
    let mut required = true;
    while let Some(part) = parts.next() {
        let name = part.split('[').next().unwrap_or(part);
        // The index of an item: all are alike.
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let parent = resolved(&whole, &at);
        let below = |name: &str| match path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let free = parent.get("additionalProperties").filter(|schema| schema.is_object());
        match (parent.get("properties").and_then(|all| all.get(name)), free) {
            (Some(field), _) => {
                let all = parent.get("required").and_then(Value::as_array);
                required = all.is_some_and(|all| all.iter().any(|it| it == name));
                (path, at) = (below(name), field.clone());
            }
            (None, Some(field)) => {
                // A key of the writer's own, which may have dots in it.
                let is_block = resolved(&whole, field).get("properties").is_some();
                let mut key = name.to_owned();
                while let Some(more) = parts.next_if(|_| !is_block) {
                    key.extend([".", more]);
                }
                required = false;
                (path, at) = (below(&key), field.clone());
            }
            (None, None) => return Err(unknown_field(&path, name, &parent)),
        }
    }
    Ok(field_text(&whole, &path, &at, required))
}

fn schema_of(kind: Kind) -> Value {
    let name = format!("{}.schema.json", kind.as_str().to_lowercase());
    let mut all = schema::published().into_iter();
    all.find(|(file, _)| *file == name).map(|(_, schema)| schema).unwrap_or_default()
}

/// A schema with what it refers to, and of a list the schema of its items.
fn resolved(whole: &Value, schema: &Value) -> Value {
    let mut merged = schema.as_object().cloned().unwrap_or_default();
    if let Some(target) =
        merged.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'))
    {
        let base = whole.pointer(target).and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, value) in base {
            let own = merged.remove(&key);
            merged.insert(
                key,
                match (own, value) {
                    // A kind narrows what all have: `false` takes a field away.
                    (Some(Value::Object(own)), Value::Object(mut value)) => {
                        value.extend(own);
                        value.retain(|_, field| *field != Value::Bool(false));
                        value.into()
                    }
                    (Some(own), _) => own,
                    (None, value) => value,
                },
            );
        }
        merged.remove("$ref");
    }
    of_branches(&mut merged);
    let is_list = merged.get("properties").is_none() && merged.get("items").is_some();
    if is_list {
        let items = merged.get("items").map(|items| resolved(whole, items)).unwrap_or_default();
        for key in ["properties", "required", "enum", "anyOf"] {
            if let Some(value) = items.get(key) {
                merged.insert(key.to_owned(), value.clone());
            }
        }
    }
    Value::Object(merged)
}

/// The fields of a choice of blocks are those of the block that stands there.
fn of_branches(merged: &mut Map<String, Value>) {
    let all = ["oneOf", "anyOf"].iter().filter_map(|keyword| merged.get(*keyword)?.as_array());
    let fields = all.flatten().filter_map(|branch| branch.get("properties")?.as_object());
    let fields: Map<String, Value> =
        fields.flatten().map(|(name, field)| (name.clone(), field.clone())).collect();
    if fields.is_empty() {
        return;
    }
    if let Value::Object(own) = merged.entry("properties").or_insert(json!({})) {
        for (name, field) in fields {
            own.entry(name).or_insert(field);
        }
    }
}

fn unknown_kind(wanted: &str) -> Failure {
    let names = Kind::ALL.iter().map(|kind| kind.as_str());
    let help = match suggest::nearest(wanted, names.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => {
            format!("give a code like TL301, or a kind: {}", names.collect::<Vec<_>>().join(", "))
        }
    };
    Failure::usage(format!("there is no code or kind `{wanted}`")).help(help)
}

fn unknown_field(path: &str, name: &str, parent: &Value) -> Failure {
    let fields = parent.get("properties").and_then(Value::as_object);
    let fields: Vec<&str> =
        fields.map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default();
    let help = match (suggest::nearest(name, fields.iter().copied()), fields.as_slice()) {
        (Some(word), _) => format!("did you mean `{path}.{word}`?"),
        (None, []) => format!("`{path}` has no fields"),
        (None, all) => format!("its fields are {}", all.join(", ")),
    };
    Failure::usage(format!("`{path}` has no field `{name}`")).help(help)
}

/// A value as one writes it in a manifest.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn type_words(schema: &Value) -> String {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let mut words: Vec<_> = words.iter().map(written).collect();
        words.dedup();
        return format!("one of {}", words.join(", "));
    }
    if let Some(only) = schema.get("const") {
        return format!("always {}", written(only));
    }
    if let (Some(Value::Array(branches)), None) = (schema.get("anyOf"), schema.get("type")) {
        return branches.iter().map(type_words).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(many)) => many.iter().map(written).collect::<Vec<_>>().join(" or "),
        _ => "object".to_owned(),
    }
}

fn field_text(whole: &Value, path: &str, at: &Value, required: bool) -> Topic {
    let schema = resolved(whole, at);
    let is_kind = !path.contains('.');
    let mut text = wrapped(&format!("{path}: {}", type_words(&schema))) + "\n";
    if let Some(words) = schema.get("description").and_then(Value::as_str) {
        writeln!(text, "\n{}", wrapped(words)).ok();
    }
    let mut facts = Vec::new();
    if !is_kind {
        facts.push(if required { "required".to_owned() } else { "optional".to_owned() });
    }
    let plain = schema.get("default").filter(|value| !value.is_object());
    facts.extend(plain.map(|value| format!("default {}", written(value))));
    let bounds = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "at least this long:"),
        ("maxLength", "at most this long:"),
        ("minItems", "items, at least"),
        ("maxItems", "items, at most"),
    ];
    facts.extend(
        bounds.iter().filter_map(|(key, words)| Some(format!("{words} {}", schema.get(key)?))),
    );
    if !facts.is_empty() {
        writeln!(text, "\n{}", facts.join("; ")).ok();
    }
    if let Some(example) = schema.get("examples").and_then(|all| all.get(0)) {
        writeln!(text, "example: {}", written(example)).ok();
    }
    let fields = schema.get("properties").and_then(Value::as_object);
    if let Some(fields) = fields {
        text.push_str("\nFields\n");
        let width = fields.keys().map(String::len).max().unwrap_or(0);
        for (name, field) in fields {
            let field = resolved(whole, field);
            let words = field.get("description").and_then(Value::as_str).unwrap_or_default();
            let first = words.split(". ").next().unwrap_or_default().trim_end_matches('.');
            writeln!(text, "  {name:width$}  {first}").ok();
        }
    }
    let json = json!({"field": path, "required": required, "schema": schema});
    Topic { text, json }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path of every field below a schema, through lists and choices.
    fn paths(whole: &Value, at: &Value, path: &str, found: &mut Vec<String>) {
        let schema = resolved(whole, at);
        for (name, field) in
            schema.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let path = format!("{path}.{name}");
            paths(whole, field, &path, found);
            found.push(path);
        }
    }

    #[test]
    fn every_field_of_every_kind_is_explained() {
        let mut seen = 0;
        for kind in Kind::ALL {
            let whole = schema_of(*kind);
            let mut all = vec![kind.to_string()];
            paths(&whole, &whole["properties"]["spec"], kind.as_str(), &mut all);
            for name in ["metadata", "apiVersion", "kind"] {
                all.push(format!("{kind}.{name}"));
                let path = format!("{kind}.{name}");
                paths(&whole, &whole["properties"][name], &path, &mut all);
            }
            for path in all {
                let topic =
                    field_topic(&path).unwrap_or_else(|failure| panic!("{path}: {failure}"));
                assert_eq!(topic.json["field"], *path);
                assert!(topic.json["schema"]["description"].is_string(), "{path}");
                seen += 1;
            }
        }
        assert!(seen > 250, "{seen} fields");
    }

    #[test]
    fn words_and_branches_are_listed() {
        for (topic, parts) in [
            ("Trunk.brand", &["one of generic, twilio,", "telnyx/us", "default generic"][..]),
            (
                "Trunk.outboundParameters.to.user",
                &["one of AUTH_ID, CALLER_NUM", "or object", "default DEFAULT", "\n  custom  The"],
            ),
            ("Trunk.outboundParameters.from.user", &["default OUTBOUND_CALLER_ID"]),
            ("Trunk.outboundParameters.privacy", &["one of DEFAULT, NONE", "default DEFAULT"]),
            ("Trunk.inboundParameters.callerName", &["FROM_DISPLAY_NAME"]),
            ("Policy.scopes.x", &["one of system or string or object", "\n  tenant  The"]),
            ("Trunk.registration.password", &["\n  env   The name of an environment"]),
            ("InboundRule.destination.keep", &["example: true"]),
            ("Trunk.keepAlive.interval", &["Time between two probes", "at least 1"]),
        ] {
            let text = field_topic(topic).unwrap().text;
            let plain = text.replace('\n', " ");
            let has = |part: &&str| text.contains(*part) || plain.contains(*part);
            assert!(parts.iter().all(has), "{topic}: {text}");
        }
    }

    #[test]
    fn a_path_may_be_written_as_it_comes_to_mind() {
        for (topic, field) in [
            ("trunk.registration.username", "Trunk.registration.username"),
            ("Trunk.spec.host", "Trunk.host"),
            ("InboundRule.advanced[0].when.days", "InboundRule.advanced.when.days"),
            ("InboundRule.advanced.0.when", "InboundRule.advanced.when"),
            ("metadata.name", "metadata.name"),
            ("Policy.scopes.x.tenant", "Policy.scopes.x.tenant"),
            (
                "Trunk.metadata.annotations.trunkline.dev/moved-from",
                "Trunk.metadata.annotations.trunkline.dev/moved-from",
            ),
        ] {
            let topic = field_topic(topic).unwrap_or_else(|failure| panic!("{topic}: {failure}"));
            assert_eq!(topic.json["field"], field);
        }
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_may_be_meant() {
        for (topic, help) in [
            ("Trnk.host", "did you mean `Trunk`?"),
            ("Trunk.registration.usrname", "did you mean `Trunk.registration.username`?"),
            ("Trunk.metadata.nam", "did you mean `Trunk.metadata.name`?"),
            ("Tenant.metadata.tenant", "its fields are annotations, labels, name"),
            ("Trunk.host.x", "`Trunk.host` has no fields"),
        ] {
            let failure = field_topic(topic).map(|topic| topic.text).unwrap_err();
            assert_eq!(failure.help.as_deref(), Some(help), "{topic}");
        }
    }
}
