//! Calls over TLS through the real binary, certificates that change under it, and secrets that show
//! nowhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use socket2::{Domain, Socket, Type};
use trunkline::sip::Message;

use crate::daemon::{Daemon, Site, run, trunkline};
use crate::network::{CARRIER, DID, ENGINE, Network, OTHER_CARRIER, PBX};
use crate::pki::{Authority, Client, Issued, client};
use crate::sipp::{Counts, Sipp};

/// A secret that must be seen nowhere.
const CANARY: &str = "hunter2-Xk9cAnArYq7";

/// A site whose first carrier speaks TLS, with the certificates of its listener.
pub(crate) struct Secure {
    pub(crate) network: Network,
    pub(crate) site: Site,
    pub(crate) authority: Authority,
}

impl Secure {
    pub(crate) fn new() -> Self {
        let network = Network::claim();
        let secure = Self { site: network.site(), network, authority: Authority::new("ours") };
        let host = secure.network.ip(CARRIER);
        let base = std::fs::read_to_string(secure.site.manifests().join("base.yaml")).unwrap();
        let over =
            base.replace(&format!("host: {host},"), &format!("host: {host}, transport: tls,"));
        let transport = format!(
            "---\napiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: tls}}\n\
             spec:\n  protocol: tls\n  bind: {}\n  port: 5061\n  tls:\n    certificate: sbc/chain.pem\n    \
             privateKey: {{file: sbc/key.pem}}\n    clientCa: ca.pem\n",
            secure.network.ip(ENGINE)
        );
        secure.site.write("base.yaml", &[over, transport].concat());
        secure.put("ca.pem", &secure.authority.pem());
        secure.put_own("sbc", &secure.authority.issue(&["127.0.0.1"]));
        secure
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.site.path("secrets").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn put_own(&self, folder: &str, own: &Issued) {
        self.put(&format!("{folder}/chain.pem"), &own.certificate);
        self.put(&format!("{folder}/key.pem"), &own.key);
    }

    fn serve(&self) -> Daemon {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Daemon {
        let mut command = self.site.command(&self.site.manifests());
        command.arg("--secrets").arg(self.site.path("secrets"));
        command.args(arguments);
        Daemon::start_with(command)
    }

    /// The carrier connects from its own address.
    fn connect(&self) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let own: SocketAddr = format!("{}:0", self.network.ip(CARRIER)).parse().unwrap();
        let engine: SocketAddr = format!("{}:5061", self.network.ip(ENGINE)).parse().unwrap();
        socket.bind(&own.into()).unwrap();
        socket.connect(&engine.into()).unwrap();
        client(TcpStream::from(socket), &self.authority, None)
    }
}

/// A request over TLS in the dialog that the last answer made.
fn request(stream: &mut Client, method: &str, id: &str, cseq: u32, last: Option<&Message>) {
    let us = stream.sock.local_addr().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let uri = last.map_or_else(
        || format!("sip:{DID}@engine.invalid"),
        |answer| text(answer.contact().unwrap().uri.raw),
    );
    let tag = last
        .and_then(|answer| answer.to().tag())
        .map_or(String::new(), |tag| format!(";tag={}", text(tag)));
    let message = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS {us};branch=z9hG4bK{id}{cseq}{method};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1234@{us}>;tag=f{id}\r\nTo: <sip:{DID}@engine>{tag}\r\n\
         Call-ID: {id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:carrier@{us};transport=tls>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    stream.write_all(message.as_bytes()).unwrap();
}

/// The next message; `None` when the connection is over.
pub(crate) fn message(stream: &mut impl Read) -> Option<Message> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    let head = std::str::from_utf8(&text).ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Message::parse_datagram(&[text, body].concat()).ok()
}

/// The next final response.
fn answer(stream: &mut Client) -> Message {
    loop {
        let message = message(stream).unwrap();
        if message.status().expect("a response") >= 200 {
            return message;
        }
    }
}

fn call(stream: &mut Client, id: &str) {
    request(stream, "INVITE", id, 1, None);
    let answered = answer(stream);
    assert_eq!(answered.status(), Some(200), "{answered:?}");
    let contact = String::from_utf8(answered.contact().unwrap().uri.raw.to_vec()).unwrap();
    assert!(contact.ends_with(":5061;transport=tls"), "{contact}");
    request(stream, "ACK", id, 1, Some(&answered));
    request(stream, "BYE", id, 2, Some(&answered));
    assert_eq!(answer(stream).status(), Some(200));
}

#[test]
fn a_call_over_tls_survives_a_new_certificate_that_the_next_connection_sees() {
    let secure = Secure::new();
    let mut daemon = secure.serve();
    daemon.until(|status| status["condition"] == "Ready");
    let callee = Sipp::answer(&secure.network, PBX, "callee_answers", 3);
    let mut old = secure.connect();
    call(&mut old, "one");
    let second = secure.authority.issue(&["127.0.0.1"]);
    secure.put_own("sbc", &second);
    daemon.signal("HUP");
    daemon.wait_for("secrets or certificates have changed");
    call(&mut old, "two");
    let mut new = secure.connect();
    call(&mut new, "three");
    let shown = |stream: &Client| stream.conn.peer_certificates().unwrap()[0].to_vec();
    assert_ne!(shown(&old), shown(&new));
    assert_eq!(callee.finish(), Counts::clean(3));
    daemon.until(|status| status["activeCalls"] == 0);

    // A certificate without its key: what runs goes on, and that is told.
    secure.put("sbc/chain.pem", &secure.authority.issue(&["127.0.0.1"]).certificate);
    daemon.signal("HUP");
    let line = daemon.wait_for("secrets or certificates have changed");
    assert!(line.contains("Transport/tls cannot be used") && !line.contains("in force"), "{line}");
    let told = |status: &serde_json::Value| {
        let words = status["transports"][0]["message"].as_str().unwrap_or_default();
        words.contains("the private key does not belong to the certificate")
    };
    let status = daemon.until(told);
    assert_eq!(status["transports"][0]["condition"], "Ready");
    secure.put_own("sbc", &second);
    daemon.signal("HUP");
    daemon.wait_for("the new ones are in force");
    daemon.until(|status| !told(status));

    // The key of another certificate: refused with its line, and what runs goes on.
    secure.put_own("other", &secure.authority.issue(&["127.0.0.1"]));
    let base = std::fs::read_to_string(secure.site.manifests().join("base.yaml")).unwrap();
    secure.site.write("base.yaml", &base.replace("file: sbc/key.pem", "file: other/key.pem"));
    let refused = |status: &serde_json::Value| {
        let all = status["diagnostics"].as_array().unwrap().iter();
        all.filter(|one| one["severity"] == "error")
            .map(|one| one["code"].clone())
            .collect::<Vec<_>>()
    };
    let status = daemon.until(|status| refused(status) == ["TL704"]);
    assert_eq!(status["transports"][0]["condition"], "Ready");
    // The same from the command line: nothing is performed.
    let manifests = secure.site.manifests();
    let applied =
        run(&["apply", manifests.to_str().unwrap(), "--auto-approve", "--server", &daemon.url]);
    assert_eq!(applied.status.code(), Some(4), "{applied:?}");
    assert!(String::from_utf8_lossy(&applied.stderr).contains("TL704"), "{applied:?}");
    assert_eq!(shown(&secure.connect_shaken()), shown(&new));
}

impl Secure {
    /// A connection with its handshake behind it.
    fn connect_shaken(&self) -> Client {
        let mut stream = self.connect();
        stream.conn.complete_io(&mut stream.sock).unwrap();
        stream
    }
}

/// Every file below a folder.
fn contents(folder: &Path, found: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents(&path, found);
        } else {
            found.extend(std::fs::read(path).unwrap());
        }
    }
}

