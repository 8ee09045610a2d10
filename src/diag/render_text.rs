//! Diagnostics as a good compiler prints them: code, summary, place, excerpt, other places, help.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::hidden::HIDDEN;
use super::visible::{is_unseen, visible};
use super::{Code, Diagnostic, FileId, Severity, SourceMap, Span, more_places};

/// Other places within this many lines of the first one share its excerpt.
const NEAR_LINES: u32 = 200;

/// Excerpts with a line longer than this many bytes are left out: the place alone is shown.
const MAX_LINE_BYTES: usize = 1000;

/// Of a longer file no excerpts are shown: to find what has to be hidden in one costs several times what
/// reading the file does, because secrets are sought in all of it.
const MAX_FILE_BYTES: usize = 2 * 1024 * 1024;

/// How many diagnostics of one code a person is shown: beyond that they are one mistake.
const SHOWN_PER_CODE: usize = 100;

/// All diagnostics in the given order, each followed by an empty line. With `color` the text holds
/// ANSI codes. Control characters of manifests are made visible, never passed on to a terminal.
pub fn render_text(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics {
        let mut moved = Vec::new();
        let printed = renderer.render(&[group(diagnostic, sources, &mut moved)]);
        text.push_str(&with_written_places(printed, &moved));
        text.push_str("\n\n");
    }
    text
}

/// At most 100 diagnostics of each code, then how many more there are of which.
pub fn render_first(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let (shown, more) = first_of_each(diagnostics);
    let shown: Vec<Diagnostic> = shown.into_iter().cloned().collect();
    let mut text = render_text(&shown, sources, color);
    for (code, more) in more {
        text.extend([&more_of(code, more), "\n"]);
    }
    text
}

/// The first diagnostics of each code, in their order, and of which codes there are how many more.
pub(super) fn first_of_each(diagnostics: &[Diagnostic]) -> (Vec<&Diagnostic>, Vec<(Code, usize)>) {
    let mut seen: BTreeMap<Code, usize> = BTreeMap::new();
    let is_shown = |one: &&Diagnostic| {
        let count = seen.entry(one.code).or_default();
        *count += 1;
        *count <= SHOWN_PER_CODE
    };
    let shown = diagnostics.iter().filter(is_shown).collect();
    let more = |(code, count): (Code, usize)| Some((code, count.checked_sub(SHOWN_PER_CODE)?));
    (shown, seen.into_iter().filter_map(more).filter(|(_, more)| *more > 0).collect())
}

pub(super) fn more_of(code: Code, more: usize) -> String {
    format!("and {more} more of {code}: {}", code.summary())
}

/// A place as the renderer prints it, which knows what is shown only, and as it is in the file.
struct Moved {
    shown: String,
    written: String,
}

/// A printed diagnostic with the places of the file, which editors go to and the other forms have;
/// `moved` are in the order in which they are printed.
fn with_written_places(printed: String, moved: &[Moved]) -> String {
    let mut left = moved.iter().peekable();
    if left.peek().is_none() {
        return printed;
    }
    let mut text = String::with_capacity(printed.len());
    for line in printed.split_inclusive('\n') {
        let is_place = line.contains("--> ") || line.contains("::: ");
        let found = left.peek().filter(|_| is_place).and_then(|one| {
            let (before, after) = line.rsplit_once(one.shown.as_str())?;
            // An ANSI code may follow.
            let is_whole = after.is_empty() || after.starts_with(['\n', '\u{1b}']);
            is_whole.then_some((before, one.written.as_str(), after))
        });
        match found {
            Some((before, written, after)) => {
                text.extend([before, written, after]);
                left.next();
            }
            None => text.push_str(line),
        }
    }
    text
}

