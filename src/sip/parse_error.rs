//! Why a datagram is no message, and the one stateless answer that it may get.

use std::net::SocketAddr;

use super::name::HeaderName;
use super::name_addr::NameAddr;
use super::parse::{looks_answerable, without_leading_line_ends};
use super::scan::{split_once, trim, trim_end};
use super::via::Via;
use super::write::Writer;

/// Declares [`Reason`] from one list: variant, stable word, what a person reads.
macro_rules! reasons {
    ($($variant:ident $word:literal $phrase:literal,)*) => {
        /// Why a datagram was refused; the words are stable and may be counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $phrase] $variant,)*
        }

        impl Reason {
            /// The stable word, for counters and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// For people, and for the reason phrase of the answer.
            pub const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase,)* }
            }
        }
    };
}

reasons! {
    KeepAlive "keep-alive" "only line ends: a keep-alive",
    TooLarge "too-large" "the message is too large",
    StartLine "start-line" "malformed start line",
    Version "version" "SIP version not supported",
    RequestUri "request-uri" "malformed Request-URI",
    BareLineEnd "bare-line-end" "CR or LF outside a line end",
    Nul "nul" "a NUL byte in the headers",
    Unterminated "unterminated" "no empty line after the headers",
    HeaderName "header-name" "malformed header line",
    HeaderTooLong "header-too-long" "a header is too long",
    TooManyHeaders "too-many-headers" "too many headers",
    Duplicate "duplicate" "a header that may stand once is repeated",
    NoVia "no-via" "missing Via",
    NoFrom "no-from" "missing From",
    NoTo "no-to" "missing To",
    NoCallId "no-call-id" "missing Call-ID",
    NoCSeq "no-cseq" "missing CSeq",
    Via "via" "malformed Via",
    Branch "branch" "empty Via branch",
    From "from" "malformed From",
    To "to" "malformed To",
    CallId "call-id" "malformed Call-ID",
    CSeq "cseq" "malformed CSeq",
    MethodMismatch "method-mismatch" "CSeq method differs from request method",
    Contact "contact" "malformed Contact",
    Route "route" "malformed Route or Record-Route",
    MaxForwards "max-forwards" "malformed Max-Forwards",
    ContentLength "content-length" "malformed Content-Length",
    NoContentLength "no-content-length" "missing Content-Length on a stream",
    ContentLengthConflict "content-length-conflict" "conflicting Content-Length",
    Truncated "truncated" "the body is shorter than its Content-Length",
}

/// A datagram that is no valid message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .reason.phrase())]
pub struct ParseError {
    reason: Reason,
    echo: Option<Box<Echo>>,
}

/// What a response has to repeat, as found: whole values without folds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Echo {
    vias: Vec<Vec<u8>>,
    /// `From`, `To`, `Call-ID`, `CSeq`, as far as they were found.
    others: Vec<(HeaderName, Vec<u8>)>,
}

/// Lines looked at when an answer to a malformed request is built.
const ECHO_LINES: usize = 200;
/// The most bytes of headers repeated, so that no answer is larger than an ordinary one.
const ECHO_BYTES: usize = 4096;

impl ParseError {
    pub(crate) fn of(reason: Reason, datagram: &[u8]) -> Self {
        let silent = matches!(reason, Reason::KeepAlive | Reason::TooLarge | Reason::NoVia);
        let echo = if silent { None } else { Echo::find(datagram).map(Box::new) };
        Self { reason, echo }
    }

    /// Why.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The status of the answer: 505 for another SIP version, else 400. Nothing when silence is the
    /// only right answer: to a response, to an ACK, to what is no SIP.
    pub fn status(&self) -> Option<u16> {
        self.echo.as_ref()?;
        Some(if self.reason == Reason::Version { 505 } else { 400 })
    }

    /// The stateless answer to a datagram from `source` and where it goes, if there is one. The same
    /// datagram always gets the same bytes, so no state is needed for retransmissions.
    pub fn answer(&self, source: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
        let (echo, status) = (self.echo.as_ref()?, self.status()?);
        let mut phrase = Vec::from(if status == 505 { "" } else { "Bad Request: " });
        phrase.extend_from_slice(self.reason.phrase().as_bytes());
        let mut out = Writer::response(status, &phrase);
        let top = echo.vias.first().and_then(|line| Via::parse_first(line));
        for (index, via) in echo.vias.iter().enumerate() {
            match top.filter(|_| index == 0) {
                Some((via, rest)) => out.via_received(&via, source, rest),
                None => out.header("Via", &[via]),
            }
        }
        for (name, value) in &echo.others {
            let untagged = NameAddr::parse(value).is_some_and(|to| to.tag().is_none());
            if *name == HeaderName::To && untagged {
                let tag = format!(";tag={:016x}", fnv1a(&[&phrase, value]));
                out.header(name.as_str(), &[value, tag.as_bytes()]);
            } else {
                out.header(name.as_str(), &[value]);
            }
        }
        let target = top.map_or(source, |(via, _)| via.response_target(source));
        Some((target, out.finish(b"")))
    }
}

impl Echo {
    /// Looks for what can be repeated, leniently; nothing when the datagram is not answerable.
    fn find(datagram: &[u8]) -> Option<Self> {
        let bytes = without_leading_line_ends(datagram);
        let mut lines = bytes.split(|byte| *byte == b'\n').take(ECHO_LINES);
        if !looks_answerable(trim(lines.next()?)) {
            return None;
        }
        let mut echo = Self::default();
        let mut size = 0;
        let mut unfolded: Option<(HeaderName, Vec<u8>)> = None;
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let (Some(b' ' | b'\t'), Some((_, value))) = (line.first(), unfolded.as_mut()) {
                value.push(b' ');
                value.extend_from_slice(trim(line));
                continue;
            }
            if let Some((name, value)) = unfolded.take() {
                size += echo.keep(name, value);
            }
            if line.is_empty() || size > ECHO_BYTES {
                break;
            }
            let named = split_once(line, b':');
            unfolded =
                named.map(|(name, value)| (HeaderName::of(trim_end(name)), trim(value).to_vec()));
        }
        if let Some((name, value)) = unfolded {
            size += echo.keep(name, value);
        }
        (!echo.vias.is_empty() && size <= ECHO_BYTES).then_some(echo)
    }

    /// Keeps what an answer repeats: how many bytes that are.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most headers do not matter here")]
    fn keep(&mut self, name: HeaderName, value: Vec<u8>) -> usize {
        let length = value.len();
        match name {
            HeaderName::Via => self.vias.push(value),
            HeaderName::From | HeaderName::To | HeaderName::CallId | HeaderName::CSeq
                if !self.others.iter().any(|(found, _)| *found == name) =>
            {
                self.others.push((name, value));
            }
            _ => return 0,
        }
        length
    }
}

/// FNV-1a over `parts`: a tag that is the same for the same datagram.
fn fnv1a(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
