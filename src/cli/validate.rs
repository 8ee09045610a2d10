//! `trunkline validate`: every problem of the manifests, in one run, offline.

use std::fs;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstyle::AnsiColor;
use serde_json::{Value, json};

use super::paths;
use super::revision::{self, Signatures};
use super::selection::{self, Selection};
use super::sink::{Form, Sink};
use super::{Exit, FORMAT_VERSION, Failure, Output, paint};
use crate::diag::{
    Code, Diagnostic, JsonDiagnostics, Severity, render_first, render_github, render_junit,
    render_sarif,
};
use crate::manifest::tree::Content;
use crate::model::ObjectId;
use crate::model::value::Date;
use crate::source::directory;
use crate::validate::{Checked, Summary, validate_on};

/// Check manifests: schema and meaning, offline.
///
/// All problems come in one run, sorted by file and line. Exit code 0: nothing shown is an error;
/// 3: something is (or a warning under `--deny-warnings`). The forms of `-o` are human, json, sarif,
/// junit and github, several at once to files: `-o sarif=FILE -o human`. The last three name files
/// from the top of the git repository, or of GITHUB_WORKSPACE, if the manifests lie in one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline validate\n  trunkline validate voip/ -o json\n  \
                        trunkline validate -o github -o sarif=trunkline.sarif\n  \
                        trunkline validate --rev main\n  \
                        trunkline validate /srv/voip.git --rev \"$OLD..$NEW\"\n  \
                        cat trunk.yaml | trunkline validate -")]
pub(super) struct Args {
    /// Directories, files, or `-` for stdin.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Read a commit of the git repository at PATH from its objects, without a checkout; a folder
    /// in it is the root. Its signature is checked where the Policy names signers, and in a range
    /// `A..B` those of all its commits.
    #[arg(long, value_name = "SHA|REF|A..B")]
    rev: Option<String>,
    /// Warnings make the manifests invalid, too (exit 3).
    #[arg(long)]
    deny_warnings: bool,
    /// Silence a warning; may be given several times.
    #[arg(long, value_name = "CODE", value_parser = selection::warning)]
    allow: Vec<Code>,
    /// Show only what concerns this file or folder; everything is checked all the same, and the
    /// exit code is that of what is shown. A conflict concerns both its ends. May be given several
    /// times; paths are those of the diagnostics, or as seen from here.
    #[arg(long, value_name = "PATH")]
    only: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, sinks: &[Sink], output: Output) -> Result<Exit, Failure> {
    let mut read = match &args.rev {
        Some(rev) => Some(revision::read(&args.paths, rev)?),
        None => None,
    };
    let directory;
    let (tree, prefix) = match &read {
        Some(read) => (&read.tree, read.prefix()),
        None => {
            directory = paths::read(&args.paths)?;
            (&directory, paths::from_here(&args.paths))
        }
    };
    let files: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
    let selection = selection(args, &prefix, &files)?;
    let prefix = if read.is_some() { prefix } else { paths::from_top(&args.paths, &files) };
    // The process ends after this: to free every document one by one would be in vain.
    let mut checked = ManuallyDrop::new(validate_on(tree, today()));
    let scoped = tree.rooted;
    let mut signatures =
        if checked.names_signers() { Signatures::NotChecked } else { Signatures::None };
    for list in checked.lists_of_signers() {
        let text = match (&read, args.paths.as_slice()) {
            (Some(read), _) => read.file(&list.2)?,
            (None, [root]) if scoped => text_of(&root.join(&list.2)),
            // Without a root there is nothing to look in.
            (None, _) => continue,
        };
        match text {
            Some(text) => checked.judge_list(&list, &text),
            None => checked.miss_list(&list),
        }
    }
    if let Some(read) = &mut read {
        let (breaches, found) = read.breaches()?;
        checked.refuse(&breaches);
        signatures = found;
    }
    let all = checked.diagnostics.len();
    let sources = Arc::clone(&checked.sources);
    selection.keep(&mut checked.diagnostics, &sources);
    let is_error = |one: &&Diagnostic| one.severity() == Severity::Error;
    checked.summary.errors = checked.diagnostics.iter().filter(is_error).count();
    checked.summary.warnings = checked.diagnostics.len() - checked.summary.errors;
    let exit = selection.exit(&checked.diagnostics);
    let report = Report {
        checked: &checked,
        exit,
        prefix: &prefix,
        selection: &selection,
        scoped,
        signatures,
        commit: read.as_ref().map(|read| &read.commit),
    };
    // Files first: a reader of stdout that goes away must not cost them.
    for (sink, file) in sinks.iter().filter_map(|sink| Some((sink, sink.file.as_ref()?))) {
        fs::write(file, report.render(sink.form, false)).map_err(|error| {
            Failure::failed(format!("cannot write `{}`: {error}", file.display()))
        })?;
    }
    let stdout = sinks.iter().find(|sink| sink.file.is_none());
    if let Some(sink) = stdout {
        output.data(&report.render(sink.form, true))?;
    }
    if stdout.is_none_or(|sink| sink.form != Form::Json) {
        output.say(&report.summary_line(all - checked.diagnostics.len()));
    }
    Ok(exit)
}

