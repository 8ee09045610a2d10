//! Carries out a plan through the ports. Decides nothing: what is done stands in the plan.

mod executor;

pub use executor::{Failed, RestoreError, Wanted, apply, restore};
