//! A loopback network of its own for each test, and the manifests that live in it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::daemon::{Daemon, Site};

/// The port of everyone in the network.
const PORT: u16 = 5060;

/// The number that the first rule sends to extension 100.
pub(crate) const DID: &str = "14155550100";

/// Who has which last octet.
pub(crate) const ENGINE: u8 = 1;
pub(crate) const CARRIER: u8 = 2;
pub(crate) const OTHER_CARRIER: u8 = 3;
pub(crate) const NAMED_CARRIER: u8 = 4;
pub(crate) const PBX: u8 = 10;
pub(crate) const NIGHT_PBX: u8 = 11;
pub(crate) const DNS: u8 = 53;
pub(crate) const STRANGER: u8 = 99;

/// A /24 below 127.0.0.0/8 that no other test uses, in this process or another.
#[derive(Debug)]
pub(crate) struct Network {
    octets: (u8, u8),
    /// Bound as long as the network is ours.
    _claim: UdpSocket,
}

impl Network {
    pub(crate) fn claim() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let process = std::process::id().to_le_bytes()[0] | 0x40;
        (0..=u8::MAX)
            .find_map(|_| {
                let octets = (process, NEXT.fetch_add(1, Ordering::Relaxed));
                let claim = UdpSocket::bind((Ipv4Addr::new(127, octets.0, octets.1, 254), PORT));
                claim.ok().map(|claim| Self { octets, _claim: claim })
            })
            .expect("a free loopback network")
    }

    pub(crate) fn at(&self, last: u8) -> SocketAddr {
        (Ipv4Addr::new(127, self.octets.0, self.octets.1, last), PORT).into()
    }

    pub(crate) fn ip(&self, last: u8) -> String {
        self.at(last).ip().to_string()
    }

    /// A daemon that serves this network, once its listener is bound.
    pub(crate) fn serve(&self) -> (Site, Daemon) {
        let site = self.site();
        let daemon = site.serve();
        daemon.until(|status| status["condition"] == "Ready");
        (site, daemon)
    }

    /// The same with the first carrier and the tenant's first PBX over TCP.
    pub(crate) fn serve_tcp(&self, carrier: bool, pbx: bool) -> (Site, Daemon) {
        let site = Site::new();
        let (host, contact) = (self.ip(CARRIER), format!("sip:{}", self.at(PBX)));
        let mut base = self.base();
        if carrier {
            let over = format!("host: {host}, transport: tcp,");
            base = base.replace(&format!("host: {host},"), &over);
        }
        if pbx {
            base = base.replace(&contact, &format!("{contact};transport=tcp"));
        }
        site.write("base.yaml", &[base, self.tcp()].concat());
        let daemon = site.serve();
        daemon.until(|status| status["condition"] == "Ready");
        (site, daemon)
    }

    /// A daemon whose first carrier is the name `carrier.example`, looked up at `dns`, over UDP or
    /// TCP; its listeners are bound.
    pub(crate) fn serve_named(&self, dns: SocketAddr, protocol: &str) -> (Site, Daemon) {
        let site = Site::new();
        let host = format!("host: {},", self.ip(CARRIER));
        let name = format!("host: carrier.example, transport: {protocol},");
        site.write("base.yaml", &[self.base().replace(&host, &name), self.tcp()].concat());
        let dns = dns.to_string();
        let daemon = site.serve_with(&site.manifests(), &["--dns", &dns]);
        daemon.until(|status| status["condition"] == "Ready");
        (site, daemon)
    }

    fn tcp(&self) -> String {
        format!(
            "---\napiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: tcp}}\n\
             spec: {{protocol: tcp, bind: {}, port: {PORT}}}\n",
            self.ip(ENGINE)
        )
    }

    /// A site with this network's manifests: two carriers, one tenant with two PBX.
    pub(crate) fn site(&self) -> Site {
        let site = Site::new();
        site.write("base.yaml", &self.base());
        site
    }

    pub(crate) fn base(&self) -> String {
        let ip = |last| self.ip(last);
        format!(
            "\
apiVersion: trunkline.dev/v1
kind: Transport
metadata: {{name: udp}}
spec: {{protocol: udp, bind: {engine}, port: {PORT}}}
---
apiVersion: trunkline.dev/v1
kind: Tenant
metadata: {{name: acme}}
spec: {{sipDomain: acme.example, limits: {{concurrentCalls: 500}}}}
---
apiVersion: trunkline.dev/v1
kind: Trunk
metadata: {{name: carrier}}
spec: {{type: ip, host: {carrier}, keepAlive: {{enabled: false}}}}
---
apiVersion: trunkline.dev/v1
kind: Trunk
metadata: {{name: other}}
spec: {{type: ip, host: {other}, keepAlive: {{enabled: false}}}}
---
apiVersion: trunkline.dev/v1
kind: DidPool
metadata: {{name: main, tenant: acme}}
spec: {{trunk: carrier, numbers: 14155550100-14155550199}}
---
apiVersion: trunkline.dev/v1
kind: DidPool
metadata: {{name: other, tenant: acme}}
spec: {{trunk: other, numbers: 14155550200-14155550299}}
---
apiVersion: trunkline.dev/v1
kind: Extension
metadata: {{name: desks, tenant: acme}}
spec: {{numbers: 100-199, contact: 'sip:{pbx}:{PORT}'}}
---
apiVersion: trunkline.dev/v1
kind: Extension
metadata: {{name: night, tenant: acme}}
spec: {{numbers: 200-299, contact: 'sip:{night}:{PORT}'}}
---
apiVersion: trunkline.dev/v1
kind: OutboundRule
metadata: {{name: abroad, tenant: acme}}
spec:
  match: {{prefixes: ['00']}}
  routes: [{{trunk: carrier, strip: 2}}, {{trunk: other, strip: 2}}]
",
            engine = ip(ENGINE),
            carrier = ip(CARRIER),
            other = ip(OTHER_CARRIER),
            pbx = ip(PBX),
            night = ip(NIGHT_PBX),
        )
    }
}
