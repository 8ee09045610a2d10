//! One-pass writing: a start line, headers by parts, copied headers byte for byte, a body with its
//! right length. No value that is handed in can end its line and begin another.

use std::fmt;
use std::net::SocketAddr;

use super::digits::{put_decimal, put_host, put_ip};
use super::message::{Header, Message};
use super::method::Method;
use super::name::HeaderName;
use super::name_addr::NameAddr;
use super::scan::Elements;
use super::via::Via;

/// Writes one message into a buffer. `Content-Length` and the body come with [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    sips: bool,
}

fn is_sips(uri: &[u8]) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"))
}

fn is_sips_address(address: &[u8]) -> bool {
    NameAddr::parse(address).is_some_and(|address| is_sips(address.uri.raw))
}

/// Enough for an INVITE with its SDP, so that writing rarely grows the buffer.
const USUAL_BYTES: usize = 2048;

impl Writer {
    /// Begins a request.
    pub fn request(method: Method<'_>, uri: &[u8]) -> Self {
        let sips = is_sips(uri);
        let mut writer = Self { out: Vec::with_capacity(USUAL_BYTES), sips };
        writer.text(method.as_bytes());
        writer.out.push(b' ');
        writer.text(uri);
        writer.out.extend_from_slice(b" SIP/2.0\r\n");
        writer
    }

    /// Begins a response; `code` is 100 to 699.
    pub fn response(code: u16, reason: &[u8]) -> Self {
        let mut writer = Self { out: Vec::with_capacity(USUAL_BYTES), sips: false };
        writer.out.extend_from_slice(b"SIP/2.0 ");
        put_decimal(&mut writer.out, code.into());
        writer.out.push(b' ');
        writer.text(reason);
        writer.line_end();
        writer
    }

    /// Begins the response to `request` (RFC 3261 section 8.2.6): all its `Via` in order, the
    /// topmost with `received` and `rport` for `source`; `From`; `To`, with `to_tag` when it has none;
    /// `Call-ID`; `CSeq`; for 100 also `Timestamp`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most headers do not matter here")]
    pub fn response_to(
        request: &Message,
        source: SocketAddr,
        code: u16,
        reason: &[u8],
        to_tag: Option<&[u8]>,
    ) -> Self {
        let mut writer = Self::response(code, reason);
        writer.sips = is_sips(request.request_uri_bytes());
        let (mut top, mut routed) = (true, false);
        for header in request.headers() {
            match header.name {
                HeaderName::Via if std::mem::take(&mut top) => {
                    writer.via_received(&request.via(), source, request.rest_of_via());
                }
                HeaderName::To => match to_tag.filter(|_| request.to_tag().is_none()) {
                    Some(tag) => writer.header("To", &[header.value, b";tag=", tag]),
                    None => writer.copy(&header),
                },
                HeaderName::Via | HeaderName::From | HeaderName::CallId | HeaderName::CSeq => {
                    writer.copy(&header);
                }
                HeaderName::RecordRoute if !std::mem::replace(&mut routed, true) => {
                    let first = Elements::of(header.value).next();
                    writer.sips |= first.is_some_and(is_sips_address);
                }
                HeaderName::Timestamp if code == 100 => writer.copy(&header),
                _ => {}
            }
        }
        if !routed {
            writer.sips |= request.contact().is_some_and(|contact| is_sips(contact.uri.raw));
        }
        writer
    }

    /// The `Route` of a request.
    pub fn route(&mut self, routes: &[u8]) {
        self.sips |= Elements::of(routes).next().is_some_and(is_sips_address);
        self.header("Route", &[routes]);
    }

    /// Whether a `Contact` in this message has to be a `sips:` URI: that of a request whose Request-URI or
    /// first `Route` is one (RFC 3261 section 8.1.1.8), and of the response to one that asks for it
    /// (section 12.1.1).
    pub fn is_sips(&self) -> bool {
        self.sips
    }

    /// A header whose value is `parts` joined.
    pub fn header(&mut self, name: &str, parts: &[&[u8]]) {
        self.text(name.as_bytes());
        self.out.extend_from_slice(b": ");
        for part in parts {
            self.text(part);
        }
        self.line_end();
    }

