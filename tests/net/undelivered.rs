//! Connections that are gone when something has to be said over them.

use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use trunkline::net::EngineHandle;
use trunkline::port::Target;

use crate::halves::{answer, engine};
use crate::listeners::PATIENCE;
use crate::streams::{connect, message};

/// A carrier that calls over a connection, and says that it listens at `home`.
struct Caller {
    stream: TcpStream,
    address: SocketAddr,
    home: SocketAddr,
    name: &'static str,
}

impl Caller {
    /// Calls; the INVITE as the PBX gets it, and from where.
    fn call(
        name: &'static str,
        (address, home): (SocketAddr, SocketAddr),
        pbx: &UdpSocket,
    ) -> (Self, String, SocketAddr) {
        let mut caller = Self { stream: connect(address), address, home, name };
        let to = format!("<sip:+442079460007@{address}>");
        let contact = format!("Contact: <sip:{home};transport=tcp>\r\n");
        let text = caller.print("INVITE", &to, &contact);
        caller.stream.write_all(text.as_bytes()).unwrap();
        assert!(message(&mut caller.stream).starts_with("SIP/2.0 100 "));
        let (invite, source) = heard(pbx, "INVITE ");
        (caller, invite, source)
    }

    fn print(&self, method: &str, to: &str, headers: &str) -> String {
        let Self { address, home, name, .. } = self;
        format!(
            "{method} sip:+442079460007@{address} SIP/2.0\r\n\
             Via: SIP/2.0/TCP {home};branch=z9hG4bK{name}{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:447700900123@127.0.0.1>;tag=1\r\nTo: {to}\r\nCall-ID: {name}\r\n\
             CSeq: 1 {method}\r\n{headers}Content-Length: 0\r\n\r\n"
        )
    }

    /// The ACK of a 2xx.
    fn ack(&self, answered: &str) -> String {
        let to = answered.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
        self.print("ACK", to, "")
    }
}

/// The next datagram that begins like this, whatever is repeated before it.
fn heard(pbx: &UdpSocket, begins: &str) -> (String, SocketAddr) {
    let mut buffer = [0; 4096];
    (0..20)
        .find_map(|_| {
            let (length, source) = pbx.recv_from(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            text.starts_with(begins).then_some((text, source))
        })
        .unwrap_or_else(|| panic!("no {begins}"))
}

/// An address where nobody listens, and somebody may later.
fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// Looks again and again, without a rest that is longer than needed.
fn poll<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let idle = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    idle.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE);
        assert!(idle.recv_from(&mut [0; 9]).is_err());
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let stream = poll(|| match listener.accept() {
        Ok((stream, _)) => Some(stream),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// How often a request left for the caller.
fn left(engine: &EngineHandle, call: &str, method: &str) -> usize {
    let record = engine.record(call).unwrap().unwrap();
    let ours = record.messages.iter().filter(|one| one.leg == "A" && one.direction == "out");
    ours.filter(|one| one.first_line.starts_with(method)).count()
}

/// How a call ended, once it has.
fn ending(engine: &EngineHandle) -> String {
    poll(|| {
        let events = engine.events(0).unwrap();
        events.into_iter().find(|one| one.event == "ended").and_then(|one| one.reason)
    })
}

#[test]
fn a_response_whose_connection_is_gone_goes_to_where_its_caller_listens() {
    let (engine, address, pbx) = engine();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let home = listener.local_addr().unwrap();
    let (caller, invite, source) = Caller::call("moved", (address, home), &pbx);
    caller.stream.shutdown(std::net::Shutdown::Both).unwrap();
    // Whether that has been seen by now or not.
    answer(&pbx, &invite, (180, source));
    answer(&pbx, &invite, (200, source));
    let mut stream = accept(&listener);
    let answered = poll(|| Some(message(&mut stream)).filter(|one| one.starts_with("SIP/2.0 200")));
    stream.write_all(caller.ack(&answered).as_bytes()).unwrap();
    heard(&pbx, "ACK ");
    assert_eq!(engine.observe().unwrap().active_calls, 1);
}

#[test]
fn a_response_that_reaches_nobody_takes_the_call_back() {
    let (engine, address, pbx) = engine();
    let (caller, invite, source) = Caller::call("lost", (address, nobody()), &pbx);
    drop(caller);
    // The first ones may still be written into the connection that is about to end.
    pbx.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = [0; 4096];
    let cancel = poll(|| {
        answer(&pbx, &invite, (180, source));
        let (length, _) = pbx.recv_from(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        text.starts_with("CANCEL ").then_some(text)
    });
    pbx.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(cancel.contains("The caller cannot be reached"), "{cancel}");
    answer(&pbx, &cancel, (200, source));
    answer(&pbx, &invite, (487, source));
    heard(&pbx, "ACK ");
    assert_eq!(ending(&engine), "CallerUnreachable");
}

#[test]
fn a_bye_is_tried_until_its_far_end_can_be_reached_again() {
    let (engine, address, pbx) = engine();
    let home = nobody();
    let (mut caller, invite, source) = Caller::call("away", (address, home), &pbx);
    answer(&pbx, &invite, (200, source));
    let answered = message(&mut caller.stream);
    assert!(answered.starts_with("SIP/2.0 200 "), "{answered}");
    caller.stream.write_all(caller.ack(&answered).as_bytes()).unwrap();
    heard(&pbx, "ACK ");
    drop(caller);
    let value = |name: &str| {
        let line = invite.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    let text = format!(
        "BYE sip:{source} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n\
         From: {};tag=2\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        pbx.local_addr().unwrap(),
        value("To:"),
        value("From:"),
        value("Call-ID:")
    );
    pbx.send_to(text.as_bytes(), source).unwrap();
    heard(&pbx, "SIP/2.0 200 ");
    // Nobody is there, and each attempt makes the pause of that far end longer.
    poll(|| (left(&engine, "away", "BYE ") >= 3).then_some(()));
    let listener = TcpListener::bind(home).unwrap();
    let began = Instant::now();
    let mut stream = accept(&listener);
    let bye = message(&mut stream);
    assert!(bye.starts_with("BYE "), "{bye}");
    // A dialog does not wait for that pause, only for timer E.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = bye.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    let text = format!("SIP/2.0 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(ending(&engine), "CalleeHungUp");
    poll(|| (engine.observe().unwrap().active_calls == 0).then_some(()));
}
