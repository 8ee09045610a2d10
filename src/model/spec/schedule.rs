//! Office hours and holidays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Date, TimeRange, form};

/// Office hours and holidays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// The IANA time zone; absent: the tenant's. Example: `Europe/London`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")
    )]
    pub timezone: Option<String>,
    /// The hours of each weekday; a weekday that is absent is closed.
    #[serde(default)]
    pub weekly: Weekly,
    /// Days that are no working days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub holidays: Vec<Holiday>,
}

/// The hours of each weekday.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Weekly {
    /// Monday. Example: `["09:00-12:00", "13:00-17:00"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monday: Option<OpenHours>,
    /// Tuesday. Example: `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuesday: Option<OpenHours>,
    /// Wednesday. Example: `["09:00-17:00"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wednesday: Option<OpenHours>,
    /// Thursday. Example: `["09:00-17:00"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thursday: Option<OpenHours>,
    /// Friday. Example: `["09:00-16:00"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friday: Option<OpenHours>,
    /// Saturday. Example: `["09:00-12:00"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturday: Option<OpenHours>,
    /// Sunday. Example: `["10:00-12:00"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunday: Option<OpenHours>,
}

impl Weekly {
    /// The hours of a day, Monday being 0; `None` is closed.
    pub fn day(&self, from_monday: usize) -> Option<&OpenHours> {
        let days = [
            &self.monday,
            &self.tuesday,
            &self.wednesday,
            &self.thursday,
            &self.friday,
            &self.saturday,
            &self.sunday,
        ];
        days.get(from_monday)?.as_ref()
    }
}

/// The hours of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenHours {
    /// The word `open`: all day.
    AllDay,
    /// These parts of the day.
    Ranges(Vec<TimeRange>),
}

impl OpenHours {
    /// The parts of the day; none where it is all day.
    pub fn ranges(&self) -> &[TimeRange] {
        match self {
            Self::AllDay => &[],
            Self::Ranges(ranges) => ranges,
        }
    }

    /// Whether a minute of the day is inside.
    pub fn contains(&self, minute: u16) -> bool {
        match self {
            Self::AllDay => true,
            Self::Ranges(ranges) => ranges.iter().any(|range| range.contains(minute)),
        }
    }
}

impl Serialize for OpenHours {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AllDay => serializer.serialize_str("open"),
            Self::Ranges(ranges) => ranges.serialize(serializer),
        }
    }
}

/// Reads the two written forms of [`OpenHours`].
struct Hours;

impl<'de> serde::de::Visitor<'de> for Hours {
    type Value = OpenHours;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`open`, or a list of time ranges")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OpenHours, E> {
        match text {
            "open" => Ok(OpenHours::AllDay),
            other => Err(E::custom(format!("`{other}` is neither `open` nor a list of ranges"))),
        }
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OpenHours, A::Error> {
        let mut ranges = Vec::new();
        while let Some(range) = seq.next_element()? {
            ranges.push(range);
        }
        Ok(OpenHours::Ranges(ranges))
    }
}

impl<'de> Deserialize<'de> for OpenHours {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Hours)
    }
}

impl JsonSchema for OpenHours {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OpenHours".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let item = generator.subschema_for::<TimeRange>();
        schemars::json_schema!({
            "type": ["string", "array"],
            "pattern": "^open$",
            "items": item,
            "maxItems": 48,
            "description": "The word `open` (all day), or a list of time ranges",
            "examples": [["09:00-12:00", "13:00-17:00"], "open"]
        })
    }
}

/// Days that are no working days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Holiday {
    /// Its name. Example: `Christmas`.
    #[schemars(schema_with = "form::text_of_128")]
    pub name: String,
    /// The first day. Example: `2027-12-24`.
    pub from: Date,
    /// The last day, included. Example: `2027-12-26`.
    pub to: Date,
    /// Whether it comes back on the same days of every year.
    #[serde(default)]
    pub every_year: bool,
}
