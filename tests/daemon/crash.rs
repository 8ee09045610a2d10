//! `kill -9` at any instant leaves the old or the new generation, never a mixture.

use std::time::Duration;

use crate::daemon::Site;

/// Kills in one run of the test; each costs two starts.
const CYCLES: u32 = 25;

/// The change is in progress within so many milliseconds of the edit (settling takes 20).
const WINDOW_MS: u64 = 60;

#[test]
fn a_kill_at_any_instant_leaves_the_old_or_the_new_state_and_it_routes_without_the_directory() {
    let site = Site::new();
    let mut stored = 100;
    let (mut olds, mut news) = (0, 0);
    let daemon = site.serve();
    assert_eq!(daemon.destination(), stored);
    daemon.kill();
    // A fixed seed: the instants differ from cycle to cycle, and a failure can be repeated.
    let mut chance: u64 = 0x9E37_79B9_7F4A_7C15;
    for cycle in 1..=CYCLES {
        let wanted = 100 + cycle;
        let mut daemon = site.serve();
        site.rule(wanted);
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let instant = Duration::from_millis((chance >> 33) % WINDOW_MS);
        let told = daemon.watch_for("applied 1 change", instant);
        daemon.kill();
        // No repository: what is stored is all there is.
        let daemon = site.serve_with(&site.path("gone"), &[]);
        let found = daemon.destination();
        let generation = &daemon.get("/api/v1/status")["generation"];
        assert!(found == stored || found == u64::from(wanted), "cycle {cycle}: {found}");
        assert!(!told || found == u64::from(wanted), "cycle {cycle}: told as applied, then lost");
        let resources = daemon.get("/api/v1/resources")["resources"].as_array().unwrap().len();
        assert_eq!((resources, generation.is_u64()), (6, true));
        if found == stored {
            olds += 1;
        } else {
            news += 1;
        }
        stored = found;
        daemon.kill();
        // The next cycle begins with the directory as it is stored.
        site.rule(u32::try_from(stored).unwrap());
    }
    assert!(olds > 0 && news > 0, "the kills met both sides: {olds} old, {news} new");
}

#[test]
fn an_applied_change_routes_the_same_after_a_kill_without_the_directory() {
    let site = Site::new();
    let mut daemon = site.serve();
    site.rule(150);
    daemon.wait_for("applied 1 change");
    let before = daemon.get("/api/v1/resources");
    daemon.kill();
    std::fs::rename(site.manifests(), site.path("elsewhere")).unwrap();
    let daemon = site.serve();
    assert_eq!(daemon.get("/api/v1/resources"), before);
    let status = daemon.get("/api/v1/status");
    assert_eq!(status["ready"], true);
    assert_eq!(status["conditions"][0]["reason"], "Unreadable");
    // Coming back as it was, it changes nothing.
    std::fs::rename(site.path("elsewhere"), site.manifests()).unwrap();
    let status = daemon.until(|status| status["conditions"][0]["status"] == "True");
    assert_eq!(status["generation"], 2);
}
