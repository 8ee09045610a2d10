//! Parameters: `;name=value;flag`, of headers and of URIs.

use super::scan::{any, class, find_outside, is_token, quoted_len, split_once, trim};

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
    pub(crate) fn header(raw: &'a [u8]) -> Option<Self> {
        let params = Self { raw: trim(raw) };
        if !params.raw.is_empty() && params.raw.first() != Some(&b';') {
            return None;
        }
        let sound = |(name, value): (&[u8], Option<&[u8]>)| {
            is_token(name) && value.is_none_or(is_parameter_value)
        };
        params.iter().all(sound).then_some(params)
    }

    /// As on the wire, with the leading `;`; empty when there is none.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.raw
    }

    /// Each parameter as (name, value), trimmed; a value keeps its quotes.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let mut rest = self.raw.get(1..);
        let quoted = self.raw.contains(&b'"');
        std::iter::from_fn(move || {
            let text = rest.take()?;
            let end = if quoted {
                find_outside(text, class::SEMICOLON).ok().flatten()
            } else {
                text.iter().position(|byte| *byte == b';')
            };
            let (one, tail) = text.split_at_checked(end.unwrap_or(text.len()))?;
            rest = tail.get(1..);
            Some(match split_once(one, b'=') {
                Some((name, value)) => (trim(name), Some(trim(value))),
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

/// A closed quoted string, or whatever cannot be taken for a delimiter: equipment puts more into
/// tags than tokens.
fn is_parameter_value(value: &[u8]) -> bool {
    match value.first() {
        None => false,
        Some(b'"') => quoted_len(value) == Some(value.len()),
        Some(_) => !any(value, class::NOT_URI | class::COMMA | class::SEMICOLON),
    }
}
