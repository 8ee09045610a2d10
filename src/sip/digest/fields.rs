//! The grammar that challenges and credentials share: a scheme and its `name=value` parameters,
//! several of them in one header value (RFC 7235 section 2.1).

use std::borrow::Cow;

use super::{MAX_CHALLENGES, MAX_FIELDS};
use crate::sip::lanes;
use crate::sip::scan::{is_lws, is_token, quoted_len, trim, trim_start};

/// One scheme with its parameters.
#[derive(Debug, Default)]
pub(super) struct Scheme<'a> {
    name: &'a [u8],
    fields: Vec<(&'a [u8], Cow<'a, [u8]>)>,
    /// Whether every parameter could be read, and none came twice.
    sound: bool,
}

impl<'a> Scheme<'a> {
    /// The schemes of a header value, in order.
    pub(super) fn all(value: &'a [u8]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for element in elements(value) {
            let (word, rest) = word(element);
            let begins = rest.first().is_none_or(|byte| is_lws(*byte))
                && trim_start(rest).first() != Some(&b'=');
            if begins && !word.is_empty() {
                if found.len() == MAX_CHALLENGES {
                    break;
                }
                found.push(Self { name: word, fields: Vec::new(), sound: true });
            }
            let field = if begins { trim(rest) } else { element };
            if let Some(last) = found.last_mut().filter(|_| !field.is_empty()) {
                last.add(field);
            }
        }
        found
    }

    /// Whether it is `Digest`, and readable.
    pub(super) fn is_digest(&self) -> bool {
        self.name.eq_ignore_ascii_case(b"Digest")
    }

    /// Whether every parameter could be read, and none came twice.
    pub(super) fn is_sound(&self) -> bool {
        self.sound
    }

    /// The value of a parameter without its quotes and escapes.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let same =
            |(found, _): &&(&[u8], Cow<'_, [u8]>)| found.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().find(same).map(|(_, value)| &**value)
    }

    fn add(&mut self, text: &'a [u8]) {
        let Some((name, value)) = field(text).filter(|_| self.fields.len() < MAX_FIELDS) else {
            self.sound = false;
            return;
        };
        // Twice the same name: whose word would count?
        self.sound &= !self.fields.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
        self.fields.push((name, value));
    }
}

/// Appends `name="value"` with what a quoted string needs.
pub(super) fn quoted(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// `value` cut at its commas outside quotes, trimmed, without empty pieces; after an unclosed quote
/// the rest is one piece. A nonce may hold `<`, so the elements of addresses will not do.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    let pieces = std::iter::from_fn(move || {
        let text = rest.take()?;
        let end = comma(text).unwrap_or(text.len());
        let (one, tail) = text.split_at_checked(end)?;
        rest = tail.get(1..);
        Some(trim(one))
    });
    pieces.filter(|piece| !piece.is_empty())
}

fn comma(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b',', b'"', text.get(at..)?)?;
        let tail = text.get(at..)?;
        if tail.first() == Some(&b',') {
            return Some(at);
        }
        at += quoted_len(tail)?;
    }
}

/// The token at the start, and what follows it.
fn word(element: &[u8]) -> (&[u8], &[u8]) {
    element.split_at_checked(lanes::run(element, lanes::token)).unwrap_or((element, b""))
}

fn field(text: &[u8]) -> Option<(&[u8], Cow<'_, [u8]>)> {
    let (name, rest) = word(text);
    let value = trim(trim_start(rest).strip_prefix(b"=")?);
    if !is_token(name) {
        return None;
    }
    if value.first() != Some(&b'"') {
        // Base64 without quotes is no token, and yet seen.
        let delimits = |chunk| lanes::not_uri(chunk) | lanes::byte(b',')(chunk);
        let plain = !value.is_empty() && lanes::find(value, delimits).is_none();
        return plain.then_some((name, Cow::Borrowed(value)));
    }
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let closed = quoted_len(value) == Some(value.len());
    // A fold or NUL inside a value that is hashed and sent back byte for byte is nobody's honest
    // work.
    if !closed || inner.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return None;
    }
    Some((name, unquoted(inner)))
}

/// A quoted string's content with its `\` escapes resolved.
fn unquoted(inner: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        let meant = if *byte == b'\\' { rest.next() } else { Some(byte) };
        out.extend(meant);
    }
    Cow::Owned(out)
}
