//! Runs the validators on spanned trees.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::json::Tree;
use super::pairs::Pairs;
use super::{forms, generate, tidy, words};
use crate::diag::{Code, Diagnostic};
use crate::manifest::node::Node;
use crate::model::Kind;

/// Faults told for one document; further ones show when these are mended.
const MAX_FAULTS: usize = 1000;

/// Findings looked at in one document.
const MAX_FINDINGS: usize = 1000;

/// The schema of a kind, compiled.
pub(super) struct Compiled {
    pub(super) schema: Value,
    pub(super) validator: Validator<Tree>,
}

static COMPILED: [OnceLock<Compiled>; Kind::ALL.len()] =
    [const { OnceLock::new() }; Kind::ALL.len()];

/// The schema of a kind; compiled when it is first asked for, which costs more than many documents.
pub(super) fn compiled(kind: Kind) -> Option<&'static Compiled> {
    Some(COMPILED.get(kind as usize)?.get_or_init(|| compile(kind)))
}

fn compile(kind: Kind) -> Compiled {
    let mut schema = generate::kind_schema(kind);
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
    Compiled { schema, validator }
}

/// What is added to the help about a block with a secret that everybody can read.
pub(in crate::manifest) const LEAKED: &str =
    "; the plain secret in it is known to everybody who can read this: change it";

/// What the schema of a kind finds wrong with a document.
pub(in crate::manifest) fn check(kind: Kind, document: &Node) -> Vec<Diagnostic> {
    let Some(compiled) = compiled(kind) else { return Vec::new() };
    // The usual case allocates nothing.
    if compiled.validator.is_valid(document) {
        return Vec::new();
    }
    let errors: Vec<_> = compiled.validator.iter_errors(document).take(MAX_FINDINGS).collect();
    // A block that does not belong here is one mistake, whatever stands in it.
    let foreign: Vec<&str> = errors
        .iter()
        .filter(|error| matches!(error.kind(), ValidationErrorKind::FalseSchema))
        .map(|error| error.instance_path().as_str())
        .collect();
    let schema = &compiled.schema;
    let places = errors.iter().map(|error| {
        let (pointer, keyword) = (error.instance_path().as_str(), error.schema_path().as_str());
        (words::Place { kind, document, schema, pointer, keyword }, error.kind())
    });
    let places: Vec<_> = places.collect();
    let pairs = Pairs::of(document, &places);
    let (mut found, mut leaked) = (Vec::new(), BTreeSet::new());
    for (place, finding) in &places {
        let told = words::tell(place, finding, &pairs);
        let pointer = place.pointer;
        match foreign.iter().find(|block| is_inside(pointer, block)) {
            None => found.extend(told),
            // But a secret that everybody can read has to be changed, also where it is removed.
            Some(block) if told.iter().any(|one| one.code == Code::TL701) => {
                leaked.insert((*block).to_owned());
            }
            Some(_) => {}
        }
        if found.len() >= MAX_FAULTS {
            break;
        }
    }
    for block in leaked {
        let span = document.nearest_key_span(&block);
        let told = found.iter_mut().filter(|one| one.code == Code::TL107 && one.span == Some(span));
        for help in told.filter_map(|one| one.help.as_mut()) {
            help.push_str(LEAKED);
        }
    }
    words::one_each(&mut found);
    found
}

/// Whether a JSON pointer is below another one.
fn is_inside(pointer: &str, block: &str) -> bool {
    pointer.strip_prefix(block).is_some_and(|rest| rest.starts_with('/'))
}
