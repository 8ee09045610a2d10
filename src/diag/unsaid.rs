//! What a message quotes of a text: nothing that is hidden in its excerpt. A secret that stands where
//! a name is expected would be quoted as that name.

use std::ops::Range;

use super::hidden::{HIDDEN, hidden};
use super::{Code, Diagnostic, FileId, SourceMap, Span};

/// Bytes of a secret that are enough to find it by: a message quotes the beginning of a long one.
const MAX_NEEDLE: usize = 40;

/// A shorter secret is hidden only where a message quotes: it may be a word of any sentence.
const SHORT: usize = 5;

/// Secrets on the lines of one diagnostic that are looked for.
const MAX_SECRETS: usize = 32;

/// Bytes of its lines on each side of a span: a line may be as long as a file.
const MAX_BESIDE: usize = 4096;

/// What stands around a value in a line.
const AROUND: [char; 11] = ['"', '\'', '{', '}', '[', ']', ',', ' ', '\t', '\n', '\r'];

/// Takes out of messages what their excerpts hide.
pub fn leave_secrets_out(found: &mut [Diagnostic], sources: &SourceMap) {
    let mut document = Document::default();
    for one in found {
        // What is said of a secret itself has no word of it, and it may be a word of that.
        let Some(span) = one.span.filter(|_| !matches!(one.code, Code::TL701 | Code::TL702)) else {
            continue;
        };
        let text = sources.text(span.file);
        document.enter(span, text);
        let related = one.related.iter_mut().map(|related| &mut related.message);
        let said: Vec<_> =
            [&mut one.message].into_iter().chain(&mut one.help).chain(related).collect();
        let secrets = document.secrets(span, text);
        let folded = folded(span, text);
        for message in said {
            secrets.iter().for_each(|secret| leave_out(message, secret));
            folded.iter().for_each(|value| leave_out(message, value));
        }
    }
}

/// A value of several lines, as a message may quote it: a line of it may be meant for a secret above.
fn folded(span: Span, text: &str) -> Option<String> {
    let value = text.get(span.start as usize..span.end as usize)?;
    let value = value.trim_matches(AROUND);
    let is_plain = value.len() <= MAX_BESIDE && value.contains('\n') && !value.contains([':', '#']);
    is_plain.then(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The document that was looked at last: most have several diagnostics, and all are sorted.
#[derive(Default)]
struct Document {
    file: Option<FileId>,
    range: Range<usize>,
    hidden: Vec<Range<usize>>,
}

impl Document {
    fn enter(&mut self, span: Span, text: &str) {
        let at = (span.start as usize).min(text.len());
        if self.file == Some(span.file) && self.range.contains(&at) {
            return;
        }
        let bytes = text.as_bytes();
        let before = memchr::memmem::rfind_iter(bytes.get(..at).unwrap_or_default(), "\n---");
        let is_marker = |end: usize| {
            bytes.get(end).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        };
        let start = before.map(|found| found + 1).find(|start| is_marker(start + 3)).unwrap_or(0);
        let after = memchr::memmem::find_iter(bytes.get(at..).unwrap_or_default(), "\n---");
        let end = after.map(|found| at + found + 1).find(|end| is_marker(end + 3));
        self.range = start..end.unwrap_or(text.len());
        let shift = |range: Range<usize>| start + range.start..start + range.end;
        let own = text.get(self.range.clone()).unwrap_or_default();
        self.hidden = hidden(own).into_iter().map(shift).collect();
        self.file = Some(span.file);
    }

    /// The secrets on the lines of a span, as a message may quote them.
    fn secrets<'a>(&self, span: Span, text: &'a str) -> Vec<&'a str> {
        let (start, end) = (span.start as usize, span.end as usize);
        if self.hidden.is_empty() {
            return Vec::new();
        }
        let bytes = text.as_bytes();
        let least = start.saturating_sub(MAX_BESIDE);
        let before = bytes.get(least..start).and_then(|before| memchr::memrchr(b'\n', before));
        let line = before.map_or(least, |at| least + at + 1);
        let most = bytes.len().min(end + MAX_BESIDE);
        let after = bytes.get(end..most).and_then(|after| memchr::memchr(b'\n', after));
        let line_end = after.map_or(most, |length| end + length);
        let first = self.hidden.partition_point(|range| range.end <= line);
        let mut secrets = Vec::new();
        for range in self.hidden.iter().skip(first).take_while(|range| range.start < line_end) {
            let whole = text.get(range.clone()).unwrap_or_default();
            // In braces other fields may follow.
            let value = whole.trim_start_matches(AROUND).split([',', '}', ']']).next();
            secrets.extend([Some(whole), value]);
            if range.start > start && range.start < end {
                secrets.push(text.get(range.start..end.min(range.end)));
            }
            let is_within = range.start <= start && end <= range.end;
            // What looks like a name may be the rest of a secret with a comma in it.
            if is_within && !is_field(text, end) {
                secrets.push(text.get(start..end));
            }
            if secrets.len() >= MAX_SECRETS {
                break;
            }
        }
        let mut secrets: Vec<_> =
            secrets.into_iter().flatten().map(|secret| secret.trim_matches(AROUND)).collect();
        secrets.retain(|secret| !secret.is_empty());
        // A longer one first: a shorter one may be part of it.
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        secrets.dedup();
        secrets
    }
}

