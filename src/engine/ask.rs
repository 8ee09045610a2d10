//! Requests of our own inside a dialog, and the ACK of a 2xx.

use super::context::{Context, Owner};
use super::header_rules::relay;
use super::leg::{Acknowledged, Leg};
use super::write;
use crate::sip::{Message, Method, Writer};
use crate::transaction::{Class, ClientKey, Flow, GIVE_UP, Packet};

/// Sends a request in the dialog of a leg, which may carry another one on; `fill` writes what it says
/// beyond the dialog. `None` when there is no room for a transaction.
pub(super) fn ask(
    ctx: &mut Context,
    owner: Owner,
    leg: &mut Leg,
    (method, body): (Method<'_>, &[u8]),
    carried: Option<&Message>,
    fill: impl FnOnce(&Context, &mut Writer, Flow),
) -> Option<ClientKey> {
    let class = if method == Method::Invite { Class::Invite } else { Class::Other };
    let key = ctx.transactions.open_client(class, leg.flow, owner, &mut ctx.chance).ok()?;
    let cseq = leg.next_cseq();
    if class == Class::Invite {
        leg.credentials.clear();
    }
    let mut writer = write::request(ctx, leg, method, cseq, Some(key));
    write::hops(&mut writer, carried);
    fill(ctx, &mut writer, leg.flow);
    ctx.start(key, leg.flow, writer.finish(body).into());
    Some(key)
}

/// Acknowledges the 2xx to an INVITE of ours by its CSeq, with what the other side's ACK says, and
/// keeps the ACK for repetitions of the 2xx.
pub(super) fn acknowledge(
    ctx: &mut Context,
    (owner, leg): (Owner, &mut Leg),
    cseq: u32,
    ack: Option<&Message>,
) {
    let mut writer = write::request(ctx, leg, Method::Ack, cseq, None);
    write::hops(&mut writer, ack);
    ack.into_iter().for_each(|ack| relay(&mut writer, ack, leg.without));
    let packet: Packet = writer.finish(ack.map(Message::body).unwrap_or_default()).into();
    let until = ctx.now + GIVE_UP;
    leg.last_ack = Some(Acknowledged { cseq, packet: packet.clone(), until });
    ctx.send(leg.flow, packet, Some(owner));
}
