//! Which bytes of a manifest nobody is shown: the values of secret fields. Found in the text itself,
//! so that they stay hidden in files that do not parse and under names that are misspelt.

use std::collections::BTreeSet;
use std::ops::Range;

use super::secret_words::{is_block, is_open, is_secret, is_strange};
use super::uri_passwords::passwords;

/// What stands in place of a secret.
pub const HIDDEN: &str = "••••••";

/// Aliases of anchors that are followed: of aliases to aliases so many steps.
const MAX_STEPS: usize = 4;

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
/// it that are indented further or begin nothing else.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut anchors = BTreeSet::new();
    let mut ranges = hidden_beside(text, &anchors);
    // A secret may stand at an anchor, and its field have the alias.
    for _ in 0..MAX_STEPS {
        let named: BTreeSet<&str> = aliases(text, &ranges).collect();
        if named == anchors {
            break;
        }
        anchors = named;
        ranges = hidden_beside(text, &anchors);
    }
    ranges
}

/// The aliases that stand in some ranges of a text.
fn aliases<'a>(text: &'a str, ranges: &[Range<usize>]) -> impl Iterator<Item = &'a str> {
    let shown = ranges.iter().filter_map(move |range| text.get(range.clone()));
    let stars = shown.flat_map(|part| part.split('*').skip(1));
    let names = stars.filter_map(|rest| rest.split(|c| !is_word(c)).next());
    names.filter(|name| !name.is_empty())
}

/// The ranges to hide, where these anchors are those of secrets.
fn hidden_beside(text: &str, anchors: &BTreeSet<&str>) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut open: Option<Open> = None;
    let mut levels = Levels::default();
    for line in text.split_inclusive(['\n', '\r']) {
        let bare = line.trim_end_matches(['\n', '\r']);
        let content = bare.trim_start_matches(' ');
        let indent = bare.len() - content.len();
        let begin = start;
        start += line.len();
        if content.trim().is_empty() {
            continue;
        }
        if open.as_ref().is_some_and(|open| open.ends_at(indent, content, &levels)) {
            open = None;
        }
        let from = match &open {
            Some(open) if open.leaves(indent, content) && value(bare, false).0.is_none() => {
                continue;
            }
            Some(_) => indent,
            None => {
                levels.enter(indent, content);
                let (found, is_in_block) = value(bare, levels.is_in_block());
                let anchor = anchor(bare, anchors).filter(|at| found.is_none_or(|it| *at < it.0));
                let found = anchor.map(|at| (at, false)).or(found);
                levels.begins_block = is_in_block || found.is_some_and(|(_, is_block)| is_block);
                let until = found.map_or(bare.len(), |(from, _)| from);
                let of_uris = passwords(bare).into_iter().filter(|part| part.end <= until);
                ranges.extend(of_uris.map(|part| begin + part.start..begin + part.end));
                let Some((from, is_block)) = found else { continue };
                let is_item = content.starts_with('-');
                let scalar = Scalar::begins(bare.get(from..).unwrap_or_default());
                open = Some(Open { indent, is_item, is_block, is_armored: false, scalar });
                from
            }
        };
        if let Some(open) = &mut open {
            if from == indent {
                open.note(indent, content);
            }
            open.is_armored |= bare.contains("-----BEGIN");
            if bare.contains("-----END") {
                // Where such a value ends it says itself.
                (open.is_armored, open.scalar) = (false, None);
            }
        }
        if from < bare.len() {
            ranges.push(begin + from..begin + bare.len());
        }
    }
    ranges
}

/// A value that may go on below the line of its key.
struct Open {
    /// How far that line is indented.
    indent: usize,
    /// Whether it begins an item of a list.
    is_item: bool,
    /// Whether the key is that of a block, whose own keys end it.
    is_block: bool,
    /// Whether a key or a message in PEM has begun and not ended.
    is_armored: bool,
    /// Whether it is written in a way that lines of it may look like keys.
    scalar: Option<Scalar>,
}

/// What has come of a value of several lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scalar {
    /// Of a block scalar, after `|` or `>`, nothing yet.
    Empty,
    /// Lines that are indented as they must be.
    Indented,
    /// Lines that are not: nothing tells where such a value ends.
    Astray,
    /// A quote that has not been closed.
    Quoted(char),
}

impl Scalar {
    /// What a value begins that goes on in the next line.
    fn begins(value: &str) -> Option<Self> {
        let first = value.chars().next()?;
        match first {
            '|' | '>' => is_scalar_header(value).then_some(Self::Empty),
            '"' | '\'' => {
                let inner = value.get(1..).unwrap_or_default();
                (!inner.contains(first)).then_some(Self::Quoted(first))
            }
            _ => None,
        }
    }
}

