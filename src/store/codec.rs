//! The stored form of a resource (canonical JSON) and the check over a whole set.

use crate::model::Resource;

/// The text of a resource: fields in the order of the types, maps sorted, so equal resources have
/// equal texts.
pub(super) fn encode(resource: &Resource) -> Result<String, String> {
    serde_json::to_string(resource).map_err(|error| error.to_string())
}

/// The resource of a text; `id` is the key it was stored under and must agree.
pub(super) fn decode(id: &str, body: &str) -> Result<Resource, String> {
    let resource: Resource =
        serde_json::from_str(body).map_err(|error| format!("`{id}` cannot be read: {error}"))?;
    let own = resource.id().to_string();
    if own == id {
        return Ok(resource);
    }
    Err(format!("`{id}` holds the resource `{own}`"))
}

/// A digest over a set of rows that is kept up to date at the cost of the changed rows: the XOR of
/// the rows' BLAKE3 digests. It finds lost, foreign and altered rows; it is no defence against
/// someone who may write to the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SetDigest([u8; 32]);

impl SetDigest {
    /// Adds a row that is not in the set, or takes out one that is.
    pub(super) fn toggle(&mut self, id: &str, body: &str) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(id.len() as u64).to_le_bytes());
        hasher.update(id.as_bytes());
        hasher.update(body.as_bytes());
        for (ours, row) in self.0.iter_mut().zip(hasher.finalize().as_bytes()) {
            *ours ^= row;
        }
    }

    /// The digest as stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest that was stored; `None` when it has another length.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}
