//! What brands fill in: dated data, one file, with the source of each entry (`domain.md` section 9).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::brand::{BRANDS, Brand};
use super::spec::{NumberFormat, OutboundParameters};
use super::value::{Cidr, Date, Host};

/// The presets as data.
const FILE: &str = include_str!("presets.json");

/// What a brand fills in for a trunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresetDefaults {
    /// The provider's address.
    #[serde(default)]
    pub host: Option<Host>,
    /// The provider's port; 0: by DNS.
    #[serde(default)]
    pub port: Option<u16>,
    /// Further addresses from which the provider calls.
    #[serde(default)]
    pub associated_ips: Option<Vec<Cidr>>,
    /// What the headers of calls to the provider say.
    #[serde(default)]
    pub outbound_parameters: Option<OutboundParameters>,
    /// The form of numbers that are sent.
    #[serde(default)]
    pub number: Option<NumberFormat>,
}

/// One brand's preset.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preset {
    /// The provider's name.
    pub label: String,
    /// The day that the facts are of.
    pub as_of: Date,
    /// Where they come from.
    pub source: String,
    /// What it fills in, in manifest form.
    pub defaults: Value,
    /// What a region fills in instead.
    #[serde(default)]
    pub regions: BTreeMap<String, Value>,
    /// What a person should know.
    #[serde(default)]
    pub advice: Vec<String>,
}

impl Preset {
    /// Whether the region of a brand is one of this preset's.
    pub fn has_region(&self, brand: &Brand) -> bool {
        brand.region().is_none_or(|region| self.regions.contains_key(region))
    }

    /// What it fills in for a brand with its region, in manifest form.
    pub fn defaults_of(&self, brand: &Brand) -> Value {
        let mut all = self.defaults.as_object().cloned().unwrap_or_default();
        let region = brand.region().and_then(|region| self.regions.get(region));
        all.extend(region.and_then(Value::as_object).cloned().unwrap_or_default());
        Value::Object(all)
    }
}

static PRESETS: LazyLock<BTreeMap<String, Preset>> =
    // The file is ours, and a test reads all of it.
    LazyLock::new(|| serde_json::from_str(FILE).expect("the presets are well formed"));

/// Typed defaults by brand with its region, read once.
static DEFAULTS: LazyLock<BTreeMap<String, PresetDefaults>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for (key, preset) in PRESETS.iter() {
        let regions = preset.regions.keys().map(|region| format!("{key}/{region}"));
        for name in std::iter::once(key.clone()).chain(regions) {
            let Ok(brand) = name.parse::<Brand>() else { continue };
            let defaults = serde_json::from_value(preset.defaults_of(&brand));
            all.insert(name, defaults.expect("a preset's defaults are well formed"));
        }
    }
    all
});

/// The preset of a brand; none of `generic`.
pub fn preset(brand: &Brand) -> Option<&'static Preset> {
    PRESETS.get(brand.key())
}

static LABELS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let regions = |key: &str| {
        let regions = PRESETS.get(key).map(|preset| preset.regions.keys()).into_iter().flatten();
        regions.map(|region| format!("{key}/{region}")).collect::<Vec<_>>()
    };
    let labels = |key: &&str| std::iter::once((*key).to_owned()).chain(regions(key));
    BRANDS.iter().flat_map(labels).collect()
});

/// Every brand as written, each with its regions.
pub fn brand_labels() -> &'static [String] {
    &LABELS
}

/// What a brand fills in; `None` for `generic`, and for a region that the preset does not have.
pub(super) fn defaults(brand: &Brand) -> Option<&'static PresetDefaults> {
    if brand.is_generic() {
        return None;
    }
    DEFAULTS.get(&brand.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_brand_has_a_preset_and_every_preset_is_a_brand() {
        let brands: Vec<_> = BRANDS.iter().filter(|one| **one != "generic").copied().collect();
        let mut presets: Vec<_> = PRESETS.keys().map(String::as_str).collect();
        presets.sort_by_key(|key| brands.iter().position(|brand| brand == key));
        assert_eq!(presets, brands);
        for (key, preset) in PRESETS.iter() {
            assert!(!preset.label.is_empty() && !preset.source.is_empty(), "{key}");
        }
        assert!(DEFAULTS.len() >= brands.len());
    }

    #[test]
    fn a_region_fills_in_over_its_brand() {
        let us = defaults(&"wavix/us".parse().unwrap()).unwrap();
        assert_eq!(us.host, Some("us.wavix.net".parse().unwrap()));
        assert_eq!(defaults(&"wavix/mars".parse().unwrap()), None);
        assert_eq!(defaults(&Brand::default()), None);
    }
}
