//! The messages that we write ourselves.

use std::net::SocketAddr;

use super::context::{Context, Incoming, Owner};
use super::header_rules::{ALLOW, route_set};
use super::leg::{Leg, bare};
use super::proof::Credential;
use crate::model::Protocol;
use crate::routing::escape_user;
use crate::sip::limits::MAX_FORWARDS;
use crate::sip::{
    DEFAULT_PORT, DEFAULT_TLS_PORT, HeaderName, Message, Method, NameAddr, Scheme, Writer,
    reason_phrase,
};
use crate::transaction::{Class, ClientKey, Flow, Link, MAGIC_COOKIE, Packet, write_hex};

/// Begins a request inside (or beginning) the dialog of a leg; `key` is that of its transaction,
/// `None` for the ACK of a 2xx, which has none.
pub(super) fn request(
    ctx: &mut Context,
    leg: &Leg,
    method: Method<'_>,
    cseq: u32,
    key: Option<ClientKey>,
) -> Writer {
    let mut branch = Vec::with_capacity(40);
    match key {
        Some(key) => key.write_branch(&mut branch),
        None => {
            branch.extend_from_slice(MAGIC_COOKIE);
            write_hex(&mut branch, ctx.chance.word());
        }
    }
    let (uri, routes) = leg.way();
    let mut writer = Writer::request(method, &uri);
    via(ctx, &mut writer, leg.flow, &branch);
    if !routes.is_empty() {
        writer.route(&routes);
    }
    writer.header("From", &[&leg.local]);
    writer.header("To", &[&leg.remote]);
    writer.header("Call-ID", &[&leg.call_id]);
    writer.cseq(cseq, method);
    if method == Method::Ack {
        leg.credentials.iter().for_each(|one| writer.header(one.name, &[&one.value]));
    }
    writer
}

/// `Max-Forwards`: of a request that carries another one on, one less than that has.
pub(super) fn hops(writer: &mut Writer, carried: Option<&Message>) {
    let left = carried.map_or(MAX_FORWARDS, |carried| {
        carried.max_forwards().unwrap_or(MAX_FORWARDS).saturating_sub(1)
    });
    writer.header_number("Max-Forwards", left.into());
}

/// Our address as the far end of a flow shall see it, as a `Contact`.
pub(super) fn contact(ctx: &Context, writer: &mut Writer, flow: Flow) {
    let us = sent_by(ctx, flow);
    // Only TLS keeps what `sips:` promises, and says so by that alone (RFC 5630 section 3.1.1).
    if writer.is_sips() && flow.link.is_secure() {
        writer.header("Contact", &[b"<sips:", &us, b">"]);
    } else {
        writer.header("Contact", &[b"<sip:", &us, parameter(ctx, flow), b">"]);
    }
}

/// What our URI says of the transport; UDP is what is meant when nothing is said.
fn parameter(ctx: &Context, flow: Flow) -> &'static [u8] {
    match ctx.listeners.protocol(flow.transport) {
        Protocol::Udp => b"",
        Protocol::Tcp => b";transport=tcp",
        Protocol::Tls => b";transport=tls",
    }
}

/// An OPTIONS outside any dialog.
pub(super) fn probe(ctx: &mut Context, flow: Flow, target: &str, key: ClientKey) -> Packet {
    let mut branch = Vec::with_capacity(40);
    key.write_branch(&mut branch);
    let us = sent_by(ctx, flow);
    let tag = format!("{:x}", ctx.chance.word());
    let mut writer = Writer::request(Method::Options, target.as_bytes());
    via(ctx, &mut writer, flow, &branch);
    writer.header_number("Max-Forwards", MAX_FORWARDS.into());
    writer.header("From", &[b"<sip:", host_of(&us), b">;tag=", tag.as_bytes()]);
    writer.header("To", &[b"<", target.as_bytes(), b">"]);
    writer.header("Call-ID", &[&call_id(ctx)]);
    writer.header("CSeq", &[b"1 OPTIONS"]);
    contact(ctx, &mut writer, flow);
    writer.header("Accept", &[b"application/sdp"]);
    writer.finish(b"").into()
}

/// What stands in a REGISTER of ours.
pub(super) struct Register<'a> {
    pub(super) domain: &'a str,
    /// Of a proxy on the way, or empty.
    pub(super) route: &'a str,
    pub(super) user: &'a str,
    pub(super) tag: &'a [u8],
    pub(super) call_id: &'a [u8],
    pub(super) cseq: u32,
    /// 0 takes the binding back.
    pub(super) expires: u32,
}

