//! From a trunk to a tenant: pool, tenant, rule, destination.

use crate::model::Destination;
use crate::model::value::{DidMatch, Number, NumberRange, SipTarget};

use super::decision::{Attempt, Decision, NextHop, Outcome, Refusal, Target};
use super::number::called_number;
use super::table::{
    RuleEntry, RuleIndex, Table, TenantEntry, TenantIndex, TransportIndex, TrunkEntry, TrunkIndex,
};
use super::trace::{Step, StepOutcome, Trace};

impl Table {
    /// Routes a call from a trunk. `called` and `caller` are the numbers as presented, `called`
    /// with its `+` or `00`.
    pub fn route_inbound(
        &self,
        trunk: TrunkIndex,
        called: &str,
        caller: &str,
        trace: &mut impl Trace,
    ) -> Decision {
        let Some(entry) = self.trunk(trunk) else {
            return Decision::refuse(called, Refusal::TrunkDisabled);
        };
        let Some(number) = called_number(called) else {
            trace.step(|| {
                refused("number", format!("`{called}` is not a number of 1 to 15 digits"))
            });
            return Decision::refuse(called, Refusal::NotANumber);
        };
        trace.step(|| {
            let detail = format!("`{called}` is looked up as {number}");
            Step::new("number", StepOutcome::Match, detail)
        });
        let mut decision = Decision::refuse(&number.to_string(), Refusal::TrunkDisabled);
        if !entry.spec.enabled {
            trace.step(|| {
                refused("trunk", format!("{} is disabled", entry.id)).by(&entry.id, "/spec/enabled")
            });
            return decision;
        }
        let refusal = self.admit_inbound(trunk, entry, number, &mut decision, trace);
        decision.outcome = match refusal {
            Ok((tenant, index)) => self.deliver_inbound(tenant, index, (number, caller), trace),
            Err(refusal) => Outcome::Refuse(refusal),
        };
        decision
    }

    /// Pool, tenant and rule; what is known of them is noted in `decision`.
    fn admit_inbound(
        &self,
        trunk: TrunkIndex,
        entry: &TrunkEntry,
        number: Number,
        decision: &mut Decision,
        trace: &mut impl Trace,
    ) -> Result<(&TenantEntry, RuleIndex), Refusal> {
        let Some(pool) = self.pool(trunk, number) else {
            trace.step(|| {
                let detail = format!("{number} is in no pool on {}", entry.id);
                refused("pool", detail).by(&entry.id, "")
            });
            return Err(Refusal::NoPool);
        };
        trace.step(|| {
            let detail = format!("{number} is in {} of {}", pool.numbers, pool.id);
            Step::new("pool", StepOutcome::Match, detail).by(&pool.id, "/spec/numbers")
        });
        decision.tenant = Some(pool.tenant);
        let tenant = self.tenant(pool.tenant).ok_or(Refusal::NoPool)?;
        if !tenant.spec.enabled {
            trace.step(|| {
                let detail = format!("{} is disabled", tenant.id);
                refused("tenant", detail).by(&tenant.id, "/spec/enabled")
            });
            return Err(Refusal::TenantDisabled);
        }
        trace.step(|| {
            let detail = format!("the call is {}'s", tenant.id);
            Step::new("tenant", StepOutcome::Match, detail).by(&tenant.id, "")
        });
        let rule = self.inbound_rule(entry, pool.tenant, number, trace).ok_or(Refusal::NoRule)?;
        decision.rule = Some(rule);
        Ok((tenant, rule))
    }

    /// The rule that answers a number: the range that holds it, else the tenant's `"*"`.
    fn inbound_rule(
        &self,
        trunk: &TrunkEntry,
        tenant: TenantIndex,
        number: Number,
        trace: &mut impl Trace,
    ) -> Option<RuleIndex> {
        let table = trunk.inbound.get(&tenant);
        let chosen = table.and_then(|table| {
            let at = table.ranges.partition_point(|(range, _)| range.first() <= number);
            let range = at.checked_sub(1).and_then(|at| table.ranges.get(at));
            let exact = range.filter(|(range, _)| range.contains(number)).map(|(_, rule)| *rule);
            exact.or(table.any)
        });
        self.trace_inbound_rules(trunk, tenant, number, chosen, trace);
        chosen
    }

