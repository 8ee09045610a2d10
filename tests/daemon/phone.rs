//! Two ends of a call, as little SIP as it takes: a caller on the trunk, a desk that answers.

use std::net::UdpSocket;

use crate::daemon::{DEADLINE, Daemon};

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket, begins: &str) -> (String, std::net::SocketAddr) {
    let mut buffer = [0; 65536];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect(begins);
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        if text.starts_with(begins) {
            return (text, from);
        }
    }
}

/// The lines of a message that a response repeats.
fn repeated(message: &str) -> String {
    let kept = ["via:", "from:", "to:", "call-id:", "cseq:"];
    let lines = message.lines().skip(1).take_while(|line| !line.is_empty());
    let lines = lines.filter(|line| kept.iter().any(|name| line.to_lowercase().starts_with(name)));
    lines.map(|line| format!("{line}\r\n")).collect()
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find(|line| line.to_lowercase().starts_with(name)).expect(name);
    line.split_once(':').unwrap().1.trim()
}

/// The extension's phone: answers every call.
pub(crate) struct Desk(UdpSocket);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(socket("127.0.0.9:0"))
    }

    /// What stands in the extension's contact.
    pub(crate) fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    pub(crate) fn answer(&self, method: &str) {
        let (request, from) = receive(&self.0, method);
        let mut repeated = repeated(&request);
        if !header(&request, "to:").contains("tag=") {
            let to = header(&request, "to:").to_owned();
            repeated = repeated.replace(&to, &format!("{to};tag=desk"));
        }
        let contact = format!("Contact: <sip:{}>\r\n", self.address());
        let ok = format!("SIP/2.0 200 OK\r\n{repeated}{contact}Content-Length: 0\r\n\r\n");
        self.0.send_to(ok.as_bytes(), from).unwrap();
    }
}

/// So many calls from the trunk's provider to a number that is nobody's, each answered before the
/// next.
pub(crate) fn refused_calls(daemon: &Daemon, count: u32) {
    let socket = socket("127.0.0.2:0");
    let mut call = Call {
        to: "<sip:14155550199@127.0.0.1>".to_owned(),
        remote: "sip:14155550199@127.0.0.1".to_owned(),
        server: server(daemon),
        socket,
    };
    for cseq in 1..=count {
        call.send("INVITE", cseq);
        let (refused, _) = receive(&call.socket, "SIP/2.0 404");
        let to = std::mem::replace(&mut call.to, header(&refused, "to:").to_owned());
        // The ACK of a refusal is part of its INVITE's transaction.
        call.send_as("ACK", cseq, "INVITE");
        call.to = to;
    }
}

/// Where the daemon listens for SIP.
fn server(daemon: &Daemon) -> String {
    let status = daemon.get("/api/v1/status");
    let address = status["transports"][0]["address"].as_str().unwrap();
    address.trim_start_matches("udp ").to_owned()
}

/// A call from the trunk's provider that is answered.
pub(crate) struct Call {
    socket: UdpSocket,
    server: String,
    to: String,
    remote: String,
}

impl Call {
    pub(crate) fn place(daemon: &Daemon, desk: &Desk) -> Self {
        let server = server(daemon);
        let mut call = Self {
            socket: socket("127.0.0.2:0"),
            to: "<sip:14155550100@127.0.0.1>".to_owned(),
            remote: format!("sip:14155550100@{server}"),
            server,
        };
        call.send("INVITE", 1);
        desk.answer("INVITE");
        let (ok, _) = receive(&call.socket, "SIP/2.0 200");
        header(&ok, "to:").clone_into(&mut call.to);
        call.remote = header(&ok, "contact:").trim_matches(['<', '>']).to_owned();
        call.send("ACK", 1);
        call
    }

    pub(crate) fn hang_up(&self, desk: &Desk) {
        self.send("BYE", 2);
        desk.answer("BYE");
        receive(&self.socket, "SIP/2.0 200");
    }

    fn send(&self, method: &str, cseq: u32) {
        self.send_as(method, cseq, method);
    }

    /// With the branch of a request of another method.
    fn send_as(&self, method: &str, cseq: u32, branch: &str) {
        let own = self.socket.local_addr().unwrap();
        let request = format!(
            "{method} {} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{cseq}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:4930123456@127.0.0.2>;tag=caller\r\n\
             To: {}\r\n\
             Call-ID: call@127.0.0.2\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:{own}>\r\n\
             Content-Length: 0\r\n\r\n",
            self.remote, self.to
        );
        self.socket.send_to(request.as_bytes(), &self.server).unwrap();
    }
}
