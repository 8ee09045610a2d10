//! Numbers as the telephone world has them: digit strings whose length matters.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{parsed, text_value};

/// A string of 1 to 15 digits (E.164's bound). `0123` and `123` differ; numbers order by length,
/// then by value, so that a range covers only numbers of its own length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    len: u8,
    value: u64,
}

/// Why a text is not a number or range; the fault is a byte range of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Nothing there.
    #[error("there is no number")]
    Empty,
    /// A character that is not a digit.
    #[error("only the digits 0 to 9 make a number")]
    NotDigits,
    /// Over 15 digits.
    #[error("a number has at most 15 digits (E.164)")]
    TooLong,
    /// Ends before it begins.
    #[error("the range ends before it begins")]
    Reversed,
    /// 10-200.
    #[error("both ends of a range need the same number of digits")]
    DigitCounts,
    /// Two or more dashes.
    #[error("a range has one `-` between two numbers")]
    Dashes,
}

/// What a DID must not begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadingPrefix {
    /// `+`
    Plus,
    /// `00`
    DoubleZero,
    /// `0`
    Zero,
}

impl LeadingPrefix {
    /// The forbidden prefix of a DID as written, if it has one (the longest).
    pub fn of(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [b'+', ..] => Some(Self::Plus),
            [b'0', b'0', ..] => Some(Self::DoubleZero),
            [b'0', ..] => Some(Self::Zero),
            _ => None,
        }
    }

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::DoubleZero => "00",
            Self::Zero => "0",
        }
    }
}

impl Number {
    /// How many digits.
    pub fn digits(self) -> u8 {
        self.len
    }

    /// The digits as an integer; leading zeros do not show here.
    pub fn value(self) -> u64 {
        self.value
    }

    /// Whether its first digit is 0: see [`LeadingPrefix`].
    pub fn leads_with_zero(self) -> bool {
        self.value < 10_u64.pow(u32::from(self.len.saturating_sub(1)))
    }

    /// The number that lies `offset` further, in the same length; `None` past its end.
    pub fn offset(self, offset: u64) -> Option<Self> {
        let value = self.value.checked_add(offset)?;
        (value < 10_u64.pow(self.len.into())).then_some(Self { len: self.len, value })
    }

    /// The number before it in the same length.
    pub fn previous(self) -> Option<Self> {
        self.value.checked_sub(1).map(|value| Self { len: self.len, value })
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:0width$}", self.value, width = usize::from(self.len))
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NumberError::NotDigits);
        }
        let len = u8::try_from(text.len()).ok().filter(|len| *len <= 15);
        let len = len.ok_or(NumberError::TooLong)?;
        let value = text.bytes().fold(0, |value, byte| value * 10 + u64::from(byte - b'0'));
        Ok(Self { len, value })
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed::<Spelled, D>(deserializer).map(|Spelled(number)| number)
    }
}

/// A number of a manifest: blanks around it are allowed, as around the parts of a range.
struct Spelled(Number);

impl FromStr for Spelled {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        text.trim().parse().map(Self)
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "One number, digits only",
            "examples": ["1000"]
        })
    }
}

/// An inclusive range of numbers of one length; a single number is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberRange {
    first: Number,
    last: Number,
}

impl NumberRange {
    /// A range; refused when reversed or of two lengths.
    pub fn new(first: Number, last: Number) -> Result<Self, NumberError> {
        if first.len != last.len {
            return Err(NumberError::DigitCounts);
        }
        if first.value > last.value {
            return Err(NumberError::Reversed);
        }
        Ok(Self { first, last })
    }

    /// A range of one.
    pub fn single(number: Number) -> Self {
        Self { first: number, last: number }
    }

    /// First number.
    pub fn first(self) -> Number {
        self.first
    }

    /// Last number, included.
    pub fn last(self) -> Number {
        self.last
    }

