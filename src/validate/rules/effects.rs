//! Fields that change nothing where they stand (TL108): whoever wrote one expects something of it.

use crate::diag::{Code, Diagnostic};
use crate::model::value::Seconds;
use crate::model::{Destination, Protocol, ResourceId, Strategy};
use crate::validate::context::Context;
use crate::validate::section::Section;

/// A field without effect: what it waits for, and what to do.
fn idle(
    context: &Context<'_>,
    id: &ResourceId,
    field: &str,
    message: impl Into<String>,
    help: &str,
) -> Diagnostic {
    let told = Diagnostic::new(Code::TL108, message).of(id).at(context.key_span(id, field));
    told.help(help)
}

/// Destinations for hours that never come: without a schedule a rule is always in hours.
pub(super) fn tl108_hours<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, rule) in section.sound.inbound_rules().filter(|(_, rule)| rule.schedule.is_none()) {
        let fields =
            [("outOfHours", rule.out_of_hours.is_some()), ("holiday", rule.holiday.is_some())];
        // Both wait for the same.
        let Some((field, _)) = fields.into_iter().find(|(_, written)| *written) else { continue };
        let message =
            format!("`{field}` is never looked at: without a `schedule` a rule is always in hours");
        let help = "name the Schedule with `schedule:`, or remove it";
        found.push(idle(context, id, &format!("/spec/{field}"), message, help));
    }
    for (id, rule) in section.sound.outbound_rules() {
        if rule.emergency && rule.schedule.is_some() {
            let message = "`schedule` is never looked at: emergency calls pass all hours";
            found.push(idle(context, id, "/spec/schedule", message, "remove it"));
        }
    }
}

/// A voicemail that is nowhere: the call would be refused.
pub(super) fn tl108_voicemail<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    if section.sound.tenants().next().is_none_or(|(_, tenant)| tenant.voicemail.is_some()) {
        return;
    }
    for (id, rule) in section.sound.inbound_rules() {
        let mut all = rule.destinations();
        let to_voicemail = all.find(|(_, one)| matches!(**one, Destination::Voicemail(_)));
        let Some((field, _)) = to_voicemail else { continue };
        let message = "the voicemail is nowhere: the tenant does not say where it is";
        let help = "write `voicemail: \"sip:{extension}@HOST\"` in the Tenant";
        found.push(idle(context, id, &format!("{field}/voicemail"), message, help));
    }
}

/// Weights that nothing weighs.
pub(super) fn tl108_weights<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, rule) in section.sound.outbound_rules() {
        if rule.strategy == Strategy::Weighted {
            continue;
        }
        let mut routes = rule.routes.iter().enumerate();
        let Some((index, _)) = routes.find(|(_, route)| route.weight != 1) else { continue };
        let message = "`weight` is never looked at: the strategy is not `weighted`";
        let help = "write `strategy: weighted`, or remove it";
        found.push(idle(context, id, &format!("/spec/routes/{index}/weight"), message, help));
    }
}

/// Times and checks of a trunk that cannot come into effect.
pub(super) fn tl108_trunks(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.set.trunks() {
        let failover = &trunk.failover;
        // A total of 0 is a mistake of its own (TL106).
        if failover.total_timeout != Seconds(0) && failover.attempt_timeout > failover.total_timeout
        {
            let message = format!(
                "`attemptTimeout` of {} never passes: all attempts together end after {}",
                failover.attempt_timeout, failover.total_timeout
            );
            let help = "write a shorter `attemptTimeout`, so that another trunk is tried, or a longer `totalTimeout`";
            found.push(idle(context, id, "/spec/failover/attemptTimeout", message, help));
        }
        let transport = super::identities::transport_of(context, trunk);
        let protocol = transport.map(|(_, transport)| transport.protocol);
        if let Some(protocol @ (Protocol::Tcp | Protocol::Tls)) =
            protocol.filter(|_| trunk.verify_port)
        {
            let message = format!(
                "`verifyPort` verifies nothing over {}: who connects does so from any port",
                protocol.as_str()
            );
            found.push(idle(context, id, "/spec/verifyPort", message, "remove it"));
        }
    }
}
