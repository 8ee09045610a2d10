//! What must not reach a phone does not, and what fails leaves the last good state.

use std::sync::atomic::Ordering;

use trunkline::diag::Code;
use trunkline::port::Outcome;

use crate::world::{Files, World, destination};

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_edit_keeps_the_last_good_state_and_names_the_line() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let mut wrong = files.clone();
    wrong.rule("+14155550100", 150);
    let standing = world.edit(&wrong).await;
    assert_eq!(standing.valid.reason, "Invalid");
    assert_eq!(standing.wanted, Some(wrong.revision()));
    assert_eq!(standing.applied.as_ref().unwrap().revision, files.revision());
    let problems = standing.problems.as_ref().unwrap();
    assert_eq!(problems.revision, wrong.revision());
    let first = &problems.diagnostics[0];
    assert_eq!(first.code, Code::TL302);
    assert_eq!(problems.sources.file_line(first.span.unwrap()), "rule.yaml:6");
    assert_eq!((world.installs(), world.outcomes().len()), (1, 1));
    // The mend is taken without further ado.
    let standing = world.edit(&files.with_rule_to(150)).await;
    assert!(!standing.is_stalled() && standing.problems.is_none(), "{standing:?}");
    assert!(destination(&world.running()).contains("150"));
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_an_invalid_edit_back_is_no_change() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.edit(files.clone().rule("+14155550100", 150)).await;
    let standing = world.edit(&files).await;
    assert!(!standing.is_stalled(), "{standing:?}");
    assert_eq!(standing.wanted, Some(files.revision()));
    assert_eq!((world.installs(), world.outcomes().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_with_errors_stays_up_and_routes_nothing() {
    let mut files = Files::small();
    files.rule("+14155550100", 150);
    let world = World::new(&files);
    let standing = world.look().await;
    assert!(!standing.is_ready());
    assert!(standing.problems.is_some());
    assert_eq!(world.installs(), 0);
    let standing = world.edit(&Files::small()).await;
    assert!(standing.is_ready() && !standing.is_stalled());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_trunk_that_a_live_rule_uses_is_refused_with_the_rule() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let standing = world.edit(files.clone().remove("trunk.yaml")).await;
    assert_eq!(standing.valid.reason, "Refused", "{standing:?}");
    let problems = standing.problems.as_ref().unwrap();
    let refusal = problems.diagnostics.iter().find(|one| one.code == Code::TL801);
    let told = format!("{:?}", refusal.expect("TL801 is told"));
    assert!(told.contains("InboundRule/acme/desk"), "{told}");
    assert!(told.contains("DidPool/acme/main"), "{told}");
    assert!(world.running().trunks().next().is_some());
    assert_eq!(world.installs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_directory_is_refused() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let standing = world.edit(&Files::default()).await;
    assert!(standing.is_ready() && standing.is_stalled());
    let problems = standing.problems.as_ref().unwrap();
    assert_eq!(problems.diagnostics[0].code, Code::TL804);
    assert_eq!(world.installs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_refuses_is_not_applied_and_is_tried_again() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.engine.refuses.store(true, Ordering::SeqCst);
    let edited = files.with_rule_to(150);
    let standing = world.edit(&edited).await;
    assert_eq!(standing.applied_well.reason, "Failed");
    assert!(standing.applied_well.message.contains("not today"));
    assert_eq!(standing.applied.as_ref().unwrap().revision, files.revision());
    let failed = Outcome::Failed("the engine refused the generation: not today".to_owned());
    assert_eq!(world.outcomes(), [failed, Outcome::Applied]);
    world.engine.refuses.store(false, Ordering::SeqCst);
    let standing = world.look().await;
    assert_eq!(standing.applied.as_ref().unwrap().revision, edited.revision());
    assert!(!standing.is_stalled());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_found_before_the_engine_is_touched() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.disk.refuses_begin.store(true, Ordering::SeqCst);
    let standing = world.edit(&files.with_rule_to(150)).await;
    assert!(standing.applied_well.message.contains("no space left"), "{standing:?}");
    assert_eq!(world.installs(), 1);
    // It recovers by itself.
    world.disk.refuses_begin.store(false, Ordering::SeqCst);
    let standing = world.look().await;
    assert!(!standing.is_stalled());
    assert_eq!(world.installs(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_outcome_is_unknown_the_store_decides_what_is_in_force() {
    let files = Files::small();
    let edited = files.with_rule_to(150);
    // The commit failed: the engine goes back to what is stored.
    let world = World::new(&files);
    world.look().await;
    world.disk.refuses_finish.store(true, Ordering::SeqCst);
    let standing = world.edit(&edited).await;
    assert_eq!(standing.applied.as_ref().unwrap().revision, files.revision());
    assert!(standing.is_stalled());
    assert!(destination(&world.running()).contains("100"));
    // The commit was durable although it answered with an error: the change stands.
    let world = World::new(&files);
    world.look().await;
    world.disk.lies_at_finish.store(true, Ordering::SeqCst);
    let standing = world.edit(&edited).await;
    assert_eq!(standing.applied.as_ref().unwrap().revision, edited.revision());
    assert!(!standing.is_stalled(), "{standing:?}");
    assert!(destination(&world.running()).contains("150"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_read_back_is_written_no_more() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.disk.refuses_finish.store(true, Ordering::SeqCst);
    world.disk.refuses_load.store(true, Ordering::SeqCst);
    let standing = world.edit(&files.with_rule_to(150)).await;
    assert!(standing.is_stalled());
    world.disk.refuses_finish.store(false, Ordering::SeqCst);
    world.disk.refuses_load.store(false, Ordering::SeqCst);
    let standing = world.edit(&files.with_rule_to(160)).await;
    assert!(standing.is_stalled(), "only a restart reads the store again: {standing:?}");
    let world = world.restarted();
    let standing = world.look().await;
    assert!(!standing.is_stalled());
    assert!(destination(&world.running()).contains("160"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_is_told_and_does_not_stop_the_loop() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.break_shelf("defect");
    let standing = world.look().await;
    assert_eq!(standing.valid.reason, "Defect");
    assert!(standing.is_ready() && standing.is_stalled());
    let standing = world.edit(&files.with_rule_to(150)).await;
    assert!(!standing.is_stalled(), "{standing:?}");
    assert!(destination(&world.running()).contains("150"));
}
