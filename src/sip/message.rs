//! A parsed message: one shared buffer and an index of its header lines. Everything typed is sliced
//! from the buffer on demand; nothing is copied.

use std::sync::Arc;

use super::known::Known;
use super::method::Method;
use super::name::HeaderName;
use super::name_addr::{Contacts, NameAddr, NameAddrs};
use super::parse_error::ParseError;
use super::scan::{Elements, number, trim_start};
use super::uri::Uri;
use super::via::Via;

/// A SIP request or response that passed every check of [`Message::parse_datagram`]: the mandatory
/// headers are there and well-formed, so their accessors always give a value. A clone shares the
/// buffer.
#[derive(Clone)]
pub struct Message {
    pub(crate) buffer: Arc<[u8]>,
    pub(crate) lines: Arc<[Line]>,
    pub(crate) start: Start,
    pub(super) known: Known,
    pub(crate) cseq: u32,
    pub(crate) body_at: u16,
}

/// Where one header line, with its folds and its line end, lies in the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) name: HeaderName,
    pub(crate) at: u16,
    pub(crate) name_end: u16,
    pub(crate) value_at: u16,
    pub(crate) value_end: u16,
    pub(crate) end: u16,
}

/// Where the parts of the start line lie; its method begins the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    Request { method_end: u16, uri_end: u16 },
    Response { code: u16, reason_at: u16, reason_end: u16 },
}

/// One header line.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// The name, if it is one that we know.
    pub name: HeaderName,
    /// The name as on the wire.
    pub wire_name: &'a [u8],
    /// The value without white space at its ends; folds inside are kept.
    pub value: &'a [u8],
    /// The whole line with its line end, byte for byte.
    pub line: &'a [u8],
}

/// `CSeq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// At most 2^31 - 1.
    pub number: u32,
    /// The same as the request's.
    pub method: Method<'a>,
}

impl Message {
    /// Parses one UDP datagram. Bytes beyond its `Content-Length` are dropped; without that header
    /// the body is the rest (RFC 3261 section 18.3). Allocates the buffer and the index, nothing else.
    pub fn parse_datagram(datagram: &[u8]) -> Result<Self, ParseError> {
        super::parse::datagram(datagram).map_err(|reason| ParseError::of(reason, datagram))
    }

