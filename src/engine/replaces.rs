//! Replaces (RFC 3891): a dialog of ours that a far end names is one leg of a call; who stands at the
//! other leg is called, and told the name that the dialog has there.

use super::call::{Call, Calls, Side};
use super::context::{Context, Party};
use super::generation::Generation;
use super::leg::{Bye, Leg};
use crate::routing::{Attempt, NextHop, Target};
use crate::sip::Uri;
use crate::transaction::FarEnd;

/// Who stands behind a dialog that was named, and how the dialog is named there.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) attempt: Attempt,
    /// The value of `Replaces`.
    pub(super) header: Box<[u8]>,
}

/// What `Replaces` names.
#[derive(Debug, Clone, Copy)]
struct Named<'a> {
    call_id: &'a [u8],
    /// The tag of who receives it.
    to_tag: &'a [u8],
    from_tag: &'a [u8],
    /// Only a dialog that is not answered.
    early_only: bool,
}

impl<'a> Named<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let mut named =
            Self { call_id: parts.next()?, to_tag: b"", from_tag: b"", early_only: false };
        for part in parts {
            let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
            let (name, value) = part.split_at_checked(at)?;
            let value = value.strip_prefix(b"=").unwrap_or_default();
            match name {
                _ if name.eq_ignore_ascii_case(b"to-tag") => named.to_tag = value,
                _ if name.eq_ignore_ascii_case(b"from-tag") => named.from_tag = value,
                _ if name.eq_ignore_ascii_case(b"early-only") => named.early_only = true,
                _ => {}
            }
        }
        let whole = [named.call_id, named.to_tag, named.from_tag];
        whole.iter().all(|part| !part.is_empty()).then_some(named)
    }

    fn names(&self, leg: &Leg) -> bool {
        *leg.call_id == *self.call_id
            && *leg.local_tag == *self.to_tag
            && *leg.remote_tag == *self.from_tag
    }
}

/// Whether this is a value of `Replaces`, in visible characters: it came out of the escapes of a URI.
pub(super) fn is_replaces(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_graphic) && Named::parse(value).is_some()
}

impl Calls {
    /// The other side of the dialog that a `Replaces` names, if the one who asks may have it: a party
    /// of that call's tenant.
    pub(super) fn replaced(
        &self,
        ctx: &Context,
        value: &[u8],
        (asker, generation): (Party, &Generation),
    ) -> Option<Replaced> {
        let named = Named::parse(value)?;
        let call = self.get(self.by_tag(named.to_tag)?)?;
        let side = [Side::A, Side::B].into_iter().find(|side| {
            call.leg(*side).is_some_and(|leg| leg.bye == Bye::No && named.names(leg))
        })?;
        let other = call.leg(side.other()).filter(|leg| leg.bye == Bye::No)?;
        if !call.is_established() || named.early_only || !may_replace(call, asker, generation) {
            return None;
        }
        let header =
            [&*other.call_id, b";to-tag=", &other.remote_tag, b";from-tag=", &other.local_tag]
                .concat();
        let attempt = attempt_to(ctx, call, other, generation)?;
        Some(Replaced { attempt, header: header.into() })
    }
}

/// The far end of a leg as something to call, in the terms of a generation.
fn attempt_to(ctx: &Context, call: &Call, leg: &Leg, generation: &Generation) -> Option<Attempt> {
    let table = &generation.table;
    let transport = table.transport_named(ctx.listeners.name(leg.flow.transport)?)?;
    let target = match leg.party {
        Some(Party::Trunk(trunk)) => {
            let id = call.facts.trunk_id(Some(trunk))?;
            Target::Trunk(table.trunk_of(id)?)
        }
        Some(Party::Tenant(_)) | None => Target::Contact,
    };
    let uri = Uri::parse(&leg.target)?;
    let text = String::from_utf8_lossy(uri.raw);
    let (_, rest) = text.split_once(':')?;
    let (user, host) = rest.split_once('@').unwrap_or(("", rest));
    let next_hop = NextHop::Address(leg.flow.remote);
    let (user, host) = (user.to_owned(), host.to_owned());
    let came = leg.flow.link.far_end() == FarEnd::COMER;
    let connection = leg.flow.link.connection().filter(|_| came).map(|one| one.0);
    let (secure, proxy) = (false, None);
    Some(Attempt { target, transport, next_hop, secure, user, host, proxy, connection })
}

/// A tenant may replace its own dialogs; a trunk those of a call over it, and those of the tenant
/// that it serves.
fn may_replace(call: &Call, asker: Party, generation: &Generation) -> bool {
    let facts = &call.facts;
    let tenant = facts.about.tenant.as_ref();
    match asker {
        Party::Tenant(index) => {
            tenant.is_some() && generation.table.tenant(index).map(|entry| &entry.id) == tenant
        }
        Party::Trunk(index) => {
            let Some(trunk) = generation.table.trunk(index) else { return false };
            let over = |leg: &Leg| match leg.party {
                Some(Party::Trunk(trunk)) => facts.trunk_id(Some(trunk)),
                Some(Party::Tenant(_)) | None => None,
            };
            let served = tenant.is_some_and(|tenant| {
                let index_of = generation.table.tenant_named(&tenant.name);
                trunk.id.tenant.as_ref() == Some(&tenant.name)
                    || index_of.is_some_and(|tenant| generation.share(tenant, index).is_some())
            });
            served || call.legs().any(|leg| over(leg) == Some(&trunk.id))
        }
    }
}

/// A REFER that went on, and what its notifications are about (RFC 3515 section 2.4.6).
#[derive(Debug, Clone, Copy)]
pub(super) struct Referral {
    /// Who sent it.
    pub(super) from: Side,
    /// Its CSeq there.
    pub(super) theirs: u32,
    /// Its CSeq towards the other side.
    pub(super) ours: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaces_names_a_dialog_whole_or_not_at_all() {
        let named = Named::parse(b"a@b;from-tag=2 ;To-Tag=1;early-only").unwrap();
        assert_eq!(
            (named.call_id, named.to_tag, named.from_tag),
            (&b"a@b"[..], &b"1"[..], &b"2"[..])
        );
        assert!(named.early_only);
        for bad in ["", "a@b", "a@b;to-tag=1", ";to-tag=1;from-tag=2", "a;to-tag=;from-tag=2"] {
            assert!(Named::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
