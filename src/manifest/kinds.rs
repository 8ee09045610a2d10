//! What a resource is, said wrong: the kind of another one than the fields of `spec` are of, and a type of
//! trunk whose blocks are not there, or that its scope does not take. It is told where that is said.

use super::node::{Node, Value};
use super::schema;
use crate::diag::{Code, Diagnostic};
use crate::model::{Kind, TYPE_BLOCKS, TrunkType};

/// Fields of a `spec` that are looked at.
const MAX_FIELDS: usize = 64;

/// The only kind, other than the written one, that the fields of a document's `spec` are those of: all are
/// known to it, and none is missing that it has to have.
pub(super) fn meant(kind: Kind, document: &Node) -> Option<Kind> {
    let Value::Mapping(fields) = &document.get("spec")?.value else { return None };
    if fields.len() > MAX_FIELDS {
        return None;
    }
    let misfits = |kind: Kind| {
        let known = schema::fields(kind, "/spec");
        let unknown = fields.iter().filter(|field| !known.iter().any(|one| **one == *field.key));
        let required = schema::required(kind, "/spec");
        let is_missing = |name: &&String| !fields.iter().any(|field| *field.key == ***name);
        (unknown.count(), required.iter().filter(is_missing).count())
    };
    let known = schema::fields(kind, "/spec");
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let free = schema::absent(document.get("spec")?, known.iter().copied());
    // One field alone may only be misspelt.
    let is_strange = match misfits(kind) {
        (0, _) => false,
        (1, 0) => {
            let mut unknown = fields.iter().filter(|field| !known.contains(&&*field.key));
            unknown.all(|field| schema::meant(&field.key, &free).is_none())
        }
        _ => true,
    };
    if !is_strange {
        return None;
    }
    let has_tenant = has_tenant(document);
    let fits = |other: &&Kind| {
        let is_of_scope = match has_tenant {
            true => !other.is_system_only(),
            false => !other.is_tenant_only(),
        };
        **other != kind && is_of_scope && misfits(**other) == (0, 0)
    };
    let mut all = Kind::ALL.iter().filter(fits);
    all.next().copied().filter(|_| all.next().is_none())
}

/// What is told of a document of another kind than the written one.
pub(super) fn told(kind: Kind, other: Kind, document: &Node) -> Diagnostic {
    let article = |kind: Kind| if kind.as_str().starts_with(['E', 'I', 'O']) { "an" } else { "a" };
    let message = format!(
        "`kind` is `{kind}`, and the fields of `spec` are those of {} {other}",
        article(other)
    );
    let is_leaked = schema::check(other, document).iter().any(|one| one.code == Code::TL701);
    let leaked = if is_leaked { schema::LEAKED } else { "" };
    let help = format!("write `kind: {other}`, or the fields of {} {kind}{leaked}", article(kind));
    let place = document.get("kind").map(|node| node.span);
    Diagnostic::new(Code::TL103, message).at(place).help(help)
}

fn has_tenant(document: &Node) -> bool {
    document.pointer("/metadata/tenant").is_some()
}

/// Why a type of trunk may not stand in the system scope, or in a tenant's, and what to do.
pub fn out_of_scope(of: TrunkType, has_tenant: bool) -> Option<(String, &'static str)> {
    let name = of.as_str();
    match (has_tenant, of) {
        (true, TrunkType::Ip) => Some((
            format!("a trunk of type `{name}` is the system's, not a tenant's"),
            "take `metadata.tenant` away; a DidPool assigns the trunk to the tenant",
        )),
        (false, TrunkType::Teams | TrunkType::WhatsApp) => Some((
            format!("a trunk of type `{name}` is a tenant's, not the system's"),
            "add `metadata.tenant`",
        )),
        (
            _,
            TrunkType::Ip
            | TrunkType::Register
            | TrunkType::AcceptRegister
            | TrunkType::Teams
            | TrunkType::WhatsApp,
        ) => None,
    }
}

/// Tells of a trunk's type, once, what else is told of the blocks that it would need or does not take:
/// whether it does.
pub(super) fn tell_type(document: &Node, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let node = document.pointer("/spec/type");
    let Some((node, own)) = node.and_then(|node| Some((node, type_of(node.text()?)?))) else {
        return false;
    };
    let has_tenant = has_tenant(document);
    let is_there =
        |block: &str| document.pointer("/spec").is_some_and(|one| one.get(block).is_some());
    let others: Vec<_> =
        TYPE_BLOCKS.iter().filter(|(block, of)| *of != own && is_there(block)).collect();
    let is_missing = |one: &Diagnostic| {
        let needs = TYPE_BLOCKS.iter().filter(|(_, of)| *of == own).map(|(block, _)| *block);
        one.code == Code::TL105
            && needs.chain(["host"]).any(|name| one.message == format!("`spec.{name}` is missing"))
    };
    let is_foreign = |one: &Diagnostic| {
        let begins = |block: &str| one.message.starts_with(&format!("`spec.{block}` belongs"));
        one.code == Code::TL107 && others.iter().any(|(block, _)| begins(block))
    };
    let is_of_type = |one: &Diagnostic| is_missing(one) || is_foreign(one);
    let told = if let Some((message, help)) = out_of_scope(own, has_tenant) {
        let place = document.nearest_span("/metadata/tenant");
        let told = Diagnostic::new(Code::TL401, message).at(node.span).help(help);
        if has_tenant { told.related(place, "it has a tenant") } else { told }
    } else if let ([(block, of)], true) = (others.as_slice(), diagnostics.iter().any(is_missing))
        && out_of_scope(*of, has_tenant).is_none()
    {
        let (own, of) = (own.as_str(), of.as_str());
        let message = format!("`spec.type` is `{own}`, and `{block}` belongs to type `{of}`");
        let help = format!("write `type: {of}`, or what type `{own}` needs in place of `{block}`");
        Diagnostic::new(Code::TL107, message).at(node.span).help(help)
    } else {
        return false;
    };
    if !diagnostics.iter().any(is_of_type) {
        return false;
    }
    let says_so =
        |one: &Diagnostic| one.help.as_ref().is_some_and(|it| it.ends_with(schema::LEAKED));
    let mut told = told;
    if diagnostics.iter().any(|one| is_of_type(one) && says_so(one)) {
        told.help.get_or_insert_default().push_str(schema::LEAKED);
    }
    diagnostics.retain(|one| !is_of_type(one));
    diagnostics.push(told);
    true
}

fn type_of(text: &str) -> Option<TrunkType> {
    let of_blocks = TYPE_BLOCKS.iter().map(|(_, of)| *of);
    of_blocks.chain([TrunkType::Ip]).find(|one| one.as_str() == text)
}
