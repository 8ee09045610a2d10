//! `trunkline version`: which build this is.

use serde_json::json;

use super::{Exit, FORMAT_VERSION, Failure, Format, Output};
use crate::model::API_VERSION;

/// Say which version this is, and which manifests it reads.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trunkline version\n  trunkline version -o json")]
pub(super) struct Args {}

pub(super) fn run(_: &Args, output: Output) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match output.format {
        Format::Json => output.json(&json!({
            "formatVersion": FORMAT_VERSION,
            "command": "version",
            "result": Exit::Ok.word(),
            "version": version,
            "apiVersions": [API_VERSION],
        }))?,
        Format::Human | Format::Markdown => {
            output.data(&format!("trunkline {version}, reads {API_VERSION}\n"))?;
        }
    }
    Ok(Exit::Ok)
}
