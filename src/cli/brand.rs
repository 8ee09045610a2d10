//! `trunkline explain trunk --brand NAME`: what a brand fills in.

use std::fmt::Write as _;

use serde_json::json;

use super::Failure;
use super::explain::{Topic, written};
use crate::manifest::suggest;
use crate::model::{BRANDS, Brand, preset};

pub(super) fn brand_topic(name: &str) -> Result<Topic, Failure> {
    let brand: Brand = name.parse().map_err(|_| {
        let help = match suggest::nearest(name, BRANDS.iter().copied()) {
            Some(word) => format!("did you mean `{word}`? The brands are {}", BRANDS.join(", ")),
            None => format!("the brands are {}", BRANDS.join(", ")),
        };
        Failure::usage(format!("there is no brand `{name}`")).help(help)
    })?;
    let Some(preset) = preset(&brand) else {
        return Ok(Topic {
            text: format!("{brand}: fills in nothing; every default is the language's own.\n"),
            json: json!({"brand": brand.to_string()}),
        });
    };
    if !preset.has_region(&brand) {
        let regions: Vec<_> =
            preset.regions.keys().map(|key| format!("{}/{key}", brand.key())).collect();
        let help = if regions.is_empty() {
            "it has no regions".to_owned()
        } else {
            format!("its regions are {}", regions.join(", "))
        };
        return Err(Failure::usage(format!("there is no brand `{brand}`")).help(help));
    }
    let mut text = format!(
        "{brand}: {}\nas of {}, from {}\n\nFills in, where the manifest says nothing:\n",
        preset.label, preset.as_of, preset.source
    );
    let defaults = preset.defaults_of(&brand);
    let json = json!({
        "brand": brand.to_string(), "label": preset.label, "asOf": preset.as_of.to_string(),
        "source": preset.source, "defaults": defaults, "regions": preset.regions.keys().collect::<Vec<_>>(), "advice": preset.advice,
    });
    match defaults.as_object().filter(|all| !all.is_empty()) {
        None => text.push_str("  nothing: the provider gives each customer values of its own\n"),
        Some(all) => {
            for (name, value) in all {
                writeln!(text, "  {name}: {}", written(value)).ok();
            }
        }
    }
    if !preset.regions.is_empty() {
        let regions: Vec<_> =
            preset.regions.keys().map(|key| format!("{}/{key}", brand.key())).collect();
        writeln!(text, "\nRegions: {}", regions.join(", ")).ok();
    }
    if !preset.advice.is_empty() {
        text.push_str("\nAdvice\n");
        for one in &preset.advice {
            writeln!(text, "  - {one}").ok();
        }
    }
    Ok(Topic { text, json })
}
