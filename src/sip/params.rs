//! Parameters: `;name=value;flag`, of headers and of URIs.

use super::lanes;
use super::scan::{find_outside, is_token, quoted_len, trim};

/// A list of parameters as it stands on the wire: empty, or starting with `;`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Params<'a> {
    raw: &'a [u8],
}

impl<'a> Params<'a> {
    /// Takes `raw` as it is, for values that were checked before.
    pub(crate) const fn unchecked(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The parameters of a header, checked: names are tokens, values are not empty, quotes closed.
    /// `each` gets to see every one of them.
    pub(crate) fn header(
        raw: &'a [u8],
        mut each: impl FnMut(&'a [u8], Option<&'a [u8]>),
    ) -> Option<Self> {
        let params = Self { raw: trim(raw) };
        match params.raw.first() {
            None => return Some(params),
            Some(b';') => {}
            Some(_) => return None,
        }
        let plain = plain(params.raw, &mut each);
        let rest = Self { raw: params.raw.get(plain..).unwrap_or_default() };
        for (name, value) in rest.iter() {
            if !is_token(name) || !value.is_none_or(is_parameter_value) {
                return None;
            }
            each(name, value);
        }
        Some(params)
    }

    /// As on the wire, with the leading `;`; empty when there is none.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.raw
    }

    /// Each parameter as (name, value), trimmed; a value keeps its quotes.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let mut rest = self.raw.get(1..);
        std::iter::from_fn(move || {
            let text = rest.take()?;
            let (one, equals, tail) = first_of(text)?;
            rest = tail;
            Some(match equals {
                Some(equals) => (trim(one.get(..equals)?), one.get(equals + 1..).map(trim)),
                None => (trim(one), None),
            })
        })
    }

    /// The value of the first parameter `name` (compared without case); empty for a mere flag.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        let same =
            |(found, _): &(&[u8], Option<&[u8]>)| found.eq_ignore_ascii_case(name.as_bytes());
        self.iter().find(same).map(|(_, value)| value.unwrap_or_default())
    }

    /// Whether there is a parameter `name`.
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Shows `each` the usual parameters, without quotes and blanks, up to the first that is not so or
/// the end, and says where that is. Every byte is looked at once.
fn plain<'a>(raw: &'a [u8], each: &mut impl FnMut(&'a [u8], Option<&'a [u8]>)) -> usize {
    let split = |text: &'a [u8], end| text.split_at_checked(end).unwrap_or((text, b""));
    let mut left = raw;
    while let Some((b';', text)) = left.split_first() {
        let (name, rest) = split(text, lanes::run(text, lanes::token));
        let (value, rest) = match rest.split_first() {
            Some((b'=', rest)) => {
                let end = lanes::find(rest, lanes::not_value).unwrap_or(rest.len());
                let (value, rest) = split(rest, end);
                (Some(value), rest)
            }
            _ => (None, rest),
        };
        let whole = !name.is_empty() && value.is_none_or(|value| !value.is_empty());
        if !whole || !matches!(rest.first(), None | Some(b';')) {
            break;
        }
        each(name, value);
        left = rest;
    }
    raw.len() - left.len()
}

/// The first parameter of `text`, where its first `=` stands, and what follows its semicolon: one in
/// quotes or brackets parts nothing.
fn first_of(text: &[u8]) -> Option<First<'_>> {
    let end = find_outside(text, lanes::byte(b';')).ok().flatten();
    let (one, tail) = text.split_at_checked(end.unwrap_or(text.len()))?;
    Some((one, lanes::find(one, lanes::byte(b'=')), tail.get(1..)))
}

type First<'a> = (&'a [u8], Option<usize>, Option<&'a [u8]>);

/// A closed quoted string, or whatever cannot be taken for a delimiter: equipment puts more into
/// tags than tokens.
fn is_parameter_value(value: &[u8]) -> bool {
    match value.first() {
        None => false,
        Some(b'"') => quoted_len(value) == Some(value.len()),
        Some(_) => lanes::find(value, lanes::not_value).is_none(),
    }
}
