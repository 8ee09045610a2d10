//! The structural difference of two canonical JSON values: which fields say something else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diag::{HIDDEN, is_secret};

/// Lists whose order means nothing, as JSON pointers: they are compared as sets of items, so that
/// a pool's one new range reads as one line, and a reordered pool as no change.
const SETS: &[&str] = &["/spec/numbers", "/spec/associatedIps", "/spec/match/prefixes"];

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// As a person reads it: `spec.routes[0].trunk`; an item of a set is `spec.numbers[]`.
    pub(super) path: String,
    /// The JSON pointer of the new value inside its document, `/spec/routes/0/trunk`.
    pub(super) pointer: String,
    /// The value before; `None` where there was none.
    pub(super) old: Option<Value>,
    /// The value afterwards; `None` where there is none.
    pub(super) new: Option<Value>,
}

/// Where the walk is, in both spellings.
#[derive(Clone, Default)]
struct Place {
    path: String,
    pointer: String,
}

impl Place {
    fn key(&self, key: &str) -> Self {
        let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let path = match (plain, self.path.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[{key:?}]", self.path),
        };
        // RFC 6901 section 3.
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self { path, pointer: format!("{}/{escaped}", self.pointer) }
    }

    fn index(&self, index: usize) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
            pointer: format!("{}/{index}", self.pointer),
        }
    }
}

/// Every field in which the two differ, in the order of the fields' names.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&Place::default(), Some(old), Some(new), &mut found);
    found
}

fn walk(place: &Place, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
    if old == new {
        return;
    }
    // Of a secret, only that it changes is said.
    if place.path.rsplit('.').next().is_some_and(is_secret) {
        found.push(Difference {
            path: place.path.clone(),
            pointer: place.pointer.clone(),
            old: old.map(|_| HIDDEN.into()),
            new: new.map(|_| HIDDEN.into()),
        });
        return;
    }
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                walk(&place.key(key), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Object(old)), None) => {
            old.iter().for_each(|(key, old)| walk(&place.key(key), Some(old), None, found));
        }
        (None, Some(Value::Object(new))) => {
            new.iter().for_each(|(key, new)| walk(&place.key(key), None, Some(new), found));
        }
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if SETS.contains(&place.pointer.as_str()) =>
        {
            sets(place, old, new, found);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                walk(&place.index(index), old.get(index), new.get(index), found);
            }
        }
        _ => found.push(Difference {
            path: place.path.clone(),
            pointer: place.pointer.clone(),
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

fn sets(place: &Place, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let old_texts: BTreeSet<String> = old.iter().map(ToString::to_string).collect();
    let new_texts: BTreeSet<String> = new.iter().map(ToString::to_string).collect();
    let path = format!("{}[]", place.path);
    for item in old.iter().filter(|item| !new_texts.contains(&item.to_string())) {
        let pointer = place.pointer.clone();
        found.push(Difference { path: path.clone(), pointer, old: Some(item.clone()), new: None });
    }
    for (index, item) in new.iter().enumerate() {
        if !old_texts.contains(&item.to_string()) {
            let pointer = place.index(index).pointer;
            found.push(Difference {
                path: path.clone(),
                pointer,
                old: None,
                new: Some(item.clone()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(old: &Value, new: &Value) -> Vec<String> {
        let show = |value: Option<Value>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
        let line = |found: Difference| {
            format!("{} {} {} {}", found.path, found.pointer, show(found.old), show(found.new))
        };
        differences(old, new).into_iter().map(line).collect()
    }

    #[test]
    fn only_leaves_that_differ_are_named() {
        let old = json!({"spec": {"a": 1, "limits": {"calls": 5}, "routes": [{"t": "x"}]}});
        let new = json!({"spec": {"a": 1, "limits": {}, "routes": [{"t": "y"}, {"t": "z"}]}});
        let expected = [
            "spec.limits.calls /spec/limits/calls 5 -",
            "spec.routes[0].t /spec/routes/0/t \"x\" \"y\"",
            "spec.routes[1].t /spec/routes/1/t - \"z\"",
        ];
        assert_eq!(texts(&old, &new), expected);
    }

    #[test]
    fn a_secret_only_changes() {
        let (old, new) = (json!({"password": {"env": "A"}}), json!({"password": {"file": "b"}}));
        let found = differences(&old, &new);
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.path.as_str(), one.old.clone()), ("password", Some(HIDDEN.into())));
    }

    #[test]
    fn number_lists_are_sets() {
        let old = json!({"spec": {"numbers": ["1", "2-3"]}});
        let new = json!({"spec": {"numbers": ["2-3", "4"]}});
        let expected =
            ["spec.numbers[] /spec/numbers \"1\" -", "spec.numbers[] /spec/numbers/1 - \"4\""];
        assert_eq!(texts(&old, &new), expected);
        let reordered = json!({"spec": {"numbers": ["2-3", "1"]}});
        assert!(texts(&old, &reordered).is_empty());
    }

    #[test]
    fn keys_that_are_no_words_are_quoted_and_escaped() {
        let old = json!({"metadata": {"labels": {}}});
        let new = json!({"metadata": {"labels": {"a.b/c~d": "x"}}});
        let expected = ["metadata.labels[\"a.b/c~d\"] /metadata/labels/a.b~1c~0d - \"x\""];
        assert_eq!(texts(&old, &new), expected);
    }
}
