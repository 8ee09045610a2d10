//! Key lines that are gone or have become comments, and lines that stand too far left, where what is
//! left is no YAML or says another thing: found by reading the document again with the line in its
//! place. Nothing is told that does not make the document sounder.

use super::characters::{Mistaken, Reading};
use super::outline::{Level, Line, Outline};
use super::yaml::Segment;
use super::{colons, columns, dashes, schema, swapped};
use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::model::Kind;

/// The longest document in which they are sought.
const MAX_BYTES: usize = 64 * 1024;

/// Lines above a fault that are looked at for its cause.
const MAX_LINES: usize = 20;

/// Faults of one document whose lines are looked at.
const MAX_FAULTS: usize = 8;

/// Times that one document is read again.
const MAX_TRIES: usize = 16;

/// And with two lines swapped.
const MAX_SWAPS: usize = 8;

/// Names that one help gives.
const MAX_NAMES: usize = 3;

/// What begins a help that names a line above.
pub(super) const IF_GONE: &str = "if the line";

/// What may be wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// The line that is told: the one below the line that is gone, or the one too far left.
    pub line: usize,
    /// The name of the key.
    pub name: String,
    pub what: What,
    /// Where something is put into the text, in place of how much, and what.
    pub put: (usize, usize, String),
    /// The key beside which it stands then.
    pub beside: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The line was made a comment.
    Comment,
    /// The line is gone, and what is left can mean nothing else.
    Gone,
    /// The line is gone, or what is told of the lines below it is right.
    Perhaps,
    /// The line stands too far left.
    Left,
    /// The line stands too far right.
    Right,
    /// The dash of an item is missing.
    Dash,
    /// A dash stands before a field.
    Field,
    /// Something stands beside a key whose value is below it.
    Value,
    /// No `: ` stands behind a key.
    Colon,
    /// No blank stands behind the dash of an item.
    Blank,
    /// The line and the one below it stand the wrong way round.
    Swapped,
}

/// What is wrong with the lines of a faulty document, if that is it.
pub(super) fn mistaken(file: FileId, segment: Segment<'_>) -> Option<Mistaken> {
    let text = segment.text;
    if text.len() > MAX_BYTES {
        return None;
    }
    let written = Reading::of(text);
    let faults = written.faults();
    if faults == Default::default() {
        return None;
    }
    let outline = Outline::of(text);
    let kind = outline.kind()?;
    let seeker = Seeker { kind, outline: &outline, places: outline.places() };
    let mut best: Vec<(Cause, Reading)> = Vec::new();
    for cause in seeker.causes(&written) {
        let (at, cut, put) = &cause.put;
        let (before, after) = (text.get(..*at)?, text.get(at + cut..)?);
        let mended = Reading::of(&format!("{before}{put}{after}"));
        let answers = if cause.what == What::Perhaps {
            seeker.fault(&cause, &written, &mended).is_some()
        } else {
            cause.what != What::Swapped || mended.faults() == Default::default()
        };
        // Where the text becomes YAML by it, a `:` behind a field's name was meant, whatever else is wrong.
        let is_sign = matches!(cause.what, What::Colon | What::Blank);
        let is_yaml = is_sign && faults.0 > 0 && mended.faults().0 == 0;
        if !is_yaml && !is_sounder(&mended, &written) || !answers {
            continue;
        }
        let least = best.first().map_or(faults, |(_, best)| best.faults());
        let is_surer = cause.what == What::Swapped
            && best.first().is_some_and(|(one, _)| one.what == What::Perhaps);
        if mended.faults() < least || is_surer {
            best = vec![(cause, mended)];
        } else if mended.faults() == least
            && best.first().is_some_and(|(one, _)| one.line == cause.line && one.what == cause.what)
        {
            best.push((cause, mended));
        }
    }
    let names: Vec<&str> = best.iter().map(|(cause, _)| cause.name.as_str()).collect();
    let (cause, _) = best.first()?;
    let told = seeker.tell(cause, &names, (&written, &best.first()?.1))?;
    let (at, cut, len) = (cause.put.0, cause.put.1, cause.put.2.len());
    let (_, mended) = best.into_iter().next()?;
    let span = |span: Span, moved: &dyn Fn(usize) -> usize| {
        let byte = |at: u32| u32::try_from(segment.offset + moved(at as usize)).unwrap_or(u32::MAX);
        Span { file, start: byte(span.start), end: byte(span.end) }
    };
    let written_at = |byte: usize| if byte < at + len { byte.min(at) } else { byte + cut - len };
    let placed = |mut one: Diagnostic, moved: &dyn Fn(usize) -> usize| {
        one.span = one.span.map(|place| span(place, moved));
        one.related
            .iter_mut()
            .for_each(|other| other.span = other.span.map(|place| span(place, moved)));
        one
    };
    let mut diagnostics = vec![placed(told, &|at| at)];
    diagnostics.extend(mended.diagnostics.into_iter().map(|one| placed(one, &written_at)));
    Some(Mistaken { diagnostics, declares: mended.declares })
}

