//! Characters that look like those of YAML and are others, as keyboards, word processors and web pages
//! write them: a no-break space, a typographic quote, an en dash. They are texts where a text may
//! stand; elsewhere the document with the right ones in their place shows that they were meant.

use std::ops::Range;

use super::decode::{Declares, decode};
use super::lost;
use super::yaml::{Parsed, Segment, parse_segment};
use crate::diag::{Code, Diagnostic, FileId, MAX_RELATED, Severity, Span};

/// Characters of one document that are looked at.
const MAX_SLIPS: usize = 1000;

/// The longest document that is read again for it.
const MAX_BYTES: usize = 1024 * 1024;

/// Slips of one document that are tried one by one, whether they matter.
const MAX_TRIED: usize = 32;

/// The longest document in which they are.
const MAX_TRIED_BYTES: usize = 64 * 1024;

/// What a character is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    Blank,
    Nothing,
    Dash,
    Colon,
    Quote,
    Bracket,
}

/// One such character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slip {
    /// Its first byte.
    at: usize,
    found: char,
    meant: Meant,
    /// What is to stand in its place.
    instead: &'static str,
}

/// A document with such characters: what is told of it, and what it declares.
#[derive(Debug)]
pub struct Mistaken {
    /// The faults: that of its characters first.
    pub diagnostics: Vec<Diagnostic>,
    /// What it declares.
    pub declares: Declares,
}

/// What is wrong with the characters or the lines of a faulty document, if that is it.
pub fn mistaken(file: FileId, segment: Segment<'_>) -> Option<Mistaken> {
    of_characters(file, segment).or_else(|| lost::mistaken(file, segment))
}

fn of_characters(file: FileId, segment: Segment<'_>) -> Option<Mistaken> {
    let text = segment.text;
    if text.is_ascii() || text.len() > MAX_BYTES {
        return None;
    }
    let mut slips = slips(text);
    if slips.is_empty() {
        return None;
    }
    let written = Reading::of(text).faults();
    let mut mended = Reading::of(&mend(text, &slips));
    if written <= mended.faults() {
        // What is not seen may stand for a blank, too.
        let unseen = slips.iter_mut().filter(|slip| slip.meant == Meant::Nothing);
        unseen.for_each(|slip| (slip.meant, slip.instead) = (Meant::Blank, " "));
        mended = Reading::of(&mend(text, &slips));
    }
    if written <= mended.faults() {
        return None;
    }
    if text.len() <= MAX_TRIED_BYTES && slips.len() <= MAX_TRIED {
        slips = needed(text, slips, mended.faults());
    }
    let (first, others) = slips.split_first()?;
    let span = |at: usize, len: usize| {
        let byte = |at: usize| u32::try_from(segment.offset + at).unwrap_or(u32::MAX);
        Span { file, start: byte(at), end: byte(at + len) }
    };
    let place = |slip: &Slip| span(slip.at, slip.found.len_utf8());
    let mut told = Diagnostic::new(Code::TL001, first.message()).at(place(first));
    told = told.help(first.help());
    for other in others.iter().take(MAX_RELATED) {
        let code = u32::from(other.found);
        told = told.related(place(other), format!("{} (U+{code:04X}), too", name(other.found)));
    }
    let mut diagnostics = vec![told];
    // All else that is wrong is told where it is written.
    let moved = |place: Span| {
        let (start, end) =
            (written_at(&slips, place.start as usize), written_at(&slips, place.end as usize));
        span(start, end.saturating_sub(start))
    };
    diagnostics.extend(mended.diagnostics.into_iter().map(|mut one| {
        one.span = one.span.map(moved);
        one.related.iter_mut().for_each(|other| other.span = other.span.map(moved));
        one
    }));
    Some(Mistaken { diagnostics, declares: mended.declares })
}

/// Those of some slips without which the document has more faults.
fn needed(text: &str, mut slips: Vec<Slip>, least: Faults) -> Vec<Slip> {
    let mut at = 0;
    while at < slips.len() && slips.len() > 1 {
        let slip = slips.remove(at);
        if Reading::of(&mend(text, &slips)).faults() > least {
            slips.insert(at, slip);
            at += 1;
        }
    }
    slips
}

/// How many faults hide the most: those of YAML, those of what a document is, and all others.
pub(super) type Faults = (usize, usize, usize);

/// What is found in a document.
pub(super) struct Reading {
    /// What is told.
    pub diagnostics: Vec<Diagnostic>,
    /// What it declares.
    pub declares: Declares,
}

