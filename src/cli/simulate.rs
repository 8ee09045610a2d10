//! `trunkline simulate`: what would happen to a call, by the engine's own router.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anstyle::AnsiColor;
use serde_json::{Value, json};

use super::{Exit, FORMAT_VERSION, Failure, Format, Output, paint};
use crate::diag::{Diagnostic, render_json, render_text, visible};
use crate::model::Passage;
use crate::model::value::{Name, Number, SourceAddress};
use crate::plan::unbuilt;
use crate::routing::{
    Decision, Outcome, Refusal, Source, Step, StepOutcome, Steps, Table, Target, Trace, TrunkIndex,
    called_number,
};
use crate::validate::{Checked, Desired, validate};

/// What would this call do: every station, every candidate and why it lost, and the final answer.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  trunkline simulate inbound --trunk carrier-a --to +442079460005 voip/\n  \
                  trunkline simulate outbound --tenant acme --extension 1000 --to 004930123456 voip/"
)]
pub(super) struct Args {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, clap::Subcommand)]
enum Direction {
    /// A call from a trunk to a tenant.
    #[command(after_help = "Example:\n  trunkline simulate inbound --trunk carrier-a \
                            --to +442079460005 --from +4930123456 examples/quickstart")]
    Inbound(Inbound),
    /// A call from a tenant to its trunks.
    #[command(
        after_help = "Example:\n  trunkline simulate outbound --tenant acme --extension 1000 \
                            --to 004930123456 examples/quickstart"
    )]
    Outbound(Outbound),
}

#[derive(Debug, clap::Args)]
struct Inbound {
    /// The called number, as the provider presents it.
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// The caller, as the provider presents it.
    #[arg(long, value_name = "NUMBER", default_value = "anonymous")]
    from: String,
    #[command(flatten)]
    origin: Origin,
    #[command(flatten)]
    manifests: Manifests,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Origin {
    /// The trunk: its name, or TENANT/NAME for a tenant's own.
    #[arg(long, value_name = "NAME")]
    trunk: Option<String>,
    /// The address that the packet comes from; without a port, 5060.
    #[arg(long, value_name = "IP[:PORT]")]
    source: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Outbound {
    /// The tenant that calls.
    #[arg(long)]
    tenant: String,
    /// The extension that calls.
    #[arg(long, value_name = "NUMBER")]
    extension: String,
    /// The number, as dialled.
    #[arg(long, value_name = "NUMBER")]
    to: String,
    #[command(flatten)]
    manifests: Manifests,
}

#[derive(Debug, clap::Args)]
struct Manifests {
    /// The directory of manifests.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Read a commit of the git repository at PATH; signatures are not looked at.
    #[arg(long, value_name = "SHA|REF")]
    rev: Option<String>,
}

/// A decided call, with what only the verb knows.
struct Simulated {
    decision: Decision,
    trunk: Option<TrunkIndex>,
    caller: String,
    inbound: bool,
    steps: Vec<Step>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let Manifests { path, rev } = match &args.direction {
        Direction::Inbound(call) => &call.manifests,
        Direction::Outbound(call) => &call.manifests,
    };
    let path = std::slice::from_ref(path);
    let tree = match rev {
        Some(rev) => super::revision::read(path, rev)?.tree,
        None => super::paths::read(path)?,
    };
    let checked = validate(&tree);
    let Some(desired) = &checked.desired else {
        return refuse(&checked.diagnostics, &checked, Exit::Invalid, output);
    };
    let unbuilt = unbuilt(desired.resources(), &|id, field| desired.span(id, field));
    if !unbuilt.is_empty() {
        return refuse(&unbuilt, &checked, Exit::Refused, output);
    }
    let table = Table::compile(desired.resources());
    let mut simulated = match &args.direction {
        Direction::Inbound(call) => inbound(call, &table)?,
        Direction::Outbound(call) => outbound(call, &table)?,
    };
    let headers = headers(&simulated, &table);
    simulated.steps.extend(headers);
    match output.format {
        Format::Json => output.json(&to_json(&simulated, &table, desired))?,
        Format::Human | Format::Markdown => output.data(&to_text(&simulated, &table, desired))?,
    }
    Ok(Exit::Ok)
}

/// A call is only simulated as the engine of this build would treat it.
fn refuse(
    found: &[Diagnostic],
    checked: &Checked,
    exit: Exit,
    output: Output,
) -> Result<Exit, Failure> {
    match output.format {
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "simulate",
            "result": exit.word(),
            "diagnostics": render_json(found, &checked.sources),
        }))?,
        Format::Human | Format::Markdown => {
            output.say(&render_text(found, &checked.sources, true));
            let why = if exit == Exit::Invalid {
                "the manifests have errors: no call can be simulated on them"
            } else {
                "the engine does not carry all of it out yet: a simulation would not be true"
            };
            output.say(&format!("error: {why}\n"));
        }
    }
    Ok(exit)
}

