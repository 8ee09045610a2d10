//! Runs the validators on spanned trees.

use std::sync::LazyLock;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::json::Tree;
use super::{forms, generate, tidy, words};
use crate::diag::Diagnostic;
use crate::manifest::node::Node;
use crate::model::Kind;

/// Faults told for one document; further ones show when these are mended.
const MAX_FAULTS: usize = 100;

/// The schema of a kind, compiled.
struct Compiled {
    kind: Kind,
    schema: Value,
    validator: Validator<Tree>,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    Kind::ALL
        .iter()
        .map(|kind| {
            let mut schema = generate::kind_schema(*kind);
            tidy::forms_alone(&mut schema);
            let mut options = jsonschema::options_for::<Tree>()
                .with_draft(Draft::Draft202012)
                // Linear time: no pattern can be made to hang.
                .with_pattern_options(PatternOptions::regex())
                .should_validate_formats(true)
                .offline();
            for (form, predicate) in forms::predicates() {
                options = options.with_format(form, predicate);
            }
            // The schemas come from our own types; a test compiles each of them.
            let validator = options.build(&schema).expect("a generated schema compiles");
            Compiled { kind: *kind, schema, validator }
        })
        .collect()
});

/// What the schema of a kind finds wrong with a document.
pub(in crate::manifest) fn check(kind: Kind, document: &Node) -> Vec<Diagnostic> {
    let Some(compiled) = COMPILED.iter().find(|compiled| compiled.kind == kind) else {
        return Vec::new();
    };
    // The usual case allocates nothing.
    if compiled.validator.is_valid(document) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for error in compiled.validator.iter_errors(document) {
        let place = words::Place {
            kind,
            document,
            schema: &compiled.schema,
            pointer: error.instance_path().as_str(),
            keyword: error.schema_path().as_str(),
        };
        found.extend(words::tell(&place, error.kind()));
        if found.len() >= MAX_FAULTS {
            break;
        }
    }
    words::one_each(&mut found);
    found
}
