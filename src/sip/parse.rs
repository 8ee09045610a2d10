//! From a datagram to a [`Message`]: one pass over the lines, then the checks that let the accessors
//! be total. Strict where leniency would let a header be smuggled: bare CR or LF, conflicting
//! lengths, duplicates of what may stand only once.

use std::sync::Arc;

use super::known::{AddressAt, Known, ViaAt};
use super::lanes;
use super::limits;
use super::message::{Line, Message, Start};
use super::method::Method;
use super::name::HeaderName;
use super::name_addr::{NameAddr, all_are_addresses};
use super::parse_error::Reason;
use super::scan::{is_lws, is_token, number, split_once, trim, trim_end, trim_start};
use super::uri::{Scheme, Uri};
use super::via::{MAGIC_COOKIE, Via};

/// Parses one datagram.
pub(crate) fn datagram(datagram: &[u8]) -> Result<Message, Reason> {
    let bytes = without_leading_line_ends(datagram);
    if bytes.is_empty() {
        return Err(Reason::KeepAlive);
    }
    if bytes.len() > limits::MESSAGE_BYTES {
        return Err(Reason::TooLarge);
    }
    let mut index =
        Index { bytes, lines: [EMPTY; limits::HEADERS], count: 0, seen: 0, twice: false };
    let start_end = line_end(bytes, 0, Reason::StartLine)?;
    if start_end > limits::START_LINE_BYTES {
        return Err(Reason::StartLine);
    }
    let start = start_line(bytes.get(..start_end).unwrap_or_default())?;
    let body_at = index.headers(start_end + 2)?;
    if index.twice {
        return Err(Reason::Duplicate);
    }
    if holds_nul(bytes.get(..body_at).unwrap_or_default()) {
        return Err(Reason::Nul);
    }
    let (cseq, known) = index.check(start)?;
    let message_end = index.message_end(body_at)?;
    let whole = bytes.get(..message_end).ok_or(Reason::ContentLength)?;
    Ok(Message {
        buffer: Arc::from(whole),
        lines: Arc::from(index.lines()),
        start,
        known,
        cseq,
        body_at: offset(body_at),
    })
}

/// RFC 3261 section 7.5: line ends before the start line are ignored; alone they are a keep-alive.
pub(crate) fn without_leading_line_ends(mut datagram: &[u8]) -> &[u8] {
    while let Some(rest) = datagram.strip_prefix(b"\r\n") {
        datagram = rest;
    }
    match datagram {
        [0] | [b'\n'] => b"",
        _ => datagram,
    }
}

/// Whether a NUL stands where the grammar has none, which is anywhere but behind a backslash (RFC 3261
/// section 25.1): whoever reads the value as a C string would see another one than we do.
fn holds_nul(head: &[u8]) -> bool {
    let escapes =
        |before: &[u8]| before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    memchr::memchr_iter(0, head).any(|at| !head.get(..at).is_some_and(escapes))
}

/// A header name without the blanks before its colon (RFC 3261 section 7.3.1), which are no fold:
/// HCOLON has none, and who reads by lines would see a line without a name.
fn without_blanks(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}

/// All zero, so that the index is cleared in one go; unused slots are never read.
const EMPTY: Line =
    Line { name: HeaderName::Via, at: 0, name_end: 0, value_at: 0, value_end: 0, end: 0 };

/// What may stand only once, and without which nothing works.
const MANDATORY: [(HeaderName, Reason); 5] = [
    (HeaderName::Via, Reason::NoVia),
    (HeaderName::From, Reason::NoFrom),
    (HeaderName::To, Reason::NoTo),
    (HeaderName::CallId, Reason::NoCallId),
    (HeaderName::CSeq, Reason::NoCSeq),
];
const ONCE: [HeaderName; 5] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
];

struct Index<'a> {
    bytes: &'a [u8],
    lines: [Line; limits::HEADERS],
    count: usize,
    /// One bit per known name.
    seen: u64,
    /// Whether a header that may stand once is repeated.
    twice: bool,
}

