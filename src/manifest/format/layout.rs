//! Writes a document from its outline: two columns a level, keys in their order, comments with what
//! they belong to. Values keep the text that they are written in.

use super::lines::{Between, Line, STEP, Source, single_blanks, spaces, trimmed};
use super::order::{self, Place};
use super::outline::{Entry, Node, Outline, Shape};

/// The document in canonical form, or nothing if it is written in a way that is not understood.
/// Without `reorder` its keys stay where they are.
pub(super) fn write(text: &str, outline: &Outline, reorder: bool) -> Option<String> {
    let source = Source::new(text);
    let mut writer = Writer { source: &source, at: 0, kind: kind_of(outline, text), reorder };
    let lines = writer.document(outline.root.as_ref())?;
    let mut written = String::with_capacity(text.len() + 64);
    for line in lines {
        if !line.is_blank() {
            written.extend(std::iter::repeat_n(' ', line.indent));
        }
        written.push_str(&line.text);
        written.push('\n');
    }
    Some(written)
}

/// The text behind `kind:`.
fn kind_of<'a>(outline: &Outline, text: &'a str) -> &'a str {
    let Some(Node { shape: Shape::Mapping(entries), .. }) = &outline.root else { return "" };
    let kind = entries.iter().find(|entry| entry.name == "kind").map(|entry| &entry.value);
    match kind {
        Some(Node { start, shape: Shape::Text(end), .. }) => {
            text.get(*start..*end).unwrap_or_default().trim_matches(['"', '\''])
        }
        Some(_) | None => "",
    }
}

/// One key of a mapping as it will be written.
struct Piece<'a> {
    rank: usize,
    lead: Vec<Line<'a>>,
    body: Vec<Line<'a>>,
}

/// A block collection as it will be written: the comments before its first line, and the rest.
struct Block<'a> {
    lead: Vec<Line<'a>>,
    body: Vec<Line<'a>>,
}

/// Where a block collection begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// On a line of its own.
    Line,
    /// Behind the `-` of an item.
    Item,
}

/// What is known where a value is written.
#[derive(Clone, Copy)]
struct Spot<'a> {
    /// The column of the key or dash before it, as it stands.
    old: usize,
    /// The same as it will be.
    new: usize,
    place: Place<'a>,
}

struct Writer<'a, 's> {
    source: &'s Source<'a>,
    /// The line that is read next.
    at: usize,
    kind: &'a str,
    reorder: bool,
}

