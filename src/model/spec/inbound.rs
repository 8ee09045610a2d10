//! From a trunk's number to a destination.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    CallerMask, DidMatch, Name, Number, NumberRange, PhoneNumber, SipTarget, TimeRange, default,
};

/// Where a call goes: exactly one of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Destination {
    /// An extension of the tenant, or a range as long as the DID range, mapped by offset.
    /// Example: `1000`.
    Extension(NumberRange),
    /// An external number, called through the tenant's outbound rules. Example: `+442079460111`.
    Number(PhoneNumber),
    /// A SIP URI; `{did}` and `{caller}` in the user part are filled in.
    /// Example: `sip:{did}@192.0.2.30`.
    Sip(SipTarget),
    /// The voicemail of an extension. Example: `1000`.
    Voicemail(Number),
    /// `true`: leave the called number as it is and hand it to outbound routing.
    Keep(#[schemars(extend("const" = true))] bool),
    /// Refuse with this SIP code, 400 to 699. Example: `486`.
    Reject(#[schemars(range(min = 400, max = 699))] u16),
}

/// What a rule is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Usage {
    /// Calls and messages.
    #[default]
    Both,
    /// Calls.
    Call,
    /// Messages.
    Message,
}

impl Usage {
    /// Whether something is for both.
    pub fn intersects(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

/// From a trunk's number to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundRule {
    /// The trunk's name: the tenant's own, else the system's. Example: `carrier-a`.
    pub trunk: Name,
    /// One number, one range, or `"*"`. Example: `442079460000`.
    pub did: DidMatch,
    /// Only calls from these numbers, as they are presented: a list, or one text with `;`; absent:
    /// from everybody. Such a rule comes before one without. Example: `["0044**********"]`.
    #[serde(default, deserialize_with = "masks", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "caller_masks")]
    pub caller: Vec<CallerMask>,
    /// Calls, messages, or both. Example: `call`.
    #[serde(default)]
    pub usage: Usage,
    /// Whether the rule counts.
    #[serde(default = "default::yes")]
    pub enabled: bool,
    /// The office hours: the name of a Schedule; absent: always in hours. Example: `office`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Name>,
    /// Where the call goes in hours.
    pub destination: Destination,
    /// Where it goes out of hours; absent: refused with 480.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_hours: Option<Destination>,
    /// Where it goes on a holiday; absent: as out of hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holiday: Option<Destination>,
    /// Exceptions, looked at first and in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub advanced: Vec<Exception>,
}

impl InboundRule {
    /// Every destination with the place of its field.
    pub fn destinations(&self) -> impl Iterator<Item = (DestinationField, Cow<'_, Destination>)> {
        use DestinationField as Field;
        let plain = [
            (Field::Destination, Some(&self.destination)),
            (Field::OutOfHours, self.out_of_hours.as_ref()),
            (Field::Holiday, self.holiday.as_ref()),
        ];
        let plain = plain.into_iter().filter_map(|(at, one)| Some((at, Cow::Borrowed(one?))));
        let advanced = self.advanced.iter().enumerate();
        plain.chain(advanced.filter_map(|(index, one)| {
            Some((Field::Advanced(index), Cow::Owned(one.destination()?)))
        }))
    }
}

/// A field of an [`InboundRule`] that holds a destination; prints as a JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DestinationField {
    /// In hours.
    Destination,
    /// Out of hours.
    OutOfHours,
    /// On holidays.
    Holiday,
    /// One of `advanced`, by its index.
    Advanced(usize),
}

impl std::fmt::Display for DestinationField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Destination => f.write_str("/spec/destination"),
            Self::OutOfHours => f.write_str("/spec/outOfHours"),
            Self::Holiday => f.write_str("/spec/holiday"),
            Self::Advanced(index) => write!(f, "/spec/advanced/{index}"),
        }
    }
}

fn masks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CallerMask>, D::Error> {
    deserializer.deserialize_any(Masks)
}

/// Reads the two written forms of a list of masks.
struct Masks;

impl<'de> serde::de::Visitor<'de> for Masks {
    type Value = Vec<CallerMask>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of caller masks, or one text with `;` between them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.split(';').map(|item| item.trim().parse().map_err(E::custom)).collect()
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut masks = Vec::new();
        while let Some(mask) = seq.next_element()? {
            masks.push(mask);
        }
        Ok(masks)
    }
}

fn caller_masks(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let item = generator.subschema_for::<CallerMask>();
    schemars::json_schema!({
        "type": ["string", "integer", "array"], "items": item, "minItems": 1, "maxItems": 1000
    })
}

/// Another destination under a condition: `when`, and exactly one destination beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 2, "maxProperties" = 2))]
pub struct Exception {
    /// When it holds: every condition that is written.
    pub when: When,
    /// An extension of the tenant, or a range as long as the DID range. Example: `1000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<NumberRange>,
    /// An external number, called through the tenant's outbound rules. Example: `+442079460111`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<PhoneNumber>,
    /// A SIP URI; `{did}` and `{caller}` in the user part are filled in.
    /// Example: `sip:{did}@192.0.2.30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipTarget>,
    /// The voicemail of an extension. Example: `1000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<Number>,
    /// `true`: leave the called number as it is and hand it to outbound routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "only_true")]
    pub keep: Option<bool>,
    /// Refuse with this SIP code, 400 to 699. Example: `486`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 400, max = 699))]
    pub reject: Option<u16>,
}

fn only_true(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "boolean", "const": true})
}

impl Exception {
    /// The destination; the schema sees to it that there is exactly one.
    pub fn destination(&self) -> Option<Destination> {
        let keep = || self.keep.map(Destination::Keep);
        self.extension
            .map(Destination::Extension)
            .or_else(|| self.number.clone().map(Destination::Number))
            .or_else(|| self.sip.clone().map(Destination::Sip))
            .or_else(|| self.voicemail.map(Destination::Voicemail))
            .or_else(keep)
            .or_else(|| self.reject.map(Destination::Reject))
    }
}

/// A condition on the time of a call; what is absent or empty always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct When {
    /// Years. Example: `[2027]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "years")]
    pub years: Vec<u16>,
    /// Months, 1 to 12. Example: `[12]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "months")]
    pub months: Vec<u8>,
    /// Days of the month, 1 to 31. Example: `[24, 31]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "days")]
    pub days: Vec<u8>,
    /// Weekdays, 1 (Monday) to 7 (Sunday). Example: `[6, 7]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "weekdays")]
    pub weekdays: Vec<u8>,
    /// Times of the day. Example: `["12:00-13:00"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 48))]
    pub times: Vec<TimeRange>,
}

fn whole_numbers(least: u16, most: u16) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array", "maxItems": 100,
        "items": {"type": "integer", "minimum": least, "maximum": most}
    })
}

fn years(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    whole_numbers(1970, 9999)
}

fn months(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    whole_numbers(1, 12)
}

fn days(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    whole_numbers(1, 31)
}

fn weekdays(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    whole_numbers(1, 7)
}