impl<'a> Index<'a> {
    /// Indexes the lines from `at` to the empty one and gives where the body begins.
    fn headers(&mut self, mut at: usize) -> Result<usize, Reason> {
        loop {
            let end = line_end(self.bytes, at, Reason::Unterminated)?;
            if end == at {
                return Ok(at + 2);
            }
            at = self.header(at, end)?;
        }
    }

    /// Indexes the header that begins at `at` and whose first line ends at `end`; gives where the
    /// next one begins.
    fn header(&mut self, at: usize, mut end: usize) -> Result<usize, Reason> {
        while matches!(self.bytes.get(end + 2), Some(b' ' | b'\t')) {
            end = line_end(self.bytes, end + 2, Reason::Unterminated)?;
        }
        let line = self.bytes.get(at..end).ok_or(Reason::Unterminated)?;
        if line.len() > limits::HEADER_BYTES {
            return Err(Reason::HeaderTooLong);
        }
        let (name, value) = split_once(line, b':').ok_or(Reason::HeaderName)?;
        let (name, value) = (without_blanks(name), trim_start(value));
        let known = HeaderName::of(name);
        // What we know is a token.
        if known == HeaderName::Other && !is_token(name) {
            return Err(Reason::HeaderName);
        }
        let value_at = end - value.len();
        let slot = self.lines.get_mut(self.count).ok_or(Reason::TooManyHeaders)?;
        *slot = Line {
            name: known,
            at: offset(at),
            name_end: offset(at + name.len()),
            value_at: offset(value_at),
            value_end: offset(value_at + trim_end(value).len()),
            end: offset(end + 2),
        };
        self.count += 1;
        let bit = 1_u64 << (known as u8);
        self.twice |= self.seen & bit != 0 && ONCE.contains(&known);
        self.seen |= bit;
        Ok(end + 2)
    }

    fn lines(&self) -> &[Line] {
        self.lines.get(..self.count).unwrap_or_default()
    }

