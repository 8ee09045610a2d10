//! Messages on a stream (RFC 3261 section 18.3): cut by their `Content-Length`, with keep-alives
//! (RFC 5626 section 4.4.1) in between.

use super::limits;
use super::message::Message;
use super::parse::framed_length;
use super::parse_error::{ParseError, Reason};

/// What stood on a stream.
#[derive(Debug, Clone)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// Two line ends between messages: the far end asks for one back.
    Ping,
    /// A malformed message whose end is known; the stream goes on behind it.
    Malformed(ParseError),
    /// Where the next message begins cannot be known any more: the stream is of no further use.
    Lost(ParseError),
}

/// The received bytes of one stream that are not yet a whole message. It holds at most
/// [`limits::MESSAGE_BYTES`] beside what was pushed last.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where in the buffer the end of the head may still begin.
    scanned: usize,
    /// The length of the message at the front, once its head is there.
    length: Option<usize>,
    lost: bool,
}

/// What ends a head.
const HEAD_END: &[u8] = b"\r\n\r\n";

impl Framer {
    /// Takes what was read. Drain [`Self::poll`] after it.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.lost {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether a message has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next thing on the stream, if it is there as a whole.
    pub fn poll(&mut self) -> Option<Frame> {
        if self.lost {
            return None;
        }
        if self.length.is_none() {
            if let Some(ping) = self.line_ends() {
                return Some(ping);
            }
            self.length = match self.head()? {
                Ok(length) => Some(length),
                Err(reason) => return Some(self.lose(reason)),
            };
        }
        let length = self.length.filter(|length| *length <= self.buffer.len())?;
        let message = Message::parse_datagram(self.buffer.get(..length).unwrap_or_default());
        self.consume(length);
        Some(message.map_or_else(Frame::Malformed, Frame::Message))
    }

    /// Skips line ends before a start line (section 7.5). One that may be half of a ping waits.
    fn line_ends(&mut self) -> Option<Frame> {
        if self.buffer.starts_with(HEAD_END) {
            self.consume(HEAD_END.len());
            return Some(Frame::Ping);
        }
        if self.buffer.starts_with(b"\r\n") && self.buffer.get(2).is_some_and(|next| *next != b'\r')
        {
            self.consume(2);
        }
        None
    }

    /// How long the message at the front is, or why nobody can tell; nothing while its head is not
    /// there.
    fn head(&mut self) -> Option<Result<usize, Reason>> {
        let rest = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(at) = memchr::memmem::find(rest, HEAD_END) else {
            self.scanned = self.buffer.len().saturating_sub(HEAD_END.len() - 1);
            let full = self.buffer.len() > limits::MESSAGE_BYTES;
            return full.then_some(Err(Reason::TooLarge));
        };
        let end = self.scanned + at + HEAD_END.len();
        if end > limits::MESSAGE_BYTES {
            return Some(Err(Reason::TooLarge));
        }
        Some(framed_length(self.buffer.get(..end).unwrap_or_default()))
    }

    fn lose(&mut self, reason: Reason) -> Frame {
        let error = ParseError::of(reason, &self.buffer);
        *self = Self { lost: true, ..Self::default() };
        Frame::Lost(error)
    }

    fn consume(&mut self, bytes: usize) {
        self.buffer.drain(..bytes.min(self.buffer.len()));
        (self.scanned, self.length) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n";

    fn words(framer: &mut Framer, bytes: &[u8]) -> Vec<String> {
        framer.push(bytes);
        std::iter::from_fn(|| framer.poll())
            .map(|frame| match frame {
                Frame::Message(message) => String::from_utf8_lossy(message.body()).into_owned(),
                Frame::Ping => "ping".into(),
                Frame::Malformed(error) => format!("malformed {}", error.reason().as_str()),
                Frame::Lost(error) => format!("lost {}", error.reason().as_str()),
            })
            .collect()
    }

    fn with(headers: &str, body: &str) -> Vec<u8> {
        [OPTIONS, headers.as_bytes(), b"\r\n", body.as_bytes()].concat()
    }

    #[test]
    fn messages_are_cut_by_their_length_and_line_ends_between_them_skipped() {
        let one = with("Content-Length: 3\r\n", "one");
        let two = with("l: 3\r\nContent-Length: 3\r\n", "two");
        let all = [b"\r\n", &*one, b"\r\n\r\n", &*two, b"\r\n\r\n\r\n", &*one, b"\r\n"].concat();
        let mut framer = Framer::default();
        assert_eq!(words(&mut framer, &all), ["one", "ping", "two", "ping", "one"]);
        assert!(!framer.is_within());
        assert_eq!(words(&mut framer, b"\r\n"), ["ping"]);
        assert_eq!(words(&mut framer, b"OPT"), Vec::<String>::new());
        assert!(framer.is_within());
    }

    #[test]
    fn what_hides_the_next_message_ends_the_stream() {
        for (message, word) in [
            (with("", "body"), "lost no-content-length"),
            (with("Content-Length: 3\r\nl: 4\r\n", "body"), "lost content-length-conflict"),
            (with("Content-Length: -3\r\n", "body"), "lost content-length"),
            (with("Content-Length: 65535\r\n", "body"), "lost too-large"),
            (with("Content-Length: 99999999999999999999\r\n", "body"), "lost content-length"),
            (
                with("X: a\nContent-Length: 9\r\nContent-Length: 4\r\n", "body"),
                "lost bare-line-end",
            ),
            (vec![b'a'; limits::MESSAGE_BYTES + 1], "lost too-large"),
        ] {
            let mut framer = Framer::default();
            assert_eq!(words(&mut framer, &message), [word]);
            assert_eq!(words(&mut framer, &with("l: 0\r\n", "")), Vec::<String>::new());
        }
    }

    #[test]
    fn a_malformed_message_with_a_sound_length_does_not_end_the_stream() {
        let bad = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";
        let mut framer = Framer::default();
        let all = [&bad[..], &with("l: 2\r\n", "ok")].concat();
        assert_eq!(words(&mut framer, &all), ["malformed no-via", "ok"]);
        let twice = with("f: <sip:a@b>;tag=2\r\nl: 2\r\n", "no");
        let all = [&twice[..], &with("l: 2\r\n", "ok")].concat();
        assert_eq!(words(&mut framer, &all), ["malformed duplicate", "ok"]);
    }
}