    /// How many numbers.
    pub fn size(self) -> u64 {
        self.last.value - self.first.value + 1
    }

    /// Whether it holds the number.
    pub fn contains(self, number: Number) -> bool {
        self.first <= number && number <= self.last
    }

    /// What both hold.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let first = self.first.max(other.first);
        let last = self.last.min(other.last);
        (first <= last).then_some(Self { first, last })
    }
}

impl Ord for NumberRange {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.first, self.last).cmp(&(other.first, other.last))
    }
}

impl PartialOrd for NumberRange {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for NumberRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            return self.first.fmt(f);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for NumberRange {
    type Err = NumberError;

    /// `1000` or `1000-2000`; blanks around the parts are allowed. A leading `0` is a matter of
    /// [`LeadingPrefix`], not of this parser.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let mut parts = text.split(['-', '\u{2013}', '\u{2212}']).map(str::trim);
        let first: Number = parts.next().unwrap_or_default().parse()?;
        let Some(last) = parts.next() else { return Ok(Self::single(first)) };
        if parts.next().is_some() {
            return Err(NumberError::Dashes);
        }
        Self::new(first, last.parse()?)
    }
}

text_value!(NumberRange, {
    "type": ["string", "integer"],
    "description": "One number, or an inclusive range whose ends have the same number of digits",
    "examples": ["1000-1999"]
});

/// The numbers of a pool: the items as written, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DidSet {
    items: Vec<NumberRange>,
}

impl DidSet {
    /// From items in their written order.
    pub fn new(items: Vec<NumberRange>) -> Self {
        Self { items }
    }

    /// The items as written.
    pub fn items(&self) -> &[NumberRange] {
        &self.items
    }

    /// The same numbers as sorted ranges that neither overlap nor touch.
    pub fn merged(&self) -> Vec<NumberRange> {
        let mut sorted = self.items.clone();
        sorted.sort_unstable();
        let mut merged: Vec<NumberRange> = Vec::with_capacity(sorted.len());
        for item in sorted {
            match merged.last_mut() {
                Some(last)
                    if last.last.offset(1).is_some_and(|next| item.first <= next)
                        || item.first <= last.last =>
                {
                    last.last = last.last.max(item.last);
                }
                _ => merged.push(item),
            }
        }
        merged
    }

    /// Whether it holds the number.
    pub fn contains(&self, number: Number) -> bool {
        self.items.iter().any(|item| item.contains(number))
    }

    /// The same numbers, to be asked often.
    pub fn coverage(&self) -> Coverage {
        Coverage { ranges: self.merged() }
    }

    /// The parts of `range` that it does not hold, in order. Sorts the items: to ask often, ask
    /// [`DidSet::coverage`].
    pub fn uncovered(&self, range: NumberRange) -> Vec<NumberRange> {
        self.coverage().uncovered(range)
    }
}

/// A set of numbers that can be asked often: sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    ranges: Vec<NumberRange>,
}

impl Coverage {
    /// The ranges, sorted and apart.
    pub fn ranges(&self) -> &[NumberRange] {
        &self.ranges
    }

    /// The parts of `range` that it does not hold, in order; costs what it returns.
    pub fn uncovered(&self, range: NumberRange) -> Vec<NumberRange> {
        let mut rest = Vec::new();
        let mut next = Some(range.first);
        let begin = self.ranges.partition_point(|item| item.last < range.first);
        let met = self.ranges.get(begin..).unwrap_or_default();
        for item in met.iter().take_while(|item| item.first <= range.last) {
            let (Some(from), Some(both)) = (next, item.intersection(range)) else { continue };
            if let Some(gap_end) = both.first.previous().filter(|end| from <= *end) {
                rest.push(NumberRange { first: from, last: gap_end });
            }
            next = both.last.offset(1).filter(|number| *number <= range.last);
        }
        rest.extend(next.map(|first| NumberRange { first, last: range.last }));
        rest
    }
}

