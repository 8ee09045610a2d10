//! One dialog of a call: identifiers, sequence numbers, and where its requests go (RFC 3261
//! section 12).

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use super::context::{Context, Party};
use super::header_rules::{Without, first_route, route_set};
use super::proof::Credential;
use super::session::{Offer, Session};
use super::write;
use crate::routing::{Attempt, Proxy};
use crate::sip::{Elements, HeaderName, Message, Method, NameAddr, Uri};
use crate::transaction::{ClientKey, FarEnd, Flow, Moment, Packet};

/// How far a leg's BYE is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bye {
    /// The dialog stands, or has not begun.
    No,
    /// Ours is under way.
    Sent(ClientKey),
    /// The dialog is over, or never came to be.
    Done,
}

/// An ACK of a 2xx, kept for as long as that may be repeated: 64*T1.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) cseq: u32,
    pub(super) packet: Packet,
    pub(super) until: Moment,
}

#[derive(Debug)]
pub(super) struct Leg {
    /// Where its requests go.
    pub(super) flow: Flow,
    /// The far end as it was first heard of or called; counted among the peers.
    pub(super) peer: SocketAddr,
    /// Where its requests went at the last look; counted among the peers, too.
    pub(super) hop: SocketAddr,
    /// Whose the far end is; `None` for the target of a `sip` destination.
    pub(super) party: Option<Party>,
    pub(super) call_id: Box<[u8]>,
    pub(super) local_tag: Box<[u8]>,
    /// Our side as it stands in From, with the tag.
    pub(super) local: Box<[u8]>,
    /// Their side as it stands in To, with the tag once it is known.
    pub(super) remote: Box<[u8]>,
    /// What stays of the other side's messages, and of those to it.
    pub(super) without: Without,
    /// Empty until a response brings it.
    pub(super) remote_tag: Box<[u8]>,
    /// The Request-URI of requests inside the dialog.
    pub(super) target: Box<[u8]>,
    /// The value of their Route, or empty.
    pub(super) routes: Box<[u8]>,
    /// Whether everything goes to the proxy that the INVITE went to, whatever the dialog says.
    pub(super) pinned: bool,
    pub(super) local_cseq: u32,
    /// Of the last request from there; 0 before the first.
    pub(super) remote_cseq: u32,
    /// The ACK of our last answered INVITE.
    pub(super) last_ack: Option<Acknowledged>,
    /// What our last INVITE proved itself with; its ACK says the same (RFC 3261 section 13.2.2.4).
    pub(super) credentials: Vec<Credential>,
    pub(super) bye: Bye,
    /// Whether our INVITE began it: its Call-ID is ours.
    pub(super) placed: bool,
    /// Whether the far end takes UPDATE.
    pub(super) takes_update: bool,
    pub(super) session: Session,
    /// What a refresh offers that cannot be an UPDATE.
    pub(super) offer: Option<Offer>,
    /// The RSeq of the last reliable provisional response, sent or received; 0 before the first.
    pub(super) rseq: u32,
}

impl Leg {
    /// The leg that an INVITE from `flow` begins.
    pub(super) fn answering(
        invite: &Message,
        flow: Flow,
        party: Option<Party>,
        local_tag: Box<[u8]>,
        session: Session,
    ) -> Self {
        let to = invite.value(HeaderName::To).unwrap_or_default();
        let from = invite.value(HeaderName::From).unwrap_or_default();
        let mut leg = Self {
            flow,
            peer: flow.remote,
            hop: flow.remote,
            party,
            call_id: invite.call_id().into(),
            local: [to, b";tag=", &local_tag].concat().into(),
            local_tag,
            remote: from.into(),
            remote_tag: invite.from_tag().unwrap_or_default().into(),
            target: invite.contact().map(|contact| bare(&contact.uri)).unwrap_or_default().into(),
            routes: route_set(invite, false),
            pinned: false,
            local_cseq: 0,
            remote_cseq: invite.cseq().number,
            last_ack: None,
            credentials: Vec::new(),
            bye: Bye::No,
            placed: false,
            takes_update: invite.allows(Method::Update),
            without: Without::default(),
            session,
            offer: None,
            rseq: 0,
        };
        leg.aim();
        leg
    }

