//! Days and hours as a schedule has them, and moments.

use std::str::FromStr;

use super::text_value;

/// Minutes of a day; its end, 24:00, is one of them.
const DAY: u16 = 24 * 60;

/// Part of one day, `09:00-12:30`: from the first minute up to, not including, the last. It does
/// not cross midnight; `24:00` may end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeRange {
    from: u16,
    to: u16,
}

impl TimeRange {
    /// Minutes since midnight: the first that is inside.
    pub fn from(self) -> u16 {
        self.from
    }

    /// Minutes since midnight: the first that is outside again, at most 1440.
    pub fn to(self) -> u16 {
        self.to
    }

    /// Whether a minute of the day is inside.
    pub fn contains(self, minute: u16) -> bool {
        (self.from..self.to).contains(&minute)
    }
}

impl std::fmt::Display for TimeRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim_matches(' ').split_once(':')?;
    let number = |text: &str, most: u16| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|value| plain && *value <= most)
    };
    let minute = number(hours, 24)? * 60 + number(minutes, 59).filter(|_| minutes.len() == 2)?;
    (minute <= DAY).then_some(minute)
}

impl FromStr for TimeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not a time range like `09:00-17:30`");
        let (from, to) = text.split_once(['-', '\u{2013}', '\u{2212}']).ok_or_else(form)?;
        let (from, to) = (minute(from).ok_or_else(form)?, minute(to).ok_or_else(form)?);
        if from > to {
            return Err(format!(
                "`{text}` crosses midnight: end it at 24:00 and begin the next day at 00:00"
            ));
        }
        if from == to {
            return Err(format!("`{text}` is empty: it ends where it begins"));
        }
        Ok(Self { from, to })
    }
}

text_value!(TimeRange, {
    "type": "string",
    "pattern": "^ *[0-9]{1,2}:[0-9]{2} *[-\u{2013}\u{2212}] *[0-9]{1,2}:[0-9]{2} *$",
    "description": "Part of one day, from the first time up to the second; it does not cross midnight",
    "examples": ["09:00-17:30"]
});

/// A day of the calendar, `2027-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub jiff::civil::Date);

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not a date like `2027-12-24`");
        let shape = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date = text.parse().ok().filter(|_| shape);
        date.map(Self).ok_or_else(form)
    }
}

text_value!(Date, {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "description": "A day: year, month, day",
    "examples": ["2027-12-24"]
});

/// A moment with its offset (RFC 3339), `2026-11-24T10:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub jiff::Timestamp);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not a moment like `2026-11-24T10:00:00Z`");
        let plain = text.len() <= 40 && text.as_bytes().get(10).is_some_and(|b| b"Tt".contains(b));
        let moment = text.parse().ok().filter(|_| plain && !text.contains('['));
        moment.map(Self).ok_or_else(form)
    }
}

text_value!(Timestamp, {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    "description": "A moment with its offset from UTC (RFC 3339)",
    "examples": ["2026-11-24T10:00:00Z"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_within_a_day() {
        let range: TimeRange = "09:00-12:30".parse().unwrap();
        assert_eq!((range.from(), range.to()), (540, 750));
        assert!(range.contains(540) && !range.contains(750));
        assert_eq!("9:00 - 24:00".parse::<TimeRange>().unwrap().to_string(), "09:00-24:00");
        for bad in ["", "9-17", "09:00", "17:00-09:00", "09:00-09:00", "25:00-26:00", "09:60-10:00"]
        {
            assert!(bad.parse::<TimeRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_and_moments_exist() {
        assert!("2028-02-29".parse::<Date>().is_ok());
        for bad in ["2027-02-29", "2027-1-1", "20270101", "2027-01-01T00:00", ""] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
        for good in ["2026-11-24T10:00:00Z", "2026-11-24T10:00:00+05:30"] {
            assert!(good.parse::<Timestamp>().is_ok(), "{good}");
        }
        for bad in ["2026-11-24", "2026-11-24T10:00:00", "2026-11-24T10:00:00Z[UTC]", "x"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
