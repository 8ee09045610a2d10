//! Lines that stand too far right, where what is left is no YAML: found as lost lines are, by reading the
//! document again with the line further left.

use super::lost::{Cause, Seeker, What};
use super::outline::{Level, Line};
use super::schema;

impl Seeker<'_> {
    /// A line that stands further right than the mapping or list that takes it.
    pub(super) fn too_far_right(&self, index: usize) -> Option<Cause> {
        // The first line of a document has words of its own.
        let line = self.line(index).filter(|_| index > 0)?;
        let levels = self.outline.levels(index, false);
        let takes = |level: &&Level| {
            let takes = match line.is_item {
                true => level.is_list || self.takes_items(level),
                false => !level.is_list && self.takes_once(level, index),
            };
            level.column < line.depth && takes
        };
        let target = levels.iter().rev().find(takes)?;
        let put = (line.start - line.depth, line.depth - target.column, String::new());
        let beside = target.place.as_deref().and_then(|place| self.beside(place, index));
        let name = line.key.unwrap_or_default().to_owned();
        Some(Cause { line: index, name, what: What::Right, put, beside })
    }

    /// Whether what may begin there is a list.
    fn takes_items(&self, level: &Level) -> bool {
        level.place.as_ref().is_some_and(|place| schema::has(self.kind, &format!("{place}/0")))
    }

    /// Whether a mapping takes the key of a line, and no other line is that field.
    fn takes_once(&self, level: &Level, index: usize) -> bool {
        let key = self.line(index).and_then(|line| line.key);
        let Some((key, place)) = key.zip(level.place.as_deref()) else { return false };
        let is_it = |(at, (within, one)): (usize, &(Option<String>, Option<&str>))| {
            at != index && within.as_deref() == Some(place) && *one == Some(key)
        };
        schema::has(self.kind, &format!("{place}/{key}"))
            && !self.places.iter().enumerate().any(is_it)
    }
}

/// What is told of such a line.
pub(super) fn words(cause: &Cause, line: &Line<'_>) -> (String, String) {
    let blanks = match cause.put.1 {
        1 => "one blank".to_owned(),
        count => format!("{count} blanks"),
    };
    if line.is_item {
        let help = format!("write it {blanks} further left, where its list stands");
        return ("this item stands too far right".to_owned(), help);
    }
    let help = match &cause.beside {
        Some(beside) => format!("write it as far left as `{beside}:`"),
        None => format!("write it {blanks} further left"),
    };
    (format!("`{}:` stands too far right", cause.name), help)
}
