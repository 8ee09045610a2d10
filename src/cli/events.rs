//! `trunkline events`: what happened, and the messages of one call.

use serde_json::{Value, json};

use super::client::{Client, ClientError, ServerArgs};
use super::status::{table, text};
use super::{Exit, FORMAT_VERSION, Failure, Format, Output};

/// Show what happened to calls and trunks, or the messages of one call.
///
/// A call is named by the daemon's own name of it (`c2f`, as `status` and the log show it) or by
/// the Call-ID of either leg. Its messages are there while it goes on and for some time after;
/// credentials, passwords and keys in them are masked. `A` is who called, `B` who was called.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  trunkline events --follow\n  trunkline events --call c2f\n  trunkline events --call 3848276298220188511@atlanta.example --full"
)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// The messages of this call.
    #[arg(long, value_name = "ID", conflicts_with_all = ["follow", "trunk"])]
    call: Option<String>,
    /// The messages whole, not only their first lines.
    #[arg(long, requires = "call")]
    full: bool,
    /// Go on with what happens, until stopped.
    #[arg(long)]
    follow: bool,
    /// Only what this trunk has to do with, `NAME` or `Trunk/tenant/NAME`.
    #[arg(long, value_name = "NAME")]
    trunk: Option<String>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let client = args.server.client()?;
    match &args.call {
        Some(call) => one_call(&client, call, args.full, output)?,
        None if args.follow => follow(&client, args, output)?,
        None => list(&client, args, output)?,
    }
    Ok(Exit::Ok)
}

fn one_call(client: &Client, call: &str, full: bool, output: Output) -> Result<(), Failure> {
    let record = client.get(&format!("/api/v1/events?call={}", escaped(call)));
    let record = record.map_err(|error| match error {
        ClientError::Refused(refusal) if refusal.kind == "no-such-call" => {
            let help =
                "`trunkline status` lists the calls in progress, `trunkline events` what was";
            Failure::from(refusal).help(help)
        }
        ClientError::Refused(_) | ClientError::Unreachable(_) => error.into(),
    })?;
    match output.format {
        Format::Human | Format::Markdown => output.data(&human_call(&record, full)),
        Format::Json => output.json(&enveloped(record)),
    }
}

fn list(client: &Client, args: &Args, output: Output) -> Result<(), Failure> {
    let mut answer = client.get("/api/v1/events")?;
    let events = answer.get_mut("events").and_then(Value::as_array_mut);
    let events = events.map(|events| {
        events.retain(|event| concerns(event, args.trunk.as_deref()));
        &*events
    });
    match output.format {
        Format::Human | Format::Markdown => {
            let lines: Vec<String> = events.into_iter().flatten().map(human_event).collect();
            output.data(&lines.concat())
        }
        Format::Json => output.json(&enveloped(answer)),
    }
}

/// One line per event; in JSON one object per line.
fn follow(client: &Client, args: &Args, output: Output) -> Result<(), Failure> {
    client.follow("/api/v1/events", |event| {
        if !concerns(event, args.trunk.as_deref()) {
            return Ok(());
        }
        match output.format {
            Format::Human | Format::Markdown => output.data(&human_event(event)),
            Format::Json => output.data(&format!("{}\n", enveloped(event.clone()))),
        }
    })
}

fn enveloped(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.insert("formatVersion".to_owned(), json!(FORMAT_VERSION));
        members.insert("command".to_owned(), json!("events"));
        members.insert("result".to_owned(), json!(Exit::Ok.word()));
    }
    answer
}

/// Whether an event is of a trunk, by its name or as a resource.
fn concerns(event: &Value, trunk: Option<&str>) -> bool {
    let Some(wanted) = trunk else { return true };
    let named = event.get("trunk").and_then(Value::as_str).unwrap_or_default();
    named == wanted || named.rsplit('/').next() == Some(wanted)
}

/// A query value: everything that is not plain is escaped.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// `2026-01-31T12:00:00.123Z  ended  c2f  CallerHungUp 200  …`
fn human_event(event: &Value) -> String {
    let mut parts = vec![text(event, "/at"), format!("{:<8}", text(event, "/event"))];
    let named = ["call", "reason", "code", "direction", "tenant", "trunk", "rule"];
    let named = named.into_iter().filter(|name| event.get(name).is_some());
    parts.extend(named.map(|name| text(event, &format!("/{name}"))));
    if event.get("from").is_some_and(Value::is_string) {
        parts.push(format!("{} -> {}", text(event, "/from"), text(event, "/to")));
    }
    if let Some(count) = event.get("count").and_then(Value::as_u64) {
        let ended = event.get("event").and_then(Value::as_str) == Some("ended");
        parts.push(format!("{count}{}", if ended { " s" } else { "" }));
    }
    format!("{}\n", parts.join("  "))
}

