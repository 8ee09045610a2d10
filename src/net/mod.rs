//! The rim of the engine: sockets, the clock, system randomness, one thread.

mod connection;
mod connections;
mod driver;
mod handle;
mod listeners;
mod log;

pub use handle::EngineHandle;
