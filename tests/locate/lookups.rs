//! What RFC 3263 and RFC 2782 make of a zone.

use std::collections::BTreeSet;

use proptest::prelude::*;
use trunkline::locate::{Locator, MAX_TARGETS};
use trunkline::model::{Protocol, ServerName};
use trunkline::transaction::Moment;

use crate::zone::Zone;

fn name(host: &str, port: Option<u16>, protocol: Protocol) -> ServerName {
    ServerName { host: host.to_owned(), port, protocol }
}

/// Targets by priority, the questions that were asked, and what is lacking.
fn locate(zone: &Zone, name: &ServerName) -> (Vec<String>, Vec<String>, String) {
    let mut locator = Locator::default();
    locator.want(BTreeSet::from([name.clone()]), Moment::START);
    let mut asked = Vec::new();
    while let Some(question) = locator.poll_question() {
        asked.push(question.to_string());
        if let Some(answer) = zone.answer(&question) {
            locator.answer(&question, answer, Moment::START);
        }
    }
    let servers = locator.servers(name).unwrap();
    let targets = servers.targets.iter().map(ToString::to_string).collect();
    (targets, asked, servers.lack.map(ToString::to_string).unwrap_or_default())
}

fn zone(lines: &[&str]) -> Zone {
    let mut zone = Zone::default();
    zone.set(lines);
    zone
}

fn targets(lines: &[&str], protocol: Protocol) -> Vec<String> {
    locate(&zone(lines), &name("c.example", None, protocol)).0
}

#[test]
fn a_port_asks_for_addresses_only() {
    let zone = zone(&[
        "_sip._udp.c.example SRV 1 1 5070 other.example",
        "c.example A 192.0.2.1",
        "c.example AAAA 2001:db8::1",
    ]);
    let (targets, asked, lack) = locate(&zone, &name("c.example", Some(5080), Protocol::Udp));
    assert_eq!(targets, ["[2001:db8::1]:5080", "192.0.2.1:5080"]);
    assert_eq!(asked, ["c.example A", "c.example AAAA"]);
    assert_eq!(lack, "");
}

#[test]
fn the_protocol_of_the_listener_chooses_among_naptr_records() {
    let lines = [
        "c.example NAPTR 10 10 s SIPS+D2T _sips._tcp.tls.example",
        "c.example NAPTR 20 10 s SIP+D2T _sip._tcp.tcp.example",
        "c.example NAPTR 20 20 s SIP+D2U _sip._udp.udp.example",
        "c.example NAPTR 5 10 s SIP+D2S _sip._sctp.sctp.example",
        "c.example NAPTR 5 10 u SIP+D2U nowhere.example",
        "_sips._tcp.tls.example SRV 1 0 5061 h.example",
        "_sip._tcp.tcp.example SRV 1 0 5062 h.example",
        "_sip._udp.udp.example SRV 1 0 5063 h.example",
        "_sip._udp.c.example SRV 1 0 5099 h.example",
        "h.example A 192.0.2.1",
    ];
    assert_eq!(targets(&lines, Protocol::Udp), ["192.0.2.1:5063"]);
    assert_eq!(targets(&lines, Protocol::Tcp), ["192.0.2.1:5062"]);
    assert_eq!(targets(&lines, Protocol::Tls), ["192.0.2.1:5061"]);
}

#[test]
fn of_naptr_records_the_lowest_order_counts_then_preference() {
    let lines = [
        "c.example NAPTR 20 1 s sip+d2u _sip._udp.late.example",
        "c.example NAPTR 10 2 S SIP+D2U _sip._udp.second.example",
        "c.example NAPTR 10 1 S SIP+D2U _sip._udp.first.example",
        "_sip._udp.first.example SRV 9 0 5061 h.example",
        "_sip._udp.second.example SRV 1 0 5062 h.example",
        "_sip._udp.late.example SRV 1 0 5063 h.example",
        "h.example A 192.0.2.1",
    ];
    assert_eq!(targets(&lines, Protocol::Udp), ["192.0.2.1:5061", "192.0.2.1:5062"]);
}

#[test]
fn without_naptr_the_service_of_the_protocol_is_asked_for() {
    let lines = [
        "_sip._udp.c.example SRV 1 0 5071 h.example",
        "_sip._tcp.c.example SRV 1 0 5072 h.example",
        "_sips._tcp.c.example SRV 1 0 5073 h.example",
        "h.example A 192.0.2.1",
    ];
    assert_eq!(targets(&lines, Protocol::Udp), ["192.0.2.1:5071"]);
    assert_eq!(targets(&lines, Protocol::Tcp), ["192.0.2.1:5072"]);
    assert_eq!(targets(&lines, Protocol::Tls), ["192.0.2.1:5073"]);
}

