//! More connections than there is room for, all from known sources.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::daemon::DEADLINE;
use crate::network::{CARRIER, DID, ENGINE, Network, PBX};
use crate::sipp::{Counts, Sipp};

/// Connections that are tried, and how many of them there is room for.
const TRIED: usize = 10_000;
const PLACES: usize = 4096;
/// How many come from each address: fewer than one may hold.
const EACH: usize = 100;

fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Whether an OPTIONS is answered; false when the connection has been closed.
fn is_served(stream: &mut TcpStream) -> bool {
    let us = stream.local_addr().unwrap();
    let request = format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP {us};branch=z9hG4bK{};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {us}\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        us.port()
    );
    let mut start = [0; 12];
    let asked = stream.write_all(request.as_bytes());
    match asked.and_then(|()| stream.read_exact(&mut start)) {
        Ok(()) => start == *b"SIP/2.0 200 ",
        Err(error) => {
            let closed =
                [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];
            assert!(closed.contains(&error.kind()), "{error}");
            false
        }
    }
}

#[test]
fn ten_thousand_connections_take_their_places_and_calls_go_on() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(
        hard > 11_000,
        "this test holds {TRIED} connections; the limit of open files is {hard}"
    );
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(1 << 16), hard).unwrap();
    let (network, crowd) = (Network::claim(), Network::claim());
    let site = network.site();
    let host = format!("host: {},", network.ip(CARRIER));
    let over = format!(
        "host: {}, associatedIps: [{}/24], transport: tcp,",
        network.ip(CARRIER),
        crowd.ip(0)
    );
    let transport = format!(
        "---\napiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: tcp}}\n\
         spec: {{protocol: tcp, bind: {}, port: 5060}}\n",
        network.ip(ENGINE)
    );
    site.write("base.yaml", &[network.base().replace(&host, &over), transport].concat());
    let daemon = site.serve();
    daemon.until(|status| status["condition"] == "Ready");

    let callee = Sipp::answer(&network, PBX, "callee_answers", 100);
    let who = (CARRIER, "491701234567");
    // It has its connection before the crowd comes, and calls while that comes and goes.
    let caller = Sipp::call_over("t1", &network, who, ("caller_hangs_up", DID), (100, 20));
    daemon.until(|status| status["activeCalls"] != 0);
    let from = |number: usize| crowd.at(u8::try_from(number / EACH + 1).unwrap()).ip();
    let mut held: Vec<TcpStream> =
        (0..TRIED).map(|number| connect(from(number), network.at(ENGINE))).collect();
    let served: Vec<bool> = held.iter_mut().map(is_served).collect();
    let count = served.iter().filter(|served| **served).count();
    assert_eq!(count, PLACES - 1, "and the caller's own");
    assert!(served[..count].iter().all(|served| *served), "who came first stays");
    assert_eq!(caller.finish(), Counts::clean(100));
    assert_eq!(callee.finish(), Counts::clean(100));
    drop(held);
    let one = from(0);
    let began = std::time::Instant::now();
    while !is_served(&mut connect(one, network.at(ENGINE))) {
        assert!(began.elapsed() < DEADLINE, "their places are free again");
    }
    daemon.until(|status| status["activeCalls"] == 0);
}
