//! Parameters: `;name=value;flag`, of headers and of URIs.

use super::scan::{any, class, find_outside, is, is_token, quoted_len, trim};

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
    let split = |text: &'a [u8], ends: fn(u8) -> bool| {
        let end = text.iter().position(|byte| ends(*byte)).unwrap_or(text.len());
        text.split_at_checked(end).unwrap_or((text, b""))
    };
    let mut left = raw;
    while let Some((b';', text)) = left.split_first() {
        let (name, rest) = split(text, |byte| !is(byte, class::TOKEN));
        let (value, rest) = match rest.split_first() {
            Some((b'=', rest)) => {
                let (value, rest) = split(rest, |byte| is(byte, NOT_VALUE));
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

/// What may not stand in a value without quotes.
const NOT_VALUE: u8 = class::NOT_URI | class::COMMA | class::SEMICOLON;

/// The first parameter of `text`, where its first `=` stands, and what follows its semicolon.
fn first_of(text: &[u8]) -> Option<First<'_>> {
    let stops = class::SEMICOLON | class::EQUALS | class::OPENS;
    let mut equals = None;
    let mut end = None;
    for (index, byte) in text.iter().enumerate().filter(|(_, byte)| is(**byte, stops)) {
        match byte {
            b';' => {
                end = Some(index);
                break;
            }
            b'=' => equals = equals.or(Some(index)),
            _ => {
                // A semicolon in quotes or brackets parts nothing.
                end = find_outside(text, class::SEMICOLON).ok().flatten();
                let one = text.get(..end.unwrap_or(text.len()))?;
                equals = one.iter().position(|byte| *byte == b'=');
                break;
            }
        }
    }
    let (one, tail) = text.split_at_checked(end.unwrap_or(text.len()))?;
    Some((one, equals, tail.get(1..)))
}

type First<'a> = (&'a [u8], Option<usize>, Option<&'a [u8]>);

/// A closed quoted string, or whatever cannot be taken for a delimiter: equipment puts more into
/// tags than tokens.
fn is_parameter_value(value: &[u8]) -> bool {
    match value.first() {
        None => false,
        Some(b'"') => quoted_len(value) == Some(value.len()),
        Some(_) => !any(value, NOT_VALUE),
    }
}
