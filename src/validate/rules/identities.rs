//! Who a trunk is to its far end: user names, domains, names for Teams, addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::{Code, Diagnostic};
use crate::model::value::{Host, Name};
use crate::model::{Kind, ResourceId, Teams, Transport, Trunk};
use crate::validate::context::Context;

/// Two trunks that register, or let register, as the same user at the same host.
pub(super) fn tl403_same_user(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut users: BTreeMap<(&Host, &str), (&ResourceId, &str)> = BTreeMap::new();
    let mut domains: BTreeMap<&Host, &ResourceId> = BTreeMap::new();
    for (id, trunk) in context.set.trunks() {
        let ours = trunk.registration.as_ref();
        let ours = ours
            .and_then(|one| Some((trunk.host()?, &one.username, "/spec/registration/username")));
        let theirs = trunk.registrar.as_ref();
        let theirs = theirs.map(|one| (&one.domain, &one.username, "/spec/registrar/username"));
        let domain = trunk.registrar.as_ref().map(|one| &one.domain);
        if let Some(domain) = domain {
            let other = *domains.entry(domain).or_insert(id);
            if other != id {
                let conflict = context.conflict(
                    Code::TL403,
                    "/spec/registrar/domain",
                    (id, other),
                    |_, other| format!("{other} lets register at `{domain}`, too"),
                );
                found.push(
                    conflict.help("give each trunk that accepts registrations a domain of its own"),
                );
                continue;
            }
        }
        let Some((host, user, field)) = ours.or(theirs) else { continue };
        let (other, other_field) = *users.entry((host, user)).or_insert((id, field));
        if other == id {
            continue;
        }
        let message = format!("{other} has the user name `{user}` at `{host}`, too");
        found.push(
            context
                .diagnostic(Code::TL403, id, field, message)
                .related(context.span(other, other_field), format!("{other} has it here"))
                .help("one account belongs to one trunk: use another user name, or one trunk for both"),
        );
    }
}

/// Two WhatsApp trunks with one number of Meta's: its events name nothing but the number.
pub(super) fn tl403_same_whatsapp(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    const FIELD: &str = "/spec/whatsApp/phoneNumberId";
    let mut first: BTreeMap<&str, &ResourceId> = BTreeMap::new();
    for (id, trunk) in context.trunks().filter(|(id, _)| context.knows(id, &[FIELD])) {
        let Some(number) = trunk.whats_app.as_ref().map(|one| one.phone_number_id.as_str()) else {
            continue;
        };
        let other = *first.entry(number).or_insert(id);
        if other != id {
            let conflict = context.conflict(Code::TL403, FIELD, (id, other), |_, other| {
                format!("{other} has the number `{number}` of Meta's, too")
            });
            found.push(conflict.help(
                "one number belongs to one trunk: use another number, or one trunk for both",
            ));
        }
    }
}

/// A domain that trunks register at and that is a tenant's SIP domain.
pub(super) fn tl404_tenant_domain(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let tenants: BTreeMap<&Host, &ResourceId> =
        context.set.tenants().map(|(id, tenant)| (&tenant.sip_domain, id)).collect();
    let known = |id: &ResourceId| context.knows(id, &["/spec/registrar/domain"]);
    for (id, trunk) in context.trunks().filter(|(id, _)| known(id)) {
        let Some(registrar) = &trunk.registrar else { continue };
        let Some(tenant) = tenants.get(&registrar.domain) else { continue };
        let message =
            format!("`{}` is the SIP domain of tenant `{}`", registrar.domain, tenant.name);
        found.push(
            context
                .diagnostic(Code::TL404, id, "/spec/registrar/domain", message)
                .related(context.span(tenant, "/spec/sipDomain"), "the tenant's domain")
                .help("make up another domain: it says whether a phone or a gateway registers"),
        );
    }
}