impl Reading {
    pub(super) fn of(text: &str) -> Self {
        let mut parsed = Parsed::default();
        parse_segment(FileId(0), Segment { offset: 0, text }, &mut parsed);
        let mut reading = Self { diagnostics: parsed.diagnostics, declares: Declares::Nothing };
        for (index, document) in parsed.documents.iter().enumerate() {
            let decoded = decode(document, text);
            reading.diagnostics.extend(decoded.diagnostics);
            if index == 0 {
                reading.declares = decoded.declares;
            }
        }
        reading
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|one| one.severity() == Severity::Error)
    }

    /// How many faults there are of each sort: the first ones hide the later ones.
    pub(super) fn faults(&self) -> Faults {
        let of_yaml = |one: &&Diagnostic| matches!(one.code, Code::TL001 | Code::TL002);
        let of_kind =
            |one: &&Diagnostic| matches!(one.code, Code::TL005 | Code::TL101 | Code::TL102);
        let (of_yaml, of_kind) =
            (self.errors().filter(of_yaml).count(), self.errors().filter(of_kind).count());
        (of_yaml, of_kind, self.errors().count() - of_yaml - of_kind)
    }
}

/// A text with the right characters.
fn mend(text: &str, slips: &[Slip]) -> String {
    let mut mended = String::with_capacity(text.len() + slips.len());
    let mut at = 0;
    for slip in slips {
        mended.push_str(text.get(at..slip.at).unwrap_or_default());
        mended.push_str(slip.instead);
        at = slip.at + slip.found.len_utf8();
    }
    mended.push_str(text.get(at..).unwrap_or_default());
    mended
}

/// Where a byte of the mended text is written.
fn written_at(slips: &[Slip], mended: usize) -> usize {
    let (mut written, mut left) = (0, mended);
    for slip in slips {
        let before = slip.at - written;
        if left <= before {
            break;
        }
        left = left.saturating_sub(before + slip.instead.len());
        written = slip.at + slip.found.len_utf8();
    }
    written + left
}

/// Every character of a text that may be one, in order.
fn slips(text: &str) -> Vec<Slip> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if !bare.is_ascii() && !bare.trim_start().starts_with('#') && found.len() < MAX_SLIPS {
            let begin = lead(bare, start, &mut found);
            rest(bare, begin..bare.len(), start, &mut found);
        }
        start += line.len();
    }
    found
}

/// The slips before the first word of a line: in its indentation, and in the dashes of its items.
/// Where that word begins.
fn lead(line: &str, start: usize, found: &mut Vec<Slip>) -> usize {
    for (at, c) in line.char_indices() {
        let next = line.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
        let at_blank = next.is_none_or(|next| next == ' ' || blank(next).is_some());
        let slip = match (c, blank(c)) {
            (' ' | '\t', _) => continue,
            ('-', _) if at_blank => continue,
            (_, Some((meant, instead))) => Slip { at: start + at, found: c, meant, instead },
            (c, None) if is_dash(c) && at_blank => {
                Slip { at: start + at, found: c, meant: Meant::Dash, instead: "-" }
            }
            _ => return at,
        };
        found.push(slip);
    }
    line.len()
}

/// The slips behind that.
fn rest(line: &str, range: Range<usize>, start: usize, found: &mut Vec<Slip>) {
    let text = line.get(range.clone()).unwrap_or_default();
    // The last character that is no blank.
    let mut before = None;
    for (at, c) in text.char_indices() {
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        let next = after.chars().next();
        let mut add = |meant, instead| {
            found.push(Slip { at: start + range.start + at, found: c, meant, instead });
        };
        if c == ' ' {
            continue;
        }
        if let Some((meant, instead)) = blank(c) {
            let is_behind = matches!(before, Some(':' | ',' | '[' | '{'));
            let of_key = after.trim_start().starts_with(is_colon);
            match () {
                () if is_behind => add(meant, instead),
                () if of_key => add(Meant::Nothing, ""),
                () => {}
            }
            continue;
        }
        let gap = if next.is_none_or(|next| next == ' ') { (":", ",") } else { (": ", ", ") };
        let opens = before.is_none_or(|c| matches!(c, ':' | ',' | '[' | '{'));
        let behind = after.trim_start().chars().next();
        let closes =
            behind.is_none_or(|c| matches!(c, ',' | ']' | '}' | '#') || is_colon(c) || is_comma(c));
        match c {
            ':' | ' ' => {}
            c if is_colon(c) => add(Meant::Colon, gap.0),
            c if is_comma(c) => add(Meant::Bracket, gap.1),
            c if opens || closes => match (quote(c), bracket(c)) {
                (Some(quote), _) => add(Meant::Quote, quote),
                (None, Some(bracket)) => add(Meant::Bracket, bracket),
                (None, None) => {}
            },
            _ => {}
        }
        before = Some(match c {
            c if is_colon(c) => ':',
            c if is_comma(c) => ',',
            c => bracket(c).and_then(|one| one.chars().next()).unwrap_or(c),
        });
    }
}

