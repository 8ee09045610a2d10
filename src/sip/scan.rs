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

/// Whether `byte` may stand in a token (RFC 3261 section 25.1).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether `value` is a token of at least one byte.
pub(crate) fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| is_token_byte(*byte))
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
    let (left, right) = value.split_at_checked(memchr::memchr(separator, value)?)?;
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

/// Where the first of `stops` stands outside quoted strings and angle brackets. The error is an
/// unclosed quote or bracket.
pub(crate) fn find_outside(value: &[u8], stops: &[u8]) -> Result<Option<usize>, ()> {
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let rest = value.get(at..).unwrap_or_default();
        at += match byte {
            byte if stops.contains(byte) => return Ok(Some(at)),
            b'"' => quoted_len(rest).ok_or(())?,
            b'<' => memchr::memchr(b'>', rest).ok_or(())? + 1,
            _ => 1,
        };
    }
    Ok(None)
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
        match find_outside(rest, b",") {
            Ok(Some(comma)) => {
                let (element, tail) = rest.split_at_checked(comma)?;
                self.rest = tail.get(1..);
                Some(trim(element))
            }
            Ok(None) | Err(()) => Some(trim(rest)),
        }
    }
}
