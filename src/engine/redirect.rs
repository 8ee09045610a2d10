//! Redirections (3xx) that a trunk's policy follows.

use std::net::SocketAddr;

use super::MAX_REDIRECTS;
use super::call::{Call, Phase};
use super::context::Party;
use crate::model::Redirect;
use crate::routing::Attempt;
use crate::sip::{DEFAULT_PORT, HeaderName, Message, Scheme};

impl Call {
    /// A 3xx where the trunk says that it is followed: its addresses come next (RFC 3261 section
    /// 8.1.3.4), over the same trunk and where that may send to.
    pub(super) fn follow(&mut self, party: Option<Party>, response: &Message) -> bool {
        let Some(Party::Trunk(trunk)) = party else { return false };
        let table = &self.facts.generation.table;
        let follows = table.trunk(trunk).is_some_and(|one| one.spec.redirect == Redirect::Follow);
        let Phase::Hunting(hunt) = &mut self.phase else { return false };
        if !follows || hunt.redirects >= MAX_REDIRECTS {
            return false;
        }
        let mut found: Vec<(u16, Attempt)> = response
            .addresses(HeaderName::Contact)
            .take(usize::from(MAX_REDIRECTS))
            .filter_map(|contact| {
                let (uri, weight) = (contact.uri, weight(contact.params.get("q")));
                let known = matches!(uri.scheme, Scheme::Sip | Scheme::Sips);
                let ip = uri.host_ip().filter(|_| known)?.to_canonical();
                let address = SocketAddr::new(ip, uri.port.unwrap_or(DEFAULT_PORT));
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
                let host = format!("{}{port}", text(uri.host));
                let user = text(uri.user.unwrap_or_default());
                Some((weight, table.redirected(trunk, address, (user, host))?))
            })
            .collect();
        // Stable: equal ones stay in their order.
        found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let some = !found.is_empty();
        hunt.redirects += 1;
        for (_, attempt) in found.into_iter().rev() {
            hunt.attempts.push_front(attempt);
        }
        some
    }
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
