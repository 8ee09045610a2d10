//! A trunk that is a name: looked up at a real DNS server by the real binary, SIPp behind its
//! targets.

use serde_json::{Value, json};

use crate::dns::{self, Dns};
use crate::network::{CARRIER, DID, NAMED_CARRIER, Network, OTHER_CARRIER, PBX, STRANGER};
use crate::sipp::{Counts, Sipp};

const CALLS: u64 = 50;
const LOAD: (u64, u64) = (CALLS, 50);

/// The number that the tenant's PBX dials; the trunk sees it without `00`.
const ABROAD: &str = "00442079460000";

/// Two targets of one service, in order.
fn records(network: &Network, protocol: &str) -> Vec<String> {
    let letter = if protocol == "udp" { "U" } else { "T" };
    vec![
        format!(
            "--naptr-record=carrier.example,10,10,s,SIP+D2{letter},,_sip._{protocol}.sip.example"
        ),
        format!("--srv-host=_sip._{protocol}.sip.example,one.example,5060,1,100"),
        format!("--srv-host=_sip._{protocol}.sip.example,two.example,5060,2,100"),
        // Where the name itself lives is nobody's business.
        format!("--host-record=carrier.example,{}", network.ip(STRANGER)),
        format!("--host-record=one.example,{}", network.ip(CARRIER)),
        format!("--host-record=two.example,{}", network.ip(NAMED_CARRIER)),
    ]
}

fn carrier(status: &Value) -> &Value {
    let trunks = status["trunks"].as_array().unwrap();
    trunks.iter().find(|trunk| trunk["resource"] == "Trunk/carrier").unwrap()
}

fn target(network: &Network, last: u8) -> Value {
    json!({ "address": network.at(last).to_string(), "down": false })
}

#[test]
fn calls_go_to_the_second_target_when_the_first_answers_503() {
    let network = Network::claim();
    let dns = dns::address(&network);
    let _dns = Dns::serve(dns, &records(&network, "udp"));
    let (_site, daemon) = network.serve_named(dns, "udp");
    // It is ready with the first answer that brings a target; the second one follows.
    let expected = json!([target(&network, CARRIER), target(&network, NAMED_CARRIER)]);
    let status = daemon.until(|status| carrier(status)["targets"] == expected);
    assert_eq!(carrier(&status)["condition"], "Ready");
    let refusing = Sipp::answer(&network, CARRIER, "callee_refuses", CALLS);
    let answering = Sipp::answer(&network, NAMED_CARRIER, "callee_answers", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(refusing.finish(), Counts::clean(CALLS));
    assert_eq!(answering.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn calls_go_to_the_second_target_when_nobody_is_at_the_first() {
    let network = Network::claim();
    let dns = dns::address(&network);
    let _dns = Dns::serve(dns, &records(&network, "tcp"));
    let (_site, daemon) = network.serve_named(dns, "tcp");
    daemon.until(|status| carrier(status)["condition"] == "Ready");
    let answering = Sipp::answer_over("t1", &network, NAMED_CARRIER, "callee_answers", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(answering.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn calls_from_any_target_are_the_trunks() {
    let network = Network::claim();
    let dns = dns::address(&network);
    let _dns = Dns::serve(dns, &records(&network, "udp"));
    let (_site, daemon) = network.serve_named(dns, "udp");
    daemon.until(|status| carrier(status)["condition"] == "Ready");
    let callee = Sipp::answer(&network, PBX, "callee_answers", CALLS);
    let from = (NAMED_CARRIER, "491701234567");
    let caller = Sipp::call(&network, from, ("caller_hangs_up", DID), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_dns_that_comes_late_keeps_nothing_up_but_its_own_trunk() {
    let network = Network::claim();
    let dns = dns::address(&network);
    let (_site, daemon) = network.serve_named(dns, "udp");
    // Nobody answers there yet.
    let status = daemon.until(|status| carrier(status)["condition"] == "Stalled");
    let message = carrier(&status)["message"].as_str().unwrap();
    assert!(
        message.starts_with("carrier.example has no target: the DNS does not answer"),
        "{message}"
    );
    let other = Sipp::answer(&network, OTHER_CARRIER, "callee_answers", 5);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), (5, 50));
    assert_eq!(caller.finish(), Counts::clean(5));
    assert_eq!(other.finish(), Counts::clean(5));
    let _dns = Dns::serve(dns, &records(&network, "udp"));
    daemon.until(|status| carrier(status)["condition"] == "Ready");
}

#[test]
fn a_name_that_does_not_exist_is_told() {
    let network = Network::claim();
    let dns = dns::address(&network);
    let _dns = Dns::serve(dns, &[]);
    let (_site, daemon) = network.serve_named(dns, "udp");
    let status = daemon.until(|status| carrier(status)["condition"] == "Stalled");
    assert_eq!(
        carrier(&status)["message"],
        "carrier.example has no target: there is no name carrier.example (NXDOMAIN)"
    );
}

#[test]
fn calls_follow_a_redirection_to_a_name() {
    let network = Network::claim();
    let dns = dns::address(&network);
    let records = [
        "--srv-host=_sip._udp.else.example,one.example,5060,1,100".to_owned(),
        format!("--host-record=one.example,{}", network.ip(NAMED_CARRIER)),
    ];
    let _dns = Dns::serve(dns, &records);
    let site = network.site();
    let base = network.base();
    site.write("base.yaml", &base.replacen("type: ip,", "type: ip, redirect: follow,", 1));
    let daemon = site.serve_with(&site.manifests(), &["--dns", &dns.to_string()]);
    daemon.until(|status| status["condition"] == "Ready");
    let redirecting = Sipp::answer(&network, CARRIER, "callee_redirects", CALLS);
    let answering = Sipp::answer(&network, NAMED_CARRIER, "callee_answers", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(redirecting.finish(), Counts::clean(CALLS));
    assert_eq!(answering.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}