fn human_call(record: &Value, full: bool) -> String {
    let mut head = table(&[]);
    for (title, pointers) in [
        ("call", &["/call", "/direction"][..]),
        ("from", &["/from"]),
        ("to", &["/to"]),
        ("tenant", &["/tenant"]),
        ("trunk", &["/trunk"]),
        ("rule", &["/rule"]),
        ("ended", &["/reason", "/code"]),
    ] {
        let words: Vec<String> = pointers.iter().map(|pointer| text(record, pointer)).collect();
        if words.iter().any(|word| !word.is_empty() && word != "-") {
            head.add_row([title.to_owned(), words.join(" ")]);
        }
    }
    let ids = record.get("callIds").and_then(Value::as_array);
    for (leg, id) in ids.into_iter().flatten().enumerate() {
        let title = match leg {
            0 => "Call-ID A".to_owned(),
            1 => "Call-ID B".to_owned(),
            further => format!("Call-ID B{further}"),
        };
        head.add_row([title, text(id, "")]);
    }
    let dropped = match record.get("dropped").and_then(Value::as_u64).unwrap_or(0) {
        0 => String::new(),
        count => format!("({count} older messages are not kept)\n"),
    };
    let messages = record.get("messages").and_then(Value::as_array);
    let messages = messages.map_or(&[][..], Vec::as_slice);
    let body = if full { messages.iter().map(whole).collect() } else { ladder(messages) };
    format!("{}\n\n{dropped}{body}", head.trim_fmt())
}

/// The picture: who called on the left, us in the middle, who was called on the right; beside each
/// arrow the far end and the first line.
fn ladder(messages: &[Value]) -> String {
    let width = messages.iter().map(|one| text(one, "/farEnd").len()).max().unwrap_or(0);
    let line = |message: &Value| {
        let at = text(message, "/at");
        let time = at.get(11..23).unwrap_or(&at);
        let inward = text(message, "/direction") == "in";
        let arrow = match (text(message, "/leg").starts_with('A'), inward) {
            (true, true) => "│─────────▶│          │",
            (true, false) => "│◀─────────│          │",
            (false, true) => "│          │◀─────────│",
            (false, false) => "│          │─────────▶│",
        };
        let leg = text(message, "/leg");
        let (far_end, first) = (text(message, "/farEnd"), first_line(message));
        format!("{time:12}  {arrow}  {leg:<2} {far_end:<width$}  {first}\n")
    };
    let lines: String = messages.iter().map(line).collect();
    format!("{:12}  A{:9}us{:9}B\n{lines}", "", "", "")
}

/// Without the version, and of a response with what it answers.
fn first_line(message: &Value) -> String {
    let first = text(message, "/firstLine");
    match first.strip_prefix("SIP/2.0 ") {
        Some(rest) => format!("{rest} ({})", text(message, "/method")),
        None => first.strip_suffix(" SIP/2.0").unwrap_or(&first).to_owned(),
    }
}

fn whole(message: &Value) -> String {
    let way = if text(message, "/direction") == "in" { "from" } else { "to" };
    let (at, leg, far_end) =
        (text(message, "/at"), text(message, "/leg"), text(message, "/farEnd"));
    let body = message.get("text").and_then(Value::as_str).unwrap_or_default();
    let lines: Vec<String> = body.lines().map(|line| format!("    {line}\n")).collect();
    format!("{at}  {way} {leg} {far_end}\n{}\n", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_drawn_as_it_went() {
        let message = |leg: &str, direction: &str, first: &str, method: &str| {
            json!({"at": "2026-01-31T12:00:00.123Z", "leg": leg, "direction": direction,
                   "farEnd": format!("udp 192.0.2.{}:5060", leg.len()), "firstLine": first, "method": method})
        };
        let drawn = ladder(&[
            message("A", "in", "INVITE sip:1@b SIP/2.0", "INVITE"),
            message("B", "out", "INVITE sip:1@c SIP/2.0", "INVITE"),
            message("B", "in", "SIP/2.0 180 Ringing", "INVITE"),
            message("A", "out", "SIP/2.0 180 Ringing", "INVITE"),
        ]);
        assert_eq!(
            drawn,
            "              A         us         B\n\
             12:00:00.123  │─────────▶│          │  A  udp 192.0.2.1:5060  INVITE sip:1@b\n\
             12:00:00.123  │          │─────────▶│  B  udp 192.0.2.1:5060  INVITE sip:1@c\n\
             12:00:00.123  │          │◀─────────│  B  udp 192.0.2.1:5060  180 Ringing (INVITE)\n\
             12:00:00.123  │◀─────────│          │  A  udp 192.0.2.1:5060  180 Ringing (INVITE)\n"
        );
    }

    #[test]
    fn a_name_is_escaped_and_a_trunk_is_known_by_either_name() {
        assert_eq!(escaped("a b@c&d"), "a%20b%40c%26d");
        let event = json!({"trunk": "Trunk/acme/carrier"});
        assert!(concerns(&event, Some("carrier")) && concerns(&event, Some("Trunk/acme/carrier")));
        assert!(!concerns(&event, Some("acme")) && concerns(&event, None));
    }
}
