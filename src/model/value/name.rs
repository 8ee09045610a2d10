//! Resource names.

use smol_str::SmolStr;

use super::text_value;

/// An RFC 1123 label: 1 to 63 of `a-z 0-9 -`, beginning and ending with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(SmolStr);

impl Name {
    /// Sorts before every real name; a bound for range look-ups, never a resource's name.
    pub(crate) fn least() -> Self {
        Self(SmolStr::default())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let inner = bytes.iter().all(|byte| edge(byte) || *byte == b'-');
        let edges = bytes.first().is_some_and(edge) && bytes.last().is_some_and(edge);
        if inner && edges && bytes.len() <= 63 {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "`{text}` is not a name: 1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen"
        ))
    }
}

text_value!(Name, {
    "type": ["string", "integer"],
    "minimum": 0,
    "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
    "description": "An RFC 1123 label: 1 to 63 lower-case letters, digits and hyphens",
    "examples": ["acme"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_rfc_1123_label() {
        for good in ["a", "a-b", "0a9", &"x".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
