//! Diagnostics as a SARIF 2.1.0 log, for code scanning and editors.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Code, Diagnostic, Severity, SourceMap, Span};

/// The base that relative paths are relative to: where the command ran.
const BASE: &str = "%SRCROOT%";

/// The whole log, one run. `prefix` stands before each path, so that a reader finds the file from
/// the root of the repository and not from that of the manifests.
///
/// Braces and brackets of messages stay as they are: no reader substitutes without `arguments`,
/// and doubled ones would be shown doubled.
pub fn render_sarif(diagnostics: &[Diagnostic], sources: &SourceMap, prefix: &str) -> Value {
    let rules: Vec<_> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let view = View { sources, prefix };
    let results: Vec<_> = diagnostics.iter().map(|one| view.result(one)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "trunkline",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "originalUriBaseIds": {
                BASE: {"description": {"text": "the folder in which trunkline ran"}},
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.summary()},
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

#[derive(Clone, Copy)]
struct View<'a> {
    sources: &'a SourceMap,
    prefix: &'a str,
}

impl View<'_> {
    fn result(self, one: &Diagnostic) -> Value {
        let mut text = one.message.clone();
        let mut related = Vec::new();
        for other in &one.related {
            match other.span {
                Some(span) => related.push(json!({
                    "id": related.len() + 1,
                    "message": {"text": other.message},
                    "physicalLocation": self.location(span),
                })),
                None => {
                    text.push('\n');
                    text.push_str(&other.message);
                }
            }
        }
        if let Some(help) = &one.help {
            text.push_str("\nhelp: ");
            text.push_str(help);
        }
        let places: Vec<_> =
            one.span.iter().map(|span| json!({"physicalLocation": self.location(*span)})).collect();
        let mut result = json!({
            "ruleId": one.code.as_str(),
            "ruleIndex": Code::ALL.iter().position(|code| *code == one.code),
            "level": level(one.severity()),
            "message": {"text": text},
            "locations": places,
            "relatedLocations": related,
        });
        if let (Some(resource), Some(object)) = (&one.resource, result.as_object_mut()) {
            object.insert("properties".to_owned(), json!({"resource": resource}));
        }
        result
    }

    fn location(self, span: Span) -> Value {
        let (start, end) = (self.sources.start(span), self.sources.end(span));
        let path = format!("{}{}", self.prefix, self.sources.path(span.file));
        // An absolute path belongs to no base, and stdin is no file.
        let artifact = if self.sources.path(span.file) == "-" {
            json!({"uri": "stdin:", "description": {"text": "standard input"}})
        } else if path.starts_with('/') {
            json!({"uri": format!("file://{}", uri_path(&path))})
        } else {
            json!({"uri": uri_path(&path), "uriBaseId": BASE})
        };
        json!({
            "artifactLocation": artifact,
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        })
    }
}

/// A path as RFC 3986 writes it: everything but unreserved characters and `/` is percent-encoded,
/// so that a colon begins no scheme and a `?` no query.
fn uri_path(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    uri
}
