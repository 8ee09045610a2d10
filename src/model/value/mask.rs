//! Caller masks: which caller numbers a rule is for.

use std::str::FromStr;

use super::number::{Number, NumberError, NumberRange};
use super::text_value;

/// A full number, a range, or leading digits with a trailing `*` for each further digit, as the
/// caller's number is presented (`domain.md` section 3.2). All three are a range of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerMask(NumberRange);

impl CallerMask {
    /// The numbers that it stands for.
    pub fn range(self) -> NumberRange {
        self.0
    }

    /// Whether it stands for the number.
    pub fn contains(self, number: Number) -> bool {
        self.0.contains(number)
    }

    /// How many trailing digits are free, if it is leading digits and free ones.
    fn free_digits(self) -> Option<usize> {
        let (first, last) = (self.0.first().to_string(), self.0.last().to_string());
        let pairs = first.bytes().zip(last.bytes()).rev();
        let free = pairs.take_while(|pair| *pair == (b'0', b'9')).count();
        let rest = first.len() - free;
        (free > 0 && first.get(..rest) == last.get(..rest)).then_some(free)
    }
}

impl std::fmt::Display for CallerMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(free) = self.free_digits() else { return self.0.fmt(f) };
        let first = self.0.first().to_string();
        let lead = first.get(..first.len() - free).unwrap_or_default();
        write!(f, "{lead}{}", "*".repeat(free))
    }
}

impl FromStr for CallerMask {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let lead = text.trim_end_matches('*');
        let stars = text.len() - lead.len();
        if stars == 0 {
            return text.parse().map(Self);
        }
        if stars > 15 || text.len() > 15 {
            return Err(NumberError::TooLong);
        }
        let end = |digit: &str| format!("{lead}{}", digit.repeat(stars)).parse::<Number>();
        NumberRange::new(end("0")?, end("9")?).map(Self)
    }
}

text_value!(CallerMask, {
    "type": ["string", "integer"],
    "description": "A full number, a range, or leading digits with one `*` for each further digit",
    "examples": ["0044**********"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_range_of_one_length() {
        let range = |text: &str| text.parse::<CallerMask>().unwrap().range().to_string();
        assert_eq!(range("0036***"), "0036000-0036999");
        assert_eq!(range("**"), "00-99");
        assert_eq!(range("1000-2000"), "1000-2000");
        assert_eq!(range("0044201"), "0044201");
        for bad in ["", "0*36", "1*-2*", "+44***", "*****************", "12a*"] {
            assert!(bad.parse::<CallerMask>().is_err(), "{bad}");
        }
    }

    #[test]
    fn masks_print_as_they_are_written() {
        for text in ["0036***", "**", "1000-2000", "0044201", "10-90"] {
            assert_eq!(text.parse::<CallerMask>().unwrap().to_string(), text);
        }
    }
}
