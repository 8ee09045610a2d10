//! Cuts a file at its `---` lines, so that one broken document does not hide the ones after it.

/// A part of a file that the parser reads on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Where it begins in the file, in bytes.
    pub offset: usize,
    /// Its text.
    pub text: &'a str,
}

/// The parts of a file. `---` at the beginning of a line always begins a document, whatever stands
/// around it (YAML 1.2.2 section 9.1.2); directives stay with the document that follows them.
pub fn split(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut start = 0;
    let mut first = true;
    for at in memchr::memmem::find_iter(text.as_bytes(), "---") {
        let (Some(before), Some(line)) = (text.get(..at), text.get(at..)) else { continue };
        let begins_line = before.is_empty() || before.ends_with(['\n', '\r']);
        if !begins_line || !is_marker(line, "---") {
            continue;
        }
        if !first || !before.split(['\n', '\r']).all(is_prefix) {
            let cut = start + directives(text.get(start..at).unwrap_or_default());
            segments.extend(segment(text, start, cut));
            start = cut;
        }
        first = false;
    }
    segments.extend(segment(text, start, text.len()));
    segments
}

fn segment(text: &str, start: usize, end: usize) -> Option<Segment<'_>> {
    text.get(start..end).filter(|text| !text.is_empty()).map(|text| Segment { offset: start, text })
}

fn is_marker(line: &str, marker: &str) -> bool {
    let rest = line.strip_prefix(marker);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Where the directives begin at the end of a document's text: behind a line `...`, with nothing but
/// comments beside them (YAML 1.2.2 section 9.2). Without any, its end.
fn directives(text: &str) -> usize {
    let mut begin = text.len();
    let mut has_any = false;
    for line in text.split_inclusive('\n').rev() {
        if is_marker(line, "...") {
            return if has_any { begin } else { text.len() };
        }
        if !is_prefix(line) {
            break;
        }
        has_any |= line.starts_with('%');
        begin -= line.len();
    }
    text.len()
}

/// Whether a line may stand before the `---` of the document that it belongs to.
fn is_prefix(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    line.is_empty() || line.starts_with(['#', '%'])
}

/// The first character that no text file holds, with its offset. The parser would take some of
/// them for the end of the input.
pub(super) fn control_character(text: &str) -> Option<(usize, char)> {
    let suspect =
        |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    let at = text.bytes().position(suspect)?;
    text.get(at..)?.chars().next().map(|found| (at, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_at_their_markers() {
        let texts = |text| split(text).iter().map(|part| part.text).collect::<Vec<_>>();
        assert_eq!(texts("a: 1\n---\nb: 2\n"), ["a: 1\n", "---\nb: 2\n"]);
        assert_eq!(texts("# head\n%YAML 1.2\n---\na: 1\n"), ["# head\n%YAML 1.2\n---\na: 1\n"]);
        assert_eq!(texts("---\n---\n"), ["---\n", "---\n"]);
        assert_eq!(texts("a: |\n  ---\n---x: 1\n"), ["a: |\n  ---\n---x: 1\n"]);
        assert_eq!(
            texts("a: 1\n...\n# b\n%YAML 1.2\n---\n"),
            ["a: 1\n...\n", "# b\n%YAML 1.2\n---\n"]
        );
        assert_eq!(texts("a: 1\n...\n# b\n---\n"), ["a: 1\n...\n# b\n", "---\n"]);
        assert_eq!(texts("a: |\n  x\n%YAML 1.2\n---\n"), ["a: |\n  x\n%YAML 1.2\n", "---\n"]);
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(split("a: 1\r\n--- # x\r\nb: 2").last().unwrap().offset, 6);
    }

    #[test]
    fn control_characters_are_found() {
        assert_eq!(control_character("a\tb\r\nc"), None);
        assert_eq!(control_character("é\0"), Some((2, '\0')));
    }
}
