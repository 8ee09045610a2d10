//! Requests and races inside dialogs, over UDP and TCP and in both directions, counted by SIPp.

use crate::daemon::{Daemon, Site};
use crate::network::{CARRIER, DID, NIGHT_PBX, Network, PBX};
use crate::sipp::{Counts, Mode, Sipp};

const CALLS: u64 = 20;
const LOAD: (u64, u64) = (CALLS, 20);
const ABROAD: &str = "00442079460000";

/// Everyone over UDP, or the carrier and the tenant's first PBX over TCP.
fn serve(mode: Mode, network: &Network) -> (Site, Daemon) {
    if mode == "u1" { network.serve() } else { network.serve_tcp(true, true) }
}

/// Runs a caller against a callee, over each transport and in both directions.
fn everywhere(caller: &'static str, callee: &'static str) {
    for mode in ["u1", "t1"] {
        let inbound = ((CARRIER, "491701234567"), PBX, DID);
        let outbound = ((PBX, "100"), CARRIER, ABROAD);
        for (who, at, number) in [inbound, outbound] {
            let network = Network::claim();
            let (_site, daemon) = serve(mode, &network);
            let answering = Sipp::answer_over(mode, &network, at, callee, CALLS);
            let calling = Sipp::call_over(mode, &network, who, (caller, number), LOAD);
            assert_eq!(calling.finish(), Counts::clean(CALLS), "{mode} {number}");
            assert_eq!(answering.finish(), Counts::clean(CALLS), "{mode} {number}");
            daemon.until(|status| status["activeCalls"] == 0);
        }
    }
}

#[test]
fn prack_update_info_message_options_and_notify_pass_both_ways() {
    everywhere("caller_asks", "callee_asks");
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    everywhere("caller_offers_late", "callee_answers");
}

#[test]
fn byes_that_cross_end_the_call_once() {
    everywhere("caller_crosses", "callee_crosses");
}

#[test]
fn re_invites_that_cross_are_both_491_and_the_later_one_is_taken() {
    everywhere("caller_meets_glare", "callee_meets_glare");
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up() {
    everywhere("caller_gives_up", "callee_answers_cancelled");
}

#[test]
fn a_cancel_that_crosses_the_answer_changes_nothing() {
    everywhere("caller_cancels_late", "callee_answers");
}

/// Both 200s are repeated until the caller's ACK comes, also over TCP, and nobody is hung up.
#[test]
fn a_caller_whose_acks_are_lost_is_answered_again() {
    for mode in ["u1", "t1"] {
        let network = Network::claim();
        let (_site, daemon) = serve(mode, &network);
        let answering = Sipp::answer_over(mode, &network, PBX, "callee_answers", CALLS);
        let who = (CARRIER, "491701234567");
        let calling = Sipp::call_over(mode, &network, who, ("caller_acks_late", DID), LOAD);
        let counts = calling.finish();
        assert_eq!((counts.successful, counts.failed), (CALLS, 0), "{mode}");
        let counts = answering.finish();
        assert_eq!((counts.successful, counts.failed), (CALLS, 0), "{mode}");
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

/// The shortest interval that RFC 4028 allows is 90 s, and its end is told 30 s early (section 10).
#[test]
fn a_session_that_nobody_refreshes_is_hung_up_on_both_sides() {
    let worlds = ["u1", "t1"].map(|mode| {
        let network = Network::claim();
        let (site, daemon) = serve(mode, &network);
        let answering = Sipp::answer_over(mode, &network, PBX, "callee_answers", CALLS);
        let who = (CARRIER, "491701234567");
        let calling = Sipp::call_over(mode, &network, who, ("caller_never_refreshes", DID), LOAD);
        (site, daemon, answering, calling, network)
    });
    for (_site, daemon, answering, calling, _network) in worlds {
        assert_eq!(calling.finish(), Counts::clean(CALLS));
        assert_eq!(answering.finish(), Counts::clean(CALLS));
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

#[test]
fn both_sides_change_the_session_over_either_transport() {
    everywhere("caller_renegotiates", "callee_renegotiates");
}

#[test]
fn a_transfer_joins_the_caller_with_another_desk() {
    for mode in ["u1", "t1"] {
        let network = Network::claim();
        let (_site, daemon) = serve(mode, &network);
        transfer(mode, &network, ((CARRIER, "491701234567"), PBX, DID), "200");
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

#[test]
fn a_carrier_transfers_a_pbx_to_a_number_that_it_could_call() {
    for mode in ["u1", "t1"] {
        let network = Network::claim();
        let (site, mut daemon) = serve(mode, &network);
        site.rule(200);
        daemon.wait_for("applied 1 change");
        transfer(mode, &network, ((PBX, "100"), CARRIER, ABROAD), DID);
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

/// A call whose callee transfers it to a number of the second desk.
fn transfer(
    mode: Mode,
    network: &Network,
    (who, at, number): ((u8, &str), u8, &str),
    target: &str,
) {
    let desk = Sipp::answer(network, NIGHT_PBX, "callee_answers_later", CALLS);
    let transferring = Sipp::answer_for(mode, network, at, ("callee_transfers", target), CALLS);
    let caller = ("caller_is_transferred", number);
    let calling = Sipp::call_over(mode, network, who, caller, LOAD);
    assert_eq!(calling.finish(), Counts::clean(CALLS), "{mode}");
    assert_eq!(transferring.finish(), Counts::clean(CALLS), "{mode}");
    assert_eq!(desk.finish(), Counts::clean(CALLS), "{mode}");
}
