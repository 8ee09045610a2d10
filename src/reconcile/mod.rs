//! The loop: follows the source, weighs what it holds, applies it, tells how it stands.
//!
//! [`state`] decides what happens next and is pure; [`Runner`] does it at the rim.

mod handle;
mod outcome;
mod runner;
pub mod state;
mod status;
mod submission;
mod weigh;

pub use handle::{ApproveError, Approved, Handle};
pub use runner::{PAUSE, Ports, Runner};
pub use status::{ConditionLine, Problems, Standing};
pub use submission::{MAX_SUBMISSIONS, Submission};
pub use weigh::{Weighed, plan_of, summary_line, verdict, weigh};
