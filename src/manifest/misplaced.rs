//! Lines that stand too far left or too far right, so that a field is in another mapping than the one
//! it belongs to. It is told once, and taken to where it belongs, so that nothing is missed there.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::node::{Field, Meaning, Node, Scalar, Value};
use super::salvage::{below, slot};
use super::shifted::{self, Shifted};
use super::{orphans, schema};
use crate::diag::{Code, Diagnostic, Span};
use crate::model::{Kind, TYPE_BLOCKS};

/// Fields that are taken elsewhere in one document.
const MAX_MOVED: usize = 100;

/// Unknown fields of one document that a place is sought for.
const MAX_SOUGHT: usize = 200;

/// Levels that are followed down from a field to the one that was written last below it.
const MAX_LEVELS: usize = 8;

/// A document whose misplaced fields stand where they belong.
pub(super) struct Mended {
    /// The document.
    pub node: Node,
    /// What is told of them.
    pub told: Vec<Diagnostic>,
    /// The fields that may be meant otherwise.
    pub doubtful: Vec<Doubtful>,
}

/// A field that was taken elsewhere, with what stands in it.
pub(super) struct Doubtful {
    /// The JSON pointer of where it is now.
    pub pointer: String,
    /// Where it is written.
    pub span: Span,
}

/// A document with every misplaced field where it belongs; `None` without one.
pub(super) fn mend(kind: Kind, document: &Node) -> Option<Mended> {
    let mut node = document.clone();
    let sought = Cell::new(0);
    let Shifted { mut told, blocks } = shifted::mend(kind, &mut node);
    told.extend(orphans::adopt(kind, &mut node, |document, within| {
        blocks_of_others(kind, within, typed_word(document))
    }));
    let (doubtful, shifted) = (Vec::new(), Vec::new());
    let mut mend = Mend { kind, node, sought, moved: 0, told, doubtful, shifted, blocks };
    mend.outdented("");
    mend.sought.set(0);
    let mut strays = Vec::new();
    let document = &mend.node;
    mend.strays(document, "", &mut Vec::new(), &mut strays);
    mend.collect(strays);
    let Mend { node, told, doubtful, .. } = mend;
    (!told.is_empty()).then_some(Mended { node, told, doubtful })
}

struct Mend {
    kind: Kind,
    node: Node,
    sought: Cell<usize>,
    moved: usize,
    told: Vec<Diagnostic>,
    doubtful: Vec<Doubtful>,
    /// Where the fields are now that stood too far left: what was written below one of them may have
    /// been shifted with it.
    shifted: Vec<String>,
    /// The blocks of which it is told that they have lines elsewhere.
    blocks: BTreeSet<String>,
}

/// A field that belongs to another mapping; places are JSON pointers.
struct Stray {
    from: String,
    name: String,
    to: String,
}

impl Mend {
    fn knows(&self, within: &str, name: &str) -> bool {
        schema::has(self.kind, &below(within, name))
    }

    /// Whether the fields of a mapping have names of one's own, as the globs of scopes.
    fn takes_any_name(&self, place: &str) -> bool {
        schema::fields(self.kind, place).is_empty()
    }

    /// Whether one more unknown field may be sought a place for.
    fn may_seek(&self) -> bool {
        self.sought.replace(self.sought.get().saturating_add(1)) < MAX_SOUGHT
    }

    /// Takes what stands beside a field, and would belong below it, there; for every mapping below a
    /// place.
    fn outdented(&mut self, within: &str) {
        let Some(node) = slot(&mut self.node, within) else { return };
        let inner: Vec<String> = match &mut node.value {
            Value::Scalar(_) => return,
            Value::Sequence(items) => {
                let nested = items.iter().enumerate();
                let nested = nested.filter(|(_, item)| !matches!(item.value, Value::Scalar(_)));
                nested.map(|(index, _)| format!("{within}/{index}")).collect()
            }
            Value::Mapping(fields) => {
                let fields = std::mem::take(fields);
                let kept = self.with_outdented(within, fields);
                let nested = kept.iter().filter(|one| !matches!(one.value.value, Value::Scalar(_)));
                let inner = nested.map(|field| below(within, &field.key)).collect();
                if let Some(node) = slot(&mut self.node, within) {
                    node.value = Value::Mapping(kept);
                }
                inner
            }
        };
        inner.iter().for_each(|inner| self.outdented(inner));
    }

