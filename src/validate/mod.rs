//! Rules over whole trees: from files to [`Desired`], or to everything that is wrong with them.
#![deny(clippy::disallowed_methods)]

mod desired;
mod load;

use std::sync::Arc;

pub use desired::Desired;

use crate::diag::{Code, Diagnostic, Severity, SourceMap};
use crate::manifest::tree::SourceTree;
use crate::model::ResourceSet;

/// What the check of a tree came to.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The resources, if there is no error.
    pub desired: Option<Desired>,
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

/// Checks a tree: all problems of all files.
pub fn validate(tree: &SourceTree) -> Checked {
    let loaded = load::load(tree);
    let sources = Arc::new(loaded.sources);
    let mut diagnostics = loaded.diagnostics;
    if tree.files.is_empty() {
        diagnostics.push(no_manifests());
    }
    sort(&mut diagnostics);
    let errors = diagnostics.iter().filter(|one| one.severity() == Severity::Error).count();
    let summary = Summary {
        files: tree.files.len(),
        documents: loaded.documents.len(),
        errors,
        warnings: diagnostics.len() - errors,
    };
    Checked { desired: None, diagnostics, sources, summary }
}

/// The rules over more than one field, on a set whose files are not at hand.
pub fn check_resources(_resources: &ResourceSet) -> Vec<Diagnostic> {
    Vec::new()
}

fn no_manifests() -> Diagnostic {
    Diagnostic::new(Code::TL804, "no manifests found: there is no *.yaml or *.yml file here")
        .help("write a manifest, or give the directory that holds them")
}

fn sort(diagnostics: &mut [Diagnostic]) {
    let key = |one: &Diagnostic| (one.span.map(|span| (span.file, span.start)), one.code);
    diagnostics.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
}
