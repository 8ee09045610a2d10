//! What people mean whose file is no YAML: templates, conflicts of a merge, a `*` without quotes.

use super::shown::shown;
use crate::diag::{Code, Diagnostic, Span, without_secrets};

/// What is wrong with a template.
pub(super) const TEMPLATE: &str = "template braces (`{{ … }}`) are not YAML";

/// What to do with it.
pub(super) const RENDER: &str =
    "manifests are read as they are: run the template first, and give what comes out";

/// What is wrong where the first line of a document stands further right than the others.
const INDENTED_HEAD: &str =
    "the first line of the document is indented, and the ones below it are not";

/// Whether the line of one place is indented, and that of another one is a field at the beginning of
/// its line.
pub(super) fn is_indented_head(text: &str, head: usize, below: usize) -> bool {
    let line = |at: usize| {
        let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
        text.get(begin..)?.lines().next()
    };
    let starts = |at: usize, with: &[char]| line(at).is_some_and(|line| line.starts_with(with));
    starts(head, &[' ', '\t']) && !starts(below, &[' ', '\t', '-', '.', '#'])
}

/// What is told of such a line: that a tab is what stands before it is not seen.
pub(super) fn indented_head(text: &str, head: usize) -> (&'static str, &'static str) {
    let begin = text.get(..head).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    match text.get(begin..head).is_some_and(|before| before.contains('\t')) {
        true => ("a tab stands before the first line of the document", "remove the tab"),
        false => (INDENTED_HEAD, "write it at the beginning of its line"),
    }
}

/// What begins a line that git leaves where two sides of a merge differ.
const MARKERS: [&str; 4] = ["<<<<<<< ", "||||||| ", "=======", ">>>>>>> "];

/// What somebody means at a place that is no YAML, if it shows.
pub(super) fn of_syntax(text: &str, at: usize) -> Option<String> {
    let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(begin..)?.lines().next().unwrap_or_default();
    if line.contains("{{") || line.contains("{%") {
        return Some(RENDER.to_owned());
    }
    // The parser may stand at the end of the line before it.
    let near = text.get(begin..)?.lines().take(2);
    if near.map(|line| line.trim_start_matches(' ')).any(|line| line.starts_with('\t')) {
        return Some("write blanks: a tab indents nothing in YAML".to_owned());
    }
    // What stands where a value may begin.
    let starts = |(at, _): &(usize, &str)| {
        let before = line.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with([' ', '\t', '[', '{', ',', '-'])
    };
    let Some((star, _)) = line.match_indices('*').find(starts) else {
        return key_gone(text, begin);
    };
    let rest = line.get(star..).unwrap_or_default();
    let word = rest.split([' ', '\t', ',', ']', '}', '#']).next().unwrap_or("*");
    let before = line.get(..star).unwrap_or_default();
    if word == "*" && rest.starts_with("* ") && before.trim_start().is_empty() {
        return Some("write `- `: an item of a list begins with a dash".to_owned());
    }
    // The colon of a key is none of its text.
    let word = word.strip_suffix(':').filter(|key| !key.is_empty()).unwrap_or(word);
    if !may_show(text, word) {
        return Some("a text that begins with `*` stands in quotes, and a secret is not written here: `{env: NAME}` or `{file: NAME}` says where it is".to_owned());
    }
    let is_key = rest.get(word.len()..).is_some_and(|behind| behind.starts_with(':'));
    let colon = if is_key { ":" } else { "" };
    let word = shown(word);
    Some(format!("write `\"{word}\"{colon}`: without quotes `*` begins an alias in YAML"))
}

/// Lines before a fault that are looked at for its cause.
const MAX_LINES: usize = 20;

/// What somebody means who has deleted the key line of a block, or made it a comment: the lines of the
/// block stand further right than a line before them that has a value already. `begin` is where the
/// line of the fault begins.
fn key_gone(text: &str, begin: usize) -> Option<String> {
    let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_empty = |line: &str| line.trim().is_empty();
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let here = text.get(begin..)?.lines().next()?;
    // The nearest first.
    let before = text.get(..begin)?.lines().rev();
    let lines: Vec<&str> = std::iter::once(here).chain(before).take(MAX_LINES).collect();
    let said: Vec<(usize, &str)> = lines.iter().copied().enumerate().collect();
    let mut said = said.into_iter().filter(|(_, line)| !is_empty(line) && !is_comment(line));
    let (mut below, mut first) = said.next()?;
    for (at, line) in said {
        // The key of an item stands behind its dash, as far right as the other fields of the item.
        if line.len() - line.trim_start_matches([' ', '-']).len() < depth(first) {
            return key_line(line).filter(|_| is_entry(first)).and_then(|key| {
                let between = lines.get(below..at).unwrap_or_default();
                let gone = between.iter().rev().filter(|line| is_comment(line)).find_map(|line| {
                    line.trim().trim_start_matches(['#', ' ']).strip_suffix(':')
                });
                match gone.filter(|name| is_word(name) && may_show(text, name)) {
                    Some(gone) => Some(format!(
                        "the line `{}:` above is a comment, and those below it are not: take its `#` away, or make comments of them, too", shown(gone)
                    )),
                    None => may_show(text, key).then(|| shown(key)).map(|key| format!(
                        "`{key}:` above has a value, so nothing stands further right below it: if the line with the key of a block is gone there, write it; if not, write the lines as far left as `{key}:`"
                    )),
                }
            });
        }
        (below, first) = (at, line);
    }
    None
}