    fn value(&self, line: &Line) -> &'a [u8] {
        self.bytes.get(usize::from(line.value_at)..usize::from(line.value_end)).unwrap_or_default()
    }

    /// Checks every header that has a typed accessor which never fails; gives the `CSeq` number
    /// and where the parts of what is asked for most lie.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most headers do not matter here")]
    fn check(&self, start: Start) -> Result<(u32, Known), Reason> {
        let missing = |(name, _): &&(HeaderName, Reason)| self.seen & (1 << (*name as u8)) == 0;
        if let Some((_, reason)) = MANDATORY.iter().find(missing) {
            return Err(*reason);
        }
        let mut cseq = 0;
        let mut known = Known::default();
        let mut first_via = true;
        let mut contact_seen = false;
        for line in self.lines() {
            let value = self.value(line);
            match line.name {
                HeaderName::Via if first_via => {
                    first_via = false;
                    known.via = self.check_via(value)?;
                }
                HeaderName::From => known.from = self.address(value).ok_or(Reason::From)?,
                HeaderName::To => known.to = self.address(value).ok_or(Reason::To)?,
                HeaderName::CallId
                    if value.is_empty() || value.iter().any(|byte| is_lws(*byte)) =>
                {
                    return Err(Reason::CallId);
                }
                HeaderName::CSeq => cseq = self.check_cseq(value, start)?,
                HeaderName::Contact => {
                    let first = !std::mem::replace(&mut contact_seen, true);
                    let one = self.address(value);
                    if one.is_none() && value != b"*" && !all_are_addresses(value) {
                        return Err(Reason::Contact);
                    }
                    if first {
                        known.contact = one;
                    }
                }
                HeaderName::Route | HeaderName::RecordRoute if !all_are_addresses(value) => {
                    return Err(Reason::Route);
                }
                HeaderName::MaxForwards if number(value).is_none_or(|hops| hops > 255) => {
                    return Err(Reason::MaxForwards);
                }
                _ => {}
            }
        }
        Ok((cseq, known))
    }

    fn check_cseq(&self, value: &[u8], start: Start) -> Result<u32, Reason> {
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = value.split_at_checked(digits).ok_or(Reason::CSeq)?;
        let method = trim_start(rest);
        let sound = is_token(method) && method.len() < rest.len();
        let number = number(digits).filter(|number| sound && *number <= limits::CSEQ);
        let number = number.ok_or(Reason::CSeq)?;
        match start {
            Start::Request { method_end, .. }
                if self.bytes.get(..usize::from(method_end)) != Some(method) =>
            {
                Err(Reason::MethodMismatch)
            }
            Start::Request { .. } | Start::Response { .. } => Ok(number),
        }
    }

    fn check_via(&self, value: &[u8]) -> Result<ViaAt, Reason> {
        let (via, rest) = Via::parse_first(value).ok_or(Reason::Via)?;
        // A cookie alone identifies nothing (RFC 4475 section 3.2.1).
        if via.branch() == Some(MAGIC_COOKIE) {
            return Err(Reason::Branch);
        }
        if let Some(next) = rest.strip_prefix(b",") {
            Via::parse_first(next).ok_or(Reason::Via)?;
        }
        Ok(ViaAt::of(self.bytes, &via, rest))
    }

    fn address(&self, value: &[u8]) -> Option<AddressAt> {
        NameAddr::parse(value).map(|address| AddressAt::of(self.bytes, &address))
    }

    /// Where the message ends, by its `Content-Length` (RFC 3261 section 18.3).
    fn message_end(&self, body_at: usize) -> Result<usize, Reason> {
        let Some(length) = self.body_length()? else {
            return Ok(self.bytes.len());
        };
        let end = body_at.checked_add(length).filter(|end| *end <= self.bytes.len());
        end.ok_or(Reason::Truncated)
    }

    /// The `Content-Length`; several have to agree, lest two readers see two messages.
    fn body_length(&self) -> Result<Option<usize>, Reason> {
        let mut length = None;
        for line in self.lines().iter().filter(|line| line.name == HeaderName::ContentLength) {
            let one = number(self.value(line)).ok_or(Reason::ContentLength)?;
            if length.is_some_and(|length| length != one) {
                return Err(Reason::ContentLengthConflict);
            }
            length = Some(one);
        }
        Ok(length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
    }
}

/// How long the message is whose start line and headers, with the empty line behind them, are
/// `head`: what stands on a stream has to say it.
pub(crate) fn framed_length(head: &[u8]) -> Result<usize, Reason> {
    let mut index =
        Index { bytes: head, lines: [EMPTY; limits::HEADERS], count: 0, seen: 0, twice: false };
    let start_end = line_end(head, 0, Reason::StartLine)?;
    if start_end > limits::START_LINE_BYTES {
        return Err(Reason::StartLine);
    }
    let body_at = index.headers(start_end + 2)?;
    let length = index.body_length()?.ok_or(Reason::NoContentLength)?;
    let whole = body_at.checked_add(length).filter(|whole| *whole <= limits::MESSAGE_BYTES);
    whole.ok_or(Reason::TooLarge)
}

/// Where the line that begins at `at` ends: the index of its CRLF. A CR or LF that is no part of a
/// CRLF is refused, because the next element might take it for a line end.
#[inline]
fn line_end(bytes: &[u8], at: usize, unterminated: Reason) -> Result<usize, Reason> {
    let rest = bytes.get(at..).ok_or(unterminated)?;
    let end = lanes::find(rest, lanes::either(b'\r', b'\n')).ok_or(unterminated)?;
    match rest.get(end..end + 2) {
        Some(b"\r\n") => Ok(at + end),
        _ => Err(Reason::BareLineEnd),
    }
}