    /// The leg that an INVITE of ours is to begin.
    pub(super) fn calling(
        ctx: &mut Context,
        attempt: &Attempt,
        flow: Flow,
        party: Option<Party>,
        (caller, local_tag): (&NameAddr<'_>, Box<[u8]>),
        session: Session,
    ) -> Self {
        let target: Box<[u8]> = attempt.request_uri().into_bytes().into();
        Self {
            flow,
            peer: flow.remote,
            hop: flow.remote,
            party,
            call_id: write::call_id(ctx),
            local: write::caller(ctx, flow, caller, &local_tag),
            local_tag,
            remote: [b"<", &*target, b">"].concat().into(),
            remote_tag: Box::default(),
            target,
            routes: attempt.proxy.as_ref().map(route).unwrap_or_default(),
            pinned: attempt.proxy.as_ref().is_some_and(|proxy| proxy.force),
            local_cseq: 0,
            remote_cseq: 0,
            last_ack: None,
            credentials: Vec::new(),
            bye: Bye::Done,
            placed: true,
            takes_update: false,
            without: Without::default(),
            session,
            offer: None,
            rseq: 0,
        }
    }

    /// Requests take these routes until a dialog brings its own.
    pub(super) fn route_by(&mut self, routes: &[u8]) {
        self.routes = routes.into();
        self.aim();
    }

    /// A 2xx made this a dialog.
    pub(super) fn establish(&mut self, response: &Message) {
        self.begin(response);
        self.bye = Bye::No;
    }

    /// A response made this a dialog, perhaps an early one: its tag, target and route set.
    pub(super) fn begin(&mut self, response: &Message) {
        let tag = response.to_tag().unwrap_or_default();
        if *self.remote_tag != *tag || self.remote_tag.is_empty() {
            self.remote = response.value(HeaderName::To).unwrap_or_default().into();
            self.remote_tag = tag.into();
        }
        self.routes = route_set(response, true);
        self.retarget(response);
        self.aim();
    }

    /// A request or 2xx that refreshes the target (RFC 3261 section 12.2).
    pub(super) fn refresh(&mut self, message: &Message) {
        if self.retarget(message) {
            self.aim();
        }
    }

    /// Whether a message names another target than before, which is the target from now on.
    fn retarget(&mut self, message: &Message) -> bool {
        // Requests go to nothing else (RFC 3261 section 8.1.1.8): what is not one stays unheard.
        let Some(contact) = message.contact().filter(|contact| contact.uri.is_sip()) else {
            return false;
        };
        let target = bare(&contact.uri);
        let other = *target != *self.target;
        if other {
            self.target = target.into();
        }
        other
    }

    /// What a message of the far end says of the methods that it takes.
    pub(super) fn learn(&mut self, message: &Message, takes_update: bool) {
        if takes_update {
            self.takes_update = true;
        } else if message.value(HeaderName::Allow).is_some() {
            self.takes_update = message.allows(Method::Update);
        }
    }

    /// The far end was told this of the media: kept where only an INVITE can refresh the session.
    pub(super) fn keep_offer(&mut self, message: &Message) {
        if self.takes_update || !self.session.is_ours() {
            self.offer = None;
        } else if let Some(offer) = Offer::of(message) {
            self.offer = Some(offer);
        }
    }

    /// The caller's side of another early dialog of the same INVITE.
    pub(super) fn twin(&self, local_tag: Box<[u8]>) -> Self {
        let untagged = self.local.len() - self.local_tag.len();
        let local = self.local.get(..untagged).unwrap_or_default();
        Self {
            local: [local, &local_tag].concat().into(),
            local_tag,
            call_id: self.call_id.clone(),
            remote: self.remote.clone(),
            remote_tag: self.remote_tag.clone(),
            target: self.target.clone(),
            routes: self.routes.clone(),
            last_ack: None,
            credentials: Vec::new(),
            offer: None,
            rseq: 0,
            ..*self
        }
    }

    /// The same leg for another fork's answer to the same INVITE.
    pub(super) fn fork(&self) -> Self {
        Self {
            flow: self.flow,
            peer: self.peer,
            hop: self.peer,
            party: self.party,
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.clone(),
            local: self.local.clone(),
            remote: Box::default(),
            remote_tag: Box::default(),
            target: self.target.clone(),
            routes: Box::default(),
            pinned: self.pinned,
            local_cseq: self.local_cseq,
            remote_cseq: 0,
            last_ack: None,
            credentials: self.credentials.clone(),
            bye: Bye::Done,
            placed: self.placed,
            takes_update: false,
            without: self.without,
            session: self.session,
            offer: None,
            rseq: 0,
        }
    }

    pub(super) fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// Request-URI and Route of a request inside the dialog (RFC 3261 section 12.2.1.1). A first
    /// route without `lr` is a strict router: it takes the Request-URI, and the target goes last.
    pub(super) fn way(&self) -> (Cow<'_, [u8]>, Cow<'_, [u8]>) {
        let first = first_route(&self.routes).and_then(NameAddr::parse);
        let Some(strict) = first.filter(|route| !route.uri.params.has("lr")) else {
            return (Cow::Borrowed(&self.target), Cow::Borrowed(&self.routes));
        };
        let mut routes = Vec::with_capacity(self.routes.len() + self.target.len());
        for route in Elements::of(&self.routes).skip(1) {
            routes.extend_from_slice(route);
            routes.extend_from_slice(b", ");
        }
        routes.push(b'<');
        routes.extend_from_slice(&self.target);
        routes.push(b'>');
        (Cow::Borrowed(bare(&strict.uri)), Cow::Owned(routes))
    }

    /// Whether a request with these identifiers belongs to this dialog.
    pub(super) fn is_named_by(&self, request: &Message) -> bool {
        let to = request.to_tag();
        // Of one that we called an empty tag is not yet known until it has answered; then, and of a
        // caller, it may be that of RFC 2543.
        let from = request.from_tag().unwrap_or_default();
        !(from.is_empty() && self.placed && self.bye == Bye::Done)
            && to == Some(&*self.local_tag)
            && from == &*self.remote_tag
            && request.call_id() == &*self.call_id
    }

    /// The next hop: the first route, else the target, when that is an address of the kind from
    /// which the peer spoke; else the address from which it spoke. A name would need a resolver, and
    /// a private address behind a public one is somebody's inside of a NAT. Who has to come itself
    /// is nowhere but where it came from.
    fn aim(&mut self) {
        if self.pinned {
            return;
        }
        let route = first_route(&self.routes).and_then(NameAddr::parse).map(|route| route.uri);
        let uri = route.or_else(|| Uri::parse(&self.target));
        let Some(uri) = uri.filter(Uri::is_sip) else {
            return;
        };
        if let Some(ip) = uri.target_ip().map(|ip| ip.to_canonical())
            && may_follow(self.peer.ip().to_canonical(), ip)
        {
            let elsewhere = ip != self.peer.ip().to_canonical();
            if elsewhere && self.flow.link.far_end() == FarEnd::COMER {
                return;
            }
            let port = uri.port.unwrap_or_else(|| write::default_port(self.flow.link));
            self.flow.remote = SocketAddr::new(ip, port);
            // The connection that the dialog came over leads to its own far end only.
            if elsewhere {
                self.flow.link = self.flow.link.over_any();
            }
        }
    }
}

/// The Route of a request whose first hop is a proxy (RFC 3261 section 8.1.2).
fn route(proxy: &Proxy) -> Box<[u8]> {
    format!("<{}>", proxy.uri).into_bytes().into()
}

/// A URI as a Request-URI may hold it: without headers (RFC 3261 section 19.1.1, table 1).
pub(super) fn bare<'u>(uri: &Uri<'u>) -> &'u [u8] {
    let headers = uri.headers.len();
    let end = uri.raw.len() - headers;
    let (bare, _) = uri.raw.split_at_checked(end).unwrap_or((uri.raw, b""));
    bare.strip_suffix(b"?").unwrap_or(bare)
}

