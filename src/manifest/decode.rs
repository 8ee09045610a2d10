//! From a document's tree to a resource, or to everything that is wrong with the document by
//! itself: envelope, numbers, schema.

use std::collections::BTreeSet;

use super::misplaced::{self, Mended};
use super::node::{Meaning, Node, Scalar, Value};
use super::salvage::{self, Rest, below};
use super::yaml::{Content, Document, shown, shown_key};
use super::{Hint, de, kinds, numbers, schema, shifted, suggest};
use crate::diag::{Code, Diagnostic, Severity, Span};
use crate::model::value::Name;
use crate::model::{API_VERSION, Kind, Metadata, Resource, ResourceId, Spec};

/// What a document came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What it declares, as far as that can be read; also when the rest is refused.
    pub declares: Declares,
    /// The resource, if nothing is wrong with the document by itself.
    pub resource: Option<Resource>,
    /// What is left of it otherwise, where enough is left to check.
    pub rest: Option<Rest>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a document declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declares {
    /// This resource.
    Resource(ResourceId),
    /// One of these two: its kind cannot be told.
    Either(ResourceId, ResourceId),
    /// A resource of this kind, of which name or tenant cannot be read.
    Some(Kind),
    /// Anything: not even the kind can be read.
    Anything,
    /// Nothing that anyone could refer to.
    Nothing,
}

/// Decodes a document. `source` is the text of its file.
pub fn decode(document: &Document, source: &str) -> Decoded {
    match &document.content {
        Content::Tree(node) => decode_tree(node, source),
        Content::Damaged(node) => {
            let declares = Envelope::read(node).declares();
            Decoded { declares, resource: None, rest: None, diagnostics: Vec::new() }
        }
        Content::Broken(hint) => {
            let declares = match hint {
                Hint::Declares(id) => Declares::Resource(id.clone()),
                Hint::Some(kind) => Declares::Some(*kind),
                Hint::Unknown => Declares::Anything,
                Hint::Nothing => Declares::Nothing,
            };
            Decoded { declares, resource: None, rest: None, diagnostics: Vec::new() }
        }
    }
}

/// Other fields at the top of a document of which one may be meant.
const MAX_STRANGE: usize = 100;

/// The fields at the top of every document.
const TOP: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

fn decode_tree(node: &Node, source: &str) -> Decoded {
    match top_as_meant(node) {
        Some((meant, told)) => decode_renamed(&meant, told, source),
        None => decode_named(node, source),
    }
}

/// A manifest with the right names of fields at its top, and what is told of those that it has.
fn top_as_meant(node: &Node) -> Option<(Node, Vec<Diagnostic>)> {
    let Value::Mapping(fields) = &node.value else { return None };
    if TOP.iter().all(|name| node.get(name).is_some()) {
        return None;
    }
    let kind = Envelope::read(node).known_kind();
    let mut renamed = fields.clone();
    let mut told = Vec::new();
    let mut absent: Vec<&str> =
        TOP.iter().copied().filter(|name| node.get(name).is_none()).collect();
    let strange = renamed.iter_mut().filter(|field| !TOP.contains(&&*field.key));
    for field in strange.take(MAX_STRANGE) {
        // A field of a `spec` whose key is gone is none of these.
        let of_spec = kind.is_some_and(|kind| schema::has(kind, &below("/spec", &field.key)));
        let meant = schema::meant(&field.key, &absent);
        let Some(word) = meant.filter(|_| !of_spec) else { continue };
        absent.retain(|one| *one != word);
        let message = format!("unknown field `{}`", shown_key(&field.key));
        let help = format!("did you mean `{word}`?");
        told.push(Diagnostic::new(Code::TL103, message).at(field.key_span).help(help));
        field.key = word.as_str().into();
    }
    let meant = Node { span: node.span, value: Value::Mapping(renamed) };
    // Files of others have such fields, too.
    let is_ours = Envelope::read(&meant).is_ours();
    (is_ours && !told.is_empty()).then_some((meant, told))
}

