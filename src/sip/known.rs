//! Where the parts of those headers lie that every message has and that everybody asks for: they are
//! taken apart once, when the message is checked, and sliced from then on.

use std::num::NonZeroU16;

use super::name_addr::NameAddr;
use super::params::Params;
use super::uri::{Scheme, Uri};
use super::via::Via;

/// A stretch of a message; [`super::limits::MESSAGE_BYTES`] makes its ends fit. Only the start line
/// begins at 0, so that an absent one takes no more room.
#[derive(Debug, Clone, Copy)]
struct Span {
    at: NonZeroU16,
    end: u16,
}

impl Span {
    /// Where `part`, a slice of `whole`, lies; nothing when it is none.
    fn of(whole: &[u8], part: &[u8]) -> Option<Self> {
        let at = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        let at = u16::try_from(at).ok().and_then(NonZeroU16::new)?;
        let end = at.get().checked_add(u16::try_from(part.len()).ok()?)?;
        (usize::from(end) <= whole.len()).then_some(Self { at, end })
    }

    fn part(self, whole: &[u8]) -> &[u8] {
        whole.get(usize::from(self.at.get())..usize::from(self.end)).unwrap_or_default()
    }
}

/// What a span shows; empty for none.
fn part(span: Option<Span>, whole: &[u8]) -> &[u8] {
    span.map_or(b"", |span| span.part(whole))
}

/// Where one address lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AddressAt {
    display: Option<Span>,
    uri: Option<Span>,
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    host: Option<Span>,
    port: Option<u16>,
    uri_params: Option<Span>,
    headers: Option<Span>,
    params: Option<Span>,
    tag: Option<Span>,
}

impl AddressAt {
    pub(super) fn of(whole: &[u8], address: &NameAddr<'_>) -> Self {
        let at = |part: &[u8]| Span::of(whole, part);
        let uri = &address.uri;
        Self {
            display: at(address.display),
            uri: at(uri.raw),
            scheme: uri.scheme,
            user: uri.user.and_then(at),
            password: uri.password.and_then(at),
            host: at(uri.host),
            port: uri.port,
            uri_params: at(uri.params.as_bytes()),
            headers: at(uri.headers),
            params: at(address.params.as_bytes()),
            tag: address.tag.and_then(at),
        }
    }

    pub(super) fn address(self, whole: &[u8]) -> NameAddr<'_> {
        NameAddr {
            display: part(self.display, whole),
            uri: Uri {
                raw: part(self.uri, whole),
                scheme: self.scheme,
                user: self.user.map(|span| span.part(whole)),
                password: self.password.map(|span| span.part(whole)),
                host: part(self.host, whole),
                port: self.port,
                params: Params::unchecked(part(self.uri_params, whole)),
                headers: part(self.headers, whole),
            },
            params: Params::unchecked(part(self.params, whole)),
            tag: self.tag(whole),
        }
    }

    pub(super) fn tag(self, whole: &[u8]) -> Option<&[u8]> {
        self.tag.map(|span| span.part(whole))
    }
}

/// Where the topmost `Via` lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ViaAt {
    transport: Option<Span>,
    host: Option<Span>,
    port: Option<u16>,
    params: Option<Span>,
    branch: Option<Span>,
    rport: bool,
    rest: Option<Span>,
}

impl ViaAt {
    pub(super) fn of(whole: &[u8], via: &Via<'_>, rest: &[u8]) -> Self {
        let at = |part: &[u8]| Span::of(whole, part);
        Self {
            transport: at(via.transport),
            host: at(via.host),
            port: via.port,
            params: at(via.params.as_bytes()),
            branch: via.branch.and_then(at),
            rport: via.rport,
            rest: at(rest),
        }
    }

    pub(super) fn via(self, whole: &[u8]) -> Via<'_> {
        Via {
            transport: part(self.transport, whole),
            host: part(self.host, whole),
            port: self.port,
            params: Params::unchecked(part(self.params, whole)),
            branch: self.branch(whole),
            rport: self.rport,
        }
    }

    pub(super) fn branch(self, whole: &[u8]) -> Option<&[u8]> {
        self.branch.map(|span| span.part(whole))
    }

    /// What follows it on its line: nothing, or a comma and more.
    pub(super) fn rest(self, whole: &[u8]) -> &[u8] {
        part(self.rest, whole)
    }
}

/// Where the headers of one message lie that are asked for time and again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) via: ViaAt,
    pub(super) from: AddressAt,
    pub(super) to: AddressAt,
    /// Of the first `Contact` line, when that is one address and no more.
    pub(super) contact: Option<AddressAt>,
}