#[test]
fn without_srv_the_host_itself_is_asked_at_the_port_of_the_protocol() {
    let lines = ["c.example A 192.0.2.1"];
    assert_eq!(targets(&lines, Protocol::Udp), ["192.0.2.1:5060"]);
    assert_eq!(targets(&lines, Protocol::Tls), ["192.0.2.1:5061"]);
}

#[test]
fn priorities_come_in_order() {
    let lines = [
        "_sip._udp.c.example SRV 30 0 5060 c3.example",
        "_sip._udp.c.example SRV 10 0 5060 c1.example",
        "_sip._udp.c.example SRV 20 0 5060 c2.example",
        "c1.example A 192.0.2.1",
        "c2.example A 192.0.2.2",
        "c3.example A 192.0.2.3",
    ];
    let expected = ["192.0.2.1:5060", "192.0.2.2:5060", "192.0.2.3:5060"];
    assert_eq!(targets(&lines, Protocol::Udp), expected);
}

#[test]
fn a_target_of_a_dot_says_that_there_is_no_service() {
    let zone = zone(&["_sip._udp.c.example SRV 0 0 0 .", "c.example A 192.0.2.1"]);
    let (targets, _, lack) = locate(&zone, &name("c.example", None, Protocol::Udp));
    assert!(targets.is_empty());
    assert_eq!(lack, "_sip._udp.c.example says that the service is not offered");
}

#[test]
fn a_host_without_an_address_is_left_out_and_told() {
    let zone = zone(&[
        "_sip._udp.c.example SRV 1 0 5060 gone.example",
        "_sip._udp.c.example SRV 2 0 5060 here.example",
        "here.example A 192.0.2.2",
    ]);
    let (targets, _, lack) = locate(&zone, &name("c.example", None, Protocol::Udp));
    assert_eq!(targets, ["192.0.2.2:5060"]);
    assert_eq!(lack, "there is no name gone.example (NXDOMAIN)");
}

#[test]
fn a_name_that_does_not_exist_and_one_that_cannot_be_asked_are_told_apart() {
    let mut zone = zone(&[]);
    let name = name("c.example", Some(5060), Protocol::Udp);
    assert_eq!(locate(&zone, &name).2, "there is no name c.example (NXDOMAIN)");
    zone.fail("Server Failure");
    assert_eq!(locate(&zone, &name).2, "the DNS does not answer c.example AAAA: Server Failure");
    zone.fall_silent();
    assert_eq!(locate(&zone, &name).2, "its answers are awaited");
}

#[test]
fn targets_are_bounded_and_counted_once() {
    let services = (0..60).map(|at| format!("_sip._udp.c.example SRV {at} 0 5060 h{at}.example"));
    let hosts = (0..60).map(|at| format!("h{at}.example A 192.0.2.{}", at / 2));
    let lines: Vec<String> = services.chain(hosts).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(targets(&lines, Protocol::Udp).len(), 30);
    let many: Vec<String> = (0..200).map(|at| format!("c.example A 192.0.2.{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(targets(&many, Protocol::Udp).len(), MAX_TARGETS);
}

/// Names of a small world in which everything may point at everything.
fn label() -> impl Strategy<Value = String> {
    "(_sip[.]_udp[.])?[a-c][.]example|[.]|c[.]example"
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        (label(), 0..3_u16, 0..3_u16, label()).prop_map(|(owner, order, preference, to)| {
            format!("{owner} NAPTR {order} {preference} s SIP+D2U {to}")
        }),
        (label(), 0..3_u16, 0..3_u16, label()).prop_map(|(owner, priority, weight, to)| {
            format!("{owner} SRV {priority} {weight} 5060 {to}")
        }),
        (label(), 0..9_u8).prop_map(|(owner, last)| format!("{owner} A 192.0.2.{last}")),
        (label(), 1..9_u8).prop_map(|(owner, last)| format!("{owner} AAAA 2001:db8::{last}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever a zone says: the search ends, and its targets are addresses of the zone, each once.
    #[test]
    fn any_zone_ends_in_known_addresses(lines in prop::collection::vec(line(), 0..40)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (found, asked, _) = locate(&zone(&lines), &name("c.example", None, Protocol::Udp));
        prop_assert!(asked.len() < 40, "{asked:?}");
        prop_assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len());
        prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
        for target in found {
            let ip = target.parse::<std::net::SocketAddr>().unwrap().ip().to_string();
            prop_assert!(lines.iter().any(|line| line.ends_with(&format!(" {ip}"))), "{ip}");
        }
    }
}