fn decode_renamed(node: &Node, told: Vec<Diagnostic>, source: &str) -> Decoded {
    let mut decoded = decode_named(node, source);
    decoded.diagnostics.extend(told);
    of_resource(&decoded.declares, &mut decoded.diagnostics);
    if let Some(resource) = decoded.resource.take() {
        decoded.rest = Some(Rest { resource, refused: Vec::new() });
    }
    decoded
}

fn decode_named(node: &Node, source: &str) -> Decoded {
    let envelope = Envelope::read(node);
    let mut diagnostics = Vec::new();
    let kind = envelope.check(node, &mut diagnostics);
    let declares = envelope.declares();
    let (mut resource, mut rest) = (None, None);
    if let Some(kind) = kind {
        diagnostics = numbers::check(kind, node, source);
        let of_numbers = diagnostics.len();
        diagnostics.extend(schema::check(kind, node));
        numbers_alone(&mut diagnostics, of_numbers);
        let strange = |one: &Diagnostic| one.code == Code::TL103;
        if diagnostics.iter().any(strange)
            && let Some(other) = kinds::meant(kind, node)
        {
            return decode_otherwise(kind, other, node);
        }
        if (diagnostics.iter().any(strange) || shifted::is_unseen(node))
            && let Some(mended) = misplaced::mend(kind, node)
        {
            return decode_mended(kind, mended, source);
        }
        if diagnostics.iter().all(|one| one.severity() == Severity::Warning) {
            match typed(kind, node) {
                Ok(typed) => resource = Some(typed),
                Err(fault) => diagnostics.push(
                    Diagnostic::new(Code::TL104, fault.message).at(fault.span.unwrap_or(node.span)),
                ),
            }
        }
        if resource.is_none() && matches!(declares, Declares::Resource(_)) {
            rest = salvage::rest(kind, node, diagnostics.get(..of_numbers).unwrap_or_default());
        }
        tell_type(kind, node, &mut diagnostics, rest.as_mut());
    }
    of_resource(&declares, &mut diagnostics);
    Decoded { declares, resource, rest, diagnostics }
}

/// What a document declares whose fields are those of another kind than the written one: either may be
/// meant.
fn decode_otherwise(kind: Kind, other: Kind, node: &Node) -> Decoded {
    let envelope = Envelope::read(node);
    let mut told = kinds::told(kind, other, node);
    let declares = match (envelope.declares_as(kind), envelope.declares_as(other)) {
        (Declares::Resource(id), Declares::Resource(meant)) => {
            told.resource = Some(meant.to_string());
            Declares::Either(id, meant)
        }
        (_, meant) => meant,
    };
    Decoded { declares, resource: None, rest: None, diagnostics: vec![told] }
}

/// Tells of a trunk's type what else is told of blocks; what depends on the type is not known then.
fn tell_type(kind: Kind, node: &Node, found: &mut Vec<Diagnostic>, rest: Option<&mut Rest>) {
    if kind == Kind::Trunk
        && kinds::tell_type(node, found)
        && let Some(rest) = rest
    {
        rest.refused.push("/spec/type".to_owned());
    }
}

/// What a document says whose fields had to be put in their places.
fn decode_mended(kind: Kind, mended: Mended, source: &str) -> Decoded {
    let Mended { node, told, doubtful } = mended;
    let numbers = numbers::check(kind, &node, source);
    let declares = Envelope::read(&node).declares();
    let rest = salvage::rest(kind, &node, &numbers).map(|mut rest| {
        rest.refused.extend(doubtful.iter().map(|one| one.pointer.clone()));
        rest
    });
    // What is wrong with a field that may be meant otherwise is no second mistake; a plain secret is
    // one wherever it stands.
    let inside = |span: Span| {
        doubtful.iter().any(|one| one.span.start <= span.start && span.end <= one.span.end)
    };
    let of_numbers = numbers.len();
    let mut diagnostics = numbers;
    diagnostics.extend(schema::check(kind, &node));
    numbers_alone(&mut diagnostics, of_numbers);
    diagnostics.retain(|one| one.code == Code::TL701 || !one.span.is_some_and(inside));
    let mut rest = rest;
    tell_type(kind, &node, &mut diagnostics, rest.as_mut());
    diagnostics.extend(told);
    of_resource(&declares, &mut diagnostics);
    Decoded { declares, resource: None, rest, diagnostics }
}