fn inbound(call: &Inbound, table: &Table) -> Result<Simulated, Failure> {
    let mut steps = Steps::default();
    let simulated = |decision, trunk, steps: Steps| Simulated {
        decision,
        trunk,
        caller: call.from.clone(),
        inbound: true,
        steps: steps.0,
    };
    let trunk = match (&call.origin.trunk, &call.origin.source) {
        (Some(name), _) => trunk_named(name, table, &mut steps)?,
        (None, Some(source)) => {
            let source = source_address(source)?;
            match trunk_by_source(source, &call.to, table, &mut steps) {
                Ok(trunk) => trunk,
                Err(decision) => return Ok(simulated(decision, None, steps)),
            }
        }
        (None, None) => return Err(Failure::usage("give --trunk NAME or --source IP[:PORT]")),
    };
    let decision = table.route_inbound(trunk, &call.to, &call.from, &mut steps);
    Ok(simulated(decision, Some(trunk), steps))
}

fn trunk_named(name: &str, table: &Table, steps: &mut Steps) -> Result<TrunkIndex, Failure> {
    let written = |id: &crate::model::ResourceId| match &id.tenant {
        Some(tenant) => format!("{tenant}/{}", id.name),
        None => id.name.to_string(),
    };
    let found = table.trunks().find(|(_, trunk)| written(&trunk.id) == name);
    if let Some((_, trunk)) = found {
        steps.step(|| {
            let detail = format!("the call comes from {}", trunk.id);
            Step::new("identify", StepOutcome::Match, detail).by(&trunk.id, "/spec/host")
        });
    }
    found.map(|(index, _)| index).ok_or_else(|| {
        let known: Vec<_> = table.trunks().take(20).map(|(_, trunk)| written(&trunk.id)).collect();
        let help = format!("the trunks are: {}", known.join(", "));
        Failure::failed(format!("there is no trunk `{name}`")).help(help)
    })
}

fn source_address(text: &str) -> Result<SocketAddr, Failure> {
    let read = text.parse::<SourceAddress>().map(SourceAddress::socket);
    read.map_err(|why| {
        let help = "write an address, or an address and a port: 203.0.113.10:5060";
        Failure::usage(why).help(help)
    })
}

/// The trunk of a source address, on the first listener that knows it.
fn trunk_by_source(
    source: SocketAddr,
    called: &str,
    table: &Table,
    steps: &mut Steps,
) -> Result<TrunkIndex, Decision> {
    let identify = |detail: String| Step::new("identify", StepOutcome::Refuse, detail);
    for (transport, _) in table.transports() {
        match table.identify(transport, source) {
            Source::Trunks(trunks) => {
                let number = called_number(called);
                if let Some(trunk) = table.trunk_by_number(&trunks, number, steps) {
                    return Ok(trunk);
                }
            }
            Source::Caller(tenant) => {
                let tenant = table.tenant(tenant).map(|entry| entry.id.to_string());
                let tenant = tenant.unwrap_or_default();
                let detail = format!("{source} is a PBX of {tenant}: its calls are outbound");
                steps.step(|| identify(detail));
                return Err(unidentified(called));
            }
            Source::Unknown => {}
        }
    }
    steps.step(|| {
        identify(format!("no trunk and no PBX has the source {source}: it gets no answer"))
    });
    Err(unidentified(called))
}

