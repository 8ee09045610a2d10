//! Which bytes of a manifest nobody is shown: the values of secret fields. Found in the text itself,
//! so that they stay hidden in files that do not parse and under names that are misspelt.

use std::ops::Range;

/// What stands in place of a secret.
pub const HIDDEN: &str = "••••••";

/// The secret fields of the manifest language.
pub const SECRET_FIELDS: &[&str] =
    &["accessToken", "appSecret", "password", "privateKey", "verifyToken"];

/// A key that has one of these in it, case ignored, is taken for a secret field.
const SIGNS: &[&str] =
    &["passw", "pasw", "passphrase", "pwd", "secret", "token", "privatekey", "private_key"];

/// Whether a key names a secret field, or may be meant to.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key == "pass" || SIGNS.iter().any(|sign| key.contains(sign))
}

/// A text of manifests as anybody may read it, with the same lines.
pub fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in hidden(text) {
        shown.push_str(text.get(at..range.start).unwrap_or_default());
        shown.push_str(HIDDEN);
        at = range.end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

/// The ranges of bytes to hide, in order: after such a key the rest of its line, and the lines below
/// it that are indented further.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    // The indentation of the line whose secret goes on below it.
    let mut open: Option<usize> = None;
    for line in text.split_inclusive(['\n', '\r']) {
        let bare = line.trim_end_matches(['\n', '\r']);
        let indent = bare.len() - bare.trim_start_matches(' ').len();
        let blank = bare.trim().is_empty();
        if !blank && open.is_some_and(|secret| indent <= secret) {
            open = None;
        }
        let from = if open.is_some() { Some(indent) } else { value_of_secret(bare) };
        if let Some(from) = from.filter(|from| *from < bare.len()) {
            ranges.push(start + from..start + bare.len());
        }
        if open.is_none() && from.is_some() {
            open = Some(indent);
        }
        start += line.len();
    }
    ranges
}

/// Where the value of the first secret field of a line begins.
fn value_of_secret(line: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(':').find_map(|(at, _)| {
        let key = line.get(..at)?.trim_end_matches([' ', '"', '\'', '\t']);
        let key = key.get(key.rfind(|c| !is_word(c)).map_or(0, |at| at + 1)..)?;
        let rest = line.get(at + 1..)?;
        is_secret(key).then(|| at + 1 + (rest.len() - rest.trim_start().len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut shown = text.to_owned();
        for range in hidden(text).into_iter().rev() {
            shown.replace_range(range, "*");
        }
        shown
    }

    #[test]
    fn what_follows_a_secret_key_is_hidden() {
        assert_eq!(shown("password: hunter2\nuser: a\n"), "password: *\nuser: a\n");
        assert_eq!(
            shown("{user: a, \"password\" : 'x, y', b: c}\r\n"),
            "{user: a, \"password\" : *\r\n"
        );
        assert_eq!(shown("a:\n  pasword: x\n  b: y"), "a:\n  pasword: *\n  b: y");
        assert_eq!(
            shown("username: a\npAssertedIdentity: x\n"),
            "username: a\npAssertedIdentity: x\n"
        );
    }

    #[test]
    fn what_is_indented_below_it_is_hidden() {
        let text = "tls:\n  privateKey: |\n    one\n\n    two\n  port: 1\n";
        assert_eq!(shown(text), "tls:\n  privateKey: *\n    *\n\n    *\n  port: 1\n");
        assert_eq!(shown("- appSecret:\n    env: X\n- b: c\n"), "- appSecret:\n    *\n- b: c\n");
    }

    #[test]
    fn every_secret_field_is_known_by_a_sign() {
        assert!(SECRET_FIELDS.iter().all(|field| is_secret(field)));
    }
}
