//! Texts of manifests as a terminal may get them: what steers it, turns the direction of writing or
//! is not seen at all is spelled out.

use std::borrow::Cow;

/// Whether a character is not seen, or changes how others are.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// How such a character is spelled out: those of ASCII have pictures, `␀`.
pub(super) fn spelled(c: char) -> String {
    let picture = match c {
        '\0'..='\x1f' => char::from_u32(u32::from(c) + 0x2400),
        '\x7f' => Some('\u{2421}'),
        _ => None,
    };
    picture.map_or_else(|| format!("<U+{:04X}>", u32::from(c)), String::from)
}

/// A text on one line without such characters; a message has no line ends.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unseen(c) {
            true => shown.push_str(&spelled(c)),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_spelled_out() {
        assert_eq!(visible("a\u{200b}b\u{202e}c\n\u{9b}"), "a<U+200B>b<U+202E>c␊<U+009B>");
        assert!(matches!(visible("Zürich – 日本 🙂"), Cow::Borrowed(_)));
    }
}
