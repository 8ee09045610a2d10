//! A document as its lines show it, also where it is no YAML: how far right each stands, which key it
//! has, and in which mapping that would be.

use crate::model::Kind;

/// Lines of a document that are looked at.
const MAX_LINES: usize = 4000;

/// One line with something on it.
#[derive(Debug, Clone)]
pub(super) struct Line<'t> {
    /// Where its content begins.
    pub start: usize,
    /// Its whole text.
    pub text: &'t str,
    /// How many blanks stand before its content; the dash of an item is content.
    pub depth: usize,
    /// Whether it begins with the dash of an item.
    pub is_item: bool,
    /// Its key.
    pub key: Option<&'t str>,
    /// Whether something stands behind the key, or there is none.
    pub has_value: bool,
    /// The line that was made a comment directly above it.
    pub comment: Option<Comment<'t>>,
}

/// A line that was made a comment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comment<'t> {
    /// Its key.
    pub key: &'t str,
    /// What it says, without the `#`.
    pub said: &'t str,
    /// Where its `#` stands.
    pub column: usize,
}

/// A mapping or a list that a line may stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    /// The column of its lines.
    pub column: usize,
    /// Its JSON pointer; `None` where its lines have no key that they belong to.
    pub place: Option<String>,
    /// Whether they are items.
    pub is_list: bool,
    count: usize,
}

/// The lines of a document.
#[derive(Debug)]
pub(super) struct Outline<'t>(pub Vec<Line<'t>>);

impl<'t> Outline<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let (mut lines, mut start, mut comment) = (Vec::new(), 0, None);
        // How far right the key stands whose text follows below it.
        let mut block: Option<usize> = None;
        for whole in text.split_inclusive('\n') {
            let begin = start;
            start += whole.len();
            let bare = whole.trim_end();
            let content = bare.trim_start_matches(' ');
            let depth = bare.len() - content.len();
            if content.is_empty() || block.is_some_and(|column| depth > column) {
                continue;
            }
            block = None;
            if let Some(said) = content.strip_prefix('#') {
                comment = commented(said, depth).or(comment);
                continue;
            }
            if lines.len() >= MAX_LINES {
                break;
            }
            let is_item = content == "-" || content.starts_with("- ");
            let inner = content.strip_prefix('-').filter(|_| is_item).unwrap_or(content);
            let (key, value) = key_of(inner.trim_start());
            block = value.starts_with(['|', '>']).then_some(depth);
            let has_value = key.is_none() || !value.is_empty() && !value.starts_with('#');
            let comment = comment.take();
            let start = begin + depth;
            lines.push(Line { start, text: bare, depth, is_item, key, has_value, comment });
        }
        Self(lines)
    }

    /// What the document is, also where the line that says it has lost its colon.
    pub(super) fn kind(&self) -> Option<Kind> {
        let said = |line: &Line<'_>| {
            let said = line.text.trim_start().strip_prefix("kind")?;
            let said = said.trim_start_matches([' ', ':', '=', ';']);
            said.split(" #").next()?.trim().parse().ok()
        };
        let top = self.0.iter().filter(|line| line.depth == 0).find_map(said);
        // The line itself may stand too far right.
        top.or_else(|| self.0.iter().filter(|line| line.depth <= 2).find_map(said))
    }

    /// The last line that begins at or before a place of the text, counted in bytes.
    pub(super) fn at(&self, byte: usize) -> Option<usize> {
        let begins = |line: &Line<'_>| line.start - line.depth <= byte;
        self.0.partition_point(begins).checked_sub(1)
    }

    /// The mappings and lists that are open before a line, the outermost first; last the one that its
    /// own key stands in, if `with` it.
    pub(super) fn levels(&self, index: usize, with: bool) -> Vec<Level> {
        let root = Level { column: 0, place: Some(String::new()), is_list: false, count: 0 };
        let mut levels = vec![root];
        let mut owner: Option<(usize, String)> = None;
        for line in self.0.iter().take(index + usize::from(with)) {
            owner = enter(&mut levels, line, owner);
        }
        if !with && let Some((column, place)) = owner {
            // Nothing stands below it yet.
            levels.push(Level { column: column + 2, place: Some(place), is_list: false, count: 0 });
        }
        levels
    }

    /// The mapping that a line would stand in if it had a key, which it has not.
    pub(super) fn around(&self, index: usize) -> Option<String> {
        let levels = self.levels(index, true);
        let last = levels.last()?;
        let place = last.place.as_ref()?;
        Some(if last.is_list { format!("{place}/{}", last.count) } else { place.clone() })
    }

    /// The mapping that the key of a line stands in, and the places of all fields.
    pub(super) fn places(&self) -> Vec<(Option<String>, Option<&'t str>)> {
        let root = Level { column: 0, place: Some(String::new()), is_list: false, count: 0 };
        let mut levels = vec![root];
        let mut owner = None;
        let place = |line: &Line<'t>| {
            owner = enter(&mut levels, line, owner.take());
            (levels.last().and_then(|level| level.place.clone()), line.key)
        };
        self.0.iter().map(place).collect()
    }
}

/// Opens and closes what a line does. The key that the lines below it may belong to.
fn enter(
    levels: &mut Vec<Level>,
    line: &Line<'_>,
    owner: Option<(usize, String)>,
) -> Option<(usize, String)> {
    let closes = |level: &Level| {
        level.column > line.depth || level.column == line.depth && level.is_list && !line.is_item
    };
    while levels.len() > 1 && levels.last().is_some_and(closes) {
        levels.pop();
    }
    let mut column = line.depth;
    let owned = owner.map(|(_, place)| place);
    if line.is_item {
        match levels.last_mut().filter(|last| last.is_list && last.column == column) {
            Some(last) => last.count += 1,
            None => levels.push(Level { column, place: owned, is_list: true, count: 0 }),
        }
        let item = levels
            .last()
            .and_then(|last| last.place.as_ref().map(|place| format!("{place}/{}", last.count)));
        column += 2;
        if line.key.is_some() {
            levels.push(Level { column, place: item, is_list: false, count: 0 });
        }
    } else if levels.last().is_some_and(|last| last.column < column) {
        levels.push(Level { column, place: owned, is_list: false, count: 0 });
    }
    let place = levels.last()?.place.as_ref()?;
    let place = format!("{place}/{}", line.key?);
    (!line.has_value).then_some((column, place))
}

/// The key of a line without its indentation and dash, and what stands behind it.
fn key_of(content: &str) -> (Option<&str>, &str) {
    let Some((key, value)) = content.split_once(':') else { return (None, content) };
    if !is_word(key) || !value.is_empty() && !value.starts_with(' ') {
        return (None, content);
    }
    (Some(key), value.trim())
}

/// The key in a comment.
fn commented(said: &str, column: usize) -> Option<Comment<'_>> {
    let said = said.trim_start_matches(['#', ' ']);
    let (key, _) = key_of(said.strip_prefix("- ").unwrap_or(said));
    key.map(|key| Comment { key, said, column })
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
