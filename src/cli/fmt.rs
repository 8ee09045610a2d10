//! `trunkline fmt`: manifests in their canonical form.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use serde_json::{Value, json};

use super::diff::diff;
use super::paths::read;
use super::validate::count;
use super::{Exit, FORMAT_VERSION, Failure, Format, Output};
use crate::diag::{Diagnostic, FileId, SourceMap, render_first, render_json, visible};
use crate::manifest::format::{Formatted, format};
use crate::manifest::tree::{Content, SourceFile, SourceTree};
use crate::validate;

/// Write manifests in their canonical form; comments are kept.
///
/// Keys stand in the order of the language, two columns a level, one blank line at most; ranges have
/// a `-`. What a file says never changes: it is read again and compared before it is written. Files
/// with faults in their YAML are told and left alone (exit 3). Prints the files that changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline fmt\n  trunkline fmt --check --diff voip/\n  \
                        trunkline fmt - < trunk.yaml")]
pub(super) struct Args {
    /// Directories, files, or `-` for stdin, which is written to stdout.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Write nothing; exit with 1 if a file would change.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change.
    #[arg(long)]
    diff: bool,
}

/// One file that was looked at.
struct Outcome<'a> {
    file: &'a SourceFile,
    /// Where it is; nothing if that is not known.
    path: Option<PathBuf>,
    before: &'a str,
    after: Formatted,
}

/// Why a file is left alone that is not known by its name.
const ALIKE: &str =
    "its name is not UTF-8, and there is none or another one that looks the same: rename it";

impl Outcome<'_> {
    fn changes(&self) -> bool {
        self.path.is_some() && bytes(self.file) != Some(self.after.text.as_bytes())
    }

    fn diff(&self) -> String {
        diff(&self.file.path, self.before, &self.after.text)
    }
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let is_stream = args.paths.iter().any(|path| path.as_os_str() == "-");
    if is_stream && args.paths.len() > 1 {
        let failure = Failure::usage("`-` stands beside other paths");
        return Err(failure.help("format stdin alone: `trunkline fmt - < FILE`"));
    }
    let mut tree = read(&args.paths)?;
    refuse_links(&mut tree);
    let (sources, faults) = validate::read(&tree);
    let faulty: BTreeSet<FileId> = faults.iter().filter_map(|one| Some(one.span?.file)).collect();
    let root = root(&args.paths);
    let mut outcomes = Vec::new();
    for (at, file) in tree.files.iter().enumerate() {
        let id = FileId(u32::try_from(at).unwrap_or(u32::MAX));
        if !faulty.contains(&id) {
            let before = sources.text(id);
            let path = found(&root, &file.path);
            outcomes.push(Outcome { file, path, before, after: format(id, before) });
        }
    }
    if !args.check && !args.diff && !is_stream {
        let mut written = Vec::new();
        for outcome in outcomes.iter().filter(|outcome| outcome.changes()) {
            let Some(path) = &outcome.path else { continue };
            replace(path, outcome).map_err(|error| stopped(path, &error, &written))?;
            written.push(outcome.file.path.as_str());
        }
    }
    let changed = outcomes.iter().any(Outcome::changes);
    let unknown = outcomes.iter().any(|outcome| outcome.path.is_none());
    let exit = match faults.is_empty() {
        false => Exit::Invalid,
        true if unknown || (args.check && changed) => Exit::Failed,
        true => Exit::Ok,
    };
    let report = Report { args, outcomes, faults, sources: &sources, exit };
    match output.format {
        Format::Json => output.json(&report.json(is_stream))?,
        Format::Human | Format::Markdown => {
            output.data(&report.data(is_stream))?;
            output.say(&report.words(is_stream));
        }
    }
    Ok(exit)
}

/// Files that were changed before a run had to stop, as a failure names them.
const MAX_NAMED: usize = 100;

/// A run that ends at a file that cannot be written: what is changed already must be known.
fn stopped(path: &Path, error: &io::Error, written: &[&str]) -> Failure {
    let failure = Failure::failed(format!("cannot write `{}`: {error}", path.display()));
    let named: Vec<_> = written.iter().take(MAX_NAMED).map(|path| format!("`{path}`")).collect();
    let more = match written.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    failure.help(match named.as_slice() {
        [] => "nothing was changed; mend it and run again".to_owned(),
        named => format!(
            "changed before it, and complete: {}{more}; the rest is as it was: mend it and run again",
            named.join(", ")
        ),
    })
}

/// A file is replaced, not written into: a link to it, given by its own name, would be lost.
fn refuse_links(tree: &mut SourceTree) {
    if tree.rooted {
        return;
    }
    for file in &mut tree.files {
        let path = found(Path::new(""), &file.path).unwrap_or_default();
        let metadata = std::fs::symlink_metadata(path);
        if file.path != "-" && metadata.is_ok_and(|metadata| metadata.is_symlink()) {
            file.content = Content::Symlink;
        }
    }
}

/// What a file holds, if it could be read.
fn bytes(file: &SourceFile) -> Option<&[u8]> {
    match &file.content {
        Content::Bytes(bytes) => Some(bytes),
        Content::Text(text) => Some(text.as_bytes()),
        Content::TooLarge(_)
        | Content::Unreadable(_)
        | Content::NotAFile(_)
        | Content::Symlink
        | Content::Outside(_) => None,
    }
}

