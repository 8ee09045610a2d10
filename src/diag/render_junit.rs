//! Diagnostics as JUnit XML: one suite per file, one failed case per problem.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::visible::{is_unseen, spelled};
use super::{Diagnostic, FileId, Severity, SourceMap};

/// The suite of problems that belong to no file.
const WHOLE_INPUT: &str = "(whole input)";

/// One suite per file of `sources` that was asked for, by its path, or has a problem, in their order; a
/// file without a problem is one passed case.
/// Warnings fail only when `deny_warnings`; otherwise their case passes and says so in its output.
/// `prefix` stands before each path.
pub fn render_junit(
    diagnostics: &[Diagnostic],
    sources: &SourceMap,
    prefix: &str,
    deny_warnings: bool,
    is_asked_for: impl Fn(&str) -> bool,
) -> String {
    let mut by_file: BTreeMap<Option<FileId>, Vec<&Diagnostic>> = BTreeMap::new();
    let files = (0..sources.len()).filter_map(|file| u32::try_from(file).ok().map(FileId));
    for file in files.filter(|file| is_asked_for(sources.path(*file))) {
        by_file.insert(Some(file), Vec::new());
    }
    for one in diagnostics {
        by_file.entry(one.span.map(|span| span.file)).or_default().push(one);
    }
    let view = View { sources, prefix, deny_warnings };
    let mut suites = String::new();
    let (mut tests, mut failures) = (0, 0);
    for (file, found) in &by_file {
        let name = match file {
            Some(file) => format!("{prefix}{}", sources.path(*file)),
            None => WHOLE_INPUT.to_owned(),
        };
        let failed = found.iter().filter(|one| fails(one, deny_warnings)).count();
        let cases = found.len().max(1);
        (tests, failures) = (tests + cases, failures + failed);
        put(
            &mut suites,
            format_args!(
                "  <testsuite name=\"{}\" tests=\"{cases}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">\n",
                escaped(&name),
            ),
        );
        if found.is_empty() {
            let case = "    <testcase name=\"valid\" classname=";
            put(&mut suites, format_args!("{case}\"{}\"/>\n", escaped(&name)));
        }
        for one in found {
            suites.push_str(&view.case(one, &name));
        }
        suites.push_str("  </testsuite>\n");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"trunkline validate\" \
         tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n{suites}</testsuites>\n"
    )
}

fn fails(one: &Diagnostic, deny_warnings: bool) -> bool {
    deny_warnings || one.severity() == Severity::Error
}

#[derive(Clone, Copy)]
struct View<'a> {
    sources: &'a SourceMap,
    prefix: &'a str,
    deny_warnings: bool,
}

impl View<'_> {
    fn case(self, one: &Diagnostic, file: &str) -> String {
        let Self { sources, prefix, deny_warnings } = self;
        let place = one.span.map(|span| sources.start(span));
        let at = place.map_or(String::new(), |at| format!(":{}:{}", at.line, at.column));
        let mut body = format!("{file}{at}: {}\n", one.message);
        for other in &one.related {
            match other.span {
                Some(span) => {
                    put(
                        &mut body,
                        format_args!("{prefix}{}: {}\n", sources.file_line(span), other.message),
                    );
                }
                None => put(&mut body, format_args!("{}\n", other.message)),
            }
        }
        if let Some(help) = &one.help {
            put(&mut body, format_args!("help: {help}\n"));
        }
        let code = one.code;
        let (message, body) = (escaped(&one.message), escaped(&body));
        let inner = if fails(one, deny_warnings) {
            format!("<failure type=\"{code}\" message=\"{message}\">{body}</failure>")
        } else {
            format!("<system-out>warning[{code}]: {body}</system-out>")
        };
        let name = escaped(&format!("{code}{at}"));
        let class = escaped(file);
        format!("    <testcase name=\"{name}\" classname=\"{class}\">{inner}</testcase>\n")
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}

/// Text for an attribute or an element. Line ends are references, because an attribute would turn
/// them into spaces; other characters that are not seen are spelled out, and the two non-characters are
/// left out, because XML 1.0 (section 2.2) knows no way to write them or advises against it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => {}
            other if is_unseen(other) => out.push_str(&escaped(&spelled(other))),
            other => out.push(other),
        }
    }
    out
}
