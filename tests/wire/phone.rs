//! A caller or callee that does exactly one thing at a time, when a test says so.

use std::net::{SocketAddr, UdpSocket};

use trunkline::sip::{Message, Writer};

use crate::daemon::DEADLINE;
use crate::network::{ENGINE, Network};

/// One endpoint with its socket and at most one call.
#[derive(Debug)]
pub(crate) struct Phone {
    socket: UdpSocket,
    engine: SocketAddr,
}

impl Phone {
    pub(crate) fn new(network: &Network, last: u8) -> Self {
        let socket = UdpSocket::bind(network.at(last)).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, engine: network.at(ENGINE) }
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.engine).unwrap();
    }

    /// A request of the dialog or transaction that the arguments describe.
    pub(crate) fn request(&self, method: &str, call: &Call, cseq: u32) {
        let us = self.socket.local_addr().unwrap();
        let uri =
            call.target.clone().unwrap_or_else(|| format!("sip:{}@{}", call.number, self.engine));
        let to_tag = call.to_tag.as_deref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let (number, id, engine) = (&call.number, &call.id, self.engine);
        self.send(
            format!(
                "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{id}{cseq}{method};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:1234@{us}>;tag=from{id}\r\n\
                 To: <sip:{number}@{engine}>{to_tag}\r\nCall-ID: {id}@{us}\r\n\
                 CSeq: {cseq} {method}\r\nContact: <sip:phone@{us}>\r\nContent-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        );
    }

    /// The next message.
    pub(crate) fn receive(&self) -> Message {
        let mut buffer = [0; 65_535];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("a message arrives");
        assert_eq!(from, self.engine);
        Message::parse_datagram(&buffer[..length]).unwrap()
    }

    /// The next final response; provisional ones pass.
    pub(crate) fn final_response(&self) -> Message {
        loop {
            let message = self.receive();
            if message.status().expect("a response") >= 200 {
                return message;
            }
        }
    }

    /// The 200 to a request of this Call-ID, whatever else arrives before it.
    pub(crate) fn response_to(&self, call: &Call) {
        let wanted = format!("{}@", call.id);
        let mut buffer = [0; 65_535];
        loop {
            let (length, _) = self.socket.recv_from(&mut buffer).expect("an answer arrives");
            // What answers a malformed request repeats what was malformed.
            let Ok(message) = Message::parse_datagram(&buffer[..length]) else { continue };
            if message.call_id().starts_with(wanted.as_bytes()) {
                return assert_eq!(message.status(), Some(200), "{message:?}");
            }
        }
    }

    /// Answers a request, with a Contact.
    pub(crate) fn respond(&self, request: &Message, code: u16) {
        let us = self.socket.local_addr().unwrap();
        let mut out = Writer::response_to(request, self.engine, code, b"As Told", Some(b"phone"));
        out.header_fmt("Contact", format_args!("<sip:phone@{us}>"));
        self.send(&out.finish(b""));
    }

    /// Calls, and is answered: the call as it stands then.
    pub(crate) fn call(&self, id: &str, number: &str) -> Call {
        let mut call = Call { id: id.into(), number: number.into(), target: None, to_tag: None };
        self.request("INVITE", &call, 1);
        let answer = self.final_response();
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        call.target = Some(text(answer.contact().unwrap().uri.raw));
        call.to_tag = answer.to().tag().map(text);
        self.request("ACK", &call, 1);
        call
    }

    /// Hangs up and waits for the answer.
    pub(crate) fn hang_up(&self, call: &Call) {
        self.request("BYE", call, 2);
        assert_eq!(self.final_response().status(), Some(200));
    }

    /// Whether a message waits; never blocks.
    pub(crate) fn has_mail(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let waits = self.socket.peek(&mut [0; 1]).is_ok();
        self.socket.set_nonblocking(false).unwrap();
        waits
    }
}

/// What a caller knows of its call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) target: Option<String>,
    pub(crate) to_tag: Option<String>,
}
