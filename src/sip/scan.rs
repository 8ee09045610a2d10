//! The few byte-level helpers that all header grammars share. Linear white space includes the line
//! ends of folded headers (RFC 3261 section 7.3.1).

/// A space, a tab, or a byte of the line end inside a folded header.
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `value` without white space at its ends.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    trim_end(trim_start(value))
}

/// `value` without white space at its start.
pub(crate) fn trim_start(mut value: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = value
        && is_lws(*first)
    {
        value = rest;
    }
    value
}

/// `value` without white space at its end.
pub(crate) fn trim_end(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., last] = value
        && is_lws(*last)
    {
        value = rest;
    }
    value
}

/// What a byte can be, one bit each, so that every scan is one look-up a byte.
pub(crate) mod class {
    /// May stand in a token (RFC 3261 section 25.1).
    pub(crate) const TOKEN: u8 = 1;
    /// May not stand in a URI: blanks, controls, quotes, angle brackets.
    pub(crate) const NOT_URI: u8 = 1 << 1;
    /// May stand in a host. An underscore is no host name, and yet common in private DNS.
    pub(crate) const HOST: u8 = 1 << 2;
    /// `"` or `<`: what follows is opaque up to its end.
    pub(crate) const OPENS: u8 = 1 << 3;
    /// `;`
    pub(crate) const SEMICOLON: u8 = 1 << 4;
    /// `,`
    pub(crate) const COMMA: u8 = 1 << 5;
    /// `:`, `@` or `?`: what parts a URI, beside the semicolon.
    pub(crate) const PARTS: u8 = 1 << 6;
    /// `=`
    pub(crate) const EQUALS: u8 = 1 << 7;
}

/// The classes of every byte.
static CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let byte = index as u8;
        let mark =
            matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        if byte.is_ascii_alphanumeric() || mark {
            table[index] |= class::TOKEN;
        }
        if matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f) {
            table[index] |= class::NOT_URI;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            table[index] |= class::HOST;
        }
        table[index] |= match byte {
            b'"' | b'<' => class::OPENS,
            b';' => class::SEMICOLON,
            b',' => class::COMMA,
            b':' | b'@' | b'?' => class::PARTS,
            b'=' => class::EQUALS,
            _ => 0,
        };
        index += 1;
    }
    table
}

/// Whether `byte` is in one of `classes`.
#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
#[inline]
pub(crate) fn is(byte: u8, classes: u8) -> bool {
    CLASSES[usize::from(byte)] & classes != 0
}

/// Whether some byte of `value` is in one of `classes`.
#[inline]
pub(crate) fn any(value: &[u8], classes: u8) -> bool {
    value.iter().any(|byte| is(*byte, classes))
}

/// Whether every byte of `value` is in one of `classes`.
#[inline]
pub(crate) fn all(value: &[u8], classes: u8) -> bool {
    value.iter().all(|byte| is(*byte, classes))
}

/// Whether `value` is a token of at least one byte.
pub(crate) fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && all(value, class::TOKEN)
}

/// A decimal number without sign, or nothing when it is no number or too large.
pub(crate) fn number(value: &[u8]) -> Option<u32> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u32, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// `value` split at its first `separator`.
pub(crate) fn split_once(value: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    // The values are short: a plain loop beats a vectorised search with its call.
    let at = value.iter().position(|byte| *byte == separator)?;
    let (left, right) = value.split_at_checked(at)?;
    Some((left, right.get(1..)?))
}

/// The length of the quoted string at the start of `value` with both its quotes, or nothing when it
/// is not closed. `value` starts with the opening quote.
pub(crate) fn quoted_len(value: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', value.get(at..)?)?;
        if value.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the first byte of the classes `stops` stands outside quoted strings and angle brackets. The
/// error is an unclosed quote or bracket.
pub(crate) fn find_outside(value: &[u8], stops: u8) -> Result<Option<usize>, ()> {
    let mut rest = value;
    loop {
        let Some(at) = rest.iter().position(|byte| is(*byte, stops | class::OPENS)) else {
            return Ok(None);
        };
        let tail = rest.get(at..).unwrap_or_default();
        let opaque = match tail.first() {
            Some(b'"') => quoted_len(tail).ok_or(())?,
            Some(b'<') => memchr::memchr(b'>', tail).ok_or(())? + 1,
            _ => return Ok(Some(value.len() - tail.len())),
        };
        rest = tail.get(opaque..).unwrap_or_default();
    }
}

/// The elements of a comma-separated header value, trimmed, in order. Commas in quoted strings and
/// in angle brackets do not separate; after an unclosed quote the rest is one element.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Elements<'a> {
    /// The elements of `value`.
    pub const fn of(value: &'a [u8]) -> Self {
        Self { rest: Some(value) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        match find_outside(rest, class::COMMA) {
            Ok(Some(comma)) => {
                let (element, tail) = rest.split_at_checked(comma)?;
                self.rest = tail.get(1..);
                Some(trim(element))
            }
            Ok(None) | Err(()) => Some(trim(rest)),
        }
    }
}