/// The key of a line that has a value, too.
fn key_line(line: &str) -> Option<&str> {
    let (key, value) = line.trim_start_matches([' ', '-']).split_once(": ")?;
    let value = value.trim();
    let is_open = value.is_empty() || value.starts_with(['|', '>', '{', '[', '#', '&', '"', '\'']);
    (!is_open && is_word(key)).then_some(key)
}

/// Whether a line is one of a mapping or of a list.
fn is_entry(line: &str) -> bool {
    let line = line.trim_start();
    let key = line.split_once(':').map_or("", |(key, _)| key);
    line.starts_with("- ") || is_word(key)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What is said of a character that no text file holds.
pub(super) fn control_character(span: Span, found: char) -> Box<Diagnostic> {
    let message = format!("the control character U+{:04X} stands in the file", u32::from(found));
    let help = "a manifest is a text file: remove the character, or write it as an escape in double quotes";
    Box::new(Diagnostic::new(Code::TL001, message).at(span).help(help))
}

/// Whether a word of a text is no secret of it.
pub(super) fn may_show(text: &str, word: &str) -> bool {
    without_secrets(text).contains(word)
}

/// Whether a mapping that stands as a key is the inner brace of `{{ … }}`.
pub(super) fn is_template(key: Span, offset: usize, text: &str) -> bool {
    let start = (key.start as usize).checked_sub(offset + 1);
    start.and_then(|start| text.get(start..start + 2)) == Some("{{")
}

/// Where the lines stand that git leaves in a file whose merge is not finished: the first, and how
/// many conflicts there are.
pub fn conflicts(text: &str) -> Option<(std::ops::Range<usize>, usize)> {
    // Hardly any file has such a line, and each has all of these letters only then.
    let holds = |marker: &str| memchr::memmem::find(text.as_bytes(), marker.as_bytes()).is_some();
    if !MARKERS.iter().any(|marker| holds(marker)) {
        return None;
    }
    let mut start = 0;
    let mut first = None;
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        let is_marker = |marker: &str| match marker {
            "=======" => bare == "=======",
            marker => bare.starts_with(marker),
        };
        if MARKERS.iter().any(|marker| is_marker(marker)) {
            first = first.or(Some(start..start + bare.len()));
            count += usize::from(bare.starts_with("<<<<<<< "));
        }
        start += line.len();
    }
    first.map(|first| (first, count.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_without_quotes_is_seen() {
        let text = "spec:\n  did: *\n";
        assert!(of_syntax(text, 13).unwrap().starts_with("write `\"*\"`"));
        assert!(of_syntax("prefixes: [*61, 0]", 11).unwrap().starts_with("write `\"*61\"`"));
        let key = of_syntax("scopes:\n  **/a/**: system\n", 10).unwrap();
        assert!(key.starts_with("write `\"**/a/**\":`: without"), "{key}");
        let long = "*".repeat(3_000_000);
        let told = of_syntax(&long, 0).unwrap();
        assert!(told.len() < 300 && told.contains("*…\"`: without"), "{}", told.len());
        let bullet = of_syntax("numbers:\n  * 1000\n", 11).unwrap();
        assert!(bullet.starts_with("write `- `"), "{bullet}");
        assert_eq!(of_syntax("a: 2*3: 4", 5), None);
        for text in ["password: *Summer\n", "{username: u, password: *Summer}\n"] {
            assert!(!of_syntax(text, text.len() - 1).unwrap().contains("Summer"), "{text}");
        }
    }

    #[test]
    fn markers_count_at_the_beginning_of_a_line_only() {
        let text = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n";
        assert_eq!(conflicts(text), Some((5..17, 1)));
        assert_eq!(conflicts("a: |\n  =======\n  <<<<<<< x\n"), None);
        assert_eq!(conflicts("a: 1\n======= b\n"), None);
    }
}