/// A blank that is none to YAML: it means one, or nothing, where it is not seen.
fn blank(c: char) -> Option<(Meant, &'static str)> {
    match c {
        '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}'
        | '\u{85}' => Some((Meant::Blank, " ")),
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => Some((Meant::Nothing, "")),
        _ => None,
    }
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2022}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}')
}

fn is_colon(c: char) -> bool {
    matches!(c, ':' | '\u{ff1a}' | '\u{fe55}' | '\u{2236}' | '\u{a789}')
}

fn is_comma(c: char) -> bool {
    matches!(c, '\u{ff0c}' | '\u{3001}' | '\u{fe50}')
}

fn quote(c: char) -> Option<&'static str> {
    match c {
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' | '\u{ff02}' => Some("\""),
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{ff07}' | '\u{b4}' => Some("'"),
        _ => None,
    }
}

fn bracket(c: char) -> Option<&'static str> {
    match c {
        '\u{ff3b}' | '\u{3010}' => Some("["),
        '\u{ff3d}' | '\u{3011}' => Some("]"),
        '\u{ff5b}' => Some("{"),
        '\u{ff5d}' => Some("}"),
        _ => None,
    }
}

/// What to call such a character.
fn name(c: char) -> &'static str {
    match c {
        '\u{a0}' => "a no-break space",
        '\u{3000}' => "an ideographic space",
        '\u{2013}' => "an en dash",
        '\u{2014}' => "an em dash",
        '\u{2022}' => "a bullet",
        '\u{2212}' => "a minus sign",
        '\u{feff}' => "a byte order mark",
        '\u{2028}' | '\u{2029}' | '\u{85}' => "a line end that is none in YAML",
        c => match blank(c) {
            Some((Meant::Nothing, _)) => "a character that is not seen",
            Some(_) => "a typographic space",
            None if is_dash(c) => "a typographic dash",
            None if is_colon(c) => "another colon",
            None if is_comma(c) => "another comma",
            None if quote(c).is_some() => "a typographic quote",
            None => "another bracket",
        },
    }
}

impl Slip {
    fn message(&self) -> String {
        let code = u32::from(self.found);
        let place = match self.meant {
            Meant::Blank => "where a blank belongs",
            Meant::Nothing => "where nothing belongs",
            Meant::Dash => "where the `-` of an item belongs",
            Meant::Colon => "where the `:` of a key belongs",
            Meant::Quote => "for a quote",
            Meant::Bracket => "for a sign of YAML",
        };
        format!("{} (U+{code:04X}) stands {place}", name(self.found))
    }

    fn help(&self) -> String {
        match (self.meant, self.instead.trim_end()) {
            (Meant::Blank, _) => {
                "write a blank: of all spaces, YAML knows the one of the space bar alone".to_owned()
            }
            (_, "") => "remove it".to_owned(),
            (Meant::Dash, _) => "write `-`, and a blank behind it".to_owned(),
            (Meant::Colon, _) => "write `:`, and a blank behind it".to_owned(),
            (_, instead) => format!("write `{instead}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> String {
        mend(text, &slips(text))
    }

    #[test]
    fn what_looks_like_yaml_becomes_yaml() {
        for (written, meant) in [
            ("a:\n\u{a0}\u{3000}b: 1\n", "a:\n  b: 1\n"),
            ("a:\u{a0}b\n", "a: b\n"),
            ("-\u{a0}a:\u{2003}\u{2003}b\n", "- a:  b\n"),
            ("a\u{a0}: b\u{a0}c\n", "a: b\u{a0}c\n"),
            ("\u{200b}a: b\n", "a: b\n"),
            ("  – a\n  \u{2022} b\n", "  - a\n  - b\n"),
            ("a：b\nc： d\n", "a: b\nc: d\n"),
            ("a: “b”\n“c”: ‘d’ # e\n", "a: \"b\"\n\"c\": 'd' # e\n"),
            ("a: [„b“， 1]\n", "a: [\"b\", 1]\n"),
            ("a: 【1】\n", "a: [1]\n"),
            ("# “a”\na: b – c’s “d” e\n", "# “a”\na: b – c’s “d” e\n"),
        ] {
            assert_eq!(mended(written), meant, "{written}");
        }
    }

    #[test]
    fn places_are_those_of_the_written_text() {
        let text = "\u{a0}\u{a0}a：b\nc: “d”";
        let slips = slips(text);
        let mended = mend(text, &slips);
        for c in ['a', 'b', 'c', 'd'] {
            let at = mended.find(c).unwrap();
            assert_eq!(written_at(&slips, at), text.find(c).unwrap(), "{c}");
        }
        assert_eq!(written_at(&slips, mended.len()), text.len());
    }
}
