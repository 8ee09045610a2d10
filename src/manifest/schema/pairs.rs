//! Which unknown field of a mapping means which field that is missing there: that is one mistake.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind as Finding;

use super::words::Place;
use crate::manifest::node::{Node, Value};
use crate::manifest::{suggest, synonyms};

/// Unknown fields of one mapping that are compared with what is missing from it.
const MAX_UNKNOWN: usize = 1000;

/// What an unknown field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// This field, by its name.
    Field(String),
    /// Perhaps this one: nothing else is missing, and nothing else is unknown.
    Perhaps(String),
    /// All of these: one word says what they say together.
    Several(&'static [&'static str]),
}

/// The pairs of a document, by the pointers of its mappings and by the unknown fields.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    meant: BTreeMap<String, BTreeMap<String, Meant>>,
    /// What is missing from each mapping, sorted.
    missing: BTreeMap<String, Vec<String>>,
}

/// A mapping with unknown fields.
#[derive(Debug, Default)]
struct Mapping {
    unknown: Vec<String>,
    missing: Vec<String>,
    known: Vec<String>,
}

impl Pairs {
    /// Pairs what some findings say.
    pub(super) fn of(document: &Node, findings: &[(Place<'_>, &Finding)]) -> Self {
        let mut mappings: BTreeMap<&str, Mapping> = BTreeMap::new();
        for (place, finding) in findings {
            let pointer = place.pointer;
            if let Finding::AdditionalProperties { unexpected } = finding {
                let mapping = mappings.entry(pointer).or_default();
                mapping.unknown.extend(unexpected.iter().take(MAX_UNKNOWN).cloned());
                mapping.known = place.known_fields().into_iter().map(str::to_owned).collect();
            } else if let Finding::Required { property } = finding {
                let mapping = mappings.entry(pointer).or_default();
                mapping.missing.extend(property.as_str().map(str::to_owned));
            }
        }
        let mut pairs = Self::default();
        for (pointer, mut mapping) in mappings {
            mapping.missing.sort_unstable();
            mapping.missing.dedup();
            pairs.missing.insert(pointer.to_owned(), mapping.missing.clone());
            let node = document.pointer(pointer).filter(|_| !mapping.unknown.is_empty());
            if let Some(node) = node {
                pairs.meant.insert(pointer.to_owned(), mapping.pairs(node));
            }
        }
        pairs
    }

    /// What an unknown field of the mapping at a place means.
    pub(super) fn meant(&self, pointer: &str, unknown: &str) -> Option<&Meant> {
        self.meant.get(pointer)?.get(unknown)
    }

    /// What is missing from the mapping at a place.
    pub(super) fn missing(&self, pointer: &str) -> &[String] {
        self.missing.get(pointer).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a field that is missing there is meant by an unknown one.
    pub(super) fn has(&self, pointer: &str, missing: &str) -> bool {
        let all = self.meant.get(pointer).into_iter().flat_map(BTreeMap::values);
        all.into_iter().any(|meant| match meant {
            Meant::Field(name) | Meant::Perhaps(name) => name == missing,
            Meant::Several(names) => names.contains(&missing),
        })
    }
}

impl Mapping {
    fn pairs(self, node: &Node) -> BTreeMap<String, Meant> {
        let (mut pairs, mut open) = (BTreeMap::new(), self.missing);
        // Words for what is missing come first, then those that are near, then all others.
        let mut left = Vec::new();
        for unknown in self.unknown {
            let is_open = |word: &&str| open.iter().any(|one| one == *word);
            if let Some(words) = synonyms::several(&unknown).filter(|all| all.iter().all(is_open)) {
                open.retain(|one| !words.contains(&one.as_str()));
                pairs.insert(unknown, Meant::Several(words));
                continue;
            }
            match synonyms::of(&unknown).find(|word| open.iter().any(|one| one == word)) {
                Some(word) => {
                    open.retain(|one| one != word);
                    pairs.insert(unknown, Meant::Field(word.to_owned()));
                }
                None => left.push(unknown),
            }
        }
        let mut strange = Vec::new();
        // Whoever writes one field where one must be means that one.
        let only = matches!(&node.value, Value::Mapping(fields) if fields.len() == 1);
        for unknown in left {
            match meant(node, &unknown, self.known.iter().map(String::as_str)) {
                Some(word) if !only || open.is_empty() || open.contains(&word) => {
                    open.retain(|one| *one != word);
                    pairs.insert(unknown, Meant::Field(word));
                }
                _ => strange.push(unknown),
            }
        }
        if let ([_], [missing]) = (strange.as_slice(), open.as_slice()) {
            let missing = missing.clone();
            pairs.extend(strange.pop().map(|unknown| (unknown, Meant::Perhaps(missing))));
        }
        pairs
    }
}

/// The field of a mapping that an unknown one means by its name alone.
pub(in crate::manifest) fn meant<'a>(
    node: &Node,
    unknown: &str,
    known: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Option<String> {
    let known = known.into_iter();
    let may_be = |word: &&str| known.clone().any(|one| one == *word) && node.get(word).is_none();
    let near = || suggest::field(unknown, known.clone());
    synonyms::of(unknown).find(may_be).or_else(near).map(str::to_owned)
}
