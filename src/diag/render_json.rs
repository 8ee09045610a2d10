//! Diagnostics as JSON values, in the form that `spec/cli.md` publishes.

use serde_json::{Value, json};

use super::{Diagnostic, Severity, SourceMap, Span};

/// The array under `diagnostics`. What is unknown (a fault of the whole input has no place) is
/// `null`, so that every object has the same keys.
pub fn render_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> Value {
    diagnostics.iter().map(|diagnostic| object(diagnostic, sources)).collect()
}

fn object(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let related = diagnostic.related.iter().map(|related| {
        let Place { file, line, column } = place(related.span, sources);
        json!({"file": file, "line": line, "column": column, "message": related.message})
    });
    let Place { file, line, column } = place(diagnostic.span, sources);
    let end = diagnostic.span.map(|span| sources.end(span));
    json!({
        "code": diagnostic.code.as_str(),
        "severity": severity,
        "message": diagnostic.message,
        "file": file,
        "line": line,
        "column": column,
        "endLine": end.map(|end| end.line),
        "endColumn": end.map(|end| end.column),
        "resource": diagnostic.resource,
        "help": diagnostic.help,
        "related": related.collect::<Vec<_>>(),
    })
}

struct Place<'a> {
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
}

fn place(span: Option<Span>, sources: &SourceMap) -> Place<'_> {
    let start = span.map(|span| sources.start(span));
    Place {
        file: span.map(|span| sources.path(span.file)),
        line: start.map(|start| start.line),
        column: start.map(|start| start.column),
    }
}
