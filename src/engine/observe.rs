//! The engine as a value.

use super::call::{Call, Calls};
use super::context::Context;
use super::generation::Identities;
use super::registration::Registrations;
use crate::locate::{Lack, Servers};
use crate::model::{
    Condition, Observed, ObservedBinding, ObservedCall, ObservedRegistration, ObservedStrangers,
    ObservedTarget, ObservedTrunk, ObservedWaiting, RegistrationState, ResourceId, ServerName,
};
use crate::routing::{NextHop, TrunkEntry};
use crate::transaction::Moment;

pub(super) fn observe(
    ctx: &Context,
    calls: &Calls,
    (identities, registrations): (&Identities, &Registrations),
    now: Moment,
) -> Observed {
    let generation = &ctx.generation;
    let mut in_order: Vec<&Call> = calls.iter().collect();
    in_order.sort_by(|a, b| {
        a.began.cmp(&b.began).then_with(|| a.facts.about.id.cmp(&b.facts.about.id))
    });
    Observed {
        generation: generation.number,
        revision: generation.revision.clone(),
        transports: Vec::new(),
        trunks: trunks(ctx, identities, &|id| registrations.observe(id, now)),
        calls: in_order.iter().take(Observed::MAX_CALLS).map(|call| shown(call, now)).collect(),
        active_calls: u64::try_from(calls.len()).unwrap_or(u64::MAX),
        waiting: waiting(ctx),
        bindings: bindings(ctx, now),
        active_bindings: u64::try_from(ctx.registrar.bindings.at_time(now).count())
            .unwrap_or(u64::MAX),
        refusals: ctx.refusals.iter().map(|(word, count)| (word.to_owned(), count)).collect(),
        strangers: ObservedStrangers {
            packets: ctx.strangers.heard.packets,
            bytes: ctx.strangers.heard.bytes,
            answers: ctx.strangers.said.packets,
            answer_bytes: ctx.strangers.said.bytes,
        },
        endings: ctx.refusals.endings().map(|(word, count)| (word.to_owned(), count)).collect(),
    }
}

fn bindings(ctx: &Context, now: Moment) -> Vec<ObservedBinding> {
    let all = ctx.registrar.bindings.at_time(now).take(Observed::MAX_BINDINGS);
    let shown = all.map(|(id, one)| {
        let protocol = ctx.listeners.protocol(one.flow.transport);
        ObservedBinding {
            resource: id.to_string(),
            contact: String::from_utf8_lossy(&one.contact).into_owned(),
            source: format!("{} {}", protocol.as_str(), one.flow.remote),
            seconds: one.until.since(now).as_secs(),
        }
    });
    shown.collect()
}

fn waiting(ctx: &Context) -> Vec<ObservedWaiting> {
    let all = ctx.generation.secrets.all_missing();
    let shown = |(id, why): (&ResourceId, &str)| ObservedWaiting {
        resource: id.to_string(),
        message: why.to_owned(),
    };
    all.map(shown).collect()
}

fn trunks(
    ctx: &Context,
    identities: &Identities,
    registration: &dyn Fn(&ResourceId) -> Option<ObservedRegistration>,
) -> Vec<ObservedTrunk> {
    let table = &ctx.generation.table;
    let each = identities.trunks().filter_map(|(id, live)| {
        let entry = table.trunk_of(id).and_then(|index| Some((index, table.trunk(index)?)));
        let active_calls = live.calls.count();
        let Some((index, entry)) = entry else {
            // Removed, and shown as long as it carries calls.
            return (active_calls > 0).then(|| ObservedTrunk {
                resource: id.to_string(),
                enabled: false,
                condition: Condition::Disabled,
                message: Some("removed; its calls go on".to_owned()),
                health: live.health(),
                registration: registration(id),
                active_calls,
                targets: Vec::new(),
            });
        };
        let targets = ctx.targets(index, entry).into_iter();
        let targets: Vec<ObservedTarget> = targets
            .map(|address| ObservedTarget {
                address: address.to_string(),
                down: ctx.down.contains(&(id.clone(), address)),
            })
            .collect();
        let secret = ctx.generation.secrets.missing(id);
        let registration = registration(id);
        // One that waits for a secret was switched off by us.
        let enabled = entry.spec.enabled || secret.is_some();
        let (condition, message) = match (secret, &registration) {
            (Some(secret), _) => (Condition::Stalled, Some(secret.to_owned())),
            (None, _) if !enabled => (Condition::Disabled, None),
            (None, registration) => {
                let (reach, trouble) = reach(ctx, entry, &targets);
                let known = registration.as_ref().filter(|_| reach == Condition::Ready);
                let (condition, why) = known.map_or((reach, None), standing);
                (condition, why.or(trouble))
            }
        };
        Some(ObservedTrunk {
            resource: id.to_string(),
            enabled,
            condition,
            message,
            health: live.health(),
            registration,
            active_calls,
            targets,
        })
    });
    each.collect()
}

