//! Scalars and keys of one line.

use std::borrow::Cow;

use super::cursor::{Cursor, ends_word};
use crate::manifest::node::Meaning;

/// Bytes of a key: far from the 1024 characters where YAML itself ends one.
const MAX_KEY_BYTES: usize = 256;

/// What may end a plain scalar outside of flow collections, and inside of them.
const BLOCK: u8 = 1;
const FLOW: u8 = 2;

/// The sets that a byte is in.
static STOPS: [u8; 256] = stops();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn stops() -> [u8; 256] {
    let mut table = [0; 256];
    let mut rest: &[u8] = b"\n#:,[]{}";
    while let [byte, others @ ..] = rest {
        let both = matches!(byte, b'\n' | b'#' | b':');
        table[*byte as usize] = if both { BLOCK | FLOW } else { FLOW };
        rest = others;
    }
    table
}

#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
fn is(byte: u8, set: u8) -> bool {
    STOPS[usize::from(byte)] & set != 0
}

/// A scalar as it stands in the text.
pub(in crate::manifest) struct Token<'a> {
    pub(in crate::manifest) text: Cow<'a, str>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Not quoted.
    pub(super) plain: bool,
}

impl Token<'_> {
    /// What it counts as.
    pub(in crate::manifest) fn meaning(&self) -> Meaning {
        if self.plain { Meaning::of_plain(&self.text) } else { Meaning::Text }
    }
}

impl<'a> Cursor<'a> {
    /// A scalar, in or outside of a flow collection. The cursor stops at what follows it.
    pub(super) fn scalar(&mut self, flow: bool) -> Option<Token<'a>> {
        match self.byte()? {
            b'"' => self.double_quoted(),
            b'\'' => self.single_quoted(),
            _ => self.plain(flow),
        }
    }

    /// A key of a block mapping, and its colon.
    pub(super) fn key(&mut self) -> Option<Token<'a>> {
        let token = self.scalar(false)?;
        self.colon(token)
    }

    /// A key of a flow mapping, and its colon.
    pub(super) fn flow_key(&mut self) -> Option<Token<'a>> {
        let token = self.scalar(true)?;
        self.colon(token)
    }

    fn colon(&mut self, token: Token<'a>) -> Option<Token<'a>> {
        let key = self.byte() == Some(b':')
            && ends_word(self.peek(1))
            && token.end == self.at()
            && token.end - token.start <= MAX_KEY_BYTES;
        let special = token.plain
            && (&*token.text == "<<" || Meaning::of_plain(&token.text) == Meaning::Null);
        if !key || special {
            return None;
        }
        self.skip(1);
        Some(token)
    }

    /// Whether a key stands here; the cursor stays.
    pub(super) fn before_key(&self) -> bool {
        let mut ahead = *self;
        ahead.scalar(false).is_some() && ahead.byte() == Some(b':')
    }

    fn plain(&mut self, flow: bool) -> Option<Token<'a>> {
        let start = self.at();
        match self.byte()? {
            // Numbers below 0; other words that begin with a dash are rare.
            b'-' if self.peek(1)?.is_ascii_alphanumeric() => {}
            b' ' | b'\n' | b'-' | b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&'
            | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' => return None,
            _ => {}
        }
        let rest = self.rest();
        let stops = if flow { FLOW } else { BLOCK };
        let mut stop = 0;
        loop {
            let ahead = rest.get(stop..)?;
            stop += ahead.iter().position(|byte| is(*byte, stops)).unwrap_or(ahead.len());
            let ends = match rest.get(stop) {
                // A gap before it: not a part of the word.
                Some(b'#') => stop.checked_sub(1).and_then(|at| rest.get(at)) == Some(&b' '),
                Some(b':') => {
                    let next = rest.get(stop + 1).copied();
                    if flow && matches!(next, Some(b',' | b'[' | b']' | b'{' | b'}')) {
                        return None;
                    }
                    ends_word(next)
                }
                _ => true,
            };
            if ends {
                break;
            }
            stop += 1;
        }
        let gap = rest.get(..stop)?.iter().rev().take_while(|byte| **byte == b' ').count();
        let length = stop - gap;
        self.skip(stop);
        let end = start + length;
        Some(Token { text: self.text(start, end)?.into(), start, end, plain: true })
    }

    fn double_quoted(&mut self) -> Option<Token<'a>> {
        let start = self.at();
        self.skip(1);
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n');
        self.skip(self.rest().iter().position(ends)?);
        if self.byte()? != b'"' {
            return None;
        }
        let text = self.text(start + 1, self.at())?.into();
        self.skip(1);
        Some(Token { text, start, end: self.at(), plain: false })
    }

    fn single_quoted(&mut self) -> Option<Token<'a>> {
        let start = self.at();
        self.skip(1);
        let mut doubled = false;
        loop {
            self.skip(self.rest().iter().position(|byte| matches!(byte, b'\'' | b'\n'))?);
            if self.byte()? != b'\'' {
                return None;
            }
            if self.peek(1) != Some(b'\'') {
                break;
            }
            doubled = true;
            self.skip(2);
        }
        let text = self.text(start + 1, self.at())?;
        self.skip(1);
        let text = if doubled { text.replace("''", "'").into() } else { text.into() };
        Some(Token { text, start, end: self.at(), plain: false })
    }
}
