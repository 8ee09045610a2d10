//! A phone that registers with us and proves its password.

use trunkline::sip::digest::{Answer, Challenge};
use trunkline::sip::{HeaderName, Message};

use crate::world::{World, text};

/// A phone that can prove its password.
pub(crate) struct Handset {
    pub(crate) address: &'static str,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) count: u32,
    pub(crate) domain: &'static str,
}

impl Handset {
    pub(crate) fn new(address: &'static str, user: &'static str, password: &'static str) -> Self {
        let call_id = format!("{user}-{address}");
        let domain = "acme.example";
        Self { address, user, password, call_id, cseq: 0, challenge: None, count: 0, domain }
    }

    /// A REGISTER with these headers, proven if there is a nonce.
    pub(crate) fn print(&mut self, headers: &str) -> String {
        self.cseq += 1;
        let Self { address, user, domain, cseq, .. } = *self;
        let proof = self.prove("REGISTER", &format!("sip:{domain}"));
        let call_id = &self.call_id;
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-{call_id}-{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{user_uri}>;tag=f\r\nTo: <{user_uri}>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} REGISTER\r\nUser-Agent: A telephone of some make or other 1.2.3\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY, MESSAGE\r\n\
             Supported: replaces, outbound, path, gruu, timer, 100rel, norefersub, histinfo\r\n\
             Allow-Events: talk, hold, conference, refer, check-sync, message-summary\r\n\
             {headers}{proof}Content-Length: 0\r\n\r\n",
            user_uri = format!("sip:{user}@{domain}"),
        )
    }

    /// The header that proves a request, if there is a nonce.
    pub(crate) fn prove(&mut self, method: &str, uri: &str) -> String {
        let Some(challenge) = &self.challenge else { return String::new() };
        self.count += 1;
        let answer = Answer {
            username: self.user.as_bytes(),
            password: self.password.as_bytes(),
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            count: self.count,
            cnonce: b"c",
        };
        let name = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
        format!("{name}: {}\r\n", text(&answer.print(challenge)))
    }

    pub(crate) fn learn(&mut self, response: &Message) {
        let header = match response.status() {
            Some(401) => HeaderName::WwwAuthenticate,
            _ => HeaderName::ProxyAuthenticate,
        };
        self.challenge = Challenge::all(response, header).into_iter().next();
        self.count = 0;
    }

    pub(crate) fn send(&mut self, world: &mut World, headers: &str) -> Message {
        let text = self.print(headers);
        world.send(self.address, &text);
        world.expect(self.address)
    }

    pub(crate) fn contact(&self, more: &str) -> String {
        format!("Contact: <sip:{}@{}>{more}\r\n", self.user, self.address)
    }

    /// Registers, with a challenge if there is no nonce.
    pub(crate) fn register(&mut self, world: &mut World, expires: u32) -> Message {
        let headers = format!("{}Expires: {expires}\r\n", self.contact(""));
        let mut answer = self.send(world, &headers);
        if answer.status() == Some(401) {
            self.learn(&answer);
            answer = self.send(world, &headers);
        }
        answer
    }
}
