//! `trunkline apply`: performs exactly the plan that it shows, through a running daemon.

use std::io::{BufRead, IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, ServerArgs};
use super::{Exit, FORMAT_VERSION, Failure, Format, Output, paths};
use crate::diag::{render_json, render_text};
use crate::manifest::tree::{Content, SourceTree};
use crate::model::Revision;
use crate::plan::{Plan, Summary};
use crate::reconcile::state::Verdict;
use crate::reconcile::{Weighed, summary_line, weigh};

/// How often the daemon is asked whether it has converged.
const LOOK: Duration = Duration::from_millis(100);

/// Apply a directory of manifests through a running daemon: plan, confirm, perform, wait.
///
/// Exactly the plan that is shown is performed; when the live state has moved meanwhile, nothing is
/// (exit code 5). Afterwards it waits until every transport is Ready (exit code 6 when that takes
/// longer than `--timeout`). A daemon that follows a directory keeps what was applied until that
/// directory's content changes next; `trunkline status` shows both revisions.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  trunkline apply voip/\n  trunkline apply voip/ --auto-approve --timeout 30 -o json"
)]
pub(super) struct Args {
    /// The directory of manifests.
    #[arg(default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// Do not ask. Without a terminal nobody can be asked, and this is needed.
    #[arg(long)]
    auto_approve: bool,
    /// Seconds to wait until the daemon has converged.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let tree = paths::read(std::slice::from_ref(&args.path))?;
    let client = args.server.client()?;
    let live = client.live()?;
    let observed = client.observed()?;
    let weighed = weigh(&tree, tree.revision(), &live.set(), Some(&observed));
    let Some(plan) = &weighed.plan else { return rejected(&weighed, output) };
    if output.format == Format::Human {
        output.data(&render_text(&weighed.warnings(), &weighed.sources, true))?;
        output.data(&crate::plan::render_text(plan, &weighed.sources, true))?;
    }
    if plan.is_refused() {
        return rejected(&weighed, output);
    }
    let applied = if plan.is_empty() {
        Applied::nothing(&weighed, plan)
    } else if args.auto_approve || confirmed(output)? {
        perform(&client, &tree, &weighed, plan)?
    } else {
        return Err(Failure::failed("not applied: the answer was not `yes`"));
    };
    // Where nothing changes, what is in force already has to work, under whatever revision.
    let revision = (applied.changes > 0).then_some(&applied.revision);
    // Nothing that stays nothing has nothing to wait for.
    let nothing = live.set().is_empty() && applied.changes == 0;
    let converged = nothing || converge(&client, revision, Duration::from_secs(args.timeout))?;
    let exit = if converged { Exit::Ok } else { Exit::Unconverged };
    report(&Applied { converged, ..applied }, exit, output)
}

/// What came of it.
struct Applied {
    revision: Revision,
    generation: Option<u64>,
    digest: String,
    changes: usize,
    summary: Summary,
    converged: bool,
}

impl Applied {
    fn nothing(weighed: &Weighed, plan: &Plan) -> Self {
        Self {
            revision: weighed.revision.clone(),
            generation: None,
            digest: plan.digest.clone(),
            changes: 0,
            summary: plan.summary,
            converged: false,
        }
    }
}

/// The manifests have errors, or a guard refuses the plan: nothing was sent.
fn rejected(weighed: &Weighed, output: Output) -> Result<Exit, Failure> {
    let exit = match weighed.verdict {
        Verdict::Refused => Exit::Refused,
        Verdict::Invalid | Verdict::Same | Verdict::Change => Exit::Invalid,
    };
    match output.format {
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "apply",
            "result": exit.word(),
            "refusals": render_json(&weighed.refusals(), &weighed.sources),
            "diagnostics": render_json(&weighed.diagnostics, &weighed.sources),
        }))?,
        Format::Human | Format::Markdown => {
            if weighed.plan.is_none() {
                output.data(&render_text(&weighed.diagnostics, &weighed.sources, true))?;
            }
            output.say(&format!("{exit}: nothing was applied\n"));
        }
    }
    Ok(exit)
}

