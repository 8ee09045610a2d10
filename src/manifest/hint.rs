//! What a document that cannot be parsed seems to declare, read line by line: enough to know that a
//! reference to it is not dangling.

use crate::model::value::Name;
use crate::model::{Kind, ResourceId};

/// What the lines of a broken document tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// It declares this resource.
    Declares(ResourceId),
    /// It declares something of this kind, whose name or tenant cannot be told.
    Some(Kind),
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
    // What is no name all the same says that there is a tenant.
    let mut names_tenant = false;
    let mut in_metadata = false;
    for line in text.lines() {
        let is_inside = line.starts_with([' ', '\t']) || in_metadata && line.starts_with("- ");
        if !is_inside && !line.trim().is_empty() {
            in_metadata = line.starts_with("metadata:");
            kind = kind.or_else(|| value_of(line, "kind"));
        }
        if in_metadata {
            // Both block lines and `metadata: {name: a, tenant: b}`.
            for part in line.trim_start_matches("metadata:").split(['{', ',', '}']) {
                name = name.or_else(|| value_of(part, "name"));
                let found = tenant_of(part);
                names_tenant |= found.is_some();
                tenant = tenant.or_else(|| found.filter(|name| name.parse::<Name>().is_ok()));
            }
        }
    }
    let kind = kind.and_then(|kind| kind.parse::<Kind>().ok());
    let tenant: Option<Name> = tenant.and_then(|name| name.parse().ok());
    let id = || {
        let lacks_tenant = tenant.is_none() && (names_tenant || kind?.is_tenant_only());
        let name = name.filter(|_| !lacks_tenant)?.parse().ok()?;
        Some(ResourceId { kind: kind?, tenant: tenant.clone(), name })
    };
    match (id(), kind) {
        (Some(id), _) => Hint::Declares(id),
        (None, Some(kind)) if text.contains("trunkline.dev/") => Hint::Some(kind),
        (None, _) if text.contains("trunkline.dev/") => Hint::Unknown,
        (None, _) => Hint::Nothing,
    }
}

/// The tenant of a line, also where its colon is forgotten or another sign stands there (`tenant acme`,
/// `tenant = acme`, `- tenant: acme`).
fn tenant_of(part: &str) -> Option<&str> {
    let part = part.trim();
    let rest = part.strip_prefix("- ").unwrap_or(part).trim_start().strip_prefix("tenant")?;
    let value = rest.trim_start_matches([' ', '\t', ':', '=']);
    if value.len() == rest.len() && !value.is_empty() {
        return None;
    }
    let value = value.split(" #").next().unwrap_or(value).trim();
    Some(value.trim_matches(['"', '\'']))
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
        for line in ["  tenant b", "  tenant = b", "  - tenant: b", "- tenant: b", "  tenant:b # x"]
        {
            let text = format!("kind: DidPool\nmetadata:\n  name: a\n{line}\nspec: [\n");
            let Hint::Declares(id) = read(&text) else { panic!("no identity: {line}") };
            assert_eq!(id.to_string(), "DidPool/b/a", "{line}");
        }
        let nameless =
            "apiVersion: trunkline.dev/v1\nkind: DidPool\nmetadata:\n  name: a\nspec: [\n";
        assert_eq!(read(nameless), Hint::Some(Kind::DidPool));
        assert_eq!(read("\u{1}\u{2}"), Hint::Nothing);
    }
}
