//! Redirections (3xx) that a trunk's policy follows.

use std::net::SocketAddr;

use super::call::{Call, Hunt, Phase, Progress};
use super::context::{Context, Party};
use super::core::Engine;
use super::{MAX_REDIRECTS, NAME_PATIENCE};
use crate::model::{Protocol, Redirect};
use crate::routing::{Attempt, NextHop};
use crate::sip::{DEFAULT_PORT, DEFAULT_TLS_PORT, HeaderName, Message, Scheme, Uri};

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
        let mut found: Vec<(u16, Tried, Attempt)> = contacts
            .filter_map(|contact| {
                let next_hop = place(&contact.uri, protocol)?;
                if next_hop.address().is_some_and(is_home) {
                    return None;
                }
                let tried = Tried::of(&contact.uri, protocol)?;
                let attempt = table.redirected(trunk, next_hop, named(&contact.uri))?;
                Some((weight(contact.params.get("q")), tried, attempt))
            })
            .collect();
        // Stable: equal ones stay in their order.
        found.sort_by_key(|(weight, ..)| std::cmp::Reverse(*weight));
        // The far end repeats what it was called by.
        hunt.tried.extend(Tried::of(&response.to().uri, protocol));
        let fresh = found.into_iter().filter_map(|(_, tried, attempt)| {
            let first = !hunt.tried.contains(&tried);
            hunt.tried.push(tried);
            first.then_some(attempt)
        });
        let found: Vec<Attempt> = fresh.collect();
        let names = found.iter().filter_map(|attempt| attempt.next_hop.name());
        let names = names.filter(|name| ctx.locator.want_for_now(name, ctx.now)).count();
        if names > 0 {
            hunt.patience = Some(ctx.now + NAME_PATIENCE);
        }
        if names > 0 || found.is_empty() {
            // Should they lead nowhere, this was the last answer.
            hunt.last = Some(Box::new((response.clone(), self.a.without)));
        }
        // With nothing new what an earlier one named is still to be tried.
        let waits = |attempt: &Attempt| {
            let uri = attempt.request_uri();
            let uri = Uri::parse(uri.as_bytes());
            let known = uri.and_then(|uri| Tried::of(&uri, protocol));
            known.is_some_and(|known| hunt.tried.contains(&known))
        };
        let some = !found.is_empty() || hunt.attempts.front().is_some_and(waits);
        hunt.redirects += 1;
        for attempt in found.into_iter().rev() {
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

/// A URI that a call has been sent to, or will be: no other redirection leads there again (RFC 3261
/// section 8.1.3.4). At most a few of each redirection that is followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tried {
    next_hop: NextHop,
    secure: bool,
    user: Box<[u8]>,
    params: Box<[u8]>,
}

impl Tried {
    fn of(uri: &Uri<'_>, protocol: Protocol) -> Option<Self> {
        let user = uri.user_decoded().unwrap_or_default();
        let mut params = Vec::new();
        for (name, value) in passing(uri) {
            params.extend([b";", name, b"=", value.unwrap_or_default()].concat());
        }
        Some(Self {
            next_hop: place(uri, protocol)?,
            secure: uri.scheme == Scheme::Sips,
            user: user.as_ref().into(),
            params: params.to_ascii_lowercase().into(),
        })
    }
}

/// The parameters of a Contact that go into the Request-URI.
fn passing<'u>(uri: &Uri<'u>) -> impl Iterator<Item = (&'u [u8], Option<&'u [u8]>)> {
    uri.params.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"method"))
}

/// Where a Contact says to go. The listener of the trunk settles the protocol, so that a `sips:` one
/// leads nowhere without TLS (RFC 3261 section 26.2.2); the port of a `sip:` one is SIP's own.
fn place(uri: &Uri<'_>, protocol: Protocol) -> Option<NextHop> {
    let default_port = match (uri.scheme, protocol) {
        (Scheme::Sip, _) => DEFAULT_PORT,
        (Scheme::Sips, Protocol::Tls) => DEFAULT_TLS_PORT,
        (Scheme::Sips | Scheme::Tel | Scheme::Other, _) => return None,
    };
    if let Some(ip) = uri.target_ip() {
        let port = uri.port.unwrap_or(default_port);
        return Some(NextHop::Address(SocketAddr::new(ip.to_canonical(), port)));
    }
    let name = std::str::from_utf8(uri.target()).ok()?;
    // The dot of the root may stand at the end of a name (RFC 3261 section 25.1).
    let host = name.strip_suffix('.').unwrap_or(name).parse().ok()?;
    Some(NextHop::of(&host, uri.port, protocol))
}

/// Scheme, user and the rest of a Contact as the Request-URI to it has them: without headers and
/// `method` (RFC 3261 sections 8.1.3.4 and 19.1.1).
fn named(uri: &Uri<'_>) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut user = text(uri.user.unwrap_or_default());
    if let Some(password) = uri.password {
        user.push(':');
        user.push_str(&text(password));
    }
    let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
    let mut rest = text(uri.host) + &port;
    for (name, value) in passing(uri) {
        rest.push(';');
        rest.push_str(&text(name));
        if let Some(value) = value {
            rest.push('=');
            rest.push_str(&text(value));
        }
    }
    (uri.scheme == Scheme::Sips, user, rest)
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
