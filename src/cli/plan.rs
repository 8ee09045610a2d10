//! `trunkline plan`: what would change, and which numbers change their route. Changes nothing.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::client::{Client, DEFAULT_SERVER, server_url};
use super::{Exit, FORMAT_VERSION, Failure, Format, Output, paths, revision};
use crate::diag::{render_json as render_diagnostics, render_text as render_findings};
use crate::model::{Observed, ResourceSet, Revision};
use crate::plan::{render_json, render_markdown, render_text};
use crate::reconcile::state::Verdict;
use crate::reconcile::{Weighed, weigh};
use crate::validate::Checked;

/// Show what would change: against a daemon, against another directory or revision, or against nothing.
///
/// Lists every resource that would be created, changed or deleted, then the numbers whose route changes,
/// then what it means for calls in progress, then what is refused. Exit code 3: the manifests have errors;
/// 4: a guard refuses the plan.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline plan voip/ --server http://127.0.0.1:7080\n  \
                  trunkline plan new/ --against old/ -o markdown\n  \
                  trunkline plan --rev feature --against main\n  \
                  trunkline plan --server http://127.0.0.1:7080 --detailed-exitcode")]
pub(super) struct Args {
    /// The directory of manifests. `-o markdown` writes the plan for a pull request.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Plan a commit of the git repository at PATH, read from its objects; refused (exit 4) where a
    /// signature lacks that its Policy demands. `A..B` plans B and looks at all commits of the range.
    #[arg(long, value_name = "SHA|REF|A..B")]
    rev: Option<String>,
    /// Compare with the live state of this daemon.
    #[arg(long, env = "TRUNKLINE_SERVER", value_name = "URL", conflicts_with = "against")]
    #[arg(value_parser = server_url)]
    server: Option<String>,
    /// A file with the daemon's bearer token.
    #[arg(long, env = "TRUNKLINE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Compare with another directory of manifests, or with a revision of the git repository at
    /// PATH; what is a directory is taken as one.
    #[arg(long, value_name = "DIR|REV")]
    against: Option<PathBuf>,
    /// Save the plan as JSON, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes.
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let (tree, revision) = match &args.rev {
        None => {
            let tree = paths::read(std::slice::from_ref(&args.path))?;
            let revision = tree.revision();
            (tree, revision)
        }
        Some(rev) => {
            let mut read = revision::read(std::slice::from_ref(&args.path), rev)?;
            let (breaches, _) = read.breaches()?;
            if !breaches.is_empty() {
                let mut checked = crate::validate::validate(&read.tree);
                checked.refuse(&breaches);
                return unsigned(&checked, &read.revision(), output);
            }
            let revision = read.revision();
            (read.tree, revision)
        }
    };
    let (live, observed) = match live(args, output)? {
        Ok(live) => live,
        Err(exit) => return Ok(exit),
    };
    let weighed = weigh(&tree, revision, &live, observed.as_ref());
    let json = whole(&weighed);
    if let Some(path) = &args.out {
        let text = format!("{:#}\n", Value::Object(json.clone()));
        std::fs::write(path, text).map_err(|error| {
            Failure::failed(format!("cannot write `{}`: {error}", path.display()))
        })?;
    }
    show(&weighed, &json, output)?;
    Ok(exit(&weighed, args.detailed_exitcode))
}

fn show(weighed: &Weighed, json: &Map<String, Value>, output: Output) -> Result<(), Failure> {
    match (&weighed.plan, output.format) {
        (_, Format::Json) => output.json(&Value::Object(json.clone()))?,
        (Some(plan), Format::Human) => {
            output.data(&render_text(plan, &weighed.sources, true))?;
            // Warnings belong to the person, not to the plan.
            output.say(&render_findings(&weighed.warnings(), &weighed.sources, true));
            if weighed.desired.as_ref().is_some_and(|desired| desired.resources().is_empty()) {
                output.say("note: there are no manifests here\n");
            }
        }
        (Some(plan), Format::Markdown) => output.data(&render_markdown(plan, &weighed.sources))?,
        (None, Format::Human | Format::Markdown) => {
            let colored = output.format == Format::Human;
            let found = render_findings(&weighed.diagnostics, &weighed.sources, colored);
            output.data(&found)?;
            output.say(&format!("{}: there is no plan\n", word(weighed)));
        }
    }
    Ok(())
}

