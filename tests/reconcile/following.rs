//! The loop follows its source.

use trunkline::port::Outcome;

use crate::world::{Files, World, destination};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_revision_is_applied_once() {
    let files = Files::small();
    let world = World::new(&files);
    assert!(!world.handle.standing().is_ready());
    let standing = world.look().await;
    assert!(standing.is_ready() && !standing.is_stalled(), "{standing:?}");
    let applied = standing.applied.as_ref().unwrap();
    assert_eq!((applied.generation, applied.resources.len()), (1, 6));
    assert_eq!(applied.revision, files.revision());
    assert_eq!(standing.wanted, Some(files.revision()));
    assert_eq!(world.installs(), 1);
    assert_eq!(world.outcomes(), [Outcome::Applied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_content_installs_nothing_and_leaves_no_line_in_the_history() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    for _ in 0..3 {
        world.look().await;
    }
    assert_eq!((world.installs(), world.outcomes().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_comment_moves_the_revision_and_nothing_else() {
    let mut files = Files::small();
    let world = World::new(&files);
    world.look().await;
    files.set("comment.yaml", "# nothing but words\n");
    let standing = world.edit(&files).await;
    let applied = standing.applied.as_ref().unwrap();
    assert_eq!((applied.generation, &applied.revision), (1, &files.revision()));
    assert_eq!(standing.wanted, Some(files.revision()));
    assert_eq!((world.installs(), world.outcomes().len()), (1, 1));
    // Also after a restart nothing is to be done.
    let world = world.restarted();
    let standing = world.look().await;
    assert_eq!(standing.applied.as_ref().unwrap().revision, files.revision());
    assert_eq!((world.installs(), world.outcomes().len()), (1, 1));
    assert_eq!(standing.seen, Some(files.revision()), "what the source holds is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_applied_and_told_with_its_counts() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let standing = world.edit(&files.with_rule_to(150)).await;
    assert_eq!(standing.applied.as_ref().unwrap().generation, 2);
    assert!(destination(&world.running()).contains("150"));
    let history = world.handle.history(1).unwrap();
    assert_eq!(history[0].summary, "1 changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_during_a_change_become_one_further_change_with_the_newest_content() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.put(&files.with_rule_to(110));
    // The engine holds still while further edits come in.
    let gate = world.engine.gate.lock().unwrap();
    world.handle.hint();
    world.read_times(2);
    for extension in 111..=115 {
        world.put(&files.with_rule_to(extension));
        world.handle.hint();
    }
    drop(gate);
    let newest = files.with_rule_to(115).revision();
    world
        .until(|standing| {
            !standing.busy && standing.applied.as_ref().is_some_and(|a| a.revision == newest)
        })
        .await;
    assert!(destination(&world.running()).contains("115"));
    assert!(world.installs() <= 3, "{} installs", world.installs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_routes_the_same_without_the_source() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.break_shelf("cannot read shelf: gone");
    let world = world.restarted();
    // Before anything is read.
    assert!(world.handle.standing().is_ready());
    assert!(destination(&world.running()).contains("100"));
    let standing = world.look().await;
    assert!(standing.is_ready() && standing.is_stalled());
    assert_eq!(standing.source_ready.reason, "Unreadable");
    assert!(standing.source_ready.message.contains("gone"));
    assert_eq!(world.installs(), 1);
    // It comes back as it was: nothing to do.
    let standing = world.edit(&files).await;
    assert!(!standing.is_stalled());
    assert_eq!(world.installs(), 1);
}