    /// Whether it is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method: of a request its own, of a response that of its `CSeq`.
    pub fn method(&self) -> Method<'_> {
        match self.start {
            Start::Request { method_end, .. } => Method::of(self.slice(0, method_end)),
            Start::Response { .. } => self.cseq().method,
        }
    }

    /// The Request-URI as on the wire; empty for a response.
    pub fn request_uri_bytes(&self) -> &[u8] {
        match self.start {
            Start::Request { method_end, uri_end } => self.slice(method_end + 1, uri_end),
            Start::Response { .. } => b"",
        }
    }

    /// The Request-URI; an empty URI for a response.
    pub fn request_uri(&self) -> Uri<'_> {
        Uri::parse(self.request_uri_bytes()).unwrap_or_default()
    }

    /// The status code, 100 to 699; nothing for a request.
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { code, .. } => Some(code),
        }
    }

    /// The reason phrase, which may be empty; empty for a request.
    pub fn reason_phrase(&self) -> &[u8] {
        match self.start {
            Start::Request { .. } => b"",
            Start::Response { reason_at, reason_end, .. } => self.slice(reason_at, reason_end),
        }
    }

    /// Every header line, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.lines.iter().map(|line| self.header_at(line))
    }

    /// The value of the first line of `name`.
    pub fn value(&self, name: HeaderName) -> Option<&[u8]> {
        let line = self.lines.iter().find(|line| line.name == name)?;
        Some(self.slice(line.value_at, line.value_end))
    }

    /// The value of the first line whose wire name is `name` in any case, for names that
    /// [`HeaderName`] does not list.
    pub fn value_of(&self, name: &str) -> Option<&[u8]> {
        let same = |header: &Header<'_>| header.wire_name.eq_ignore_ascii_case(name.as_bytes());
        self.headers().find(same).map(|header| header.value)
    }

    /// The elements of a comma-separated header over all its lines, in order.
    pub fn values(&self, name: HeaderName) -> Values<'_> {
        Values { message: self, name, next: 0, elements: None }
    }

    /// The topmost `Via`.
    pub fn via(&self) -> Via<'_> {
        self.known.via.via(&self.buffer)
    }

    /// The branch of the topmost `Via`; nothing from elements older than RFC 3261.
    pub fn branch(&self) -> Option<&[u8]> {
        self.known.via.branch(&self.buffer)
    }

    /// What follows the topmost `Via` on its line: nothing, or a comma and more.
    pub(super) fn rest_of_via(&self) -> &[u8] {
        self.known.via.rest(&self.buffer)
    }

    /// How many `Via` values there are, over all lines.
    pub fn via_count(&self) -> usize {
        self.values(HeaderName::Via).count()
    }

    /// `From`.
    pub fn from(&self) -> NameAddr<'_> {
        self.known.from.address(&self.buffer)
    }

    /// The tag of `From`, when there is one.
    pub fn from_tag(&self) -> Option<&[u8]> {
        self.known.from.tag(&self.buffer)
    }

    /// `To`.
    pub fn to(&self) -> NameAddr<'_> {
        self.known.to.address(&self.buffer)
    }

    /// The tag of `To`, when there is one: then the message stands inside a dialog.
    pub fn to_tag(&self) -> Option<&[u8]> {
        self.known.to.tag(&self.buffer)
    }

    /// `Call-ID`.
    pub fn call_id(&self) -> &[u8] {
        self.value(HeaderName::CallId).unwrap_or_default()
    }

    /// `CSeq`.
    pub fn cseq(&self) -> CSeq<'_> {
        let value = self.value(HeaderName::CSeq).unwrap_or_default();
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let method = trim_start(value.get(digits..).unwrap_or_default());
        CSeq { number: self.cseq, method: Method::of(method) }
    }

    /// `Contact`, if there is one.
    pub fn contacts(&self) -> Option<Contacts<'_>> {
        Some(match self.value(HeaderName::Contact)? {
            b"*" => Contacts::Star,
            _ => Contacts::List(self.addresses(HeaderName::Contact)),
        })
    }

    /// The first address of `Contact`, the remote target of a dialog; nothing for `*`.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        match self.known.contact {
            Some(contact) => Some(contact.address(&self.buffer)),
            None => self.addresses(HeaderName::Contact).next(),
        }
    }

    /// `Route`, topmost first.
    pub fn routes(&self) -> NameAddrs<'_> {
        self.addresses(HeaderName::Route)
    }

    /// `Record-Route`, topmost first.
    pub fn record_routes(&self) -> NameAddrs<'_> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// The addresses of any header that holds them (`P-Asserted-Identity`, `Diversion`, `Path`).
    pub fn addresses(&self, name: HeaderName) -> NameAddrs<'_> {
        NameAddrs { values: self.values(name) }
    }

    /// `Max-Forwards`.
    pub fn max_forwards(&self) -> Option<u8> {
        u8::try_from(number(self.value(HeaderName::MaxForwards)?)?).ok()
    }

    /// `Expires` in seconds; a number beyond 32 bits counts as the largest one.
    pub fn expires(&self) -> Option<u32> {
        seconds(self.value(HeaderName::Expires)?)
    }

    /// `Retry-After` in seconds, without its comment and parameters.
    pub fn retry_after(&self) -> Option<u32> {
        seconds(self.value(HeaderName::RetryAfter)?)
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &[u8] {
        self.buffer.get(usize::from(self.body_at)..).unwrap_or_default()
    }

    /// The whole message as received, without what followed its body.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The same, shared: to keep it without a copy.
    pub fn packet(&self) -> Arc<[u8]> {
        self.buffer.clone()
    }

    fn header_at(&self, line: &Line) -> Header<'_> {
        Header {
            name: line.name,
            wire_name: self.slice(line.at, line.name_end),
            value: self.slice(line.value_at, line.value_end),
            line: self.slice(line.at, line.end),
        }
    }

    fn slice(&self, at: u16, end: u16) -> &[u8] {
        self.buffer.get(usize::from(at)..usize::from(end)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.buffer.escape_ascii())
    }
}

/// The elements of a comma-separated header over all its lines.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    message: &'a Message,
    name: HeaderName,
    next: usize,
    elements: Option<Elements<'a>>,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(element) = self.elements.as_mut().and_then(Iterator::next) {
                return Some(element);
            }
            let mut rest = self.message.lines.iter().enumerate().skip(self.next);
            let (index, line) = rest.find(|(_, line)| line.name == self.name)?;
            self.next = index + 1;
            let value = self.message.slice(line.value_at, line.value_end);
            self.elements = Some(Elements::of(value));
        }
    }
}

/// The number at the start of `value`, saturating.
fn seconds(value: &[u8]) -> Option<u32> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = value.get(..digits).filter(|digits| !digits.is_empty())?;
    Some(number(digits).unwrap_or(u32::MAX))
}
