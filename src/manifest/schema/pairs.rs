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
    /// This one, with its value in its name: the `: ` between them is missing.
    Glued(String),
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
            Meant::Field(name) | Meant::Perhaps(name) | Meant::Glued(name) => name == missing,
            Meant::Several(names) => names.contains(&missing),
        })
    }
}

impl Mapping {
    fn pairs(self, node: &Node) -> BTreeMap<String, Meant> {
        let (mut pairs, mut open) = (BTreeMap::new(), self.missing);
        // Sought once: the mapping may have very many fields.
        let free = absent(node, self.known.iter().map(String::as_str));
        // Words for what is missing come first, then those that are near, then all others.
        let mut left = Vec::new();
        for unknown in self.unknown {
            let no_value =
                node.get(&unknown).is_some_and(|value| value.text().is_none_or(str::is_empty));
            if let Some(word) = glued(&unknown, &free).filter(|_| no_value) {
                open.retain(|one| *one != word);
                pairs.insert(unknown, Meant::Glued(word));
                continue;
            }
            let is_open = |word: &&str| open.iter().any(|one| one == *word);
            if let Some(words) = synonyms::several(&unknown).filter(|all| all.iter().all(is_open)) {
                open.retain(|one| !words.contains(&one.as_str()));
                pairs.insert(unknown, Meant::Several(words));
                continue;
            }
            let same = open.iter().find(|word| suggest::is_same(word, &unknown)).cloned();
            let other = || synonyms::of(&unknown).find(|word| open.iter().any(|one| one == word));
            // A field that is absent and has the same name comes before a word for another one.
            let is_other = same.is_none() && free.iter().any(|it| suggest::is_same(it, &unknown));
            let other = || other().filter(|_| !is_other).map(str::to_owned);
            match same.or_else(other) {
                Some(word) => {
                    open.retain(|one| *one != word);
                    pairs.insert(unknown, Meant::Field(word));
                }
                None => left.push(unknown),
            }
        }
        let mut strange = Vec::new();
        // Whoever writes one field where one must be means that one.
        let only = matches!(&node.value, Value::Mapping(fields) if fields.len() == 1);
        for unknown in left {
            match meant(&unknown, &free) {
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

/// The absent field with which an unknown one without a value begins: `timezone:Europe/London` between
/// braces is one text.
fn glued(unknown: &str, absent: &[&str]) -> Option<String> {
    let begins = |word: &&&str| {
        let rest = unknown.strip_prefix(**word).unwrap_or_default();
        rest.starts_with([':', '=', ' ']) && !rest.trim_start_matches([':', '=', ' ']).is_empty()
    };
    absent.iter().find(begins).map(|word| (*word).to_owned())
}

/// The fields that a mapping may have and does not.
pub(in crate::manifest) fn absent<'a>(
    node: &Node,
    known: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    known.into_iter().filter(|word| node.get(word).is_none()).collect()
}

/// The field that an unknown one means among those that are absent: the one that differs in capitals
/// and hyphens only, the one that other systems call so, or one that is near.
pub(in crate::manifest) fn meant(unknown: &str, absent: &[&str]) -> Option<String> {
    let same = absent.iter().copied().find(|word| suggest::is_same(word, unknown));
    let other = || synonyms::of(unknown).find(|word| absent.contains(word));
    let near = || suggest::field(unknown, absent.iter().copied());
    same.or_else(other).or_else(near).map(str::to_owned)
}