/// What to compare with; an exit where the other directory has errors, which are told.
fn live(
    args: &Args,
    output: Output,
) -> Result<Result<(ResourceSet, Option<Observed>), Exit>, Failure> {
    if let Some(server) = &args.server {
        let client = Client::open(server, args.token_file.as_deref())?;
        return Ok(Ok((client.live()?.set(), Some(client.observed()?))));
    }
    let Some(against) = &args.against else {
        output.say(&format!(
            "note: compared with nothing; `--server {DEFAULT_SERVER}` compares with a daemon\n"
        ));
        return Ok(Ok((ResourceSet::default(), None)));
    };
    let tree = match against.to_str().filter(|_| !against.exists()) {
        Some(rev) => {
            revision::read(std::slice::from_ref(&args.path), rev)
                .map_err(|failure| {
                    let message = format!("--against: {failure}, and no directory of that name");
                    Failure { message, ..failure }
                })?
                .tree
        }
        None => paths::read(std::slice::from_ref(against))?,
    };
    let checked = crate::validate::validate(&tree);
    let nothing = checked.nothing_declared();
    let Some(desired) = checked.desired.or(nothing) else {
        let words = format!("{} has errors: nothing can be compared with it", against.display());
        output.say(&render_findings(&checked.diagnostics, &checked.sources, true));
        output.say(&format!("error: {words}\n"));
        if output.format == Format::Json {
            let failure = Failure { exit: Exit::Invalid, message: words, help: None };
            output.json(&failure.report("plan"))?;
        }
        return Ok(Err(Exit::Invalid));
    };
    Ok(Ok(((**desired.resources()).clone(), None)))
}

/// Commits that count for nothing are not planned.
fn unsigned(checked: &Checked, revision: &Revision, output: Output) -> Result<Exit, Failure> {
    let weighed = Weighed {
        revision: revision.clone(),
        verdict: Verdict::Refused,
        diagnostics: checked.diagnostics.clone(),
        sources: std::sync::Arc::clone(&checked.sources),
        desired: None,
        plan: None,
    };
    show(&weighed, &whole(&weighed), output)?;
    Ok(Exit::Refused)
}

fn whole(weighed: &Weighed) -> Map<String, Value> {
    let mut json = Map::new();
    json.insert("formatVersion".into(), FORMAT_VERSION.into());
    json.insert("command".into(), "plan".into());
    json.insert("result".into(), word(weighed).into());
    json.insert("revision".into(), json!(weighed.revision));
    for name in ["changes", "steps", "behaviour", "refusals"] {
        json.insert(name.into(), json!([]));
    }
    json.insert("digest".into(), Value::Null);
    json.insert("summary".into(), Value::Null);
    let diagnostics = render_diagnostics(&weighed.diagnostics, &weighed.sources);
    match &weighed.plan {
        Some(plan) => json.extend(render_json(plan, &weighed.sources)),
        None => {
            let refusals = render_diagnostics(&weighed.refusals(), &weighed.sources);
            json.insert("refusals".into(), refusals);
        }
    }
    json.insert("diagnostics".into(), diagnostics);
    json
}

fn word(weighed: &Weighed) -> &'static str {
    exit(weighed, true).word()
}

fn exit(weighed: &Weighed, detailed: bool) -> Exit {
    match weighed.verdict {
        Verdict::Invalid => Exit::Invalid,
        Verdict::Refused => Exit::Refused,
        Verdict::Change if detailed => Exit::Changes,
        Verdict::Change | Verdict::Same => Exit::Ok,
    }
}
