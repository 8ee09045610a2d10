//! What an edit of a file does to calls: the next one moves, the running one does not.

use serde_json::json;

use crate::daemon::{Daemon, Site, rule, run};
use crate::network::{CARRIER, DID, NIGHT_PBX, Network, PBX};
use crate::phone::Phone;
use crate::sipp::{Counts, Sipp};

const CALLER: (u8, &str) = (CARRIER, "491701234567");

#[test]
fn a_held_call_outlives_the_edit_until_its_caller_hangs_up() {
    let network = Network::claim();
    let (site, mut daemon) = network.serve();
    let day = Sipp::answer(&network, PBX, "callee_answers", 1);
    let caller = Phone::new(&network, CARRIER);
    let held = caller.call("held", DID);
    move_to_the_night_desk(&site, &mut daemon);
    let night = Sipp::answer(&network, NIGHT_PBX, "callee_answers", 1);
    let next = caller.call("next", DID);
    caller.hang_up(&held);
    caller.hang_up(&next);
    assert_eq!(day.finish(), Counts::clean(1));
    assert_eq!(night.finish(), Counts::clean(1));
    one_change_was_applied(&site, daemon);
}

#[test]
fn a_held_call_outlives_the_edit_until_its_callee_hangs_up() {
    let network = Network::claim();
    let (site, mut daemon) = network.serve();
    let callee = Phone::new(&network, PBX);
    let caller = Sipp::call(&network, CALLER, ("caller_waits", DID), (1, 1));
    let invite = callee.receive();
    callee.respond(&invite, 200);
    assert_eq!(callee.receive().method().as_bytes(), b"ACK");
    move_to_the_night_desk(&site, &mut daemon);
    let calls = daemon.get("/api/v1/status")["calls"].clone();
    assert_eq!(calls[0]["generation"], 1, "the call keeps the generation that it began with");
    callee.send(&bye_of_the_callee(&invite));
    assert_eq!(callee.final_response().status(), Some(200));
    assert_eq!(caller.finish(), Counts::clean(1));
    let night = Sipp::answer(&network, NIGHT_PBX, "callee_answers", 1);
    let next = Sipp::call(&network, CALLER, ("caller_hangs_up", DID), (1, 1));
    assert_eq!(next.finish(), Counts::clean(1));
    assert_eq!(night.finish(), Counts::clean(1));
    one_change_was_applied(&site, daemon);
}

#[test]
fn no_call_is_lost_while_the_rule_changes_again_and_again() {
    let network = Network::claim();
    let (site, mut daemon) = network.serve();
    let callees = [PBX, NIGHT_PBX].map(|pbx| Sipp::answer(&network, pbx, "callee_answers", 1000));
    let caller = Sipp::call(&network, CALLER, ("caller_hangs_up", DID), (200, 100));
    for extension in (100..=120).rev().flat_map(|number| [number + 100, number]) {
        site.rule(extension);
        daemon.wait_for("applied 1 change");
    }
    assert_eq!(caller.finish(), Counts::clean(200));
    // The callees go last: one that went before its BYE came would be waited for.
    let status = daemon.until(|status| status["activeCalls"] == 0);
    drop(callees);
    assert_eq!(status["refusals"], json!({}), "{status:#}");
}

#[test]
fn after_an_invalid_edit_calls_go_as_before_and_the_log_names_the_line_that_validate_names() {
    let network = Network::claim();
    let (site, mut daemon) = network.serve();
    site.write("rule.yaml", &rule(200).replace("did: 1", "did: +1"));
    daemon.wait_for("the revision is invalid: 1 error");
    let line = daemon.wait_for("as `validate` prints it");
    let validated = run(&["validate", site.manifests().to_str().unwrap()]);
    let validated = String::from_utf8(validated.stdout).unwrap();
    let place = "rule.yaml:6:8";
    assert!(line.contains(place) && validated.contains(place), "{line}\n{validated}");
    a_call_rings_at(&network, PBX);
    daemon.until(|status| status["condition"] == "Stalled");
}

#[test]
fn a_killed_daemon_routes_the_same_without_its_directory() {
    let network = Network::claim();
    let (site, mut daemon) = network.serve();
    move_to_the_night_desk(&site, &mut daemon);
    daemon.kill();
    std::fs::rename(site.manifests(), site.path("gone")).unwrap();
    let daemon = site.serve();
    daemon.until(|status| status["transports"][0]["condition"] == "Ready");
    a_call_rings_at(&network, NIGHT_PBX);
}

/// Edits the one rule and waits until the change is applied.
fn move_to_the_night_desk(site: &Site, daemon: &mut Daemon) {
    site.rule(200);
    daemon.wait_for("applied 1 change");
    daemon.until(|status| status["generation"] == 2);
}

fn a_call_rings_at(network: &Network, pbx: u8) {
    let callee = Sipp::answer(network, pbx, "callee_answers", 1);
    let caller = Sipp::call(network, CALLER, ("caller_hangs_up", DID), (1, 1));
    assert_eq!(caller.finish(), Counts::clean(1));
    assert_eq!(callee.finish(), Counts::clean(1));
}

/// The first generation and the one change, in history and log; nothing is left to do.
fn one_change_was_applied(site: &Site, mut daemon: Daemon) {
    let status = daemon.until(|status| status["activeCalls"] == 0);
    assert_eq!(status["generation"], 2, "{status:#}");
    assert_eq!(status["revision"]["wanted"], status["revision"]["converged"]);
    let history = daemon.get("/api/v1/history");
    assert_eq!(history["history"].as_array().unwrap().len(), 2, "{history:#}");
    let folder = site.manifests();
    let plan = ["plan", folder.to_str().unwrap(), "--server", &daemon.url, "--detailed-exitcode"];
    let plan = run(&plan);
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    let log = daemon.rest_of_log();
    let applied: Vec<_> = log.iter().filter(|line| line.contains("\"applied ")).collect();
    assert_eq!(applied.len(), 2, "{applied:#?}");
}

/// The BYE of the side that was called, whose dialog its INVITE began.
fn bye_of_the_callee(invite: &trunkline::sip::Message) -> Vec<u8> {
    use trunkline::sip::{HeaderName, Method, Writer};
    let contact = invite.contact().expect("an INVITE has a Contact");
    let mut out = Writer::request(Method::Bye, contact.uri.raw);
    out.header(
        "Via",
        &[b"SIP/2.0/UDP ", invite.request_uri().host, b":5060;branch=z9hG4bKbye;rport"],
    );
    out.header("Max-Forwards", &[b"70"]);
    let value = |name| invite.value(name).expect("a checked header");
    out.header("From", &[value(HeaderName::To), b";tag=phone"]);
    out.header("To", &[value(HeaderName::From)]);
    out.header("Call-ID", &[invite.call_id()]);
    out.header("CSeq", &[b"1 BYE"]);
    out.finish(b"")
}
