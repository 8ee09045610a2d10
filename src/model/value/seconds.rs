//! Durations in manifests.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits of the longest duration.
const MAX_DIGITS: usize = 9;

/// A duration in whole seconds: `10s`, `6m`, `1h`; a bare integer is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub u32);

impl Seconds {
    /// As a duration.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0.into())
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl std::str::FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a duration: write `10s`, `6m` or `1h`");
        let (digits, unit) = match text.as_bytes().last() {
            Some(b's') => (text.trim_end_matches('s'), 1),
            Some(b'm') => (text.trim_end_matches('m'), 60),
            Some(b'h') => (text.trim_end_matches('h'), 3600),
            _ => (text, 1),
        };
        let one_unit = text.len() - digits.len() <= 1;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // Octal to some readers of YAML, and no other number of the language is written so.
        if one_unit && plain && digits.len() > 1 && digits.starts_with('0') {
            return Err(format!("`{text}` begins with a zero"));
        }
        if !one_unit || !plain {
            return Err(error());
        }
        if digits.len() > MAX_DIGITS {
            return Err(format!(
                "`{text}` is too long: a duration has at most {MAX_DIGITS} digits"
            ));
        }
        let value: u32 = digits.parse().map_err(|_| error())?;
        value.checked_mul(unit).map(Self).ok_or_else(error)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}

impl schemars::JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "pattern": "^(0|[1-9][0-9]{0,8})[smh]?$",
            "minimum": 0,
            "maximum": 999_999_999,
            "description": "A duration: 10s, 6m, 1h; a bare integer is seconds",
            "examples": ["360s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_one_unit() {
        assert_eq!("90".parse(), Ok(Seconds(90)));
        assert_eq!("6m".parse(), Ok(Seconds(360)));
        assert_eq!("1h".parse(), Ok(Seconds(3600)));
        assert_eq!("0".parse(), Ok(Seconds(0)));
        for bad in [
            "",
            "s",
            "1d",
            "1ss",
            "-1s",
            "1.5s",
            "99999999h",
            "+5",
            "010",
            "05m",
            "00",
            "1000000000",
        ] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
