//! Where the applied state survives: SQLite in the state directory, or memory for tests.
//! Nothing here decides what is applied.

mod codec;
mod embedded;
mod lock;
mod memory;

pub use embedded::{DATABASE_FILE, Embedded};
pub use memory::Memory;

use crate::port::StoreError;

/// The history keeps this many newest entries.
pub const MAX_HISTORY: u32 = 10_000;

/// Generations are counted without gaps, so that a change made from a stale state is noticed.
fn next_generation(stored: u64, offered: u64) -> Result<(), StoreError> {
    if stored.checked_add(1) == Some(offered) {
        return Ok(());
    }
    Err(StoreError::OutOfOrder(format!(
        "generation {offered} was offered, generation {stored} is applied"
    )))
}
