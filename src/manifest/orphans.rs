//! Lines whose block has lost its key line, which was deleted or commented out: they have become fields
//! of the mapping before them, or of the one that the block was in. It is told once, and the block is
//! made again, so that the rest is checked.

use super::node::{Field, Node, Value};
use super::salvage::{below, slot};
use super::schema;
use crate::diag::{Code, Diagnostic};
use crate::model::Kind;

/// Blocks that are made again in one document.
const MAX_BLOCKS: usize = 20;

/// Mappings of one document that are looked into.
const MAX_LOOKED: usize = 1000;

/// Fields of a mapping that is looked into.
const MAX_FIELDS: usize = 200;

/// Makes the blocks again whose key is gone; `foreign` are those that may not stand in the mapping at a
/// place. What is told of each.
pub(super) fn adopt(
    kind: Kind,
    document: &mut Node,
    foreign: impl Fn(&Node, &str) -> Vec<&'static str>,
) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    let mut open = vec![String::new()];
    for _ in 0..MAX_LOOKED {
        let Some(place) = open.pop() else { break };
        let foreign = foreign(document, &place);
        let Some(node) = slot(document, &place) else { continue };
        if let Value::Mapping(fields) = &mut node.value
            && fields.len() <= MAX_FIELDS
        {
            let around = Around { kind, place: &place, foreign };
            while told.len() < MAX_BLOCKS {
                let lost = around.behind_another(fields).or_else(|| around.beside(fields));
                let Some(lost) = lost else { break };
                told.push(around.make(fields, lost));
            }
        }
        open.extend(inner(node, &place));
    }
    told
}

/// The places of what is no scalar in a node.
fn inner(node: &Node, place: &str) -> Vec<String> {
    let is_more = |node: &Node| !matches!(node.value, Value::Scalar(_));
    match &node.value {
        Value::Scalar(_) => Vec::new(),
        Value::Sequence(items) => {
            let items = items.iter().enumerate().filter(|(_, item)| is_more(item));
            items.map(|(index, _)| format!("{place}/{index}")).collect()
        }
        Value::Mapping(fields) => {
            let fields = fields.iter().filter(|field| is_more(&field.value));
            fields.map(|field| below(place, &field.key)).collect()
        }
    }
}

/// The lines of one block without its key.
struct Lost {
    /// The block's name.
    name: String,
    /// The field in whose mapping they stand; without one, they stand where the block belongs.
    within: Option<usize>,
    /// The first of them, and the one behind the last.
    lines: (usize, usize),
}

/// The mapping that blocks may belong to.
struct Around<'a> {
    kind: Kind,
    place: &'a str,
    foreign: Vec<&'static str>,
}

