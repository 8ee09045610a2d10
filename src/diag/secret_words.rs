//! The names of secret fields and of the blocks that hold them, as people write them.

/// The secret fields of the manifest language.
pub const SECRET_FIELDS: &[&str] =
    &["accessToken", "appSecret", "password", "privateKey", "verifyToken"];

/// The blocks that hold some of them, small letters only.
const BLOCKS: &[&str] = &["registration", "registrar", "register", "tls", "whatsapp"];

/// What other systems call such blocks.
const STRANGE_BLOCKS: &[&str] =
    &["account", "acceptregister", "auth", "authentication", "login", "phone", "reg"];

/// All other fields of those blocks, without `_`, `-` and capitals: whatever else stands in one may be
/// meant to be its secret.
const OPEN_FIELDS: &[&str] = &[
    "authusername",
    "businessaccountid",
    "certificate",
    "clientca",
    "clientcertificate",
    "domain",
    "enabled",
    "expires",
    "maxcontacts",
    "maxexpires",
    "minexpires",
    "minversion",
    "phonenumberid",
    "realm",
    "username",
];

/// What other systems and languages call secrets.
const STRANGE_WORDS: &[&str] =
    &["authkey", "bearer", "ha1", "kennwort", "key", "keyfile", "md5", "pem", "tlskey", "пароль"];

/// A key that has one of these in it is taken for a secret field; case, `_` and `-` are ignored.
const SIGNS: &[&str] = &[
    "apikey",
    "credential",
    "passcode",
    "passphrase",
    "passw",
    "pasw",
    "privatekey",
    "psw",
    "pwd",
    "secret",
    "sekret",
    "token",
    "tokn",
];

/// So many letters in one place of a secret field's name may be others, too many or too few.
const MAX_SLIP: usize = 3;

/// Whether a key names a secret field, or may be meant to.
pub fn is_secret(key: &str) -> bool {
    let key = letters(key);
    matches!(key.as_str(), "psk" | "pin")
        || key.starts_with("pw")
        || ["pass", "pw"].iter().any(|end| key.ends_with(end))
        || SIGNS.iter().any(|sign| key.contains(sign))
        || SECRET_FIELDS.iter().any(|field| is_near(&key, &field.to_ascii_lowercase(), MAX_SLIP))
}

/// A key without `_`, `-` and capitals.
fn letters(key: &str) -> String {
    key.to_lowercase().replace(['_', '-'], "")
}

/// Whether a key names a block that holds secrets, or may be meant to.
pub(super) fn is_block(key: &str) -> bool {
    let key = letters(key);
    STRANGE_BLOCKS.contains(&&*key)
        || BLOCKS.iter().any(|block| *block == key || block.len() > 3 && is_near(&key, block, 2))
}

/// Whether two words differ in one place only, by so many letters.
fn is_near(word: &str, known: &str, slip: usize) -> bool {
    let (longer, shorter) = (word.len().max(known.len()), word.len().min(known.len()));
    if longer - shorter > slip {
        return false;
    }
    let same = |(a, b): &(u8, u8)| a == b;
    let front = word.bytes().zip(known.bytes()).take_while(same).count();
    let back = word.bytes().rev().zip(known.bytes().rev()).take_while(same).count();
    front + back + slip >= longer
}

/// Whether a key is a word of other systems or languages for a secret.
pub(super) fn is_strange(key: &str) -> bool {
    STRANGE_WORDS.contains(&&*letters(key))
}

/// Whether a key is a field, without a secret, of a block that holds one.
pub(super) fn is_open(key: &str) -> bool {
    OPEN_FIELDS.contains(&&*letters(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_field_is_known_by_a_sign() {
        assert!(SECRET_FIELDS.iter().all(|field| is_secret(field)));
    }

    #[test]
    fn misspelt_secret_fields_are_known() {
        for key in [
            "accessTokn",
            "verifyTokn",
            "appSekret",
            "privateKye",
            "psw",
            "pw",
            "apiKey",
            "api_key",
            "credentials",
            "pass_word",
            "passwrod",
            "acessToken",
            "appSecert",
            "sip-pass",
            "privteKey",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["verifyPort", "privacy", "keys", "pAssertedIdentity", "usePrivateAddress"] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
