//! Dashes of items that are missing or stand before a field, first lines of items that are gone, and values
//! above the lines that stand for them: found as other lost lines are, by reading the document again.

use super::lost::{Cause, Seeker, What};
use super::outline::Line;
use super::schema;
use crate::diag::Code;

/// Values that say nothing, above lines that do.
const EMPTY: [&str; 6] = ["{}", "[]", "\"\"", "''", "~", "null"];

impl Seeker<'_> {
    /// What may be wrong with the dash or the value of a line, by the code of a fault that is told of it or
    /// of a line below it.
    pub(super) fn dashes(&self, index: usize, code: Code) -> Vec<Cause> {
        let (of_yaml, twice) = (code == Code::TL001, code == Code::TL002);
        let dash = (of_yaml || twice).then(|| self.dash_missing(index)).flatten();
        let field = of_yaml.then(|| self.dash_of_field(index)).flatten();
        let value = (!twice).then(|| self.value_above(index)).flatten();
        [dash, field, value].into_iter().flatten().collect()
    }

    /// A line that is as far right as the items before or below it, or as what is in them.
    fn dash_missing(&self, index: usize) -> Option<Cause> {
        let line = self.line(index).filter(|line| !line.is_item)?;
        let is_beside = |item: &&Line<'_>| {
            item.is_item && (item.depth == line.depth || item.depth + 2 == line.depth)
        };
        let above = (0..index).rev().filter_map(|at| Some((at, self.line(at)?)));
        let mut above = above.take_while(|(_, one)| one.depth + 2 >= line.depth);
        let above = above.find(|(_, one)| is_beside(one));
        let below = || self.line(index + 1).filter(|one| is_beside(one) && line.key.is_none());
        let above = above.filter(|(_, item)| item.key.is_some() == line.key.is_some());
        // A dash may be one too many where there is no list.
        let above = above.filter(|(at, item)| self.is_of_list(*at, item));
        let item = above.map(|(_, item)| item).or_else(below)?;
        let blanks = line.depth - item.depth;
        let put = (line.start - blanks, blanks, "- ".to_owned());
        let name = line.key.unwrap_or_default().to_owned();
        Some(Cause { line: index, name, what: What::Dash, put, beside: None })
    }

    /// Whether an item stands where a list may be, as far as that is known.
    fn is_of_list(&self, index: usize, item: &Line<'_>) -> bool {
        let levels = self.outline.levels(index, true);
        let of_item = levels.iter().find(|level| level.column == item.depth && level.is_list);
        let place = of_item.and_then(|level| level.place.as_deref());
        place.is_none_or(|place| schema::has(self.kind, &format!("{place}/0")))
    }

    /// A field of the mapping around a list, behind a dash.
    fn dash_of_field(&self, index: usize) -> Option<Cause> {
        let line = self.line(index).filter(|line| line.is_item)?;
        let key = line.key?;
        let levels = self.outline.levels(index, false);
        let around =
            levels.iter().rev().find(|level| level.column == line.depth && !level.is_list)?;
        let place = around.place.as_deref()?;
        if !schema::has(self.kind, &format!("{place}/{key}")) || !self.is_absent(place, key) {
            return None;
        }
        let put = (line.start, 2, String::new());
        Some(Cause { line: index, name: key.to_owned(), what: What::Field, put, beside: None })
    }

    /// The first line of an item that may be gone above a line whose key the item before it has, too.
    pub(super) fn item_gone(&self, index: usize) -> Option<Cause> {
        let line = self.line(index)?;
        let levels = self.outline.levels(index, true);
        let within = levels.last()?.place.as_deref()?;
        let first = self.places.iter().position(|(place, _)| place.as_deref() == Some(within))?;
        let first = self.line(first).filter(|first| first.is_item && first.key != line.key)?;
        let name = first.key.filter(|_| !line.is_item && first.has_value)?;
        if !schema::has(self.kind, &format!("{within}/{name}")) {
            return None;
        }
        let (name, what) = (format!("- {name}"), What::Perhaps);
        let put = (line.start - line.depth, 0, format!("{}\n", first.text));
        Some(Cause { line: index, name, what, put, beside: None })
    }

    /// The first line of an item that was made a comment above a line.
    pub(super) fn item_comment(&self, index: usize) -> Option<Cause> {
        let line = self.line(index).filter(|line| !line.is_item)?;
        let comment = line.comment.filter(|one| one.said.starts_with("- "))?;
        let put = format!("{}{}\n", " ".repeat(comment.column), comment.said);
        let (name, what) = (format!("- {}", comment.key), What::Comment);
        let put = (line.start - line.depth, 0, put);
        Some(Cause { line: index, name, what, put, beside: None })
    }

    /// A value that says nothing, or a comment of another language, above lines that stand for the value.
    fn value_above(&self, index: usize) -> Option<Cause> {
        let (line, below) = (self.line(index)?, self.line(index + 1)?);
        let key = line.key.filter(|_| line.has_value && below.depth > line.depth)?;
        let colon = line.text.find(':')?;
        let value = line.text.get(colon + 1..)?.trim_start();
        if !value.starts_with("//") && !EMPTY.contains(&value) {
            return None;
        }
        let place = self.places.get(index)?.0.as_deref()?;
        if !self.takes(&format!("{place}/{key}"), below) {
            return None;
        }
        let at = line.start - line.depth + line.text.len() - value.len();
        let put = (at, 0, "# ".to_owned());
        let beside = value.starts_with("//").then(|| "//".to_owned());
        Some(Cause { line: index, name: key.to_owned(), what: What::Value, put, beside })
    }
}

/// What is told of such a line.
pub(super) fn words(cause: &Cause) -> (String, String) {
    let name = &cause.name;
    match cause.what {
        What::Dash => {
            let before = match name.as_str() {
                "" => "this line".to_owned(),
                name => format!("`{name}:`"),
            };
            (
                format!("`- ` is missing before {before}"),
                "every item of a list begins with `- `: write it as far left as that of the others"
                    .to_owned(),
            )
        }
        What::Field => (
            format!("`- ` stands before `{name}:`, which is a field and no item"),
            "take the `- ` away".to_owned(),
        ),
        What::Value
        | What::Comment
        | What::Gone
        | What::Perhaps
        | What::Left
        | What::Right
        | What::Colon
        | What::Swapped
        | What::Blank => (
            format!("`{name}:` has lines below it and something beside it"),
            match cause.beside {
                Some(_) => "a comment begins with `#`, not with `//`".to_owned(),
                None => format!("remove what stands beside `{name}:`"),
            },
        ),
    }
}