/// What a registration makes of its trunk, and why.
fn standing(registration: &ObservedRegistration) -> (Condition, Option<String>) {
    let word = match registration.state {
        RegistrationState::Registered | RegistrationState::Leaving => {
            return (Condition::Ready, None);
        }
        RegistrationState::Registering | RegistrationState::Failing => "not registered yet",
        RegistrationState::Rejected => "the registrar refuses the registration",
        RegistrationState::Misconfigured => "the registrar cannot take the registration as it is",
    };
    let condition = match registration.state {
        RegistrationState::Rejected | RegistrationState::Misconfigured => Condition::Stalled,
        RegistrationState::Registered
        | RegistrationState::Leaving
        | RegistrationState::Registering
        | RegistrationState::Failing => Condition::Reconciling,
    };
    let code = registration
        .code
        .map(|code| format!(": {code} {}", registration.reason.as_deref().unwrap_or_default()));
    (condition, Some(format!("{word}{}", code.unwrap_or_default())))
}

/// Whether a trunk that is enabled can be called over, and why not.
fn reach(
    ctx: &Context,
    entry: &TrunkEntry,
    targets: &[ObservedTarget],
) -> (Condition, Option<String>) {
    let stalled = |why: String| (Condition::Stalled, Some(why));
    let table = &ctx.generation.table;
    let Some(transport) = entry.transport.and_then(|index| table.transport(index)) else {
        return stalled("no transport".to_owned());
    };
    if ctx.listeners.number(&transport.id.name).is_none() {
        return stalled(format!("{} is not listening", transport.id));
    }
    let name = match &entry.next_hop {
        None => {
            return stalled(format!("{} may not send to {}", transport.id, entry.spec.host_port()));
        }
        Some(NextHop::Address(_)) => return (Condition::Ready, None),
        Some(NextHop::Binding(id)) if ctx.is_registered(id) => return (Condition::Ready, None),
        Some(NextHop::Binding(_)) => {
            return (Condition::Reconciling, Some("nobody is registered".to_owned()));
        }
        Some(NextHop::Name(name)) => name,
    };
    let Some(servers) = ctx.locator.servers(name) else {
        return (Condition::Reconciling, Some(format!("{name} is not looked up yet")));
    };
    if !targets.is_empty() {
        return (Condition::Ready, trouble(name, &servers));
    }
    if let Some(refused) = servers.targets.first() {
        let ip = refused.ip();
        return stalled(format!("{} may not send to {ip}, an address of {name}", transport.id));
    }
    match servers.lack {
        None | Some(Lack::Pending) => {
            (Condition::Reconciling, Some(format!("{name} is being looked up")))
        }
        Some(lack) => stalled(format!("{name} has no target: {lack}")),
    }
}

/// What is wrong with the answers of a name that has targets all the same.
fn trouble(name: &ServerName, servers: &Servers<'_>) -> Option<String> {
    let stale = servers.stale.map(|(question, why)| {
        format!("old answers serve: the DNS does not answer {question}: {why}")
    });
    let lack = servers.lack.filter(|lack| **lack != Lack::Pending);
    stale.or_else(|| lack.map(|lack| format!("some targets of {name} are missing: {lack}")))
}

fn shown(call: &Call, now: Moment) -> ObservedCall {
    let about = &call.facts.about;
    let name = |id: Option<&ResourceId>| id.map(ResourceId::to_string).unwrap_or_default();
    ObservedCall {
        call: about.name(),
        id: about.id.to_string(),
        direction: about.direction.as_str().to_owned(),
        tenant: about.tenant.as_ref().map(|id| id.name.to_string()).unwrap_or_default(),
        trunk: name(call.facts.trunk_id(call.trunk)),
        rule: name(about.rule.as_ref()),
        from: about.from.to_string(),
        to: about.to.to_string(),
        state: call.state(),
        generation: about.generation,
        seconds: now.since(call.began).as_secs(),
    }
}
