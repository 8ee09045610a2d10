//! A carrier over TLS that is a DNS name: whose certificate is believed there, as RFC 5922 has it.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;
use trunkline::sip::{Method, Writer};

use crate::daemon::Daemon;
use crate::dns::{self, Dns};
use crate::network::{CARRIER, OTHER_CARRIER, PBX};
use crate::phone::Phone;
use crate::pki::{Issued, self_signed, server};
use crate::secure::{Secure, message};

const ABROAD: &str = "00442079460000";

/// A carrier that answers 200 to whatever it is asked, for the rest of the test run; what that was,
/// with the name that the handshake asked for.
fn answering(listener: TcpListener, own: Issued) -> Receiver<(String, String)> {
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = server(stream.unwrap(), &own, None);
            // A handshake that the other side breaks off ends here, as a connection that is closed.
            while let Some(request) = message(&mut stream) {
                let name = stream.conn.server_name().unwrap_or_default().to_owned();
                let method = String::from_utf8_lossy(request.method().as_bytes()).into_owned();
                drop(told.send((method, name)));
                if request.method() == Method::Ack {
                    continue;
                }
                let (us, far) =
                    (stream.sock.local_addr().unwrap(), stream.sock.peer_addr().unwrap());
                let mut out = Writer::response_to(&request, far, 200, b"OK", Some(b"carrier"));
                out.header_fmt("Contact", format_args!("<sip:carrier@{us};transport=tls>"));
                std::io::Write::write_all(&mut stream, &out.finish(b"")).unwrap();
            }
        }
    });
    asked
}

/// The daemon, the DNS and the carrier, which shows this certificate: `carrier.example` has one
/// server, `edge.example`.
fn serve(secure: &Secure, own: Issued) -> (Daemon, Dns, Receiver<(String, String)>) {
    let ip = secure.network.ip(CARRIER);
    let base = std::fs::read_to_string(secure.site.manifests().join("base.yaml")).unwrap();
    let alive = "keepAlive: {interval: 1s, failAfter: 1}";
    let base = base.replace(&format!("host: {ip},"), "host: carrier.example,");
    secure.site.write("base.yaml", &base.replacen("keepAlive: {enabled: false}", alive, 1));
    let listener = TcpListener::bind((secure.network.at(CARRIER).ip(), 5061)).unwrap();
    let asked = answering(listener, own);
    let at = dns::address(&secure.network);
    let records = [
        "--srv-host=_sips._tcp.carrier.example,edge.example,5061,1,1".to_owned(),
        format!("--host-record=edge.example,{ip}"),
    ];
    let dns = Dns::serve(at, &records);
    (secure.serve_with(&["--dns", &at.to_string()]), dns, asked)
}

fn health(status: &Value) -> &Value {
    let trunks = status["trunks"].as_array().unwrap();
    &trunks.iter().find(|trunk| trunk["resource"] == "Trunk/carrier").unwrap()["health"]
}

#[test]
fn a_carrier_is_believed_that_shows_the_name_it_was_asked_for() {
    let secure = Secure::new();
    let own = secure.authority.issue(&["carrier.example"]);
    let (daemon, _dns, asked) = serve(&secure, own);
    daemon.until(|status| health(status) == "up");
    let pbx = Phone::new(&secure.network, PBX);
    let call = pbx.call("named", ABROAD);
    pbx.hang_up(&call);
    daemon.until(|status| status["activeCalls"] == 0);
    let asked: Vec<(String, String)> = asked.try_iter().collect();
    for method in ["OPTIONS", "INVITE", "ACK", "BYE"] {
        let sent = (method.to_owned(), "carrier.example".to_owned());
        assert!(asked.contains(&sent), "{method}: {asked:?}");
    }
}

#[test]
fn a_carrier_with_another_name_is_told_nothing_and_the_next_one_has_the_call() {
    let wrong: [fn(&Secure) -> Issued; 4] = [
        // The server that the DNS names is not who was asked for.
        |secure| secure.authority.issue(&["edge.example"]),
        |secure| secure.authority.issue(&["*.example"]),
        |secure| secure.authority.issue(&[&secure.network.ip(CARRIER)]),
        |_| self_signed(&["carrier.example"]),
    ];
    wrong.into_iter().for_each(refused);
}

fn refused(wrong: fn(&Secure) -> Issued) {
    let secure = Secure::new();
    let (mut daemon, _dns, asked) = serve(&secure, wrong(&secure));
    let why = daemon.wait_for("no TLS connection");
    assert!(why.contains("certificate"), "{why}");
    daemon.until(|status| health(status) == "down");
    let (pbx, other) =
        (Phone::new(&secure.network, PBX), Phone::new(&secure.network, OTHER_CARRIER));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let invite = other.receive();
            other.respond(&invite, 200);
            assert_eq!(other.receive().method().as_bytes(), b"ACK");
        });
        pbx.call("other", ABROAD);
    });
    assert_eq!(asked.try_iter().next(), None);
}