/// What is said of a number by a code of its own is not said again of the value that it stands in;
/// those of numbers come first.
fn numbers_alone(diagnostics: &mut Vec<Diagnostic>, of_numbers: usize) {
    let told = diagnostics.get(..of_numbers).unwrap_or_default();
    let errors = told.iter().filter(|one| one.severity() == Severity::Error);
    let places: BTreeSet<Option<Span>> = errors.map(|one| one.span).collect();
    if places.is_empty() {
        return;
    }
    let mut index = 0;
    diagnostics.retain(|one| {
        index += 1;
        let of_value = matches!(one.code, Code::TL104 | Code::TL105 | Code::TL106);
        index <= of_numbers || !of_value || !places.contains(&one.span)
    });
}

/// Says whose faults they are.
fn of_resource(declares: &Declares, diagnostics: &mut [Diagnostic]) {
    let Declares::Resource(id) = declares else { return };
    for diagnostic in diagnostics {
        diagnostic.resource = Some(id.to_string());
    }
}

pub(super) fn typed(kind: Kind, node: &Node) -> Result<Resource, de::Fault> {
    let absent = |field: &str| de::Fault { message: format!("`{field}` is missing"), span: None };
    let metadata = node.get("metadata").ok_or_else(|| absent("metadata"))?;
    let metadata: Metadata = de::from_node(metadata)?;
    let spec = node.get("spec").ok_or_else(|| absent("spec"))?;
    let spec = match kind {
        Kind::Policy => Spec::Policy(de::from_node(spec)?),
        Kind::Schedule => Spec::Schedule(de::from_node(spec)?),
        Kind::RouteTest => Spec::RouteTest(de::from_node(spec)?),
        Kind::Transport => Spec::Transport(de::from_node(spec)?),
        Kind::Tenant => Spec::Tenant(de::from_node(spec)?),
        Kind::Trunk => Spec::Trunk(de::from_node(spec)?),
        Kind::DidPool => Spec::DidPool(de::from_node(spec)?),
        Kind::Extension => Spec::Extension(de::from_node(spec)?),
        Kind::InboundRule => Spec::InboundRule(de::from_node(spec)?),
        Kind::OutboundRule => Spec::OutboundRule(de::from_node(spec)?),
    };
    Ok(Resource { metadata, spec })
}

/// The fields that every document has, read without any rule.
struct Envelope<'a> {
    api_version: Option<&'a Node>,
    kind: Option<&'a Node>,
    name: Option<&'a Node>,
    tenant: Option<&'a Node>,
}

impl<'a> Envelope<'a> {
    fn read(node: &'a Node) -> Self {
        let metadata = node.get("metadata");
        Self {
            api_version: node.get("apiVersion"),
            kind: node.get("kind"),
            name: metadata.and_then(|metadata| metadata.get("name")),
            tenant: metadata.and_then(|metadata| metadata.get("tenant")),
        }
    }

    /// Whether a document is a manifest of this build, of a kind that there is.
    fn is_ours(&self) -> bool {
        let version = self.api_version.and_then(Node::text).unwrap_or_default();
        version == API_VERSION || self.known_kind().is_some()
    }

    fn known_kind(&self) -> Option<Kind> {
        self.kind?.text()?.parse().ok()
    }

    fn declares(&self) -> Declares {
        self.known_kind().map_or_else(|| self.meant(), |kind| self.declares_as(kind))
    }

