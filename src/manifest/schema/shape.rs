//! A schema as something that is asked while a document is read, once for each value. With the types
//! that are decoded it takes nothing that the schema refuses; what it does not understand of a schema it refuses, and then
//! the validator is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json};

use super::pattern::Pattern;
use super::{forms, generate, tidy};
use crate::manifest::node::Meaning;
use crate::manifest::scanner::unique;
use crate::model::Kind;

const TEXT: u8 = 1;
const INTEGER: u8 = 2;
const BOOLEAN: u8 = 4;
const LIST: u8 = 8;
const MAPPING: u8 = 16;

/// Fields of one mapping that are kept apart, each by a bit.
const MAX_FIELDS: usize = 64;

/// Levels of a schema that are followed; ours are a handful deep.
const MAX_DEPTH: usize = 32;

/// What a value may be.
#[derive(Debug, Clone)]
pub(in crate::manifest) struct Shape {
    types: u8,
    /// Bounds of an integer.
    integer: (i128, i128),
    /// Characters of a text.
    characters: (usize, usize),
    pattern: Option<Pattern>,
    form: Option<forms::Check>,
    /// The only values, if they are counted up.
    fixed: Option<Vec<Fixed>>,
    /// Items of a list.
    items: (usize, usize),
    item: Option<Arc<Self>>,
    mapping: Option<Arc<Mapping>>,
}

/// One value that is counted up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fixed {
    Text(String),
    Boolean(bool),
    Integer(i128),
    /// A number with a fraction: no value of a manifest is one.
    Nothing,
}

impl Fixed {
    fn is(&self, text: &str, meaning: Meaning) -> bool {
        match self {
            Self::Text(fixed) => meaning == Meaning::Text && fixed == text,
            Self::Boolean(fixed) => meaning == Meaning::Bool(*fixed),
            Self::Integer(fixed) => match meaning {
                Meaning::Unsigned(value) => i128::from(value) == *fixed,
                Meaning::Negative(value) => i128::from(value) == *fixed,
                Meaning::Null | Meaning::Bool(_) | Meaning::Text => false,
            },
            Self::Nothing => false,
        }
    }
}

/// What the fields of a mapping may be.
#[derive(Debug, Clone, Default)]
pub(in crate::manifest) struct Mapping {
    fields: Vec<(String, Arc<Shape>)>,
    /// What may stand under any other key.
    others: Option<Arc<Shape>>,
    required: u64,
    count: (usize, usize),
    conditions: Vec<Condition>,
}

/// What must and must not stand beside certain values.
#[derive(Debug, Clone, Default)]
struct Condition {
    /// Fields, by their index, that have one of these values or are absent.
    when: Vec<(usize, Vec<Fixed>)>,
    /// Fields that are there.
    with: u64,
    required: u64,
    foreign: u64,
}

/// The shapes of the two parts of a document that differ from kind to kind.
#[derive(Debug)]
pub(in crate::manifest) struct Parts {
    /// Of `metadata`.
    pub(in crate::manifest) metadata: Arc<Shape>,
    /// Of `spec`.
    pub(in crate::manifest) spec: Arc<Shape>,
}

static PARTS: [OnceLock<Option<Parts>>; Kind::ALL.len()] =
    [const { OnceLock::new() }; Kind::ALL.len()];

/// The shapes of a kind; made when the first document of the kind is met.
pub(in crate::manifest) fn parts(kind: Kind) -> Option<&'static Parts> {
    PARTS.get(kind as usize)?.get_or_init(|| read(kind)).as_ref()
}

fn read(kind: Kind) -> Option<Parts> {
    let mut schema = generate::kind_schema(kind);
    tidy::forms_alone(&mut schema);
    let mut reader = Reader { whole: &schema, targets: BTreeMap::new() };
    let mut part = |name: &str| reader.shape(schema.get("properties")?.get(name)?, 0);
    Some(Parts { metadata: part("metadata")?, spec: part("spec")? })
}

impl Shape {
    const ANY: Self = Self {
        types: TEXT | INTEGER | BOOLEAN | LIST | MAPPING,
        integer: (i128::MIN, i128::MAX),
        characters: (0, usize::MAX),
        pattern: None,
        form: None,
        fixed: None,
        items: (0, usize::MAX),
        item: None,
        mapping: None,
    };

    const NEVER: Self = Self { types: 0, ..Self::ANY };

