//! Telephone numbers as written, checked before anything else looks at them (TL302, TL303): the
//! exact item is shown, and what a person would write instead.

use super::node::{Node, Value};
use crate::diag::{Code, Diagnostic, Span};
use crate::model::Kind;
use crate::model::value::{LeadingPrefix, NumberRange};

/// How strict a field is about the first digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A number of the telephone network: country code first, no `+`, `0` or `00`.
    Did,
    /// A number inside the tenant: any digits.
    Internal,
}

/// What a field may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A list, or one text with `;` between the items.
    Items,
    /// One number or one range.
    One,
    /// One number, one range or `*`.
    OneOrAny,
}

/// Every field of numbers: kind, place, rule, shape.
const FIELDS: &[(Kind, &str, Rule, Shape)] = &[
    (Kind::DidPool, "/spec/numbers", Rule::Did, Shape::Items),
    (Kind::InboundRule, "/spec/did", Rule::Did, Shape::OneOrAny),
    (Kind::InboundRule, "/spec/destination/extension", Rule::Internal, Shape::One),
    (Kind::Extension, "/spec/numbers", Rule::Internal, Shape::One),
];

/// What is wrong with the numbers of a document. `source` is the text of its file.
pub(super) fn check(kind: Kind, document: &Node, source: &str) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (field_kind, pointer, rule, shape) in FIELDS {
        if *field_kind == kind
            && let Some(node) = document.pointer(pointer)
        {
            field(node, *rule, *shape, source, &mut diagnostics);
        }
    }
    diagnostics
}

fn field(node: &Node, rule: Rule, shape: Shape, source: &str, found: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Sequence(items) if shape == Shape::Items => {
            for node in items {
                let Some(text) = node.text() else { continue };
                found.extend(item(text, rule, inner_span(node, text, source, 0..text.len())));
            }
        }
        // What is not a text at all is the schema's business.
        Value::Sequence(_) | Value::Mapping(_) => {}
        Value::Scalar(_) => {
            let Some(text) = node.text() else { return };
            if shape == Shape::OneOrAny && text == "*" {
                return;
            }
            let separator = if shape == Shape::Items { ';' } else { '\0' };
            for (part, span) in parts(node, text, separator, source) {
                found.extend(item(part, rule, span));
            }
        }
    }
}

/// The parts of a scalar's text between separators, without the blanks around them, each with its
/// place.
fn parts<'a>(
    node: &'a Node,
    text: &'a str,
    separator: char,
    source: &'a str,
) -> impl Iterator<Item = (&'a str, Span)> {
    let mut start = 0;
    text.split(separator).map(move |part| {
        let from = start + part.len() - part.trim_start().len();
        start += part.len() + separator.len_utf8();
        let bare = part.trim();
        (bare, inner_span(node, text, source, from..from + bare.len()))
    })
}

/// The place of an item of a list of numbers, in either of its written forms.
pub(crate) fn item_span(numbers: &Node, index: usize, source: &str) -> Span {
    match &numbers.value {
        Value::Sequence(items) => items.get(index).map_or(numbers.span, |item| item.span),
        Value::Mapping(_) => numbers.span,
        Value::Scalar(scalar) => {
            let mut parts = parts(numbers, &scalar.text, ';', source);
            parts.nth(index).map_or(numbers.span, |(_, span)| span)
        }
    }
}

/// The place of a part of a scalar's text, if the text stands in the file as it is.
fn inner_span(node: &Node, text: &str, source: &str, part: std::ops::Range<usize>) -> Span {
    let Span { file, start, end } = node.span;
    let written = source.get(start as usize..end as usize).unwrap_or_default();
    let quote = usize::from(written.starts_with(['"', '\'']));
    if written.get(quote..written.len().saturating_sub(quote)) != Some(text) || part.is_empty() {
        return node.span;
    }
    let byte = |at: usize| start.saturating_add(u32::try_from(quote + at).unwrap_or(u32::MAX));
    Span { file, start: byte(part.start), end: byte(part.end) }
}

fn item(text: &str, rule: Rule, span: Span) -> Option<Diagnostic> {
    let ends = text.split(['-', '\u{2013}', '\u{2212}']).map(str::trim);
    let prefix = ends.clone().find_map(LeadingPrefix::of);
    if let Some(prefix) = prefix.filter(|_| rule == Rule::Did) {
        let message = format!("`{}` begins with `{}`", super::yaml::shown(text), prefix.as_str());
        let fixed: Vec<String> = ends.map(|end| fixed(end, prefix)).collect();
        let help = format!("write `{}`: a number begins with its country code", fixed.join("-"));
        return Some(Diagnostic::new(Code::TL302, message).at(span).help(help));
    }
    let error = text.parse::<NumberRange>().err()?;
    let message = format!("`{}` is not a number or range: {error}", super::yaml::shown(text));
    let help = match rule {
        Rule::Did => {
            "write one number like `442079460000`, or a range like `442079460000-442079460099`"
        }
        Rule::Internal => "write one number like `1000`, or a range like `1000-1019`",
    };
    Some(Diagnostic::new(Code::TL303, message).at(span).help(help))
}

/// One end of a range as it should be written.
fn fixed(end: &str, prefix: LeadingPrefix) -> String {
    let digits: String = end.chars().filter(char::is_ascii_digit).collect();
    let bare = digits.trim_start_matches('0');
    match prefix {
        LeadingPrefix::Plus | LeadingPrefix::DoubleZero => bare.to_owned(),
        LeadingPrefix::Zero => format!("<country code>{bare}"),
    }
}