/// How far the keys are indented that are open at a line, and whether they are those of a block that
/// holds a secret.
#[derive(Default)]
struct Levels {
    open: Vec<(usize, bool)>,
    /// Whether the line before began such a block.
    begins_block: bool,
}

impl Levels {
    fn enter(&mut self, indent: usize, content: &str) {
        self.open.retain(|(level, _)| *level <= indent);
        if self.open.last().is_none_or(|(level, _)| *level < indent) {
            self.open.push((indent, self.begins_block));
        }
        // The first key of an item stands behind its dash.
        let key = content.trim_start_matches(['-', ' ']);
        if key.len() < content.len() {
            self.open.push((indent + content.len() - key.len(), self.is_in_block()));
        }
    }

    fn is_in_block(&self) -> bool {
        self.open.last().is_some_and(|(_, is_in_block)| *is_in_block)
    }

    fn contains(&self, indent: usize) -> bool {
        self.open.iter().any(|(level, _)| *level == indent)
    }
}

/// Whether a value is the header of a block scalar.
fn is_scalar_header(value: &str) -> bool {
    let mut words = value.split_whitespace();
    let header = words.next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-');
    header.starts_with(['|', '>'])
        && header.chars().skip(1).all(plain)
        && words.next().is_none_or(|word| word.starts_with('#'))
}

impl Open {
    /// Whether a line begins something else.
    fn ends_at(&self, indent: usize, content: &str, levels: &Levels) -> bool {
        let is_marker = |marker| {
            content
                .strip_prefix(marker)
                .is_some_and(|rest: &str| rest.trim_start() != rest || rest.is_empty())
        };
        if indent == 0 && (is_marker("---") || is_marker("...")) {
            return true;
        }
        if self.is_armored || !self.is_block && self.holds(indent, content) {
            return false;
        }
        // A line of a value that is not indented as it must be can look like a key.
        match self.scalar {
            Some(Scalar::Empty | Scalar::Astray | Scalar::Quoted(_)) => return false,
            Some(Scalar::Indented) if !levels.contains(indent) => return false,
            Some(Scalar::Indented) | None => {}
        }
        is_key(content) || content.chars().all(|c| matches!(c, '}' | ']' | ',' | ' '))
    }

    /// Notes a hidden line below the one of the key.
    fn note(&mut self, indent: usize, content: &str) {
        self.scalar = match self.scalar {
            Some(Scalar::Quoted(quote)) if content.contains(quote) => None,
            Some(Scalar::Empty | Scalar::Indented) if indent > self.indent => {
                Some(Scalar::Indented)
            }
            Some(Scalar::Empty | Scalar::Indented) => Some(Scalar::Astray),
            other => other,
        };
    }

    /// Whether a line is part of the value by its indentation.
    fn holds(&self, indent: usize, content: &str) -> bool {
        indent > self.indent || indent == self.indent && !self.is_item && content.starts_with("- ")
    }

    /// Whether a line is a comment between such a value and what follows.
    fn leaves(&self, indent: usize, content: &str) -> bool {
        let is_comment = content == "#" || content.starts_with("# ");
        is_comment && !self.is_armored && (self.is_block || indent <= self.indent)
    }
}

/// Whether a line, or what stands in braces, begins with a key.
fn is_key(content: &str) -> bool {
    let key = content.trim_start_matches(['-', '?', '{', '[', ',', ' ', '\t', '"', '\'']);
    let rest = key.trim_start_matches(|c| is_word(c) || matches!(c, '.' | '/' | '<'));
    let after = rest.trim_start_matches(['"', '\'', ' ', '\t']).strip_prefix(':');
    rest.len() < key.len()
        && after.is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t']))
}

/// What may stand around a key.
const BLANKS: [char; 4] = ['"', '\'', ' ', '\t'];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Where one of these anchors stands in a line.
fn anchor(line: &str, anchors: &BTreeSet<&str>) -> Option<usize> {
    let mut all = line.match_indices('&').filter(|_| !anchors.is_empty());
    let named = |(at, _): &(usize, &str)| {
        let name = line.get(at + 1..).and_then(|rest| rest.split(|c| !is_word(c)).next());
        name.is_some_and(|name| anchors.contains(name))
    };
    all.find(named).map(|(at, _)| at)
}