    /// Whether it takes a scalar.
    pub(in crate::manifest) fn takes(&self, text: &str, meaning: Meaning) -> bool {
        let within = |value: i128| {
            self.types & INTEGER != 0 && self.integer.0 <= value && value <= self.integer.1
        };
        let taken = match meaning {
            Meaning::Null => false,
            Meaning::Bool(_) => self.types & BOOLEAN != 0,
            Meaning::Unsigned(value) => within(value.into()),
            Meaning::Negative(value) => within(value.into()),
            Meaning::Text => self.types & TEXT != 0 && self.takes_text(text),
        };
        let fixed = self.fixed.as_ref();
        taken && fixed.is_none_or(|all| all.iter().any(|one| one.is(text, meaning)))
    }

    fn takes_text(&self, text: &str) -> bool {
        let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
        self.characters.0 <= characters
            && characters <= self.characters.1
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
            && self.form.is_none_or(|why_not| why_not(text).is_none())
    }

    /// The shape of the items, if it takes a list.
    pub(in crate::manifest) fn item(&self) -> Option<&Self> {
        self.item.as_deref().filter(|_| self.types & LIST != 0 && self.fixed.is_none())
    }

    /// Whether it takes a list of so many items.
    pub(in crate::manifest) fn takes_items(&self, count: usize) -> bool {
        self.items.0 <= count && count <= self.items.1
    }

    /// What to ask while a mapping is read, if it takes one.
    pub(in crate::manifest) fn fields(&self) -> Option<Fields<'_>> {
        let mapping = self.mapping.as_deref();
        let mapping = mapping.filter(|_| self.types & MAPPING != 0 && self.fixed.is_none())?;
        Some(Fields { mapping, seen: 0, last: None, failed: 0, others: Vec::new() })
    }
}

/// A mapping while it is read.
pub(in crate::manifest) struct Fields<'s> {
    mapping: &'s Mapping,
    /// The fields that were met.
    seen: u64,
    /// The index of the last of them.
    last: Option<usize>,
    /// The conditions that do not hold.
    failed: u64,
    /// Keys that are no fields.
    others: Vec<String>,
}

impl<'s> Fields<'s> {
    /// Takes a key; the shape of its value, if the key may stand here, and did not before.
    pub(in crate::manifest) fn key(&mut self, key: &str) -> Option<&'s Shape> {
        let found = self.mapping.fields.iter().enumerate().find(|(_, (name, _))| name == key);
        let Some((index, (_, shape))) = found else {
            self.last = None;
            self.others.push(key.to_owned());
            return self.mapping.others.as_deref();
        };
        let twice = self.seen >> index & 1 == 1;
        self.seen |= 1 << index;
        self.last = Some(index);
        (!twice).then_some(shape)
    }

    /// Whether [`Fields::value`] has to know the values.
    pub(in crate::manifest) fn depend_on_values(&self) -> bool {
        !self.mapping.conditions.is_empty()
    }

    /// Takes the value of the last key; `None` for what is no scalar.
    pub(in crate::manifest) fn value(&mut self, scalar: Option<(&str, Meaning)>) {
        for (bit, condition) in self.mapping.conditions.iter().enumerate() {
            for (_, fixed) in condition.when.iter().filter(|(of, _)| Some(*of) == self.last) {
                let holds = scalar
                    .is_some_and(|(text, meaning)| fixed.iter().any(|one| one.is(text, meaning)));
                self.failed |= u64::from(!holds) << bit;
            }
        }
    }

    /// Whether what was met is a whole mapping.
    pub(in crate::manifest) fn end(&self) -> bool {
        let Mapping { required, count, conditions, .. } = self.mapping;
        let all = self.seen.count_ones() as usize + self.others.len();
        let keeps = |(bit, condition): (usize, &Condition)| {
            let holds = self.failed >> bit & 1 == 0 && has(self.seen, condition.with);
            !holds || (has(self.seen, condition.required) && self.seen & condition.foreign == 0)
        };
        has(self.seen, *required)
            && count.0 <= all
            && all <= count.1
            && conditions.iter().enumerate().all(keeps)
            && (self.others.is_empty() || unique(self.others.iter().map(String::as_str)))
    }
}

fn has(seen: u64, wanted: u64) -> bool {
    seen & wanted == wanted
}