    fn with_outdented(&mut self, within: &str, fields: Vec<Field>) -> Vec<Field> {
        let mut kept: Vec<Field> = Vec::with_capacity(fields.len());
        // The last field that may stand here, and the last one without a value behind which nothing
        // stands that could not be meant to be in it.
        let (mut last, mut empty) = (None, None);
        let mut told: Option<usize> = None;
        for field in fields {
            if self.knows(within, &field.key) {
                let may_be_in = |at: &usize| {
                    let owner = kept.get(*at);
                    owner.is_some_and(|one| self.knows(&below(within, &one.key), &field.key))
                };
                empty = empty.filter(may_be_in);
                last = Some(kept.len());
                if is_empty(&field.value) {
                    empty = last;
                }
                if self.blocks.contains(&below(within, &field.key)) {
                    told = last;
                }
                kept.push(field);
                continue;
            }
            if !self.may_seek() {
                kept.push(field);
                continue;
            }
            let owner = [empty, last].into_iter().flatten().find_map(|at| {
                let owner = kept.get(at)?;
                let target = self.place_for(&field.key, &owner.value, below(within, &owner.key))?;
                Some((at, target))
            });
            let Some((at, target)) = owner.filter(|_| self.moved < MAX_MOVED) else {
                kept.push(field);
                continue;
            };
            self.moved += 1;
            let was_empty = empty == Some(at);
            // What stands between is meant to be there, too.
            let between = if was_empty { kept.split_off(at + 1) } else { Vec::new() };
            let Some(owner) = kept.get_mut(at) else { continue };
            let start = below(within, &owner.key);
            let first = between.first().unwrap_or(&field).key_span;
            if told.replace(at) != Some(at) {
                self.told.push(match was_empty {
                    true => not_indented(&owner.key, &field, first),
                    false => belongs_below(within, &field, &target),
                });
            }
            self.shifted.push(below(&target, &field.key));
            if !was_empty {
                self.doubtful
                    .push(Doubtful { pointer: below(&target, &field.key), span: of(&field) });
            }
            last = Some(at);
            let inside = target.strip_prefix(&start).unwrap_or_default();
            if let Some(node) = slot(&mut owner.value, inside) {
                between.into_iter().chain([field]).for_each(|one| add(node, one));
            }
        }
        kept
    }

    /// Where a field belongs that stands behind a value, further left: the mapping that was written
    /// last in the value and may have the field.
    fn place_for(&self, name: &str, value: &Node, mut place: String) -> Option<String> {
        let mut value = value;
        for _ in 0..MAX_LEVELS {
            match &value.value {
                Value::Scalar(_) if !is_empty(value) => return None,
                Value::Scalar(_) => return self.knows(&place, name).then_some(place),
                Value::Mapping(fields) => {
                    // What takes any name takes a misspelt one, too.
                    let known = schema::fields(self.kind, &place);
                    if known.iter().any(|one| one == name) && value.get(name).is_none() {
                        return Some(place);
                    }
                    let last = fields.last()?;
                    place = below(&place, &last.key);
                    value = &last.value;
                }
                Value::Sequence(items) => {
                    place = format!("{place}/{}", items.len().checked_sub(1)?);
                    value = items.last()?;
                }
            }
        }
        None
    }

