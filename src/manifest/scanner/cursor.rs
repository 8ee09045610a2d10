//! The place in a text that is being scanned, line by line. Offsets and columns count bytes; they
//! are characters too wherever columns matter, as only spaces and dashes stand before them.

/// A place in a text, which only moves forwards.
#[derive(Clone, Copy)]
pub(in crate::manifest) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// The indentation of the line that the cursor came to; nothing at the end of the text.
    line: Option<usize>,
}

impl<'a> Cursor<'a> {
    /// At the start of a text that holds nothing but line feeds and common characters.
    pub(in crate::manifest) fn new(text: &'a str) -> Option<Self> {
        common(text).then_some(Self { text, at: 0, line: None })
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(in crate::manifest) fn line(&self) -> Option<usize> {
        self.line
    }

    pub(super) fn text(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text.get(start..end)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(super) fn byte(&self) -> Option<u8> {
        self.peek(0)
    }

    /// The byte that many bytes ahead.
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn skip_spaces(&mut self) {
        self.at += self.rest().iter().take_while(|byte| **byte == b' ').count();
    }

    /// Whether a list item begins here.
    pub(super) fn at_dash(&self) -> bool {
        self.byte() == Some(b'-') && ends_word(self.peek(1))
    }

    /// Whether nothing but a comment is left of the line. A comment has a space before it.
    pub(super) fn at_line_end(&self) -> bool {
        match self.byte() {
            None | Some(b'\n') => true,
            Some(b'#') => {
                let before = self.at.checked_sub(1).and_then(|at| self.text.as_bytes().get(at));
                before.is_none_or(|byte| matches!(byte, b' ' | b'\n'))
            }
            Some(_) => false,
        }
    }

    /// Goes to the first line of the document, past `---`.
    pub(super) fn first_line(&mut self) -> Option<()> {
        self.next_line()?;
        let marker = self.line == Some(0)
            && self
                .rest()
                .strip_prefix(b"---")
                .is_some_and(|rest| ends_word(rest.first().copied()));
        if marker {
            self.skip(3);
            self.next_line()?;
        }
        Some(())
    }

    /// Goes to the content of the next line that has one. `None` if something is left of this line,
    /// or if the document is ended by `...`.
    pub(super) fn next_line(&mut self) -> Option<()> {
        let mut fresh = self.at == 0;
        loop {
            let start = self.at;
            self.skip_spaces();
            if !self.at_line_end() {
                self.line = Some(self.at - start);
                let ended = self.at == start && self.rest().starts_with(b"...");
                return (fresh && !ended).then_some(());
            }
            // Most lines end where their value does.
            let feed = match self.byte() {
                Some(b'\n') => Some(0),
                _ => memchr::memchr(b'\n', self.rest()),
            };
            let Some(length) = feed else {
                self.at = self.text.len();
                self.line = None;
                return Some(());
            };
            self.skip(length + 1);
            fresh = true;
        }
    }
}

/// Whether `:`, `-` or `---` before this byte is the sign and not the beginning of a word.
pub(super) fn ends_word(next: Option<u8>) -> bool {
    matches!(next, None | Some(b' ' | b'\n'))
}

/// Whether a text has no tab, no control character and no white space beyond spaces and line feeds:
/// YAML has rules of its own for those.
fn common(text: &str) -> bool {
    let (mut control, mut wide) = (false, false);
    for byte in text.bytes() {
        control |= (byte < 0x20 && byte != b'\n') || byte == 0x7f;
        wide |= byte >= 0x80;
    }
    let odd = |c: char| {
        !c.is_ascii()
            && (c.is_control()
                || c.is_whitespace()
                || matches!(c, '\u{feff}' | '\u{fff0}'..='\u{ffff}'))
    };
    !control && (!wide || !text.chars().any(odd))
}
