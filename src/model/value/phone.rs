//! Numbers as people write them into a caller ID or dial them.

use std::str::FromStr;

use super::number::{Number, NumberError};
use super::text_value;

/// Longest text that is dialled or sent.
const MAX_CHARS: usize = 32;

/// A telephone number as written, with `+`, `00` or `0` in front where somebody wants it sent so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(Box<str>);

impl PhoneNumber {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number to compare with pools: without one of `+00`, `+`, `00`, `0`, the longest first
    /// (`domain.md` section 2.3); `None` when nothing or more than 15 digits are left.
    pub fn bare(&self) -> Option<Number> {
        let text = &*self.0;
        let bare = ["+00", "+", "00", "0"].iter().find_map(|prefix| text.strip_prefix(prefix));
        bare.unwrap_or(text).parse().ok()
    }
}

impl std::fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PhoneNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() {
            return Err(NumberError::Empty);
        }
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NumberError::NotDigits);
        }
        if text.len() > MAX_CHARS {
            return Err(NumberError::TooLong);
        }
        Ok(Self(text.into()))
    }
}

text_value!(PhoneNumber, {
    "type": ["string", "integer"],
    "pattern": "^[+]?[0-9]{1,31}$",
    "minimum": 0,
    "description": "A telephone number: digits, with a `+` in front if wanted",
    "examples": ["+442079460000"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_front_does_not_count_in_a_comparison() {
        for text in ["+442079460000", "00442079460000", "+00442079460000", "442079460000"] {
            let bare = text.parse::<PhoneNumber>().unwrap().bare();
            assert_eq!(bare.map(|number| number.to_string()).as_deref(), Some("442079460000"));
        }
        assert_eq!("0".parse::<PhoneNumber>().unwrap().bare(), None);
        for bad in ["", "+", "44 20", "4+4", "sip"] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
    }
}
