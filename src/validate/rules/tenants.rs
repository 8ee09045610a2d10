//! Rules about tenants and what is theirs alone.

use std::collections::BTreeMap;

use super::overlap;
use crate::diag::{Code, Diagnostic};
use crate::model::ResourceId;
use crate::model::value::Host;
use crate::validate::context::Context;

/// Two tenants with one SIP domain.
pub(super) fn tl410_sip_domains(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&Host, &ResourceId> = BTreeMap::new();
    for (id, tenant) in context.set.tenants() {
        let other = *first.entry(&tenant.sip_domain).or_insert(id);
        if other == id {
            continue;
        }
        let conflict = context.conflict(Code::TL410, "/spec/sipDomain", (id, other), |_, other| {
            format!("tenant `{}` has the SIP domain `{}` too", other.name, tenant.sip_domain)
        });
        found.push(conflict.help("give each tenant a SIP domain of its own"));
    }
}

/// Two extensions of a tenant that share numbers: the tenant would have a number twice.
pub(super) fn tl202_extension_numbers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut by_tenant: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, extension) in context.set.extensions() {
        by_tenant.entry(id.tenant.as_ref()).or_default().push((extension.numbers, id));
    }
    for extensions in by_tenant.values() {
        for (id, other, shared) in overlap::with_an_earlier_one(extensions) {
            let conflict =
                context.conflict(Code::TL202, "/spec/numbers", (id, other), |_, other| {
                    format!("extension `{}` has {shared} too", other.name)
                });
            found.push(conflict.help("give each number to one extension"));
        }
    }
}