/// What Microsoft Teams asks of the name of a gateway (`domain.md` section 10).
pub(super) fn tl411_teams(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.trunks().filter(|(id, _)| context.knows(id, &["/spec/teams"])) {
        let (Some(teams), Some(owner)) = (&trunk.teams, &id.tenant) else { continue };
        let mut tell = |message: String, follows: bool, help: &str| {
            let told = context.diagnostic(Code::TL411, id, "/spec/teams/fqdn", message);
            let domain = ResourceId::system(Kind::Tenant, owner.clone());
            let place = context.span(&domain, "/spec/sipDomain");
            let told = told.follows(follows);
            found.push(told.related(place, "the tenant's SIP domain").help(help));
        };
        if let Some((message, help)) = name_fault(teams) {
            tell(message, false, help);
        } else if let Some(message) = other_domain(context, teams, owner) {
            // The tenant of what stands in another one's file is told (TL601).
            let follows = context.declared.is_stray(id);
            tell(message, follows, "write the same name in both: Teams finds the tenant by it");
        }
    }
}

fn name_fault(teams: &Teams) -> Option<(String, &'static str)> {
    /// Longest name that Teams takes.
    const MAX_CHARS: usize = 63;
    let Host::Name(name) = &teams.fqdn else {
        return Some((
            "Teams knows a gateway by its name, not by an address".to_owned(),
            "write a name like `acme.sbc.example.net`",
        ));
    };
    if name.ends_with(".onmicrosoft.com") {
        return Some((
            format!("`{name}`: Teams takes no name under onmicrosoft.com"),
            "use a domain of your own that is verified in Microsoft 365",
        ));
    }
    if name.len() > MAX_CHARS {
        return Some((
            format!("`{name}` has {} characters: Teams takes at most {MAX_CHARS}", name.len()),
            "choose a shorter name",
        ));
    }
    let labels = name.split('.').count();
    (labels < 3).then(|| (format!("`{name}` has no host in front of its domain"), "write a name like `sbc.example.net`: a certificate for `*.example.net` covers one label"))
}

fn other_domain(context: &Context<'_>, teams: &Teams, owner: &Name) -> Option<String> {
    let tenant = context.set.tenant(None, owner)?;
    (tenant.sip_domain != teams.fqdn).then(|| {
        format!(
            "`{}` is not the SIP domain of tenant `{owner}`, `{}`",
            teams.fqdn, tenant.sip_domain
        )
    })
}

/// A public provider to which we would show a private address.
pub(super) fn tl413_private_address(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.set.trunks().filter(|(_, trunk)| trunk.enabled) {
        let Some(host) = trunk.host().and_then(Host::ip).filter(|ip| is_public(*ip)) else {
            continue;
        };
        if trunk.use_private_address {
            let message =
                format!("`{host}` is a public address, and would be shown our private one");
            found.push(
                context
                    .diagnostic(Code::TL413, id, "/spec/usePrivateAddress", message)
                    .help("take `usePrivateAddress` out, unless the provider is behind a tunnel"),
            );
            continue;
        }
        let Some((transport_id, transport)) = transport_of(context, trunk) else { continue };
        let (shown, field) = match &transport.public_address {
            Some(public) => (public.ip(), "/spec/publicAddress"),
            None => (Some(transport.bind), "/spec/bind"),
        };
        let Some(private) = shown.filter(|ip| is_private(*ip)) else { continue };
        let message = format!(
            "`{host}` is a public address, and transport `{}` shows it the private address {private}",
            transport_id.name
        );
        found.push(
            context
                .diagnostic(Code::TL413, id, "/spec/host", message)
                .related(context.span(transport_id, field), "the address that is shown")
                .help("give the transport a `publicAddress` that the provider can reach"),
        );
    }
}

/// The transport that a trunk uses, where that is clear.
pub(super) fn transport_of<'a>(
    context: &Context<'a>,
    trunk: &Trunk,
) -> Option<(&'a ResourceId, &'a Transport)> {
    let wanted = trunk.trunk_type.listener_protocol();
    let mut fit = context.set.transports().filter(|(id, one)| match &trunk.transport {
        Some(name) => id.name == *name,
        None => one.protocol == wanted,
    });
    fit.next().filter(|_| fit.next().is_none())
}

/// RFC 1918, RFC 6598 and unique local addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn is_public(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    !is_private(ip) && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast()
}
