//! Brands: presets of providers that fill defaults (`domain.md` section 9).

use std::str::FromStr;

use super::preset::{brand_labels, defaults};
use super::spec::{Trunk, TrunkType};
use super::value::{Cidr, Host, text_value};

/// Every brand, as written.
pub const BRANDS: &[&str] = &[
    "generic",
    "twilio",
    "twilio-interconnect",
    "telnyx",
    "vonage",
    "voip-ms",
    "voxtelesys",
    "wavix",
    "voip-innovations",
    "bandwidth",
    "flowroute",
    "gamma",
    "aire-networks",
    "voicemeup",
    "questblue",
];

/// The brand of a trunk: a provider's key, with a region where the provider has some.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Brand {
    key: &'static str,
    region: Option<Box<str>>,
}

impl Brand {
    /// The provider's key, `telnyx`.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The region, `us`.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether it is none in particular.
    pub fn is_generic(&self) -> bool {
        self.key == "generic"
    }
}

impl Default for Brand {
    fn default() -> Self {
        Self { key: "generic", region: None }
    }
}

impl std::fmt::Display for Brand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{}/{region}", self.key),
            None => f.write_str(self.key),
        }
    }
}

impl FromStr for Brand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, region) = match text.split_once('/') {
            Some((key, region)) => (key, Some(region)),
            None => (text, None),
        };
        let known = BRANDS.iter().find(|brand| **brand == key);
        let known =
            known.ok_or_else(|| format!("`{text}` is not a brand that this build knows"))?;
        let plain = |region: &str| {
            let word =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !region.is_empty() && region.len() <= 32 && region.bytes().all(word)
        };
        if region.is_some_and(|region| !plain(region) || *known == "generic") {
            return Err(format!("`{text}` has no such region"));
        }
        Ok(Self { key: known, region: region.map(Into::into) })
    }
}

text_value!(Brand, {
    "type": "string",
    "pattern": "^[a-z][a-z0-9-]*(/[a-z0-9-]+)?$",
    "description": "A provider's preset, with a region after `/` where it has some",
    "examples": ["telnyx/us"],
    "x-published": {"pattern": null, "enum": brand_labels()}
});

/// What is in force for a trunk: as it is written, else as the brand has it, else the default.
impl Trunk {
    /// The provider's address; types without one have none.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref().or_else(|| defaults(&self.brand)?.host.as_ref())
    }

    /// The provider's host and, where the manifest or brand names it, port, as a URI says them.
    pub fn host_port(&self) -> String {
        match (self.host(), self.port()) {
            (None, _) => String::new(),
            (Some(host), 0) => host.to_string(),
            (Some(host), port) => format!("{host}:{port}"),
        }
    }

    /// The provider's port; 0: by DNS, for an IP address the protocol's own.
    pub fn port(&self) -> u16 {
        self.port.or_else(|| defaults(&self.brand)?.port).unwrap_or(0)
    }

    /// The further addresses from which the provider calls.
    pub fn associated_ips(&self) -> &[Cidr] {
        let written = self.associated_ips.as_deref();
        written.or_else(|| defaults(&self.brand)?.associated_ips.as_deref()).unwrap_or_default()
    }

    /// Whether trunks of this type talk to a host that the manifest or brand names.
    pub fn has_host(&self) -> bool {
        matches!(self.trunk_type, TrunkType::Register | TrunkType::Ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_are_known_and_may_have_a_region() {
        let brand: Brand = "telnyx/us".parse().unwrap();
        assert_eq!((brand.key(), brand.region()), ("telnyx", Some("us")));
        assert_eq!(brand.to_string(), "telnyx/us");
        for bad in ["", "Twilio", "telnyx/", "acme", "generic/us", "telnyx/U S"] {
            assert!(bad.parse::<Brand>().is_err(), "{bad}");
        }
    }
}