fn confirmed(output: Output) -> Result<bool, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let help = "run it in a terminal, or give --auto-approve";
        return Err(Failure::usage("nobody can be asked: stdin is no terminal").help(help));
    }
    output.say("Apply this plan? Only `yes` is taken: ");
    drop(std::io::stderr().flush());
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|error| Failure::failed(format!("cannot read the answer: {error}")))?;
    Ok(answer.trim() == "yes")
}

/// Has the daemon make the plan from the same files, and approves it if it is the one shown.
fn perform(
    client: &Client,
    tree: &SourceTree,
    weighed: &Weighed,
    plan: &Plan,
) -> Result<Applied, Failure> {
    let made = client.post("/api/v1/plans", &json!({"files": files(tree)?}))?;
    if made.get("refused") == Some(&Value::Bool(true)) {
        return Err(refused(&made));
    }
    let digest = made.get("digest").and_then(Value::as_str).unwrap_or_default();
    if digest != plan.digest {
        let message = "the live state has changed since the plan was made";
        let help = "look at the new plan: run the command again";
        return Err(
            Failure { exit: Exit::Stale, message: message.to_owned(), help: None }.help(help)
        );
    }
    let done = client.post(&format!("/api/v1/plans/{digest}/approve"), &json!({}))?;
    Ok(Applied {
        revision: weighed.revision.clone(),
        generation: done.get("generation").and_then(Value::as_u64),
        digest: digest.to_owned(),
        changes: plan.changes.len(),
        summary: plan.summary,
        converged: false,
    })
}

/// What only the daemon can know speaks against the plan: a key that does not belong to its
/// certificate.
fn refused(made: &Value) -> Failure {
    let all = made.get("diagnostics").and_then(Value::as_array);
    let errors = all.into_iter().flatten().filter(|one| one["severity"] == "error");
    let told = errors.map(|one| {
        let text = |field: &str| one[field].as_str().unwrap_or_default();
        format!("\n  {}: {}", text("code"), text("message"))
    });
    let message =
        format!("the daemon refuses the plan: nothing was applied{}", told.collect::<String>());
    Failure { exit: Exit::Refused, message, help: None }
}

fn files(tree: &SourceTree) -> Result<Vec<Value>, Failure> {
    let file = |file: &crate::manifest::tree::SourceFile| {
        let text = match &file.content {
            Content::Text(text) => Some(&**text),
            Content::Bytes(_)
            | Content::TooLarge(_)
            | Content::Unreadable(_)
            | Content::NotAFile(_)
            | Content::Symlink
            | Content::Outside(_) => None,
        };
        // Validation refuses every such file, so that this cannot be reached with a plan in hand.
        let text = text.ok_or_else(|| Failure::failed(format!("{} is no text", file.path)))?;
        Ok(json!({"path": file.path, "content": text}))
    };
    tree.files.iter().map(file).collect()
}

/// Waits until the revision (or any) is in force and everything of it works.
fn converge(
    client: &Client,
    revision: Option<&Revision>,
    patience: Duration,
) -> Result<bool, Failure> {
    let began = Instant::now();
    loop {
        let status = client.get("/api/v1/status")?;
        let converged = status.pointer("/revision/converged").and_then(Value::as_str);
        if converged.is_some_and(|found| revision.is_none_or(|wanted| wanted.0 == found)) {
            return Ok(true);
        }
        if began.elapsed() >= patience {
            return Ok(false);
        }
        std::thread::park_timeout(LOOK);
    }
}

fn report(applied: &Applied, exit: Exit, output: Output) -> Result<Exit, Failure> {
    let summary = applied.summary;
    match output.format {
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "apply",
            "result": exit.word(),
            "revision": applied.revision,
            "generation": applied.generation,
            "digest": applied.digest,
            "changes": applied.changes,
            "converged": applied.converged,
            "summary": {
                "create": summary.create,
                "change": summary.change,
                "replace": summary.replace,
                "delete": summary.delete,
            },
        }))?,
        Format::Human | Format::Markdown => {
            match applied.changes {
                0 => output.say("no changes\n"),
                _ => output.say(&format!("applied: {}\n", summary_line(&summary))),
            }
            if !applied.converged {
                output.say("not converged in time: `trunkline status` says what is not Ready\n");
            }
        }
    }
    Ok(exit)
}
