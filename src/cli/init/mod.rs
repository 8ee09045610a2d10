//! `trunkline init`: a repository to begin with.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exit, FORMAT_VERSION, Failure, Format, Output, paths};
use crate::diag::visible;
use crate::manifest::schema;

/// Where the schema is written that the first line of every manifest points to.
const SCHEMA: &str = "schemas/trunkline.schema.json";

/// The published schema that it is: of documents of every kind.
const PUBLISHED: &str = "any.schema.json";

/// Every other file, with its text.
const FILES: &[(&str, &str)] = &[
    (".github/workflows/trunkline.yml", include_str!("template/github/trunkline.yml")),
    (".gitignore", include_str!("template/gitignore")),
    (".gitlab-ci.yml", include_str!("template/gitlab/gitlab-ci.yml")),
    (".vscode/settings.json", include_str!("template/vscode/settings.json")),
    ("README.md", include_str!("template/readme.md")),
    ("system/policy.yaml", include_str!("template/system/policy.yaml")),
    ("system/pools.yaml", include_str!("template/system/pools.yaml")),
    ("system/tenants.yaml", include_str!("template/system/tenants.yaml")),
    ("system/transports.yaml", include_str!("template/system/transports.yaml")),
    ("system/trunks.yaml", include_str!("template/system/trunks.yaml")),
    ("tenants/acme/extensions.yaml", include_str!("template/tenants/acme/extensions.yaml")),
    ("tenants/acme/inbound.yaml", include_str!("template/tenants/acme/inbound.yaml")),
    ("tenants/acme/outbound.yaml", include_str!("template/tenants/acme/outbound.yaml")),
    ("tenants/acme/tests.yaml", include_str!("template/tenants/acme/tests.yaml")),
    ("tenants/bolt/extensions.yaml", include_str!("template/tenants/bolt/extensions.yaml")),
    ("tenants/bolt/rules.yaml", include_str!("template/tenants/bolt/rules.yaml")),
];

/// What to try first; the directory comes last.
const NEXT: &[&str] = &[
    "trunkline validate",
    "trunkline simulate inbound --trunk carrier-a --to +442079460005 --from +4930123456",
    "trunkline simulate outbound --tenant acme --extension 1000 --to 004930123456",
    "trunkline serve",
];

/// Write a repository to begin with: tenants, trunks, rules, tests, CI, editor settings.
///
/// Nothing is overwritten: where one of the files exists already, nothing is written at all (exit 1),
/// or with `--skip-existing` the others only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline init voip\n  trunkline init --dry-run\n  \
                        trunkline init --skip-existing .")]
pub(super) struct Args {
    /// The directory; created if it is not there.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Write nothing; list the files.
    #[arg(long)]
    dry_run: bool,
    /// Leave files that exist already as they are, and write the others.
    #[arg(long)]
    skip_existing: bool,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    // Without the `/` at the end, behind which a link would not be seen.
    let root = args.directory.components().collect::<PathBuf>();
    let root = root.as_path();
    let files = files();
    let mut existing = Vec::new();
    for (path, _) in &files {
        if stands(root, path)? {
            existing.push(path.as_str());
        }
    }
    if !existing.is_empty() && !args.skip_existing {
        let message = format!(
            "there is already {} in `{}`; nothing was written",
            existing.join(", "),
            root.display()
        );
        let help = "give another directory, or `--skip-existing` to write the other files only";
        return Err(Failure::failed(message).help(help));
    }
    let missing: Vec<_> = files.iter().filter(|(path, _)| !existing.contains(&&**path)).collect();
    if !args.dry_run {
        for (path, text) in &missing {
            write(&root.join(path), text).map_err(|error| {
                Failure::failed(format!("cannot write `{}`: {error}", root.join(path).display()))
            })?;
        }
    }
    let next: Vec<String> =
        NEXT.iter().map(|command| format!("{command} {}", quoted(root))).collect();
    let top = repository_above(root);
    let written: Vec<_> = missing.iter().map(|(path, _)| path.as_str()).collect();
    match output.format {
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "init",
            "result": Exit::Ok.word(),
            "directory": root.display().to_string(),
            "written": !args.dry_run,
            "files": written,
            "existing": existing,
            "next": next,
            "moveCiTo": top.as_ref().map(|top| top.display().to_string()),
        }))?,
        Format::Human | Format::Markdown => {
            let folder = if root == Path::new(".") { Path::new("") } else { root };
            let lines = written.iter().map(|path| folder.join(path).display().to_string());
            let lines = lines.map(|path| format!("{}\n", visible(&path)));
            output.data(&lines.collect::<String>())?;
            output.say(&words(args, &existing, &next));
            if let Some(top) = top {
                output.say(&advice(root, &top));
            }
        }
    }
    Ok(Exit::Ok)
}

