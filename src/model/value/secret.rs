//! Where a secret is, never what it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reference to a secret: exactly one of the fields. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretRef {
    /// The name of an environment variable of the daemon. Example: `CARRIER_A_PASSWORD`.
    Env(#[schemars(length(max = 128), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))] String),
    /// A file below the daemon's secrets folder, with a relative path. Example: `carrier-a/password`.
    File(#[schemars(length(min = 1, max = 1024))] String),
    /// The secret, encrypted to the daemon's key, in age's armored form.
    Age(#[schemars(length(min = 1, max = 65536))] String),
}