/// What the paths of the tree are relative to.
fn root(paths: &[PathBuf]) -> PathBuf {
    match paths {
        [root] if root.is_dir() => root.clone(),
        _ => PathBuf::new(),
    }
}

/// The file that a name of the tree means. There stands U+FFFD for what is not UTF-8 in a name: what it
/// is, the folder says, if one name in it looks like that.
fn found(root: &Path, name: &str) -> Option<PathBuf> {
    let mut path = root.to_owned();
    for part in Path::new(name).components() {
        let part = part.as_os_str();
        let shown = part.to_string_lossy();
        if !shown.contains('\u{fffd}') {
            path.push(part);
            continue;
        }
        let folder = if path.as_os_str().is_empty() { Path::new(".") } else { &path };
        let names =
            std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
        let mut alike = names.filter(|name| name.to_string_lossy() == shown);
        let name = alike.next().filter(|_| alike.next().is_none())?;
        path.push(name);
    }
    Some(path)
}

/// Holds back the signals that would end us, so that no file of ours is left beside a manifest.
struct Undisturbed(SigSet);

impl Undisturbed {
    fn begin() -> io::Result<Self> {
        let mut ends = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            ends.add(signal);
        }
        Ok(Self(ends.thread_swap_mask(SigmaskHow::SIG_BLOCK)?))
    }
}

impl Drop for Undisturbed {
    /// A signal that came meanwhile ends us here.
    fn drop(&mut self) {
        self.0.thread_set_mask().ok();
    }
}

/// Puts the new text in the place of a file at once: whoever reads it sees the old or the new one.
fn replace(path: &Path, outcome: &Outcome<'_>) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_file() || bytes(outcome.file) != Some(std::fs::read(path)?.as_slice()) {
        return Err(io::Error::other("it was changed meanwhile; run it again"));
    }
    // Hidden, so that nothing takes it for a manifest.
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let undisturbed = Undisturbed::begin()?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
    let done = fill(&file, outcome.after.text.as_bytes(), &metadata)
        .and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        drop(std::fs::remove_file(&beside));
    }
    drop(undisturbed);
    done
}

fn fill(mut file: &File, text: &[u8], like: &std::fs::Metadata) -> io::Result<()> {
    file.write_all(text)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())?;
    file.sync_all()
}

/// What a run came to.
struct Report<'a> {
    args: &'a Args,
    outcomes: Vec<Outcome<'a>>,
    faults: Vec<Diagnostic>,
    sources: &'a SourceMap,
    exit: Exit,
}

impl Report<'_> {
    fn changed(&self) -> impl Iterator<Item = &Outcome<'_>> {
        self.outcomes.iter().filter(|outcome| outcome.changes())
    }

    /// What goes to stdout.
    fn data(&self, is_stream: bool) -> String {
        let mut data = String::new();
        if self.args.diff {
            data.extend(self.changed().map(Outcome::diff));
        } else if is_stream && !self.args.check {
            data.extend(self.outcomes.iter().map(|outcome| outcome.after.text.as_str()));
        } else {
            for outcome in self.changed() {
                data.extend([&visible(&outcome.file.path), "\n"]);
            }
        }
        data
    }

    /// What goes to stderr.
    fn words(&self, is_stream: bool) -> String {
        let mut words = render_first(&self.faults, self.sources, true);
        for outcome in &self.outcomes {
            let path = visible(&outcome.file.path);
            if outcome.path.is_none() {
                writeln!(words, "{path}: left as it is: {ALIKE}").ok();
                continue;
            }
            for line in &outcome.after.kept {
                writeln!(words, "{path}:{line}: this document is left as it is written: it cannot be laid out anew without a risk to what it says").ok();
            }
        }
        if is_stream {
            return words;
        }
        let (changed, all) = (self.changed().count(), self.outcomes.len());
        let would = if self.args.check || self.args.diff { "would change" } else { "changed" };
        write!(words, "{changed} of {} {would}", count(all, "file")).ok();
        match self.faults.is_empty() {
            true => words.push('\n'),
            false => words.push_str("; what cannot be read is left alone\n"),
        }
        words
    }

    fn json(&self, is_stream: bool) -> Value {
        let files: Vec<Value> = self
            .outcomes
            .iter()
            .filter(|outcome| {
                outcome.changes() || outcome.path.is_none() || !outcome.after.kept.is_empty()
            })
            .map(|outcome| {
                json!({
                    "file": outcome.file.path,
                    "changed": outcome.changes(),
                    "leftAsWritten": outcome.after.kept,
                    "message": outcome.path.is_none().then_some(ALIKE),
                    "diff": self.args.diff.then(|| outcome.diff()),
                })
            })
            .collect();
        let text = self.outcomes.first().filter(|_| is_stream);
        json!({
            "formatVersion": FORMAT_VERSION,
            "command": "fmt",
            "result": self.exit.word(),
            "written": !(self.args.check || self.args.diff || is_stream),
            "files": files,
            "text": text.map(|outcome| &outcome.after.text),
            "diagnostics": render_json(&self.faults, self.sources),
            "summary": {
                "files": self.outcomes.len(),
                "changed": self.changed().count(),
            },
        })
    }
}