impl Serialize for DidSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(serializer)
    }
}

/// Reads the two written forms of a [`DidSet`].
struct Items;

impl<'de> de::Visitor<'de> for Items {
    type Value = DidSet;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of numbers and ranges, or one text with `;` between them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DidSet, E> {
        let items = text.split(';').map(|item| item.trim().parse().map_err(E::custom));
        items.collect::<Result<_, _>>().map(DidSet::new)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<DidSet, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<NumberRange>()? {
            items.push(item);
        }
        Ok(DidSet::new(items))
    }
}

impl<'de> Deserialize<'de> for DidSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Items)
    }
}

impl JsonSchema for DidSet {
    fn schema_name() -> Cow<'static, str> {
        "DidSet".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<NumberRange>();
        json_schema!({
            "type": ["string", "integer", "array"],
            "items": item,
            "minItems": 1,
            "description": "Numbers and inclusive ranges: a list, or one text with `;` between the items",
            "examples": [["1000-2000", "101"], "101; 203; 300-450"]
        })
    }
}

/// Which called numbers an inbound rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DidMatch {
    /// `"*"`: any number of the pool that no other rule answers.
    Any,
    /// One number or one range.
    Range(NumberRange),
}

impl std::fmt::Display for DidMatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Range(range) => range.fmt(f),
        }
    }
}

impl FromStr for DidMatch {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text == "*" { Ok(Self::Any) } else { text.parse().map(Self::Range) }
    }
}

text_value!(DidMatch, {
    "type": ["string", "integer"],
    "description": "One number, one range, or `*`: any number of the pool that no other rule answers",
    "examples": ["442079460000-442079460019", "*"]
});

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> DidSet {
        DidSet::new(text.split(';').map(|item| item.trim().parse().unwrap()).collect())
    }

    #[test]
    fn length_is_part_of_a_number() {
        let short: Number = "123".parse().unwrap();
        let padded: Number = "0123".parse().unwrap();
        assert_ne!(short, padded);
        assert_eq!(padded.to_string(), "0123");
        assert!(set("1000-2000").contains("1500".parse().unwrap()));
        assert!(!set("1000-2000").contains("10005".parse().unwrap()));
    }

    #[test]
    fn malformed_ranges_say_why() {
        let error = |text: &str| text.parse::<NumberRange>().unwrap_err();
        assert_eq!(error(""), NumberError::Empty);
        assert_eq!(error("2000-1000"), NumberError::Reversed);
        assert_eq!(error("10-200"), NumberError::DigitCounts);
        assert_eq!(error("1-2-3"), NumberError::Dashes);
        assert_eq!(error("12a"), NumberError::NotDigits);
        assert_eq!(error("1e3"), NumberError::NotDigits);
        assert_eq!(error("1234567890123456"), NumberError::TooLong);
        assert_eq!("100\u{2013}120".parse::<NumberRange>().unwrap().size(), 21);
    }

    #[test]
    fn uncovered_is_the_difference() {
        let pool = set("1000-1499; 1500-2000; 2100");
        let range = |text: &str| text.parse::<NumberRange>().unwrap();
        assert_eq!(pool.uncovered(range("1400-1600")), vec![]);
        assert_eq!(pool.uncovered(range("0990-1000")), vec![range("0990-0999")]);
        assert_eq!(
            pool.uncovered(range("1990-2110")),
            vec![range("2001-2099"), range("2101-2110")]
        );
        assert_eq!(pool.uncovered(range("9999")), vec![range("9999")]);
        assert_eq!(set("9998-9999").uncovered(range("9997-9999")), vec![range("9997")]);
    }

    #[test]
    fn merging_joins_neighbours() {
        assert_eq!(set("5-6; 1-2; 3; 10-11").merged(), set("1-3; 5-6; 10-11").items());
        assert_eq!(set("1-9; 3; 9").merged(), set("1-9").items());
    }
}