/// Whether a peer that spoke from `source` may send us to `target`.
fn may_follow(source: IpAddr, target: IpAddr) -> bool {
    if source == target {
        return true;
    }
    let reach = |ip: IpAddr| match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => 0,
        _ if ip.is_loopback() => 1,
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() || ip.is_broadcast() => 2,
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => 2,
        IpAddr::V4(_) | IpAddr::V6(_) => 3,
    };
    let (from, to) = (reach(source), reach(target));
    source.is_ipv4() == target.is_ipv4() && to > 0 && (from == to || (from == 2 && to == 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_leads_nowhere_that_its_sender_could_not_reach() {
        let follow = |source: &str, target: &str| {
            may_follow(source.parse().unwrap(), target.parse().unwrap())
        };
        assert!(follow("127.0.0.2", "127.0.0.9"));
        assert!(follow("198.51.100.1", "203.0.113.9"));
        assert!(follow("10.0.0.1", "203.0.113.9"));
        assert!(!follow("203.0.113.9", "10.0.0.1"));
        assert!(!follow("203.0.113.9", "127.0.0.1"));
        assert!(!follow("127.0.0.1", "203.0.113.9"));
        assert!(!follow("203.0.113.9", "224.0.0.1"));
        assert!(!follow("203.0.113.9", "0.0.0.0"));
        assert!(!follow("203.0.113.9", "2001:db8::1"));
    }
}
