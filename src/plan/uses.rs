//! What a resource needs of others: where it says so, and by which codes `validate` tells that it
//! is not there.

use crate::diag::{Code, Diagnostic};
use crate::model::value::{DidMatch, Name, NumberRange};
use crate::model::{
    CallerId, Destination, InboundRule, Kind, OutboundRule, Protocol, Resource, ResourceId,
    RouteTest, Spec, Trunk,
};

/// What is needed; names are looked up as those of the resource's owner.
#[derive(Debug, Clone, Copy)]
pub(super) enum Need<'a> {
    /// The tenant.
    Tenant(&'a Name),
    /// The owner's trunk, or one of the system scope.
    Trunk(&'a Name),
    /// The transport.
    Transport(&'a Name),
    /// A transport of a protocol, or any at all.
    Listener(Option<Protocol>),
    /// The owner's schedule.
    Schedule(&'a Name),
    /// The owner's rule of a kind.
    Rule(Kind, &'a Name),
    /// Extensions of the owner with all these numbers.
    Extensions(NumberRange),
    /// Pools of the owner on the trunk with all these numbers; `None`: any pool there.
    Numbers(&'a Name, Option<NumberRange>),
}

/// One need of a resource.
#[derive(Debug)]
pub(super) struct Use<'a> {
    /// The field that says it, as a JSON pointer.
    pub(super) field: String,
    /// What is told at the field when the need is not met.
    codes: &'static [Code],
    /// What is needed.
    pub(super) need: Need<'a>,
}

impl Use<'_> {
    /// Whether a diagnostic at the field tells that the need is not met.
    pub(super) fn is_told_by(&self, diagnostic: &Diagnostic) -> bool {
        // A missing host is told by the same code at the same place.
        let other =
            diagnostic.code == Code::TL105 && !diagnostic.message.starts_with("`transport`");
        self.codes.contains(&diagnostic.code) && !other
    }
}

/// The codes by which any unmet need is told.
pub(super) const CODES: &[Code] = &[
    Code::TL105,
    Code::TL201,
    Code::TL203,
    Code::TL305,
    Code::TL402,
    Code::TL406,
    Code::TL409,
    Code::TL501,
    Code::TL506,
    Code::TL507,
];

const NAMED: &[Code] = &[Code::TL201];
const TRUNK: &[Code] = &[Code::TL201, Code::TL402];
/// That there is no transport at all is told once, and not at each who needs one.
const NOBODY: &[Code] = &[];
const SCHEDULE: &[Code] = &[Code::TL201, Code::TL203];

/// Whose names a resource uses: a Tenant uses its own.
pub(super) fn owner(id: &ResourceId) -> Option<&Name> {
    if id.kind == Kind::Tenant { Some(&id.name) } else { id.tenant.as_ref() }
}

/// Everything that a resource needs.
pub(super) fn uses<'a>(id: &'a ResourceId, resource: &'a Resource) -> Vec<Use<'a>> {
    let mut all = tenant_of(id);
    match &resource.spec {
        Spec::Tenant(one) => {
            all.extend(one.schedule.as_ref().map(schedule));
            all.extend(caller_ids(&one.caller_ids));
        }
        Spec::Trunk(trunk) => all.extend(of_trunk(id, trunk)),
        Spec::DidPool(pool) => all.push(plain("/spec/trunk", TRUNK, Need::Trunk(&pool.trunk))),
        Spec::Extension(one) => {
            all.push(plain("/kind", NOBODY, Need::Listener(None)));
            all.extend(caller_ids(&one.caller_ids));
        }
        Spec::InboundRule(rule) => all.extend(of_inbound(rule)),
        Spec::OutboundRule(rule) => all.extend(of_outbound(rule)),
        Spec::RouteTest(test) => all.extend(of_test(test)),
        Spec::Policy(_) | Spec::Transport(_) | Spec::Schedule(_) => {}
    }
    all
}

/// The tenant that a resource belongs to, whatever else it says.
pub(super) fn tenant_of(id: &ResourceId) -> Vec<Use<'_>> {
    let tenant = id.tenant.as_ref();
    tenant.map(|name| plain("/metadata/tenant", NAMED, Need::Tenant(name))).into_iter().collect()
}

fn plain<'a>(field: &str, codes: &'static [Code], need: Need<'a>) -> Use<'a> {
    Use { field: field.to_owned(), codes, need }
}

fn schedule(name: &Name) -> Use<'_> {
    plain("/spec/schedule", SCHEDULE, Need::Schedule(name))
}

fn of_trunk<'a>(id: &'a ResourceId, trunk: &'a Trunk) -> Vec<Use<'a>> {
    let listener = match &trunk.transport {
        Some(name) => Need::Transport(name),
        None => Need::Listener(Some(trunk.trunk_type.listener_protocol())),
    };
    let mut all = vec![
        plain("/spec/transport", &[Code::TL406], listener),
        plain("/spec", &[Code::TL105], listener),
    ];
    if id.tenant.is_some() {
        all.push(plain("/metadata/name", &[Code::TL305], Need::Numbers(&id.name, None)));
    }
    all
}

fn of_inbound(rule: &InboundRule) -> Vec<Use<'_>> {
    let range = match rule.did {
        DidMatch::Range(range) => Some(range),
        DidMatch::Any => None,
    };
    let numbers = Need::Numbers(&rule.trunk, range);
    let mut all = vec![
        plain("/spec/trunk", TRUNK, Need::Trunk(&rule.trunk)),
        plain("/spec/trunk", &[Code::TL506], numbers),
        plain("/spec/did", &[Code::TL501], numbers),
    ];
    all.extend(rule.schedule.as_ref().map(schedule));
    all.extend(rule.destinations().filter_map(|(field, destination)| {
        let (word, range) = match &*destination {
            Destination::Extension(range) => ("extension", *range),
            Destination::Voicemail(number) => ("voicemail", NumberRange::single(*number)),
            Destination::Number(_)
            | Destination::Sip(_)
            | Destination::Keep(_)
            | Destination::Reject(_) => return None,
        };
        Some(plain(&format!("{field}/{word}"), &[Code::TL201], Need::Extensions(range)))
    }));
    all
}