fn group<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a SourceMap,
    moved: &mut Vec<Moved>,
) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(visible(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    let mut apart = Vec::new();
    let (shown, more) = diagnostic.first_places();
    if let Some(span) = diagnostic.span {
        let mut marks = vec![Mark { span, label: None }];
        for related in shown {
            let near = related.span.filter(|other| is_near(span, *other, sources));
            match near {
                Some(span) => marks.push(Mark { span, label: Some(visible(&related.message)) }),
                None => apart.push(related),
            }
        }
        group = with_excerpt(group, &marks, sources, moved);
    } else {
        apart.extend(shown);
    }
    for related in apart {
        group = match related.span {
            Some(span) => {
                let mark = Mark { span, label: Some(visible(&related.message)) };
                with_excerpt(group, &[mark], sources, moved)
            }
            None => group.element(Level::NOTE.message(visible(&related.message))),
        };
    }
    if more > 0 {
        group = group.element(Level::NOTE.message(more_places(more)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    group
}

/// A place in an excerpt; the one without a label is what the diagnostic is about.
struct Mark<'a> {
    span: Span,
    label: Option<Cow<'a, str>>,
}

fn is_near(first: Span, other: Span, sources: &SourceMap) -> bool {
    let lines = (sources.start(first).line, sources.start(other).line);
    first.file == other.file && lines.0.abs_diff(lines.1) <= NEAR_LINES
}

/// Adds an excerpt with its marks; only the lines between the marks are handed to the renderer,
/// which would otherwise look through the whole file for each diagnostic.
fn with_excerpt<'a>(
    group: Group<'a>,
    marks: &[Mark<'a>],
    sources: &'a SourceMap,
    moved: &mut Vec<Moved>,
) -> Group<'a> {
    let Some(first) = marks.first() else { return group };
    let file = first.span.file;
    let at = sources.start(first.span);
    let from = marks.iter().map(|mark| line_range(mark.span, sources).start).min().unwrap_or(0);
    let to = marks.iter().map(|mark| line_range(mark.span, sources).end).max().unwrap_or(0);
    let text = sources.text(file).get(from..to).unwrap_or_default();
    let is_large = sources.text(file).len() > MAX_FILE_BYTES;
    if is_large || text.is_empty() || text.lines().any(|line| line.len() > MAX_LINE_BYTES) {
        let origin = Origin::path(sources.shown_path(file)).line(at.line as usize);
        let group = group.element(origin.char_column(at.column as usize));
        let labels = marks.iter().filter_map(|mark| mark.label.clone());
        return group.elements(labels.map(|label| Level::NOTE.message(label)));
    }
    let excerpt = Excerpt::new(text, from, sources.hidden(file));
    let annotations: Vec<_> =
        marks.iter().map(|mark| annotation(mark, &excerpt, sources)).collect();
    let line = line_of(file, from, sources);
    let path = sources.shown_path(file);
    let column = excerpt.column(first.span.start as usize);
    if column != at.column as usize {
        let place = |column| format!("{path}:{}:{column}", at.line);
        moved.push(Moved { shown: place(column), written: place(at.column as usize) });
    }
    let snippet = Snippet::source(excerpt.text).path(path).line_start(line);
    group.element(snippet.annotations(annotations))
}

fn annotation<'a>(mark: &Mark<'a>, excerpt: &Excerpt<'_>, sources: &SourceMap) -> Annotation<'a> {
    // A span of many lines (a whole document) is shown by its first line.
    let line = line_range(mark.span, sources);
    let start = (mark.span.start as usize).min(line.end);
    let end = (mark.span.end as usize).clamp(start, line.end);
    let kind = if mark.label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    kind.span(excerpt.range(start..end)).label(mark.label.clone())
}

/// The lines that are shown: the values of secret fields are hidden, and what is not seen is spelled
/// out.
struct Excerpt<'a> {
    text: Cow<'a, str>,
    /// Where the lines begin in the file.
    from: usize,
    /// What is shown otherwise than it is written, in order.
    changed: Vec<Changed>,
}

/// Bytes of a file, and how many bytes are shown in their place.
struct Changed {
    written: Range<usize>,
    shown: usize,
}

impl<'a> Excerpt<'a> {
    fn new(text: &'a str, from: usize, hidden: &[Range<usize>]) -> Self {
        let begin = hidden.partition_point(|range| range.end <= from);
        let end = hidden.partition_point(|range| range.start < from + text.len());
        let hidden = hidden.get(begin..end).unwrap_or_default();
        let inside = |at: usize| hidden.iter().any(|range| range.contains(&at));
        let unseen = |c: char| is_unseen(c) && !matches!(c, '\n' | '\r' | '\t');
        let spelled = text
            .match_indices(unseen)
            .filter(|(at, _)| !inside(from + at))
            .map(|(at, c)| (from + at..from + at + c.len(), visible(c).into_owned()));
        let hide = |range: &Range<usize>| {
            (range.start.max(from)..range.end.min(from + text.len()), HIDDEN.to_owned())
        };
        let mut changes: Vec<_> = spelled.chain(hidden.iter().map(hide)).collect();
        changes.sort_by_key(|(range, _)| range.start);
        let mut shown = Cow::Borrowed(text);
        for (range, instead) in changes.iter().rev() {
            shown.to_mut().replace_range(range.start - from..range.end - from, instead);
        }
        let changed = changes.into_iter();
        let changed =
            changed.map(|(written, instead)| Changed { written, shown: instead.len() }).collect();
        Self { text: shown, from, changed }
    }

    /// Where bytes of the file stand in what is shown; of what is not shown, all that is shown in its
    /// place.
    fn range(&self, written: Range<usize>) -> Range<usize> {
        let start = self.at(written.start, false);
        start..if written.is_empty() { start } else { self.at(written.end, true) }
    }

    /// The column of a byte in what is shown, from 1.
    fn column(&self, byte: usize) -> usize {
        let before = self.text.get(..self.at(byte, false)).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
    }

    /// Where a byte stands in what is shown; one that is not shown before or behind what is shown in its
    /// place.
    fn at(&self, byte: usize, behind: bool) -> usize {
        let (mut read, mut at) = (self.from, 0);
        for Changed { written, shown } in &self.changed {
            if byte <= written.start {
                break;
            }
            at += written.start - read;
            if byte < written.end && !behind {
                return at;
            }
            at += shown;
            read = written.end;
        }
        at + byte.saturating_sub(read)
    }
}

fn line_of(file: FileId, byte: usize, sources: &SourceMap) -> usize {
    sources.position(file, u32::try_from(byte).unwrap_or(u32::MAX)).line as usize
}

/// The bytes of the line on which a span begins, without its end.
fn line_range(span: Span, sources: &SourceMap) -> Range<usize> {
    let text = sources.text(span.file);
    let at = (span.start as usize).min(text.len());
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = after.find('\n').unwrap_or(after.len());
    let rest = after.get(..rest).unwrap_or_default().trim_end_matches('\r').len();
    start..at + rest
}
