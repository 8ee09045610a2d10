//! Where a secret is, never what it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reference to a secret: exactly one of the fields. Never the secret itself.
/// Example: `{"env": "CARRIER_A_PASSWORD"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretRef {
    /// The name of an environment variable of the daemon. Example: `CARRIER_A_PASSWORD`.
    Env(#[schemars(length(max = 128), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))] String),
    /// A file below the daemon's secrets folder, with a relative path. Example: `carrier-a/password`.
    File(#[schemars(schema_with = "secret_file")] String),
    /// The secret, encrypted to the daemon's key, in age's armored form. Example:
    /// `"-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3Yx…\n-----END AGE ENCRYPTED FILE-----"`.
    Age(#[schemars(schema_with = "age_text")] String),
}

/// Begins and ends every encrypted secret (age's armor).
const AGE_BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const AGE_END: &str = "-----END AGE ENCRYPTED FILE-----";

/// Quotes that word processors write in the place of those of YAML.
const TYPOGRAPHIC_QUOTES: [char; 6] = ['“', '”', '„', '‟', '«', '»'];

/// Why a text is not the path of a secret file.
pub fn secret_file_refusal(text: &str) -> Option<String> {
    let outside =
        text.starts_with(['/', '\\', '~']) || text.split(['/', '\\']).any(|part| part == "..");
    let absolute = text.as_bytes().get(1) == Some(&b':');
    if text.is_empty() || text.contains(char::is_control) {
        return Some("it is no file name".to_owned());
    }
    if text.contains(TYPOGRAPHIC_QUOTES) {
        return Some("a typographic quote stands in it".to_owned());
    }
    (outside || absolute).then(|| "it is not a relative path below the secrets folder".to_owned())
}

/// Why a text is not an encrypted secret.
pub fn age_refusal(text: &str) -> Option<String> {
    let text = text.trim();
    let armored =
        text.starts_with(AGE_BEGIN) && text.ends_with(AGE_END) && text.lines().count() > 2;
    (!armored).then(|| "it is not an armored age file".to_owned())
}

fn secret_file(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string", "minLength": 1, "maxLength": 1024, "format": "SecretFile"
    })
}

fn age_text(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string", "minLength": 1, "maxLength": 65536, "format": "AgeText"
    })
}