/// The decision for a packet that is no trunk's.
fn unidentified(called: &str) -> Decision {
    Decision {
        tenant: None,
        rule: None,
        number: called.to_owned(),
        outcome: Outcome::Refuse(Refusal::UnknownSource),
    }
}

fn outbound(call: &Outbound, table: &Table) -> Result<Simulated, Failure> {
    let name = call.tenant.parse::<Name>().ok();
    let tenant = name.and_then(|name| table.tenant_named(&name)).ok_or_else(|| {
        let known: Vec<_> =
            table.tenants().take(20).map(|(_, tenant)| tenant.id.name.to_string()).collect();
        let help = format!("the tenants are: {}", known.join(", "));
        Failure::failed(format!("there is no tenant `{}`", call.tenant)).help(help)
    })?;
    let number = call.extension.parse::<Number>().ok();
    let extension = number.and_then(|number| table.extension(tenant, number)).ok_or_else(|| {
        let message = format!("tenant {} has no extension {}", call.tenant, call.extension);
        Failure::failed(message).help("declare it as a resource of kind Extension")
    })?;
    let mut steps = Steps::default();
    steps.step(|| {
        let detail = format!("{} is {}", call.extension, extension.id);
        Step::new("identify", StepOutcome::Match, detail).by(&extension.id, "/spec/numbers")
    });
    let decision = table.route_outbound(tenant, &call.to, &mut steps);
    let caller = call.extension.clone();
    Ok(Simulated { decision, trunk: None, caller, inbound: false, steps: steps.0 })
}

/// What the trunks of a call take out of its headers.
fn headers(simulated: &Simulated, table: &Table) -> Vec<Step> {
    let Outcome::Deliver(attempts) = &simulated.decision.outcome else { return Vec::new() };
    let tried = attempts.iter().filter_map(|attempt| match attempt.target {
        Target::Trunk(trunk) => Some(trunk),
        Target::Contact => None,
    });
    let mut steps = Vec::new();
    let mut told = BTreeSet::new();
    for trunk in simulated.trunk.into_iter().chain(tried).filter(|trunk| told.insert(*trunk)) {
        let Some(entry) = table.trunk(trunk) else { continue };
        for (name, field, passage) in [
            ("Diversion", "/spec/diversion", entry.spec.diversion),
            ("History-Info", "/spec/historyInfo", entry.spec.history_info),
        ] {
            if passage == Passage::Remove {
                let detail = format!("{name} is taken out over {}", entry.id);
                steps.push(Step::new("headers", StepOutcome::Match, detail).by(&entry.id, field));
            }
        }
    }
    steps
}

fn refusal_code(simulated: &Simulated, refusal: Refusal) -> Option<u16> {
    let code = if simulated.inbound { refusal.code_to_trunk() } else { refusal.code_to_tenant() };
    (refusal != Refusal::UnknownSource).then_some(code)
}

fn trunk_name(table: &Table, trunk: TrunkIndex) -> Option<String> {
    table.trunk(trunk).map(|trunk| trunk.id.name.to_string())
}

fn to_json(simulated: &Simulated, table: &Table, desired: &Desired) -> Value {
    let steps: Vec<_> = simulated
        .steps
        .iter()
        .map(|step| {
            let span = step.resource.as_ref().and_then(|id| desired.span(id, &step.field));
            json!({
                "station": step.station,
                "outcome": step.outcome.as_str(),
                "file": span.map(|span| desired.sources().path(span.file)),
                "line": span.map(|span| desired.sources().start(span).line),
                "detail": step.detail,
            })
        })
        .collect();
    json!({
        "formatVersion": FORMAT_VERSION,
        "command": "simulate",
        "result": Exit::Ok.word(),
        "steps": steps,
        "decision": decision_json(simulated, table),
    })
}

