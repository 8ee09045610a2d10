//! What happens to a call: the one router, used by the engine, `simulate`, the behaviour diff and
//! the rules of `validate`.
//!
//! A [`Table`] is compiled once from a [`crate::model::ResourceSet`] and never changes; every look-up
//! is a pure function of it. Looking up and explaining are the same code: a [`Trace`] hears of every
//! station, and the engine passes `()`, which hears nothing and costs nothing.
#![deny(clippy::disallowed_methods)]

mod decision;
pub mod diff;
mod domain;
mod egress;
mod elsewhere;
mod identify;
mod inbound;
mod number;
mod outbound;
mod table;
mod trace;

pub use decision::{Attempt, Decision, Direction, NextHop, Outcome, Proxy, Refusal, Target};
pub use identify::Source;
pub use inbound::escape_user;
pub use number::{called_number, is_dialable};
pub use table::{
    ExtensionEntry, PoolEntry, RuleIndex, Table, TenantEntry, TenantIndex, TransportEntry,
    TransportIndex, TrunkEntry, TrunkIndex,
};
pub use trace::{Step, StepOutcome, Steps, Trace};