fn of_outbound(rule: &OutboundRule) -> Vec<Use<'_>> {
    let mut all: Vec<_> = rule.schedule.as_ref().map(schedule).into_iter().collect();
    for (at, route) in rule.routes.iter().enumerate() {
        let field = format!("/spec/routes/{at}/trunk");
        all.push(plain(&field, TRUNK, Need::Trunk(&route.trunk)));
        all.push(plain(&field, &[Code::TL506], Need::Numbers(&route.trunk, None)));
        if let Some(number) = route.caller_id.as_ref().and_then(|number| number.bare()) {
            let need = Need::Numbers(&route.trunk, Some(NumberRange::single(number)));
            all.push(plain(&format!("/spec/routes/{at}/callerId"), &[Code::TL507], need));
        }
    }
    all
}

fn caller_ids(all: &[CallerId]) -> impl Iterator<Item = Use<'_>> {
    all.iter().enumerate().flat_map(|(at, one)| {
        let trunk = plain(&format!("/spec/callerIds/{at}/trunk"), TRUNK, Need::Trunk(&one.trunk));
        let number = one.number.bare().map(|number| {
            let need = Need::Numbers(&one.trunk, Some(NumberRange::single(number)));
            plain(&format!("/spec/callerIds/{at}/number"), &[Code::TL507], need)
        });
        std::iter::once(trunk).chain(number)
    })
}

fn of_test(test: &RouteTest) -> Vec<Use<'_>> {
    let inbound = test.inbound.as_ref().and_then(|call| call.trunk.as_ref());
    let inbound = inbound.map(|name| ("/spec/inbound/trunk".to_owned(), name));
    let expected = test.expect.trunk.as_ref().map(|name| ("/spec/expect/trunk".to_owned(), name));
    let list = test.expect.trunks.iter().flatten().enumerate();
    let list = list.map(|(at, name)| (format!("/spec/expect/trunks/{at}"), name));
    let all = inbound.into_iter().chain(expected).chain(list);
    let trunks = all.map(|(field, name)| Use { field, codes: TRUNK, need: Need::Trunk(name) });
    let kind = if test.inbound.is_some() { Kind::InboundRule } else { Kind::OutboundRule };
    let rule = test.expect.rule.as_ref();
    let rule = rule.map(|name| plain("/spec/expect/rule", NAMED, Need::Rule(kind, name)));
    let caller = test
        .outbound
        .as_ref()
        .map(|call| plain("/spec/outbound/extension", NAMED, Need::Extensions(call.extension)));
    trunks.chain(rule).chain(caller).collect()
}