/// Where the first value of a line begins that is to be hidden, and whether it is one of a block
/// that has only begun; and whether the line ends within the braces of such a block.
fn value(line: &str, is_in_block: bool) -> (Option<(usize, bool)>, bool) {
    // Whether the braces of a block have begun and not ended: told from one word to the next, for a line
    // may be as long as a file.
    let mut is_within = false;
    let last_brace = line.rfind('{');
    let mut end = 0;
    let ends = |range: Range<usize>| line.get(range).is_some_and(|part| part.contains('}'));
    while let Some(rest) = line.get(end..)
        && let Some(skipped) = rest.find(is_word)
    {
        let from = end + skipped;
        let word = rest.get(skipped..).unwrap_or_default();
        let word = word.split(|c| !is_word(c)).next().unwrap_or_default();
        is_within = is_within && !ends(end..from);
        end = from + word.len();
        let before = line.get(..from).unwrap_or_default();
        let after = line.get(end..).unwrap_or_default();
        if !may_be_key(before, after) {
            continue;
        }
        if let Some((after, is_block)) = value_of(before, word, after) {
            let is_within = is_within && !ends(end..line.len());
            return (Some((line.len() - after.len(), is_block)), is_within);
        }
        if (is_in_block || is_within)
            && let Some(value) = value_of_strange(before, word, after)
        {
            return (Some((line.len() - value.len(), false)), is_within && !ends(end..line.len()));
        }
        // What a word is, is asked last: it costs most.
        if after.trim_start_matches(BLANKS).starts_with(':')
            && last_brace.is_some_and(|at| at >= end)
            && is_block(word)
        {
            is_within = true;
        }
    }
    (None, is_within && !ends(end..line.len()))
}

/// Whether a word of a line stands where a key may, or is followed by what follows one. Most words
/// of a text are and do neither, and nothing else has to be asked of them.
fn may_be_key(before: &str, after: &str) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b'"' | b'\'' | b' ' | b'\t');
    let next = after.bytes().find(|byte| !is_blank(byte));
    let last = before.bytes().rev().find(|byte| !is_blank(byte));
    matches!(next, Some(b':' | b'='))
        || last
            .is_none_or(|byte| matches!(byte, b'-' | b'?' | b'{' | b'[' | b',') || !byte.is_ascii())
}

/// The value of a key that is no field of a block that holds a secret.
fn value_of_strange<'a>(before: &str, word: &str, after: &'a str) -> Option<&'a str> {
    let before = before.trim_end_matches(BLANKS);
    let may_be_key = before.is_empty() || before.ends_with(['-', '?', '{', '[', ',']);
    let rest = after.trim_start_matches(BLANKS);
    // The value of a key after `?` stands on the lines below.
    let is_alone = before.ends_with('?') && rest.is_empty();
    let value = match is_alone {
        true => rest,
        false => rest.strip_prefix([':', '='])?.trim_start(),
    };
    (may_be_key && !is_open(word) && !is_block(word)).then_some(value)
}