/// A REGISTER (RFC 3261 section 10.2).
pub(super) fn register(
    ctx: &mut Context,
    flow: Flow,
    what: &Register<'_>,
    key: ClientKey,
) -> Packet {
    let mut branch = Vec::with_capacity(40);
    key.write_branch(&mut branch);
    let registrar = format!("sip:{}", what.domain);
    let own = format!("<sip:{}@{}>", escape_user(what.user), what.domain);
    let mut writer = Writer::request(Method::Register, registrar.as_bytes());
    via(ctx, &mut writer, flow, &branch);
    if !what.route.is_empty() {
        writer.header("Route", &[what.route.as_bytes()]);
    }
    writer.header_number("Max-Forwards", MAX_FORWARDS.into());
    writer.header("From", &[own.as_bytes(), b";tag=", what.tag]);
    writer.header("To", &[own.as_bytes()]);
    writer.header("Call-ID", &[what.call_id]);
    writer.cseq(what.cseq, Method::Register);
    writer.header("Contact", &[b"<", &own_uri(ctx, flow, what.user), b">"]);
    writer.header_number("Expires", what.expires);
    writer.header("Supported", &[b"path"]);
    writer.header("Allow", &[ALLOW]);
    writer.finish(b"").into()
}

/// Our address with a user of ours.
pub(super) fn own_uri(ctx: &Context, flow: Flow, user: &str) -> Vec<u8> {
    let user = escape_user(user);
    [b"sip:", user.as_bytes(), b"@", &sent_by(ctx, flow), parameter(ctx, flow)].concat()
}

/// Begins the response to a request, with the standard phrase; `tag` may be empty only when the
/// request has a To tag of its own.
pub(super) fn response(incoming: &Incoming, code: u16, tag: &[u8]) -> Writer {
    let phrase = reason_phrase(code).as_bytes();
    let tag = Some(tag).filter(|tag| !tag.is_empty());
    Writer::response_to(&incoming.message, incoming.flow.remote, code, phrase, tag)
}

/// A response of ours without a body: with `Allow` where that helps.
pub(super) fn answer(incoming: &Incoming, code: u16, tag: &[u8]) -> Vec<u8> {
    let mut writer = response(incoming, code, tag);
    if matches!(code, 200 | 405 | 501) && incoming.message.method() != Method::Bye {
        writer.header("Allow", &[ALLOW]);
    }
    writer.finish(b"")
}

/// Where responses to a request go.
pub(super) fn reply_flow(message: &Message, flow: Flow) -> Flow {
    let via = message.via();
    let remote: SocketAddr = match flow.link {
        Link::Datagram => via.response_target(flow.remote),
        // Over the connection that the request came on, else to where its sender listens
        // (RFC 3261 section 18.2.2); the port it sent from takes no connections.
        Link::Stream(_) | Link::Secure(..) => {
            SocketAddr::new(flow.remote.ip(), via.port.unwrap_or_else(|| default_port(flow.link)))
        }
    };
    Flow { remote, ..flow }
}

/// The port that is meant where none is said.
pub(super) fn default_port(link: Link) -> u16 {
    match link {
        Link::Datagram | Link::Stream(_) => DEFAULT_PORT,
        Link::Secure(..) => DEFAULT_TLS_PORT,
    }
}

/// The ACK of a failure (RFC 3261 section 17.1.1.3), from our INVITE and the response.
pub(super) fn ack_of_failure(invite: &[u8], response: &Message) -> Option<Packet> {
    let to = response.value(HeaderName::To)?;
    from_invite(invite, Method::Ack, to, None)
}

/// The CANCEL of our INVITE (section 9.1).
pub(super) fn cancel(invite: &[u8], why: Option<&[u8]>) -> Option<Packet> {
    from_invite(invite, Method::Cancel, own_value(invite, "To")?, why)
}

/// Same Request-URI, top Via, Route, From, Call-ID and CSeq number as the INVITE. It is not parsed
/// anew: with our headers beside those that passed, it may lie beyond what we let in.
fn from_invite(invite: &[u8], method: Method<'_>, to: &[u8], why: Option<&[u8]>) -> Option<Packet> {
    let uri = invite.strip_prefix(b"INVITE ")?.split(|byte| *byte == b' ').next()?;
    let mut writer = Writer::request(method, uri);
    for name in ["Via", "Route", "From", "Call-ID"] {
        if let Some(value) = own_value(invite, name) {
            writer.header(name, &[value]);
        }
    }
    writer.header("To", &[to]);
    writer.header_number("Max-Forwards", MAX_FORWARDS.into());
    let number = own_value(invite, "CSeq")?.strip_suffix(b"INVITE")?;
    writer.header("CSeq", &[number, method.as_bytes()]);
    why.into_iter().for_each(|why| writer.header("Reason", &[why]));
    Some(writer.finish(b"").into())
}