/// Understands schemas.
struct Reader<'s> {
    whole: &'s Json,
    /// Definitions that were understood before, by their names.
    targets: BTreeMap<&'s str, Arc<Shape>>,
}

impl<'s> Reader<'s> {
    /// `None`: something of the schema is not understood.
    fn shape(&mut self, schema: &'s Json, depth: usize) -> Option<Arc<Shape>> {
        let schema = match schema {
            Json::Object(schema) => schema,
            Json::Bool(true) => return Some(Arc::new(Shape::ANY)),
            Json::Bool(false) => return Some(Arc::new(Shape::NEVER)),
            Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) => return None,
        };
        let mut shape = match schema.get("$ref") {
            Some(reference) => (*self.target(reference.as_str()?, depth)?).clone(),
            None => Shape::ANY,
        };
        for (keyword, value) in schema {
            match keyword.as_str() {
                "items" => set(&mut shape.item, self.shape(value, deeper(depth)?)?)?,
                "$ref" | "title" | "description" | "examples" | "default" => {}
                keyword if MAPPING_WORDS.contains(&keyword) => {}
                keyword => narrow(&mut shape, keyword, value)?,
            }
        }
        if MAPPING_WORDS.iter().any(|keyword| schema.contains_key(*keyword)) {
            let mapping = match &shape.mapping {
                Some(target) => target.narrowed(schema)?,
                None => self.mapping(schema, depth)?,
            };
            shape.mapping = Some(Arc::new(mapping));
        }
        Some(Arc::new(shape))
    }

    fn target(&mut self, reference: &'s str, depth: usize) -> Option<Arc<Shape>> {
        let known = self.targets.get(reference);
        if let Some(known) = known {
            return Some(Arc::clone(known));
        }
        let target = self.whole.pointer(reference.strip_prefix('#')?)?;
        let shape = self.shape(target, deeper(depth)?)?;
        self.targets.insert(reference, Arc::clone(&shape));
        Some(shape)
    }

    fn mapping(&mut self, schema: &'s Map<String, Json>, depth: usize) -> Option<Mapping> {
        let mut mapping = Mapping { count: (0, usize::MAX), ..Mapping::default() };
        let properties = schema.get("properties").map(Json::as_object);
        for (name, field) in properties.unwrap_or_default().into_iter().flatten() {
            mapping.fields.push((name.clone(), self.shape(field, deeper(depth)?)?));
        }
        mapping.others = match schema.get("additionalProperties") {
            Some(Json::Bool(false)) => None,
            Some(others) => Some(self.shape(others, deeper(depth)?)?),
            None => Some(Arc::new(Shape::ANY)),
        };
        if mapping.fields.len() > MAX_FIELDS {
            return None;
        }
        if let Some(least) = schema.get("minProperties") {
            mapping.count.0 = number(least)?;
        }
        if let Some(most) = schema.get("maxProperties") {
            mapping.count.1 = number(most)?;
        }
        mapping.required = mapping.bits(schema.get("required"))?;
        for rule in
            schema.get("allOf").map(Json::as_array).unwrap_or_default().into_iter().flatten()
        {
            let condition = mapping.condition(rule)?;
            mapping.conditions.push(condition);
        }
        (mapping.conditions.len() <= MAX_FIELDS).then_some(mapping)
    }
}

impl Mapping {
    /// What a definition says of a mapping, with what stands beside the reference to it: fields that
    /// must be there, and fields that must not.
    fn narrowed(&self, schema: &Map<String, Json>) -> Option<Self> {
        let mut mapping = self.clone();
        for keyword in MAPPING_WORDS.iter().filter(|keyword| schema.contains_key(**keyword)) {
            match *keyword {
                "required" => mapping.required |= self.bits(schema.get("required"))?,
                "properties" => {
                    for (name, value) in schema.get("properties")?.as_object()? {
                        let index = self.index(name).filter(|_| *value == Json::Bool(false))?;
                        mapping.fields.get_mut(index)?.1 = Arc::new(Shape::NEVER);
                    }
                }
                _ => return None,
            }
        }
        Some(mapping)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(field, _)| field == name)
    }

    /// A list of fields, as bits.
    fn bits(&self, names: Option<&Json>) -> Option<u64> {
        let Some(names) = names else { return Some(0) };
        let bit = |name: &Json| Some(1 << self.index(name.as_str()?)?);
        names.as_array()?.iter().try_fold(0, |bits, name| Some(bits | bit(name)?))
    }

    /// `if` some fields have certain values, `then` others must, and others must not stand there.
    fn condition(&self, rule: &Json) -> Option<Condition> {
        let (when, then) = (only(rule, ["if", "then"])?, ["properties", "required"]);
        let (when, then) = (only(when.get("if")?, then)?, only(when.get("then")?, then)?);
        let mut condition = Condition {
            with: self.bits(when.get("required"))?,
            required: self.bits(then.get("required"))?,
            ..Condition::default()
        };
        for (name, value) in when.get("properties")?.as_object()? {
            condition.when.push((self.index(name)?, fixed(only(value, ["const", "enum"])?)?));
        }
        for (name, value) in
            then.get("properties").map(Json::as_object).unwrap_or_default().into_iter().flatten()
        {
            condition.foreign |= 1 << self.index(name).filter(|_| *value == Json::Bool(false))?;
        }
        Some(condition)
    }
}