    fn trace_inbound_rules(
        &self,
        trunk: &TrunkEntry,
        tenant: TenantIndex,
        number: Number,
        chosen: Option<RuleIndex>,
        trace: &mut impl Trace,
    ) {
        let table = trunk.inbound.get(&tenant);
        for (did, id) in table.into_iter().flat_map(|table| &table.disabled) {
            if did_holds(*did, number) {
                trace.step(|| {
                    let detail = format!("{id} is disabled");
                    Step::new("rule", StepOutcome::Lost, detail).by(id, "/spec/enabled")
                });
            }
        }
        let ranges = table.into_iter().flat_map(|table| table.ranges.iter().map(|(_, rule)| *rule));
        for index in ranges.chain(table.and_then(|table| table.any)) {
            let Some(RuleEntry { id, inbound: Some((did, _)) }) = self.rule(index) else {
                continue;
            };
            trace.step(|| {
                let (outcome, detail) = if Some(index) == chosen {
                    (StepOutcome::Match, format!("{id} takes {did}"))
                } else if *did == DidMatch::Any {
                    (StepOutcome::Lost, format!("{id} takes only what no other rule answers"))
                } else {
                    (StepOutcome::Lost, format!("{id} takes {did}, not {number}"))
                };
                Step::new("rule", outcome, detail).by(id, "/spec/did")
            });
        }
        if chosen.is_none() {
            trace.step(|| {
                let detail = format!("no rule on {} answers {number}", trunk.id);
                refused("rule", detail).by(&trunk.id, "")
            });
        }
    }

    fn deliver_inbound(
        &self,
        tenant: &TenantEntry,
        index: RuleIndex,
        (number, caller): (Number, &str),
        trace: &mut impl Trace,
    ) -> Outcome {
        let Some(RuleEntry { id, inbound: Some((did, destination)) }) = self.rule(index) else {
            return Outcome::Refuse(Refusal::NoRule);
        };
        let result = match destination {
            Destination::Reject(code) => Err((Refusal::Rejected(*code), format!("reject {code}"))),
            Destination::Sip(target) => self.attempt_sip(target, number, caller),
            Destination::Number(_) | Destination::Voicemail(_) | Destination::Keep(_) => {
                Err((Refusal::NotBuilt, "this destination is not built yet".to_owned()))
            }
            Destination::Extension(range) => self.attempt_extension(tenant, *did, *range, number),
        };
        match result {
            Ok(attempt) => {
                trace.step(|| {
                    let uri = attempt.request_uri();
                    let detail = format!("to {uri} at {}", attempt.next_hop);
                    Step::new("destination", StepOutcome::Match, detail).by(id, "/spec/destination")
                });
                Outcome::Deliver(vec![attempt])
            }
            Err((refusal, detail)) => {
                trace.step(|| refused("destination", detail).by(id, "/spec/destination"));
                Outcome::Refuse(refusal)
            }
        }
    }

    fn attempt_extension(
        &self,
        tenant: &TenantEntry,
        did: DidMatch,
        range: NumberRange,
        number: Number,
    ) -> Result<Attempt, (Refusal, String)> {
        let wanted = mapped(did, range, number);
        let missing = || (Refusal::NoExtension, format!("no extension of {} answers", tenant.id));
        let wanted = wanted.ok_or_else(missing)?;
        let extension = tenant.extension(wanted).ok_or_else(missing)?;
        let single = extension.numbers.size() == 1;
        let own_user = extension.contact.user.clone().filter(|_| single);
        let user = own_user.unwrap_or_else(|| wanted.to_string());
        let way = (extension.next_hop.clone(), extension.transport);
        self.attempt_at(&extension.contact, user, way)
    }

    fn attempt_sip(
        &self,
        target: &SipTarget,
        number: Number,
        caller: &str,
    ) -> Result<Attempt, (Refusal, String)> {
        let template = target.user.clone().unwrap_or_default();
        let user = template
            .replace("{did}", &number.to_string())
            .replace("{caller}", &escape_user(caller));
        self.attempt_at(target, user, self.way_to(target))
    }

    pub(super) fn attempt_at(
        &self,
        contact: &SipTarget,
        user: String,
        (next_hop, transport): (NextHop, Option<TransportIndex>),
    ) -> Result<Attempt, (Refusal, String)> {
        let Some(transport) = transport else {
            return Err((Refusal::NoTransport, format!("no transport may send to {contact}")));
        };
        let host = format!("{}{}", contact.host_port, contact.parameters);
        Ok(Attempt {
            target: Target::Contact,
            transport,
            next_hop,
            secure: false,
            user,
            host,
            proxy: None,
            connection: None,
        })
    }
}

/// The extension that a called number means: by offset where the destination is a range.
pub(super) fn mapped(did: DidMatch, range: NumberRange, number: Number) -> Option<Number> {
    if range.size() == 1 {
        return Some(range.first());
    }
    let DidMatch::Range(did) = did else { return None };
    let offset = number.value().checked_sub(did.first().value())?;
    range.first().offset(offset).filter(|number| range.contains(*number))
}

fn did_holds(did: DidMatch, number: Number) -> bool {
    match did {
        DidMatch::Any => true,
        DidMatch::Range(range) => range.contains(number),
    }
}

fn refused(station: &'static str, detail: String) -> Step {
    Step::new(station, StepOutcome::Refuse, detail)
}

/// Percent-escapes what may not stand in the user part of a SIP URI (RFC 3261 section 25.1).
pub fn escape_user(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    escaped
}