    /// A header whose value is formatted: `writer.header_fmt("Event", format_args!("refer;id={n}"))`.
    pub fn header_fmt(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.text(name.as_bytes());
        self.out.extend_from_slice(b": ");
        let written = fmt::write(self, value);
        debug_assert!(written.is_ok(), "a buffer takes everything");
        self.line_end();
    }

    /// A header whose value is a number.
    pub fn header_number(&mut self, name: &str, value: u32) {
        self.text(name.as_bytes());
        self.out.extend_from_slice(b": ");
        put_decimal(&mut self.out, value);
        self.line_end();
    }

    /// `CSeq`.
    pub fn cseq(&mut self, number: u32, method: Method<'_>) {
        self.out.extend_from_slice(b"CSeq: ");
        put_decimal(&mut self.out, number);
        self.out.push(b' ');
        self.text(method.as_bytes());
        self.line_end();
    }

    /// `Via: SIP/2.0/UDP sent_by;branch=…;rport`, as a client writes it.
    pub fn via_udp(&mut self, sent_by: SocketAddr, branch: &[u8]) {
        self.out.extend_from_slice(b"Via: SIP/2.0/UDP ");
        put_host(&mut self.out, sent_by.ip());
        self.out.push(b':');
        put_decimal(&mut self.out, sent_by.port().into());
        self.out.extend_from_slice(b";branch=");
        self.text(branch);
        self.out.extend_from_slice(b";rport\r\n");
    }

    /// Copies a header line byte for byte, folds and the case of its name included.
    /// `Content-Length` is left out: [`Writer::finish`] writes it.
    pub fn copy(&mut self, header: &Header<'_>) {
        if header.name != HeaderName::ContentLength {
            self.out.extend_from_slice(header.line);
        }
    }

    /// Copies the header lines of `message` that `keep` wants, in their order.
    pub fn copy_where(&mut self, message: &Message, mut keep: impl FnMut(&Header<'_>) -> bool) {
        for header in message.headers() {
            if keep(&header) {
                self.copy(&header);
            }
        }
    }

    /// Ends the headers with `Content-Length` and appends `body`.
    pub fn finish(mut self, body: &[u8]) -> Vec<u8> {
        self.out.extend_from_slice(b"Content-Length: ");
        put_decimal(&mut self.out, u32::try_from(body.len()).unwrap_or(u32::MAX));
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(body);
        self.out
    }

    /// The topmost `Via` of a response with `received` and `rport` (RFC 3261 section 18.2.1, RFC 3581
    /// section 4); what the sender wrote there itself is not believed. `rest` is what followed it
    /// on its line.
    pub(crate) fn via_received(&mut self, via: &Via<'_>, source: SocketAddr, rest: &[u8]) {
        self.out.extend_from_slice(b"Via: SIP/2.0/");
        self.text(via.transport);
        self.out.push(b' ');
        self.text(via.host);
        if let Some(port) = via.port {
            self.out.push(b':');
            put_decimal(&mut self.out, port.into());
        }
        for (name, value) in via.params.iter() {
            if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
                continue;
            }
            self.out.push(b';');
            self.text(name);
            if let Some(value) = value {
                self.out.push(b'=');
                self.text(value);
            }
        }
        if via.needs_received(source) {
            self.out.extend_from_slice(b";received=");
            put_ip(&mut self.out, source.ip());
        }
        if via.wants_rport() {
            self.out.extend_from_slice(b";rport=");
            put_decimal(&mut self.out, source.port().into());
        }
        self.text(rest);
        self.line_end();
    }

    /// Appends `bytes` with every CR and LF turned into a blank.
    fn text(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            let (clean, tail) = rest.split_at_checked(at).unwrap_or((rest, b""));
            self.out.extend_from_slice(clean);
            self.out.push(b' ');
            rest = tail.get(1..).unwrap_or_default();
        }
        self.out.extend_from_slice(rest);
    }

    fn line_end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text.as_bytes());
        Ok(())
    }
}

/// The reason phrase that the RFCs give a status code.
pub const fn reason_phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match code / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
