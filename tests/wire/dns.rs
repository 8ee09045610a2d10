//! A real DNS server (dnsmasq) on loopback, with records as the test wants them.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::daemon::DEADLINE;
use crate::network::{DNS, Network};
use crate::sipp::is_bound;

/// Where a DNS server is, or will be.
pub(crate) fn address(network: &Network) -> SocketAddr {
    let ip = network.at(DNS).ip();
    let free = UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap();
    drop(TcpListener::bind(free).unwrap());
    free
}

/// A running server; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Dns {
    child: Child,
}

impl Dns {
    /// Serves records, given as dnsmasq's options, and nothing else; bound when this returns.
    pub(crate) fn serve(address: SocketAddr, records: &[String]) -> Self {
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file="]);
        command.args([
            "--no-resolv",
            "--no-hosts",
            "--local=/example/",
            "--log-facility=/dev/null",
        ]);
        // Started as root it would become somebody who may not be here.
        command.args(["--user=root", "--bind-interfaces", "--except-interface=none"]);
        command.arg(format!("--listen-address={}", address.ip()));
        command.arg(format!("--port={}", address.port())).args(records);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("cannot run dnsmasq ({error}): apt-get install dnsmasq-base")
        });
        let mut dns = Self { child };
        let deadline = Instant::now() + DEADLINE;
        while !is_bound("u1", address) {
            if let Some(status) = dns.child.try_wait().unwrap() {
                let mut stderr = dns.child.stderr.take().unwrap();
                let words = std::io::read_to_string(&mut stderr).unwrap();
                panic!("dnsmasq ended with {status}: {words}");
            }
            assert!(Instant::now() < deadline, "dnsmasq does not listen at {address}");
            std::thread::yield_now();
        }
        dns
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
