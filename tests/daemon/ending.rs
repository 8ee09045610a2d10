//! How the daemon ends: with its calls, or at once when it is told twice.

use crate::daemon::{BASE, Daemon, Site};
use crate::phone::{Call, Desk, refused_calls};

fn with_a_call() -> (Site, Daemon, Desk, Call) {
    let (site, desk) = (Site::new(), Desk::new());
    site.write("base.yaml", &BASE.replace("127.0.0.9:5060", &desk.address()));
    let daemon = site.serve();
    let call = Call::place(&daemon, &desk);
    daemon.until(|status| status["activeCalls"] == 1);
    (site, daemon, desk, call)
}

#[test]
fn a_call_in_progress_is_waited_for() {
    let (_site, mut daemon, desk, call) = with_a_call();
    daemon.signal("TERM");
    daemon.wait_for("calls in progress get at most 30 s");
    assert_eq!(daemon.get("/api/v1/status")["activeCalls"], 1);
    call.hang_up(&desk);
    assert!(daemon.wait().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let (_site, mut daemon, _desk, _call) = with_a_call();
    daemon.signal("INT");
    daemon.wait_for("calls in progress get at most 30 s");
    daemon.signal("TERM");
    daemon.wait_for("ending at once");
    assert!(daemon.wait().success());
}

#[test]
fn a_call_that_does_not_end_is_cut_off_when_its_time_is_up() {
    let (site, desk) = (Site::new(), Desk::new());
    site.write("base.yaml", &BASE.replace("127.0.0.9:5060", &desk.address()));
    let mut daemon = site.serve_with(&site.manifests(), &["--drain", "1"]);
    let _call = Call::place(&daemon, &desk);
    daemon.until(|status| status["activeCalls"] == 1);
    daemon.signal("TERM");
    daemon.wait_for("time is up");
    assert!(daemon.wait().success());
}

#[test]
fn without_calls_the_end_comes_at_once_and_the_log_says_so() {
    let site = Site::new();
    let mut daemon = site.serve();
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    let log = daemon.rest_of_log();
    assert!(log.last().unwrap().contains("ended"), "{log:#?}");
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_call() {
    let site = Site::new();
    let mut daemon = Daemon::start_reading(site.command(&site.manifests()), 1);
    // Each is a line; the pipe holds a few hundred.
    refused_calls(&daemon, 1000);
    daemon.signal("TERM");
    daemon.wait_for("ended");
    assert!(daemon.wait().success());
}
