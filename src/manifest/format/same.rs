//! Whether two trees say the same: places and the order of keys do not matter, nor whether a range
//! has a `-` or what a web page makes of it.

use super::super::node::{Field, Node, Value};
use super::super::numbers::plain_dashes;
use super::super::yaml::{Content, Document};

/// Whether the documents of two files say the same, one by one.
pub(super) fn documents(before: &[Document], after: &[Document]) -> bool {
    let same = |(a, b): (&Document, &Document)| match (&a.content, &b.content) {
        (Content::Tree(a), Content::Tree(b)) => nodes(a, b),
        _ => false,
    };
    before.len() == after.len() && before.iter().zip(after).all(same)
}

/// The recursion is bounded by the parser's limit on nesting.
fn nodes(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            a.meaning == b.meaning && (a.text == b.text || plain_dashes(&a.text) == *b.text)
        }
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nodes(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => fields(a, b),
        _ => false,
    }
}

fn fields(a: &[Field], b: &[Field]) -> bool {
    let sorted = |fields: &[Field]| {
        let mut order: Vec<usize> = (0..fields.len()).collect();
        order.sort_by(|x, y| {
            fields.get(*x).map(|it| &it.key).cmp(&fields.get(*y).map(|it| &it.key))
        });
        order
    };
    let pairs = sorted(a).into_iter().zip(sorted(b));
    a.len() == b.len()
        && pairs.into_iter().all(|(x, y)| match (a.get(x), b.get(y)) {
            (Some(a), Some(b)) => a.key == b.key && nodes(&a.value, &b.value),
            _ => false,
        })
}
