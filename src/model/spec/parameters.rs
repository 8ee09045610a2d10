//! What the headers of a trunk's calls say, and where they are read (`domain.md` section 7).

use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Serialize};

use super::form;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$each])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every word.
            pub const WORDS: &[&str] = &[$($word,)*];

            /// As written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is none of {}", Self::WORDS.join(", "))),
                }
            }
        }
    };
}

words! {
    /// What a display name or user part says.
    UserWord {
        /// The registration's user name.
        AuthId "AUTH_ID",
        /// The caller's number.
        CallerNumber "CALLER_NUM",
        /// The called number.
        CalledNumber "CALLED_NUM",
        /// The caller's display name.
        CallerDisplayName "CALLER_DISPLAY_NAME",
        /// The caller ID that applies to the call.
        OutboundCallerId "OUTBOUND_CALLER_ID",
        /// The number of who called first, before a forward.
        OriginatorCallerId "ORIGINATOR_CALLER_ID",
        /// The caller ID, and the originator where there is one.
        OutboundAndOriginator "OUTBOUND_CALLER_ID_AND_ORIGINATOR_CALLER_ID",
        /// The word anonymous.
        Anonymous "ANONYMOUS",
        /// What the engine writes by itself.
        #[default]
        Default "DEFAULT",
    }
}

words! {
    /// What a host part says.
    HostWord {
        /// The trunk's host and port.
        TrunkHostPort "TRUNK_HOST_PORT",
        /// The host and port that the request is sent to.
        OutHostPort "OUT_HOST_PORT",
        /// Our Contact's host and port.
        ContactUri "CONTACT_URI",
        /// The tenant's SIP domain.
        SipDomain "SIP_DOMAIN",
        /// What the engine writes by itself.
        #[default]
        Default "DEFAULT",
    }
}

words! {
    /// What the Privacy header says (RFC 3323).
    Privacy {
        /// What the engine writes by itself.
        #[default]
        Default "DEFAULT",
        /// `none`
        None "NONE",
        /// `id`
        Id "ID",
        /// `user`
        User "USER",
        /// `header`
        Header "HEADER",
        /// `session`
        Session "SESSION",
    }
}

words! {
    /// Where a number or name of an inbound call is read.
    InboundSource {
        /// The Request-URI's user.
        RequestUser "REQUEST_LINE_URI_USER_PART",
        /// The Contact's user.
        ContactUser "CONTACT_USER_PART",
        /// The display name of To.
        ToDisplayName "TO_DISPLAY_NAME",
        /// The user of To.
        ToUser "TO_USER_PART",
        /// The display name of From.
        FromDisplayName "FROM_DISPLAY_NAME",
        /// The user of From.
        FromUser "FROM_USER_PART",
        /// The display name of the called party's Remote-Party-ID.
        RemotePartyCalledDisplayName "REMOTE_PARTY_ID_CALLED_PARTY_DISPLAY_NAME",
        /// The user of the called party's Remote-Party-ID.
        RemotePartyCalledUser "REMOTE_PARTY_ID_CALLED_PARTY_USER_PART",
        /// The display name of the calling party's Remote-Party-ID.
        RemotePartyCallingDisplayName "REMOTE_PARTY_ID_CALLING_PARTY_DISPLAY_NAME",
        /// The user of the calling party's Remote-Party-ID.
        RemotePartyCallingUser "REMOTE_PARTY_ID_CALLING_PARTY_USER_PART",
        /// The display name of P-Asserted-Identity.
        AssertedDisplayName "P_ASSERTED_IDENTITY_DISPLAY_NAME",
        /// The user of P-Asserted-Identity.
        AssertedUser "P_ASSERTED_IDENTITY_USER_PART",
        /// The display name of P-Preferred-Identity.
        PreferredDisplayName "P_PREFERRED_IDENTITY_DISPLAY_NAME",
        /// The user of P-Preferred-Identity.
        PreferredUser "P_PREFERRED_IDENTITY_USER_PART",
        /// The display name of P-Called-Party-ID.
        CalledPartyDisplayName "P_CALLED_PARTY_ID_DISPLAY_NAME",
        /// The user of P-Called-Party-ID.
        CalledPartyUser "P_CALLED_PARTY_ID_USER_PART",
        /// The user of To for the called number, the user and display name of From for the caller.
        #[default]
        Default "DEFAULT",
    }
}

/// Where the numbers of a call from the provider are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundParameters {
    /// The caller's number. Example: `P_ASSERTED_IDENTITY_USER_PART`.
    #[serde(default)]
    pub caller_number: InboundSource,
    /// The caller's name. Example: `FROM_DISPLAY_NAME`.
    #[serde(default)]
    pub caller_name: InboundSource,
    /// The called number. Example: `REQUEST_LINE_URI_USER_PART`.
    #[serde(default)]
    pub called_number: InboundSource,
    /// The privacy that is understood. Example: `ID`.
    #[serde(default)]
    pub privacy: Privacy,
}

