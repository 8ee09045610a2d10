//! `trunkline schema`: the JSON Schemas of the manifests, for editors and other validators.

use super::{Exit, Failure, Output};
use crate::manifest::{schema, suggest};
use crate::model::Kind;

/// Print the JSON Schema of a kind, or of any manifest.
///
/// Dialect 2020-12, self-contained. A text that YAML may take for a number has a union type: ajv compiles
/// the schemas under `strict: true` with `allowUnionTypes: true`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  trunkline schema > trunkline.schema.json\n  trunkline schema Trunk"
)]
pub(super) struct Args {
    /// The kind; absent: a schema for documents of every kind.
    kind: Option<String>,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let wanted = args.kind.as_deref().unwrap_or("any").to_lowercase();
    let schemas = schema::published();
    let name_of = |file: &str| file.strip_suffix(".schema.json").unwrap_or(file).to_owned();
    let found = schemas.iter().find(|(file, _)| name_of(file) == wanted);
    let Some((_, schema)) = found else {
        let names = ["any"].into_iter().chain(Kind::ALL.iter().map(|kind| kind.as_str()));
        let failure = Failure::usage(format!("there is no schema of `{wanted}`"));
        return Err(failure.help(match suggest::nearest(&wanted, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the schemas are {}", names.collect::<Vec<_>>().join(", ")),
        }));
    };
    output.json(schema)?;
    Ok(Exit::Ok)
}
