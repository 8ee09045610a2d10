//! `trunkline validate`: every problem of the manifests, in one run, offline.

use std::io;
use std::path::{Component, Path, PathBuf};

use anstyle::AnsiColor;
use serde_json::json;

use super::{Exit, FORMAT_VERSION, Failure, Format, Output, paint};
use crate::diag::{render_json, render_text};
use crate::manifest::tree::SourceTree;
use crate::source::directory;
use crate::validate::{Checked, Summary, validate};

/// Check manifests: schema and meaning, offline.
///
/// All problems come in one run, sorted by file and line. Exit code 0: no errors; 3: the manifests
/// have errors.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline validate\n  trunkline validate voip/ -o json\n  \
                        cat trunk.yaml | trunkline validate -")]
pub(super) struct Args {
    /// Directories, files, or `-` for stdin.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let tree = read(&args.paths)?;
    let checked = validate(&tree);
    let exit = if checked.summary.errors == 0 { Exit::Ok } else { Exit::Invalid };
    match output.format {
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "validate",
            "result": exit.word(),
            "diagnostics": render_json(&checked.diagnostics, &checked.sources),
            "summary": {
                "files": checked.summary.files,
                "documents": checked.summary.documents,
                "errors": checked.summary.errors,
                "warnings": checked.summary.warnings,
            },
        }))?,
        Format::Human | Format::Markdown => {
            output.data(&render_text(&checked.diagnostics, &checked.sources, true))?;
            output.say(&summary_line(&checked));
        }
    }
    Ok(exit)
}

fn summary_line(checked: &Checked) -> String {
    let Summary { files, documents, errors, warnings } = checked.summary;
    let word = match (errors, warnings) {
        (0, 0) => paint("ok", AnsiColor::Green),
        (0, _) => paint("ok, with warnings", AnsiColor::Yellow),
        _ => paint("invalid", AnsiColor::Red),
    };
    let found = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    format!("{word}: {found} in {} of {}\n", count(documents, "document"), count(files, "file"))
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The files to check. One directory is the root, and paths are relative to it; otherwise each
/// path stands as it was given.
pub(super) fn read(paths: &[PathBuf]) -> Result<SourceTree, Failure> {
    if let [root] = paths
        && root.is_dir()
    {
        return directory::read(root).map_err(|error| cannot_read(root, &error));
    }
    let mut tree = SourceTree::default();
    for path in paths.iter().map(|path| without_dots(path)) {
        let path = path.as_path();
        if path.as_os_str() == "-" {
            tree.files.push(directory::read_stream(io::stdin().lock(), "-"));
        } else if path.is_dir() {
            let below = directory::read(path).map_err(|error| cannot_read(path, &error))?;
            tree.files.extend(below.files.into_iter().map(|mut file| {
                file.path = path.join(&file.path).to_string_lossy().into_owned();
                file
            }));
        } else {
            let file = directory::read_file(path, &path.to_string_lossy());
            tree.files.push(file.map_err(|error| cannot_read(path, &error))?);
        }
    }
    tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    // The same file given twice is one file.
    tree.files.dedup_by(|a, b| a.path == b.path);
    Ok(tree)
}

/// `./a` and `a/.` are `a`, so that a file given twice counts once.
fn without_dots(path: &Path) -> PathBuf {
    let named = path.components().filter(|part| *part != Component::CurDir);
    let plain: PathBuf = named.collect();
    if plain.as_os_str().is_empty() { path.to_owned() } else { plain }
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::failed(format!("cannot read `{}`: {error}", path.display()));
    failure.help("give a directory of manifests, a manifest file, or `-` for stdin")
}
