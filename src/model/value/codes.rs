//! SIP status codes as a manifest names them.

use std::str::FromStr;

use super::text_value;

/// One final failure code, or a range of them: `408`, `500-599`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// A range; `None` outside 300 to 699 or reversed.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first >= 300 && last <= 699 && first <= last).then_some(Self { first, last })
    }

    /// Whether the code is in it.
    pub fn contains(self, code: u16) -> bool {
        (self.first..=self.last).contains(&code)
    }
}

impl std::fmt::Display for StatusRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once(['-', '\u{2013}', '\u{2212}']).unwrap_or((text, text));
        let code = |text: &str| {
            let text = text.trim_matches(' ');
            let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| plain)
        };
        let range = code(first).zip(code(last)).and_then(|(first, last)| Self::new(first, last));
        range.ok_or_else(|| format!("`{text}` is not a SIP code or range within 300 to 699"))
    }
}

text_value!(StatusRange, {
    "type": ["string", "integer"],
    "pattern": "^ *[3-6][0-9]{2} *([-\u{2013}\u{2212}] *[3-6][0-9]{2} *)?$",
    "minimum": 300,
    "maximum": 699,
    "description": "A SIP status code, or a range of them",
    "examples": ["500-599"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_ranges() {
        assert!("500-599".parse::<StatusRange>().unwrap().contains(503));
        assert_eq!("408".parse::<StatusRange>().unwrap().to_string(), "408");
        for bad in ["", "200", "700", "599-500", "4080", "4xx", "400-"] {
            assert!(bad.parse::<StatusRange>().is_err(), "{bad}");
        }
    }
}