impl Around<'_> {
    fn knows(&self, place: &str, name: &str) -> bool {
        schema::has(self.kind, &below(place, name))
    }

    /// The only absent block that some lines, and all of them, may be fields of, or the only one of those
    /// that has to be there.
    fn block_of(&self, fields: &[Field], lines: &[Field]) -> Option<String> {
        let absent = schema::fields(self.kind, self.place).into_iter().filter(|name| {
            !self.foreign.contains(&name.as_str())
                && !fields.iter().any(|field| *field.key == **name)
        });
        let all = absent.filter(|name| {
            let known = schema::fields(self.kind, &below(self.place, name));
            let takes = |field: &&Field| known.iter().any(|one| **one == *field.key);
            let taken = lines.iter().filter(takes).count();
            // Of many lines one may be misspelt besides, but is none that belongs further out.
            let is_outer = |field: &Field| self.knows(self.place, &field.key);
            let most = (self.place.is_empty() || lines.len() > MANY)
                && !lines.iter().any(|field| !takes(&field) && is_outer(field));
            taken == lines.len() || most && taken.saturating_mul(2) > lines.len()
        });
        let all: Vec<String> = all.collect();
        if let [only] = all.as_slice() {
            return Some(only.clone());
        }
        let required = schema::required(self.kind, self.place);
        let mut all = all.into_iter().filter(|name| required.contains(name));
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether a line alone may be a field with another name, or stand too far right.
    fn is_otherwise(&self, within: &str, beside: &[Field], lines: &[Field]) -> bool {
        let [line] = lines else { return false };
        let known = schema::fields(self.kind, within);
        let absent = |word: &&str| !beside.iter().any(|field| *field.key == **word);
        let absent: Vec<&str> = known.iter().map(String::as_str).filter(absent).collect();
        schema::meant(&line.key, &absent).is_some()
    }

    /// Lines that stand further right than the key of their block did, behind the fields of another one.
    fn behind_another(&self, fields: &[Field]) -> Option<Lost> {
        fields.iter().enumerate().find_map(|(at, field)| {
            let Value::Mapping(all) = &field.value.value else { return None };
            if all.len() > MAX_FIELDS {
                return None;
            }
            let within = below(self.place, &field.key);
            if schema::fields(self.kind, &within).is_empty() {
                return None;
            }
            let first = all.iter().position(|one| !self.knows(&within, &one.key))?;
            let lines = all.get(first..)?;
            // What is known further out, and is not there, may only stand too far right.
            let is_outer = |line: &Field| {
                self.knows(self.place, &line.key) && !fields.iter().any(|one| one.key == line.key)
            };
            if lines.iter().all(is_outer) || self.is_otherwise(&within, all, lines) {
                return None;
            }
            let name = self.block_of(fields, lines)?;
            Some(Lost { name, within: Some(at), lines: (first, all.len()) })
        })
    }

    /// Lines that stand as far left as the key of their block did.
    fn beside(&self, fields: &[Field]) -> Option<Lost> {
        if schema::fields(self.kind, self.place).is_empty() {
            return None;
        }
        let strange = |field: &Field| !self.knows(self.place, &field.key);
        let mut from = 0;
        while let Some(first) = fields.iter().skip(from).position(strange) {
            let first = first.saturating_add(from);
            let rest = fields.get(first..).unwrap_or_default();
            let end = rest.iter().position(|field| !strange(field));
            let end = end.map_or(fields.len(), |count| first.saturating_add(count));
            from = end;
            let lines = fields.get(first..end).unwrap_or_default();
            if self.belongs_before(fields, first) || self.is_otherwise(self.place, fields, lines) {
                continue;
            }
            if let Some(name) = self.block_of(fields, lines) {
                return Some(Lost { name, within: None, lines: (first, end) });
            }
        }
        None
    }

    /// Whether a line may belong to the block before it, of which it only stands too far left.
    fn belongs_before(&self, fields: &[Field], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| fields.get(at));
        before.zip(fields.get(at)).is_some_and(|(owner, line)| {
            !matches!(&owner.value.value, Value::Sequence(_))
                && self.knows(&below(self.place, &owner.key), &line.key)
                && owner.value.get(&line.key).is_none()
        })
    }

    /// Makes a block of its lines again.
    fn make(&self, fields: &mut Vec<Field>, lost: Lost) -> Diagnostic {
        let Lost { name, within, lines: (first, end) } = lost;
        let beside = within.and_then(|at| fields.get(at)).map(|field| field.key.clone());
        let lines: Vec<Field> = match within.map(|at| fields.get_mut(at)) {
            None => fields.drain(first..end).collect(),
            Some(Some(Field { value: Node { value: Value::Mapping(all), .. }, .. })) => {
                all.drain(first..end).collect()
            }
            Some(_) => Vec::new(),
        };
        let span = lines.first().map(|line| line.key_span);
        let message = format!("`{name}:` is missing above this line");
        let help = match beside {
            Some(beside) => format!("write `{name}:` above it, as far left as `{beside}:`"),
            None => format!(
                "write `{name}:` above it, and the lines below that two blanks further right"
            ),
        };
        if let Some(span) = span {
            let value = Node { span, value: Value::Mapping(lines) };
            fields.push(Field { key: name.as_str().into(), key_span: span, value });
        }
        Diagnostic::new(Code::TL103, message).at(span).help(help)
    }
}

/// Lines of which one may be misspelt besides.
const MANY: usize = 3;
