//! Plans that are approved by digest.

use trunkline::reconcile::ApproveError;

use crate::world::{Files, World, destination};

fn digest(world: &World, files: &Files) -> String {
    let weighed = world.handle.submit(files.posted()).unwrap();
    weighed.plan.expect("the manifests are valid").digest
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_is_carried_out_and_outlives_further_looks_and_restarts() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let other = files.with_rule_to(150);
    let approved = world.handle.approve(&digest(&world, &other)).await.unwrap();
    assert_eq!((approved.generation, approved.changes), (2, 1));
    assert_eq!(approved.revision, other.revision());
    let standing = world.look().await;
    assert_eq!(standing.applied.as_ref().unwrap().revision, other.revision());
    assert_eq!(standing.seen, Some(files.revision()));
    let world = world.restarted();
    world.look().await;
    assert!(destination(&world.running()).contains("150"));
    // The directory's next change is taken.
    world.edit(&files.with_rule_to(160)).await;
    assert!(destination(&world.running()).contains("160"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demand_brings_the_directory_back() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    world.handle.approve(&digest(&world, &files.with_rule_to(150))).await.unwrap();
    world.handle.demand().await;
    let revision = files.revision();
    world.until(|standing| standing.applied.as_ref().is_some_and(|a| a.revision == revision)).await;
    assert!(destination(&world.running()).contains("100"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_stale_once_the_live_state_has_moved() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let first = digest(&world, &files.with_rule_to(150));
    world.edit(&files.with_rule_to(160)).await;
    let error = world.handle.approve(&first).await.unwrap_err();
    assert!(matches!(error, ApproveError::Stale { .. }), "{error:?}");
    assert!(destination(&world.running()).contains("160"));
    assert_eq!(world.installs(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_carried_out_once() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let digest = digest(&world, &files.with_rule_to(150));
    world.handle.approve(&digest).await.unwrap();
    let again = world.handle.approve(&digest).await.unwrap_err();
    assert!(matches!(again, ApproveError::Stale { .. }), "{again:?}");
    assert_eq!(world.installs(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_nobody_made_is_unknown_and_a_refused_one_cannot_be_approved() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let error = world.handle.approve("blake3:00").await.unwrap_err();
    assert_eq!(error, ApproveError::Unknown("blake3:00".to_owned()));
    let weighed = world.handle.submit(files.clone().remove("trunk.yaml").posted()).unwrap();
    if let Some(plan) = weighed.plan {
        let error = world.handle.approve(&plan.digest).await.unwrap_err();
        assert!(matches!(error, ApproveError::Unknown(_)), "{error:?}");
    }
    assert_eq!(world.installs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_what_is_in_force_changes_nothing() {
    let files = Files::small();
    let world = World::new(&files);
    world.look().await;
    let approved = world.handle.approve(&digest(&world, &files)).await.unwrap();
    assert_eq!((approved.generation, approved.changes), (1, 0));
    assert_eq!(world.installs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_stands_twice_is_refused() {
    let files = Files::small();
    let world = World::new(&files);
    let mut posted = files.posted();
    posted.push(posted[0].clone());
    assert_eq!(world.handle.submit(posted).unwrap_err(), "extension.yaml");
}