macro_rules! slot {
    ($(#[$doc:meta])* $name:ident $word:ident $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            /// One of the words.
            Word($word),
            /// `{custom: TEXT}`: this text.
            Custom(String),
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Word($word::default())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                text.parse().map(Self::Word)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::Word(word) => serializer.serialize_str(word.as_str()),
                    Self::Custom(custom) => {
                        CustomText { custom: custom.clone() }.serialize(serializer)
                    }
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Forms;
                impl<'de> serde::de::Visitor<'de> for Forms {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("one word, or `{custom: TEXT}`")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<$name, A::Error> {
                        let text = CustomText::deserialize(MapAccessDeserializer::new(map))?;
                        Ok($name::Custom(text.custom))
                    }
                }
                d.deserialize_any(Forms)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let text = custom_text("integer");
                let published = form::choice(&[
                    serde_json::json!({"type": "string", "enum": $word::WORDS}),
                    form::block_of("custom", &custom_text("number")),
                ]);
                schemars::json_schema!({
                    "type": ["string", "object"],
                    "pattern": format!("^({})$", $word::WORDS.join("|")),
                    "properties": {"custom": text},
                    "x-published": published,
                    "required": ["custom"],
                    "additionalProperties": false,
                    "description": format!(
                        "One of {}, or `{{custom: TEXT}}`", $word::WORDS.join(", ")
                    ),
                    "examples": [$example, {"custom": "text"}]
                })
            }
        }
    };
}

/// The text of a slot; what YAML takes for a number is one, too.
fn custom_text(number: &str) -> serde_json::Value {
    serde_json::json!({
        "type": ["string", number], "pattern": "^[ -~]{1,128}$",
        "description": "The text itself", "examples": ["text"]
    })
}

/// The mapping form of a slot.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomText {
    custom: String,
}

slot! {
    /// What a display name or user part says: one word, or `{custom: TEXT}`.
    UserSlot UserWord "OUTBOUND_CALLER_ID"
}

slot! {
    /// What a host part says: one word, or `{custom: TEXT}`.
    HostSlot HostWord "TRUNK_HOST_PORT"
}

/// What the headers of a call to the provider say. What is absent is as the brand has it, else
/// `DEFAULT`; the user of From is `OUTBOUND_CALLER_ID`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundParameters {
    /// The Request-URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_uri: Option<AddressSlots>,
    /// Contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<AddressSlots>,
    /// To.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NamedSlots>,
    /// From.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "from_slots")]
    pub from: Option<NamedSlots>,
    /// Remote-Party-ID of the called party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_party_id_called: Option<NamedSlots>,
    /// Remote-Party-ID of the calling party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_party_id_calling: Option<NamedSlots>,
    /// P-Asserted-Identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_asserted_identity: Option<RemovableSlots>,
    /// P-Preferred-Identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_preferred_identity: Option<RemovableSlots>,
    /// P-Called-Party-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_called_party_id: Option<RemovableSlots>,
    /// What the Privacy header says. Example: `ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub privacy: Option<Privacy>,
}

/// The parts of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressSlots {
    /// The user part. Example: `CALLED_NUM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub user: Option<UserSlot>,
    /// The host part. Example: `TRUNK_HOST_PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub host: Option<HostSlot>,
}

/// The parts of an address with a display name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedSlots {
    /// The display name. Example: `CALLER_DISPLAY_NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub display_name: Option<UserSlot>,
    /// The user part. Example: `OUTBOUND_CALLER_ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub user: Option<UserSlot>,
    /// The host part. Example: `TRUNK_HOST_PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub host: Option<HostSlot>,
}

/// The slots of From, whose user is another one by default.
fn from_slots(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = NamedSlots::json_schema(generator);
    if let Some(default) = schema.pointer_mut("/properties/user/default") {
        *default = UserWord::OutboundCallerId.as_str().into();
    }
    schema
}

/// The parts of a header, or `remove: true` in their place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = alone)]
pub struct RemovableSlots {
    /// `true`: the header is taken out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub remove: bool,
    /// The display name. Example: `CALLER_DISPLAY_NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub display_name: Option<UserSlot>,
    /// The user part. Example: `OUTBOUND_CALLER_ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub user: Option<UserSlot>,
    /// The host part. Example: `TRUNK_HOST_PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "DEFAULT"))]
    pub host: Option<HostSlot>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// `remove: true` stands in place of the slots.
fn alone(schema: &mut schemars::Schema) {
    let rule = serde_json::json!([{
        "if": {"properties": {"remove": {"const": true}}, "required": ["remove"]},
        "then": {"properties": {"displayName": false, "user": false, "host": false}},
    }]);
    schema.insert("allOf".to_owned(), rule);
}
