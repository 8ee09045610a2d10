//! Rules over whole trees: from files to [`Desired`], or to everything that is wrong with them.
#![deny(clippy::disallowed_methods)]

mod context;
mod declared;
mod desired;
mod load;
mod rules;

use std::sync::Arc;

pub use desired::Desired;

use crate::diag::{Code, Diagnostic, Severity, SourceMap, Span};
use crate::manifest::decode::{Declares, Decoded, decode};
use crate::manifest::tree::SourceTree;
use crate::manifest::yaml::{Content, Document};
use crate::model::value::Date;
use crate::model::{ResourceId, ResourceSet};
use context::Context;
use declared::Declared;
use desired::Places;

/// What the check of a tree came to.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The resources, if there is no error.
    pub desired: Option<Desired>,
    /// Every resource that could be read, also beside errors: a proof of nothing.
    pub resources: Arc<ResourceSet>,
    /// Every problem, sorted by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: Arc<SourceMap>,
    /// How much was checked and found.
    pub summary: Summary,
}

/// The figures of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Manifest files.
    pub files: usize,
    /// Documents in them.
    pub documents: usize,
    /// Diagnostics that are errors.
    pub errors: usize,
    /// Diagnostics that are warnings.
    pub warnings: usize,
}

/// Checks a tree: all problems of all files, but for what depends on the day.
pub fn validate(tree: &SourceTree) -> Checked {
    validate_on(tree, None)
}

/// Checks a tree as of a day: presets of brands grow old (TL414).
pub fn validate_on(tree: &SourceTree, today: Option<Date>) -> Checked {
    let loaded = load::load(tree);
    let sources = Arc::new(loaded.sources);
    let documents = loaded.documents.len();
    let mut found = loaded.diagnostics;
    let mut declared = Declared::new(loaded.incomplete);
    let mut places = Places::new(Arc::clone(&sources));
    let mut resources = ResourceSet::default();
    for document in loaded.documents {
        let Decoded { declares, resource, diagnostics } =
            decode(&document, sources.text(document.span.file));
        found.extend(diagnostics);
        if let Declares::Resource(id) = &declares
            && let Some(first) = places.span(id, NAME)
        {
            found.push(twice(id, &document, first));
            continue;
        }
        if let (Declares::Resource(id), Content::Tree(node) | Content::Damaged(node)) =
            (&declares, document.content)
        {
            places.insert(id.clone(), node);
        }
        match resource {
            Some(resource) => drop(resources.insert(Arc::new(resource))),
            None => declared.refuse(declares),
        }
    }
    if documents == 0 && found.is_empty() {
        found.push(no_manifests(tree));
    }
    let mut context = Context::new(&resources, &declared, Some(&places));
    (context.rooted, context.today) = (tree.rooted, today);
    found.extend(context.check());
    sort(&mut found);
    let errors = found.iter().filter(|one| one.severity() == Severity::Error).count();
    let files = tree.files.len();
    let summary = Summary { files, documents, errors, warnings: found.len() - errors };
    let resources = Arc::new(resources);
    let desired = (errors == 0).then(|| Desired {
        resources: Arc::clone(&resources),
        sources: Arc::clone(&sources),
        places: Arc::new(places),
    });
    Checked { desired, resources, diagnostics: found, sources, summary }
}

/// The errors of a set whose files are not at hand, by the rules over more than one field: the
/// diagnostics have no places.
pub fn check_resources(resources: &ResourceSet) -> Vec<Diagnostic> {
    let mut found = Context::new(resources, &Declared::default(), None).check();
    found.retain(|one| one.severity() == Severity::Error);
    found
}

/// The field that shows where a resource is declared.
const NAME: &str = "/metadata/name";

fn twice(id: &ResourceId, document: &Document, first: Span) -> Diagnostic {
    let span = match &document.content {
        Content::Tree(node) | Content::Damaged(node) => node.nearest_span(NAME),
        Content::Broken(_) => document.span,
    };
    Diagnostic::new(Code::TL202, format!("{id} is declared twice"))
        .at(span)
        .of(id)
        .related(first, "it is declared here already")
        .help("give one of them another name, or remove it")
}

fn no_manifests(tree: &SourceTree) -> Diagnostic {
    let message = if tree.files.is_empty() {
        "no manifests found: there is no *.yaml or *.yml file here"
    } else {
        "no manifests found: the files hold no document"
    };
    Diagnostic::new(Code::TL804, message)
        .help("write a manifest, or give the directory that holds them")
}

fn sort(diagnostics: &mut [Diagnostic]) {
    let key = |one: &Diagnostic| (one.span.map(|span| (span.file, span.start)), one.code);
    diagnostics.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
}
