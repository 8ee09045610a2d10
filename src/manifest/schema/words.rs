//! The validator's findings in our own words: which field, what was found, what to write.

use jsonschema::error::ValidationErrorKind as Finding;
use serde_json::Value as JsonValue;

use super::pairs::{Meant, Pairs};
use super::{bounds, forms, meant, secrets, stand_in};
use crate::diag::{Code, Diagnostic, without_passwords};
use crate::manifest::node::{Field, Node, Value};
use crate::manifest::suggest;
use crate::manifest::yaml::{shown, shown_key};
use crate::model::{BRANDS, Kind, TYPE_BLOCKS};

/// Unknown fields told for one mapping; further ones show when these are mended.
const MAX_FIELDS: usize = 1000;

/// Words of a choice that a message names itself.
const MAX_WORDS: usize = 4;

/// Where a finding is: in the document and in the schema.
pub(super) struct Place<'a> {
    /// The kind of the document.
    pub kind: Kind,
    /// The document.
    pub document: &'a Node,
    /// Its schema.
    pub schema: &'a JsonValue,
    /// The JSON pointer of the value in the document.
    pub pointer: &'a str,
    /// The JSON pointer of the keyword in the schema.
    pub keyword: &'a str,
}

/// The diagnostics of one finding.
pub(super) fn tell(place: &Place<'_>, finding: &Finding, pairs: &Pairs) -> Vec<Diagnostic> {
    if let Some(pointer) = secrets::field(place) {
        return vec![secrets::tell(place, pointer)];
    }
    if let Some(told) = meant::instead(place, finding) {
        return told;
    }
    let mut told = of_finding(place, finding, pairs);
    let of_value = |one: &&mut Diagnostic| one.code == Code::TL104;
    if let (Some(one), Some(help)) =
        (told.iter_mut().find(of_value), meant::as_written(place, finding))
    {
        one.help = Some(help);
    }
    told
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the validator's list may grow")]
fn of_finding(place: &Place<'_>, finding: &Finding, pairs: &Pairs) -> Vec<Diagnostic> {
    match finding {
        Finding::AdditionalProperties { unexpected } => {
            let unknown = unexpected.iter().take(MAX_FIELDS);
            unknown.map(|name| place.unknown_field(name, pairs)).collect()
        }
        Finding::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            // An unknown field beside it that means it is told.
            match pairs.has(place.pointer, name) {
                true => Vec::new(),
                false => place
                    .nothing_there(pairs)
                    .or_else(|| place.little_there(pairs))
                    .unwrap_or_else(|| vec![place.missing(name)]),
            }
        }
        Finding::Type { kind } => vec![place.wrong_type(kind)],
        Finding::Enum { options } => vec![place.wrong_word(options)],
        Finding::Constant { expected_value } => {
            vec![place.wrong_word(&JsonValue::Array(vec![(**expected_value).clone()]))]
        }
        Finding::FalseSchema => vec![place.not_here()],
        Finding::Format { format } => vec![place.wrong_form(format)],
        Finding::Pattern { .. } => place.wrong_pattern().into_iter().collect(),
        Finding::Minimum { limit } => vec![place.out_of_bounds(&format!("at least {limit}"))],
        Finding::Maximum { limit } => vec![place.out_of_bounds(&format!("at most {limit}"))],
        Finding::MinLength { limit } => vec![place.length("at least", *limit, "character")],
        Finding::MaxLength { limit } => vec![place.length("at most", *limit, "character")],
        Finding::MinItems { limit } => vec![place.length("at least", *limit, "item")],
        Finding::MaxItems { limit } => vec![place.length("at most", *limit, "item")],
        Finding::MinProperties { .. } | Finding::MaxProperties { .. } => {
            place.not_exactly_one().into_iter().collect()
        }
        // No keyword behind these stands in our schemas; should one come, it is told all the same.
        _ => vec![place.at_value(Code::TL104, format!("`{}` is not valid here", place.field()))],
    }
}

/// Leaves one finding about each value: what has the wrong type is not also out of bounds.
pub(super) fn one_each(found: &mut Vec<Diagnostic>) {
    let rank =
        |one: &Diagnostic| [Code::TL104, Code::TL106].iter().position(|code| *code == one.code);
    let is_secret = |one: &Diagnostic| matches!(one.code, Code::TL701 | Code::TL702);
    found.sort_by_key(|one| (one.span, rank(one)));
    found.dedup_by(|later, first| {
        let same = later.span == first.span;
        // A mapping without anything lacks several fields, and is told with all of them.
        let again = later.code == first.code && later.message == first.message;
        same && (again || is_secret(first) || rank(later).is_some() && rank(first).is_some())
    });
}