fn start_line(line: &[u8]) -> Result<Start, Reason> {
    if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line);
    }
    let method_end = memchr::memchr(b' ', line).ok_or(Reason::StartLine)?;
    let uri_end = memchr::memrchr(b' ', line).ok_or(Reason::StartLine)?;
    let (method, uri) = (line.get(..method_end), line.get(method_end + 1..uri_end));
    let version = line.get(uri_end + 1..).unwrap_or_default();
    let (Some(method), Some(uri)) = (method, uri) else {
        return Err(Reason::StartLine);
    };
    if !is_token(method) {
        return Err(Reason::StartLine);
    }
    check_version(version)?;
    let uri = Uri::parse(uri).ok_or(Reason::RequestUri)?;
    // Headers may not stand in a Request-URI (RFC 3261 section 19.1.1, table 1).
    if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && !uri.headers.is_empty() {
        return Err(Reason::RequestUri);
    }
    Ok(Start::Request { method_end: offset(method_end), uri_end: offset(uri_end) })
}

fn check_version(version: &[u8]) -> Result<(), Reason> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let other = version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
        && split_once(version.get(4..).unwrap_or_default(), b'.')
            .is_some_and(|(major, minor)| number(major).is_some() && number(minor).is_some());
    Err(if other { Reason::Version } else { Reason::StartLine })
}

fn status_line(line: &[u8]) -> Result<Start, Reason> {
    let (version, rest) = split_once(line, b' ').ok_or(Reason::StartLine)?;
    check_version(version)?;
    let (code, reason) = rest.split_at_checked(3).ok_or(Reason::StartLine)?;
    let code = number(code).and_then(|code| u16::try_from(code).ok());
    let code = code.filter(|code| (100..700).contains(code)).ok_or(Reason::StartLine)?;
    // The blank before an empty reason phrase is mandatory, yet some leave it out.
    if reason.first().is_some_and(|byte| *byte != b' ') {
        return Err(Reason::StartLine);
    }
    let reason_at = line.len() - reason.len().saturating_sub(1);
    Ok(Start::Response { code, reason_at: offset(reason_at), reason_end: offset(line.len()) })
}

/// An offset into a message; [`limits::MESSAGE_BYTES`] makes it fit.
fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// Whether the start line could be that of a request other than ACK, which is never answered.
pub(crate) fn looks_answerable(line: &[u8]) -> bool {
    let line = trim(line);
    let Some((method, rest)) = split_once(line, b' ') else {
        return false;
    };
    let version = rest.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    is_token(method)
        && Method::of(method) != Method::Ack
        && version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_before_a_colon_are_no_part_of_a_name_and_a_fold_is_none() {
        let with = |line: &str| {
            let text = format!(
                "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n{line}\r\n\r\n"
            );
            datagram(text.as_bytes()).map(|message| message.max_forwards())
        };
        assert_eq!(with("Max-Forwards \t: 9"), Ok(Some(9)));
        assert_eq!(with("Max-Forwards:\r\n 9"), Ok(Some(9)));
        for folded in ["Max-Forwards\r\n : 9", "X-Foo \r\n\t: bar", "X\r\n Foo: bar"] {
            assert_eq!(with(folded), Err(Reason::HeaderName), "{}", folded.escape_debug());
        }
    }

    #[test]
    fn a_nul_passes_only_behind_a_backslash_of_its_own() {
        let message = |value: &str| {
            format!(
                "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: {value}<sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n\r\n\0body\0"
            )
        };
        let reason = |value: &str| datagram(message(value).as_bytes()).err();
        assert_eq!(reason("\"a\\\0b\" "), None);
        assert_eq!(reason("\"a\\\\\\\0b\" "), None);
        for bad in ["\"a\0b\" ", "\"a\\\\\0b\" ", "\0"] {
            assert_eq!(reason(bad), Some(Reason::Nul), "{}", bad.escape_debug());
        }
    }
}