/// The ACK and the BYE of a 2xx whose call is over. Both are written from the response alone (RFC 3261
/// section 13.2.2.4): without the ACK it would be repeated for 32 s, and without the BYE who answered
/// late would wait for somebody. In a dialog that is over already the BYE gets a 481; it is sent for the
/// `first` of equal ones.
pub(super) fn acknowledge_late(
    ctx: &mut Context,
    owner: Owner,
    (response, flow): (&Message, Flow),
    first: bool,
) {
    let Some(contact) = response.contact() else { return };
    let routes = route_set(response, true);
    let write = |ctx: &Context, method: Method<'_>, cseq: u32, branch: &[u8]| {
        let mut writer = Writer::request(method, bare(&contact.uri));
        via(ctx, &mut writer, flow, branch);
        if !routes.is_empty() {
            writer.header("Route", &[&routes]);
        }
        for (name, text) in
            [(HeaderName::From, "From"), (HeaderName::To, "To"), (HeaderName::CallId, "Call-ID")]
        {
            writer.header(text, &[response.value(name).unwrap_or_default()]);
        }
        writer.cseq(cseq, method);
        hops(&mut writer, None);
        writer.finish(b"")
    };
    let number = response.cseq().number;
    let mut branch = MAGIC_COOKIE.to_vec();
    write_hex(&mut branch, ctx.chance.word());
    let ack = write(ctx, Method::Ack, number, &branch);
    ctx.send(flow, ack.into(), Some(owner));
    if !first {
        return;
    }
    let opened = ctx.transactions.open_client(Class::Other, flow, owner, &mut ctx.chance);
    if let Ok(key) = opened {
        branch.clear();
        key.write_branch(&mut branch);
        let bye = write(ctx, Method::Bye, number.saturating_add(1), &branch);
        ctx.start(key, flow, bye.into());
    }
}

/// A request of ours once more: with a branch and a CSeq of its own, and with credentials in place of
/// any that it had for the same.
pub(super) fn again(
    packet: &[u8],
    key: ClientKey,
    cseq: u32,
    credentials: &[Credential],
) -> Packet {
    const BRANCH: &[u8] = b";branch=";
    let head = memchr::memmem::find(packet, b"\r\n\r\n").unwrap_or(packet.len());
    let (head, body) = packet.split_at_checked(head).unwrap_or((packet, b""));
    let mut out = Vec::with_capacity(packet.len() + 512);
    let mut vias = 0;
    // A fold stays behind the line that it continues: both are copied in turn.
    for line in split_lines(head) {
        let is = |name: &str| {
            line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b": "))
        };
        if credentials.iter().any(|one| is(one.name)) {
            continue;
        }
        if !out.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
        let branch = memchr::memmem::find(line, BRANCH).filter(|_| is("Via") && vias == 0);
        vias += usize::from(is("Via"));
        if let Some((before, rest)) = branch.and_then(|at| line.split_at_checked(at)) {
            let rest = rest.get(BRANCH.len()..).unwrap_or_default();
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            out.extend_from_slice(before);
            out.extend_from_slice(BRANCH);
            key.write_branch(&mut out);
            out.extend_from_slice(rest.get(end..).unwrap_or_default());
        } else if is("CSeq") {
            let method = line.iter().rposition(|byte| *byte == b' ').unwrap_or_default();
            out.extend_from_slice(format!("CSeq: {cseq}").as_bytes());
            out.extend_from_slice(line.get(method..).unwrap_or_default());
            for Credential { name, value } in credentials {
                out.extend_from_slice(format!("\r\n{name}: ").as_bytes());
                out.extend_from_slice(value);
            }
        } else {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(body);
    out.into()
}

fn split_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(end) = memchr::memmem::find(text, b"\r\n") else { return Some(text) };
        rest = text.get(end + 2..);
        text.get(..end)
    })
}

/// The value of a header that we wrote into a message of ours: one line, our spelling of the name,
/// and no other line has that name, because what names hop or dialog never passes.
pub(super) fn own_value<'m>(message: &'m [u8], name: &str) -> Option<&'m [u8]> {
    let mut rest = message;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\r')?;
        let (line, tail) = rest.split_at_checked(end)?;
        if line.is_empty() {
            return None;
        }
        let value = line.strip_prefix(name.as_bytes()).and_then(|line| line.strip_prefix(b": "));
        if value.is_some() {
            return value;
        }
        rest = tail.strip_prefix(b"\r\n")?;
    }
}

/// The To tag of a response of ours.
pub(super) fn own_tag(packet: &[u8]) -> Option<&[u8]> {
    let to = own_value(packet, "To")?;
    let at = memchr::memmem::rfind(to, b";tag=")?;
    to.get(at + b";tag=".len()..)?.split(|byte| *byte == b';').next()
}

/// Whether a message of ours says of which dialog it is.
pub fn names_dialog(packet: &[u8]) -> bool {
    let to = own_value(packet, "To").unwrap_or_default();
    memchr::memmem::find(to, b";tag=").is_some()
}

