//! Any bytes on a stream: however they are cut on their way, the same things stand on it; nothing is
//! kept beyond the named bound, and what is behind a lost message is not looked at.

use trunkline::sip::{Frame, Framer};

/// What stands there, when the bytes come in pieces of these lengths, over and over.
fn cut(bytes: &[u8], lengths: &[usize]) -> Vec<String> {
    let mut framer = Framer::default();
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle();
    while !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |length| (*length).clamp(1, rest.len()));
        let (piece, tail) = rest.split_at(length);
        rest = tail;
        framer.push(piece);
        while let Some(frame) = framer.poll() {
            found.push(match frame {
                Frame::Message(message) => format!("{message:?}"),
                Frame::Ping => "ping".to_owned(),
                Frame::Malformed(error) => format!("malformed {}", error.reason().as_str()),
                Frame::Lost(error) => format!("lost {}", error.reason().as_str()),
            });
        }
    }
    if let Some(place) = found.iter().position(|one| one.starts_with("lost")) {
        assert_eq!(place + 1, found.len(), "what is lost is the end");
    }
    found
}

/// The first byte says how many of the next ones are lengths of pieces.
pub(crate) fn run(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let count = usize::from(count % 8).min(rest.len());
    let (lengths, bytes) = rest.split_at(count);
    let lengths: Vec<usize> = lengths.iter().map(|length| usize::from(*length)).collect();
    let whole = cut(bytes, &[bytes.len()]);
    assert_eq!(cut(bytes, &lengths), whole);
    if bytes.len() <= 512 {
        assert_eq!(cut(bytes, &[1]), whole);
    }
}
