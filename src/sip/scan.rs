//! The few byte-level helpers that all header grammars share. Linear white space includes the line
//! ends of folded headers (RFC 3261 section 7.3.1).

use super::lanes::{self, Class};

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

/// Whether `value` is a token of at least one byte.
pub(crate) fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && lanes::run(value, lanes::token) == value.len()
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
#[inline]
pub(crate) fn split_once(value: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = lanes::find(value, lanes::byte(separator))?;
    let (left, right) = value.split_at_checked(at)?;
    Some((left, right.get(1..)?))
}

/// The length of the quoted string at the start of `value` with both its quotes, or nothing when it
/// is not closed. `value` starts with the opening quote.
pub(crate) fn quoted_len(value: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += lanes::find(value.get(at..)?, lanes::either(b'"', b'\\'))?;
        if value.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the first byte of the class `stops` stands outside quoted strings and angle brackets. The
/// error is an unclosed quote or bracket.
#[inline]
pub(crate) fn find_outside(value: &[u8], stops: impl Class) -> Result<Option<usize>, ()> {
    let mut rest = value;
    loop {
        let opens = lanes::either(b'"', b'<');
        let Some(at) = lanes::find(rest, |chunk| stops(chunk) | opens(chunk)) else {
            return Ok(None);
        };
        let tail = rest.get(at..).unwrap_or_default();
        let opaque = match tail.first() {
            Some(b'"') => quoted_len(tail).ok_or(())?,
            Some(b'<') => lanes::find(tail, lanes::byte(b'>')).ok_or(())? + 1,
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
        match find_outside(rest, lanes::byte(b',')) {
            Ok(Some(comma)) => {
                let (element, tail) = rest.split_at_checked(comma)?;
                self.rest = tail.get(1..);
                Some(trim(element))
            }
            Ok(None) | Err(()) => Some(trim(rest)),
        }
    }
}