impl Place<'_> {
    pub(super) fn value(&self) -> Option<&Node> {
        self.document.pointer(self.pointer)
    }

    /// The field as people write it.
    pub(super) fn field(&self) -> String {
        dotted(self.pointer)
    }

    fn below(&self, name: &str) -> String {
        let parent = self.field();
        if parent.is_empty() { shown_key(name) } else { format!("{parent}.{}", shown_key(name)) }
    }

    pub(super) fn at_value(&self, code: Code, message: String) -> Diagnostic {
        Diagnostic::new(code, message).at(self.document.nearest_span(self.pointer))
    }

    /// The mapping or value schema that the keyword stands in.
    pub(super) fn schema_of_keyword(&self) -> Option<&JsonValue> {
        let (parent, _) = self.keyword.rsplit_once('/')?;
        self.schema.pointer(parent)
    }

    /// The fields that the mapping may have.
    pub(super) fn known_fields(&self) -> Vec<&str> {
        // A branch of a discriminated schema names only what it is about.
        let whole = self.keyword.split("/allOf/").next().unwrap_or_default();
        let branch = whole.len() < self.keyword.len();
        let schema = if branch { self.schema.pointer(whole) } else { self.schema_of_keyword() };
        let properties = schema.and_then(|schema| stand_in::properties(self.schema, schema));
        let known = properties.into_iter().flat_map(|all| all.keys().map(String::as_str));
        let no_tenant = self.kind.is_system_only() && self.pointer == "/metadata";
        known.filter(|name| !no_tenant || *name != "tenant").collect()
    }

    fn unknown_field(&self, name: &str, pairs: &Pairs) -> Diagnostic {
        let field = self.value().and_then(|node| node.field(name));
        let span = field.map_or(self.document.span, |field| field.key_span);
        if let Some(Meant::Glued(word)) = pairs.meant(self.pointer, name) {
            // What is glued to it may be a secret.
            let path = self.below(word);
            let message = format!("`{path}` has no value: no `: ` stands behind it");
            let help = format!("write `{word}: …`, with a blank behind the `:`");
            return Diagnostic::new(Code::TL103, message).at(span).help(help);
        }
        let path = self.below(name);
        let help = match pairs.meant(self.pointer, name) {
            Some(Meant::Field(word) | Meant::Glued(word)) => {
                let pointer = format!("{}/{word}/0", self.pointer);
                let text = field.and_then(|field| field.value.text());
                match text.and_then(|text| meant::item(self.kind, &pointer, text)) {
                    Some(item) => format!("write `{word}:`, and `- {item}` on the line below"),
                    None => format!("did you mean `{word}`?"),
                }
            }
            Some(Meant::Perhaps(word)) => {
                format!("the required field `{word}` is missing: is this it?")
            }
            Some(Meant::Several(words)) => {
                meant::several(words, field.and_then(|field| field.value.text()))
            }
            None => match self.there_already(name) {
                Some(word) => format!("`{word}` is there already: remove one of the two"),
                None => match field.filter(|field| self.is_needless(field)) {
                    Some(_) => format!("write here what stands in it, without `{name}:`"),
                    None => format!("the fields here are {}", self.known_fields().join(", ")),
                },
            },
        };
        Diagnostic::new(Code::TL103, format!("unknown field `{path}`")).at(span).help(help)
    }

    /// Whether a block that does not exist holds nothing but fields of the mapping that it stands in.
    fn is_needless(&self, block: &Field) -> bool {
        let Value::Mapping(inner) = &block.value.value else { return false };
        let known = self.known_fields();
        let is_ours = |field: &Field| known.contains(&field.key.as_str());
        !inner.is_empty() && inner.iter().all(is_ours)
    }

    /// The field of the mapping that another one of it, which does not exist, would mean.
    fn there_already(&self, unknown: &str) -> Option<String> {
        let node = self.value()?;
        let known = self.known_fields().into_iter();
        let there: Vec<&str> = known.filter(|word| node.get(word).is_some()).collect();
        meant(unknown, &there)
    }

    /// A mapping without any field lacks all that it has to have: one mistake. `None`: it has some,
    /// or lacks one alone.
    fn nothing_there(&self, pairs: &Pairs) -> Option<Vec<Diagnostic>> {
        let node = self.value()?;
        let Value::Mapping(fields) = &node.value else { return None };
        let missing = pairs.missing(self.pointer);
        if !fields.is_empty() || missing.len() < 2 {
            return None;
        }
        let all: Vec<_> = missing.iter().map(|name| format!("`{name}`")).collect();
        let all = all.join(", ");
        let message = format!("`{}` is empty: {all} are missing", self.field());
        let help = format!("write {all} below `{}:`", self.field());
        let told = Diagnostic::new(Code::TL105, message).at(node.span).help(help);
        Some(vec![told])
    }

    /// An item of a list that lacks several fields is one that was begun, and one mistake. `None`: it is
    /// no item, or lacks one alone.
    fn little_there(&self, pairs: &Pairs) -> Option<Vec<Diagnostic>> {
        let is_item = self.pointer.rsplit('/').next().is_some_and(is_index);
        let missing = pairs.missing(self.pointer).iter();
        let missing = missing.filter(|name| !pairs.has(self.pointer, name));
        let missing: Vec<&String> = missing.collect();
        if !is_item || missing.len() < 2 {
            return None;
        }
        let all: Vec<_> = missing.iter().map(|name| format!("`{name}`")).collect();
        let all = all.join(", ");
        let message = format!("`{}` is not complete: {all} are missing", self.field());
        let example = |name: &&String| Some(format!("`{name}: {}`", self.example_of(name)?));
        let examples: Option<Vec<_>> = missing.iter().map(example).collect();
        let help = match examples {
            Some(examples) => format!("add them, for example {}", examples.join(" and ")),
            None => format!("add {all}"),
        };
        let span = self.document.nearest_key_span(self.pointer);
        Some(vec![Diagnostic::new(Code::TL105, message).at(span).help(help)])
    }

    fn missing(&self, name: &str) -> Diagnostic {
        let span = self.document.nearest_key_span(self.pointer);
        let path = self.below(name);
        match (self.kind, path.as_str()) {
            (_, "metadata.tenant") => {
                let message =
                    format!("{} belongs to a tenant: `metadata.tenant` is missing", self.kind);
                let help = "add `tenant:` with the tenant's name under `metadata`";
                return Diagnostic::new(Code::TL107, message).at(span).help(help);
            }
            (Kind::OutboundRule, "spec.match") => {
                return bounds::no_condition().at(span);
            }
            _ => {}
        }
        // The block of a type says which one is meant.
        let of_block = || meant::type_of_block(self.document);
        let of_block = Some(self.kind).filter(|_| path == "spec.type").and_then(|_| of_block());
        let example = of_block.or_else(|| self.example_of(name));
        let help = example.map_or_else(
            || format!("add `{name}:`"),
            |example| format!("add it, for example `{name}: {example}`"),
        );
        Diagnostic::new(Code::TL105, format!("`{path}` is missing")).at(span).help(help)
    }

    /// The example that a field's documentation gives, if it fits on a line.
    fn example_of(&self, name: &str) -> Option<String> {
        let whole = self.keyword.split("/allOf/").next().filter(|it| it.len() < self.keyword.len());
        let schema = whole.map_or_else(|| self.schema_of_keyword(), |it| self.schema.pointer(it));
        let schema = schema?.get("properties")?.get(name)?;
        let example = schema.get("examples")?.get(0)?;
        Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned))
    }

    fn wrong_word(&self, options: &JsonValue) -> Diagnostic {
        let options: Vec<&str> = options
            .as_array()
            .map(|all| all.iter().filter_map(JsonValue::as_str).collect())
            .unwrap_or_default();
        let text = self.value().and_then(Node::text).unwrap_or_default();
        let field = self.field();
        if options.is_empty() {
            // The one constant that is no word: `keep: true`.
            let message = format!("`{field}` can only be `true`");
            return self.at_value(Code::TL104, message).help("write `true`, or remove it");
        }
        let text = shown(text);
        let near = suggest::word(&text, &options);
        // A long list is read once.
        let (message, help) = match near {
            _ if options.len() <= MAX_WORDS => (
                format!("`{field}` is `{text}`, not {}", options.join(" or ")),
                near.map_or_else(
                    || format!("write {}", options.join(" or ")),
                    |word| format!("did you mean `{word}`?"),
                ),
            ),
            Some(word) => (
                format!("`{field}` is `{text}`, which is none of its words"),
                format!("did you mean `{word}`?"),
            ),
            None => (
                format!("`{field}` is `{text}`, which is none of its words"),
                format!("write one of {}", options.join(", ")),
            ),
        };
        self.at_value(Code::TL104, message).help(help)
    }

    /// `false` stands for the tenant of what belongs to the system, the blocks of other types of
    /// trunks, and the slots of a header that is removed.
    fn not_here(&self) -> Diagnostic {
        let field = self.field();
        let span = self.document.nearest_key_span(self.pointer);
        let name = self.pointer.rsplit('/').next().unwrap_or_default();
        if self.kind == Kind::Trunk && self.pointer.matches('/').count() == 2 {
            let block = TYPE_BLOCKS.iter().find(|(block, _)| *block == name);
            let of = block.map_or("another", |(_, of)| of.as_str());
            let own = self.document.pointer("/spec/type").and_then(Node::text).unwrap_or_default();
            let message = format!(
                "`{field}` belongs to trunks of type `{of}`, this one is of type `{}`",
                shown(own)
            );
            let help = format!("remove `{name}`, or write `type: {of}`");
            return Diagnostic::new(Code::TL107, message).at(span).help(help);
        }
        if self.kind == Kind::Trunk {
            let message = format!("`{field}` says something of a header that is removed");
            let help = "write `remove: true` alone, or take it out";
            return Diagnostic::new(Code::TL104, message).at(span).help(help);
        }
        let message = format!("{} belongs to the system scope: it has no tenant", self.kind);
        Diagnostic::new(Code::TL107, message).at(span).help("remove `metadata.tenant`")
    }

    pub(super) fn wrong_form(&self, form: &str) -> Diagnostic {
        let text = self.value().and_then(Node::text).unwrap_or_default();
        let found = forms::why_not(form, text);
        // What the form says quotes the text, as a rule all of it.
        let found = found.map(|(why, help)| (why.replace(text, &without_passwords(text)), help));
        let (why, help) = found.unwrap_or_else(|| (format!("`{text}` is not valid"), ""));
        // A refusal that lists the words has the one that is meant among them.
        let words = why.split_once(" is none of ").map(|(_, words)| words.split(", "));
        let near = words.and_then(|words| suggest::nearest(text, words));
        let help = match suggest::nearest(text, BRANDS.iter().copied()) {
            _ if near.is_some() => format!("did you mean `{}`?", near.unwrap_or_default()),
            _ if form != "Brand" => meant::form(form, text).unwrap_or_else(|| help.to_owned()),
            Some(brand) => format!("did you mean `{brand}`?"),
            None => format!("the brands are {}", BRANDS.join(", ")),
        };
        // What is wrong with the name of a gateway of Teams has a code of its own.
        let teams = self.kind == Kind::Trunk && self.pointer == "/spec/teams/fqdn";
        let (code, help) = match teams {
            true => (Code::TL411, "write a name like `acme.sbc.example.net`".to_owned()),
            false => (Code::TL104, help),
        };
        self.at_value(code, format!("`{}`: {}", self.field(), shown_why(&why))).help(help)
    }

    /// A mapping that must have exactly one of its fields.
    fn not_exactly_one(&self) -> Option<Diagnostic> {
        let mut known = self.known_fields();
        let Some(Value::Mapping(fields)) = self.value().map(|node| &node.value) else {
            return None;
        };
        if self.kind == Kind::OutboundRule && self.pointer == "/spec/match" {
            return Some(bounds::no_condition().at(self.document.nearest_key_span(self.pointer)));
        }
        let unknown = fields.iter().any(|field| !known.contains(&&*field.key));
        if unknown {
            // Told already, and perhaps it is the one too many.
            return None;
        }
        // An exception has its condition beside its one destination.
        known.retain(|name| *name != "when");
        let has_condition = fields.iter().any(|field| &*field.key == "when");
        let mut written = fields.iter().filter(|field| &*field.key != "when");
        if !has_condition && known.len() < self.known_fields().len() && written.clone().count() == 1
        {
            // Only the condition is missing, which is told.
            return None;
        }
        let when = fields.iter().find(|field| &*field.key == "when");
        if known.len() < self.known_fields().len()
            && fields.len() == 1
            && when.is_some_and(|when| matches!(&when.value.value, Value::Scalar(_)))
        {
            // The item was only begun, which is told of its condition.
            return None;
        }
        let none = written.next().is_none();
        let span = match written.next() {
            Some(second) => second.key_span,
            None => self.document.nearest_key_span(self.pointer),
        };
        if self.schema_of_keyword().is_some_and(|it| it.get("maxProperties").is_none()) {
            let message =
                format!("`{}` is empty: write at least one of {}", self.field(), known.join(", "));
            return Some(Diagnostic::new(Code::TL105, message).at(span).help("write one of them"));
        }
        let message = format!("`{}` must have exactly one of {}", self.field(), known.join(", "));
        let help = match none {
            true => "write one of them".to_owned(),
            false => self.one_too_many(fields),
        };
        let code = if none { Code::TL105 } else { Code::TL104 };
        Some(Diagnostic::new(code, message).at(span).help(help))
    }
}

/// A JSON pointer as people write it, `spec.routes[0].trunk`.
pub(in crate::manifest) fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        if is_index(segment) {
            text.extend(["[", segment, "]"]);
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&shown_key(&segment.replace("~1", "/").replace("~0", "~")));
    }
    text
}

pub(super) fn is_index(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// A reason that quotes the input, cut where the input is long.
fn shown_why(why: &str) -> String {
    const MAX_CHARS: usize = 240;
    if why.chars().count() <= MAX_CHARS {
        return why.to_owned();
    }
    why.chars().take(MAX_CHARS).chain(['…']).collect()
}
