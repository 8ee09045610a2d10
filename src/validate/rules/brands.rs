//! What providers are known for, and how old our knowledge of them is (`domain.md` section 9).

use crate::diag::{Code, Diagnostic};
use crate::model::value::Date;
use crate::model::{
    HostSlot, HostWord, OutboundRoute, ResourceId, Trunk, TrunkType, UserSlot, UserWord, preset,
};
use crate::validate::context::{Context, TrunkName};

/// A region that the brand does not have.
pub(super) fn tl104_regions(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.trunks().filter(|(id, _)| context.knows(id, &["/spec/brand"])) {
        let Some(preset) = preset(&trunk.brand).filter(|one| !one.has_region(&trunk.brand)) else {
            continue;
        };
        let regions: Vec<_> = preset.regions.keys().map(String::as_str).collect();
        let help = match regions.as_slice() {
            [] => format!("write `brand: {}`", trunk.brand.key()),
            regions => format!("its regions are {}", regions.join(", ")),
        };
        let message = format!("brand `{}` has no such region", trunk.brand);
        found.push(context.diagnostic(Code::TL104, id, "/spec/brand", message).help(help));
    }
}

/// The known traps of a brand.
pub(super) fn tl412_advice(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, trunk) in context.set.trunks() {
        match trunk.brand.key() {
            "twilio" => found.extend(twilio(context, id, trunk)),
            "twilio-interconnect" => {
                found.extend(twilio(context, id, trunk));
                found.extend(interconnect(context, id, trunk));
            }
            "wavix" => found.extend(without_plus(context, id, trunk)),
            "gamma" | "voicemeup" => found.extend(identities(context, id, trunk)),
            _ => {}
        }
    }
    for (id, rule) in context.set.outbound_rules() {
        for (index, route) in rule.routes.iter().enumerate().filter(|(_, one)| one.enabled) {
            let TrunkName::Is(_, trunk) = context.trunk(id.tenant.as_ref(), &route.trunk) else {
                continue;
            };
            if let Some((message, help)) = route_trap(trunk, route) {
                let field = format!("/spec/routes/{index}/prepend");
                found.push(context.diagnostic(Code::TL412, id, &field, message).help(help));
            }
        }
    }
}

/// Twilio never takes a REGISTER.
fn twilio(context: &Context<'_>, id: &ResourceId, trunk: &Trunk) -> Option<Diagnostic> {
    let registers = trunk.trunk_type == TrunkType::Register
        && trunk.registration.as_ref().is_some_and(|one| one.enabled);
    registers.then(|| {
        let message = "Twilio takes no registration: each attempt would be refused";
        context
            .diagnostic(Code::TL412, id, "/spec/registration/enabled", message)
            .help("add `enabled: false`: the credentials then only answer challenges")
    })
}

/// Twilio's private links end at names of their own.
fn interconnect(context: &Context<'_>, id: &ResourceId, trunk: &Trunk) -> Option<Diagnostic> {
    let host = trunk.host.as_ref()?.to_string().to_ascii_lowercase();
    let is_public = host.ends_with(".twilio.com") && !host.ends_with("-ix.twilio.com");
    is_public.then(|| {
        let message =
            format!("`{host}` is reached over the internet, not over Twilio Interconnect");
        context
            .diagnostic(Code::TL412, id, "/spec/host", message)
            .help("write a name like `acme.pstn.ashburn-ix.twilio.com`, or `brand: twilio`")
    })
}

/// Wavix takes no number whose `+` is gone.
fn without_plus(context: &Context<'_>, id: &ResourceId, trunk: &Trunk) -> Option<Diagnostic> {
    let takes_it_off = trunk.number.as_ref().is_some_and(|one| one.keep_plus == Some(false));
    takes_it_off.then(|| {
        let message = "Wavix takes only numbers with `+` in front, and this takes it off";
        let help = "remove it: a leading `+` is kept";
        context.diagnostic(Code::TL412, id, "/spec/number/keepPlus", message).help(help)
    })
}

/// Gamma and VoiceMeUp want the caller ID in three headers.
fn identities(context: &Context<'_>, id: &ResourceId, trunk: &Trunk) -> Option<Diagnostic> {
    let all = &trunk.outbound_parameters;
    let caller = UserSlot::Word(UserWord::OutboundCallerId);
    let host = HostSlot::Word(HostWord::TrunkHostPort);
    let other = |slot: Option<&UserSlot>| slot.is_some_and(|slot| *slot != caller);
    let contact = other(all.contact.as_ref().and_then(|one| one.user.as_ref()));
    let from = other(all.from.as_ref().and_then(|one| one.user.as_ref()));
    let asserted = all.p_asserted_identity.as_ref().is_some_and(|one| {
        one.remove || other(one.user.as_ref()) || one.host.as_ref().is_some_and(|it| *it != host)
    });
    let places = [(contact, "contact"), (from, "from"), (asserted, "pAssertedIdentity")];
    let (_, place) = places.into_iter().find(|(wrong, _)| *wrong)?;
    let message = format!(
        "brand `{}` wants the caller ID in Contact, From and P-Asserted-Identity",
        trunk.brand
    );
    let field = format!("/spec/outboundParameters/{place}");
    Some(
        context
            .diagnostic(Code::TL412, id, &field, message)
            .help("leave the block out: the brand fills it in"),
    )
}

/// What a provider asks of the numbers that are sent to it.
fn route_trap(trunk: &Trunk, route: &OutboundRoute) -> Option<(&'static str, &'static str)> {
    match trunk.brand.key() {
        "flowroute" if !has_tech_prefix(&route.prepend) => Some((
            "Flowroute takes calls only behind the account's tech prefix",
            "write `prepend: \"12345678*\"` with your own eight digits",
        )),
        "wavix" if !route.prepend.is_empty() && !route.prepend.starts_with('+') => Some((
            "Wavix takes only numbers with `+` in front",
            "begin `prepend` with `+` and the country code",
        )),
        _ => None,
    }
}

fn has_tech_prefix(prepend: &str) -> bool {
    let Some((digits, _)) = prepend.split_once('*') else { return false };
    digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Days after which a preset counts as old.
const OLD_AFTER_DAYS: i32 = 365;

/// Presets older than a year: providers' addresses move.
pub(super) fn tl414_old_presets(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(Date(today)) = context.today else { return };
    for (id, trunk) in context.set.trunks() {
        let Some(preset) = preset(&trunk.brand) else { continue };
        let days = today.since(preset.as_of.0).map_or(0, |span| span.get_days());
        if days <= OLD_AFTER_DAYS {
            continue;
        }
        let message =
            format!("what we know of `{}` is of {}, over a year old", trunk.brand, preset.as_of);
        found.push(
            context
                .diagnostic(Code::TL414, id, "/spec/brand", message)
                .help("compare host and addresses with the provider's, and write them down; or use a newer build"),
        );
    }
}
