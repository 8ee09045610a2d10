//! Calls over TCP, and between TCP and UDP, counted by SIPp.

use crate::network::{CARRIER, DID, Network, OTHER_CARRIER, PBX};
use crate::sipp::{Counts, Sipp};

const CALLS: u64 = 100;
const LOAD: (u64, u64) = (CALLS, 50);
const ABROAD: &str = "00442079460000";

#[test]
fn calls_from_a_tcp_trunk_reach_a_udp_pbx() {
    for mode in ["t1", "tn"] {
        let network = Network::claim();
        let (_site, daemon) = network.serve_tcp(true, false);
        let callee = Sipp::answer(&network, PBX, "callee_answers", CALLS);
        let who = (CARRIER, "491701234567");
        let caller = Sipp::call_over(mode, &network, who, ("caller_hangs_up", DID), LOAD);
        assert_eq!(caller.finish(), Counts::clean(CALLS), "{mode}");
        assert_eq!(callee.finish(), Counts::clean(CALLS), "{mode}");
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

#[test]
fn calls_from_a_udp_pbx_reach_a_tcp_trunk() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(true, false);
    let callee = Sipp::answer_over("t1", &network, CARRIER, "callee_answers", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn calls_run_over_tcp_on_both_sides() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(true, true);
    let callee = Sipp::answer_over("t1", &network, PBX, "callee_answers", CALLS);
    let who = (CARRIER, "491701234567");
    let caller = Sipp::call_over("t1", &network, who, ("caller_hangs_up", DID), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_callee_over_tcp_hangs_up_on_a_udp_caller() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(false, true);
    let callee = Sipp::answer_over("t1", &network, PBX, "callee_hangs_up", 20);
    let caller = Sipp::call(&network, (CARRIER, "491701234567"), ("caller_waits", DID), (20, 50));
    assert_eq!(caller.finish(), Counts::clean(20));
    assert_eq!(callee.finish(), Counts::clean(20));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_tcp_caller_hangs_up_and_is_hung_up_on() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(true, false);
    let callee = Sipp::answer(&network, PBX, "callee_hangs_up", 20);
    let who = (CARRIER, "491701234567");
    let caller = Sipp::call_over("t1", &network, who, ("caller_waits", DID), (20, 50));
    assert_eq!(caller.finish(), Counts::clean(20));
    assert_eq!(callee.finish(), Counts::clean(20));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_tcp_trunk_where_nobody_listens_gives_way_to_the_next() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(true, false);
    let answering = Sipp::answer(&network, OTHER_CARRIER, "callee_answers", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(answering.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

/// RFC 3261 section 18.1.1: an INVITE above 1,300 bytes leaves a UDP trunk over TCP; what is small
/// goes by UDP, as the trunk says.
#[test]
fn a_large_invite_goes_over_tcp_and_what_follows_by_udp() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(false, false);
    let answering = Sipp::answer_over("t1", &network, CARRIER, "callee_answers_only", CALLS);
    let ending = Sipp::answer(&network, CARRIER, "callee_ends", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_offers_much", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(answering.finish(), Counts::clean(CALLS));
    assert_eq!(ending.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_large_invite_goes_by_udp_where_nobody_listens_for_tcp() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(false, false);
    let callee = Sipp::answer(&network, CARRIER, "callee_answers", CALLS);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_offers_much", ABROAD), LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

/// A large INVITE of a UDP trunk that comes over TCP is that trunk's.
#[test]
fn a_large_invite_of_a_udp_trunk_is_taken_over_tcp() {
    let network = Network::claim();
    let (_site, daemon) = network.serve_tcp(false, false);
    let callee = Sipp::answer(&network, PBX, "callee_answers", CALLS);
    let (who, what) = ((CARRIER, "491701234567"), ("caller_offers_much", DID));
    let caller = Sipp::call_over("t1", &network, who, what, LOAD);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}