/// Whether what ends here is a key with its colon, or a value of one.
fn is_field(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default().trim_start_matches(['"', '\'', ' ']);
    let line = text.get(..end).and_then(|before| before.rsplit(['\n', ',', '{']).next());
    rest.starts_with(':') || line.is_some_and(|line| line.contains(": "))
}

fn leave_out(message: &mut String, secret: &str) {
    let needle = secret.char_indices().map(|(at, c)| at + c.len_utf8());
    let length = needle.take_while(|end| *end <= MAX_NEEDLE).last().unwrap_or(secret.len());
    let needle = secret.get(..length).unwrap_or(secret);
    let mut from = 0;
    while let Some(found) = message.get(from..).and_then(|rest| rest.find(needle)) {
        let start = from + found;
        let rest = message.get(start..).unwrap_or_default();
        let same = rest.chars().zip(secret.chars()).take_while(|(a, b)| a == b);
        let end = start + same.map(|(a, _)| a.len_utf8()).sum::<usize>();
        if secret.len() < SHORT && !is_quoted(message, start, end) {
            from = end;
            continue;
        }
        message.replace_range(start..end, HIDDEN);
        from = start + HIDDEN.len();
    }
}

/// Whether a part of a message stands in backticks, and is no part of a longer word.
fn is_quoted(message: &str, start: usize, end: usize) -> bool {
    let before = message.get(..start).unwrap_or_default();
    let after = message.get(end..).unwrap_or_default();
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    before.matches('`').count() % 2 == 1
        && !is_part(before.chars().next_back())
        && !is_part(after.chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a message about the first place of a word.
    fn said(text: &str, word: &str, message: &str) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", text);
        let start = u32::try_from(text.find(word).unwrap()).unwrap();
        let span = Span { file, start, end: start + u32::try_from(word.len()).unwrap() };
        let mut found = [Diagnostic::new(Code::TL103, message).at(span)];
        leave_secrets_out(&mut found, &sources);
        found[0].message.clone()
    }

    #[test]
    fn what_the_excerpt_hides_is_not_quoted() {
        let long = "x1".repeat(200);
        for (text, word, message, expected) in [
            ("a: {b: c, password:p1}", "password:p1", "no `password:p1`", "no `password:••••••`"),
            ("registration: {u:hunter2x}", "u:hunter2x", "`u:hunter2x`", "`••••••`"),
            ("password: hunt,er2x", "hunt", "`er2x` of `hunt`", "`er2x` of `••••••`"),
            ("{password: hunt,er2x}", "er2x", "no `er2x`", "no `••••••`"),
            ("a: 'sip:u:a@h'", "'sip:u:a@h'", "a field `sip:u:a@h`", "a field `sip:u:••••••@h`"),
            ("{password: {env: A}, expires: p1}", "p1", "`p1` is bad", "`p1` is bad"),
            ("{password: {env: A}, expirse: 1}", "expirse", "no `expirse`", "no `expirse`"),
            ("password:\nuser: u\n  p1x2", "u\n  p1x2", "cannot be `u p1x2`", "cannot be `••••••`"),
            ("a: b\n---\npassword: p1\n---\nc: d", "c: d", "`p1`, `d`", "`p1`, `d`"),
            (&format!("password:{long}"), "password:", &format!("`{}…`", &long[..80]), "`••••••…`"),
        ] {
            assert_eq!(said(text, word, message), expected, "{text}");
        }
    }
}
