//! What would change in a file, as `diff -u` says it, without the secrets that stand in it.

use std::fmt::Write as _;
use std::time::Duration;

use similar::TextDiff;

use crate::diag::{visible, without_secrets};

/// The search for the shortest difference of a file ends here; a longer one is shown.
const MAX_TIME: Duration = Duration::from_secs(1);

/// The difference of two texts of a file. They are compared as they are, so that a change inside a
/// secret is seen, and shown as anybody may read them, also on a terminal or in the log of a pipeline.
pub(super) fn diff(path: &str, before: &str, after: &str) -> String {
    let (old_shown, new_shown) = (without_secrets(before), without_secrets(after));
    let (old_shown, new_shown) = (lines(&old_shown), lines(&new_shown));
    let (old, new) = (lines(before), lines(after));
    let mut config = TextDiff::configure();
    let diff = config.timeout(MAX_TIME).newline_terminated(true).diff_slices(&old, &new);
    let path = visible(path);
    let mut text = format!("--- a/{path}\n+++ b/{path}\n");
    for hunk in diff.unified_diff().iter_hunks() {
        writeln!(text, "{}", hunk.header()).ok();
        for change in hunk.iter_changes() {
            let of = |at: Option<usize>, lines: &[&str]| {
                at.and_then(|at| lines.get(at)).map(|line| (*line).to_owned())
            };
            let sides = [of(change.old_index(), &old_shown), of(change.new_index(), &new_shown)];
            // A line that both texts have is hidden if it is in either.
            let mut sides = sides.into_iter().flatten();
            let first = sides.next().unwrap_or_default();
            let second = sides.next().filter(|_| first == change.value());
            writeln!(text, "{}{}", change.tag(), plain(&second.unwrap_or(first))).ok();
            if change.missing_newline() {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

/// A line without its end, but for a carriage return, which is a change that must be seen. Tabs stay.
fn plain(line: &str) -> String {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.split('\t').map(visible).collect::<Vec<_>>().join("\t")
}

/// The lines of a text with their ends; a carriage return alone is one.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r']).map_or(rest.len(), |at| {
            at + if rest.get(at..).is_some_and(|end| end.starts_with("\r\n")) { 2 } else { 1 }
        });
        let (line, below) = rest.split_at_checked(end).unwrap_or((rest, ""));
        lines.push(line);
        rest = below;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_no_secret() {
        let before = "a: 1\nb:\n    password: abc\n    appSecret:\n        - def\nprivateKey: ghi";
        let after = "a: 1\nb:\n  password: abc\n  appSecret:\n    - def\nprivateKey: ghi\n";
        assert_eq!(
            diff("x.yaml", before, after),
            "--- a/x.yaml\n+++ b/x.yaml\n@@ -1,6 +1,6 @@\n a: 1\n b:\n-    password: ••••••\n-    \
             appSecret:\n-        ••••••\n-privateKey: ••••••\n\\ No newline at end of file\n+  \
             password: ••••••\n+  appSecret:\n+    ••••••\n+privateKey: ••••••\n"
        );
    }

    #[test]
    fn what_steers_a_terminal_or_a_runner_is_spelled_out() {
        let name = "a\n::error::x\n\u{1b}[31m.yaml";
        assert_eq!(
            diff(name, "a: \u{202e}\tb\r\n# ::x\r::error::y\n", "a: c\n"),
            "--- a/a␊::error::x␊␛[31m.yaml\n+++ b/a␊::error::x␊␛[31m.yaml\n@@ -1,3 +1 @@\n\
             -a: <U+202E>\tb␍\n-# ::x␍\n-::error::y\n+a: c\n"
        );
    }

    #[test]
    fn lines_end_as_they_end() {
        assert_eq!(lines("a\r\nb\rc\n\nd"), ["a\r\n", "b\r", "c\n", "\n", "d"]);
        assert_eq!(lines(""), [""; 0]);
    }
}
