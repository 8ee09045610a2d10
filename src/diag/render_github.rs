//! Diagnostics as workflow commands, which GitHub shows beside the lines of a pull request.

use std::fmt::Write;

use super::render_text::{first_of_each, more_of};
use super::visible::{is_unseen, spelled};
use super::{Code, Diagnostic, Severity, SourceMap, Span, more_places};

/// One command per diagnostic, with its first other places and how many more there are: an annotation
/// is read by a person. Of each code the first ones are told, and how many more there are. `prefix` stands
/// before each path, because GitHub looks for files from the root of the repository.
pub fn render_github(diagnostics: &[Diagnostic], sources: &SourceMap, prefix: &str) -> String {
    let mut text = String::new();
    let (shown, more) = first_of_each(diagnostics);
    for one in shown {
        let command = command(one.code);
        let place = one.span.map(|span| place(span, sources, prefix)).unwrap_or_default();
        let message = escaped(&message(one, sources, prefix), false);
        let line = writeln!(text, "::{command} {place}title={}::{message}", one.code);
        line.expect("writing to a string cannot fail");
    }
    for (code, more) in more {
        let message = escaped(&more_of(code, more), false);
        let line = writeln!(text, "::{} title={code}::{message}", command(code));
        line.expect("writing to a string cannot fail");
    }
    text
}

fn command(code: Code) -> &'static str {
    match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `file=…,line=…,` and so on, with the comma at the end.
fn place(span: Span, sources: &SourceMap, prefix: &str) -> String {
    let file = escaped(&format!("{prefix}{}", sources.path(span.file)), true);
    let (start, end) = (sources.start(span), sources.end(span));
    // The runner refuses columns of a place of several lines.
    if start.line == end.line {
        let (line, first, last) = (start.line, start.column, end.column);
        format!("file={file},line={line},col={first},endLine={line},endColumn={last},")
    } else {
        format!("file={file},line={},endLine={},", start.line, end.line)
    }
}

fn message(one: &Diagnostic, sources: &SourceMap, prefix: &str) -> String {
    let mut text = one.message.clone();
    let (shown, more) = one.first_places();
    for other in shown {
        text.push('\n');
        if let Some(span) = other.span {
            text.push_str(prefix);
            text.push_str(&sources.file_line(span));
            text.push_str(": ");
        }
        text.push_str(&other.message);
    }
    if more > 0 {
        text.extend(["\n", &more_places(more)]);
    }
    if let Some(help) = &one.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    text
}

/// What the runner decodes again: `%`, line ends, and in a property also `:` and `,`. Other characters
/// that are not seen are spelled out: a job's log is read on terminals.
fn escaped(text: &str, property: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if property => out.push_str("%3A"),
            ',' if property => out.push_str("%2C"),
            other if is_unseen(other) => out.push_str(&spelled(other)),
            other => out.push(other),
        }
    }
    out
}
