//! `trunkline completions`: what a shell needs to complete our commands.

use clap_complete::Shell;
use serde_json::json;

use super::{Exit, FORMAT_VERSION, Failure, Format, Output};

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

pub(super) fn run(
    args: &Args,
    mut command: clap::Command,
    output: Output,
) -> Result<Exit, Failure> {
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