/// Every file with its text, sorted by path.
fn files() -> Vec<(String, String)> {
    let schemas = schema::published().into_iter().filter(|(name, _)| name == PUBLISHED);
    let schema = schemas.map(|(_, schema)| (SCHEMA.to_owned(), format!("{schema:#}\n")));
    let plain = FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let mut files: Vec<_> = plain.chain(schema).collect();
    files.sort();
    files
}

/// Whether a file exists already. A link, or something else than a folder on the way to it, is
/// refused: what is written there would land elsewhere, or nowhere.
fn stands(root: &Path, path: &str) -> Result<bool, Failure> {
    let below = Path::new(path).ancestors().collect::<Vec<_>>();
    for part in below.into_iter().rev() {
        // Of `.` and the like the folder itself is meant.
        let at = if part.as_os_str().is_empty() { root.to_owned() } else { root.join(part) };
        let metadata = match fs::symlink_metadata(&at) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                return Err(Failure::failed(format!("cannot look at `{}`: {error}", at.display())));
            }
        };
        let is_file = part == Path::new(path);
        if metadata.is_symlink() || (!is_file && !metadata.is_dir()) {
            let what = if metadata.is_symlink() { "a symbolic link" } else { "not a directory" };
            let failure =
                Failure::failed(format!("`{}` is {what}; nothing was written", at.display()));
            return Err(failure.help("give a directory of its own for the new repository"));
        }
    }
    Ok(true)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Only a file that is not there: another one that came up meanwhile stays.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

fn words(args: &Args, existing: &[&str], next: &[String]) -> String {
    let mut words = String::new();
    if !existing.is_empty() {
        writeln!(words, "left as it is: {}", existing.join(", ")).ok();
    }
    if args.dry_run {
        words.push_str("nothing was written (--dry-run)\n");
        return words;
    }
    words.push_str("\nTry next:\n");
    for command in next {
        writeln!(words, "  {command}").ok();
    }
    words
}

/// The top of the git repository that the new one would lie in.
fn repository_above(root: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(root).or_else(|_| std::path::absolute(root)).ok()?;
    let top = paths::repository_of(&folder)?;
    (top != folder).then_some(top)
}

/// What CI needs where the folder is not the top of its repository.
fn advice(root: &Path, top: &Path) -> String {
    let (from, to) = (root.display().to_string(), top.display().to_string());
    format!(
        "\nThis is inside the git repository {}, and CI reads its files at the top only: move .github/ and\n\
         .gitlab-ci.yml there from {}, and give the folder in their commands in the place of `.`\n",
        visible(&to),
        visible(&from)
    )
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    // What begins with a hyphen would be an option.
    let option = path.to_string_lossy().starts_with('-');
    let path = if option { Path::new(".").join(path) } else { path.to_owned() };
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    if matches!(visible(&text), Cow::Borrowed(_)) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    // What would steer the terminal, as bash, zsh and ksh read it.
    let escaped = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if matches!(visible(c.encode_utf8(&mut [0; 4])), Cow::Owned(_)) => {
            format!("\\U{:08x}", u32::from(c))
        }
        c => c.to_string(),
    };
    format!("$'{}'", text.chars().map(escaped).collect::<String>())
}