/// What is to be hidden after a word of a line, if the word says so; without a colon only where a
/// key may stand.
fn value_of<'a>(before: &str, word: &str, after: &'a str) -> Option<(&'a str, bool)> {
    let before = before.trim_end_matches(BLANKS);
    let rest = after.trim_start_matches(BLANKS);
    let keyed = rest.strip_prefix([':', '=']);
    let value = keyed.unwrap_or(rest).trim_start();
    let may_be_key = before.is_empty() || before.ends_with(['-', '?', '{', '[', ',']);
    let is_bare = may_be_key && !value.is_empty() && !value.starts_with([',', ']', '}']);
    if keyed.is_none() && !is_bare && !(value.is_empty() && matches!(before.trim(), "" | "?")) {
        return None;
    }
    // A quote that opens the value is hidden, too.
    let value = if keyed.is_none() { after.trim_start() } else { value };
    if is_secret(word) || is_strange(word) {
        return Some((value, false));
    }
    if !is_block(word) || keyed.is_none() && !is_bare {
        return None;
    }
    match value.strip_prefix('{') {
        _ if value.is_empty() || value.starts_with('#') => Some(("", true)),
        Some(inner) if is_key(inner) || inner.trim_matches([' ', '}']).is_empty() => None,
        _ => Some((value, false)),
    }
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
        assert_eq!(shown("contact: 'sip:u:p@s@h:1'\nb: 'c'"), "contact: 'sip:u:*@h:1'\nb: 'c'");
        assert_eq!(shown("c: sip:u@h:1 # a:b@c\n"), "c: sip:u@h:1 # a:*@c\n");
        assert_eq!(
            shown("username: a\npAssertedIdentity: x\n"),
            "username: a\npAssertedIdentity: x\n"
        );
    }

    /// Each word looked at once: otherwise this takes hours.
    #[test]
    fn a_line_as_long_as_a_file_is_read_once() {
        for (begin, words, count) in
            [("tls: {certificate:", " a", 1), ("a", ": b", 0), ("tls: {a} ", "tls: {a} ", 1)]
        {
            let line = begin.to_owned() + &words.repeat((2 << 20) / words.len());
            assert!(hidden(&(line + "\npin: 1\n")).len() <= count + 1, "{begin}");
        }
    }

    #[test]
    fn what_is_indented_below_it_is_hidden() {
        let text = "tls:\n  privateKey: |\n    one\n\n    two\n  clientCa: a\n";
        assert_eq!(shown(text), "tls:\n  privateKey: *\n    *\n\n    *\n  clientCa: a\n");
        assert_eq!(shown("- appSecret:\n    env: X\n- b: c\n"), "- appSecret:\n    *\n- b: c\n");
    }

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (text, expected) in [
            ("  password:\n  one\ntwo\n  user: a", "  password:\n  *\n*\n  user: a"),
            ("  password: |\none\n# c\nuser: a", "  password: *\n*\n# c\n*"),
            ("  password: |\none: two\nuser: a\n---\na: b", "  password: *\n*\n*\n---\na: b"),
            (
                "a:\n  password: |\n    one\n one: two\n  user: a",
                "a:\n  password: *\n    *\n *\n  *",
            ),
            ("- password: >-\n    one\n  user: a", "- password: *\n    *\n  *"),
            ("password: |\n  one\nuser: a", "password: *\n  *\nuser: a"),
            ("  password: \"a\nb: c\nd\"\ne: f", "  password: *\n*\n*\ne: f"),
            ("password: ab\none", "password: *\n*"),
            ("password:\n- one\n- a: b\nuser: a", "password:\n*\n*\nuser: a"),
            ("password one", "password *"),
            ("password: a\n# password: b", "password: *\n*"),
            ("- password = one", "- password = *"),
            ("? password\n: one\nuser: a", "? password\n*\nuser: a"),
            ("tls: one", "tls: *"),
            ("registration: [u, one]\na: b", "registration: *\na: b"),
            ("registration: {username: a}", "registration: {username: a}"),
            ("registration: {u, one}", "registration: *"),
            ("registration:\n  - u\n  - one\na: b", "registration:\n  *\n  *\na: b"),
            ("register:\n  # c\n  username: a", "register:\n  # c\n  username: a"),
            ("type: register\nfeatures: [tls, refer]", "type: register\nfeatures: [tls, refer]"),
            ("password:\n---\na: b", "password:\n---\na: b"),
            (
                "privateKey: |\n-----BEGIN X-----\na: b\n-----END X-----\nport: 1",
                "privateKey: *\n*\n*\n*\nport: 1",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn what_may_be_meant_to_be_a_secret_is_hidden() {
        for (text, expected) in [
            ("key: one", "key: *"),
            ("пароль: one\nuser: a", "пароль: *\nuser: a"),
            ("registration: {username: a, code: one}", "registration: {username: a, code: *"),
            (
                "registration: {username: a,\n  code: one,\n  realm: b}\nhost: a",
                "registration: {username: a,\n  code: *\n  realm: b}\nhost: a",
            ),
            (
                "registration:\n  username: a\n  code:\n    one: a\n  realm: b\nhost: a",
                "registration:\n  username: a\n  code:\n    *\n  realm: b\nhost: a",
            ),
            (
                "registration:\n  username: a\n  ? code\n  : one\n  realm: b\nhost: a",
                "registration:\n  username: a\n  ? code\n  *\n  realm: b\nhost: a",
            ),
            ("tls: {privateKey: a,\n  code: b}\nhost: c", "tls: {privateKey: *\n  *\nhost: c"),
            ("auth:\n  code: one\ncode: a", "auth:\n  code: *\ncode: a"),
            ("{tls: {certificate: a}, code: b}", "{tls: {certificate: a}, code: b}"),
            ("tls:\n  certificate: a\nport: 1", "tls:\n  certificate: a\nport: 1"),
            ("a: &x one\npassword: *x\nb: &y c", "a: *\npassword: *\nb: &y c"),
            ("a: &x one\nb: &y {c: *x}\npassword: *y", "a: *\nb: *\npassword: *"),
            (
                "tls:\n  code: |\n    -----BEGIN X\n    a: b\n    -----END X\nport: 1",
                "tls:\n  code: *\n    *\n    *\n    *\nport: 1",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