/// A new Call-ID: 128 bits, no host, so that it tells nothing.
pub(super) fn call_id(ctx: &mut Context) -> Box<[u8]> {
    let mut id = Vec::with_capacity(32);
    ctx.chance.write_word(&mut id);
    ctx.chance.write_word(&mut id);
    id.into()
}

/// The caller as the other side shall see it: name and user kept, the host ours; `anonymous.invalid`
/// (RFC 3323) stays.
pub(super) fn caller(ctx: &Context, flow: Flow, from: &NameAddr<'_>, tag: &[u8]) -> Box<[u8]> {
    let us = sent_by(ctx, flow);
    let anonymous = from.uri.host.eq_ignore_ascii_case(b"anonymous.invalid");
    let host = if anonymous { from.uri.host } else { host_of(&us) };
    let mut value = Vec::with_capacity(96);
    if !from.display.is_empty() {
        value.extend_from_slice(from.display);
        value.push(b' ');
    }
    value.extend_from_slice(b"<sip:");
    if let Some(user) = from.uri.user.filter(|user| !user.is_empty()) {
        let visual = |byte: &u8| {
            from.uri.scheme != Scheme::Tel || !matches!(byte, b'-' | b'.' | b'(' | b')')
        };
        value.extend(user.iter().copied().filter(visual));
        value.push(b'@');
    }
    value.extend_from_slice(host);
    value.extend_from_slice(b">;tag=");
    value.extend_from_slice(tag);
    value.into()
}

fn via(ctx: &Context, writer: &mut Writer, flow: Flow, branch: &[u8]) {
    let us = sent_by(ctx, flow);
    let protocol: &[u8] = match ctx.listeners.protocol(flow.transport) {
        Protocol::Udp => b"SIP/2.0/UDP ",
        Protocol::Tcp => b"SIP/2.0/TCP ",
        Protocol::Tls => b"SIP/2.0/TLS ",
    };
    writer.header("Via", &[protocol, &us, b";branch=", branch, b";rport"]);
}

/// A request of ours as it goes over a connection instead: our `Via`, which comes first, says so.
pub(super) fn over_stream(ctx: &Context, flow: Flow, packet: &[u8]) -> Option<Packet> {
    const OWN: &[u8] = b"\r\nVia: SIP/2.0/UDP ";
    let at = memchr::memmem::find(packet, OWN)?;
    let (head, tail) = packet.split_at_checked(at)?;
    let parameters = memchr::memchr(b';', tail).and_then(|at| tail.get(at..))?;
    Some([head, b"\r\nVia: SIP/2.0/TCP ", &sent_by(ctx, flow), parameters].concat().into())
}

fn sent_by(ctx: &Context, flow: Flow) -> Vec<u8> {
    let mut text = Vec::with_capacity(48);
    ctx.listeners.print(flow.transport, flow.remote.ip(), &mut text);
    text
}

/// `host:port` without its port.
fn host_of(sent_by: &[u8]) -> &[u8] {
    let colon = sent_by.iter().rposition(|byte| *byte == b':').unwrap_or(sent_by.len());
    sent_by.get(..colon).unwrap_or(sent_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_beyond_the_limits_has_its_ack_and_its_cancel() {
        let mut writer = Writer::request(Method::Invite, b"sip:1000@192.0.2.9");
        writer.header("Via", &[b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1"]);
        writer.header("From", &[&[b'a'; 9000], b" <sip:a@192.0.2.1>;tag=1"]);
        writer.header("To", &[b"<sip:1000@192.0.2.9>"]);
        writer.header("Call-ID", &[b"c"]);
        writer.header("CSeq", &[b"7 INVITE"]);
        (0..200).for_each(|number| writer.header_number("X-Any", number));
        let invite = writer.finish(b"\r\nVia: none\r\n");
        Message::parse_datagram(&invite).unwrap_err();
        let packet = cancel(&invite, None).unwrap();
        let text = String::from_utf8(packet.to_vec()).unwrap();
        assert!(text.starts_with("CANCEL sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: aaa"), "{text}");
        assert!(text.contains("\r\nTo: <sip:1000@192.0.2.9>\r\n"), "{text}");
        assert!(text.contains("\r\nCSeq: 7 CANCEL\r\n"), "{text}");
        let refusal = b"SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>;tag=2\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n";
        let refusal = Message::parse_datagram(refusal).unwrap();
        let packet = ack_of_failure(&invite, &refusal).unwrap();
        let text = String::from_utf8(packet.to_vec()).unwrap();
        assert!(text.starts_with("ACK sip:1000@192.0.2.9 SIP/2.0\r\n"), "{text}");
        assert!(text.contains("\r\nTo: <sip:x@y>;tag=2\r\n"), "{text}");
        assert!(text.contains("\r\nCSeq: 7 ACK\r\n"), "{text}");
    }
}
