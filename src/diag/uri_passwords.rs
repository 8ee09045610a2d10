//! Passwords in URIs and addresses: no manifest has one, and yet some are pasted.

use std::borrow::Cow;
use std::ops::Range;

use super::hidden::HIDDEN;

/// What may stand before the user of an address.
const SCHEMES: [&str; 4] = ["sips:", "sip:", "tel:", "mailto:"];

/// What is no part of an address, also where it is not in quotes.
const ENDS: [&str; 6] = ["\"", "'", "<", ">", ", ", " #"];

/// A value as a message may quote it: without the passwords of addresses in it.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for range in passwords(text).into_iter().rev() {
        shown.to_mut().replace_range(range, HIDDEN);
    }
    shown
}

/// The passwords in a line, in order: what stands between the first colon behind a user and the
/// last `@`, with a scheme before it or not.
pub(super) fn passwords(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if memchr::memchr(b'@', line.as_bytes()).is_none() {
        return found;
    }
    let mut rest = line;
    while !rest.is_empty() {
        let cut = ENDS.iter().filter_map(|end| Some((rest.find(end)?, end.len()))).min();
        let (end, skipped) = cut.unwrap_or((rest.len(), 0));
        let begin = line.len() - rest.len();
        of_piece(rest.get(..end).unwrap_or_default(), begin, &mut found);
        rest = rest.get(end + skipped..).unwrap_or_default();
    }
    found
}

/// The passwords in what may be one address, or words: behind a scheme a blank may be part of one.
fn of_piece(piece: &str, begin: usize, found: &mut Vec<Range<usize>>) {
    if !piece.contains('@') {
        return;
    }
    let mut at = 0;
    for word in piece.split([' ', '\t']) {
        let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        let is_uri = without_scheme(bare).len() < bare.len();
        let whole = if is_uri { piece.get(at..) } else { Some(word) };
        if let Some(part) = whole.and_then(password) {
            found.push(begin + at + part.start..begin + at + part.end);
            if is_uri {
                return;
            }
        }
        at += word.len() + 1;
    }
}

fn password(address: &str) -> Option<Range<usize>> {
    let (user, _) = address.rsplit_once('@')?;
    let bare = without_scheme(user.trim_start_matches(|c: char| !c.is_alphanumeric()));
    let start = user.len() - bare.len() + bare.find(':')? + 1;
    (start < user.len()).then_some(start..user.len())
}

/// A text without the scheme that it begins with; a key alone is none.
fn without_scheme(text: &str) -> &str {
    let begins = |scheme: &&&str| {
        text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let rest = SCHEMES.iter().find(begins).and_then(|scheme| text.get(scheme.len()..));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_addresses_are_hidden() {
        for (text, shown) in [
            ("{sip: \"sip:u:pw@h\"}", "{sip: \"sip:u:••••••@h\"}"),
            ("{sip: sips:u:pw@h}, SIP:v:pw@h", "{sip: sips:u:••••••@h}, SIP:v:••••••@h"),
            ("[sip:a@h, 'sip:b:p w@h'] # c:d@e", "[sip:a@h, 'sip:b:••••••@h'] # c:••••••@e"),
            ("host: u:pw@1.2.3.4", "host: u:••••••@1.2.3.4"),
            ("contact: sip:u:p w@h:5060", "contact: sip:u:••••••@h:5060"),
            ("<sip:u:p@w@h:1>", "<sip:u:••••••@h:1>"),
            ("sip:{did}@h:5060", "sip:{did}@h:5060"),
            ("jo@example.net ssh-ed25519 AA:BB", "jo@example.net ssh-ed25519 AA:BB"),
            ("mailto:jo@example.net 12:30", "mailto:jo@example.net 12:30"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
