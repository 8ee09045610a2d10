//! Two neighbouring lines that stand the wrong way round, as a key in an editor does it: found as lost
//! lines are, by reading the document again with the two swapped.

use super::characters::Reading;
use super::lost::{Cause, Seeker, What};
use super::outline::Line;
use crate::diag::{Code, Diagnostic};

/// How far from a fault the upper one of two lines may stand, the nearest first.
const NEAR: [isize; 4] = [-1, 0, -2, 1];

/// Lines above a fault that are looked at for it.
const MAX_LINES: usize = 20;

/// What begins a help that says nothing but what there is.
const FIELDS: &str = "the fields here are ";

/// Whether what is told of a document says little, so that two lines that stand the wrong way round are
/// rather it.
pub(super) fn are_sought(written: &Reading) -> bool {
    let says_little = |help: &str| help.starts_with(FIELDS);
    let is_vague = |one: &Diagnostic| {
        matches!(one.code, Code::TL001 | Code::TL002 | Code::TL104)
            || one.help.as_deref().is_some_and(says_little)
    };
    written.errors().count() > 1 || written.errors().any(is_vague)
}

impl Seeker<'_> {
    /// The lines near a line that stands the wrong way round, if they do.
    pub(super) fn swapped(&self, index: usize) -> Vec<Cause> {
        let near = NEAR.iter().filter_map(|by| index.checked_add_signed(*by));
        // A key with nothing below it above a line further left shows further down only.
        let is_strange = |above: &usize| {
            let (one, other) = (self.line(*above), self.line(above + 1));
            one.zip(other).is_some_and(|(one, other)| !one.has_value && other.depth < one.depth)
        };
        let far = (index.saturating_sub(MAX_LINES)..index).rev().filter(is_strange);
        near.chain(far).filter_map(|above| self.swap(above)).collect()
    }

    fn swap(&self, index: usize) -> Option<Cause> {
        let (above, below) = (self.line(index)?, self.line(index + 1)?);
        // Two values of one mapping may stand in any order.
        let is_order = !above.has_value
            || !below.has_value
            || above.depth != below.depth
            || above.is_item != below.is_item;
        let (begin, next) = (above.start - above.depth, below.start - below.depth);
        let between = next.checked_sub(begin + above.text.len())?;
        // Their line end alone stands between them.
        if !is_order || between > 2 {
            return None;
        }
        let put =
            (begin, next + below.text.len() - begin, format!("{}\n{}", below.text, above.text));
        let beside = Some(named(above)?);
        Some(Cause { line: index, name: named(below)?, what: What::Swapped, put, beside })
    }
}

/// What a line is called by: its key.
fn named(line: &Line<'_>) -> Option<String> {
    let dash = if line.is_item { "- " } else { "" };
    match line.key {
        Some(key) => Some(format!("{dash}{key}:")),
        None => line.is_item.then(|| dash.to_owned()),
    }
}

/// What is told of such lines.
pub(super) fn words(cause: &Cause) -> (String, String) {
    let (name, beside) = (&cause.name, cause.beside.as_deref().unwrap_or_default());
    (
        "this line and the one below it stand the wrong way round".to_owned(),
        format!("write the line `{name}` above the line `{beside}`"),
    )
}