#[test]
fn a_missing_secret_keeps_one_trunk_off_and_no_secret_shows_anywhere() {
    let secure = Secure::new();
    let own = secure.authority.issue(&["127.0.0.1"]);
    secure.put("chain.pem", &own.certificate);
    let own_tls = "tls: {certificate: chain.pem, privateKey: {env: TRUNK_KEY}}";
    let base = std::fs::read_to_string(secure.site.manifests().join("base.yaml")).unwrap();
    let host = format!("host: {}, transport: tls,", secure.network.ip(CARRIER));
    secure.site.write("base.yaml", &base.replace(&host, &format!("{host} {own_tls},")));
    let mut daemon = secure.serve();
    let status = daemon.until(|status| status["waiting"][0]["code"] == "TL703");
    assert_eq!(status["waiting"].as_array().unwrap().len(), 1);
    assert_eq!(status["revision"]["converged"], serde_json::Value::Null);
    let trunk = &status["trunks"][0];
    assert_eq!(
        (&trunk["resource"], &trunk["condition"]),
        (&"Trunk/carrier".into(), &"Stalled".into())
    );
    // Everything else runs: the other carrier takes the call.
    let callee = Sipp::answer(&secure.network, OTHER_CARRIER, "callee_answers", 1);
    let abroad = ("caller_hangs_up", "00442079460000");
    let caller = Sipp::call(&secure.network, (PBX, "100"), abroad, (1, 1));
    assert_eq!((caller.finish(), callee.finish()), (Counts::clean(1), Counts::clean(1)));
    daemon.signal("HUP");
    daemon.wait_for("SIGHUP");
    daemon.until(|status| status["waiting"][0]["code"] == "TL703");
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    let log = daemon.rest_of_log();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("TL703")).collect();
    assert_eq!(lines.len(), 1, "one line, once");
    let words = "Trunk/carrier (the environment variable TRUNK_KEY is not set)";
    assert!(lines[0].contains(words), "{lines:?}");
    drop(daemon);

    // With a key there it runs; neither the key nor what is no key shows anywhere.
    let key_lines: Vec<&str> = own.key.lines().filter(|line| !line.starts_with('-')).collect();
    for (value, ready) in [(own.key.as_str(), true), (CANARY, false)] {
        let mut command = secure.site.command(&secure.site.manifests());
        command.arg("--secrets").arg(secure.site.path("secrets")).env("TRUNK_KEY", value);
        command.env("TRUNKLINE_LOG", "trace,mio=info,hyper=info");
        let mut daemon = Daemon::start_with(command);
        let wanted = if ready { "Ready" } else { "Stalled" };
        daemon.until(|status| status["trunks"][0]["condition"] == wanted);
        let mut seen = Vec::new();
        for path in ["status", "resources", "observed", "history?limit=10"] {
            seen.extend(daemon.get(&format!("/api/v1/{path}")).to_string().into_bytes());
        }
        let manifests = secure.site.manifests();
        for verb in ["plan", "status"] {
            let mut command = trunkline();
            command.arg(verb).args(["--server", &daemon.url, "-o", "json"]);
            if verb == "plan" {
                command.arg(&manifests);
            }
            let output = command.output().unwrap();
            seen.extend([output.stdout, output.stderr].concat());
        }
        daemon.signal("TERM");
        assert!(daemon.wait().success());
        seen.extend(daemon.rest_of_log().concat().into_bytes());
        contents(&secure.site.state(), &mut seen);
        let seen = String::from_utf8_lossy(&seen);
        assert!(seen.contains("TRUNK_KEY"), "the reference is kept");
        for secret in key_lines.iter().chain([&CANARY]) {
            assert!(!seen.contains(secret), "a secret shows");
        }
    }
}