    /// Finds what belongs to a mapping further out, or to the one mapping beside it that may have it.
    fn strays<'n>(
        &self,
        node: &'n Node,
        within: &str,
        around: &mut Vec<(String, &'n Node)>,
        found: &mut Vec<Stray>,
    ) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                let nested = items.iter().enumerate();
                for (index, item) in nested.filter(|(_, it)| !matches!(it.value, Value::Scalar(_)))
                {
                    self.strays(item, &format!("{within}/{index}"), around, found);
                }
            }
            Value::Mapping(fields) => {
                let known = schema::fields(self.kind, within);
                let absent = schema::absent(node, known.iter().map(String::as_str));
                for field in fields {
                    let name = &*field.key;
                    let full = known.is_empty() || found.len() >= MAX_MOVED;
                    if full || self.knows(within, name) || !self.may_seek() {
                        continue;
                    }
                    let meant = schema::meant(name, &absent);
                    let required = schema::required(self.kind, within);
                    // What stands for a field that has to be here does not belong elsewhere.
                    if meant.as_ref().is_some_and(|word| required.contains(word)) {
                        continue;
                    }
                    let mut outer = around.iter().rev();
                    let outer = outer.find(|(place, node)| {
                        self.knows(place, name)
                            && node.get(name).is_none()
                            && (name.contains(['*', '/']) || !self.takes_any_name(place))
                    });
                    let to = outer.map(|(place, _)| place.clone());
                    // Of what may be meant otherwise, only what was shifted with it shows.
                    if self.doubtful.iter().any(|one| within.starts_with(&one.pointer)) {
                        let from = within.to_owned();
                        let shifted = to.filter(|to| self.is_shifted(within, to));
                        found.extend(shifted.map(|to| Stray { from, name: name.to_owned(), to }));
                        continue;
                    }
                    let free = meant.is_none();
                    let beside = || free.then(|| self.beside(node, within, &known, name)).flatten();
                    if let Some(to) = to.or_else(|| self.identity(within, name)).or_else(beside) {
                        found.push(Stray { from: within.to_owned(), name: name.to_owned(), to });
                    }
                }
                around.push((within.to_owned(), node));
                for field in fields.iter().filter(|it| !matches!(it.value.value, Value::Scalar(_)))
                {
                    self.strays(&field.value, &below(within, &field.key), around, found);
                }
                around.pop();
            }
        }
    }

    /// Whether a mapping was shifted out of another one, so that what stood behind it there is in it now.
    fn is_shifted(&self, from: &str, to: &str) -> bool {
        self.shifted.iter().any(|one| {
            from.starts_with(one.as_str())
                && one.rsplit_once('/').is_some_and(|(owner, _)| owner == to)
        })
    }

    /// `metadata`, if a field of `spec` belongs there and is absent.
    fn identity(&self, within: &str, name: &str) -> Option<String> {
        const METADATA: &str = "/metadata";
        let absent = self.node.get("metadata").is_some_and(|one| one.get(name).is_none());
        let belongs = within == "/spec" && absent && self.knows(METADATA, name);
        belongs.then(|| METADATA.to_owned())
    }

    /// The mapping beside a field that it belongs to: the only one that may have it, or the only one of
    /// those that has to be there and is not.
    fn beside(&self, node: &Node, within: &str, known: &[String], name: &str) -> Option<String> {
        let own = typed_word(&self.node);
        let foreign = blocks_of_others(self.kind, within, own);
        let takes = |field: &&String| {
            let place = below(within, field);
            let knows = schema::fields(self.kind, &place).iter().any(|one| one == name);
            knows
                && !foreign.contains(&field.as_str())
                && node.get(field).is_none_or(|inner| {
                    matches!(inner.value, Value::Mapping(_)) && inner.get(name).is_none()
                })
        };
        let all: Vec<&String> = known.iter().filter(takes).collect();
        let required = schema::required(self.kind, within);
        let missing = |field: &&&String| required.contains(field) && node.get(field).is_none();
        let mut missing = all.iter().filter(missing);
        let (([only], ..) | (_, Some(only), None)) =
            (all.as_slice(), missing.next(), missing.next())
        else {
            return None;
        };
        Some(below(within, only))
    }

    /// Takes strays to where they belong.
    fn collect(&mut self, strays: Vec<Stray>) {
        let mut last: Option<(String, String)> = None;
        for Stray { from, name, to } in strays {
            let Some(node) = slot(&mut self.node, &from) else { continue };
            let Value::Mapping(fields) = &mut node.value else { continue };
            let Some(at) = fields.iter().position(|field| *field.key == *name) else { continue };
            let mut field = fields.remove(at);
            let target = below(&to, &name);
            if is_empty(&field.value) {
                take_lines(self.kind, &target, fields, &mut field, at);
            }
            let further_out = from.starts_with(&to);
            let here = (from.clone(), to.clone());
            if last.as_ref() != Some(&here) && !self.is_shifted(&from, &to) {
                self.told.push(match further_out {
                    true => belongs_further_out(&from, &field, &to),
                    false => belongs_below(&from, &field, &to),
                });
            }
            last = Some(here);
            self.doubtful.push(Doubtful { pointer: target, span: of(&field) });
            if let Some(node) = self.made(&to, field.key_span) {
                add(node, field);
            }
        }
    }

    /// The mapping at a place, which may be absent in a mapping that is there.
    fn made(&mut self, place: &str, span: Span) -> Option<&mut Node> {
        if slot(&mut self.node, place).is_none() {
            let (within, name) = place.rsplit_once('/')?;
            let value = Node { span, value: Value::Mapping(Vec::new()) };
            add(slot(&mut self.node, within)?, Field { key: name.into(), key_span: span, value });
        }
        slot(&mut self.node, place)
    }
}