/// Whether a document has less faults with a line in its place, and no new ones. What is no YAML hides
/// all other faults: those of values may remain then, but none of where a line stands.
fn is_sounder(mended: &Reading, written: &Reading) -> bool {
    let of_place = |one: &Diagnostic| {
        matches!(
            one.code,
            Code::TL001 | Code::TL002 | Code::TL005 | Code::TL103 | Code::TL105 | Code::TL107
        )
    };
    match written.faults() {
        (0, ..) => {
            let was_told = |one: &Diagnostic| {
                written.errors().any(|old| (old.code, &old.message) == (one.code, &one.message))
            };
            mended.errors().count() < written.errors().count() && mended.errors().all(was_told)
        }
        _ => !mended.errors().any(of_place),
    }
}

pub(super) struct Seeker<'a> {
    pub kind: Kind,
    pub outline: &'a Outline<'a>,
    /// The mapping of each line, and its key.
    pub places: Vec<(Option<String>, Option<&'a str>)>,
}

impl Seeker<'_> {
    pub(super) fn line(&self, index: usize) -> Option<&Line<'_>> {
        self.outline.0.get(index)
    }

    fn causes(&self, written: &Reading) -> Vec<Cause> {
        let mut causes: Vec<Cause> = Vec::new();
        let swaps = swapped::are_sought(written);
        for fault in written.errors().take(MAX_FAULTS) {
            let Some(at) = fault.span.and_then(|span| self.outline.at(span.start as usize)) else {
                continue;
            };
            let before = causes.len();
            let of_yaml = fault.code == Code::TL001;
            // What is told of a reference to a secret says so already.
            let of_secret = fault.code == Code::TL702;
            // A value that goes on below its line is told where it begins.
            let until = if of_yaml { at } else { at + 1 };
            for line in (until.saturating_sub(MAX_LINES)..=until).rev() {
                if of_yaml || line == at {
                    causes.extend(self.dashes(line, fault.code));
                }
                if of_yaml {
                    causes.extend(self.too_far_left(line));
                    causes.extend(self.too_far_right(line));
                }
                if of_yaml || line >= at && !of_secret {
                    causes.extend(self.signs(line));
                }
                if of_yaml || line >= at {
                    causes.extend(self.gone(line, line == at && !of_yaml));
                }
            }
            causes.extend(
                (at.saturating_sub(MAX_LINES)..=at)
                    .rev()
                    .filter_map(|line| self.item_comment(line)),
            );
            if swaps {
                causes.extend(self.swapped(at));
            }
            if fault.code == Code::TL002 {
                causes.extend(self.item_gone(at));
            }
            if fault.help.as_deref().is_some_and(|help| help.starts_with(IF_GONE)) {
                // It names the line already.
                let mut of_fault = causes.split_off(before);
                of_fault.retain(|cause| matches!(cause.what, What::Comment | What::Swapped));
                causes.append(&mut of_fault);
            }
        }
        let mut seen: Vec<Cause> = Vec::new();
        for cause in causes {
            if !seen.iter().any(|one| one.put == cause.put) {
                seen.push(cause);
            }
        }
        // What the writer left as a comment is surely meant, and so is a key.
        seen.sort_by_key(|cause| match cause.what {
            What::Comment | What::Colon | What::Blank => 0,
            What::Dash | What::Field | What::Value => 1,
            What::Gone | What::Perhaps | What::Left | What::Right => 2,
            What::Swapped => 3,
        });
        let first = seen.iter().position(|cause| cause.what == What::Swapped);
        let mut swaps = seen.split_off(first.unwrap_or(seen.len()));
        seen.truncate(MAX_TRIES);
        swaps.truncate(MAX_SWAPS);
        seen.append(&mut swaps);
        seen
    }

    pub(super) fn is_absent(&self, within: &str, name: &str) -> bool {
        let is_it = |(place, key): &(Option<String>, Option<&str>)| {
            place.as_deref() == Some(within) && *key == Some(name)
        };
        !self.places.iter().any(is_it)
    }

    /// Whether a line may stand first below a key.
    pub(super) fn takes(&self, place: &str, line: &Line<'_>) -> bool {
        let place = if line.is_item { format!("{place}/0") } else { place.to_owned() };
        let known = schema::fields(self.kind, &place);
        match line.key {
            Some(key) => known.iter().any(|one| one == key),
            None => line.is_item && known.is_empty() && schema::has(self.kind, &place),
        }
    }

    /// The same, also of a mapping with names of one's own: that would take a misspelt one, too.
    fn may_hold(&self, place: &str, line: &Line<'_>) -> bool {
        line.key.is_some_and(|key| schema::has(self.kind, &format!("{place}/{key}")))
    }

    /// The key lines that may be gone above a line. `faulty`: a fault is told of the line itself.
    fn gone(&self, index: usize, faulty: bool) -> Vec<Cause> {
        let Some(line) = self.line(index) else { return Vec::new() };
        let levels = self.outline.levels(index, false);
        let own = self.outline.levels(index, true);
        let Some((own, last)) = own.last().zip(levels.last()) else { return Vec::new() };
        // A line that belongs to nothing, or to a key that does not take it.
        let is_first =
            index.checked_sub(1).and_then(|above| self.line(above)).is_some_and(|above| {
                !above.has_value && last.column > above.depth && line.depth > above.depth
            });
        let is_strange = match (&own.place, &last.place) {
            (None, _) => true,
            (Some(_), Some(owner)) if is_first => !self.takes(owner, line),
            _ => false,
        };
        let is_other = line.is_item && self.is_other_form(index);
        let only_comment = !is_strange && !is_other && !faulty;
        let comment = line.comment.map(|one| one.key);
        if only_comment && comment.is_none() {
            return Vec::new();
        }
        let what = if is_strange || is_other { What::Gone } else { What::Perhaps };
        let mut causes = Vec::new();
        for level in levels.iter().rev() {
            let Some(place) = &level.place else { continue };
            let may_hold = level.column < line.depth || line.is_item && level.column == line.depth;
            if !may_hold {
                continue;
            }
            for name in schema::fields(self.kind, place) {
                let within = format!("{place}/{name}");
                let is_comment = comment == Some(name.as_str());
                if !self.is_absent(place, &name)
                    || !(self.takes(&within, line) || is_comment && self.may_hold(&within, line))
                {
                    continue;
                }
                let what = if is_comment { What::Comment } else { what };
                if only_comment && what != What::Comment {
                    continue;
                }
                let blanks = " ".repeat(level.column);
                let put = (line.start - line.depth, 0, format!("{blanks}{name}:\n"));
                let beside = self.beside(place, index);
                causes.push(Cause { line: index, name, what, put, beside });
            }
        }
        causes
    }

    /// Whether an item has a key, and the one before it in its list has none, or the other way round.
    fn is_other_form(&self, index: usize) -> bool {
        let Some(line) = self.line(index) else { return false };
        let before = self.outline.0.iter().take(index).rev();
        let mut before = before.take_while(|one| one.depth >= line.depth);
        let before = before.find(|one| one.is_item && one.depth == line.depth);
        before.is_some_and(|one| one.key.is_some() != line.key.is_some())
    }

    /// The last key before a line that stands in a mapping.
    pub(super) fn beside(&self, place: &str, index: usize) -> Option<String> {
        let before = self.places.iter().take(index).rev();
        let mut before = before.filter(|(within, _)| within.as_deref() == Some(place));
        let key = before.find_map(|(_, key)| *key)?;
        schema::has(self.kind, &format!("{place}/{key}")).then(|| key.to_owned())
    }

    /// A line that belongs to a mapping that ends before it.
    fn too_far_left(&self, index: usize) -> Option<Cause> {
        let line = self.line(index)?;
        if line.is_item {
            return self.item_too_far_left(index, line);
        }
        let key = line.key?;
        let (own, _) = self.places.get(index)?;
        let own = own.as_deref().unwrap_or("?");
        let below = self.line(index + 1);
        let holds_more = line.has_value && below.is_some_and(|below| below.depth > line.depth);
        let is_known = schema::has(self.kind, &format!("{own}/{key}"));
        if is_known && !holds_more && self.is_first_of(own, key, index) {
            return None;
        }
        let levels = self.outline.levels(index, false);
        let target = levels.iter().rev().find(|Level { column, place, .. }| {
            let fits = |place: &String| {
                schema::has(self.kind, &format!("{place}/{key}")) && self.is_absent(place, key)
            };
            *column > line.depth && place.as_ref().is_some_and(fits)
        })?;
        let blanks = " ".repeat(target.column - line.depth);
        let beside = self.beside(target.place.as_deref()?, index);
        let (name, what) = (key.to_owned(), What::Left);
        Some(Cause { line: index, name, what, put: (line.start - line.depth, 0, blanks), beside })
    }

    /// An item that stands further left than those of the list before it.
    fn item_too_far_left(&self, index: usize, line: &Line<'_>) -> Option<Cause> {
        let levels = self.outline.levels(index, false);
        let list = levels.iter().rev().find(|level| level.is_list)?;
        let missing = list.column.checked_sub(line.depth).filter(|missing| *missing > 0)?;
        let put = (line.start - line.depth, 0, " ".repeat(missing));
        Some(Cause { line: index, name: String::new(), what: What::Left, put, beside: None })
    }

    /// Whether no line before this one has the key in the mapping.
    fn is_first_of(&self, within: &str, key: &str, index: usize) -> bool {
        let mut before = self.places.iter().take(index);
        !before.any(|(place, one)| place.as_deref() == Some(within) && *one == Some(key))
    }

    /// What is told of the lines below a line that may be gone, and not with it in its place.
    fn fault<'r>(
        &self,
        cause: &Cause,
        written: &'r Reading,
        mended: &Reading,
    ) -> Option<&'r Diagnostic> {
        let is_here = |one: &&Diagnostic| {
            one.span.and_then(|span| self.outline.at(span.start as usize)) == Some(cause.line)
        };
        let first = written.errors().find(is_here).or_else(|| written.errors().next());
        first.filter(|first| {
            !mended.errors().any(|one| (one.code, &one.message) == (first.code, &first.message))
        })
    }

    fn tell(
        &self,
        cause: &Cause,
        names: &[&str],
        (written, mended): (&Reading, &Reading),
    ) -> Option<Diagnostic> {
        let line = self.line(cause.line)?;
        let of_yaml = written.errors().any(|one| one.code == Code::TL001);
        let is_sign = matches!(cause.what, What::Colon | What::Blank);
        let code = if is_sign || of_yaml {
            Code::TL001
        } else if cause.what == What::Dash {
            Code::TL002
        } else {
            Code::TL103
        };
        let mut all: Vec<String> =
            names.iter().take(MAX_NAMES).map(|name| format!("`{name}:`")).collect();
        if names.len() > MAX_NAMES {
            all.push("…".to_owned());
        }
        let all = all.join(" or ");
        let name = &cause.name;
        let (message, help) = match cause.what {
            What::Comment => (
                format!("the line `{name}:` above is a comment, and those below it are not"),
                "take its `#` away, or make comments of them, too".to_owned(),
            ),
            What::Dash | What::Field | What::Value => dashes::words(cause),
            What::Colon | What::Blank => colons::words(cause, line),
            What::Swapped => swapped::words(cause),
            What::Right => columns::words(cause, line),
            What::Left if line.is_item => (
                "this item stands too far left".to_owned(),
                "write it as far right as the items above it".to_owned(),
            ),
            What::Left => (
                format!("`{name}:` stands too far left"),
                cause.beside.as_ref().map_or_else(
                    || "write it as far right as the lines above it".to_owned(),
                    |beside| format!("write it as far right as `{beside}:`"),
                ),
            ),
            What::Gone => {
                let place = cause.beside.as_ref();
                let place = place.map(|one| format!(", as far left as `{one}:`"));
                let place = place.unwrap_or_default();
                let why = match line.is_item {
                    true => "the `- ` lines here belong to no key of their own",
                    false => "the lines here belong to no key above them",
                };
                let message = match names.len() {
                    1 => format!("{all} is missing above this line"),
                    _ => "a line with a key is missing above this line".to_owned(),
                };
                (message, format!("{why}: write {all} above them{place}"))
            }
            What::Perhaps => {
                let first = self.fault(cause, written, mended)?;
                let told = first.help.as_deref().unwrap_or_default();
                let help = format!("{IF_GONE} {all} above it is gone, write it; if not: {told}");
                return Some(first.clone().help(help));
            }
        };
        Some(Diagnostic::new(code, message).at(place(cause, line)).help(help))
    }
}

/// What is shown of a line: its key, or its beginning.
fn place(cause: &Cause, line: &Line<'_>) -> Span {
    let dash = if line.is_item && line.key.is_some() { 2 } else { 0 };
    let len = line.key.map_or(1, str::len);
    // No key: among secrets it would be taken for one.
    let is_empty = cause.what == What::Colon;
    let (start, len) = if is_empty { (cause.put.0, 0) } else { (line.start + dash, len) };
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file: FileId(0), start: byte(start), end: byte(start + len) }
}