/// The text of a file that lists signers.
fn text_of(path: &Path) -> Option<String> {
    match directory::read_file(path, "").ok()?.content {
        Content::Text(text) => Some(text.to_string()),
        Content::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Content::TooLarge(_)
        | Content::Unreadable(_)
        | Content::NotAFile(_)
        | Content::Symlink
        | Content::Outside(_) => None,
    }
}

/// The day, in UTC.
fn today() -> Option<Date> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(now.as_secs()).ok()?;
    let now = jiff::Timestamp::from_second(seconds).ok()?;
    Some(Date(now.to_zoned(jiff::tz::TimeZone::UTC).date()))
}

fn selection(args: &Args, prefix: &str, files: &[&str]) -> Result<Selection, Failure> {
    let only = args.only.iter().map(|path| {
        paths::named(path, &args.paths, prefix, files).ok_or_else(|| {
            let path = path.display();
            let failure = Failure::usage(format!("--only: there is no manifest at `{path}`"));
            failure.help("give a file or folder below the root, as diagnostics name it")
        })
    });
    let only = only.collect::<Result<_, _>>()?;
    let (allow, deny_warnings) = (args.allow.clone(), args.deny_warnings);
    Ok(Selection { allow, only, deny_warnings })
}

/// What a run came to.
struct Report<'a> {
    checked: &'a Checked,
    exit: Exit,
    prefix: &'a str,
    selection: &'a Selection,
    scoped: bool,
    signatures: Signatures,
    commit: Option<&'a ObjectId>,
}

/// The object of `-o json`.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    command: &'static str,
    diagnostics: JsonDiagnostics<'a>,
    format_version: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    scopes: &'static str,
    signatures: &'static str,
    summary: Value,
}

impl Report<'_> {
    fn render(&self, form: Form, color: bool) -> String {
        let (found, sources) = (&self.checked.diagnostics, &self.checked.sources);
        match form {
            Form::Human | Form::Markdown => render_first(found, sources, color),
            // Nothing in the object can fail to be written as text.
            Form::Json => serde_json::to_string_pretty(&self.json()).unwrap_or_default() + "\n",
            Form::Sarif => format!("{:#}\n", render_sarif(found, sources, self.prefix)),
            Form::Junit => {
                let selection = self.selection;
                let denied = selection.deny_warnings;
                render_junit(found, sources, self.prefix, denied, |path| selection.asks_for(path))
            }
            Form::Github => render_github(found, sources, self.prefix),
        }
    }

    fn json(&self) -> Json<'_> {
        let Summary { files, documents, errors, warnings } = self.checked.summary;
        let (diagnostics, sources) = (&self.checked.diagnostics, &self.checked.sources);
        Json {
            command: "validate",
            diagnostics: JsonDiagnostics { diagnostics, sources },
            format_version: FORMAT_VERSION,
            result: self.exit.word(),
            revision: self.commit.map(ObjectId::as_str),
            scopes: if self.scoped { "checked" } else { "notChecked" },
            signatures: self.signatures.word(),
            summary: json!({
                "files": files, "documents": documents, "errors": errors, "warnings": warnings,
            }),
        }
    }

    fn summary_line(&self, hidden: usize) -> String {
        let Summary { files, documents, errors, warnings } = self.checked.summary;
        let word = match (self.exit, warnings) {
            (Exit::Ok, 0) => paint("ok", AnsiColor::Green),
            (Exit::Ok, _) => paint("ok, with warnings", AnsiColor::Yellow),
            _ => paint("invalid", AnsiColor::Red),
        };
        let found = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
        let (documents, files) = (count(documents, "document"), count(files, "file"));
        let hidden = match hidden {
            0 => String::new(),
            hidden => format!("; {hidden} not shown (--allow, --only)"),
        };
        let scopes = if self.scoped { "" } else { "; scopes not checked: give the root directory" };
        let more = match self.checked.diagnostics.first() {
            Some(one) => format!("`trunkline explain {}` says more\n", one.code),
            None => String::new(),
        };
        let commit = self.commit.map(|commit| format!(" at commit {}", commit.short()));
        let commit = commit.unwrap_or_default();
        let signatures = match self.signatures {
            Signatures::None => String::new(),
            Signatures::Checked(commits) => {
                format!("; signatures of {} checked", count(commits, "commit"))
            }
            Signatures::NotChecked => {
                "; signatures not checked: they are commits', give --rev".to_owned()
            }
            Signatures::CutOff => {
                "; signatures not checked: this is a shallow clone, git fetch --unshallow"
                    .to_owned()
            }
        };
        format!(
            "{word}: {found} in {documents} of {files}{commit}{hidden}{scopes}{signatures}\n{more}"
        )
    }
}

pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
