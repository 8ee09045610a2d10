//! Whole calls in both directions, counted by SIPp.

use crate::network::{CARRIER, DID, Network, OTHER_CARRIER, PBX};
use crate::sipp::{Counts, Sipp};

const CALLS: u64 = 200;
const CALLS_A_SECOND: u64 = 100;

/// The number that the tenant's PBX dials; the trunk sees it without `00`.
const ABROAD: &str = "00442079460000";

#[test]
fn calls_from_a_trunk_reach_the_extension() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let callee = Sipp::answer(&network, PBX, "callee_answers", CALLS);
    let load = (CALLS, CALLS_A_SECOND);
    let caller = Sipp::call(&network, (CARRIER, "491701234567"), ("caller_hangs_up", DID), load);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn calls_from_a_pbx_reach_the_trunk() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let callee = Sipp::answer(&network, CARRIER, "callee_answers", CALLS);
    let load = (CALLS, CALLS_A_SECOND);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), load);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn calls_go_over_the_second_trunk_when_the_first_answers_503() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let refusing = Sipp::answer(&network, CARRIER, "callee_refuses", CALLS);
    let answering = Sipp::answer(&network, OTHER_CARRIER, "callee_answers", CALLS);
    let load = (CALLS, CALLS_A_SECOND);
    let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), load);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(refusing.finish(), Counts::clean(CALLS));
    assert_eq!(answering.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_caller_who_gives_up_gets_487_and_the_callee_stops_ringing() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let callee = Sipp::answer(&network, PBX, "callee_rings", CALLS);
    let load = (CALLS, CALLS_A_SECOND);
    let caller = Sipp::call(&network, (CARRIER, "491701234567"), ("caller_gives_up", DID), load);
    assert_eq!(caller.finish(), Counts::clean(CALLS));
    assert_eq!(callee.finish(), Counts::clean(CALLS));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_callee_hangs_up() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let callee = Sipp::answer(&network, PBX, "callee_hangs_up", 20);
    let caller = Sipp::call(&network, (CARRIER, "491701234567"), ("caller_waits", DID), (20, 50));
    assert_eq!(caller.finish(), Counts::clean(20));
    assert_eq!(callee.finish(), Counts::clean(20));
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn both_sides_change_the_session_within_the_call() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let callee = Sipp::answer(&network, PBX, "callee_renegotiates", 20);
    let who = (CARRIER, "491701234567");
    let caller = Sipp::call(&network, who, ("caller_renegotiates", DID), (20, 50));
    assert_eq!(caller.finish(), Counts::clean(20));
    assert_eq!(callee.finish(), Counts::clean(20));
    daemon.until(|status| status["activeCalls"] == 0);
}
