//! From a tenant to its trunks: rule by priority, routes in order, strip, then prepend.

use super::decision::{Attempt, Decision, Outcome, Refusal, Target};
use super::number::is_dialable;
use super::table::{OutboundEntry, Table, TenantEntry, TenantIndex, TrunkIndex};
use super::trace::{Step, StepOutcome, Trace};
use crate::model::{OutboundRoute, ResourceId};

impl Table {
    /// Routes a call from a tenant's side: the attempts in the order to try them.
    pub fn route_outbound(
        &self,
        tenant: TenantIndex,
        dialled: &str,
        trace: &mut impl Trace,
    ) -> Decision {
        let mut decision = Decision::refuse(dialled, Refusal::NoRule);
        decision.tenant = Some(tenant);
        let Some(entry) = self.tenant(tenant) else { return decision };
        if !entry.spec.enabled {
            trace.step(|| {
                let detail = format!("{} is disabled", entry.id);
                Step::new("tenant", StepOutcome::Refuse, detail).by(&entry.id, "/spec/enabled")
            });
            decision.outcome = Outcome::Refuse(Refusal::TenantDisabled);
            return decision;
        }
        trace.step(|| {
            let detail = format!("the call is {}'s", entry.id);
            Step::new("tenant", StepOutcome::Match, detail).by(&entry.id, "")
        });
        if !is_dialable(dialled) {
            trace.step(|| {
                let detail = format!("`{dialled}` is not a number: digits, `*`, `#`, `+` in front");
                Step::new("number", StepOutcome::Refuse, detail)
            });
            decision.outcome = Outcome::Refuse(Refusal::NotANumber);
            return decision;
        }
        let Some(rule) = self.outbound_rule(entry, dialled, trace) else { return decision };
        decision.rule = Some(rule.rule);
        let attempts = self.attempts(rule, dialled, trace);
        decision.outcome = if attempts.is_empty() {
            Outcome::Refuse(Refusal::NoRoute)
        } else {
            Outcome::Deliver(attempts)
        };
        decision
    }

    fn outbound_rule<'t>(
        &'t self,
        tenant: &'t TenantEntry,
        dialled: &str,
        trace: &mut impl Trace,
    ) -> Option<&'t OutboundEntry> {
        for entry in &tenant.outbound {
            let id = self.rule_id(entry.rule)?;
            // The longest of a rule's prefixes that fits, for the trace; any one makes the match.
            let fits = entry.prefixes.iter().filter(|prefix| dialled.starts_with(prefix.as_str()));
            if let Some(prefix) = fits.max_by_key(|prefix| prefix.len()) {
                trace.step(|| {
                    let detail = format!("{id} (priority {}) takes {prefix}…", entry.priority);
                    Step::new("rule", StepOutcome::Match, detail).by(id, "/spec/match/prefixes")
                });
                return Some(entry);
            }
            trace.step(|| {
                let prefixes = entry.prefixes.join("…, ");
                let detail =
                    format!("{id} (priority {}) takes {prefixes}…, not {dialled}", entry.priority);
                Step::new("rule", StepOutcome::Lost, detail).by(id, "/spec/match/prefixes")
            });
        }
        trace.step(|| {
            let detail = format!("no outbound rule of {} takes {dialled}", tenant.id);
            Step::new("rule", StepOutcome::Refuse, detail).by(&tenant.id, "")
        });
        None
    }

    fn attempts(
        &self,
        rule: &OutboundEntry,
        dialled: &str,
        trace: &mut impl Trace,
    ) -> Vec<Attempt> {
        let Some(id) = self.rule_id(rule.rule) else { return Vec::new() };
        let mut attempts = Vec::with_capacity(rule.routes.len());
        for (position, (route, trunk)) in rule.routes.iter().enumerate() {
            let field = || format!("/spec/routes/{position}");
            match self.attempt(route, *trunk, dialled) {
                Ok((trunk, attempt)) => {
                    trace.step(|| {
                        let uri = attempt.request_uri();
                        let detail = format!("{trunk}: {uri} at {}", attempt.next_hop);
                        Step::new("route", StepOutcome::Match, detail).by(id, field())
                    });
                    attempts.push(attempt);
                }
                Err(why) => {
                    trace.step(|| Step::new("route", StepOutcome::Lost, why).by(id, field()));
                }
            }
        }
        if attempts.is_empty() {
            trace.step(|| {
                let detail = format!("no route of {id} is left");
                Step::new("route", StepOutcome::Refuse, detail).by(id, "/spec/routes")
            });
        }
        attempts
    }

    fn attempt(
        &self,
        route: &OutboundRoute,
        trunk: Option<TrunkIndex>,
        dialled: &str,
    ) -> Result<(&ResourceId, Attempt), String> {
        if !route.enabled {
            return Err(format!("the route over {} is disabled", route.trunk));
        }
        let entry = trunk.and_then(|index| self.trunk(index).map(|entry| (index, entry)));
        let (index, entry) = entry.ok_or_else(|| format!("there is no trunk {}", route.trunk))?;
        if !entry.spec.enabled {
            return Err(format!("{} is disabled", entry.id));
        }
        let rest = dialled.get(usize::from(route.strip)..).unwrap_or_default();
        if rest.is_empty() {
            return Err(format!("strip {} leaves nothing of {dialled}", route.strip));
        }
        let (Some(next_hop), Some(transport)) = (entry.next_hop.clone(), entry.transport) else {
            return Err(format!("no transport may send to {}", entry.id));
        };
        let target = Target::Trunk(index);
        // `#` may not stand unescaped in a user part (RFC 3261 section 25.1).
        let user = format!("{}{rest}", route.prepend).replace('#', "%23");
        // The port is part of the Request-URI where the manifest names it.
        let host = entry.spec.host_port();
        let proxy = entry.proxy.clone();
        let (secure, connection) = (false, None);
        let attempt =
            Attempt { target, transport, next_hop, secure, user, host, proxy, connection };
        Ok((&entry.id, attempt))
    }
}
