//! What a document that cannot be parsed seems to declare, read line by line: enough to know that a
//! reference to it is not dangling.

use crate::model::value::Name;
use crate::model::{Kind, ResourceId};

/// What the lines of a broken document tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// It declares this resource.
    Declares(ResourceId),
    /// It looks like a manifest, but of what cannot be told: it may declare anything.
    Unknown,
    /// It does not look like a manifest.
    Nothing,
}

/// Reads the hint of a document's text.
pub(super) fn read(text: &str) -> Hint {
    let mut kind = None;
    let mut name = None;
    let mut tenant = None;
    let mut in_metadata = false;
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            in_metadata = line.starts_with("metadata:");
            kind = kind.or_else(|| value_of(line, "kind"));
        }
        if in_metadata {
            // Both block lines and `metadata: {name: a, tenant: b}`.
            for part in line.trim_start_matches("metadata:").split(['{', ',', '}']) {
                name = name.or_else(|| value_of(part, "name"));
                tenant = tenant.or_else(|| value_of(part, "tenant"));
            }
        }
    }
    let id = || {
        let tenant: Option<Name> = tenant.map(str::parse).transpose().ok()?;
        Some(ResourceId { kind: kind?.parse::<Kind>().ok()?, tenant, name: name?.parse().ok()? })
    };
    match id() {
        Some(id) => Hint::Declares(id),
        None if text.contains("trunkline.dev/") => Hint::Unknown,
        None => Hint::Nothing,
    }
}

fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.trim().strip_prefix(key)?.trim_start().strip_prefix(':')?;
    let value = rest.split(" #").next().unwrap_or(rest).trim();
    Some(value.trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_read_from_broken_text() {
        let text = "apiVersion: trunkline.dev/v1\nkind: Trunk # x\nmetadata:\n  name: \"a\"\n  tenant: b\nspec: [\n";
        let Hint::Declares(id) = read(text) else { panic!("no identity") };
        assert_eq!(id.to_string(), "Trunk/b/a");
        let flow = "kind: Tenant\nmetadata: {name: acme}\nspec: {\n";
        let Hint::Declares(id) = read(flow) else { panic!("no identity") };
        assert_eq!(id.to_string(), "Tenant/acme");
        assert_eq!(read("apiVersion: trunkline.dev/v1\nkind: [\n"), Hint::Unknown);
        assert_eq!(read("\u{1}\u{2}"), Hint::Nothing);
    }
}
