//! Parsed values: never raw strings where a rule exists.

use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

mod codes;
mod country;
mod host;
mod mask;
mod name;
mod number;
mod phone;
mod seconds;
mod secret;
mod source_address;
mod time;

pub use codes::StatusRange;
pub use country::is_country_code;
pub use host::{Cidr, Host, HostPort, SipTarget};
pub use mask::CallerMask;
pub use name::Name;
pub use number::{Coverage, DidMatch, DidSet, LeadingPrefix, Number, NumberError, NumberRange};
pub use phone::PhoneNumber;
pub use seconds::Seconds;
pub use secret::{SecretRef, age_refusal, secret_file_refusal};
pub use source_address::SourceAddress;
pub use time::{Date, TimeRange, Timestamp};

/// Implements `Serialize`, `Deserialize` and `JsonSchema` through `Display` and `FromStr`.
macro_rules! text_value {
    ($type:ident, $schema:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::model::value::parsed(deserializer)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}
pub(crate) use text_value;

/// Reads a value from a text, without a copy of the text.
pub(crate) fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: serde::Deserializer<'de>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err: Display>> serde::de::Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(PhantomData))
}
