//! Diagnostics as JSON values, in the form that `spec/cli.md` publishes.

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Value, json};

use super::{Diagnostic, Severity, SourceMap, Span};

/// The array under `diagnostics` as a value, for few of them.
pub fn render_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> Value {
    diagnostics.iter().map(|diagnostic| json!(object(diagnostic, sources))).collect()
}

/// The array under `diagnostics`, written one after the other. What is unknown (a fault of the whole
/// input has no place) is `null`, so that every object has the same keys.
#[derive(Debug, Clone, Copy)]
pub struct JsonDiagnostics<'a> {
    /// What was found.
    pub diagnostics: &'a [Diagnostic],
    /// The texts that it points into.
    pub sources: &'a SourceMap,
}

impl Serialize for JsonDiagnostics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.diagnostics.len()))?;
        for diagnostic in self.diagnostics {
            list.serialize_element(&object(diagnostic, self.sources))?;
        }
        list.end()
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    code: &'static str,
    column: Option<u32>,
    end_column: Option<u32>,
    end_line: Option<u32>,
    file: Option<&'a str>,
    help: Option<&'a str>,
    line: Option<u32>,
    message: &'a str,
    related: Vec<Other<'a>>,
    resource: Option<&'a str>,
    severity: &'static str,
}

#[derive(serde::Serialize)]
struct Other<'a> {
    column: Option<u32>,
    file: Option<&'a str>,
    line: Option<u32>,
    message: &'a str,
}

fn object<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Object<'a> {
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let related = diagnostic.related.iter().map(|related| {
        let Place { file, line, column } = place(related.span, sources);
        Other { column, file, line, message: &related.message }
    });
    let Place { file, line, column } = place(diagnostic.span, sources);
    let end = diagnostic.span.map(|span| sources.end(span));
    Object {
        code: diagnostic.code.as_str(),
        column,
        end_column: end.map(|end| end.column),
        end_line: end.map(|end| end.line),
        file,
        help: diagnostic.help.as_deref(),
        line,
        message: &diagnostic.message,
        related: related.collect(),
        resource: diagnostic.resource.as_deref(),
        severity,
    }
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
