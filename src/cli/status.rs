//! `trunkline status`: what a running daemon does now.

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::client::ServerArgs;
use super::{Exit, FORMAT_VERSION, Failure, Format, Output};
use crate::diag::visible;

/// Show what a daemon does: revision, conditions, transports, trunks, calls.
///
/// `wanted` is the revision that was asked for last, `applied` the one in force, `converged` the
/// same once every transport is Ready and no secret is missing, `source` what the followed directory holds. They differ
/// while a revision is refused, and after `apply` brought another one than the directory's.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  trunkline status\n  trunkline status -o json --server http://127.0.0.1:7080"
)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let status = args.server.client()?.get("/api/v1/status")?;
    match output.format {
        Format::Human | Format::Markdown => output.data(&human(&status))?,
        Format::Json => output.json(&enveloped(status))?,
    }
    Ok(Exit::Ok)
}

fn enveloped(mut status: Value) -> Value {
    if let Some(members) = status.as_object_mut() {
        members.insert("formatVersion".to_owned(), json!(FORMAT_VERSION));
        members.insert("command".to_owned(), json!("status"));
        members.insert("result".to_owned(), json!(Exit::Ok.word()));
    }
    status
}

fn human(status: &Value) -> String {
    let revision = |name: &str| short(&text(status, &format!("/revision/{name}")));
    let mut head = table(&[]);
    head.add_row(["source".to_owned(), text(status, "/source")]);
    head.add_row(["condition".to_owned(), text(status, "/condition")]);
    for name in ["wanted", "applied", "converged"] {
        head.add_row([name.to_owned(), revision(name)]);
    }
    if revision("source") != revision("applied") {
        head.add_row(["directory".to_owned(), revision("source")]);
    }
    head.add_row(["generation".to_owned(), text(status, "/generation")]);
    head.add_row(["resources".to_owned(), text(status, "/resources")]);
    let sections = [
        section(
            "CONDITIONS",
            status,
            "/conditions",
            &["type", "status", "reason", "since", "message"],
        ),
        section(
            "TRANSPORTS",
            status,
            "/transports",
            &["resource", "condition", "address", "message"],
        ),
        section(
            "TRUNKS",
            status,
            "/trunks",
            &["resource", "condition", "health", "activeCalls", "targets", "message"],
        ),
        section(
            "WAITING FOR SECRETS",
            status,
            "/waiting",
            &["resource", "condition", "code", "message"],
        ),
        section(
            &format!("REGISTERED HERE ({})", text(status, "/activeBindings")),
            status,
            "/bindings",
            &["resource", "contact", "source", "seconds"],
        ),
        section(
            &format!("CALLS ({})", text(status, "/activeCalls")),
            status,
            "/calls",
            &[
                "call",
                "direction",
                "state",
                "tenant",
                "trunk",
                "rule",
                "from",
                "to",
                "generation",
                "seconds",
            ],
        ),
        counters("REFUSALS", status, "/refusals"),
        counters("ENDINGS", status, "/endings"),
        problems(status),
    ];
    format!("{}\n{}", head.trim_fmt(), sections.concat())
}

/// A table of one list of the status; nothing when the list is empty.
fn section(title: &str, status: &Value, list: &str, columns: &[&str]) -> String {
    let rows = status.pointer(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = table(columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| text(row, &format!("/{column}"))));
    }
    format!("\n{title}\n{}\n", table.trim_fmt())
}

/// What is counted by reason, the most frequent first.
fn counters(title: &str, status: &Value, list: &str) -> String {
    let counts = status.pointer(list).and_then(Value::as_object);
    let counts = counts.into_iter().flatten().filter_map(|(word, n)| Some((word, n.as_u64()?)));
    let mut counts: Vec<(&String, u64)> = counts.collect();
    if counts.is_empty() {
        return String::new();
    }
    counts.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
    let mut table = table(&["reason", "count"]);
    for (word, count) in counts {
        table.add_row([word.clone(), count.to_string()]);
    }
    format!("\n{title}\n{}\n", table.trim_fmt())
}

/// What is wrong with the wanted revision, one line each, as compilers do.
fn problems(status: &Value) -> String {
    let list = status.pointer("/diagnostics").and_then(Value::as_array);
    let lines: Vec<String> = list.map_or(&[][..], Vec::as_slice).iter().map(problem).collect();
    if lines.is_empty() { String::new() } else { format!("\nPROBLEMS\n{}", lines.concat()) }
}

fn problem(one: &Value) -> String {
    let place = match one.get("file") {
        Some(Value::String(_)) => {
            let [file, line, column] = ["/file", "/line", "/column"].map(|part| text(one, part));
            format!("{file}:{line}:{column}: ")
        }
        _ => String::new(),
    };
    format!("{place}{} {}\n", text(one, "/code"), text(one, "/message"))
}

pub(super) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if !columns.is_empty() {
        table.set_header(columns.iter().map(|column| column.to_uppercase()));
    }
    table
}

pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        // Names of callers come from the network: they must not steer the terminal.
        Some(Value::String(text)) => visible(text).into_owned(),
        Some(Value::Array(targets)) if targets.is_empty() => "-".to_owned(),
        Some(Value::Array(targets)) => targets.iter().map(target).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

/// A target of a trunk.
fn target(one: &Value) -> String {
    let down = one.get("down") == Some(&Value::Bool(true));
    format!("{}{}", text(one, "/address"), if down { " (down)" } else { "" })
}

/// A revision as people compare them: the beginning of its digest.
fn short(revision: &str) -> String {
    const DIGITS: usize = 12;
    match revision.rsplit_once(':') {
        Some((scheme, digest)) => {
            format!("{scheme}:{}", digest.chars().take(DIGITS).collect::<String>())
        }
        None => revision.to_owned(),
    }
}
