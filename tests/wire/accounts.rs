//! Passwords on the wire: our own at a registrar and a carrier that ask for them, and those of
//! phones that we ask. Both sums are SIPp's own.

use crate::daemon::{Daemon, Site};
use crate::network::{CARRIER, Network, PBX, STRANGER};
use crate::sipp::{Counts, Sipp};

/// The password of every account.
const PASSWORD: &str = "wire-secret";
const ABROAD: &str = "00442079460000";

/// The usual network where the first carrier has an account for us, and the tenant a phone.
fn serve(network: &Network, registers: bool) -> (Site, Daemon) {
    let account = format!(
        "type: register, registration: {{username: acct001, password: {{env: WIRE_PASSWORD}}, \
         enabled: {registers}}}, host: {}",
        network.ip(CARRIER)
    );
    let base = network.base();
    let plain = format!("type: ip, host: {}", network.ip(CARRIER));
    assert!(base.contains(&plain));
    let phone = "---\napiVersion: trunkline.dev/v1\nkind: Extension\n\
        metadata: {name: phone, tenant: acme}\n\
        spec: {numbers: 300, register: {username: phone, password: {env: WIRE_PASSWORD}}}\n";
    let site = network.site();
    site.write("base.yaml", &[&base.replace(&plain, &account), phone].concat());
    let mut command = site.command(&site.manifests());
    command.env("WIRE_PASSWORD", PASSWORD);
    let daemon = Daemon::start_with(command);
    daemon.until(|status| status["condition"] == "Ready");
    (site, daemon)
}

#[test]
fn a_trunk_registers_with_its_password() {
    let network = Network::claim();
    let registrar = Sipp::answer(&network, CARRIER, "registrar_challenges", 1);
    let (_site, daemon) = serve(&network, true);
    daemon.until(|status| status["trunks"][0]["registration"]["state"] == "registered");
    assert_eq!(registrar.finish(), Counts::clean(1));
    daemon.until(|status| status["trunks"][0]["registration"]["expires"] == 60);
}

#[test]
fn challenged_calls_get_through_with_the_trunks_password() {
    let network = Network::claim();
    let (_site, daemon) = serve(&network, false);
    let callee = Sipp::answer(&network, CARRIER, "callee_challenges", 20);
    let pbx = (PBX, "100");
    let caller = Sipp::call(&network, pbx, ("caller_hangs_up", ABROAD), (20, 20));
    assert_eq!(caller.finish(), Counts::clean(20));
    assert_eq!(callee.finish(), Counts::clean(20));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_phone_registers_with_its_password() {
    let network = Network::claim();
    let (_site, daemon) = serve(&network, false);
    let who = (STRANGER, "phone");
    let domain = "acme.example";
    let phone = Sipp::prove(&network, who, ("phone_registers", domain), (domain, 1));
    assert_eq!(phone.finish(), Counts::clean(1));
    daemon.until(|status| status["bindings"][0]["resource"] == "Extension/acme/phone");
}

#[test]
fn a_phone_calls_with_its_password() {
    let network = Network::claim();
    let (_site, daemon) = serve(&network, false);
    let callee = Sipp::answer(&network, CARRIER, "callee_challenges", 10);
    let who = (STRANGER, "phone");
    let uri = format!("{ABROAD}@acme.example");
    let phone = Sipp::prove(&network, who, ("phone_proves", ABROAD), (&uri, 10));
    assert_eq!(phone.finish(), Counts::clean(10));
    assert_eq!(callee.finish(), Counts::clean(10));
    // A proof for another URI is none.
    let wrong = Sipp::prove(&network, who, ("phone_proves", ABROAD), ("acme.example", 1));
    assert_eq!(wrong.finish().failed, 1);
    daemon.until(|status| status["activeCalls"] == 0);
}
