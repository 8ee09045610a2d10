//! Local SIP listeners.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cidr, Host, SecretRef, default};

/// The protocol of a listener.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// SIP over UDP.
    Udp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS.
    Tls,
}

impl Protocol {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port that is meant where none is written (RFC 3261 section 19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

/// A local SIP listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-published" = {"allOf": [
    {
        "if": {"properties": {"protocol": {"const": "tls"}}, "required": ["protocol"]},
        "then": {"required": ["tls"]}
    },
    {
        "if": {"properties": {"protocol": {"enum": ["udp", "tcp"]}}, "required": ["protocol"]},
        "then": {"properties": {"tls": false}}
    }
]}))]
pub struct Transport {
    /// The protocol. It cannot be changed: declare another transport. Example: `udp`.
    pub protocol: Protocol,
    /// The local address to listen on. Example: `203.0.113.5`.
    #[serde(default = "default::any_address")]
    pub bind: IpAddr,
    /// The local port, 1 to 65535. Port 0 (any free port) is for tests only and needs the
    /// annotation `trunkline.dev/ephemeral`. Example: `5060`.
    pub port: u16,
    /// What stands in Via, Contact and Record-Route; absent: the bound address.
    /// Example: `sbc.example.net`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Host>,
    /// Certificates and what is asked of the other side; for `protocol: tls` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// What a request from an address that no trunk, PBX or phone has gets: nothing (`drop`), or
    /// an answer. Example: `drop`.
    #[serde(default)]
    #[schemars(schema_with = "unknown_sources")]
    pub unknown_sources: UnknownSources,
    /// Addresses of proxies in front of this listener whose topmost Via names the real source.
    /// Example: `["192.0.2.10/32"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub trusted_proxies: Vec<Cidr>,
}

/// Words that a reader of YAML may take for numbers.
fn unknown_sources(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["string", "integer"], "enum": ["drop", "403", "404", 403, 404]
    })
}

fn min_version(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["string", "number"], "enum": ["1.2", "1.3", 1.2, 1.3]})
}

/// What an unknown source gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownSources {
    /// Nothing, not even an error.
    #[default]
    #[serde(rename = "drop")]
    Drop,
    /// 403 Forbidden.
    #[serde(rename = "403")]
    Forbidden,
    /// 404 Not Found.
    #[serde(rename = "404")]
    NotFound,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTls {
    /// The certificate chain: a PEM file below the daemon's secrets folder, or the PEM text itself.
    /// Example: `sbc/fullchain.pem`.
    #[schemars(length(min = 1, max = 65536), extend("format" = "PemOrFile"))]
    pub certificate: String,
    /// The private key of the certificate, PEM.
    pub private_key: SecretRef,
    /// Whether the other side is asked for a certificate. Example: `optional`.
    #[serde(default)]
    pub client_certificate: ClientCertificate,
    /// Who may have signed the other side's certificate: a PEM file, or the PEM text itself.
    /// Example: `carriers/ca.pem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1048576), extend("format" = "PemOrFile"))]
    pub client_ca: Option<String>,
    /// The lowest version that is spoken. Example: `1.2`.
    #[serde(default)]
    #[schemars(schema_with = "min_version")]
    pub min_version: TlsVersion,
}

/// Whether a certificate is asked of the other side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClientCertificate {
    /// Not asked for.
    #[default]
    Disable,
    /// Asked for, and checked when there is one.
    Optional,
    /// Without a valid one there is no connection.
    Require,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V13,
}
