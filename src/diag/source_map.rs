//! Which bytes came from which file, and what line and column a byte is on.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::{hidden, visible};

/// A file of one [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one file, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place as a person reads it: both numbers begin at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

#[derive(Debug, Clone)]
struct SourceFile {
    path: Arc<str>,
    /// The path as a terminal may get it.
    shown: Arc<str>,
    text: Arc<str>,
    /// Found when a position is first asked for.
    line_starts: OnceLock<Vec<u32>>,
    /// Found when an excerpt is first shown.
    hidden: OnceLock<Vec<Range<usize>>>,
}

/// The texts of one input, each with its path relative to the root (`/` separators, `-` for stdin).
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file. A file that is not text is added with an empty text, so that it can be named.
    pub fn add(&mut self, path: &str, text: impl Into<Arc<str>>) -> FileId {
        let text: Arc<str> = text.into();
        let path: Arc<str> = path.into();
        let shown = match visible(&path) {
            Cow::Owned(shown) => shown.into(),
            Cow::Borrowed(_) => Arc::clone(&path),
        };
        let (line_starts, hidden) = (OnceLock::new(), OnceLock::new());
        self.files.push(SourceFile { path, shown, text, line_starts, hidden });
        FileId(offset(self.files.len() - 1))
    }

    /// The path of a file; `?` for a file of another map.
    pub fn path(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("?", |file| &file.path)
    }

    /// The path of a file for people: control characters, which a file name may hold, steer no
    /// terminal and break no line.
    pub fn shown_path(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("?", |file| &file.shown)
    }

    /// The text of a file; empty for a file of another map.
    pub fn text(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |file| &file.text)
    }

    /// The ranges of bytes of a file that nobody is shown, in order.
    pub(super) fn hidden(&self, file: FileId) -> &[Range<usize>] {
        let file = self.files.get(file.0 as usize);
        file.map_or(&[], |file| file.hidden.get_or_init(|| hidden::hidden(&file.text)))
    }

    /// Line and column of a byte; a byte past the end counts as the end.
    pub fn position(&self, file: FileId, byte: u32) -> Position {
        let Some(source) = self.files.get(file.0 as usize) else {
            return Position { line: 1, column: 1 };
        };
        let line_starts = source.line_starts.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', source.text.as_bytes());
            std::iter::once(0).chain(ends.map(|at| offset(at + 1))).collect()
        });
        let line = line_starts.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).and_then(|index| line_starts.get(index)).copied();
        let before = source.text.get(start.unwrap_or(0) as usize..byte as usize);
        let column = before.map_or(0, |text| text.chars().count());
        Position { line: offset(line), column: offset(column + 1) }
    }

    /// Where a span begins.
    pub fn start(&self, span: Span) -> Position {
        self.position(span.file, span.start)
    }

    /// Where a span ends (the position after its last character).
    pub fn end(&self, span: Span) -> Position {
        self.position(span.file, span.end)
    }

    /// `path:line`, as traces print it.
    pub fn file_line(&self, span: Span) -> String {
        format!("{}:{}", self.shown_path(span.file), self.start(span).line)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Files are at most 8 MiB, so every offset fits; a larger one saturates instead of wrapping.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_steers_no_terminal() {
        let mut map = SourceMap::default();
        let file = map.add("a\n\u{1b}[2J.yaml", "a: b\n");
        assert_eq!(map.path(file), "a\n\u{1b}[2J.yaml");
        assert_eq!(map.shown_path(file), "a␊␛[2J.yaml");
        let span = Span { file, start: 0, end: 1 };
        assert_eq!(map.file_line(span), "a␊␛[2J.yaml:1");
    }

    #[test]
    fn columns_count_characters_and_lines_begin_at_one() {
        let mut map = SourceMap::default();
        let file = map.add("a.yaml", "näme: x\nb: y\n");
        assert_eq!(map.position(file, 0), Position { line: 1, column: 1 });
        assert_eq!(map.position(file, 7), Position { line: 1, column: 7 });
        assert_eq!(map.position(file, 9), Position { line: 2, column: 1 });
        assert_eq!(map.position(file, 99), Position { line: 3, column: 1 });
    }
}
