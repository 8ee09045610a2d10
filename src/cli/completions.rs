//! `trunkline completions`: what a shell needs to complete our commands.

use clap::Command;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use serde_json::json;

use super::{Exit, FORMAT_VERSION, Failure, Format, Output, sink};
use crate::diag::{Code, Severity};
use crate::model::{Kind, brand_labels};

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trunkline completions bash > ~/.local/share/bash-completion/completions/trunkline\n  \
    trunkline completions fish > ~/.config/fish/completions/trunkline.fish\n  \
    trunkline completions zsh > \"${fpath[1]}/_trunkline\"")]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: Command, output: Output) -> Result<Exit, Failure> {
    command = with_values(command);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "trunkline", &mut script);
    let script = String::from_utf8_lossy(&script);
    match output.format {
        Format::Human | Format::Markdown => output.data(&script)?,
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "completions",
            "result": Exit::Ok.word(),
            "shell": args.shell.to_string(),
            "script": script,
        }))?,
    }
    Ok(Exit::Ok)
}

/// The command with the words that its values are of, which only completion needs: what reads them has
/// better answers to others.
fn with_values(command: Command) -> Command {
    let kinds = || Kind::ALL.iter().map(|kind| kind.as_str());
    let codes = || Code::ALL.iter().map(|code| code.as_str());
    let warnings = Code::ALL.iter().filter(|code| code.severity() == Severity::Warning);
    let warnings = warnings.map(|code| code.as_str()).collect();
    let of = |command: Command, argument: &'static str, words: Vec<&'static str>| {
        command.mut_arg(argument, |arg| arg.value_parser(PossibleValuesParser::new(words)))
    };
    of(command, "output", sink::words().collect())
        .mut_subcommand("validate", |verb| of(verb, "allow", warnings))
        .mut_subcommand("schema", |verb| {
            of(verb, "kind", ["any"].into_iter().chain(kinds()).collect())
        })
        .mut_subcommand("explain", |verb| {
            let verb = of(verb, "topic", kinds().chain(codes()).collect());
            of(verb, "brand", brand_labels().iter().map(String::as_str).collect())
        })
}