fn decision_json(simulated: &Simulated, table: &Table) -> Value {
    let decision = &simulated.decision;
    let attempts = match &decision.outcome {
        Outcome::Deliver(attempts) => attempts.as_slice(),
        Outcome::Refuse(_) => &[],
    };
    let refusal = match decision.outcome {
        Outcome::Refuse(refusal) => Some(refusal),
        Outcome::Deliver(_) => None,
    };
    let trunks: Vec<_> = attempts
        .iter()
        .filter_map(|attempt| match attempt.target {
            Target::Trunk(trunk) => trunk_name(table, trunk),
            Target::Contact => None,
        })
        .collect();
    let first = attempts.first();
    let inbound_trunk = simulated.trunk.and_then(|trunk| trunk_name(table, trunk));
    let tenant = decision.tenant.and_then(|tenant| table.tenant(tenant));
    json!({
        "outcome": if refusal.is_some() { "refuse" } else { "deliver" },
        "code": refusal.and_then(|refusal| refusal_code(simulated, refusal)),
        "reason": refusal.map(Refusal::reason),
        "tenant": tenant.map(|tenant| tenant.id.name.to_string()),
        "rule": decision.rule.and_then(|rule| table.rule_id(rule)).map(|id| id.name.to_string()),
        "trunk": inbound_trunk.or_else(|| trunks.first().cloned()),
        "trunks": trunks,
        "destination": first.map(crate::routing::Attempt::request_uri),
        "number": first.map_or(&decision.number, |attempt| &attempt.user),
        "callerId": simulated.caller,
    })
}

fn to_text(simulated: &Simulated, table: &Table, desired: &Desired) -> String {
    let mut text = String::new();
    for step in &simulated.steps {
        let place = step.resource.as_ref().and_then(|id| desired.span(id, &step.field));
        let place = place.map(|span| desired.sources().file_line(span)).unwrap_or_default();
        let word = match step.outcome {
            StepOutcome::Match => paint("match ", AnsiColor::Green),
            StepOutcome::Lost => "lost  ".to_owned(),
            StepOutcome::Refuse => paint("refuse", AnsiColor::Red),
        };
        let gap = if place.is_empty() { "" } else { "  " };
        // Numbers come from the command line, URIs from manifests: neither steers the terminal.
        let detail = visible(&step.detail);
        writeln!(text, "{:<11} {word}  {detail}{gap}{place}", step.station).ok();
    }
    text.push('\n');
    text.push_str(&answer_text(simulated, table));
    text
}

fn answer_text(simulated: &Simulated, table: &Table) -> String {
    match &simulated.decision.outcome {
        Outcome::Refuse(refusal) => {
            let answer = match refusal_code(simulated, *refusal) {
                Some(code) => format!("{code} ({})", refusal.reason()),
                None => format!("no answer at all ({})", refusal.reason()),
            };
            format!("{} {answer}\n", paint("refused:", AnsiColor::Red))
        }
        Outcome::Deliver(attempts) => {
            let mut text = String::new();
            for (position, attempt) in attempts.iter().enumerate() {
                let word = if position == 0 { "delivered:" } else { "then:" };
                let over = match attempt.target {
                    Target::Trunk(trunk) => trunk_name(table, trunk),
                    Target::Contact => None,
                };
                let over = over.map(|trunk| format!(" over {trunk}")).unwrap_or_default();
                let (uri, next_hop) = (attempt.request_uri(), &attempt.next_hop);
                let word = paint(word, AnsiColor::Green);
                writeln!(text, "{word} INVITE {uri}{over}, sent to {next_hop}").ok();
            }
            text
        }
    }
}
