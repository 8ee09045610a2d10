//! The name of a plan: equal for equal live state and desired state, whatever the machine, the
//! calls in progress or the manifests' comments.

use crate::model::ResourceSet;

use super::Change;

/// What a digest is a digest of; a new form of the bytes gets a new number.
const FORM: &str = "trunkline.dev/v1 plan 1";

/// The digest of a set of resources, over identity and canonical JSON, in order.
pub fn set_digest(set: &ResourceSet) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (_, resource) in set.iter() {
        let bytes = serde_json::to_vec(resource.as_ref())
            .expect("a resource has text keys and plain values only");
        // The length in front keeps two resources from reading as one.
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    hasher.finalize()
}

/// The digest of a plan, `blake3:` and 64 hexadecimal digits.
pub(super) fn plan_digest(live: &ResourceSet, desired: &ResourceSet, changes: &[Change]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORM.as_bytes());
    hasher.update(set_digest(live).as_bytes());
    hasher.update(set_digest(desired).as_bytes());
    for change in changes {
        hasher.update(format!("{} {}\n", change.action.as_str(), change.resource).as_bytes());
    }
    format!("blake3:{}", hasher.finalize().to_hex())
}
