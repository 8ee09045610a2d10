//! The lines of a document as they stand, and as they are written.

use std::borrow::Cow;

/// Columns between a line and what belongs to it.
pub(super) const STEP: usize = 2;

/// A line to write. Without text it is blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Blanks before it.
    pub(super) indent: usize,
    /// The rest of it.
    pub(super) text: Cow<'a, str>,
}

impl<'a> Line<'a> {
    pub(super) fn new(indent: usize, text: impl Into<Cow<'a, str>>) -> Self {
        Self { indent, text: text.into() }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// The lines of a document, each with where it begins.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let starts = [0].into_iter().chain(ends).filter(|start| *start < text.len()).collect();
        Self { text, starts }
    }

    /// How many lines there are.
    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// Where a line begins.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// A line without its end; nothing behind the last.
    pub(super) fn line(&self, line: usize) -> &'a str {
        let text = self.text.get(self.start(line)..self.start(line + 1)).unwrap_or_default();
        text.strip_suffix('\n').unwrap_or(text)
    }

    /// The line that a byte stands in.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// The text between two bytes.
    pub(super) fn slice(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text.get(start..end)
    }

    /// What stands before a byte on its line.
    pub(super) fn before(&self, byte: usize) -> Option<&'a str> {
        self.text.get(self.start(self.line_of(byte))..byte)
    }

    /// What follows a byte on its line.
    pub(super) fn after(&self, byte: usize) -> Option<&'a str> {
        let text = self.text.get(byte..self.start(self.line_of(byte) + 1))?;
        Some(text.strip_suffix('\n').unwrap_or(text))
    }
}

/// What the line between two values is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    Blank,
    /// A comment, in this column.
    Comment(usize),
    /// Something else.
    Other(usize),
}

impl Between {
    pub(super) fn of(line: &str) -> Self {
        let column = spaces(line);
        match line.trim_start_matches([' ', '\t']).chars().next() {
            None => Self::Blank,
            Some('#') => Self::Comment(column),
            Some(_) => Self::Other(column),
        }
    }
}

/// Spaces at the beginning of a line.
pub(super) fn spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// A line without blanks at its end, unless an escape in a quoted text holds them there.
pub(super) fn trimmed(line: &str) -> &str {
    let short = line.trim_end_matches([' ', '\t']);
    if short.ends_with('\\') { line } else { short }
}

/// Blank lines in a row become one; at the beginning there is none.
pub(super) fn single_blanks(lines: &mut Vec<Line<'_>>, at_start: bool) {
    let mut blank = at_start;
    lines.retain(|line| {
        let again = blank && line.is_blank();
        blank = line.is_blank();
        !again
    });
}