/// Whether a field is one of the mapping at a place.
fn kind_takes(kind: Kind, place: &str, field: Option<&Field>) -> bool {
    field.is_some_and(|field| schema::fields(kind, place).iter().any(|one| **one == *field.key))
}

/// Takes the lines directly behind a field without a value that may stand below it: a block is never
/// empty, so they are meant to.
fn take_lines(kind: Kind, target: &str, fields: &mut Vec<Field>, owner: &mut Field, at: usize) {
    while kind_takes(kind, target, fields.get(at)) {
        let field = fields.remove(at);
        owner.value.span.end = owner.value.span.end.max(of(&field).end);
        add(&mut owner.value, field);
    }
}

/// The place of a whole field.
pub(super) fn of(field: &Field) -> Span {
    Span { end: field.value.span.end.max(field.key_span.end), ..field.key_span }
}

pub(super) fn is_empty(node: &Node) -> bool {
    matches!(node.value, Value::Scalar(Scalar { meaning: Meaning::Null, .. }))
}

/// Adds a field to a mapping that lacks it, or makes a mapping of what is empty.
fn add(node: &mut Node, field: Field) {
    if let Value::Mapping(fields) = &mut node.value {
        if !fields.iter().any(|one| one.key == field.key) {
            fields.push(field);
        }
    } else if is_empty(node) {
        node.value = Value::Mapping(vec![field]);
    }
}

/// What is told of the lines below a key without a value, `field` among them, of which the first stands at
/// a place.
pub(super) fn not_indented(owner: &str, field: &Field, first: Span) -> Diagnostic {
    let key = &field.key;
    let message = format!("the lines below `{owner}:` are not indented");
    let help = format!("write them two blanks further right than `{owner}:`, as in `  {key}: …`");
    Diagnostic::new(Code::TL103, message).at(first).help(help)
}

fn belongs_below(within: &str, field: &Field, target: &str) -> Diagnostic {
    let owner = schema::dotted(target);
    let last = schema::dotted(&format!("/{}", last_name(target)));
    let help = format!(
        "it is a field of `{owner}`: write it below `{last}:`, as far right as the other fields there"
    );
    unknown(within, field).help(help)
}

/// What is told of a field that belongs to a mapping further out.
pub(super) fn belongs_further_out(within: &str, field: &Field, target: &str) -> Diagnostic {
    let beside = within.strip_prefix(target).unwrap_or_default();
    let beside = beside.trim_start_matches('/').split('/').next().unwrap_or_default();
    let owner = match schema::dotted(target) {
        top if top.is_empty() => "the document itself".to_owned(),
        owner => format!("`{owner}`"),
    };
    let beside = schema::dotted(&format!("/{beside}"));
    let help = format!("it is a field of {owner}: write it as far left as `{beside}:`");
    unknown(within, field).help(help)
}

fn unknown(within: &str, field: &Field) -> Diagnostic {
    let path = schema::dotted(&below(within, &field.key));
    Diagnostic::new(Code::TL103, format!("unknown field `{path}`")).at(field.key_span)
}

/// The name of the last field of a pointer.
fn last_name(pointer: &str) -> &str {
    let mut names = pointer.rsplit('/');
    let is_name = |one: &&str| one.bytes().any(|byte| !byte.is_ascii_digit());
    names.find(is_name).unwrap_or_default()
}

/// The type that a document of a trunk says it has.
fn typed_word(document: &Node) -> &str {
    document.pointer("/spec/type").and_then(Node::text).unwrap_or_default()
}

/// The blocks of other types of trunks than this one.
fn blocks_of_others(kind: Kind, within: &str, own: &str) -> Vec<&'static str> {
    let here = kind == Kind::Trunk && within == "/spec";
    let others = TYPE_BLOCKS.iter().filter(|(_, of)| here && of.as_str() != own);
    others.map(|(name, _)| *name).collect()
}
