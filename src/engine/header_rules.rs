//! What passes from one dialog to the other. Everything that names a hop, a dialog or a credential
//! stays; what we do not know passes.

use super::context::Party;
use crate::model::Passage;
use crate::routing::Table;
use crate::sip::{Elements, Header, HeaderName, Message, Method, Writer};

/// The methods that we take, as in `Allow`.
pub(super) const ALLOW: &[u8] =
    b"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY, MESSAGE";

/// The event packages that we know, as in `Allow-Events`.
pub(super) const ALLOW_EVENTS: &[u8] = b"refer";

/// The `Allow` of a refusal: what is taken inside a dialog only is not taken here.
pub(super) fn allowed_but(method: Method<'_>) -> Vec<u8> {
    let others = Elements::of(ALLOW).filter(|one| *one != method.as_bytes());
    others.collect::<Vec<_>>().join(&b", "[..])
}

/// Option tags whose mechanism works through two dialogs untouched. Everything else (`100rel`,
/// `replaces`, `path`, `gruu`, …) speaks of one dialog or one hop.
const OPTION_TAGS: [&[u8]; 5] = [b"histinfo", b"privacy", b"ice", b"uui", b"resource-priority"];

/// Option tags that we do ourselves, on each leg.
const OWN_TAGS: [&[u8]; 1] = [b"timer"];
const OWN_TAGS_OF_INVITE: [&[u8]; 3] = [b"timer", b"100rel", b"replaces"];
const OWN_TAGS_OF_REGISTER: [&[u8]; 1] = [b"path"];

/// Headers without a [`HeaderName`] of their own that stay.
const STAY: [&str; 9] = [
    "Target-Dialog",
    "Join",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Flow-Timer",
    "P-Charging-Vector",
    "P-Visited-Network-ID",
    "Max-Breadth",
];

/// Whether a header passes as it is.
fn passes(header: &Header<'_>) -> bool {
    use HeaderName as N;
    match header.name {
        // The hop and the dialog; each leg has its own.
        N::Via | N::Route | N::RecordRoute | N::Path | N::ServiceRoute | N::Contact => false,
        N::CallId | N::CSeq | N::From | N::To | N::MaxForwards | N::ContentLength => false,
        N::SessionExpires | N::MinSe => false,
        N::Timestamp | N::RSeq | N::RAck | N::Replaces => false,
        // But in a REFER that is handed on.
        N::ReferTo | N::ReferredBy => false,
        // What we can do is ours to say.
        N::Allow | N::AllowEvents | N::Supported | N::Require | N::ProxyRequire => false,
        // Credentials are between one peer and us.
        N::Authorization | N::ProxyAuthorization | N::AuthenticationInfo => false,
        N::WwwAuthenticate | N::ProxyAuthenticate => false,
        // They tell what equipment stands behind us.
        N::UserAgent | N::Server | N::Warning => false,
        N::Other => !STAY.iter().any(|name| header.wire_name.eq_ignore_ascii_case(name.as_bytes())),
        N::ContentType | N::ContentEncoding | N::ContentDisposition | N::Expires => true,
        N::MinExpires | N::RetryAfter | N::Unsupported => true,
        N::Event | N::Accept | N::AcceptContact | N::RejectContact => true,
        N::RequestDisposition | N::PAssertedIdentity | N::PPreferredIdentity => true,
        N::RemotePartyId | N::Privacy | N::Diversion | N::HistoryInfo | N::Identity => true,
        N::IdentityInfo | N::Reason | N::Subject | N::Date | N::AlertInfo | N::CallInfo => true,
    }
}

/// What of one message stays besides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Without {
    /// The event: it has another id on the other side.
    pub(super) event: bool,
    /// What describes the body.
    pub(super) body: bool,
    /// Who diverted the call before it came here.
    pub(super) diversion: bool,
    /// Where the call was before.
    pub(super) history: bool,
}

impl Without {
    /// What stays of everything that passes between two sides, as either one's trunk wants it.
    pub(super) fn between(table: &Table, sides: [Option<Party>; 2]) -> Self {
        let mut without = Self::default();
        for side in sides.into_iter().flatten() {
            let Party::Trunk(trunk) = side else { continue };
            let Some(entry) = table.trunk(trunk) else { continue };
            without.diversion |= entry.spec.diversion == Passage::Remove;
            without.history |= entry.spec.history_info == Passage::Remove;
        }
        without
    }

