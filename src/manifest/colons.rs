//! A `: ` behind a key that is not there, or is another sign, and the blank behind the dash of an item:
//! found as lost lines are, by reading the document again with it in its place.

use super::lost::{Cause, Seeker, What};
use super::outline::Line;
use super::schema;

/// What stands for the `:` of a key in other languages, the longest first; last the `:` itself, without
/// the blank behind it.
const SIGNS: [&str; 7] = ["=>", "->", ":=", "==", "=", ";", ":"];

/// A key without `: ` behind it.
struct Head<'t> {
    key: &'t str,
    /// What stands there instead; nothing if nothing does.
    sign: &'static str,
    /// How much stands between the key and its value.
    gap: usize,
    has_value: bool,
}

impl Seeker<'_> {
    /// The line with `: ` behind what is a key where it stands, or with a blank behind its dash.
    pub(super) fn signs(&self, index: usize) -> Option<Cause> {
        let line = self.line(index).filter(|line| line.key.is_none())?;
        let content = line.text.get(line.depth..)?;
        if !line.is_item && content.starts_with('-') {
            return blank_behind_dash(index, line, content);
        }
        let inner = match line.is_item {
            true => content.strip_prefix('-')?.trim_start(),
            false => content,
        };
        // Most texts begin with no name of a field.
        let heads: Vec<Head<'_>> =
            [false, true].into_iter().filter_map(|any| head(inner, any)).collect();
        if heads.is_empty() {
            return None;
        }
        let place = self.outline.around(index)?;
        let is_field = |head: &Head<'_>| schema::has(self.kind, &format!("{place}/{}", head.key));
        let head = heads.into_iter().find(is_field)?;
        let at = line.start + content.len() - inner.len() + head.key.len();
        let colon = if head.has_value { ": " } else { ":" };
        let put = (at, head.gap, colon.to_owned());
        let (name, beside) = (head.key.to_owned(), Some(head.sign.to_owned()));
        Some(Cause { line: index, name, what: What::Colon, put, beside })
    }
}

fn blank_behind_dash(index: usize, line: &Line<'_>, content: &str) -> Option<Cause> {
    let rest = content.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
    let (key, value) = rest.split_once(':').unwrap_or_default();
    let is_word = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = if is_word && value.starts_with(' ') { key } else { "" }.to_owned();
    let put = (line.start + 1, 0, " ".to_owned());
    Some(Cause { line: index, name, what: What::Blank, put, beside: None })
}

/// The key that a text begins with; `any`: also one that is no word, as labels have them.
fn head(text: &str, any: bool) -> Option<Head<'_>> {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || any && b"._/-".contains(byte);
    let length = text.bytes().take_while(|byte| is_of_key(byte)).count();
    let (key, rest) = text.split_at_checked(length).filter(|_| length > 0)?;
    let bare = rest.trim_start();
    let sign = SIGNS.into_iter().find(|sign| bare.starts_with(sign)).unwrap_or_default();
    let parted =
        bare.len() < rest.len() || rest.is_empty() || bare.starts_with(['[', '{', '"', '\'']);
    let value = bare.strip_prefix(sign).filter(|_| parted || !sign.is_empty())?.trim_start();
    let has_value = !value.is_empty();
    Some(Head { key, sign, gap: rest.len() - value.len(), has_value })
}

/// What is told of such a line. What stands behind the key may be a secret.
pub(super) fn words(cause: &Cause, line: &Line<'_>) -> (String, String) {
    let name = &cause.name;
    if cause.what == What::Blank {
        let help = match name.as_str() {
            "" => "write `- ` for it: a dash and a blank begin an item".to_owned(),
            name => format!("write `- {name}: …`: a dash and a blank begin an item"),
        };
        return ("the blank behind the `-` of an item is missing".to_owned(), help);
    }
    let message = match cause.beside.as_deref().unwrap_or_default() {
        "" => format!("`:` is missing behind `{name}`"),
        ":" => format!("the blank behind `{name}:` is missing"),
        sign => format!("{} stands behind `{name}`, where `:` belongs", word_for(sign)),
    };
    let dash = if line.is_item { "- " } else { "" };
    let help = match cause.put.2.as_str() {
        ":" => format!("write `{dash}{name}:`"),
        _ => {
            let value = (cause.put.0 + cause.put.1).checked_sub(line.start - line.depth);
            let value = value.and_then(|at| line.text.get(at..)).unwrap_or_default();
            let shown = match value.chars().next() {
                Some('{') => "{…}",
                Some('[') => "[…]",
                _ => "…",
            };
            format!("write `{dash}{name}: {shown}`, with a blank behind the `:`")
        }
    };
    (message, help)
}

/// What to call a sign, which would be hidden as the beginning of a secret.
fn word_for(sign: &str) -> &'static str {
    match sign {
        "=" => "an equals sign",
        ";" => "a semicolon",
        _ => "another sign",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_line_is_what_its_sign_is_behind() {
        for (text, any, expected) in [
            ("tenant acme", false, Some(("tenant", "", 1, true))),
            ("tenant  =  acme", false, Some(("tenant", "=", 5, true))),
            ("tenant:acme", false, Some(("tenant", ":", 1, true))),
            ("tenant; acme", false, Some(("tenant", ";", 2, true))),
            ("spec", false, Some(("spec", "", 0, false))),
            ("spec=", false, Some(("spec", "=", 1, false))),
            ("codes[408]", false, Some(("codes", "", 0, true))),
            ("a.b/c-d \"x\"", true, Some(("a.b/c-d", "", 1, true))),
            ("a.b/c-d \"x\"", false, None),
            ("\"x\"", true, None),
            ("", true, None),
        ] {
            let found = head(text, any).map(|one| (one.key, one.sign, one.gap, one.has_value));
            assert_eq!(found, expected, "{text}");
        }
    }
}