impl<'a> Writer<'a, '_> {
    fn document(&mut self, root: Option<&Node>) -> Option<Vec<Line<'a>>> {
        let mut lines = self.head()?;
        let spot = Spot { old: 0, new: 0, place: Place::Document };
        match root.map(|root| (root, &root.shape)) {
            None | Some((_, Shape::Nothing)) => {}
            Some((root, Shape::Mapping(_) | Shape::Sequence(_))) => {
                let block = self.block(root, spot, Begin::Line)?;
                lines.extend(block.lead);
                lines.extend(block.body);
            }
            Some((_, Shape::Literal)) => return None,
            Some((root, Shape::Text(end))) => {
                let mut lead = self.gap(0);
                single_blanks(&mut lead, true);
                lines.extend(lead);
                let first = self.source.line_of(root.start);
                let last = self.source.line_of(end.saturating_sub(1));
                let is_first = first == self.at && spaces(self.source.line(first)) == 0;
                lines.extend(
                    (first..=last).map(|line| Line::new(0, trimmed(self.source.line(line)))),
                );
                self.at = last + 1;
                is_first.then_some(())?;
            }
        }
        let mut rest = self.gap(0);
        let marker = self.source.line(self.at).strip_prefix("...").map(str::trim);
        if let Some(marker) = marker {
            rest.push(headed(0, "...", marker));
            self.at += 1;
            rest.extend(self.gap(0));
        }
        (self.at == self.source.count()).then_some(())?;
        single_blanks(&mut rest, lines.is_empty());
        while rest.last().is_some_and(Line::is_blank) {
            rest.pop();
        }
        lines.extend(rest);
        Some(lines)
    }

    /// Comments and the `---` before the document's content.
    fn head(&mut self) -> Option<Vec<Line<'a>>> {
        let marker = (0..self.source.count())
            .find(|line| matches!(Between::of(self.source.line(*line)), Between::Other(_)));
        let Some((marker, rest)) =
            marker.and_then(|at| Some((at, self.source.line(at).strip_prefix("---")?)))
        else {
            return Some(Vec::new());
        };
        let rest = rest.trim();
        if !matches!(Between::of(rest), Between::Blank | Between::Comment(_)) {
            return None;
        }
        let mut lines = self.gap(0);
        while lines.last().is_some_and(Line::is_blank) {
            lines.pop();
        }
        single_blanks(&mut lines, true);
        lines.push(headed(0, "---", rest));
        self.at = marker + 1;
        Some(lines)
    }

    /// Takes blank lines and comments up to what comes next.
    fn gap(&mut self, indent: usize) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        while self.at < self.source.count() {
            let line = self.source.line(self.at);
            match Between::of(line) {
                Between::Blank => lines.push(Line::new(0, "")),
                Between::Comment(_) => lines.push(Line::new(indent, line.trim())),
                Between::Other(_) => break,
            }
            self.at += 1;
        }
        lines
    }

    /// Takes the comments behind the last line of a block that belong to it: those in its column or
    /// deeper, as long as they stand deeper than what comes next.
    fn trailing(&mut self, column: usize, indent: usize) -> Vec<Line<'a>> {
        let rest =
            || (self.at..self.source.count()).map(|at| (at, Between::of(self.source.line(at))));
        let next = rest().find_map(|(_, line)| match line {
            Between::Other(at) => Some(at),
            Between::Blank | Between::Comment(_) => None,
        });
        let deeper = next.unwrap_or(0) + 1;
        let is_ours = |line: Between| match line {
            Between::Blank => true,
            Between::Comment(at) => at >= column.max(deeper),
            Between::Other(_) => false,
        };
        let ours = rest().take_while(|(_, line)| is_ours(*line));
        let last = ours.filter(|(_, line)| *line != Between::Blank).last();
        let end = last.map_or(self.at, |(line, _)| line + 1);
        let mut lines = Vec::new();
        while self.at < end {
            let text = self.source.line(self.at).trim();
            lines.push(Line::new(if text.is_empty() { 0 } else { indent }, text));
            self.at += 1;
        }
        lines
    }

    fn block(&mut self, node: &Node, spot: Spot<'_>, begin: Begin) -> Option<Block<'a>> {
        match &node.shape {
            Shape::Mapping(entries) => self.mapping(entries, spot, begin),
            Shape::Sequence(items) => self.sequence(node.start, items, spot, begin),
            Shape::Text(_) | Shape::Literal | Shape::Nothing => None,
        }
    }

    fn mapping(&mut self, entries: &[Entry], spot: Spot<'_>, begin: Begin) -> Option<Block<'a>> {
        let order = order::keys(self.kind, spot.place);
        let column = self.source.before(entries.first()?.key.start)?.len();
        let mut pieces = Vec::with_capacity(entries.len());
        let mut begin = begin;
        for entry in entries {
            let lead = if begin == Begin::Line { self.gap(spot.new) } else { Vec::new() };
            let before = self.source.before(entry.key.start)?;
            let alone = begin == Begin::Item || before.bytes().all(|byte| byte == b' ');
            let here = self.source.line_of(entry.key.start) == self.at;
            (here && alone && before.len() == column).then_some(())?;
            let body = self.entry(entry, Spot { old: column, ..spot })?;
            let rank = order.iter().position(|key| *key == entry.name).unwrap_or(order.len());
            pieces.push(Piece { rank, lead, body });
            begin = Begin::Line;
        }
        let trailing = self.trailing(column, spot.new);
        // What stands above the first key of a document is about the document.
        let mut head = Vec::new();
        if let (Place::Document, Some(first)) = (spot.place, pieces.first_mut()) {
            head = std::mem::take(&mut first.lead);
        }
        // An alias must not come before its anchor.
        let referring = entries.iter().filter(|entry| entry.value.refers).count();
        if self.reorder && referring < 2 {
            pieces.sort_by_key(|piece| piece.rank);
        }
        Some(joined(head, pieces, trailing))
    }

    fn entry(&mut self, entry: &Entry, spot: Spot<'_>) -> Option<Vec<Line<'a>>> {
        let key = self.source.slice(entry.key.start, entry.key.end)?;
        (!key.contains('\n')).then_some(())?;
        let rest = self.source.after(entry.key.end)?;
        let rest = rest.trim_start_matches([' ', '\t']).strip_prefix(':')?;
        let rest = rest.trim_start_matches([' ', '\t']);
        let place = match (entry.name.as_str(), spot.place) {
            // Only the document's own `spec` is the kind's.
            ("spec", Place::Under(_)) => Place::Under(""),
            (name, _) => Place::Under(name),
        };
        let head = format!("{key}:");
        match entry.value.shape {
            Shape::Mapping(_) | Shape::Sequence(_) => {
                let mut lines = vec![headed(spot.new, &head, rest.trim_end())];
                (self.source.line_of(entry.value.start) > self.at).then_some(())?;
                self.at += 1;
                let inner = Spot { old: spot.old, new: spot.new + STEP, place };
                let block = self.block(&entry.value, inner, Begin::Line)?;
                lines.extend(block.lead);
                lines.extend(block.body);
                Some(lines)
            }
            Shape::Text(_) | Shape::Literal | Shape::Nothing => {
                let shift = (spot.old, spot.new);
                self.value(&entry.value, (&head, rest), spot, shift)
            }
        }
    }

    fn sequence(
        &mut self,
        start: usize,
        items: &[Node],
        spot: Spot<'_>,
        begin: Begin,
    ) -> Option<Block<'a>> {
        let column = match begin {
            Begin::Item => self.source.before(start)?.len(),
            Begin::Line => {
                let next = (self.at..self.source.count())
                    .map(|line| Between::of(self.source.line(line)))
                    .find(|line| matches!(line, Between::Other(_)));
                let Some(Between::Other(column)) = next else { return None };
                column
            }
        };
        let mut pieces = Vec::with_capacity(items.len());
        let mut begin = begin;
        for item in items {
            let mut lead = if begin == Begin::Line { self.gap(spot.new) } else { Vec::new() };
            let line = self.source.line(self.at);
            let alone = begin == Begin::Item || spaces(line) == column;
            let rest = line.get(column..)?.strip_prefix('-').filter(|_| alone)?;
            (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(())?;
            let dash = self.source.start(self.at) + column;
            let inner = self.item(item, rest, dash, Spot { old: column, ..spot })?;
            lead.extend(inner.lead);
            pieces.push(Piece { rank: 0, lead, body: inner.body });
            begin = Begin::Line;
        }
        let trailing = self.trailing(column, spot.new);
        Some(joined(Vec::new(), pieces, trailing))
    }

    /// What stands behind a `-` at a byte.
    fn item(&mut self, item: &Node, rest: &str, dash: usize, spot: Spot<'_>) -> Option<Block<'a>> {
        let content = rest.trim_start_matches([' ', '\t']);
        let is_block = matches!(item.shape, Shape::Mapping(_) | Shape::Sequence(_));
        let inner = Spot { new: spot.new + STEP, ..spot };
        if !is_block {
            let old = spot.old + 1 + (rest.len() - content.len()).max(1);
            let body = self.value(item, ("-", content), spot, (old, spot.new + STEP))?;
            return Some(Block { lead: Vec::new(), body });
        }
        if self.source.line_of(item.start) == self.at {
            let between = self.source.slice(dash + 1, item.start)?;
            between.bytes().all(|byte| byte == b' ').then_some(())?;
            return Some(inlined(self.block(item, inner, Begin::Item)?, spot.new));
        }
        self.at += 1;
        let block = self.block(item, inner, Begin::Line)?;
        if content.trim_end().is_empty() {
            return Some(inlined(block, spot.new));
        }
        let mut body = vec![headed(spot.new, "-", content.trim_end())];
        body.extend(block.lead);
        body.extend(block.body);
        Some(Block { lead: Vec::new(), body })
    }

    /// A value that is no block collection, behind its key or dash with the `rest` of that line; `shift` is the old and the new column
    /// of what its further lines stand below.
    fn value(
        &mut self,
        node: &Node,
        (head, rest): (&str, &str),
        spot: Spot<'_>,
        shift: (usize, usize),
    ) -> Option<Vec<Line<'a>>> {
        let mut lines = vec![headed(spot.new, head, trimmed(rest))];
        let first = self.at;
        self.at += 1;
        match node.shape {
            Shape::Text(end) => {
                let last = self.source.line_of(end.saturating_sub(1));
                (self.source.line_of(node.start) >= first && last >= first).then_some(())?;
                for line in first + 1..=last {
                    let line = self.source.line(line);
                    let indent = (spaces(line) + shift.1).saturating_sub(shift.0);
                    lines.push(Line::new(indent, trimmed(line.trim_start_matches(' '))));
                }
                self.at = last + 1;
            }
            Shape::Literal => self.literal(rest, spot, &mut lines)?,
            Shape::Nothing => {}
            Shape::Mapping(_) | Shape::Sequence(_) => return None,
        }
        Some(lines)
    }

    /// The lines of a `|` or `>` text, which begin two columns behind the key that they belong to.
    fn literal(&mut self, head: &str, spot: Spot<'_>, lines: &mut Vec<Line<'a>>) -> Option<()> {
        let mut words = head.split([' ', '\t']).filter(|word| !word.is_empty());
        let header = words.find(|word| !word.starts_with(['&', '!']))?;
        header.starts_with(['|', '>']).then_some(())?;
        let keep = header.contains('+');
        let explicit = header.chars().find_map(|sign| sign.to_digit(10));
        let rest = self.at..self.source.count();
        let text = rest.clone().map(|line| self.source.line(line));
        let first = text.clone().find(|line| !line.trim_matches(' ').is_empty());
        let (old, new) = match explicit {
            Some(digit) => (spot.old + digit as usize, spot.new + digit as usize),
            // Blank lines alone hold no text, however long they are.
            None => {
                let first = first.map(spaces).filter(|column| *column > spot.old);
                (first.unwrap_or(usize::MAX), spot.new + STEP)
            }
        };
        let mut end = self.at;
        for (line, text) in rest.zip(text) {
            let blank = text.trim_matches(' ').is_empty();
            if !blank && (spaces(text) < old || spaces(text) <= spot.old) {
                break;
            }
            if !blank || keep || spaces(text) > old {
                end = line + 1;
            }
        }
        for line in self.at..end {
            let line = self.source.line(line);
            lines.push(Line::new(
                new + spaces(line).saturating_sub(old),
                line.trim_start_matches(' '),
            ));
        }
        self.at = end;
        Some(())
    }
}

/// A key or a dash with what stands behind it on its line.
fn headed<'a>(indent: usize, head: &str, rest: &str) -> Line<'a> {
    Line::new(indent, if rest.is_empty() { head.to_owned() } else { format!("{head} {rest}") })
}

/// The pieces of a block in their order, with one blank line at most between them.
fn joined<'a>(head: Vec<Line<'a>>, pieces: Vec<Piece<'a>>, trailing: Vec<Line<'a>>) -> Block<'a> {
    let mut pieces = pieces.into_iter();
    let mut lead = head;
    let mut body = Vec::new();
    if let Some(first) = pieces.next() {
        lead.extend(first.lead.into_iter().skip_while(Line::is_blank));
        single_blanks(&mut lead, true);
        body = first.body;
    }
    for piece in pieces {
        let mut above = piece.lead;
        single_blanks(&mut above, false);
        body.extend(above);
        body.extend(piece.body);
    }
    let mut trailing = trailing;
    single_blanks(&mut trailing, false);
    body.extend(trailing);
    Block { lead, body }
}

/// A block behind the `-` of an item: its first line stands on that of the dash, the comments above
/// it above the dash.
fn inlined(block: Block<'_>, indent: usize) -> Block<'_> {
    let Block { mut lead, mut body } = block;
    for line in lead.iter_mut().filter(|line| !line.is_blank()) {
        line.indent = indent;
    }
    if let Some(first) = body.first_mut() {
        first.text = format!("- {}", first.text).into();
        first.indent = indent;
    }
    Block { lead, body }
}
