//! The fences of Markdown around a manifest: lines of three backticks, which are no YAML wherever they
//! stand at the beginning of a line.

use std::ops::Range;

use crate::diag::{Code, Diagnostic, Span};

/// What is told of a fence.
pub const FENCE: &str = "a fence of Markdown stands in the file";

const MARK: &str = "```";

pub(super) fn tell(span: Span) -> Diagnostic {
    let help = "remove the lines that begin with three backticks, and what stands around them";
    Diagnostic::new(Code::TL001, FENCE).at(span).help(help)
}

/// A text whose fences are comments, with what stands outside of them, and the place of the first one;
/// `None` without one. No byte moves.
pub(super) fn without(text: &str) -> Option<(String, Range<usize>)> {
    let is_fence = |line: &str| line.starts_with(MARK);
    if !text.lines().any(is_fence) {
        return None;
    }
    let quiet = |line: &str| line.trim().is_empty() || line.starts_with('#');
    let mut before = text.lines().take_while(|line| !is_fence(line));
    let mut opener = text.lines().filter(|line| is_fence(line));
    // A fence that says what stands in it begins that.
    let names = opener.next().is_some_and(|line| !line.trim_matches(['`', ' ']).is_empty());
    let mut inside = !names && !before.all(quiet);
    let mut first = None;
    let (mut plain, mut start) = (String::with_capacity(text.len()), 0);
    for line in text.split_inclusive('\n') {
        if is_fence(line) {
            first = first.or_else(|| Some(start..start + line.trim_end().len()));
            inside = !inside;
        }
        match line.chars().next().filter(|_| is_fence(line) || !inside && !quiet(line)) {
            Some(c) => {
                plain.push('#');
                plain.extend(std::iter::repeat_n(' ', c.len_utf8() - 1));
                plain.push_str(line.get(c.len_utf8()..).unwrap_or_default());
            }
            None => plain.push_str(line),
        }
        start += line.len();
    }
    first.map(|first| (plain, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_and_what_is_outside_become_comments() {
        let plain = |text: &str| without(text).map(|(text, at)| (text, at.start, at.end));
        for (text, meant, start, end) in [
            ("```yaml\na: 1\n```\n", "#``yaml\na: 1\n#``\n", 0, 7),
            ("```\na: 1\n", "#``\na: 1\n", 0, 3),
            ("é: so\n\n```yaml\na: 1\n", "# : so\n\n#``yaml\na: 1\n", 8, 15),
            ("---\na: 1\n```\nmore: so\n", "---\na: 1\n#``\n#ore: so\n", 9, 12),
        ] {
            assert_eq!(plain(text), Some((meant.to_owned(), start, end)), "{text}");
        }
        assert_eq!(plain("a: |\n  ```\n"), None);
    }
}