    fn holds(self, header: &Header<'_>) -> bool {
        let Self { event, body, diversion, history } = self;
        (event && header.name == HeaderName::Event)
            || (body && describes_body(header))
            || (diversion && header.name == HeaderName::Diversion)
            || (history && header.name == HeaderName::HistoryInfo)
    }

    /// Whether an option tag stays that would ask for what stays.
    fn holds_tag(self, tag: &[u8]) -> bool {
        self.history && tag.eq_ignore_ascii_case(b"histinfo")
    }
}

fn describes_body(header: &Header<'_>) -> bool {
    let known =
        [HeaderName::ContentType, HeaderName::ContentEncoding, HeaderName::ContentDisposition];
    let is = |name: &&str| header.wire_name.eq_ignore_ascii_case(name.as_bytes());
    known.contains(&header.name) || (header.name == HeaderName::Other && OF_BODY.iter().any(is))
}

/// Headers without a [`HeaderName`] of their own that describe the body.
const OF_BODY: [&str; 3] = ["Content-Language", "Content-ID", "MIME-Version"];

/// Copies what passes, and the option tags that pass.
pub(super) fn relay(writer: &mut Writer, message: &Message, without: Without) {
    let refers = message.method() == Method::Refer && message.is_request();
    writer.copy_where(message, |header| {
        let refer = matches!(header.name, HeaderName::ReferTo | HeaderName::ReferredBy);
        (passes(header) && !without.holds(header)) || (refer && refers)
    });
    for (name, text) in [(HeaderName::Supported, "Supported"), (HeaderName::Require, "Require")] {
        let passes = |tag: &&[u8]| is_relayed(tag) && !without.holds_tag(tag);
        let mut tags = message.values(name).filter(passes).peekable();
        if tags.peek().is_some() {
            writer.header(text, &[&join(tags)]);
        }
    }
}

/// The tags of `Require` and `Proxy-Require` that we cannot satisfy, joined; empty for none.
pub(super) fn unsupported(message: &Message) -> Vec<u8> {
    let required = message.values(HeaderName::Require);
    let of_proxies = message.values(HeaderName::ProxyRequire);
    let method = message.method();
    let own: &[&[u8]] = if method == Method::Invite {
        &OWN_TAGS_OF_INVITE
    } else if method == Method::Register {
        &OWN_TAGS_OF_REGISTER
    } else {
        &OWN_TAGS
    };
    let is_unknown = |tag: &&[u8]| !tag.is_empty() && !is_relayed(tag) && !is_one_of(own, tag);
    join(required.chain(of_proxies).filter(is_unknown))
}

/// Whether there is a `Replaces` too many: it stands in an INVITE, once (RFC 3891 section 3).
pub(super) fn misplaces(message: &Message) -> bool {
    let most = usize::from(message.method() == Method::Invite);
    message.values(HeaderName::Replaces).nth(most).is_some()
}

fn is_relayed(tag: &[u8]) -> bool {
    is_one_of(&OPTION_TAGS, tag)
}

fn is_one_of(tags: &[&[u8]], tag: &[u8]) -> bool {
    tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
}

fn join<'a>(tags: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut joined = Vec::new();
    for tag in tags {
        if !joined.is_empty() {
            joined.extend_from_slice(b", ");
        }
        joined.extend_from_slice(tag);
    }
    joined
}

/// The values of a header, joined.
pub(super) fn joined(message: &Message, name: HeaderName) -> Box<[u8]> {
    join(message.values(name)).into()
}

/// The values of a header that holds addresses, joined, in order or turned round (route sets).
pub(super) fn route_set(message: &Message, turned: bool) -> Box<[u8]> {
    if message.value(HeaderName::RecordRoute).is_none() {
        return Box::default();
    }
    let mut routes: Vec<&[u8]> = message.values(HeaderName::RecordRoute).collect();
    if turned {
        routes.reverse();
    }
    join(routes.into_iter()).into()
}

/// The first of a joined route set.
pub(super) fn first_route(routes: &[u8]) -> Option<&[u8]> {
    Elements::of(routes).next().filter(|route| !route.is_empty())
}
