//! What is told of a document that is no YAML, or says a thing twice.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Field, Meaning, Scalar, Value};
use super::opened::{self, Opened};
use super::yaml::{Fatal, MAX_ALIAS_BYTES, MAX_ALIAS_NODES, MAX_DEPTH, MAX_FAULTS, shown_key};
use super::{misplaced, slips};
use crate::diag::{Code, Diagnostic, Span};

/// What the parser refuses at a place, in its words.
pub(super) fn syntax(
    text: &str,
    at: usize,
    info: &str,
    span: &dyn Fn(usize, usize) -> Span,
) -> Fatal {
    let message = format!("the file is not valid YAML: {info}");
    let told = Diagnostic::new(Code::TL001, message).at(span(at, at));
    if let Some(help) = slips::of_syntax(text, at) {
        return Box::new(told.help(help));
    }
    let told = match opened::before(text, at) {
        Some(Opened { at: begin, sign: sign @ ('"' | '\'') }) => told
            .related(span(begin, begin + 1), format!("the quote `{sign}` is opened here"))
            .help(format!("close the text with `{sign}` on the line on which it begins")),
        Some(Opened { at: begin, sign }) => {
            let end = if sign == '[' { ']' } else { '}' };
            told.related(span(begin, begin + 1), format!("`{sign}` is opened here"))
                .help(format!("close it with `{end}`"))
        }
        None => match opened::continued(text, at).filter(|begin| goes_on(text, *begin, info)) {
            Some(begin) => told
                .related(span(begin, begin + 1), "what stands here goes on in the lines below")
                .help(
                    "end the key with `: ` there, or write this line as far left as those beside it",
                ),
            None => told.help(of_line(text, at, info)),
        },
    };
    Box::new(told)
}

/// Whether the line above a fault, of which the content begins at a place, is what is wrong.
fn goes_on(text: &str, begin: usize, info: &str) -> bool {
    let line = || text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    info.starts_with("mapping values")
        || info.contains("expected key") && !line().contains(':') && !line().starts_with('-')
}

/// What to do where the mistake is on the line itself.
fn of_line(text: &str, at: usize, info: &str) -> String {
    let begin = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let before = text.get(begin..at).unwrap_or_default();
    if info.starts_with("unclosed quote") {
        let quote = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('"');
        return format!("close the text with `{quote}` at its end");
    }
    if info.starts_with("unclosed bracket") {
        let is_list = text.get(at..).is_some_and(|rest| rest.starts_with('['));
        return format!("close it with `{}`", if is_list { ']' } else { '}' });
    }
    if info.starts_with("mismatched bracket") {
        return "close `[` with `]`, and `{` with `}`".to_owned();
    }
    if info.starts_with("invalid trailing content") {
        return behind_quotes(text.get(at..).unwrap_or_default()).to_owned();
    }
    if info.contains("escape") || info.contains("surrogate") {
        return r"in double quotes `\` begins an escape: write `\\`, or put the text in single quotes"
            .to_owned();
    }
    if info.starts_with("comments must be separated") {
        return "put the whole text in quotes, or a blank before the `#` of a comment".to_owned();
    }
    let first = text.get(at..).and_then(|rest| rest.chars().next());
    let begins_value = before.trim_end().ends_with([':', '-', ',', '[', '{']);
    if first == Some(',') && before.trim_end().ends_with(',') {
        return "remove one of the two commas".to_owned();
    }
    if let Some(sign) = first.filter(|c| begins_value && "@`%|>,]}-&?".contains(*c)) {
        let sign = if sign == '`' { "a backtick".to_owned() } else { format!("`{sign}`") };
        return format!("a text that begins with {sign} stands in quotes");
    }
    if info.starts_with("mapping values")
        && let Some(key) = key_of_braces(before)
    {
        return format!("write `{key}: {{…}}`: behind the `:` of a key stands a blank");
    }
    if info.starts_with("mapping values") && before.contains(": ") {
        return "put a text with `: ` in quotes".to_owned();
    }
    "check indentation, colons, quotes and brackets on this line and those beside it".to_owned()
}

/// What to do with what stands behind a text in quotes.
fn behind_quotes(rest: &str) -> &'static str {
    let line = rest.lines().next().unwrap_or_default().trim_end();
    match line.chars().next() {
        Some(',' | ';') if line.len() == 1 => "remove what stands behind the quotes",
        Some('/') if line.starts_with("//") => "a comment begins with `#`, not with `//`",
        Some(']' | '}') if line.len() == 1 => {
            "no bracket is open here: open one, or remove this one"
        }
        Some('"' | '\'') => "put a comma between two items, and a text in one pair of quotes",
        _ => "put the whole text in one pair of quotes, without any inside",
    }
}

