//! Lines that are meant as the `---` between two documents and are not: a dash too few or too many, or
//! the dashes of a word processor.

use std::ops::Range;

use super::yaml::{Parsed, Segment, parse_segment};
use crate::diag::{Code, Diagnostic, FileId, Span};

/// A segment of a file, cut at such lines.
#[derive(Debug, Default)]
pub struct Cut<'t> {
    /// What is told of each of the lines.
    pub told: Vec<Diagnostic>,
    /// What stands between them.
    pub parts: Vec<Segment<'t>>,
}

/// Cuts a segment at lines of dashes, which are no YAML, between what are documents. `None`: it has none.
pub fn cut(file: FileId, segment: Segment<'_>) -> Option<Cut<'_>> {
    let lines = torn(segment.text);
    if lines.is_empty() {
        return None;
    }
    // They may be lines of a text in quotes.
    let mut parsed = Parsed::default();
    parse_segment(file, segment, &mut parsed);
    if parsed.diagnostics.is_empty() {
        return None;
    }
    let mut cut = Cut::default();
    let part = |range: Range<usize>| {
        let text = segment.text.get(range.clone()).filter(|text| !text.trim().is_empty())?;
        Some(Segment { offset: segment.offset + range.start, text })
    };
    let byte = |at: usize| u32::try_from(segment.offset + at).unwrap_or(u32::MAX);
    let mut begin = 0;
    for line in lines {
        cut.parts.extend(part(begin..line.start));
        begin = line.end;
        let span = Span { file, start: byte(line.start), end: byte(line.end) };
        let message = "the line between two documents is not `---`";
        let told = Diagnostic::new(Code::TL001, message).at(span);
        cut.told.push(told.help("write `---`: three dashes, as the keyboard has them"));
    }
    cut.parts.extend(part(begin..segment.text.len()));
    Some(cut)
}

/// Where such lines stand: below a document, and above the first line of another one.
fn torn(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), 0);
    let (mut in_document, mut torn): (bool, Option<Range<usize>>) = (false, None);
    for line in text.split_inclusive('\n') {
        let begin = start;
        start += line.len();
        let bare = line.trim_end();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let begins = ["apiVersion:", "kind:"].iter().any(|key| bare.starts_with(key));
        if begins && let Some(line) = torn.take() {
            found.push(line);
        }
        in_document |= begins;
        torn = (in_document && is_torn(bare)).then(|| begin..begin + bare.len());
    }
    found
}

fn is_torn(line: &str) -> bool {
    let is_dash =
        |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}');
    line != "---" && line.chars().all(is_dash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_dashes_between_documents_are_found() {
        let a = "apiVersion: v\nkind: A\n";
        for (line, is_one) in [
            ("--", true),
            ("----", true),
            ("-", true),
            ("—-", true),
            ("–––", true),
            ("--  ", true),
            ("---", false),
            ("- -", false),
            (" --", false),
            ("===", false),
        ] {
            let text = format!("{a}{line}\n# b\n\n{a}");
            let expected = is_one.then(|| a.len()..a.len() + line.trim_end().len());
            assert_eq!(torn(&text), Vec::from_iter(expected), "{line}");
        }
        let others = [format!("--\n{a}"), format!("{a}--\n"), format!("{a}--\nspec: {{}}\n")];
        assert!(others.iter().all(|text| torn(text).is_empty()));
        assert_eq!(torn(&format!("{a}--\n--\n{a}--\n{a}")).len(), 2);
    }

    #[test]
    fn parts_stand_where_they_are_in_the_file() {
        let text = "kind: A\n--\nkind: B\n";
        let cut = cut(FileId(0), Segment { offset: 10, text }).unwrap();
        let parts: Vec<_> = cut.parts.iter().map(|part| (part.offset, part.text)).collect();
        assert_eq!(parts, [(10, "kind: A\n"), (20, "\nkind: B\n")]);
        assert_eq!(cut.told.len(), 1);
    }
}