/// The keywords about the fields of a mapping.
const MAPPING_WORDS: &[&str] =
    &["properties", "additionalProperties", "required", "minProperties", "maxProperties", "allOf"];

/// An object with none but these keys.
fn only<'j, const N: usize>(value: &'j Json, keys: [&str; N]) -> Option<&'j Map<String, Json>> {
    let object = value.as_object()?;
    object.keys().all(|key| keys.contains(&key.as_str())).then_some(object)
}

fn deeper(depth: usize) -> Option<usize> {
    (depth < MAX_DEPTH).then_some(depth + 1)
}

/// Two rules of one sort beside each other are not understood.
fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn number(value: &Json) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn bound(value: &Json) -> Option<i128> {
    value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from))
}

fn fixed(schema: &Map<String, Json>) -> Option<Vec<Fixed>> {
    let one = |value: &Json| match value {
        Json::String(text) => Some(Fixed::Text(text.clone())),
        Json::Bool(value) => Some(Fixed::Boolean(*value)),
        Json::Number(value) => match (bound(&Json::Number(value.clone())), value.as_f64()) {
            (Some(value), _) => Some(Fixed::Integer(value)),
            (None, Some(value)) if value.fract() != 0.0 => Some(Fixed::Nothing),
            _ => None,
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    };
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), None) => Some(vec![one(value)?]),
        (None, Some(values)) => values.as_array()?.iter().map(one).collect(),
        _ => None,
    }
}

/// Adds a rule of one keyword.
fn narrow(shape: &mut Shape, keyword: &str, value: &Json) -> Option<()> {
    match keyword {
        "type" => shape.types &= types(value)?,
        "minimum" => shape.integer.0 = shape.integer.0.max(bound(value)?),
        "maximum" => shape.integer.1 = shape.integer.1.min(bound(value)?),
        "minLength" => shape.characters.0 = shape.characters.0.max(number(value)?),
        "maxLength" => shape.characters.1 = shape.characters.1.min(number(value)?),
        "minItems" => shape.items.0 = shape.items.0.max(number(value)?),
        "maxItems" => shape.items.1 = shape.items.1.min(number(value)?),
        "pattern" => set(&mut shape.pattern, Pattern::read(value.as_str()?)?)?,
        "format" => {
            if let Some(check) = forms::beside_decoding(value.as_str()?)? {
                set(&mut shape.form, check)?;
            }
        }
        "const" | "enum" => {
            let one = Map::from_iter([(keyword.to_owned(), value.clone())]);
            set(&mut shape.fixed, fixed(&one)?)?;
        }
        _ => return None,
    }
    Some(())
}

fn types(value: &Json) -> Option<u8> {
    let one = |value: &Json| match value.as_str()? {
        "string" => Some(TEXT),
        "integer" | "number" => Some(INTEGER),
        "boolean" => Some(BOOLEAN),
        "array" => Some(LIST),
        "object" => Some(MAPPING),
        // Left out of every type: what has no value is for the validator to tell.
        "null" => Some(0),
        _ => None,
    };
    let all = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    all.iter().try_fold(0, |types, value| Some(types | one(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise every document of the kind would be read the slow way.
    #[test]
    fn the_schema_of_every_kind_is_understood() {
        for kind in Kind::ALL {
            assert!(parts(*kind).is_some(), "{kind}");
        }
    }

    #[test]
    fn kinds_are_counted_from_zero() {
        for (index, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index, "{kind}");
        }
    }
}