/// The key before a `{` without a colon or a blank between them, so that all of it is one text.
fn key_of_braces(line: &str) -> Option<&str> {
    let (key, _) = line.trim_start_matches([' ', '-']).split_once('{')?;
    let bare = key.trim_end();
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = bare.strip_suffix(':').filter(|_| bare.len() == key.len());
    Some(name.unwrap_or(bare)).filter(|name| is_word(name))
}

pub(super) fn too_deep(span: Span) -> Fatal {
    let message = format!("the document is nested over {MAX_DEPTH} levels");
    let help = "no manifest needs that many: check brackets, dashes and indentation";
    Box::new(Diagnostic::new(Code::TL003, message).at(span).help(help))
}

pub(super) fn over_budget(message: &str, span: Span) -> Fatal {
    let help = format!(
        "aliases may copy {MAX_ALIAS_NODES} values and {MAX_ALIAS_BYTES} bytes: write the values out"
    );
    Box::new(Diagnostic::new(Code::TL003, message).at(span).help(help))
}

/// What begins every document.
fn begins_document(field: &&Field) -> bool {
    &*field.key == "apiVersion"
}

/// Whether the fields are those of several documents.
pub(super) fn are_glued(fields: &[Field]) -> bool {
    fields.iter().filter(begins_document).count() > 1
}

/// Whether a key is nothing, the sign for that, or a collection, which has no name: `""` has one.
fn is_none(field: &Field) -> bool {
    let length = field.key_span.end - field.key_span.start;
    match &*field.key {
        "" => length != 2,
        "~" => length <= 1,
        _ => false,
    }
}

/// The keys that stand twice; `glued`: in several documents that were read as one.
pub(super) fn duplicates(fields: &[Field], glued: bool) -> Vec<Diagnostic> {
    // Where each key stands first, and the last field without a value before that.
    let mut first: BTreeMap<&str, (usize, Option<usize>)> = BTreeMap::new();
    let mut last_empty = None;
    let mut owners = BTreeSet::new();
    let mut told = Vec::new();
    for (at, field) in fields.iter().enumerate().filter(|(_, one)| !glued || begins_document(one)) {
        let before_it = last_empty;
        if is_empty(field) {
            last_empty = Some(at);
        }
        // A key that is none is told by itself.
        let other = first.get(&*field.key).copied().filter(|_| !is_none(field));
        let Some((before, other)) = other else {
            first.insert(&field.key, (at, before_it));
            continue;
        };
        if told.len() >= MAX_FAULTS {
            break;
        }
        let owner = before_it.filter(|owner| *owner > before && !glued);
        if let (Some(other), Some(owner)) = (other, owner) {
            // Both belong below an empty field, where they are no duplicates.
            for owner in [other, owner] {
                if owners.insert(owner) {
                    told.extend(not_indented(fields, owner));
                }
            }
            continue;
        }
        let message = format!("the key `{}` stands twice in this mapping", shown_key(&field.key));
        let place = fields.get(before).map(|field| field.key_span);
        let twice = Diagnostic::new(Code::TL002, message)
            .at(field.key_span)
            .related(place, "it stands here already");
        let owner = owner.and_then(|owner| fields.get(owner));
        told.push(match (glued, owner) {
            (true, _) => twice.help("if another document begins here, put a line `---` before it"),
            (false, None) => twice.help("keep one of the two"),
            (false, Some(owner)) => twice.help(format!(
                "keep one of the two; if it belongs below `{}:`, write it two blanks further right",
                shown_key(&owner.key)
            )),
        });
    }
    told
}

/// Whether a field has no value: what is not there has the place of its key.
fn is_empty(field: &Field) -> bool {
    let value = &field.value;
    let is_null = matches!(value.value, Value::Scalar(Scalar { meaning: Meaning::Null, .. }));
    is_null && value.span == field.key_span
}

/// As of fields that stand once.
fn not_indented(fields: &[Field], owner: usize) -> Option<Diagnostic> {
    let (owner, below) = (fields.get(owner)?, fields.get(owner + 1)?);
    Some(misplaced::not_indented(&shown_key(&owner.key), below, below.key_span))
}