    fn declares_as(&self, kind: Kind) -> Declares {
        // A truth value is no name, though its letters would be one.
        let is_text = |node: &&Node| {
            !matches!(node.value, Value::Scalar(Scalar { meaning: Meaning::Bool(_), .. }))
        };
        let name = |node: &Node| Some(node).filter(is_text)?.text()?.parse::<Name>().ok();
        let tenant = match self.tenant {
            // A tenant where none may be is told; the resource counts as the system's.
            Some(_) if kind.is_system_only() => None,
            Some(node) => match name(node) {
                Some(tenant) => Some(tenant),
                None => return Declares::Some(kind),
            },
            None if kind.is_tenant_only() => return Declares::Some(kind),
            None => None,
        };
        match self.name.and_then(name) {
            Some(name) => Declares::Resource(ResourceId { kind, tenant, name }),
            None => Declares::Some(kind),
        }
    }

    /// What a document of no known kind may declare: a misspelled kind the one it means, another
    /// manifest of ours anything, and what is no manifest at all nothing.
    fn meant(&self) -> Declares {
        let version = self.api_version.and_then(Node::text).unwrap_or_default();
        let ours = version.starts_with("trunkline.dev/");
        let unclear = if ours { Declares::Anything } else { Declares::Nothing };
        let Some(text) = self.kind.and_then(Node::text) else { return unclear };
        let known = Kind::ALL.iter().map(|kind| kind.as_str());
        let near = suggest::nearest(text, known);
        let kind = near.and_then(|word| word.parse().ok());
        kind.map_or(unclear, Declares::Some)
    }

    /// TL005, TL101, TL102, and TL105 for the first two fields; the kind, if the rest can be
    /// checked.
    fn check(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<Kind> {
        if !matches!(node.value, Value::Mapping(_)) {
            let message = format!("a document is a mapping, this one is {}", node.what());
            let help = "a manifest begins with `apiVersion: trunkline.dev/v1` and `kind: …`";
            found.push(Diagnostic::new(Code::TL005, message).at(node.span).help(help));
            return None;
        }
        let version = self.version(node, found);
        if !version && (self.api_version.is_some() || self.kind.is_none()) {
            // Another version may have other kinds, and without both it is no manifest.
            return None;
        }
        let kind = self.kind(node, found);
        kind.filter(|_| version)
    }

    fn version(&self, node: &Node, found: &mut Vec<Diagnostic>) -> bool {
        let fault = match self.api_version {
            None => Diagnostic::new(Code::TL105, "`apiVersion` is missing").at(first_key(node)),
            Some(value) => match value.text() {
                Some(API_VERSION) => return true,
                Some(text) => {
                    let message = format!("unknown apiVersion `{}`", shown(text));
                    Diagnostic::new(Code::TL101, message).at(value.span)
                }
                None => wrong_text("apiVersion", value),
            },
        };
        found.push(fault.help(format!("this build reads `apiVersion: {API_VERSION}`")));
        false
    }

    fn kind(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<Kind> {
        let help = "every manifest says what it is, for example `kind: Trunk`";
        let fault = match self.kind {
            None => {
                Diagnostic::new(Code::TL105, "`kind` is missing").at(first_key(node)).help(help)
            }
            Some(value) => match value.text() {
                Some(text) => match text.parse() {
                    Ok(kind) => return Some(kind),
                    Err(()) => unknown_kind(text).at(value.span),
                },
                None => wrong_text("kind", value).help(help),
            },
        };
        found.push(fault);
        None
    }
}

fn unknown_kind(text: &str) -> Diagnostic {
    let message = format!("unknown kind `{}`", shown(text));
    let known = Kind::ALL.iter().map(|kind| kind.as_str());
    let help = match suggest::nearest(text, known.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("the kinds are {}", known.collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::new(Code::TL102, message).help(help)
}

fn wrong_text(field: &str, value: &Node) -> Diagnostic {
    let message = format!("`{field}` must be a text, found {}", value.what());
    Diagnostic::new(Code::TL104, message).at(value.span)
}

/// Where to show that something is missing from a mapping: its first key.
fn first_key(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(fields) => fields.first().map_or(node.span, |field| field.key_span),
        Value::Scalar(_) | Value::Sequence(_) => node.span,
    }
}
