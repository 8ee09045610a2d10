//! Where a quote, a bracket or a text was opened that a fault of the YAML further below is about.

/// What was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    /// Where.
    pub at: usize,
    /// `"`, `'`, `[` or `{`.
    pub sign: char,
}

/// What was opened on a line above a place and not closed before it: a bracket, or a quote that ends
/// on the line of that place.
pub(super) fn before(text: &str, at: usize) -> Option<Opened> {
    let mut scan = Scan::default();
    let mut start = 0;
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        if start > at {
            break;
        }
        line_start = start;
        scan.line(line, start, at);
        start += line.len();
    }
    let open = scan.quote.or_else(|| scan.flow.last().copied()).or(scan.ended);
    open.filter(|one| one.at < line_start)
}

/// Where the line begins that the one of a place goes on, if nothing before that place says what it
/// is: the last one above it that is neither empty nor a comment.
pub(super) fn continued(text: &str, at: usize) -> Option<usize> {
    let begin = text.get(..at)?.rfind('\n')? + 1;
    if text.get(begin..at)?.contains(": ") {
        return None;
    }
    let mut end = begin;
    while let Some(above) = text.get(..end.checked_sub(1)?) {
        let start = above.rfind('\n').map_or(0, |end| end + 1);
        let line = above.get(start..)?;
        let content = line.trim_start();
        if !content.trim().is_empty() && !content.starts_with('#') {
            return Some(start + line.len() - content.len());
        }
        end = start;
    }
    None
}

/// A text while it is looked through, as far as quotes, brackets, comments and block scalars go.
#[derive(Default)]
struct Scan {
    flow: Vec<Opened>,
    quote: Option<Opened>,
    /// The last quote that was closed on another line than its own, on the line that is read.
    ended: Option<Opened>,
    /// How far the line is indented whose block scalar is read.
    block: Option<usize>,
}

impl Scan {
    /// Reads a line as far as a place.
    fn line(&mut self, line: &str, start: usize, until: usize) {
        self.ended = None;
        let indent = line.len() - line.trim_start_matches(' ').len();
        if let Some(parent) = self.block {
            if line.trim().is_empty() || indent > parent {
                return;
            }
            self.block = None;
        }
        // Whether a value may begin, and what stood before.
        let (mut fresh, mut last) = (true, '\n');
        let mut chars = line.char_indices().take_while(|(at, _)| start + at < until).peekable();
        while let Some((at, c)) = chars.next() {
            let here = Opened { at: start + at, sign: c };
            if let Some(open) = self.quote {
                match c {
                    '\\' if open.sign == '"' => drop(chars.next()),
                    '\'' if open.sign == c && chars.next_if(|(_, next)| *next == c).is_some() => {}
                    c if c == open.sign => {
                        self.ended = Some(open).filter(|open| open.at < start);
                        self.quote = None;
                        fresh = false;
                    }
                    _ => {}
                }
                last = c;
                continue;
            }
            match c {
                '#' if last.is_whitespace() => return,
                '"' | '\'' if fresh => self.quote = Some(here),
                '[' | '{' if fresh => self.flow.push(here),
                ']' | '}' => drop(self.flow.pop()),
                '|' | '>' if fresh && self.flow.is_empty() => {
                    self.block = Some(indent);
                    return;
                }
                _ => {}
            }
            let in_flow = !self.flow.is_empty();
            fresh = match c {
                ' ' | '\t' => fresh || matches!(last, ':' | '-' | '?'),
                '[' | '{' | ',' => in_flow,
                // What stands behind it is not yet known to be a blank.
                _ => false,
            };
            last = if c == '-' && !matches!(last, ' ' | '\n' | '-') { 'x' } else { c };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str, place: &str) -> Option<(usize, char)> {
        let one = before(text, text.find(place)?)?;
        Some((text.get(..one.at)?.lines().count(), one.sign))
    }

    #[test]
    fn what_is_open_is_found_on_its_line() {
        assert_eq!(opened("a: 1\nb: [44\nc: 2\n", "c:"), Some((2, '[')));
        assert_eq!(opened("a: 1\nb: {x: [1, 2],\n  y: 1\nc: 2\n", "c:"), Some((2, '{')));
        assert_eq!(opened("a: \"b\nc: \"d\"\n", "d\""), Some((1, '"')));
        assert_eq!(opened("a: 'it''s [\nc: 'd'\n", "d'"), Some((1, '\'')));
        for (text, place) in [
            ("a: b [\nc: 2\n", "c:"),
            ("a: |\n  [ \" {\nc: 2\n", "c:"),
            ("a: it's # [\nc: 2\n", "c:"),
            ("a: [1]\nb: \"x\\\"[\"\nc: 2\n", "c:"),
            ("a: {b: 1}\nc: [2\n", "2"),
        ] {
            assert_eq!(opened(text, place), None, "{text}");
        }
    }

    #[test]
    fn a_text_goes_on_from_the_line_above() {
        let text = "a:\n  b c\n  # x\n\n  d: 1\n";
        assert_eq!(continued(text, text.find(": 1").unwrap()), Some(5));
        let text = "a: 1\nb: c: 1\n";
        assert_eq!(continued(text, text.find(": 1\n").unwrap() + 8), None);
    }
}
