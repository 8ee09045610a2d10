//! Redirections (3xx) that a trunk's policy follows.

use std::net::SocketAddr;

use super::call::{Call, Hunt, Phase, Progress};
use super::context::{Context, Party};
use super::core::Engine;
use super::{MAX_REDIRECTS, NAME_PATIENCE};
use crate::model::{Protocol, Redirect};
use crate::routing::{Attempt, NextHop};
use crate::sip::{DEFAULT_PORT, HeaderName, Message, Scheme, Uri};

impl Call {
    /// A 3xx where the trunk says that it is followed: its addresses come next (RFC 3261 section
    /// 8.1.3.4), over the same trunk and where that may send to. Names are looked up meanwhile.
    pub(super) fn follow(
        &mut self,
        ctx: &mut Context,
        party: Option<Party>,
        response: &Message,
    ) -> bool {
        let Some(Party::Trunk(trunk)) = party else { return false };
        let table = &self.facts.generation.table;
        let entry = table.trunk(trunk).filter(|one| one.spec.redirect == Redirect::Follow);
        let transport = entry.and_then(|one| table.transport(one.transport?));
        let Phase::Hunting(hunt) = &mut self.phase else { return false };
        let Some(transport) = transport else { return false };
        let protocol = transport.protocol;
        let listener = ctx.listeners.number(&transport.id.name);
        let is_home = |address: SocketAddr| {
            listener.is_some_and(|listener| ctx.is_lost_at_home(listener, address))
        };
        if hunt.redirects >= MAX_REDIRECTS {
            return false;
        }
        let contacts = response.addresses(HeaderName::Contact).take(usize::from(MAX_REDIRECTS));
        let mut found: Vec<(u16, Attempt)> = contacts
            .filter_map(|contact| {
                let (next_hop, user, host) = place(&contact.uri, protocol)?;
                if next_hop.address().is_some_and(is_home) {
                    return None;
                }
                let attempt = table.redirected(trunk, next_hop, (user, host))?;
                Some((weight(contact.params.get("q")), attempt))
            })
            .collect();
        let names = found.iter().filter_map(|(_, attempt)| attempt.next_hop.name());
        let names = names.filter(|name| ctx.locator.want_for_now(name, ctx.now)).count();
        if names > 0 {
            hunt.patience = Some(ctx.now + NAME_PATIENCE);
            // Should they lead nowhere, this was the last answer.
            hunt.last = Some(Box::new(response.clone()));
        }
        // Stable: equal ones stay in their order.
        found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let some = !found.is_empty();
        hunt.redirects += 1;
        for (_, attempt) in found.into_iter().rev() {
            hunt.attempts.push_front(attempt);
        }
        some
    }

    /// Whether the next attempt is at a name of a redirection that is still looked up: the call goes
    /// on when answers come, and without them when its patience ends.
    pub(super) fn waits_for_name(&mut self, ctx: &mut Context) -> bool {
        let Phase::Hunting(Hunt { attempts, patience: Some(until), .. }) = &self.phase else {
            return false;
        };
        let name = attempts.front().and_then(|attempt| attempt.next_hop.name());
        if ctx.now >= *until || !name.is_some_and(|name| ctx.locator.is_awaited(name)) {
            return false;
        }
        let Some(exchange) = &mut self.invite else { return false };
        exchange.progress = Progress::Pending { provisional: 0, cancel: false, deadline: *until };
        if !ctx.waiting.contains(&self.key) {
            ctx.waiting.push(self.key);
        }
        true
    }

    /// Whether no attempt is under way, because it waits for a name.
    pub(super) fn is_between_attempts(&self) -> bool {
        matches!(self.phase, Phase::Hunting(_)) && self.b.is_none() && self.invite.is_some()
    }
}

impl Engine {
    /// Names have changed: calls that wait for one look again.
    pub(super) fn resume_hunts(&mut self) {
        for key in std::mem::take(&mut self.ctx.waiting) {
            let Some(call) = self.calls.get_mut(key) else { continue };
            if call.is_between_attempts() {
                call.next_attempt(&mut self.ctx);
                self.calls.settle(&mut self.ctx, key);
            }
        }
    }
}

/// Where a Contact says to go, and the user and the host that a request there is for.
fn place(uri: &Uri<'_>, protocol: Protocol) -> Option<(NextHop, String, String)> {
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let host = match uri.host_ip() {
        // The listener of the trunk settles the protocol; the port is SIP's own.
        Some(ip) => {
            let port = uri.port.unwrap_or(DEFAULT_PORT);
            NextHop::Address(SocketAddr::new(ip.to_canonical(), port))
        }
        None => NextHop::of(&std::str::from_utf8(uri.host).ok()?.parse().ok()?, uri.port, protocol),
    };
    let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
    Some((host, text(uri.user.unwrap_or_default()), format!("{}{port}", text(uri.host))))
}

/// A `q` in thousandths; without one it is 1.
fn weight(q: Option<&[u8]>) -> u16 {
    let text = q.and_then(|q| std::str::from_utf8(q).ok());
    let Some((whole, rest)) = text.map(|text| text.split_once('.').unwrap_or((text, ""))) else {
        return 1000;
    };
    let digits = rest.bytes().chain(std::iter::repeat(b'0')).take(3);
    let part = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit.saturating_sub(b'0').min(9)));
    if whole == "1" { 1000 } else { part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_read_in_thousandths() {
        let read = |text: &str| weight(Some(text.as_bytes()));
        assert_eq!(
            [read("1"), read("1.0"), read("0.5"), read("0.25"), read("0")],
            [1000, 1000, 500, 250, 0]
        );
        assert_eq!((weight(None), read("0.1234")), (1000, 123));
    }
}
