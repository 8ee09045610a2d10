//! The rim of the engine: sockets, the clock, system randomness, one thread.

mod connection;
mod connections;
mod driver;
mod handle;
mod listeners;
mod log;
mod told;

pub use handle::EngineHandle;
